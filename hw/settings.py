"""What is wired where: plain values from which `hw.build` makes a board. They say nothing of files, keys or formats.

GPIO numbers are those of the Broadcom chip (BCM numbering, `GPIO17`), never header positions. `active_high` is the level that the
configuration calls active: a button between pin and ground with a pull-up is active low.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Pull(Enum):
    """The chip's own resistor at an input (about 50 kOhm); `NONE` needs one on the panel's side."""

    UP = "up"
    DOWN = "down"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSettings:
    """A bell button, door contact, request-to-exit or tamper line.

    `debounce_ms` (10 to 200): how long a level must last unbroken before it counts. `min_active_ms` (0 to 5000): shorter activity is not
    reported at all. `stuck_after_s`: a button that stays active longer is reported as a `DeviceFault`, once; None for contacts, which may
    be active for days.
    """

    name: str
    gpio: int
    pull: Pull = Pull.UP
    active_high: bool = False
    debounce_ms: int = 30
    min_active_ms: int = 0
    stuck_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """A lock's relay. `max_closed_s` is the driver's own limit of one closing, whatever the program asks for."""

    name: str
    gpio: int
    active_high: bool = True
    max_closed_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LampSettings:
    """A panel light or status LED."""

    name: str
    gpio: int
    active_high: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundSettings:
    """A sound card: an ALSA device (`hw:CARD=Device`, `default`) or a piece of the card's name (`USB PnP`).

    The card runs at the supported rate nearest to `rate_hz`; `SoundCard.open` tells which. `capture_device` only when the microphone is
    on another card. `period_ms` is 10 or 20.
    """

    device: str = "default"
    capture_device: str | None = None
    rate_hz: int = 16_000
    period_ms: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderSettings:
    """A card reader at a serial port, which has a stable name such as `/dev/serial0` or `/dev/serial/by-id/...`.

    The same card is reported again only after it was out of the field for `repeat_after_ms`.
    """

    name: str
    port: str
    baud: int = 9600
    repeat_after_ms: int = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSettings:
    """Everything screwed to the wall. Names are unique within each kind, GPIO numbers over all."""

    buttons: tuple[InputSettings, ...] = ()
    contacts: tuple[InputSettings, ...] = ()
    relays: tuple[RelaySettings, ...] = ()
    lamps: tuple[LampSettings, ...] = ()
    readers: tuple[ReaderSettings, ...] = ()
    sound: SoundSettings = SoundSettings()
