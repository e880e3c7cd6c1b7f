"""Who may reach us with a request outside a dialog: scanners, strangers, and the proof of a password (RFC 3261 §8.2, §22.1, §26).

Order: `is_unwanted` before a transaction exists, so that silence costs nothing and sends nothing; `prove` before the program hears of it.
"""

from __future__ import annotations

from firmware.errors import RemoteProtocolError
from firmware.hashes import sha256
from firmware.ids import IdSource
from firmware.sip.auth import NONCE_LIFETIME_S, Authorization, Credentials, Verdict, make_challenge, make_nonce, verify
from firmware.sip.gate import Gate, Proof, Unwanted
from firmware.sip.message import Request, Response, make_response

PROVEN_METHODS = frozenset(("INVITE", "MESSAGE", "REFER", "SUBSCRIBE"))  # those that reach a person or tell of one
NONCES_MAX = 256  # in use at once, each by somebody who proved a password: more than phones in a house, times calls in five minutes


class Admission:
    """The gate of one agent. It remembers the nonces that were used, and nothing about who failed."""

    def __init__(self, gate: Gate, ids: IdSource) -> None:
        self._gate = gate
        self._ids = ids
        self._key = ids.nonce().encode()
        self._tag_key = self._key
        self._counts: dict[str, tuple[int, float]] = {}  # nonce: highest nc, and when it was seen first

    def is_unwanted(self, request: Request, users: frozenset[str] | None, *, is_server: bool) -> bool:
        """Whether the request comes from a scanner, from where nothing is taken, or for a user whom we do not know.

        The caller has looked whether it belongs to a dialog or transaction of ours.
        """
        agent = (request.get("User-Agent") or "").lower()
        is_stranger = (agent != "" and any(name in agent for name in self._gate.scanners)) or self.is_deaf_to(is_server=is_server)
        if request.to_tag is not None or request.method == "CANCEL":
            # §12.2.2, §9.2: 481 says that we know nothing of it; where there is to be nothing here, not even that is said.
            return is_stranger and self._gate.unwanted is Unwanted.DROP
        if is_stranger:
            return True
        # RFC 3261 §8.2.2.1: requests for addresses that are not ours. Asking what we can do is no call, and asks for nobody.
        return users is not None and request.method != "OPTIONS" and request.uri.user_text not in users

    def is_deaf_to(self, *, is_server: bool) -> bool:
        """Whether nothing is taken from there but what belongs to something of ours."""
        return self._gate.only_servers and not is_server

    def is_silent_to(self, *, is_server: bool) -> bool:
        """Whether what comes from there and belongs to nothing of ours is not even refused."""
        return self._gate.unwanted is Unwanted.DROP and self.is_deaf_to(is_server=is_server)

    def refusal(self, request: Request) -> Response | None:
        """What an unwanted request is answered; None: nothing."""
        status = self._gate.unwanted.status
        return None if status is None else make_response(request, status, to_tag=self.stateless_tag(request))

    def stateless_tag(self, request: Request) -> str:
        """The To tag of an answer that leaves no state behind (§8.2.7): a repetition gets the same one, nobody can guess another's."""
        known = "\n".join((request.via.branch or "", request.call_id, request.from_.tag or "", str(request.cseq)))
        return sha256(self._tag_key + known.encode()).hexdigest()[:16]

    def wants_proof(self, request: Request, *, is_server: bool) -> bool:
        """Whether the request must prove a password."""
        if request.method not in PROVEN_METHODS:
            return False
        return self._gate.proof is Proof.ALWAYS or (self._gate.proof is Proof.DIRECT and not is_server)

    def prove(self, request: Request, now_s: float) -> Response | None:
        """None when the request proves a password of ours, else the challenge (§22.1)."""
        verdict = Verdict.DENIED
        for text in request.get_all("Authorization"):
            verdict = self._judge(text, request, now_s)
            if verdict is not Verdict.DENIED:
                break
        if verdict is Verdict.GRANTED:
            return None
        nonce = make_nonce(self._key, now_s, self._ids.nonce())
        stale = verdict is Verdict.STALE
        # RFC 8760 §2.3: one line an algorithm, the one that we prefer first.
        algorithms = ("SHA-256", "MD5") if self._gate.allow_md5 else ("SHA-256",)
        headers = tuple([("WWW-Authenticate", make_challenge(self._gate.realm, nonce, algorithm=each, stale=stale)) for each in algorithms])
        return make_response(request, 401, to_tag=self._ids.tag(), headers=headers)

    def _judge(self, text: str, request: Request, now_s: float) -> Verdict:
        try:
            given = Authorization.parse(text)
        except RemoteProtocolError:
            return Verdict.DENIED
        if not self._gate.allow_md5 and (given.algorithm or "MD5").upper().removesuffix("-SESS") == "MD5":
            return Verdict.DENIED
        known = next((each for each in self._gate.callers if each.username == given.username), None)
        if known is None or request.from_.uri.user_text != known.username:
            return Verdict.DENIED  # who has one password must not call under the name of somebody else
        credentials = Credentials(known.username, known.secret, self._gate.realm)
        last = self._counts.get(given.nonce, (0, now_s))
        if 0 < given.nonce_count <= last[0]:
            # RFC 7616 §3.4.5: the same count again is a replay; who is honest starts anew with a fresh nonce.
            return Verdict.STALE
        verdict = verify(given, credentials, request.method, request.uri, request.body, key=self._key, now_s=now_s, last_count=last[0])
        if verdict is Verdict.GRANTED:
            self._note(given.nonce, given.nonce_count, last[1], now_s)
        return verdict

    def _note(self, nonce: str, count: int, first_s: float, now_s: float) -> None:
        if len(self._counts) >= NONCES_MAX:
            # A nonce first seen longer ago than a nonce lives is stale by its own time.
            self._counts = {key: each for key, each in self._counts.items() if now_s - each[1] <= NONCE_LIFETIME_S}
        if len(self._counts) >= NONCES_MAX:
            self._key = self._ids.nonce().encode()  # every nonce so far becomes unknown, and cannot be replayed
            self._counts.clear()
            return
        self._counts[nonce] = (count, first_s)
