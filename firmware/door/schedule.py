"""When something applies: weekly times, holidays, and the days that hang on Easter.

Everything is said in the wall clock's own words: a time is what the clock at the door shows, given as a `datetime` without zone. So the
hour that daylight saving skips is in no profile on that day, and the hour that it repeats counts twice, as everybody expects who reads the
clock. No moment of change is computed ahead: whoever needs to know looks once a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple, assert_never

from firmware.door.kind import kind

HOLIDAY = 7  # the eighth day of the week; 0 is Monday
DAY = timedelta(days=1)


@kind
class Span(NamedTuple):
    """From minute `begin_min` of the day (0 to 1439) until before `end_min` (1 to 1440), on each of `days`.

    An end at or before the begin lies on the next day: the span belongs to the day on which it begins.
    """

    days: frozenset[int]
    begin_min: int
    end_min: int


@kind
class Profile(NamedTuple):
    """Weekly times under a name. On a holiday only the spans of the day HOLIDAY count."""

    name: str
    spans: tuple[Span, ...]


@kind
class Dates(NamedTuple):
    """A holiday, or a row of them, in one year: both ends count."""

    first: date
    last: date


@kind
class Yearly(NamedTuple):
    """A holiday of every year as (month, day); a row of days may run over New Year. Both ends count."""

    first: tuple[int, int]
    last: tuple[int, int]


@kind
class AfterEaster(NamedTuple):
    """So many days after Easter Sunday of every year; Good Friday is -2."""

    days: int


Holiday = Dates | Yearly | AfterEaster


@kind
class When(NamedTuple):
    """A condition: within the profile, or (`negated`) outside of it."""

    profile: str
    negated: bool = False


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm of 1876, as in Meeus, Astronomical Algorithms, chapter 8)."""
    golden, century, in_century = year % 19, year // 100, year % 100
    leap_centuries, century_rest = divmod(century, 4)
    moon_shift = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap_centuries - moon_shift + 15) % 30
    leap_years, year_rest = divmod(in_century, 4)
    to_sunday = (32 + 2 * century_rest + 2 * leap_years - epact - year_rest) % 7
    late = (golden + 11 * epact + 22 * to_sunday) // 451
    month, day = divmod(epact + to_sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def is_holiday(holidays: Iterable[Holiday], day: date) -> bool:
    """Whether any of `holidays` falls on `day`."""
    return any(_falls_on(holiday, day) for holiday in holidays)


def _falls_on(holiday: Holiday, day: date) -> bool:
    match holiday:
        case Dates(first=first, last=last):
            return first <= day <= last
        case Yearly(first=first_in_year, last=last_in_year):
            at = (day.month, day.day)
            if first_in_year <= last_in_year:
                return first_in_year <= at <= last_in_year
            return at >= first_in_year or at <= last_in_year
        case AfterEaster(days=days):
            return day == easter(day.year) + days * DAY
        case never:
            assert_never(never)


def within(profile: Profile, holidays: tuple[Holiday, ...], local: datetime) -> bool:
    """Whether the wall clock's time `local` lies within the profile."""
    minute = 60 * local.hour + local.minute
    today, yesterday = (HOLIDAY if is_holiday(holidays, day) else day.weekday() for day in (local.date(), local.date() - DAY))
    for span in profile.spans:
        if span.begin_min < span.end_min:
            if today in span.days and span.begin_min <= minute < span.end_min:
                return True
        elif (today in span.days and minute >= span.begin_min) or (yesterday in span.days and minute < span.end_min):
            return True
    return False
