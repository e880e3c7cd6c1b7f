"""DTLS-SRTP in a session description: whose certificate, and who speaks first (RFC 8122 §5, RFC 4145 §4, RFC 5763 §5)."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

# RFC 8122 §5: sha-256 must be known; md5 and md2 must not be used, and nobody sends sha-1 who could not send better.
HASH_OCTETS: Final = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
HEX_DIGITS: Final = frozenset("0123456789abcdefABCDEF")
FINGERPRINTS_MAX: Final = 8  # one certificate under several hashes; more say nothing


class Fingerprint(NamedTuple):
    """The hash of a certificate. `algorithm` in lower case, as in HASH_OCTETS."""

    algorithm: str
    octets: bytes

    def __str__(self) -> str:
        return f"{self.algorithm} {self.octets.hex(':').upper()}"


class Setup(Enum):
    """Who begins the handshake (RFC 4145 §4): an offer of ours leaves the choice."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"


def parse_fingerprint(value: str) -> Fingerprint | None:
    """The value of a fingerprint attribute; None when it is malformed or of a hash that we do not trust."""
    algorithm, _, text = value.strip().partition(" ")
    length = HASH_OCTETS.get(algorithm.lower())
    pairs = text.strip().split(":")
    if length is None or len(pairs) != length or not all(len(pair) == 2 and HEX_DIGITS.issuperset(pair) for pair in pairs):
        return None
    return Fingerprint(algorithm.lower(), bytes(int(pair, 16) for pair in pairs))


def parse_fingerprints(values: tuple[str, ...]) -> tuple[Fingerprint, ...]:
    """Every usable fingerprint. RFC 8122 §5.1: the certificate must match at least one of the strongest hash; here, one of them all."""
    found = (parse_fingerprint(value) for value in values[:FINGERPRINTS_MAX])
    return tuple(each for each in found if each is not None)


def is_client(theirs: str | None, *, offered: bool) -> bool | None:
    """Whether we begin the handshake with a side that says `theirs` (a=setup), None when that makes no sense.

    `offered`: they answer our actpass. RFC 5763 §5: the answerer should be active, so we are, where the offer leaves the choice.
    """
    match (theirs or ("active" if offered else "actpass")).strip().lower():  # RFC 4145 §4: unsaid, the offerer is active; nobody means that
        case "active":
            return False
        case "passive":
            return True
        case "actpass" if not offered:
            return True
        case _:
            return None
