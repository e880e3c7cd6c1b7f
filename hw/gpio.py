"""Buttons, contacts, relays and lamps on the board's pins (`hw.pins`, or gpiozero's mock pins in tests).

Levels come with the kernel's own time of the edge, the debounce is ours, and a relay line never passes through the wrong level.

What a line does when nobody holds it any more is the kernel's affair (README.md in this folder). On `close` and at exit a relay line is
driven to rest and then becomes an input pulled to its resting side; after SIGKILL or a crash in C the kernel decides, hence
`rest_relays` for the service manager.
"""

from __future__ import annotations

import atexit
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, Protocol

from hw.api import HardwareError, Sink
from hw.exit import WayOut, way_out
from hw.header import header_chip
from hw.input_line import InputKind, InputLine
from hw.keeper import Keeper
from hw.relay import TimedRelay
from hw.settings import BoardSettings, InputSettings, LampSettings, Pull, RelaySettings

if TYPE_CHECKING:
    from hw.pins import LineFactory

PULLS = {Pull.UP: "up", Pull.DOWN: "down", Pull.NONE: "floating"}


class Pin(Protocol):
    """What is used of `gpiozero.Pin`, and who reads its edges where somebody has to (`hw.pins`); gpiozero's mock calls by itself."""

    keeper: Keeper
    state: bool
    edges: str
    when_changed: Callable[[float, int], None] | None

    def output_with_state(self, state: bool) -> None: ...
    def input_with_pull(self, pull: str) -> None: ...


class PinFactory(Protocol):
    """What is used of `gpiozero.Factory`."""

    def pin(self, name: int) -> Pin: ...
    def close(self) -> None: ...


def board_pins() -> LineFactory:
    """The pins of the board that this runs on. Raises HardwareError when there are none."""
    try:
        from hw.pins import LineFactory
    except ImportError as error:
        raise HardwareError(f"no GPIO library ({error}): install gpiozero, or run with simulated hardware") from error
    return LineFactory(header_chip())


class PinReaders(Protocol):
    """What else lives at the board's pins, see `hw.gpio_readers`."""

    def start(self, sink: Sink) -> None: ...
    def close(self) -> None: ...


@contextmanager
def naming(what: str, gpio: int) -> Iterator[None]:
    """Turn the pins' errors into ours, with the name of the thing and its pin."""
    from hw.pins import ERRORS

    try:
        yield
    except ERRORS as error:
        raise HardwareError(f"{what} at GPIO{gpio}: {error}") from error


def edge_time_ns(ticks_s: float) -> int:
    """The kernel's stamp of an edge as monotonic nanoseconds, which is never later than now."""
    return min(round(ticks_s * 1e9), time.monotonic_ns())


class _Wire:
    """An input pin and its line. gpiozero holds callbacks weakly; the board holds this."""

    def __init__(self, pins: PinFactory, settings: InputSettings, kind: InputKind, opens: WayOut | None = None) -> None:
        self.line = InputLine(settings, kind, opens)
        with naming(f"{kind.value} {settings.name}", settings.gpio):
            self._pin = pins.pin(settings.gpio)
            self._pin.input_with_pull(PULLS[settings.pull])

    def begin(self, sink: Sink, keeper: Keeper) -> None:
        # Edges first, the present level second: what changes in between is not lost.
        self._pin.keeper = keeper
        self._pin.when_changed = self._changed
        self.line.begin(self._look, time.monotonic_ns(), sink, keeper.wake)

    def end(self) -> None:
        self._pin.when_changed = None

    def _look(self) -> bool:
        return bool(self._pin.state)

    def _changed(self, ticks_s: float, level: int) -> None:
        self.line.level(bool(level), edge_time_ns(ticks_s))


class GpioRelay(TimedRelay):
    """A relay at a pin, which is at rest from the moment it is claimed."""

    def __init__(self, pins: PinFactory, settings: RelaySettings) -> None:
        super().__init__(settings, drive=self._move, now_ns=time.monotonic_ns)
        self._active_high = settings.active_high
        with naming(f"relay {settings.name}", settings.gpio):
            self._pin = pins.pin(settings.gpio)
            self._pin.output_with_state(not settings.active_high)

    def retire(self) -> None:
        """Let go for good: the line becomes an input pulled to its resting side."""
        self.release()
        self._pin.input_with_pull("down" if self._active_high else "up")

    def _move(self, closed: bool) -> None:
        self._pin.state = closed == self._active_high


class GpioLamp:
    """Implements `hw.api.Lamp`; blinks by the panel's keeper."""

    def __init__(self, pins: PinFactory, settings: LampSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._lit = False
        self._half_ns: int | None = None
        self._next_ns: int | None = None
        self._wake: Callable[[], None] | None = None
        with naming(f"lamp {settings.name}", settings.gpio):
            self._pin = pins.pin(settings.gpio)
            self._pin.output_with_state(not settings.active_high)

    @property
    def name(self) -> str:
        return self._settings.name

    def attach(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def set(self, *, on: bool, blink_period_s: float | None = None) -> None:
        with self._lock:
            blinks = on and blink_period_s is not None
            self._half_ns = round(blink_period_s * 5e8) if blinks and blink_period_s is not None else None
            assert self._half_ns is None or self._half_ns > 0
            self._next_ns = None if self._half_ns is None else time.monotonic_ns() + self._half_ns
            self._show(on)
        if blinks and self._wake is not None:
            self._wake()

    def deadline_ns(self) -> int | None:
        return self._next_ns

    def expire(self, now_ns: int) -> None:
        with self._lock:
            if self._half_ns is not None and self._next_ns is not None and now_ns >= self._next_ns:
                self._next_ns = now_ns + self._half_ns
                self._show(not self._lit)

    def _show(self, lit: bool) -> None:
        self._lit = lit
        self._pin.state = lit == self._settings.active_high


class GpioPanel:
    """Buttons, contacts, relays and lamps. Relays are kept by a thread of their own, so that nothing else can delay them, and so are
    the contacts that let people out."""

    def __init__(self, settings: BoardSettings, pins: PinFactory, readers: Callable[[PinFactory], PinReaders] | None = None) -> None:
        self._pins = pins
        self._closed = False
        self.relays = {each.name: GpioRelay(pins, each) for each in settings.relays}  # first: they are to rest as early as can be
        self.lamps = {each.name: GpioLamp(pins, each) for each in settings.lamps}
        self._wires = (
            *(_Wire(pins, each, InputKind.BUTTON) for each in settings.buttons),
            *(_Wire(pins, each, InputKind.CONTACT) for each in settings.contacts if each.opens is None),
        )
        self._exits = tuple(
            _Wire(pins, each, InputKind.CONTACT, way_out(each, self.relays)) for each in settings.contacts if each.opens is not None
        )
        self._relay_keeper = Keeper("relay-keeper", tuple(self.relays.values()), at_end=self._release_all)
        self._readers = None if readers is None else readers(pins)
        self._exit_keeper = Keeper("exit-keeper", tuple(wire.line for wire in self._exits))
        self._panel_keeper = Keeper("panel-keeper", (*(wire.line for wire in self._wires), *self.lamps.values()))

    def start(self, sink: Sink) -> None:
        """Begin to report; from here on relays let go at the end of the process, whatever ends it, as far as Python can help."""
        atexit.register(self.close)
        _exit_on_sigterm()
        self._relay_keeper.start()
        if self._exits:
            self._exit_keeper.start()
        self._panel_keeper.start()
        for relay in self.relays.values():
            relay.attach(sink, guard=self._relay_keeper.require_alive, wake=self._relay_keeper.wake)
        for lamp in self.lamps.values():
            lamp.attach(self._panel_keeper.wake)
        for wire in self._exits:
            wire.begin(sink, self._exit_keeper)
        for wire in self._wires:
            wire.begin(sink, self._panel_keeper)
        if self._readers is not None:
            self._readers.start(sink)

    def close(self) -> None:
        """Let go of every relay, then of every line. Allowed in any state."""
        if self._closed:
            return
        self._closed = True
        # Last in, first done; and each is done though one before it fails, as a sink does whose event loop is gone.
        with ExitStack() as steps:
            steps.callback(atexit.unregister, self.close)
            steps.callback(self._pins.close)
            for lamp in self.lamps.values():
                steps.callback(lamp.set, on=False)
            for relay in self.relays.values():
                steps.callback(relay.retire)
            steps.callback(self._panel_keeper.close)
            steps.callback(self._relay_keeper.close)
            steps.callback(self._exit_keeper.close)
            if self._readers is not None:
                steps.callback(self._readers.close)
            for wire in (*self._exits, *self._wires):
                steps.callback(wire.end)
            steps.callback(self._release_all)

    def _release_all(self) -> None:
        with ExitStack() as steps:  # a sink that fails for one relay must not leave another closed
            for relay in self.relays.values():
                steps.callback(relay.release)


def rest_relays(relays: Iterable[RelaySettings], pins: PinFactory) -> None:
    """Put relay lines to rest when the program that held them is dead: for the service manager's last step. Raises HardwareError."""
    for settings in relays:
        GpioRelay(pins, settings).retire()
    pins.close()


def _exit_on_sigterm() -> None:
    """SIGTERM kills an interpreter without its exit handlers; make it an ordinary exit unless the program has a handler of its own."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _exit)


def _exit(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
