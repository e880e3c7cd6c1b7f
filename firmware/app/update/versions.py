"""Which of two versions is the newer one, and which may be installed. Pure.

Versions are compared as Debian compares them (deb-version(7)), because the image's are such: digits by their value, letters before other
signs, and `~` before everything, even before the end: 1.0~20261128.abc is older than 1.0.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import NamedTuple

VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~-]{0,63}")


class Known(NamedTuple):
    """What a device knows: what it runs, the newest version that ever proved itself on it, and those that did not."""

    running: str
    newest: str = ""
    rejected: tuple[str, ...] = ()


def is_version(text: str) -> bool:
    """Whether `text` can be a version."""
    return VERSION.fullmatch(text) is not None


def compare(one: str, two: str) -> int:
    """Negative when `one` is older, positive when it is newer, 0 when both are equal."""
    for (text, number), (other_text, other_number) in zip_longest(_parts(one), _parts(two), fillvalue=("", 0)):
        order, other_order = _order(text), _order(other_text)
        if order != other_order:
            return -1 if order < other_order else 1
        if number != other_number:
            return number - other_number
    return 0


def _parts(version: str) -> list[tuple[str, int]]:
    """Pairs of what is no digit and the number behind it."""
    return [(text, int(digits or 0)) for text, digits in re.findall(r"([^0-9]*)([0-9]*)", version)[:-1]]


def _order(text: str) -> list[int]:
    """Keys of signs, with that of the end behind them: `~`, the end, letters, the rest."""
    return [-1 if sign == "~" else ord(sign) if sign.isalpha() else ord(sign) + 256 for sign in text] + [0]


def refusal(version: str, known: Known, *, scheduled: bool) -> str:
    """Why `version` is not installed; empty when it may be.

    Nothing older than the newest version that ever proved itself here: who holds an old bundle, rightly signed, must not bring its holes
    back. The same version may be installed again by hand. What was rejected is tried again by hand alone.
    """
    if not is_version(version):
        return f"{version[:64]!r} is no version"
    floor = known.newest if compare(known.newest, known.running) > 0 else known.running
    if compare(version, floor) < 0:
        return f"version {version} is older than {floor}, which has worked on this device"
    if scheduled and version == known.running:
        return f"version {version} runs already"
    if scheduled and version in known.rejected:
        return f"version {version} was rejected on this device before; install it by hand to try it again"
    return ""
