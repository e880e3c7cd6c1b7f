"""The volumes of cards as they are sold: which of their controls are set, which are left alone, and that nobody stays mute."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass

import pytest

from hw import alsa
from hw.alsa import set_up
from hw.mixer import MICROPHONE, SPEAKER, Direction, Volume, adjust
from hw.settings import SoundSettings

PLAYBACK, CAPTURE = 0, 1


@dataclass
class Knob:
    """One control. None: it lacks that half's volume or switch."""

    playback: int | None = None
    playback_on: bool | None = None
    capture: int | None = None
    capture_on: bool | None = None
    joined: str = ""
    touched: int = 0

    def volumecap(self) -> list[str]:
        halves = (("Playback", self.playback), ("Capture", self.capture))
        return [f"{self.joined}{half} Volume" for half, volume in halves if volume is not None]

    def switchcap(self) -> list[str]:
        halves = (("Playback", self.playback_on), ("Capture", self.capture_on))
        return [f"{self.joined}{half} Mute" for half, is_on in halves if is_on is not None]

    def getvolume(self, pcmtype: int, /) -> list[int]:
        volume = self.playback if pcmtype == PLAYBACK else self.capture
        assert volume is not None
        return [volume]

    def setvolume(self, volume: int, channel: int, pcmtype: int, /) -> None:
        assert channel == -1
        self.touched += 1
        if pcmtype == PLAYBACK:
            assert self.playback is not None
            self.playback = volume
        else:
            assert self.capture is not None
            self.capture = volume

    def getmute(self) -> list[int]:
        assert self.playback_on is not None
        return [int(not self.playback_on)]

    def setmute(self, mute: int, /) -> None:
        assert self.playback_on is not None
        self.touched += 1
        self.playback_on = not mute

    def getrec(self) -> list[int]:
        assert self.capture_on is not None
        return [int(self.capture_on)]

    def setrec(self, capture: int, /) -> None:
        assert self.capture_on is not None
        self.touched += 1
        self.capture_on = bool(capture)


def usb_dongle() -> dict[str, Knob]:
    """A C-Media USB sound card: the microphone can be heard in the loudspeaker, and has a gain control of its own."""
    return {
        "Speaker": Knob(playback=60, playback_on=True),
        "Mic": Knob(playback=30, playback_on=True, capture=70, capture_on=True, joined="Joined "),
        "Auto Gain Control": Knob(playback_on=True, joined="Joined "),
    }


def mute_codec() -> dict[str, Knob]:
    """A card that nobody has set yet."""
    return {"Master": Knob(playback=0, playback_on=False), "Capture": Knob(capture=0, capture_on=False)}


def hat() -> dict[str, Knob]:
    """A board with a WM8960, as its driver has it after power on (a part of its controls)."""
    return {
        "Headphone": Knob(playback=0),
        "Speaker": Knob(playback=0),
        "Speaker AC": Knob(playback=0),
        "Playback": Knob(playback=100),
        "Left Output Mixer PCM": Knob(playback_on=False),
        "Right Output Mixer PCM": Knob(playback_on=False),
        "Left Output Mixer LINPUT3": Knob(playback_on=False),
        "Capture": Knob(capture=62, capture_on=False),
        "ADC PCM": Knob(capture=76),
    }


def set_both(knobs: dict[str, Knob], speaker: int | None = None, microphone: int | None = None) -> list[Volume]:
    return [*adjust(knobs, SPEAKER, speaker), *adjust(knobs, MICROPHONE, microphone)]


def test_volumes_that_are_configured_are_set() -> None:
    knobs = usb_dongle()
    assert set_both(knobs, 90, 40) == [Volume("loudspeaker", "Speaker", 90), Volume("microphone", "Mic", 40)]
    assert (knobs["Speaker"].playback, knobs["Mic"].capture) == (90, 40)


def test_volumes_that_are_not_configured_stay_as_they_are() -> None:
    knobs = usb_dongle()
    assert set_both(knobs) == [Volume("loudspeaker", "Speaker", 60), Volume("microphone", "Mic", 70)]
    assert knobs["Speaker"].touched == 0


def test_the_microphone_is_not_heard_in_the_loudspeaker_and_no_other_hand_is_at_its_gain() -> None:
    knobs = usb_dongle()
    set_both(knobs)
    assert (knobs["Mic"].playback_on, knobs["Mic"].capture_on) == (False, True)
    assert knobs["Auto Gain Control"].playback_on is False
    knobs["Auto Gain Control"] = Knob(capture_on=True)
    set_both(knobs)
    assert knobs["Auto Gain Control"].capture_on is False


def test_a_card_that_is_mute_is_opened() -> None:
    knobs = mute_codec()
    assert set_both(knobs) == [Volume("loudspeaker", "Master", 80), Volume("microphone", "Capture", 80)]
    assert knobs == {
        "Master": Knob(playback=80, playback_on=True, touched=2),
        "Capture": Knob(capture=80, capture_on=True, touched=2),
    }


@pytest.mark.parametrize("percent", [0, 100])
def test_what_is_asked_for_is_set_on_a_mute_card_too_nothing_included(percent: int) -> None:
    knobs = mute_codec()
    assert [each.percent for each in set_both(knobs, percent, percent)] == [percent, percent]
    assert (knobs["Master"].playback, knobs["Capture"].capture) == (percent, percent)


def test_routes_that_are_off_are_switched_on_and_what_is_unknown_is_left_alone() -> None:
    knobs = hat()
    assert set_both(knobs, 70, None) == [Volume("loudspeaker", "Speaker", 70), Volume("microphone", "Capture", 80)]
    assert (knobs["Speaker"].playback, knobs["Headphone"].playback, knobs["Playback"].playback) == (70, 100, 100)
    assert knobs["Left Output Mixer PCM"].playback_on
    assert knobs["Right Output Mixer PCM"].playback_on
    assert [name for name, knob in knobs.items() if not knob.touched] == ["Speaker AC", "Playback", "Left Output Mixer LINPUT3", "ADC PCM"]


def test_a_card_without_controls_is_as_loud_as_it_is() -> None:
    assert set_both({}, 50, 50) == []
    assert set_both({"Boost": Knob(capture=3)}, 50, 50) == []


def test_a_second_look_changes_nothing() -> None:
    knobs = hat()
    set_both(knobs, 70, 60)
    touched = [knob.touched for knob in knobs.values()]
    set_both(knobs, 70, 60)
    assert [knob.touched for knob in knobs.values()] == touched


class ALSAAudioError(Exception):
    """As in the library."""


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Knob]]:
    """Mixers by device; a device that is not among them has none. No card is meant by none."""
    monkeypatch.setattr(alsa, "meant", lambda _half: "default")
    mixers: dict[str, dict[str, Knob]] = {}
    module = types.ModuleType("alsaaudio")

    def names(*, device: str) -> list[str]:
        if device not in mixers:
            raise ALSAAudioError(f"No such file or directory [{device}]")
        return list(mixers[device])

    vars(module).update(
        ALSAAudioError=ALSAAudioError,
        mixers=names,
        Mixer=lambda control, device: mixers[device][control],
        card_indexes=lambda: [0],
        cards=lambda: ["Device"],
        card_name=lambda index: ("USB PnP Sound Device", "C-Media USB PnP"),
    )
    monkeypatch.setitem(sys.modules, "alsaaudio", module)
    return mixers


def test_each_direction_is_set_on_its_own_card(cards: dict[str, dict[str, Knob]]) -> None:
    cards["hw:CARD=Device"], cards["mic"] = usb_dongle(), mute_codec()
    settings = SoundSettings(device="USB PnP", capture_device="mic", speaker_percent=55, microphone_percent=65)
    assert set_up(settings) == (Volume("loudspeaker", "Speaker", 55), Volume("microphone", "Capture", 65))
    assert cards["hw:CARD=Device"]["Mic"].capture == 70


@pytest.mark.parametrize("device", ["plughw:CARD=Device,DEV=0", "hw:CARD=Device,DEV=1", "Device"])
def test_the_mixer_is_that_of_the_card_whichever_way_one_of_its_devices_is_named(cards: dict[str, dict[str, Knob]], device: str) -> None:
    cards["hw:CARD=Device"] = usb_dongle()
    assert set_up(SoundSettings(device=device, speaker_percent=55))[0] == Volume("loudspeaker", "Speaker", 55)


def test_a_card_without_a_mixer_or_that_is_not_there_has_no_volumes(cards: dict[str, dict[str, Knob]]) -> None:
    assert set_up(SoundSettings(device="default")) == ()
    assert set_up(SoundSettings(device="hw:CARD=Missing")) == ()


def test_a_mixer_that_does_not_obey_keeps_nobody_from_talking(cards: dict[str, dict[str, Knob]], monkeypatch: pytest.MonkeyPatch) -> None:
    def unwilling(_controls: object, direction: Direction, _percent: object) -> list[Volume]:
        if direction is SPEAKER:
            raise ALSAAudioError("Operation not permitted")
        return [Volume("microphone", "Mic", 5)]

    cards["default"] = usb_dongle()
    monkeypatch.setattr(alsa, "adjust", unwilling)
    assert set_up(SoundSettings(device="default")) == (Volume("microphone", "Mic", 5),)
