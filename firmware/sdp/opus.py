"""The format parameters of Opus (RFC 7587 §6.1): what a receiver asks of whoever sends to it."""

from __future__ import annotations

from typing import Final, NamedTuple

RATE_MAX_HZ: Final = 48_000
DIGITS_MAX: Final = 9  # of a number; more is nonsense


class OpusParameters(NamedTuple):
    """The parameters that matter to a mono sender; absent ones have the RFC's defaults. `bitrate_max` 0: none stated."""

    playback_rate_hz: int = RATE_MAX_HZ
    bitrate_max: int = 0
    constant_bitrate: bool = False
    wants_fec: bool = False
    wants_dtx: bool = False

    @staticmethod
    def parse(fmtp: str) -> OpusParameters:
        """Read an fmtp value. Unknown parameters are ignored (RFC 7587 §6.1), and so is nonsense in known ones."""
        values: dict[str, str] = {}
        for part in fmtp.split(";"):
            name, _, value = part.partition("=")
            values.setdefault(name.strip().lower(), value.strip())
        rate_hz = _number(values.get("maxplaybackrate", ""))
        return OpusParameters(
            playback_rate_hz=rate_hz if 0 < rate_hz < RATE_MAX_HZ else RATE_MAX_HZ,
            bitrate_max=_number(values.get("maxaveragebitrate", "")),
            constant_bitrate=values.get("cbr") == "1",
            wants_fec=values.get("useinbandfec") == "1",
            wants_dtx=values.get("usedtx") == "1",
        )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX else 0
