"""The volumes of a sound card, which its driver keeps apart from its sound: as configured, and never mute.

Most cards have a handful of controls with well-known names (the kernel's Documentation/sound/designs/control-names.rst). Of each direction
the first of its `names` that is there is its volume. Many cards are mute until somebody has set them once, and in a device without a
screen nobody does: a control that is mute or at nothing is opened, whether or not a volume is configured. What leads the microphone
straight to the loudspeaker, or changes its gain behind the echo canceller's back, is switched off. All else stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

FIRST_PERCENT: Final = 80  # of a volume that was mute or at nothing, and of which the configuration says nothing
FURTHER_PERCENT: Final = 100  # of one behind it: two that are turned down are too quiet
MEDDLERS: Final = ("Auto Gain Control", "AGC", "Mic AGC")
ALL_CHANNELS: Final = -1


class Control(Protocol):
    """What is used of `alsaaudio.Mixer`."""

    def volumecap(self) -> list[str]: ...
    def switchcap(self) -> list[str]: ...
    def getvolume(self, pcmtype: int, /) -> list[int]: ...
    def setvolume(self, volume: int, channel: int, pcmtype: int, /) -> None: ...
    def getmute(self) -> list[int]: ...
    def setmute(self, mute: int, /) -> None: ...
    def getrec(self) -> list[int]: ...
    def setrec(self, capture: int, /) -> None: ...


class Volume(NamedTuple):
    """What one direction of a card is set to. `percent` of its control's range, as alsamixer has it below its bars."""

    of: str
    control: str
    percent: int


class Direction(NamedTuple):
    """The controls of one direction by name, in order of preference, and how ALSA calls its half of a control."""

    of: str
    half: str
    pcmtype: int
    names: tuple[str, ...]


ROUTES: Final = ("Left Output Mixer PCM", "Right Output Mixer PCM")  # of the WM8960, off until they are switched on
OUTPUTS: Final = (
    "Master",
    "Speaker",
    "PCM",
    "Headphone",
    "Digital",
    "DAC",
    "Playback",
    "Line Out",
    "Lineout",
    "Front",
    "Analogue",
    "Headset",
)
SPEAKER: Final = Direction("loudspeaker", "Playback", 0, (*OUTPUTS, *ROUTES))
MICROPHONE: Final = Direction(
    "microphone", "Capture", 1, ("Mic", "Capture", "Microphone", "Internal Mic", "Headset Mic", "Headset", "ADC", "Digital", "Input")
)


def adjust(controls: Mapping[str, Control], direction: Direction, percent: int | None) -> list[Volume]:
    """Set one direction of a card; what its first control is set to, if there is one. `percent` None: as it is, if it is to be heard."""
    for name, control in controls.items():
        if name in MEDDLERS:
            _switch(control, "Capture", on=False)
        if name in MEDDLERS or (name in MICROPHONE.names and name not in SPEAKER.names):
            _switch(control, "Playback", on=False)  # of a microphone: its way to the loudspeaker
    theirs = [name for name in direction.names if name in controls and _belongs(controls[name], direction)]
    volumes = [Volume(direction.of, name, _opened(controls[name], direction, percent, FIRST_PERCENT)) for name in theirs[:1]]
    if direction is SPEAKER:  # of microphones one is listened to
        for name in theirs[1:]:
            _opened(controls[name], direction, None, FURTHER_PERCENT)
    return volumes


def _opened(control: Control, direction: Direction, asked: int | None, otherwise: int) -> int:
    """Set to what is asked for, and not mute; without a wish as it is, unless nothing would be heard. In percent."""
    was_shut = _switch(control, direction.half, on=True)
    if not _has_volume(control, direction):
        return 100
    is_at = max(control.getvolume(direction.pcmtype), default=0)
    wanted = asked if asked is not None else otherwise if was_shut or not is_at else is_at
    if wanted != is_at:
        control.setvolume(wanted, ALL_CHANNELS, direction.pcmtype)
    return wanted


def _switch(control: Control, half: str, *, on: bool) -> bool:
    """Switch that half of a control on or off, if it can be; whether it was otherwise."""
    if not _has_switch(control, half):
        return False
    if half == "Capture":
        was_on = any(control.getrec())
        if was_on != on:
            control.setrec(int(on))
    else:
        was_on = not all(control.getmute())
        if was_on != on:
            control.setmute(int(not on))
    return was_on != on


def _belongs(control: Control, direction: Direction) -> bool:
    return _has_volume(control, direction) or _has_switch(control, direction.half)


def _has_volume(control: Control, direction: Direction) -> bool:
    return any(each.endswith(f"{direction.half} Volume") for each in control.volumecap())


def _has_switch(control: Control, half: str) -> bool:
    return any(each.endswith(f"{half} Mute") for each in control.switchcap())
