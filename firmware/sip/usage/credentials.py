"""Which challenges are answered, and with what (RFC 3261 §22, RFC 7616).

A digest is a secret's fingerprint that a thief may test passwords against. So it goes only to the servers of the account that the
password belongs to, and only for that account's realm: a phone that we call cannot ask for it.
"""

from __future__ import annotations

from firmware.ids import IdSource
from firmware.sip.auth import Credentials, answer, choose, next_nonce, parse_challenges
from firmware.sip.events import Hop
from firmware.sip.header_lines import Headers
from firmware.sip.message import Request, Response
from firmware.sip.uri import Uri
from firmware.sip.usage.endpoint import AccountKnowledge, Proof, ProofKey

# A challenge header and the header that answers it, by status (§22.2, §22.3).
_HEADERS = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}


def answer_challenge(
    ids: IdSource, knowledge: AccountKnowledge, request: Request, response: Response, towards: Uri, hop: Hop, *, was_standing: bool
) -> Headers | None:
    """The Authorization headers for the retry of `request`, None when the challenge must not or cannot be answered.

    `towards` is the URI whose servers the request was sent to, `hop` the one that it was sent over; `was_standing`: its credentials came
    from `standing_credentials`, so that a new challenge says that they are old, and not that they are wrong.
    """
    account = knowledge.account
    asked, answered = _HEADERS[response.status]
    key: ProofKey = (request.method == "REGISTER", answered)
    if not _is_own_server(knowledge, towards, hop):
        return None
    challenges = parse_challenges(response.get_all(asked))
    if request.method != "REGISTER":
        challenges = tuple([item for item in challenges if item.realm in _realms(knowledge)])
    challenge = choose(challenges, realm=account.realm, allow_md5=account.allow_md5)
    used = knowledge.proofs.pop(key, None)
    if challenge is None:
        return None
    is_news = was_standing and (used is None or used.challenge.nonce != challenge.nonce)
    if request.get(answered) is not None and not challenge.stale and not is_news:
        # §22.2: the same realm refuses the credentials that it was given; the password is wrong, asking again would lock the account.
        return None
    if request.method == "REGISTER":
        knowledge.realm = challenge.realm
    value = _prove(ids, knowledge, request, key, Proof(challenge, 0))
    # What answered the other kind of challenge in this request goes with it: a proxy and the server behind it both want theirs.
    kept = [(name, value) for name, value in request.headers if name.endswith("Authorization") and name != answered]
    return (*kept, (answered, value))


def standing_credentials(ids: IdSource, knowledge: AccountKnowledge, request: Request, towards: Uri, hop: Hop) -> Headers:
    """Answers to challenges that the account's servers have made before, with the next count of the same nonce (RFC 7616 §3.4).

    So a refresh costs one round trip. A server that wants a new nonce each time says so (`stale`, or a new challenge), and gets it.
    """
    if not _is_own_server(knowledge, towards, hop):
        return ()
    found = [(key, proof) for key, proof in knowledge.proofs.items() if key[0] == (request.method == "REGISTER")]
    return tuple([(key[1], _prove(ids, knowledge, request, key, proof)) for key, proof in found])


def learn_nonce(knowledge: AccountKnowledge, request: Request, response: Response) -> None:
    """RFC 7616 §3.5: `nextnonce` is the nonce that the server wants to see next."""
    value = response.get("Authentication-Info")
    proof = knowledge.proofs.get((request.method == "REGISTER", "Authorization"))
    if value is None or proof is None:
        return
    nonce = next_nonce(value)
    if nonce is not None and nonce != proof.challenge.nonce:
        knowledge.proofs[request.method == "REGISTER", "Authorization"] = Proof(proof.challenge._replace(nonce=nonce), 0)


def _is_own_server(knowledge: AccountKnowledge, towards: Uri, hop: Hop) -> bool:
    return bool(knowledge.account.username) and (knowledge.owns_uri(towards) or hop.host in knowledge.hosts)


def _prove(ids: IdSource, knowledge: AccountKnowledge, request: Request, key: ProofKey, proof: Proof) -> str:
    """One answer; its challenge is kept with the count that was used. Without qop there is no count, and the nonce serves once."""
    account, challenge = knowledge.account, proof.challenge
    credentials = Credentials(account.username, account.secret, challenge.realm)
    count = proof.uses + 1
    if challenge.usable_qop:
        knowledge.proofs[key] = Proof(challenge, count)
    return answer(challenge, credentials, request.method, str(request.uri), request.body, cnonce=ids.nonce(), nonce_count=count)


def _realms(knowledge: AccountKnowledge) -> tuple[str, ...]:
    """The realms that are the account's own: the one in which its registrar challenged us, or else its domain."""
    account = knowledge.account
    return (knowledge.realm,) if knowledge.realm is not None else (account.aor.host, account.registrar.host)
