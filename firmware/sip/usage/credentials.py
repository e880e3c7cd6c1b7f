"""Which challenges are answered, and with what (RFC 3261 §22, RFC 7616).

A digest is a secret's fingerprint that a thief may test passwords against. So it goes only to the servers of the account that the
password belongs to, and only for that account's realm: a phone that we call cannot ask for it.
"""

from __future__ import annotations

from firmware.ids import IdSource
from firmware.sip.auth import Credentials, answer, choose, parse_challenges
from firmware.sip.events import Hop
from firmware.sip.header_lines import Headers
from firmware.sip.message import Request, Response
from firmware.sip.uri import Uri
from firmware.sip.usage.endpoint import AccountKnowledge

# A challenge header and the header that answers it, by status (§22.2, §22.3).
_HEADERS = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}


def answer_challenge(
    ids: IdSource, knowledge: AccountKnowledge, request: Request, response: Response, towards: Uri, hop: Hop
) -> Headers | None:
    """The Authorization headers for the retry of `request`, None when the challenge must not or cannot be answered.

    `towards` is the URI whose servers the request was sent to, `hop` the one that it was sent over.
    """
    account = knowledge.account
    asked, answered = _HEADERS[response.status]
    if not account.username or not (knowledge.owns_uri(towards) or hop.host in knowledge.hosts):
        return None
    challenges = parse_challenges(response.get_all(asked))
    if request.method != "REGISTER":
        challenges = tuple([item for item in challenges if item.realm in _realms(knowledge)])
    challenge = choose(challenges, realm=account.realm, allow_md5=account.allow_md5)
    if challenge is None:
        return None
    if request.get(answered) is not None and not challenge.stale:
        # §22.2: the same realm refuses the credentials that it was given; the password is wrong, asking again would lock the account.
        return None
    if request.method == "REGISTER":
        knowledge.realm = challenge.realm
    credentials = Credentials(account.username, account.secret, challenge.realm)
    value = answer(challenge, credentials, request.method, str(request.uri), request.body, cnonce=ids.nonce(), nonce_count=1)
    kept = [(name, value) for name, value in request.headers if name.endswith("Authorization") and name != answered]
    return (*kept, (answered, value))


def _realms(knowledge: AccountKnowledge) -> tuple[str, ...]:
    """The realms that are the account's own: the one in which its registrar challenged us, or else its domain."""
    account = knowledge.account
    return (knowledge.realm,) if knowledge.realm is not None else (account.aor.host, account.registrar.host)
