"""Digest authentication, as client and as server (RFC 7616, RFC 8760; RFC 2069 peers by leaving out qop).

Client: `parse_challenges` → `choose` → `answer`. Server: `make_nonce`, `make_challenge` → `Authorization.parse` → `verify`.
Everything is a function of its arguments: who keeps nonces and counts is the caller.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from firmware.errors import LocalProtocolError, RemoteProtocolError
from firmware.hashes import compare_digest, md5, sha256
from firmware.kind import kind
from firmware.sip import grammar
from firmware.sip.uri import Uri

# Strength of the algorithms (RFC 8760 §2.2 ranks them, MD5 last); a "-sess" variant is as strong as its base.
_STRENGTH = {"MD5": 1, "SHA-256": 2, "SHA-512-256": 3}
_PARAMETERS_MAX = 32  # RFC 7616 knows eleven
_NONCE_COUNT_MAX = 0xFFFFFFFF  # nc has eight hex digits (RFC 7616 §3.4)

NONCE_LIFETIME_S = 300.0  # a phone that is challenged answers within seconds; five minutes let it reuse the nonce for the rest of a call


@kind
class Challenge(NamedTuple):
    """One WWW-Authenticate or Proxy-Authenticate value. `realm`, `nonce` and `opaque` are the text between the quotes, escapes left in."""

    realm: str
    nonce: str
    algorithm: str | None = None  # as the peer wrote it; None: left out, which means MD5
    qop: tuple[str, ...] = ()  # lower case; empty: an RFC 2069 peer
    opaque: str | None = None
    stale: bool = False

    @classmethod
    def parse(cls, text: str) -> Challenge:
        """Read one value of the Digest scheme. Raises RemoteProtocolError, also for another scheme."""
        values = _parse_digest(text)
        if "realm" not in values or "nonce" not in values:
            raise RemoteProtocolError("challenge without realm or nonce")
        qop = tuple([item.strip(grammar.WHITESPACE).lower() for item in values["qop"].split(",")]) if values.get("qop") else ()
        return cls(
            values["realm"], values["nonce"], values.get("algorithm"), qop, values.get("opaque"), values.get("stale", "").lower() == "true"
        )

    def __str__(self) -> str:
        parts = [f'Digest realm="{self.realm}"', f'nonce="{self.nonce}"']
        if self.algorithm is not None:
            parts.append(f"algorithm={self.algorithm}")
        if self.qop:
            parts.append(f'qop="{",".join(self.qop)}"')
        if self.opaque is not None:
            parts.append(f'opaque="{self.opaque}"')
        if self.stale:
            parts.append("stale=true")
        return ", ".join(parts)

    @property
    def strength(self) -> int:
        """Rank of the algorithm, 0 when it is unknown to us."""
        return _STRENGTH.get(_base(self.algorithm), 0)

    @property
    def usable_qop(self) -> str | None:
        """The protection to answer with: `auth` before `auth-int`, '' for a challenge without qop, None when none is ours."""
        if not self.qop:
            return ""
        return next((qop for qop in ("auth", "auth-int") if qop in self.qop), None)


class Credentials:
    """What an account proves itself with. `realm` None: any realm; the secret shows in no repr."""

    __slots__ = ("realm", "secret", "username")

    def __init__(self, username: str, secret: str, realm: str | None = None) -> None:
        self.username = username
        self.secret = secret
        self.realm = realm

    def __repr__(self) -> str:
        return f"<Credentials {self.username!r} realm {self.realm!r}>"


def parse_challenges(values: Iterable[str]) -> tuple[Challenge, ...]:
    """The Digest challenges among these header lines; other schemes and broken lines are passed over (RFC 3261 §22.1, RFC 7616 §3.7)."""
    found = []
    for text in values:
        try:
            found.append(Challenge.parse(text))
        except RemoteProtocolError:
            continue
    return tuple(found)


def choose(challenges: Iterable[Challenge], *, realm: str | None = None, allow_md5: bool = True) -> Challenge | None:
    """The challenge to answer: the strongest that we can, the first among equals; None when there is none.

    RFC 8760 §2.4: the topmost supported one is preferred by the server, but a server that lists MD5 first would choose weakness for us.
    `realm`: answer no other, so that a stranger cannot ask for our digest.
    """
    usable = [
        challenge
        for challenge in challenges
        if challenge.strength > (0 if allow_md5 else 1) and challenge.usable_qop is not None and realm in (None, challenge.realm)
    ]
    return max(usable, key=lambda challenge: challenge.strength, default=None)


def answer(
    challenge: Challenge, credentials: Credentials, method: str, uri: str, body: bytes = b"", *, cnonce: str, nonce_count: int
) -> str:
    """The Authorization (or Proxy-Authorization) value that answers a challenge got from `choose`.

    `nonce_count` counts the requests sent with this nonce, the first is 1. Another realm than `credentials.realm` is a LocalProtocolError.
    """
    qop = challenge.usable_qop
    if qop is None or not challenge.strength or credentials.realm not in (None, challenge.realm):
        raise LocalProtocolError("this challenge must not be answered")
    if not 1 <= nonce_count <= _NONCE_COUNT_MAX:
        raise LocalProtocolError(f"nonce count {nonce_count}")
    count = f"{nonce_count:08x}"
    response = _response(
        challenge.algorithm,
        (credentials.username, challenge.realm, credentials.secret),
        method,
        uri,
        body,
        (challenge.nonce, count, cnonce, qop),
    )
    parts = [
        f"Digest username={grammar.quote(credentials.username)}",
        f'realm="{challenge.realm}"',
        f'nonce="{challenge.nonce}"',
        f'uri="{uri}"',
    ]
    parts.append(f'response="{response}"')
    if challenge.algorithm is not None:
        parts.append(f"algorithm={challenge.algorithm}")
    if qop or _is_session(challenge.algorithm):
        parts.append(f'cnonce="{cnonce}"')
    if challenge.opaque is not None:
        parts.append(f'opaque="{challenge.opaque}"')
    if qop:
        parts += [f"qop={qop}", f"nc={count}"]
    return ", ".join(parts)


def next_nonce(text: str) -> str | None:
    """The `nextnonce` of an Authentication-Info value, None when absent or malformed (RFC 7616 §3.5)."""
    try:
        return _parse_digest(f"Digest {text}").get("nextnonce") or None
    except RemoteProtocolError:
        return None


@kind
class Authorization(NamedTuple):
    """One Authorization or Proxy-Authorization value of the Digest scheme, as a server reads it."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str | None = None
    cnonce: str = ""
    qop: str = ""
    nc: str = ""  # eight hex digits as written, since the digest is over them; '' without qop
    opaque: str | None = None
    userhash: bool = False

    @classmethod
    def parse(cls, text: str) -> Authorization:
        """Read one value. Raises RemoteProtocolError, also for another scheme."""
        values = _parse_digest(text)
        try:
            required = [values[name] for name in ("username", "realm", "nonce", "uri", "response")]
        except KeyError as error:
            raise RemoteProtocolError(f"credentials without {error.args[0]}") from None
        username, realm, nonce, uri, response = required
        qop = values.get("qop", "").lower()
        count = values.get("nc", "")
        if qop and (not values.get("cnonce") or len(count) != 8 or count.strip(grammar.HEX_DIGITS)):
            raise RemoteProtocolError("credentials with qop but without cnonce or nc")
        return cls(
            grammar.unquote(f'"{username}"'),
            realm,
            nonce,
            uri,
            response.lower(),
            values.get("algorithm"),
            values.get("cnonce", ""),
            qop,
            count if qop else "",
            values.get("opaque"),
            values.get("userhash", "").lower() == "true",
        )

    @property
    def nonce_count(self) -> int:
        """How many requests the client says it has sent with this nonce, 0 without qop."""
        return int(self.nc, 16) if self.nc else 0


class Verdict(Enum):
    """What a server concludes: GRANTED; STALE, right but with an expired nonce (challenge again with stale=true); DENIED."""

    GRANTED = "granted"
    STALE = "stale"
    DENIED = "denied"


def make_nonce(key: bytes, now_s: float, salt: str) -> str:
    """A nonce recognised without memory: time, `salt` (IdSource.nonce()), and a MAC of both under `key` (RFC 7616 §3.3)."""
    stamp = f"{int(now_s * 1000):x}.{salt}"
    return f"{stamp}.{_mac(key, stamp)}"


def make_challenge(realm: str, nonce: str, *, algorithm: str = "SHA-256", stale: bool = False) -> str:
    """A WWW-Authenticate value. For peers that know MD5 only, a second line with it goes behind the first (RFC 8760 §2.3)."""
    assert algorithm in _STRENGTH, algorithm
    return str(Challenge(realm.replace("\\", "\\\\").replace('"', '\\"'), nonce, algorithm, ("auth",), None, stale))


def verify(
    given: Authorization,
    credentials: Credentials,
    method: str,
    uri: Uri,
    body: bytes = b"",
    *,
    key: bytes,
    now_s: float,
    last_count: int = 0,
) -> Verdict:
    """Judge credentials against what the user must know. `credentials.realm` and its secret are ours; `key` is that of `make_nonce`.

    `last_count`: the highest nc seen with this nonce; the same or a lower one is a replay (RFC 7616 §3.4.5), so qop is demanded.
    """
    known = _STRENGTH.get(_base(given.algorithm), 0)
    if not known or given.qop not in ("auth", "auth-int") or given.userhash or given.realm != credentials.realm:
        return Verdict.DENIED
    if given.username != credentials.username or not _same_resource(given.uri, uri) or given.nonce_count <= last_count:
        return Verdict.DENIED
    age_s = _nonce_age_s(given.nonce, key, now_s)
    if age_s is None:
        return Verdict.DENIED
    expected = _response(
        given.algorithm,
        (credentials.username, given.realm, credentials.secret),
        method,
        given.uri,
        body,
        (given.nonce, given.nc, given.cnonce, given.qop),
    )
    if not _equal(expected, given.response):
        return Verdict.DENIED
    return Verdict.GRANTED if 0 <= age_s <= NONCE_LIFETIME_S else Verdict.STALE


# --- the digest itself


def _base(algorithm: str | None) -> str:
    name = "MD5" if algorithm is None else algorithm.upper()
    return name.removesuffix("-SESS")


def _is_session(algorithm: str | None) -> bool:
    return algorithm is not None and algorithm.upper().endswith("-SESS")


def _digest(algorithm: str | None, data: bytes) -> str:
    base = _base(algorithm)
    if base == "MD5":  # what many PBXs still demand; an account can refuse it
        return md5(data, usedforsecurity=False).hexdigest()
    if base == "SHA-256":
        return sha256(data).hexdigest()
    from hashlib import new  # loads OpenSSL, which alone has the third

    assert base == "SHA-512-256", base
    return new("sha512_256", data).hexdigest()


def _response(
    algorithm: str | None, who: tuple[str, str, str], method: str, uri: str, body: bytes, proof: tuple[str, str, str, str]
) -> str:
    """request-digest (RFC 7616 §3.4.1). `who`: username, realm, secret. `proof`: nonce, nc, cnonce, qop."""
    nonce, count, cnonce, qop = proof
    a1 = _digest(algorithm, ":".join(who).encode())
    if _is_session(algorithm):
        a1 = _digest(algorithm, f"{a1}:{nonce}:{cnonce}".encode())
    a2 = f"{method}:{uri}"
    if qop == "auth-int":
        a2 = f"{a2}:{_digest(algorithm, body)}"
    a2 = _digest(algorithm, a2.encode())
    if not qop:
        # RFC 7616 §3.4.1 has no such form any more; RFC 2617 §3.2.2.1 keeps it for peers of RFC 2069.
        return _digest(algorithm, f"{a1}:{nonce}:{a2}".encode())
    return _digest(algorithm, f"{a1}:{nonce}:{count}:{cnonce}:{qop}:{a2}".encode())


def _mac(key: bytes, text: str) -> str:
    import hmac

    return hmac.new(key, text.encode(), "sha256").hexdigest()[:32]


def _equal(a: str, b: str) -> bool:
    return compare_digest(a.encode(), b.encode())


def _nonce_age_s(nonce: str, key: bytes, now_s: float) -> float | None:
    """Age of a nonce of ours, None for any other."""
    stamp, _, mac = nonce.rpartition(".")
    if not _equal(_mac(key, stamp), mac):
        return None
    return now_s - int(stamp.partition(".")[0], 16) / 1000


def _same_resource(given: str, uri: Uri) -> bool:
    """RFC 7616 §3.4.6: the server must assure that `uri` names what the request line names."""
    try:
        return Uri.parse(given).equivalent(uri)
    except RemoteProtocolError:
        return False


def _parse_digest(text: str) -> dict[str, str]:
    """The parameters of a Digest value, names in lower case, values without their quotes (escapes left in: the digest is over them so)."""
    scheme, _, rest = text.partition(" ")
    if scheme.lower() != "digest":
        raise RemoteProtocolError(f"not the Digest scheme: {scheme[:40]!r}")
    values: dict[str, str] = {}
    parts = grammar.split_outside(rest, ",")
    if len(parts) > _PARAMETERS_MAX:
        raise RemoteProtocolError("too many digest parameters")
    for part in parts:
        if not part:
            continue  # a list may hold empty elements (RFC 7230 §7)
        name, equals, value = part.partition("=")
        name, value = name.strip(grammar.WHITESPACE).lower(), value.strip(grammar.WHITESPACE)
        if not equals or not grammar.is_token(name) or name in values:
            raise RemoteProtocolError(f"not a digest parameter: {part[:80]!r}")
        if value[:1] == '"':
            if grammar.quoted_end(value) != len(value):
                raise RemoteProtocolError(f"not a digest parameter: {part[:80]!r}")
            value = value[1:-1]
        elif '"' in value or "\\" in value:
            raise RemoteProtocolError(f"not a digest parameter: {part[:80]!r}")  # we would put it between quotes of our own
        values[name] = value
    return values
