"""The card that is not there keeps the pace of a real one."""

from __future__ import annotations

import pytest

from firmware.media import silence
from firmware.media.silence import FORMAT, PERIOD_NS, SilentCard


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now_ns = 5_000_000_000
        self.slept_ns: list[int] = []

    def monotonic_ns(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.slept_ns.append(round(seconds * 1e9))
        self.now_ns += round(seconds * 1e9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(silence, "time", clock)
    return clock


def test_a_period_lasts_a_period_whatever_the_reader_does_between(clock: Clock) -> None:
    card = SilentCard()
    assert card.open() == FORMAT
    for busy_ns in (0, 7_000_000, 19_000_000, 1_000_000):
        clock.now_ns += busy_ns
        assert card.read() == bytes(FORMAT.period_bytes)
        card.write(bytes(FORMAT.period_bytes))
    assert clock.now_ns == 5_000_000_000 + 4 * PERIOD_NS


def test_a_late_reader_catches_up(clock: Clock) -> None:
    card = SilentCard()
    card.open()
    clock.now_ns += 3 * PERIOD_NS
    for _ in range(4):
        card.read()
    assert clock.now_ns == 5_000_000_000 + 4 * PERIOD_NS


def test_after_the_machine_slept_nothing_is_made_up_for(clock: Clock) -> None:
    card = SilentCard()
    card.open()
    clock.now_ns += 3_600_000_000_000
    card.read()
    card.read()
    assert clock.slept_ns == [PERIOD_NS]


def test_it_has_nothing_to_count_and_may_be_closed(clock: Clock) -> None:
    card = SilentCard()
    card.open()
    card.close()
    counters = card.counters()
    assert (counters.overruns, counters.underruns, counters.short_writes, counters.reopens) == (0, 0, 0, 0)
