"""Keys of SRTP in a session description: the crypto attribute (RFC 4568; suites of RFC 6188 and RFC 7714).

A line that asks for what we do not do (a master key identifier, a key derivation rate, no encryption) is not an error of the whole
description: it is passed over, and another line may fit (RFC 4568 §5.1.2).
"""

from __future__ import annotations

from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from enum import Enum
from typing import Final, NamedTuple

from firmware.kind import kind

TAG_DIGITS_MAX: Final = 9  # RFC 4568 §9.1: tag = 1*9DIGIT
LINES_MAX: Final = 16  # crypto lines looked at; browsers and desk phones offer up to eight
# Packets for which a key must at least be good. An hour (the longest call) of 10 ms packets is 2^18.5; a key that ends in mid-call would
# need an offer that nobody makes.
LIFETIME_MIN: Final = 2**20


class Suite(Enum):
    """Cipher and tag, by the name on the wire; `octets` is the length of master key and salt together (RFC 4568 §6.2, RFC 7714 §14)."""

    AES_CM_128_HMAC_SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    AES_CM_128_HMAC_SHA1_32 = "AES_CM_128_HMAC_SHA1_32"
    AES_256_CM_HMAC_SHA1_80 = "AES_256_CM_HMAC_SHA1_80"
    AES_256_CM_HMAC_SHA1_32 = "AES_256_CM_HMAC_SHA1_32"
    AEAD_AES_128_GCM = "AEAD_AES_128_GCM"
    AEAD_AES_256_GCM = "AEAD_AES_256_GCM"

    @property
    def octets(self) -> int:
        salt = 12 if self.value.startswith("AEAD") else 14
        return (32 if "256" in self.value else 16) + salt


@kind
class SrtpKey(NamedTuple):
    """Master key and salt, one after the other, for one direction."""

    suite: Suite
    key: bytes

    def __repr__(self) -> str:
        """Without the key: it may stand in a log line, an event or the text of a failed test."""
        return f"SrtpKey({self.suite.value})"

    def __str__(self) -> str:
        return repr(self)


@kind
class CryptoLine(NamedTuple):
    """One crypto attribute that we can use. The tag says which line of the offer an answer takes (RFC 4568 §5.1.2)."""

    tag: int
    key: SrtpKey

    def __str__(self) -> str:
        return f"{self.tag} {self.key.suite.value} inline:{b64encode(self.key.key).decode('ascii')}"


def parse_crypto(value: str) -> CryptoLine | None:
    """The value of a crypto attribute, None when it is malformed or wants what we do not do.

    RFC 4568 §9.1: tag, suite, key parameters separated by semicolons, then session parameters.
    """
    tag, _, rest = value.strip().partition(" ")
    suite_name, _, rest = rest.strip().partition(" ")
    parameters = rest.split()
    suite = _suite(suite_name)
    if suite is None or not parameters or not (tag.isascii() and tag.isdecimal() and len(tag) <= TAG_DIGITS_MAX):
        return None
    key = _key(parameters[0], suite)
    if key is None or not all(_is_harmless(parameter) for parameter in parameters[1:]):
        return None
    return CryptoLine(int(tag), SrtpKey(suite, key))


def crypto_lines(values: tuple[str, ...]) -> tuple[CryptoLine, ...]:
    """Every usable line, in the order of preference of whoever wrote them."""
    return tuple(line for value in values[:LINES_MAX] if (line := parse_crypto(value)) is not None)


def _suite(name: str) -> Suite | None:
    # RFC 4568 §9.1: names are case-insensitive. Old baresip and libsrtp builds write AES_CM_256 for AES_256_CM.
    wanted = name.upper().replace("AES_CM_256_", "AES_256_CM_")
    return next((suite for suite in Suite if suite.value == wanted), None)


def _key(text: str, suite: Suite) -> bytes | None:
    """`inline:` key and salt in base64, then optionally |lifetime and |MKI:length (RFC 4568 §6.1)."""
    method, _, info = text.partition(":")
    if method.lower() != "inline" or ";" in info:
        return None  # several keys need an MKI to tell them apart
    encoded, *qualities = info.split("|")
    try:
        # §6.1 wants the padding; senders that leave it out mean the same.
        key = a2b_base64(encoded + "=" * (-len(encoded) % 4), strict_mode=True)
    except (Base64Error, ValueError):
        return None
    if len(key) != suite.octets or len(qualities) > 1 or not all(_is_long_enough(quality) for quality in qualities):
        return None
    return key


def _is_long_enough(lifetime: str) -> bool:
    """A lifetime that outlasts every call of ours. With a colon it is an MKI, which we do not do."""
    digits = lifetime.removeprefix("2^")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 15):
        return False
    return (2 ** min(int(digits), 64) if lifetime.startswith("2^") else int(digits)) >= LIFETIME_MIN


def _is_harmless(parameter: str) -> bool:
    """A session parameter that changes nothing for us. §6.3.7: one that is not understood spoils the line unless it begins with a minus."""
    name, _, _ = parameter.partition("=")
    # §6.3.6: WSH only hints at the size of the replay window.
    return parameter.startswith("-") or name.upper() == "WSH" or parameter.upper() == "KDR=0"
