"""What the doctor found: one line each."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple


class Level(IntEnum):
    """How bad it is; the worst of all is the exit code."""

    OK = 0
    WARN = 1
    FAIL = 2


class Finding(NamedTuple):
    """`part` is what was looked at, `text` what was seen, `remedy` what to do about it ('' when it is well)."""

    level: Level
    part: str
    text: str
    remedy: str = ""


def ok(part: str, text: str) -> Finding:
    return Finding(Level.OK, part, text)


def warn(part: str, text: str, remedy: str) -> Finding:
    return Finding(Level.WARN, part, text, remedy)


def fail(part: str, text: str, remedy: str) -> Finding:
    return Finding(Level.FAIL, part, text, remedy)


def in_words(finding: Finding) -> str:
    """One finding as a line, its remedy indented below."""
    line = f"{finding.level.name.lower():<5}{finding.part}: {finding.text}"
    return f"{line}\n     → {finding.remedy}" if finding.remedy else line


def worst(findings: Iterable[Finding]) -> Level:
    return max((finding.level for finding in findings), default=Level.OK)
