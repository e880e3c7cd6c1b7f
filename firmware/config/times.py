"""Times as people write them: "mon-fri 08:00-17:30", a date, a day of every year."""

from __future__ import annotations

import re
from datetime import date

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday")
DAILY = "daily"  # every day, also a holiday
SPAN = re.compile(r"([a-z,-]+) +(\d{1,2}):(\d\d)-(\d{1,2}):(\d\d)")
CLOCK_REMEDY = 'write days and times such as "mon-fri 08:00-17:30", "sat,sun,holiday 10:00-24:00" or "daily 22:00-06:00"'
DATE_REMEDY = 'write "2026-12-24", or "12-24" for every year'
ANY_LEAP_YEAR = 2000  # a day of every year may be the 29th of February


class NotUnderstoodError(ValueError):
    """A text that says nothing; its words are the complaint."""


def parse_span(text: str) -> tuple[frozenset[int], int, int]:
    """The days (0 Monday to 6 Sunday, 7 a holiday), and the first and the end minute of the day. Raises NotUnderstoodError."""
    match = SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise NotUnderstoodError(f'"{text}" is no time of the week')
    begin_min, end_min = _minute(match[2], match[3]), _minute(match[4], match[5])
    if begin_min == 24 * 60 or begin_min == end_min:
        raise NotUnderstoodError(f'"{text}" has no length')
    return _days(match[1]), begin_min, end_min


def _minute(hours: str, minutes: str) -> int:
    minute = 60 * int(hours) + int(minutes)
    if int(minutes) > 59 or minute > 24 * 60:
        raise NotUnderstoodError(f'"{hours}:{minutes}" is no time of the day')
    return minute


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if part == DAILY:
            days.update(range(len(DAYS)))
        elif not dash:
            days.add(_day(part))
        elif "holiday" in (first, last):
            raise NotUnderstoodError(f'"{part}" is no row of days')
        else:
            begin = _day(first)
            days.update((begin + step) % 7 for step in range((_day(last) - begin) % 7 + 1))
    return frozenset(days)


def _day(name: str) -> int:
    if name not in DAYS:
        raise NotUnderstoodError(f'"{name}" is no day')
    return DAYS.index(name)


def parse_day(text: str) -> date | tuple[int, int]:
    """A date, or the (month, day) of every year. Raises NotUnderstoodError."""
    try:
        if re.fullmatch(r"\d\d-\d\d", text):
            day = date.fromisoformat(f"{ANY_LEAP_YEAR}-{text}")
            return day.month, day.day
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise NotUnderstoodError(f'"{text}" is no day')
