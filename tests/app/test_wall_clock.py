"""The clock on the wall: of a zone, of this machine, and none at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from firmware.app.wall_clock import EARLIEST_S, WallClock


@pytest.mark.parametrize(
    ("moment", "zone", "shown"),
    [
        ("2026-03-29T00:59:59", "Europe/Berlin", "2026-03-29 01:59:59"),
        ("2026-03-29T01:00:00", "Europe/Berlin", "2026-03-29 03:00:00"),
        ("2026-10-25T00:30:00", "Europe/Berlin", "2026-10-25 02:30:00"),
        ("2026-10-25T01:30:00", "Europe/Berlin", "2026-10-25 02:30:00"),
        ("2026-01-05T12:00:00", "Asia/Kathmandu", "2026-01-05 17:45:00"),
    ],
)
def test_the_clock_shows_the_time_of_its_zone(moment: str, zone: str, shown: str) -> None:
    at_s = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    local = WallClock(zone, lambda: at_s).local()
    assert local is not None
    assert local.tzinfo is None
    assert local.isoformat(sep=" ") == shown


def test_without_a_zone_it_is_the_clock_of_this_machine() -> None:
    at_s = EARLIEST_S + 12_345.0
    local = WallClock(None, lambda: at_s).local()
    assert local is not None
    assert local.timestamp() == at_s


def test_a_clock_that_was_never_set_shows_nothing() -> None:
    assert WallClock(None, lambda: EARLIEST_S - 1).local() is None


def test_a_zone_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        WallClock("Europe/Berln")
