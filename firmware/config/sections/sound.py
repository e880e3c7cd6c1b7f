"""The sound card and what is heard: [audio], [[sound]], [[paging]]."""

# Without `from __future__ import annotations`: `load` reads the types themselves (see `schema`).

from typing import Annotated, Literal, NamedTuple

from firmware.config.checks import between
from firmware.config.sections.values import Name, Text


class Audio(NamedTuple):
    """[audio]: the sound card and what travels."""

    device: Text = "default"  # an ALSA device, or a piece of the card's name; "default": the first card with both halves
    capture_device: str | None = None  # None: the same card
    rate_hz: Literal[8000, 16000, 32000, 44100, 48000] = 16000
    period_ms: Literal[10, 20] = 20
    speaker_volume: Annotated[int, between(0, 100, "%")] | None = None  # of the card; None: as it is, unless it is mute
    microphone_volume: Annotated[int, between(0, 100, "%")] | None = None
    codecs: tuple[Literal["opus", "G722", "L16", "PCMA", "PCMU"], ...] = ("opus", "G722", "PCMA", "PCMU")  # in order of preference
    redundancy: bool = True  # offer copies of packets (RFC 2198), sent while the other side reports loss
    comfort_noise: bool = False  # true: nothing but the level of the noise travels while nobody speaks (RFC 3389, DTX of Opus)
    tone_digits: bool = True  # listen for digits in the sound when the other side offers no better way
    prompts: Literal["off", "en", "de", "es", "fr", "it"] = "off"  # spoken words with the tones
    echo: Literal["cancel", "half_duplex", "off"] = "cancel"  # of the loudspeaker in the microphone
    noise_suppression: bool = True
    gain_control: bool = True  # near and far visitors are heard alike
    louder_in_noise_db: Annotated[int, between(0, 12, "dB")] = 6  # how much the loudspeaker may rise with the street's noise


class OwnSound(NamedTuple):
    """[[sound]]: a WAV file of one's own in place of a tone of the panel, or only its volume."""

    event: Literal["ringback", "beep", "error", "opened", "ended", "chime", "nobody", "speak", "wrong", "unknown"]
    file: Text | None = None  # None: the tone, or the spoken prompt
    volume_db: Annotated[int, between(-40, 12, "dB")] = 0


class Paging(NamedTuple):
    """[[paging]]: a group of the network that the door announces to (`portero ctl page`), or listens to."""

    name: Name
    address: Text  # of the group, with its port: "239.255.12.1:5004"
    interface: Text | None = None  # "eth0"; None: that of network.bind, or what the kernel's routes say
    codec: Literal["opus", "G722", "PCMA", "PCMU"] = "G722"  # in which we speak; all of them are understood
    payload_type: Annotated[int, between(96, 127)] = 96  # of Opus, which has no number of its own
    listen: bool = False  # announcements to the group are heard at the door
    priority: Annotated[int, between(1, 10)] = 5  # 1 is heard before 10
    over_calls: bool = False  # true: heard during a call too, which is not played meanwhile
    limit_s: Annotated[float, between(1, 600, "s")] = 60.0  # of one announcement
