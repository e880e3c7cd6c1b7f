"""A card of which one half is missing, dies or joins, under a clock that the test moves."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

import pytest

from hw import capture
from hw.api import Half, HardwareError, SoundFormat
from hw.capture import Capture
from hw.duplex import Duplex, Lack, Openers
from hw.playback import Playback

RATE_HZ = 16_000
PERIOD = 320
BUFFER = 3 * PERIOD
FORMAT = SoundFormat(rate_hz=RATE_HZ, period_samples=PERIOD)
SILENCE = bytes(FORMAT.period_bytes)
LOUD = b"\x07\x00" * PERIOD
STALL_PERIODS = capture.STALL_MS // 20


class Card:
    """Both halves of a card on one clock, `now` in samples. `step`: how coarsely the speaker's position moves; `starts_at`: with
    how much in it the speaker begins, and where not zero it runs dry without a word."""

    def __init__(self, ready_fd: int) -> None:
        self.ready_fd = ready_fd
        self.now = 0
        self.step = 1
        self.starts_at = 0
        self.gives = self.plays = True
        self.dead: set[Half] = set()
        self.absent: set[Half] = set()
        self.slept: list[float] = []
        self.heard: list[bytes] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += round(seconds * RATE_HZ)

    def microphone(self) -> Capture:
        if Half.MICROPHONE in self.absent:
            raise HardwareError("microphone: not there")
        return Capture(MicrophonePcm(self), FORMAT, sleep=self.sleep)

    def speaker(self) -> Playback:
        if Half.SPEAKER in self.absent:
            raise HardwareError("speaker: not there")
        return Playback(SpeakerPcm(self), FORMAT, sleep=self.sleep)

    def open(self) -> Duplex:
        halves: list[Capture | Playback | HardwareError] = []
        for half in (self.speaker, self.microphone):
            try:
                halves.append(half())
            except HardwareError as error:
                halves.append(error)
        speaker, microphone = halves
        assert not isinstance(speaker, Capture)
        assert not isinstance(microphone, Playback)
        return Duplex(FORMAT, microphone, speaker, Openers(self.microphone, self.speaker))


class Pcm:
    """What both directions have in common."""

    half: Half

    def __init__(self, card: Card) -> None:
        self.card = card
        self.began = card.now
        self.moved = 0
        self.is_open = True
        self.waited_for = False  # somebody has polled

    def info(self) -> dict[str, int]:
        return {"rate": RATE_HZ, "channels": 1, "buffer_size": BUFFER}

    def polldescriptors(self) -> list[tuple[int, int]]:
        return [(self.card.ready_fd, select.POLLIN)]

    def polldescriptors_revents(self, descriptors: list[tuple[int, int]]) -> int:
        self.waited_for = True
        return select.POLLIN

    def close(self) -> None:
        self.is_open = False

    def alive(self) -> None:
        assert self.is_open
        if self.half in self.card.dead:
            raise HardwareError(f"{self.half.name.lower()}: no such device")


class MicrophonePcm(Pcm):
    half = Half.MICROPHONE

    def read(self) -> tuple[int, bytes]:
        self.alive()
        if not self.card.gives:
            return 0, b""
        if self.waited_for and self.card.now - self.began - self.moved < PERIOD:
            self.card.now = self.began + self.moved + PERIOD
        self.waited_for = False
        count = self.card.now - self.began - self.moved
        self.moved += count
        return count, LOUD[:2] * count

    def write(self, data: bytes) -> int:
        raise AssertionError("nobody writes to a microphone")

    def avail(self) -> int:
        raise AssertionError("nor asks it for room")


class SpeakerPcm(Pcm):
    half = Half.SPEAKER
    goes = False

    def fill(self) -> int:
        played = (self.card.now - self.began) // self.card.step * self.card.step if self.card.plays and self.moved else 0
        fill = self.moved - played
        if self.card.starts_at and (fill <= 0 or not self.goes):
            self.goes, self.began, self.moved = False, self.card.now, max(0, fill)
            return self.moved
        return fill

    def avail(self) -> int:
        self.alive()
        if self.fill() < 0:
            raise HardwareError("speaker: broken pipe")
        return BUFFER - self.fill()

    def write(self, data: bytes) -> int:
        self.alive()
        if self.fill() < 0:
            self.began, self.moved = self.card.now, 0
            return -32
        count = min(len(data) // 2, BUFFER - self.fill())
        self.moved += count
        self.goes = self.goes or self.moved >= self.card.starts_at
        self.card.heard.append(data[: 2 * count])
        return count

    def read(self) -> tuple[int, bytes]:
        raise AssertionError("nobody reads from a speaker")


@pytest.fixture
def card() -> Iterator[Card]:
    ready_fd = os.open(os.devnull, os.O_RDONLY)  # always readable
    yield Card(ready_fd)
    os.close(ready_fd)


def run(duplex: Duplex, periods: int) -> list[bytes]:
    """What the microphone gave."""
    said = []
    for _ in range(periods):
        said.append(duplex.read())
        duplex.write(LOUD)
    return said


def lack_of(duplex: Duplex) -> Half | None:
    return None if duplex.lack is None else duplex.lack.half


@pytest.mark.parametrize("step", [1, 48, PERIOD])
def test_without_a_microphone_the_speaker_is_the_clock_and_never_runs_dry(card: Card, step: int) -> None:
    card.absent, card.step = {Half.MICROPHONE}, step
    duplex = card.open()
    assert duplex.lack == Lack(Half.MICROPHONE, "microphone: not there")
    assert run(duplex, 500) == [SILENCE] * 500
    assert card.now == pytest.approx(500 * PERIOD, abs=2 * PERIOD)
    assert (duplex.underruns, duplex.short_writes, duplex.overruns) == (0, 0, 0)
    assert card.heard[1:] == [LOUD] * 500


def test_a_speaker_that_has_run_dry_without_a_word_gets_what_it_wants_before_it_goes_on(card: Card) -> None:
    card.absent, card.starts_at = {Half.MICROPHONE}, 2 * PERIOD + 40
    duplex = card.open()
    for _ in range(3):
        run(duplex, 50)
        card.now += 5 * PERIOD + 11
    began = card.now
    run(duplex, 100)
    assert card.now - began == pytest.approx(100 * PERIOD, abs=6 * PERIOD)
    assert duplex.lack == Lack(Half.MICROPHONE, "microphone: not there")


def test_without_a_speaker_the_microphone_is_the_clock(card: Card) -> None:
    card.absent = {Half.SPEAKER}
    duplex = card.open()
    assert duplex.lack == Lack(Half.SPEAKER, "speaker: not there")
    assert run(duplex, 100) == [LOUD] * 100
    assert card.now == 100 * PERIOD
    assert (card.heard, duplex.reserve_ms) == ([], 0.0)


def test_a_card_without_halves_is_none(card: Card) -> None:
    card.absent = set(Half)
    with pytest.raises(HardwareError, match="microphone: not there"):
        card.open()


def test_a_microphone_that_dies_in_mid_call_leaves_the_speaker_playing_without_a_click(card: Card) -> None:
    duplex = card.open()
    assert run(duplex, 50) == [LOUD] * 50
    card.dead.add(Half.MICROPHONE)
    assert run(duplex, 50) == [SILENCE] * 50
    assert duplex.lack == Lack(Half.MICROPHONE, "microphone: no such device")
    assert card.now == pytest.approx(100 * PERIOD, abs=PERIOD)
    assert duplex.underruns == 0


def test_a_microphone_that_calls_all_the_time_and_gives_nothing_is_gone(card: Card) -> None:
    duplex = card.open()
    run(duplex, 10)
    card.gives = False
    assert run(duplex, 1) == [SILENCE]
    assert duplex.lack == Lack(Half.MICROPHONE, f"microphone: no sound has come for {capture.STALL_MS} ms")
    assert 0.4 < sum(card.slept) < 0.6


def test_a_microphone_that_is_found_again_leads_from_its_first_sound_on(card: Card) -> None:
    duplex = card.open()
    run(duplex, 10)
    card.dead.add(Half.MICROPHONE)
    run(duplex, 10)
    card.dead.clear()
    duplex.mend()
    assert lack_of(duplex) is Half.MICROPHONE  # nothing has been heard of it yet
    assert run(duplex, 10) == [LOUD] * 10
    assert lack_of(duplex) is None
    assert duplex.underruns == 0


def test_a_microphone_that_opens_and_gives_nothing_costs_no_pause_and_is_closed_again(card: Card) -> None:
    card.absent = {Half.MICROPHONE}
    duplex = card.open()
    card.absent, card.gives = set(), False
    duplex.mend()
    assert run(duplex, 2 * STALL_PERIODS) == [SILENCE] * (2 * STALL_PERIODS)
    assert duplex.underruns == 0
    assert duplex.lack == Lack(Half.MICROPHONE, f"microphone: no sound has come for {capture.STALL_MS} ms")
    card.gives = True
    duplex.mend()
    assert run(duplex, 3)[-1] == LOUD


def test_a_microphone_that_dies_on_trial_goes_on_lacking(card: Card) -> None:
    card.absent = {Half.MICROPHONE}
    duplex = card.open()
    card.absent = set()
    duplex.mend()
    duplex.mend()  # one trial at a time
    card.dead.add(Half.MICROPHONE)
    assert run(duplex, 5) == [SILENCE] * 5
    assert duplex.lack == Lack(Half.MICROPHONE, "microphone: no such device")


def test_of_what_a_microphone_on_trial_has_gathered_only_the_newest_period_is_heard(card: Card) -> None:
    microphone = card.microphone()
    assert microphone.newest() == b""
    card.now += 5 * PERIOD + 7
    assert microphone.newest() == LOUD
    assert microphone.newest() == b""


def test_a_speaker_that_dies_in_mid_call_leaves_the_microphone_heard_and_joins_again(card: Card) -> None:
    duplex = card.open()
    run(duplex, 10)
    card.dead.add(Half.SPEAKER)
    assert run(duplex, 10) == [LOUD] * 10
    assert duplex.lack == Lack(Half.SPEAKER, "speaker: no such device")
    card.absent = {Half.SPEAKER}
    duplex.mend()
    assert duplex.lack == Lack(Half.SPEAKER, "speaker: not there")
    card.absent, card.dead, card.heard = set(), set(), []
    duplex.mend()
    assert lack_of(duplex) is None
    run(duplex, 10)
    assert card.heard[1:] == [LOUD] * 10
    assert duplex.underruns == 0


@pytest.mark.parametrize("absent", [set(), {Half.MICROPHONE}])
def test_a_speaker_that_stands_still_is_gone(card: Card, absent: set[Half]) -> None:
    card.absent = absent
    duplex = card.open()
    card.plays = False
    if absent:
        with pytest.raises(HardwareError, match="nothing has been played for 500 ms"):
            run(duplex, 2 * STALL_PERIODS)
        assert sum(card.slept) < 1.0
    else:
        run(duplex, 2 * STALL_PERIODS)
        assert duplex.lack == Lack(Half.SPEAKER, "speaker: nothing has been played for 500 ms")


@pytest.mark.parametrize("first", list(Half))
def test_when_the_second_half_goes_too_the_card_is_gone(card: Card, first: Half) -> None:
    duplex = card.open()
    card.dead.add(first)
    run(duplex, 1)
    run(duplex, 1)
    card.dead = set(Half)
    with pytest.raises(HardwareError, match="no such device"):
        run(duplex, 1)
    duplex.close()


def test_counts_of_a_half_that_was_closed_stay(card: Card) -> None:
    duplex = card.open()
    card.now += 10 * PERIOD
    duplex.write(LOUD)
    assert duplex.underruns == 1
    card.dead.add(Half.SPEAKER)
    run(duplex, 1)
    card.dead.clear()
    duplex.mend()
    card.now += 10 * PERIOD
    duplex.write(LOUD)
    assert duplex.underruns == 2
