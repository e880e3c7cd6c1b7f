"""Profiles and holidays against the calendar, and against a count of every minute of a year."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.door.schedule import HOLIDAY, AfterEaster, Dates, Holiday, Profile, Span, Yearly, easter, is_holiday, within
from tests.searching import examples

# Dates of Easter as the almanacs give them; 1818 and 2285 are the earliest, 1943 and 2038 the latest, 1954, 1981 and 2049 the exceptions.
KNOWN_EASTERS = [
    (1818, 3, 22), (1943, 4, 25), (1954, 4, 18), (1961, 4, 2), (1981, 4, 19), (2000, 4, 23), (2008, 3, 23), (2019, 4, 21), (2024, 3, 31),
    (2025, 4, 20), (2026, 4, 5), (2027, 3, 28), (2030, 4, 21), (2038, 4, 25), (2049, 4, 18), (2076, 4, 19), (2100, 3, 28), (2285, 3, 22),
]  # fmt: skip
WORKDAYS = frozenset(range(5))
EVERY_DAY = frozenset(range(8))
BERLIN = ZoneInfo("Europe/Berlin")


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(("year", "month", "day"), KNOWN_EASTERS)
def test_easter_falls_where_the_almanac_says(year: int, month: int, day: int) -> None:
    assert easter(year) == date(year, month, day)


@given(year=st.integers(1583, 4000))
def test_easter_is_a_sunday_in_its_five_weeks(year: int) -> None:
    found = easter(year)
    assert found.weekday() == 6
    assert date(year, 3, 22) <= found <= date(year, 4, 25)


def test_holidays_are_days_rows_and_what_hangs_on_easter() -> None:
    holidays: tuple[Holiday, ...] = (
        Dates(first=date(2026, 8, 3), last=date(2026, 8, 5)),
        Yearly(first=(12, 31), last=(1, 1)),
        Yearly(first=(5, 1), last=(5, 1)),
        AfterEaster(days=-2),
        AfterEaster(days=60),
    )
    found = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    assert [day.isoformat() for day in found if is_holiday(holidays, day)] == [
        "2026-01-01", "2026-04-03", "2026-05-01", "2026-06-04", "2026-08-03", "2026-08-04", "2026-08-05", "2026-12-31",
    ]  # fmt: skip


def test_the_29th_of_february_comes_every_fourth_year() -> None:
    leap_day = (Yearly(first=(2, 29), last=(2, 29)),)
    assert is_holiday(leap_day, date(2028, 2, 29))
    assert not any(is_holiday(leap_day, date(2027, 1, 1) + timedelta(days=number)) for number in range(365))


def test_on_a_holiday_only_its_own_times_count() -> None:
    profile = Profile(
        name="p", spans=(Span(days=WORKDAYS, begin_min=480, end_min=1020), Span(days=frozenset({HOLIDAY}), begin_min=600, end_min=660))
    )
    new_year = (Yearly(first=(1, 1), last=(1, 1)),)
    thursday = wall("2026-01-01 09:00")
    assert within(profile, (), thursday)
    assert not within(profile, new_year, thursday)
    assert within(profile, new_year, thursday.replace(hour=10))


def test_a_span_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    friday_night = Profile(name="p", spans=(Span(days=frozenset({4}), begin_min=1320, end_min=360),))
    assert [
        within(friday_night, (), at)
        for at in (
            wall("2026-01-02 21:59"),  # a Friday
            wall("2026-01-02 22:00"),
            wall("2026-01-03 05:59:59"),
            wall("2026-01-03 06:00"),
            wall("2026-01-03 22:00"),
            wall("2026-01-02 05:00"),
        )
    ] == [False, True, True, False, False, False]


SPANS = st.builds(
    Span,
    days=st.frozensets(st.integers(0, 7), min_size=1),
    begin_min=st.integers(0, 1439),
    end_min=st.integers(0, 1440),
).filter(lambda span: span.begin_min != span.end_min)


def moments() -> list[datetime]:
    """What the clock in Berlin shows: every half hour of 2026, and every minute of the days on which the clocks change or the year ends."""
    first = datetime(2025, 12, 31, 23, tzinfo=UTC)
    steps = set(range(0, 365 * 1440, 31))
    for day in (87, 297, 0, 364):  # 29 March, 25 October, 1 January, 31 December
        steps.update(range(day * 1440 - 60, (day + 1) * 1440 + 60))
    return [(first + timedelta(minutes=step)).astimezone(BERLIN).replace(tzinfo=None, fold=0) for step in sorted(steps)]


SHOWN = moments()


@settings(max_examples=examples(6))
@given(spans=st.lists(SPANS, min_size=1, max_size=4))
def test_a_year_is_as_the_wall_clock_shows_it(spans: list[Span]) -> None:
    """Against the plain meaning: so many minutes after the midnight of a day of this kind, today's or yesterday's."""
    holidays: tuple[Holiday, ...] = (Yearly(first=(12, 24), last=(12, 26)), AfterEaster(days=1))
    profile = Profile(name="p", spans=tuple(spans))

    def kind(day: date) -> int:
        return HOLIDAY if day.isoformat()[5:] in {"12-24", "12-25", "12-26"} or day == date(2026, 4, 6) else day.weekday()

    lengths = [(span.days, span.begin_min, span.end_min + (1440 if span.end_min < span.begin_min else 0)) for span in spans]
    for local in SHOWN:
        minute = local.hour * 60 + local.minute
        today, yesterday = kind(local.date()), kind(local.date() - timedelta(days=1))
        expected = any(
            (today in days and begin_min <= minute < end_min) or (yesterday in days and begin_min <= minute + 1440 < end_min)
            for days, begin_min, end_min in lengths
        )
        assert within(profile, holidays, local) is expected, local


def test_the_hour_that_daylight_saving_skips_is_never_and_the_one_it_repeats_is_twice() -> None:
    two_to_three = Profile(name="p", spans=(Span(days=EVERY_DAY, begin_min=120, end_min=180),))

    def minutes_inside(day: date) -> int:
        first = datetime(day.year, day.month, day.day, tzinfo=BERLIN).astimezone(UTC)
        moments = [(first + timedelta(minutes=minute)).astimezone(BERLIN).replace(tzinfo=None) for minute in range(25 * 60)]
        return sum(within(two_to_three, (), moment) for moment in moments if moment.date() == day)

    assert minutes_inside(date(2026, 3, 28)) == 60
    assert minutes_inside(date(2026, 3, 29)) == 0
    assert minutes_inside(date(2026, 10, 25)) == 120
