"""How much waits in the speaker: little, more where it runs dry, and little again; on a card whose time the test owns."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NoReturn

import pytest

from hw.api import SoundFormat
from hw.capture import Capture
from hw.duplex import Duplex, Openers
from hw.playback import Playback
from hw.reserve import CALM_S, MORE_MS_MAX, Reserve

RATE_HZ = 16_000
PERIOD = 320
BUFFER = 13 * PERIOD
SECOND = RATE_HZ // PERIOD
MINUTE = 60 * SECOND


def reserve(**changes: float) -> Reserve:
    return Reserve(rate_hz=RATE_HZ, period_samples=PERIOD, room_samples=10 * PERIOD, begin_ms=changes.get("begin_ms", 0.0))


def test_each_underrun_adds_half_a_period_up_to_a_bound() -> None:
    found = reserve()
    waits = []
    for _ in range(30):
        found.underrun()
        waits.append(found.ms)
        for _ in range(SECOND):
            assert found.written() == 0
    assert waits[:3] == [10.0, 20.0, 30.0]
    assert waits[-1] == MORE_MS_MAX


def test_underruns_at_once_after_each_other_add_twice_as_much_each_time() -> None:
    found = reserve()
    waits = []
    for _ in range(4):
        found.underrun()
        waits.append(found.ms)
        found.written()
    for _ in range(SECOND):
        found.written()
    found.underrun()
    assert [*waits, found.ms] == [10.0, 30.0, 70.0, 150.0, 160.0]


def test_of_much_a_quarter_is_taken_back() -> None:
    found = reserve(begin_ms=200.0)
    less = [samples for _ in range(20 * MINUTE) if (samples := found.written())]
    assert [1000 * samples / RATE_HZ for samples in less] == [50, 30, 30, 20, 10, 10, 10, 10, 10, 10, 10]
    assert found.samples == 0


def test_a_device_without_room_keeps_its_one_period() -> None:
    found = Reserve(rate_hz=RATE_HZ, period_samples=PERIOD, room_samples=0)
    found.underrun()
    assert found.samples == 0


def test_after_a_calm_minute_half_a_period_is_taken_back() -> None:
    found = reserve(begin_ms=20.0)
    less = [found.written() for _ in range(3 * MINUTE)]
    assert [at for at, samples in enumerate(less) if samples] == [MINUTE - 1, 2 * MINUTE - 1]
    assert found.samples == 0


def test_who_runs_dry_soon_after_waits_longer_before_the_next_try() -> None:
    found = reserve(begin_ms=10.0)
    tries = []
    for period in range(30 * MINUTE):
        if found.written():
            tries.append(period * PERIOD / RATE_HZ)
            found.underrun()  # at once: this machine needs it
    assert tries[0] == pytest.approx(CALM_S, abs=1)
    assert [later - sooner for sooner, later in pairwise(tries)] == pytest.approx([120, 240, 480], abs=1)
    assert found.ms == 10.0


class Clocked:
    """A microphone and a speaker of one card; time passes when the test says so. A read may come late, as on a busy machine.

    `keeps`: how much it takes at once into a store of its own, from which it plays. `wants`: how much it has to have before it begins.
    """

    def __init__(self, ready_fd: int, buffer: int, keeps: int = 0, wants: int = 0) -> None:
        self.ready_fd = ready_fd
        self.buffer = buffer
        self.keeps, self.wants = keeps, wants
        self.kept = 0
        self.captured = 0
        self.fill = 0
        self.ppm = 0  # how much faster the speaker's clock runs
        self.ahead = 0  # of its next sample, in millionths
        self.running = False

    def pass_time(self, samples: int) -> None:
        self.captured += samples
        if self.running:
            self.ahead += samples * self.ppm
            more, self.ahead = divmod(self.ahead, 1_000_000)
            self.kept -= samples + more
            self.take()

    def take(self) -> None:
        self.fill -= self.keeps - self.kept
        self.kept = self.keeps

    def info(self) -> dict[str, int]:
        return {"rate": RATE_HZ, "channels": 1, "buffer_size": self.buffer}

    def polldescriptors(self) -> list[tuple[int, int]]:
        return [(self.ready_fd, select.POLLIN)]

    def polldescriptors_revents(self, descriptors: list[tuple[int, int]]) -> int:
        return select.POLLIN

    def read(self) -> tuple[int, bytes]:
        count, self.captured = self.captured, 0
        return count, bytes(2 * count)

    def avail(self) -> int:
        return self.buffer - self.fill if self.fill >= 0 else -32

    def write(self, data: bytes) -> int:
        if self.fill < 0:
            self.fill, self.kept, self.running = 0, 0, False
            return -32
        count = min(len(data) // 2, self.buffer - self.fill)
        self.fill += count
        self.running = self.running or self.fill >= self.wants
        if self.running:
            self.take()
        return count

    def close(self) -> None: ...


class Machine:
    """An audio thread on such a card. `late`: by how many samples every fiftieth period begins late."""

    def __init__(self, ready_fd: int, reserve_ms: float = 0.0, keeps_ms: int = 0, wants_ms: int = 0, buffer: int = BUFFER) -> None:
        self.card = Clocked(ready_fd, buffer, keeps_ms * RATE_HZ // 1000, wants_ms * RATE_HZ // 1000)
        fmt = SoundFormat(rate_hz=RATE_HZ, period_samples=PERIOD)
        playback = Playback(self.card, fmt, reserve_ms=reserve_ms)
        self.duplex = Duplex(fmt, Capture(self.card, fmt), playback, Openers(self.no_half, self.no_half))
        self.now = self.due = 0

    def no_half(self) -> NoReturn:
        raise AssertionError("nothing lacks here")

    def run(self, periods: int, late: int = 0) -> list[int]:
        """So many periods; what waited in the speaker just before each write."""
        waited = []
        for number in range(periods):
            self.due += PERIOD
            passed = max(0, self.due - self.now) + (late if number % 50 == 49 else 0)
            self.now += passed
            self.card.pass_time(passed)
            self.duplex.read()
            waited.append(max(0, self.card.fill))
            self.duplex.write(bytes(2 * PERIOD))
        return waited


@pytest.fixture
def machine() -> Iterator[Callable[..., Machine]]:
    ready_fd = os.open(os.devnull, os.O_RDONLY)  # always readable
    yield lambda *words, **changes: Machine(ready_fd, *words, **changes)
    os.close(ready_fd)


def test_on_a_calm_machine_one_period_waits(machine: Callable[..., Machine]) -> None:
    busy = machine()
    waited = busy.run(2 * MINUTE)
    assert set(waited) == {PERIOD}
    assert (busy.duplex.underruns, busy.duplex.reserve_ms) == (0, 0.0)


def test_a_machine_that_is_late_now_and_then_clicks_a_few_times_and_then_no_more(machine: Callable[..., Machine]) -> None:
    busy = machine()
    busy.run(MINUTE // 2, late=PERIOD * 3 // 2)
    clicks = busy.duplex.underruns
    assert 0 < clicks <= 3
    assert 10.0 <= busy.duplex.reserve_ms <= 30.0
    busy.run(MINUTE // 2, late=PERIOD * 3 // 2)
    assert busy.duplex.underruns == clicks


def test_when_the_machine_is_calm_again_the_delay_goes_back_unheard(machine: Callable[..., Machine]) -> None:
    busy = machine()
    busy.run(MINUTE // 2, late=PERIOD * 3 // 2)
    clicks = busy.duplex.underruns
    waited = busy.run(5 * MINUTE)
    assert busy.duplex.underruns == clicks
    assert busy.duplex.reserve_ms == 0.0
    assert max(waited[-MINUTE:]) <= PERIOD * 3 // 2


def test_what_one_call_needed_the_next_begins_with(machine: Callable[..., Machine]) -> None:
    waited = machine(reserve_ms=20.0).run(50)
    assert set(waited) == {2 * PERIOD}


def test_a_long_pause_of_the_machine_leaves_no_delay_behind(machine: Callable[..., Machine]) -> None:
    """A quarter of a second, then a burst: the speaker has run dry, and what comes at once after it must not wait for the whole call."""
    busy = machine()
    busy.run(MINUTE)
    busy.run(50, late=12 * PERIOD)
    busy.run(1)
    waited = busy.run(MINUTE)
    assert max(waited[-MINUTE // 2 :]) <= PERIOD * 3 // 2 + PERIOD // 2 + 2


def test_a_card_that_keeps_a_tenth_of_a_second_for_itself_clicks_a_few_times_and_then_no_more(machine: Callable[..., Machine]) -> None:
    """Found on an emulated one, where 20 of each 60 ms were sound."""
    busy = machine(keeps_ms=120)
    busy.run(SECOND)
    clicks = busy.duplex.underruns
    assert 0 < clicks <= 5
    waited = busy.run(20 * MINUTE)
    assert busy.duplex.underruns == clicks
    assert busy.duplex.reserve_ms == 0.0
    assert PERIOD - 64 < min(waited[-MINUTE:]) <= max(waited[-MINUTE:]) < PERIOD + 64


def test_a_card_that_begins_late_gets_what_it_wants_before_it_does(machine: Callable[..., Machine]) -> None:
    busy = machine(wants_ms=90)
    busy.run(SECOND)
    assert (busy.card.running, busy.duplex.underruns) == (True, 0)
    waited = busy.run(MINUTE)
    assert (busy.duplex.underruns, busy.duplex.lack) == (0, None)
    assert max(waited[-SECOND:]) <= PERIOD * 3 // 2 + 2


def test_a_card_with_little_room_gets_what_it_has_room_for(machine: Callable[..., Machine]) -> None:
    busy = machine(buffer=3 * PERIOD)
    busy.run(MINUTE, late=PERIOD * 5 // 2)
    assert busy.duplex.underruns > 0
    assert busy.duplex.reserve_ms == 20.0


@pytest.mark.parametrize("ppm", [-300, -50, 50, 300])
def test_two_clocks_in_one_card_neither_run_it_dry_nor_let_the_delay_grow(machine: Callable[..., Machine], ppm: int) -> None:
    busy = machine()
    busy.card.ppm = ppm
    waited = busy.run(4 * MINUTE)
    assert (busy.duplex.underruns, busy.duplex.short_writes, busy.duplex.reserve_ms) == (0, 0, 0.0)
    assert PERIOD - 64 < min(waited[MINUTE:]) <= max(waited[MINUTE:]) < PERIOD + 64
