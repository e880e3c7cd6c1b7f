"""What a door is made of, as the program sees it: frozen events in, a few verbs out.

Drivers (`hw.gpio`, `hw.alsa`, `hw.serial_port`) and the door in memory (`hw.simulated`) implement these protocols; nothing outside
`hw` imports a third-party hardware library. `hw` knows nothing of the program that uses it.

Threads: a `Sink` may be called on any thread (gpiozero and the serial reader have their own). The program's sink hands over to its
event loop through a bounded queue and returns at once; a driver never waits in it. Times are `time.monotonic_ns()` readings taken as
close to the edge as possible.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple, Protocol


class HardwareError(Exception):
    """A device could not be opened or driven; the text names the device and the remedy."""


class RelayBlockedError(HardwareError):
    """The relay was asked to close while it is blocked."""


class ButtonEdge(NamedTuple):
    """A button after debounce: pressed or let go."""

    button: str
    pressed: bool
    at_ns: int


class ContactEdge(NamedTuple):
    """A door contact, request-to-exit line or tamper switch after debounce. `active` is the sense that the configuration calls active."""

    contact: str
    active: bool
    at_ns: int


class RelayEdge(NamedTuple):
    """A relay has really switched (also when its driver let go by itself at the maximum).

    `by`: the contact that closed it directly (`InputSettings.opens`), before the program heard of it; None when the program asked, and
    for every opening.
    """

    relay: str
    closed: bool
    at_ns: int
    by: str | None = None


class CardRead(NamedTuple):
    """A reader has read a card that was not there before; `card` is its number in upper-case hexadecimal.

    `bits`: the length of a Wiegand frame of no known format, whose parity could not be checked; `card` is then all of its bits. None for
    every number that was checked.
    """

    reader: str
    card: str
    at_ns: int
    bits: int | None = None


class CardHeld(NamedTuple):
    """The card of the last `CardRead` has stayed at the reader for the time that its settings call held; once a stay."""

    reader: str
    card: str
    at_ns: int


class KeyPressed(NamedTuple):
    """One key of a keypad, or of the keypad in a reader: `0`-`9`, `*`, `#`, `A`-`D`."""

    keypad: str
    key: str
    at_ns: int


class DeviceFault(NamedTuple):
    """A device stopped working or (`working=True`) works again. `detail` is one plain sentence."""

    device: str
    working: bool
    detail: str
    at_ns: int


HardwareEvent = ButtonEdge | ContactEdge | RelayEdge | CardRead | CardHeld | KeyPressed | DeviceFault
Sink = Callable[[HardwareEvent], None]


class Relay(Protocol):
    """A lock's relay. The driver itself enforces the maximum closing time and lets go on `close()`, at exit and on a crash."""

    @property
    def name(self) -> str: ...

    @property
    def closed(self) -> bool: ...

    def pulse(self, duration_s: float) -> None:
        """Close now and let go after `duration_s`, but never later than the driver's maximum; a further pulse extends within it.

        Ignored while the relay rests after its maximum; a relay that is held stays held. Raises RelayBlockedError while it is blocked,
        HardwareError when nobody would let it go again.
        """
        ...

    def hold(self) -> None:
        """Close now and stay closed, past the maximum, until `release` or `block`.

        Raises HardwareError unless the settings grant it (`RelaySettings.may_hold`), and as `pulse` does.
        """
        ...

    def release(self) -> None:
        """Let go now, also of a hold. Allowed in any state."""
        ...

    @property
    def blocked(self) -> bool: ...

    def block(self, *, exits: bool) -> None:
        """Lock wins: let go now and refuse to close until `unblock`. Allowed in any state, also before the board is started.

        `exits` True refuses request-to-exit contacts as well (their wires may have been laid bare), False still lets people out.
        """
        ...

    def unblock(self) -> None:
        """Closing is allowed again; nothing closes by this."""
        ...


class Lamp(Protocol):
    """A panel light or status LED."""

    @property
    def name(self) -> str: ...

    def set(self, *, on: bool, blink_period_s: float | None = None) -> None:
        """Steady light or dark, or blinking with the given period while on."""
        ...


class Half(Enum):
    """One direction of a sound card, and what is missing without it."""

    MICROPHONE = "plays, but has no microphone: who speaks at the door is not heard"
    SPEAKER = "listens, but has no speaker: nothing is heard at the door"


class SoundFormat(NamedTuple):
    """What an opened sound card really does: signed 16-bit native-endian mono."""

    rate_hz: int
    period_samples: int

    @property
    def period_bytes(self) -> int:
        return 2 * self.period_samples


class SoundCounters(NamedTuple):
    """What went wrong on a sound card since it was opened; all are normal in small numbers.

    `reserve_ms`: how much more than one period waits in the speaker now, since it ran dry with less.
    """

    overruns: int
    underruns: int
    short_writes: int
    reopens: int
    reserve_ms: float = 0.0


class SoundCard(Protocol):
    """Microphone and speaker of the panel, used by the audio thread alone.

    `read` is the audio clock: it blocks until one period has been captured, or without a microphone until the speaker has played one.
    When the card is unplugged the driver paces by the monotonic clock, returns silence, reports a `DeviceFault` once, and finds the card
    again by name: a call goes on. So it does with the half of a card; the fault then says which half is missing.
    """

    def open(self) -> SoundFormat:
        """Open capture and playback, or the one that is there. Raises HardwareError when neither is."""
        ...

    def read(self) -> bytes:
        """One period from the microphone, exactly `period_bytes` long."""
        ...

    def write(self, period: bytes) -> None:
        """One period to the speaker, exactly `period_bytes` long. Never blocks longer than the device buffer."""
        ...

    def close(self) -> None:
        """Close the capture device: no call, no open microphone. Allowed in any state."""
        ...

    def counters(self) -> SoundCounters: ...


class CodedPicture(NamedTuple):
    """One picture of H.264: its NAL units in order, without start codes. `is_key`: it can be decoded without any before it.

    `at_ns` is a `time.monotonic_ns()` reading taken when its first byte came out of the encoder.
    """

    units: tuple[bytes, ...]
    at_ns: int
    is_key: bool


class Camera(Protocol):
    """The panel's camera. While nobody watches, the device is closed and no process of its runs."""

    def start(self, show: Callable[[CodedPicture], None], bitrate_kbps: int) -> None:
        """Open the camera and give each picture to `show`, on a thread of the driver, until `stop`; the first one is a key picture.

        A camera that is gone is a `DeviceFault` and is tried again by and by; nothing is raised.
        """
        ...

    def request_keyframe(self) -> None:
        """Somebody has lost a picture: the next one should need no other. An encoder that cannot be asked makes one soon by itself."""
        ...

    def snapshot(self) -> bytes:
        """One JPEG; blocks for as long as the camera needs, some seconds at most. Allowed while it runs, if the driver can.

        Raises HardwareError.
        """
        ...

    def stop(self) -> None:
        """Close the camera. Allowed in any state; never waits."""
        ...


class Board(Protocol):
    """Everything screwed to the wall."""

    def start(self, sink: Sink) -> None:
        """Begin to report events to `sink`, first the state of each contact.

        Raises HardwareError when pins cannot be used. A reader that is missing is a `DeviceFault`: the bell works without it.
        """
        ...

    def relay(self, name: str) -> Relay:
        """Raises KeyError for a name that was not configured."""
        ...

    def lamp(self, name: str) -> Lamp:
        """Raises KeyError for a name that was not configured."""
        ...

    @property
    def sound(self) -> SoundCard: ...

    def close(self) -> None:
        """Let go of every relay, switch lamps off, stop every thread."""
        ...
