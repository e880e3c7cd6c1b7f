"""What is wired where: plain values from which `hw.build` makes a board. They say nothing of files, keys or formats.

GPIO numbers are those of the Broadcom chip (BCM numbering, `GPIO17`), never header positions. `active_high` is the level that the
configuration calls active: a button between pin and ground with a pull-up is active low.

Named tuples, because every station pays for making the classes, and a dataclass costs several times as much.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Pull(Enum):
    """The chip's own resistor at an input (about 50 kOhm); `NONE` needs one on the panel's side."""

    UP = "up"
    DOWN = "down"
    NONE = "none"


class InputSettings(NamedTuple):
    """A bell button, door contact, request-to-exit or tamper line.

    `debounce_ms` (10 to 200): how long a level must last unbroken before it counts. `min_active_ms` (0 to 5000): shorter activity is not
    reported at all. `stuck_after_s`: a button that stays active longer is reported as a `DeviceFault`, once; None for contacts, which may
    be active for days.

    `opens` makes a contact a request to exit that needs no program: when it becomes active, the driver itself closes the relay of that
    name for `opens_s`, within the relay's maximum, and reports afterwards (`RelayEdge.by`).
    """

    name: str
    gpio: int
    pull: Pull = Pull.UP
    active_high: bool = False
    debounce_ms: int = 30
    min_active_ms: int = 0
    stuck_after_s: float | None = None
    opens: str | None = None
    opens_s: float = 5.0


class RelaySettings(NamedTuple):
    """A lock's relay. `max_closed_s` is the driver's own limit of one closing, whatever the program asks for.

    `may_hold` grants `Relay.hold`, the one way past the maximum: for a strike or motor that bears current all day.
    """

    name: str
    gpio: int
    active_high: bool = True
    max_closed_s: float = 30.0
    may_hold: bool = False


class LampSettings(NamedTuple):
    """A panel light or status LED."""

    name: str
    gpio: int
    active_high: bool = True


class SoundSettings(NamedTuple):
    """A sound card: an ALSA device (`hw:CARD=Device`), a piece of the card's name (`USB PnP`), or `default` (see `hw.cards`).

    The card runs at the supported rate nearest to `rate_hz`; `SoundCard.open` tells which. `capture_device` only when the microphone is
    on another card. `period_ms` is 10 or 20. `reserve_ms`: what is to wait in the speaker beyond one period from
    the beginning, for a machine that has run dry before. `speaker_percent`, `microphone_percent`: of the ranges of the card's volumes;
    None: as they are, unless they are mute.
    """

    device: str = "default"
    capture_device: str | None = None
    rate_hz: int = 16_000
    period_ms: int = 20
    reserve_ms: float = 0.0
    speaker_percent: int | None = None
    microphone_percent: int | None = None


class ReaderKind(Enum):
    """What speaks at a serial port, and how."""

    RDM6300 = "rdm6300"
    PN532 = "pn532"
    WIEGAND_BRIDGE = "wiegand-bridge"
    KEYPAD = "keypad"


class ReaderSettings(NamedTuple):
    """A card reader or keypad at a serial port, which has a stable name such as `/dev/serial0` or `/dev/serial/by-id/...`.

    `baud` None is what such devices are delivered with: 115200 for a PN532, 9600 for the others. The same card is reported again only
    after it was out of the field for `repeat_after_ms`; a card that stays for `held_after_ms` is reported once more as held (None: never).
    """

    name: str
    port: str
    kind: ReaderKind = ReaderKind.RDM6300
    baud: int | None = None
    repeat_after_ms: int = 1500
    held_after_ms: int | None = 4000


class WiegandSettings(NamedTuple):
    """A Wiegand reader, with or without keys, at two pins; its keys are reported under its name.

    A frame ends with `gap_ms` (10 to 200) of silence. `repeat_after_ms` and `held_after_ms` as in `ReaderSettings`; held needs a reader
    that repeats its card while it is there.
    """

    name: str
    gpio_d0: int
    gpio_d1: int
    pull: Pull = Pull.UP
    gap_ms: int = 50
    repeat_after_ms: int = 1500
    held_after_ms: int | None = 4000


class KeypadSettings(NamedTuple):
    """A matrix keypad: `keys` has a line for each row with a character for each column (`"123", "456", "789", "*0#"`).

    `debounce_ms` (10 to 200): how long a key must be down unbroken before it counts, and up before it counts again.
    """

    name: str
    gpio_rows: tuple[int, ...]
    gpio_columns: tuple[int, ...]
    keys: tuple[str, ...] = ("123", "456", "789", "*0#")
    debounce_ms: int = 30


class BoardSettings(NamedTuple):
    """Everything screwed to the wall. Names are unique within each kind (readers, Wiegand and keypads are one), GPIO numbers over all."""

    buttons: tuple[InputSettings, ...] = ()
    contacts: tuple[InputSettings, ...] = ()
    relays: tuple[RelaySettings, ...] = ()
    lamps: tuple[LampSettings, ...] = ()
    readers: tuple[ReaderSettings, ...] = ()
    wiegand: tuple[WiegandSettings, ...] = ()
    keypads: tuple[KeypadSettings, ...] = ()
    sound: SoundSettings = SoundSettings()


class CameraKind(Enum):
    """Who takes pictures."""

    RPICAM = "rpicam"
    V4L2 = "v4l2"
    FILE = "file"


class CameraSettings(NamedTuple):
    """A camera. `device` is the number of a Raspberry Pi's camera (`0`), a device (`/dev/video0`), or a file of H.264 that is played.

    `width` and `height` in pixels; `keyframe_s` is how often a picture comes that needs no other, hence how long somebody who has
    lost one waits.
    """

    kind: CameraKind
    device: str
    width: int = 640
    height: int = 480
    fps: int = 15
    bitrate_kbps: int = 600
    keyframe_s: float = 1.0
