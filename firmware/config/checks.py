"""Checks of single values. A check takes a value and returns None, or what is wrong and the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Complaint = tuple[str, str]  # what is wrong, and the remedy; two plain sentences without a full stop
Check = Callable[[float | str], Complaint | None]

FLAT_NAME_MAX = 64  # characters; with it an INVITE stays one datagram
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
HOST_PATTERN = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)"
URI_PATTERN = re.compile(rf"sips?:(?:[^@\s<>\"]+@)?{HOST_PATTERN}(?::\d{{1,5}})?(?:[;?][^\s<>\"]*)?", re.IGNORECASE)


def between(low: float, high: float, unit: str = "") -> Check:
    """A number within [low, high]; `unit` is for the message."""

    def check(value: float | str) -> Complaint | None:
        if not isinstance(value, str) and low <= value <= high:
            return None
        of = f" {unit}" if unit else ""
        return f"{value} is out of range", f"give a number from {low:g} to {high:g}{of}"

    return check


def matching(pattern: re.Pattern[str], remedy: str) -> Check:
    """A text that the pattern matches as a whole."""

    def check(value: float | str) -> Complaint | None:
        if isinstance(value, str) and pattern.fullmatch(value):
            return None
        return f"{value!r} is not usable here", remedy

    return check


is_name = matching(NAME_PATTERN, "use 1 to 32 letters, digits, '-', '_' or '.', beginning with a letter or digit")


def is_uri(value: float | str) -> Complaint | None:
    """A SIP address as people write them."""
    if not isinstance(value, str) or URI_PATTERN.fullmatch(value):
        return None
    remedy = 'write a SIP address such as "sip:anna@192.168.1.20" or "sip:611@pbx.example"'
    if re.fullmatch(r"[0-9*#+]+", value):
        remedy = f"a number needs its server: sip:{value}@ and the server's name or address"
    elif URI_PATTERN.fullmatch(f"sip:{value}"):
        remedy = f'write "sip:{value}"'
    return f"{value!r} is not usable here", remedy


is_country = matching(re.compile(r"[A-Z]{2}"), 'write the two letters of a country: "DE"')
is_clock = matching(re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d"), 'write a time of the day: "03:30"')
is_flat_number = matching(re.compile(r"[0-9A-D]{1,8}"), "write 1 to 8 digits, as they are dialled; A to D where the keypad has them")
is_gpio = between(0, 27)  # the header of every Raspberry Pi carries BCM 0 to 27
is_port = between(1, 65535)
is_not_empty = matching(re.compile(r".*\S.*"), "give a text")


def is_flat_name(value: float | str) -> Complaint | None:
    """A text that fits a line of the journal and a phone's display; '' is one."""
    if isinstance(value, str) and len(value) <= FLAT_NAME_MAX and value.isprintable() and value == value.strip():
        return None
    return f"{value!r} is not usable here", f"write up to {FLAT_NAME_MAX} characters in one line, without blanks around"


def suggestion(name: str, known: Iterable[str]) -> str:
    """The remedy for a name that does not exist."""
    import difflib  # only for a mistake: it costs start-up time

    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"perhaps {near[0]} is meant" if near else f"known are: {', '.join(names)}"
