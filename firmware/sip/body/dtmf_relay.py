"""Digits in INFO bodies: `application/dtmf-relay` and `application/dtmf`. No RFC defines either; this is what phones and PBXs send.

dtmf-relay:  Signal=5 CR LF Duration=160 CR LF, with blanks anywhere, any case and order, LF alone, and the duration often left out.
dtmf:        the digit alone, or the same two lines.
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError

DIGITS = "0123456789*#ABCD"
DURATION_MS_DEFAULT = 160  # what devices send that have no opinion
DURATION_MS_MAX = 10_000  # no key is held longer; more is a mistake or an attempt to hold the line
BODY_BYTES_MAX = 256  # the two lines need 30
# RFC 4733 §3.2 event numbers, used by some devices instead of the sign: 10 is the star, 11 the hash.
_BY_EVENT_NUMBER = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}


class Digit(NamedTuple):
    """One key press: `sign` out of 0-9 * # A-D."""

    sign: str
    duration_ms: int = DURATION_MS_DEFAULT


def decode(body: bytes) -> Digit:
    """Read a body of either type. Raises RemoteProtocolError when it holds no digit, more than one, or one that we do not know."""
    if len(body) > BODY_BYTES_MAX or not body.isascii():
        raise RemoteProtocolError("not a digit")
    signal: str | None = None
    duration_ms = DURATION_MS_DEFAULT
    for line in body.decode("ascii").replace("\r", "\n").split("\n"):
        name, equals, value = line.partition("=")
        name, value = name.strip().lower(), value.strip()
        if not name and not equals:
            continue
        if not equals:
            name, value = "signal", line.strip()
        if name == "signal":
            if signal is not None:
                raise RemoteProtocolError("more than one digit")
            signal = value
        elif name == "duration":
            duration_ms = _duration_ms(value)
    if signal is None:
        raise RemoteProtocolError("no digit")
    return Digit(_sign(signal), duration_ms)


def encode(digit: Digit) -> bytes:
    """The body of an `application/dtmf-relay` INFO."""
    assert digit.sign in tuple(DIGITS), digit
    assert 0 < digit.duration_ms <= DURATION_MS_MAX, digit
    return f"Signal={digit.sign}\r\nDuration={digit.duration_ms}\r\n".encode()


def _sign(text: str) -> str:
    sign = _BY_EVENT_NUMBER.get(text, text.upper())
    if len(sign) != 1 or sign not in DIGITS:
        raise RemoteProtocolError(f"not a digit: {text[:20]!r}")
    return sign


def _duration_ms(text: str) -> int:
    """A duration that is missing, nonsense or zero says nothing about the digit, so the digit counts and the default takes its place."""
    if not text.isdigit() or len(text) > 9 or int(text) == 0:
        return DURATION_MS_DEFAULT
    return min(int(text), DURATION_MS_MAX)
