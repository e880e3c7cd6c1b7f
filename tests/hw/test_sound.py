"""A card that goes and comes back, under a clock that the test moves."""

from __future__ import annotations

import pytest

from hw.api import DeviceFault, Half, HardwareError, HardwareEvent, SoundFormat
from hw.duplex import Lack
from hw.settings import SoundSettings
from hw.sound import HealingSound

MS = 1_000_000
FORMAT = SoundFormat(rate_hz=16_000, period_samples=320)
LOUD = b"\x01\x02" * 320
SILENCE = bytes(640)


class Card:
    """An open card that works until it is told to fail."""

    def __init__(self, bench: Bench) -> None:
        self.format = FORMAT
        self.lack: Lack | None = None
        self.searches = 0
        self.overruns, self.underruns, self.short_writes = 1, 2, 3
        self.reserve_ms = 0.0
        self.bench = bench
        self.played: list[bytes] = []
        self.closed = False

    def read(self) -> bytes:
        self._check()
        self.bench.now_ns += 20 * MS
        return LOUD

    def write(self, period: bytes) -> None:
        self._check()
        self.played.append(period)

    def mend(self) -> None:
        self.searches += 1

    def close(self) -> None:
        self.closed = True

    def _check(self) -> None:
        if not self.bench.plugged:
            raise HardwareError("no such device")


class Bench:
    """A card that can be pulled, a clock, and the driver between them."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.plugged = True
        self.opened: list[int | None] = []
        self.speaker_led: list[bool] = []
        self.reserved_ms: list[float] = []
        self.card = Card(self)
        self.slow_ns = 0
        self.lack: Lack | None = None
        self.faults: list[HardwareEvent] = []
        self.set_up: list[int] = []
        self.sound = HealingSound(
            SoundSettings(),
            self.open,
            set_up=lambda _settings: self.set_up.append(len(self.opened)),
            now_ns=lambda: self.now_ns,
            sleep=self.sleep,
        )
        self.sound.attach(self.faults.append)

    def open(self, settings: SoundSettings, *, rate_hz: int | None = None, speaker_leads: bool = False) -> Card:
        self.opened.append(rate_hz)
        self.speaker_led.append(speaker_leads)
        self.reserved_ms.append(settings.reserve_ms)
        self.now_ns += self.slow_ns
        if not self.plugged:
            raise HardwareError("not there")
        self.card = Card(self)
        self.card.lack = self.lack
        return self.card

    def run(self, periods: int) -> None:
        """So many periods of sound."""
        for _ in range(periods):
            self.sound.read()
            self.sound.write(LOUD)

    def told(self) -> list[tuple[bool, str]]:
        return [(fault.working, fault.detail) for fault in self.faults if isinstance(fault, DeviceFault)]

    def sleep(self, duration_s: float) -> None:
        self.now_ns += round(duration_s * 1e9)


def test_a_card_that_was_never_there_cannot_be_opened() -> None:
    bench = Bench()
    bench.plugged = False
    with pytest.raises(HardwareError, match="not there"):
        bench.sound.open()


def test_a_working_card_passes_sound_through() -> None:
    bench = Bench()
    assert bench.sound.open() == FORMAT
    assert bench.sound.open() == FORMAT  # open twice is open
    assert bench.opened == [None]
    assert bench.sound.read() == LOUD
    bench.sound.write(LOUD)
    assert bench.card.played == [LOUD]
    assert bench.faults == []


def test_a_pulled_card_is_told_once_and_keeps_the_pace_with_silence() -> None:
    bench = Bench()
    bench.sound.open()
    bench.sound.read()
    bench.plugged = False
    before_ns = bench.now_ns
    assert [bench.sound.read() for _ in range(40)] == [SILENCE] * 40
    assert bench.now_ns - before_ns == 40 * 20 * MS
    bench.sound.write(LOUD)
    assert bench.card.closed
    assert [(fault.working, fault.device) for fault in bench.faults if isinstance(fault, DeviceFault)] == [(False, "sound")]


def test_a_card_lost_while_writing_is_told_once_too() -> None:
    bench = Bench()
    bench.sound.open()
    bench.plugged = False
    bench.sound.write(LOUD)
    bench.sound.write(LOUD)
    bench.sound.read()
    assert len(bench.faults) == 1


def test_a_card_that_comes_back_is_found_within_a_second_at_the_old_rate() -> None:
    bench = Bench()
    bench.sound.open()
    bench.plugged = False
    for _ in range(200):  # four seconds: it is looked for once a second
        bench.sound.read()
    assert bench.opened == [None, *[16_000] * 4]
    bench.plugged = True
    lost = bench.card
    for _ in range(51):
        bench.sound.read()
    assert bench.sound.read() == LOUD
    bench.sound.write(LOUD)
    assert bench.card is not lost
    assert [fault.working for fault in bench.faults if isinstance(fault, DeviceFault)] == [False, True]
    counters = bench.sound.counters()
    assert (counters.reopens, counters.overruns, counters.underruns, counters.short_writes) == (1, 2, 4, 6)


def test_after_a_slow_search_silence_goes_on_without_a_burst() -> None:
    bench = Bench()
    bench.sound.open()
    bench.plugged = False
    bench.slow_ns = 5_000 * MS
    for _ in range(50):
        bench.sound.read()
    bench.slow_ns = 0
    bench.sound.read()
    before_ns = bench.now_ns
    for _ in range(10):
        bench.sound.read()
    assert bench.now_ns - before_ns == 10 * 20 * MS


def test_close_is_allowed_in_any_state_and_counters_stay_until_the_next_open() -> None:
    bench = Bench()
    bench.sound.close()
    bench.sound.open()
    bench.sound.close()
    assert bench.card.closed
    assert bench.sound.counters().overruns == 1
    with pytest.raises(AssertionError):
        bench.sound.read()
    bench.sound.open()
    bench.plugged = False
    bench.sound.read()
    bench.sound.close()
    assert bench.opened == [None, None]


def test_a_period_of_the_wrong_size_is_our_own_mistake() -> None:
    bench = Bench()
    bench.sound.open()
    with pytest.raises(AssertionError, match="640"):
        bench.sound.write(b"\x00" * 638)


WITHOUT_MICROPHONE = "sound card default plays, but has no microphone: who speaks at the door is not heard (broken)"


def test_the_half_that_lacks_is_told_once_and_looked_for_ever_more_seldom() -> None:
    bench = Bench()
    bench.lack = Lack(Half.MICROPHONE, "broken")
    bench.sound.open()
    bench.run(50 * 15)
    assert bench.told() == [(False, WITHOUT_MICROPHONE)]
    assert bench.card.searches == 4  # after one second, one more, two more, four more; the next after eight


def test_a_half_that_joins_again_is_told() -> None:
    bench = Bench()
    bench.sound.open()
    bench.run(1)
    bench.card.lack = Lack(Half.SPEAKER, "pulled")
    bench.run(2)
    bench.card.lack = None
    bench.run(2)
    lost = "sound card default listens, but has no speaker: nothing is heard at the door (pulled)"
    assert bench.told() == [(False, lost), (True, "sound card default works again")]


def test_a_call_after_one_that_had_no_microphone_does_not_wait_for_it_and_does_not_tell_again() -> None:
    bench = Bench()
    bench.lack = Lack(Half.MICROPHONE, "broken")
    for _ in range(2):
        bench.sound.open()
        bench.run(1)
        bench.sound.close()
    assert bench.speaker_led == [False, True]
    assert bench.card.searches == 1  # at once: it may have been repaired
    assert bench.told() == [(False, WITHOUT_MICROPHONE)]
    bench.lack = None
    for _ in range(2):
        bench.sound.open()
        bench.run(1)
        bench.sound.close()
    assert bench.speaker_led[-2:] == [True, False]
    assert bench.told()[1:] == [(True, "sound card default works again")]


def test_a_card_that_could_not_be_opened_is_told_to_work_again_by_the_next_call() -> None:
    bench = Bench()
    bench.plugged = False
    with pytest.raises(HardwareError):
        bench.sound.open()
    bench.plugged = True
    bench.sound.open()
    bench.run(1)
    assert bench.told() == [(True, "sound card default works again")]


def test_a_call_without_a_speaker_forgets_nothing_of_what_the_speaker_needed() -> None:
    bench = Bench()
    bench.sound.open()
    bench.card.reserve_ms = 20.0
    bench.sound.close()
    bench.lack = Lack(Half.SPEAKER, "pulled")
    bench.sound.open()
    bench.sound.close()
    bench.sound.open()
    assert bench.reserved_ms == [0.0, 20.0, 20.0]


def test_volumes_are_set_before_the_first_call_and_after_each_loss_of_the_card() -> None:
    bench = Bench()
    for _ in range(2):
        bench.sound.open()
        bench.run(5)
        bench.sound.close()
    assert bench.set_up == [0]
    bench.sound.open()
    bench.plugged = False
    bench.run(5)
    bench.plugged = True
    before = len(bench.opened)
    bench.run(500)
    assert bench.told()[-1][0]
    assert bench.set_up[:2] == [0, before]
    bench.sound.close()


def test_volumes_are_set_again_in_the_call_after_a_half_was_lost() -> None:
    bench = Bench()
    bench.lack = Lack(Half.SPEAKER, "pulled")
    bench.sound.open()
    bench.run(5)
    bench.sound.close()
    bench.lack = None
    bench.sound.open()
    bench.sound.close()
    assert bench.set_up == [0, 1]


def test_volumes_of_a_card_that_was_not_there_at_first_are_set_as_soon_as_it_is() -> None:
    bench = Bench()
    bench.plugged = False
    with pytest.raises(HardwareError):
        bench.sound.open()
    bench.plugged = True
    bench.sound.open()
    bench.sound.close()
    assert bench.set_up == [0, 1]
