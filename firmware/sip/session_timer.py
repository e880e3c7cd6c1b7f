"""Session-Expires and Min-SE: how long a session lives without a refresh, and who sends it (RFC 4028)."""

from __future__ import annotations

from typing import NamedTuple

from firmware.sip import grammar
from firmware.sip.fields import HeaderFields
from firmware.sip.header_values import first
from firmware.sip.headers import DELTA_SECONDS_MAX

OPTION_TAG = "timer"
INTERVAL_S_MIN = 90  # no interval may be shorter (RFC 4028 §4); also what Min-SE means when it is absent (§5)
REFRESHERS = ("uac", "uas")


class SessionExpires(NamedTuple):
    """Session-Expires: the interval, and the refresher `uac` or `uas`, None when the sender leaves the choice."""

    interval_s: int
    refresher: str | None = None

    @classmethod
    def parse(cls, text: str) -> SessionExpires:
        """Read the value; a refresher that is neither of the two is none. Raises RemoteProtocolError."""
        interval, semicolon, params = text.partition(";")
        refresher = (grammar.find(grammar.parameters(semicolon + params), "refresher") or "").lower()
        return cls(_seconds(interval), refresher if refresher in REFRESHERS else None)

    def __str__(self) -> str:
        assert self.interval_s >= 0, self
        assert self.refresher in (None, *REFRESHERS), self
        return f"{self.interval_s}" + (f";refresher={self.refresher}" if self.refresher else "")


def parse_min_se(text: str) -> int:
    """Read a Min-SE in seconds, its parameters left aside. Raises RemoteProtocolError."""
    return _seconds(text.partition(";")[0])


def session_expires(message: HeaderFields) -> SessionExpires | None:
    """The Session-Expires of a message, None when absent or malformed."""
    return first(message, "Session-Expires", SessionExpires.parse)


def min_se(message: HeaderFields) -> int | None:
    """The Min-SE of a message in seconds, None when absent or malformed."""
    return first(message, "Min-SE", parse_min_se)


def _seconds(text: str) -> int:
    return min(grammar.number(text.strip(grammar.WHITESPACE), "session interval"), DELTA_SECONDS_MAX)
