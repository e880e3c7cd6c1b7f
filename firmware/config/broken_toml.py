"""What people write that is no TOML, and what they meant: the remedy for a line at which the parser gave up."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

CURLY: Final = "“”„‟‘’«»"
ANYTHING_ELSE: Final = 'see https://toml.io; texts stand in quotes: key = "value"'


class Habit(NamedTuple):
    """A line that looks like this; the remedy may name the groups of the pattern."""

    looks: re.Pattern[str]
    remedy: str


HABITS: Final = (
    Habit(re.compile(rf"[^\"']*[{CURLY}]"), 'write straight quotes: key = "…"'),
    Habit(re.compile(r"(?P<key>[\w-]+)\s*=\s*(?P<yes>true|yes|on)\b", re.IGNORECASE), "write: {key} = true"),
    Habit(re.compile(r"(?P<key>[\w-]+)\s*=\s*(?P<no>false|no|off)\b", re.IGNORECASE), "write: {key} = false"),
    Habit(re.compile(r"(?P<key>[\w-]+)\s*=\s*(?P<whole>\d+),(?P<part>\d+)\s*(?:#.*)?$"), "write a point: {key} = {whole}.{part}"),
    Habit(re.compile(r"(?P<key>[\w-]+)\s*=\s*0\d+\s*(?:#.*)?$"), 'digits that begin with 0 stand in quotes: {key} = "…"'),
    Habit(re.compile(r"(?P<key>[\w-]+)\s*:(?!//)"), "write = instead of the colon"),
    Habit(re.compile(r"(?P<key>[\w-]+)\s*=\s*(?:#.*)?$"), 'give {key} a value, or begin the line with # to leave it out: {key} = "value"'),
    Habit(re.compile(r"(?P<key>[\w-]+)\s*=\s*[A-Za-z*+/][^\"']*$"), 'texts stand in quotes: {key} = "…"'),
    Habit(re.compile(r"\[\[?[^\]]*$|\[\[[^\]]*\][^\]]*$"), "close the brackets: [section], or [[section]] for one of several"),
    Habit(re.compile(r"[^=\[\"']+$"), "write: key = value"),
)
UNCLOSED_LIST: Final = re.compile("unclosed array", re.IGNORECASE)
TWICE: Final = re.compile(r"declare \((?P<names>.*)\) twice|overwrite a value|[Dd]uplicate", re.IGNORECASE)


def remedy_for(line: str, parser_says: str) -> str:
    """For a line of the file and the parser's words, two plain halves of a sentence."""
    twice = TWICE.search(parser_says)
    if twice is not None:
        names = re.findall(r"'([^']*)'", twice["names"] or "")
        what = f"[{'.'.join(names)}]" if names else "this key"
        return f"{what} stands twice: put all into one place"
    if UNCLOSED_LIST.search(parser_says):
        return 'a comma stands between two values, and ] behind the last: key = ["one", "two"]'
    text = line.strip()
    if text.startswith("#") or not text:
        return ANYTHING_ELSE
    for habit in HABITS:
        found = habit.looks.match(text)
        if found is not None:
            return habit.remedy.format(**found.groupdict())
    if text.count('"') % 2:
        return "close the quote"  # the text itself may be a secret, and is not repeated
    return ANYTHING_ELSE
