"""The ALSA driver against a made-up alsaaudio: rates, channels, short writes, overruns, underruns and cards that go."""

from __future__ import annotations

import os
import select
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from hw import alsa, capture
from hw.api import Half, HardwareError
from hw.duplex import Duplex, Lack
from hw.reserve import MORE_MS_MAX
from hw.settings import SoundSettings

CAPTURE, PLAYBACK, S16, S32 = 1, 0, 2, 10


class ALSAAudioError(Exception):
    """As in the library."""


@dataclass
class World:
    """The cards of a machine: what each device can do, and what has been opened."""

    rates: tuple[int, ...] = (16_000,)
    playback_rates: tuple[int, ...] | None = None
    channels: int = 1
    playback_channels: int = 1
    hw_format: int = S16
    plugs: bool = True
    cards: dict[str, tuple[str, str]] = field(default_factory=lambda: {"Device": ("USB PnP Sound Device", "C-Media USB PnP at usb-1.4")})
    broken: set[int] = field(default_factory=set)
    opened: list[tuple[int, str, int]] = field(default_factory=list)
    pcms: list[FakePcm] = field(default_factory=list)

    def pcm(self, kind: int, device: str) -> FakePcm:
        """The open one of this kind."""
        return next(pcm for pcm in reversed(self.pcms) if pcm.kind == kind and not pcm.closed and pcm.device == device)


class FakePcm:
    """A device whose reads and writes the test scripts. Its poll descriptor is a pipe that is always ready."""

    def __init__(self, world: World, kind: int, device: str, rate: int, periodsize: int, periods: int) -> None:
        if kind in world.broken:
            raise ALSAAudioError(f"Device or resource busy [{device}]")
        rates = world.playback_rates if kind == PLAYBACK and world.playback_rates is not None else world.rates
        plug = world.plugs and not device.startswith("hw:")
        self.kind, self.device, self.periodsize, self.periods = kind, device, periodsize, periods
        self.rate = rate if plug else min(rates, key=lambda hz: abs(hz - rate))
        self.channels = 1 if plug else world.playback_channels if kind == PLAYBACK else world.channels
        self.format = S16 if plug else world.hw_format
        self.reads: list[tuple[int, bytes] | ALSAAudioError] = [(0, b"")]
        self.room: list[int | ALSAAudioError] = []
        self.written: list[bytes] = []
        self.events = select.POLLIN
        self.closed = False
        self.stalled = False
        self.fill_before_write = periodsize
        self.ready_fd, self._other_fd = os.pipe()
        os.write(self._other_fd, b"!")
        world.opened.append((kind, device, rate))
        world.pcms.append(self)

    def info(self) -> dict[str, int]:
        return {"rate": self.rate, "channels": self.channels, "format": self.format, "buffer_size": self.periods * self.periodsize}

    def polldescriptors(self) -> list[tuple[int, int]]:
        return [(self.ready_fd, select.POLLIN)]

    def polldescriptors_revents(self, descriptors: list[tuple[int, int]]) -> int:
        return self.events

    def read(self) -> tuple[int, bytes]:
        result = self.reads.pop(0) if self.reads else (0, b"")
        if isinstance(result, ALSAAudioError):
            raise result
        return result

    def write(self, data: bytes) -> int:
        frames = len(data) // 2 // self.channels
        result = self.room.pop(0) if self.room else frames
        if isinstance(result, ALSAAudioError):
            raise result
        if result > 0:
            self.written.append(data[: result * 2 * self.channels])
        return result

    def avail(self) -> int:
        if self.stalled:
            raise ALSAAudioError("Broken pipe")
        return self.periods * self.periodsize - self.fill_before_write

    def drain(self) -> None:
        """The pipe has nothing more: a microphone that fell silent."""
        os.read(self.ready_fd, 1)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self.ready_fd)
            os.close(self._other_fd)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World()
    monkeypatch.setattr(alsa, "meant", lambda _half: "hw:CARD=Meant")
    module = types.ModuleType("alsaaudio")
    vars(module).update(
        PCM_CAPTURE=CAPTURE,
        PCM_PLAYBACK=PLAYBACK,
        PCM_NONBLOCK=1,
        PCM_FORMAT_S16_LE=S16,
        ALSAAudioError=ALSAAudioError,
        PCM=lambda type, mode, device, rate, channels, format, periodsize, periods: FakePcm(world, type, device, rate, periodsize, periods),
        cards=lambda: list(world.cards),
        card_indexes=lambda: list(range(len(world.cards))),
        card_name=lambda index: list(world.cards.values())[index],
    )
    monkeypatch.setitem(sys.modules, "alsaaudio", module)
    yield world
    for pcm in world.pcms:
        pcm.close()


def settings(device: str = "hw:CARD=Device", rate_hz: int = 16_000, capture_device: str | None = None) -> SoundSettings:
    return SoundSettings(device=device, rate_hz=rate_hz, capture_device=capture_device)


def period(value: int, samples: int = 320) -> bytes:
    return value.to_bytes(2, "little") * samples


@pytest.mark.parametrize(
    ("supported", "wanted", "got"),
    [
        ((8_000, 16_000, 48_000), 16_000, 16_000),
        ((44_100, 48_000), 16_000, 48_000),  # a whole multiple is cheaper to convert than a nearer rate
        ((44_100,), 16_000, 44_100),
        ((8_000,), 16_000, 8_000),
        ((8_000, 32_000), 16_000, 32_000),  # rather too much than too little
        ((24_000, 48_000), 16_000, 48_000),  # a rate that the media core does not convert is no rate
    ],
)
def test_the_supported_rate_that_fits_best_is_opened(world: World, supported: tuple[int, ...], wanted: int, got: int) -> None:
    world.rates = supported
    duplex = alsa.open_duplex(settings(rate_hz=wanted))
    assert duplex.format.rate_hz == got
    assert duplex.format.period_samples == got // 50
    assert sum(not pcm.closed for pcm in world.pcms) == 2


def test_both_directions_run_at_one_rate(world: World) -> None:
    world.rates, world.playback_rates = (16_000, 48_000), (44_100, 48_000)
    assert alsa.open_duplex(settings()).format.rate_hz == 48_000


def test_a_given_rate_is_the_only_one_tried(world: World) -> None:
    world.cards["X"] = ("X", "X")
    world.rates = (48_000,)
    duplex = alsa.open_duplex(settings(), rate_hz=16_000)
    assert (duplex.format.rate_hz, world.opened[-1][1]) == (16_000, "plughw:CARD=Device")


def test_a_card_without_16_bit_is_opened_through_the_plug_layer(world: World) -> None:
    world.hw_format = S32
    alsa.open_duplex(settings())
    assert world.opened[-1] == (PLAYBACK, "plughw:CARD=Device", 16_000)


def test_a_device_that_cannot_do_it_at_all_says_so(world: World) -> None:
    world.hw_format, world.plugs = S32, False
    with pytest.raises(HardwareError, match="do not run together"):
        alsa.open_duplex(settings())
    assert all(pcm.closed for pcm in world.pcms)


@pytest.mark.parametrize(
    ("device", "opened"),
    [
        ("default", "hw:CARD=Meant"),
        ("plughw:1,0", "plughw:1,0"),
        ("usb pnp", "hw:CARD=Device"),
        ("c-media", "hw:CARD=Device"),
        ("Device", "hw:CARD=Device"),
        ("hw:CARD=0,DEV=0", "hw:CARD=0,DEV=0"),
        ("panel", "panel"),  # a device of the machine's own ALSA configuration
    ],
)
def test_a_card_is_found_by_a_piece_of_its_name(world: World, device: str, opened: str) -> None:
    alsa.open_duplex(settings(device))
    assert world.opened[-1][1] == opened


def test_a_named_card_that_is_not_there_is_not_even_asked_for(world: World) -> None:
    with pytest.raises(HardwareError, match="no card Gone is plugged in"):
        alsa.open_duplex(settings("hw:CARD=Gone,DEV=0"))
    assert world.opened == []


def test_a_microphone_on_another_card_is_opened_there(world: World) -> None:
    world.cards["Mic"] = ("Lavalier", "Lavalier at usb-1.2")
    alsa.open_duplex(settings(capture_device="lavalier"))
    assert world.opened == [(CAPTURE, "hw:CARD=Mic", 16_000), (PLAYBACK, "hw:CARD=Device", 16_000)]


@pytest.mark.parametrize(("kind", "half"), [(CAPTURE, Half.MICROPHONE), (PLAYBACK, Half.SPEAKER)])
def test_the_half_of_a_card_is_opened_and_says_which_one_lacks_and_why(world: World, kind: int, half: Half) -> None:
    world.broken.add(kind)
    duplex = alsa.open_duplex(settings())
    why = f"{half.name.lower()} hw:CARD=Device cannot be opened: Device or resource busy [hw:CARD=Device]"
    assert duplex.lack == Lack(half, why)
    assert [pcm.kind for pcm in world.pcms] == [PLAYBACK if kind == CAPTURE else CAPTURE]
    duplex.close()
    assert world.pcms[0].closed


def test_the_half_that_is_there_decides_over_the_rate(world: World) -> None:
    world.broken.add(CAPTURE)
    world.rates, world.playback_rates = (16_000,), (44_100, 48_000)
    assert alsa.open_duplex(settings()).format.rate_hz == 48_000


def test_a_card_of_which_neither_half_can_be_opened_cannot_be(world: World) -> None:
    world.broken = {CAPTURE, PLAYBACK}
    with pytest.raises(HardwareError, match="microphone hw:CARD=Device cannot be opened"):
        alsa.open_duplex(settings())


def test_a_microphone_that_is_doubted_is_not_opened_before_it_is_asked_to_join(world: World) -> None:
    duplex = alsa.open_duplex(settings(), speaker_leads=True)
    assert [pcm.kind for pcm in world.pcms] == [PLAYBACK]
    assert duplex.lack == Lack(Half.MICROPHONE, "microphone: it gave no sound the last time")
    duplex.mend()
    assert world.opened[-1] == (CAPTURE, "hw:CARD=Device", 16_000)


def test_who_doubts_the_microphone_of_a_card_without_a_speaker_gets_the_microphone(world: World) -> None:
    world.broken.add(PLAYBACK)
    duplex = alsa.open_duplex(settings(), speaker_leads=True)
    assert duplex.lack is not None
    assert duplex.lack.half is Half.SPEAKER


@pytest.mark.parametrize("kind", [CAPTURE, PLAYBACK])
def test_a_half_that_is_found_again_is_opened_in_the_format_of_the_other_if_need_be_through_the_plug_layer(world: World, kind: int) -> None:
    world.broken.add(kind)
    duplex = alsa.open_duplex(settings())
    world.broken.clear()
    world.rates = world.playback_rates = (48_000,)
    duplex.mend()
    assert world.opened[-2:] == [(kind, "hw:CARD=Device", 16_000), (kind, "plughw:CARD=Device", 16_000)]


def test_a_half_that_does_not_run_as_the_other_goes_on_lacking(world: World) -> None:
    world.broken.add(CAPTURE)
    duplex = alsa.open_duplex(settings())
    world.broken.clear()
    world.rates, world.plugs = (48_000,), False
    duplex.mend()
    assert duplex.lack == Lack(Half.MICROPHONE, "microphone: it does not run as the other half does")
    assert all(pcm.closed for pcm in world.pcms if pcm.kind == CAPTURE)


def opened(world: World) -> tuple[Duplex, FakePcm, FakePcm]:
    duplex = alsa.open_duplex(settings())
    return duplex, world.pcm(CAPTURE, "hw:CARD=Device"), world.pcm(PLAYBACK, "hw:CARD=Device")


def test_the_speaker_is_primed_with_two_periods_of_silence(world: World) -> None:
    _, _, speaker = opened(world)
    assert speaker.written == [bytes(2 * 640)]


def test_a_period_is_put_together_from_what_the_card_gives(world: World) -> None:
    duplex, microphone, _ = opened(world)
    microphone.reads = [(100, period(1, 100)), (0, b""), (320, period(2, 320)), (220, period(3, 220))]
    assert duplex.read() == period(1, 100) + period(2, 220)
    assert duplex.read() == period(2, 100) + period(3, 220)
    assert duplex.overruns == 0


def test_an_overrun_is_counted_and_the_microphone_started_again(world: World) -> None:
    duplex, microphone, _ = opened(world)
    microphone.reads = [(100, period(1, 100)), (-32, b""), (0, b""), (320, period(2))]
    assert duplex.read() == period(2)
    assert duplex.overruns == 1


def test_two_channels_become_one_and_one_becomes_two(world: World) -> None:
    world.channels = world.playback_channels = 2
    duplex, microphone, speaker = opened(world)
    microphone.reads = [(320, (period(5, 1) + period(9, 1)) * 320)]
    assert duplex.read() == period(5)
    duplex.write(period(6, 1) + period(7, 319))
    assert speaker.written[1:] == [period(6, 2) + period(7, 638)]


def test_a_short_write_is_continued_with_the_next_period(world: World) -> None:
    duplex, _, speaker = opened(world)
    speaker.room = [100]
    duplex.write(period(1))
    duplex.write(period(2))
    assert speaker.written[1:] == [period(1, 100), period(1, 220) + period(2)]
    assert duplex.short_writes == 1


def test_a_speaker_that_falls_behind_drops_the_older_sound(world: World) -> None:
    duplex, _, speaker = opened(world)
    speaker.room = [0, 0]
    duplex.write(period(1))
    duplex.write(period(2))
    duplex.write(period(3))
    assert speaker.written[1:] == [period(2) + period(3)]
    assert duplex.short_writes == 2


def test_an_underrun_is_healed_with_a_period_and_a_half_of_silence_and_the_sound(world: World) -> None:
    duplex, _, speaker = opened(world)
    speaker.room = [-32]
    duplex.write(period(1))
    assert speaker.written[1:] == [bytes(640 + 320), period(1)]
    assert (duplex.underruns, duplex.short_writes) == (1, 0)
    assert duplex.reserve_ms == 10.0


def test_a_card_that_ran_dry_begins_with_more_that_waits_the_next_time(world: World) -> None:
    alsa.open_duplex(settings()._replace(reserve_ms=30.0)).close()
    assert world.pcms[1].written == [bytes(2 * 640 + 3 * 320)]


def test_a_speaker_has_room_for_all_that_may_ever_wait(world: World) -> None:
    _, microphone, speaker = opened(world)
    assert speaker.periods * 20 == 3 * 20 + MORE_MS_MAX
    assert microphone.periods == 3


def test_no_more_waits_in_a_roomy_speaker_than_the_unrest_of_a_thread_needs(world: World) -> None:
    duplex, _, speaker = opened(world)
    speaker.fill_before_write = 2 * 320 + 100
    duplex.write(period(1))
    assert speaker.written[1:] == [period(1, 220)]
    speaker.fill_before_write = 3 * 320
    duplex.write(period(2))
    assert (len(speaker.written), duplex.short_writes) == (2, 2)
    speaker.fill_before_write = 320
    duplex.write(period(3))
    assert speaker.written[2:] == [period(2) + period(3)]  # the rest of the first is too old by now


def test_a_card_that_is_gone_raises_when_its_second_half_is_asked(world: World) -> None:
    duplex, microphone, speaker = opened(world)
    microphone.reads = [ALSAAudioError("No such device")]
    speaker.room = [ALSAAudioError("No such device")]
    assert duplex.read() == bytes(640)
    with pytest.raises(HardwareError, match="speaker: No such device"):
        duplex.write(period(1))
    duplex.close()
    assert microphone.closed
    assert speaker.closed


def test_a_poll_that_fails_is_a_microphone_that_is_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    duplex, microphone, _ = opened(world)

    def dead(_descriptors: list[tuple[int, int]]) -> int:
        raise ALSAAudioError("No such device")

    monkeypatch.setattr(microphone, "polldescriptors_revents", dead)
    assert duplex.read() == bytes(640)
    assert duplex.lack == Lack(Half.MICROPHONE, "microphone: No such device")


def test_a_dead_device_that_cannot_even_be_closed_does_not_keep_the_other_open(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    duplex, microphone, speaker = opened(world)
    close = microphone.close

    def dead() -> None:
        close()
        raise ALSAAudioError("No such device")

    monkeypatch.setattr(microphone, "close", dead)
    duplex.close()
    monkeypatch.undo()
    assert speaker.closed


def test_a_hang_up_on_the_descriptor_is_a_microphone_that_is_gone(world: World) -> None:
    duplex, microphone, _ = opened(world)
    microphone.events = select.POLLHUP
    assert duplex.read() == bytes(640)
    assert duplex.lack == Lack(Half.MICROPHONE, "microphone: the device is gone")


def test_a_microphone_that_falls_silent_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    duplex, microphone, _ = opened(world)
    monkeypatch.setattr(capture, "STALL_MS", 1)
    microphone.drain()
    assert duplex.read() == bytes(640)
    assert duplex.lack == Lack(Half.MICROPHONE, "microphone: no sound has come for 1 ms")
    assert microphone.closed


def test_a_speaker_that_dies_while_it_is_primed_is_closed_and_lacks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(_self: FakePcm, _data: bytes) -> int:
        raise ALSAAudioError("No such device")

    monkeypatch.setattr(FakePcm, "write", dead)
    duplex = alsa.open_duplex(settings())
    assert duplex.lack == Lack(Half.SPEAKER, "speaker: No such device")
    assert [pcm.closed for pcm in world.pcms] == [False, True]


def test_a_speaker_that_falls_behind_gets_shorter_periods_and_a_fast_one_longer(world: World) -> None:
    for fill, longer in ((560, False), (0, True)):
        duplex = alsa.open_duplex(settings())
        speaker = world.pcm(PLAYBACK, "hw:CARD=Device")
        for _ in range(150):
            duplex.write(period(7))
        before = len(speaker.written)
        speaker.fill_before_write = fill
        for _ in range(600):
            duplex.write(period(7))
        lengths = {len(data) // 2 for data in speaker.written[before:]}
        assert lengths == ({320, 321} if longer else {320, 319})
        duplex.close()


def test_a_speaker_that_cannot_say_its_fill_is_written_to_all_the_same(world: World) -> None:
    duplex = alsa.open_duplex(settings())
    speaker = world.pcm(PLAYBACK, "hw:CARD=Device")
    speaker.stalled = True
    duplex.write(period(7))
    assert speaker.written[-1] == period(7)
    duplex.close()
