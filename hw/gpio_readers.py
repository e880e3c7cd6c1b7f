"""Wiegand readers and matrix keypads at the board's pins. No wake-up while nothing happens: both begin with an edge.

What Python can do here: a Wiegand pulse lasts 50 µs, and no Python is that quick. It need not be. The kernel stamps each falling edge in
its interrupt and keeps it; our thread reads all that wait on both wires, puts them in the order of their stamps, and only then asks
whether a frame has ended. Late Python delays a card and loses nothing; the kernel alone must take each edge before the next, 1 ms later.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hw.api import DeviceFault, HardwareError, HardwareEvent, Sink
from hw.decode.keypad import Cell, MatrixKeypad
from hw.decode.sighting import Sighting
from hw.decode.wiegand import Wiegand
from hw.gpio import PULLS, Pin, PinFactory, edge_time_ns, naming
from hw.keeper import Keeper
from hw.reader_events import ReaderEvents
from hw.settings import BoardSettings, KeypadSettings, WiegandSettings

GAP_MS_MIN = 10
GAP_MS_MAX = 200  # a frame with longer pauses within is none
DEBOUNCE_MS_MIN = 10
DEBOUNCE_MS_MAX = 200
SCAN_NS = 10_000_000  # a scan of sixteen keys costs about 2 ms of a Zero 2 W; a quick finger stays for 50 ms
SCAN_NS_STUCK = 500_000_000  # what is wedged for good must not cost a tenth of the processor for good


class GpioWiegand:
    """A Wiegand reader at two pins; its frames end by the keeper's clock."""

    def __init__(self, pins: PinFactory, settings: WiegandSettings) -> None:
        assert GAP_MS_MIN <= settings.gap_ms <= GAP_MS_MAX
        self._settings = settings
        self._lock = threading.RLock()
        self._decoder = Wiegand(gap_ns=settings.gap_ms * 1_000_000)
        self._events = ReaderEvents(settings.name, repeat_after_ms=settings.repeat_after_ms, held_after_ms=settings.held_after_ms)
        self._report: Sink = _unheard
        self._wake: Callable[[], None] = _asleep
        self._wires = tuple(
            _input(pins, f"reader {settings.name} {line}", gpio, PULLS[settings.pull])
            for line, gpio in (("D0", settings.gpio_d0), ("D1", settings.gpio_d1))
        )

    def heard_by(self, keeper: Keeper) -> None:
        """Whose thread reads the edges; before `begin`."""
        for pin in self._wires:
            pin.keeper = keeper

    def begin(self, sink: Sink, wake: Callable[[], None]) -> None:
        self._report, self._wake = sink, wake
        low = [line for line, pin in zip(("D0", "D1"), self._wires, strict=True) if not pin.state]
        if low:
            why = f"{' and '.join(low)} low at rest; is the reader connected and powered?"
            sink(self._events.ill_wired(why, time.monotonic_ns()))
        zero, one = self._wires
        zero.when_changed, one.when_changed = self._zero, self._one

    def end(self) -> None:
        for pin in self._wires:
            pin.when_changed = None

    def deadline_ns(self) -> int | None:
        return self._decoder.deadline_ns()

    def expire(self, now_ns: int) -> None:
        with self._lock:
            self._tell(self._decoder.expire(now_ns), now_ns)

    def _zero(self, ticks_s: float, _level: int) -> None:
        self._pulse(0, edge_time_ns(ticks_s))

    def _one(self, ticks_s: float, _level: int) -> None:
        self._pulse(1, edge_time_ns(ticks_s))

    def _pulse(self, bit: int, at_ns: int) -> None:
        with self._lock:
            first = self._decoder.deadline_ns() is None
            self._tell(self._decoder.pulse(bit, at_ns), at_ns)
        if first:  # later pulses move the deadline back; the keeper finds that out by itself
            self._wake()

    def _tell(self, seen: tuple[Sighting, ...], at_ns: int) -> None:
        for sighting in seen:
            for event in self._events.of(sighting, at_ns):
                self._report(event)


class GpioKeypad:
    """A matrix keypad: at rest all rows are low, and a key that is pressed pulls its column down. Then it is scanned until all is quiet."""

    def __init__(self, pins: PinFactory, settings: KeypadSettings) -> None:
        assert DEBOUNCE_MS_MIN <= settings.debounce_ms <= DEBOUNCE_MS_MAX
        name = settings.name
        if len(settings.keys) != len(settings.gpio_rows) or any(len(line) != len(settings.gpio_columns) for line in settings.keys):
            raise HardwareError(f"keypad {name}: keys must have a line for each row and a character for each column")
        self._settings = settings
        self._lock = threading.RLock()
        self._matrix = MatrixKeypad(settings.keys, debounce_ns=settings.debounce_ms * 1_000_000)
        self._events = ReaderEvents(name, repeat_after_ms=0, held_after_ms=None)
        self._report: Sink = _unheard
        self._wake: Callable[[], None] = _asleep
        self._next_ns: int | None = None
        self._stuck = False
        self._columns = tuple(_input(pins, f"keypad {name} column", gpio, "up") for gpio in settings.gpio_columns)
        self._rows = tuple(_input(pins, f"keypad {name} row", gpio, "up") for gpio in settings.gpio_rows)

    def heard_by(self, keeper: Keeper) -> None:
        """Whose thread reads the edges; before `begin`."""
        for pin in self._columns:
            pin.keeper = keeper

    def begin(self, sink: Sink, wake: Callable[[], None]) -> None:
        self._report, self._wake = sink, wake
        for pin in self._columns:
            pin.when_changed = self._touched
        with self._lock:
            self._rest()
        wake()

    def end(self) -> None:
        for pin in self._columns:
            pin.when_changed = None
        self._next_ns = None

    def retire(self) -> None:
        """Drive nothing any more; when nobody scans."""
        for row in self._rows:
            row.input_with_pull("up")

    def deadline_ns(self) -> int | None:
        return self._next_ns

    def expire(self, now_ns: int) -> None:
        """One scan, if it is time."""
        with self._lock:
            if self._next_ns is None or now_ns < self._next_ns:
                return
            for sighting in self._matrix.scan(self._look(), now_ns):
                for event in self._events.of(sighting, now_ns):
                    self._report(event)
            self._mind_stuck(now_ns)
            self._next_ns = now_ns + (SCAN_NS_STUCK if self._stuck else SCAN_NS)
            if self._matrix.idle:
                self._rest()

    def _touched(self, _ticks_s: float, _level: int) -> None:
        if self._next_ns is None:  # scans move the columns too: those edges say nothing
            self._next_ns = time.monotonic_ns()
            self._wake()

    def _rest(self) -> None:
        for row in self._rows:
            row.output_with_state(state=False)
        self._next_ns = None
        # Whoever pressed between the last scan and now made no edge.
        if not all(column.state for column in self._columns):
            self._next_ns = time.monotonic_ns()

    def _look(self) -> frozenset[Cell]:
        """Which keys look pressed. One row at a time is low; the others float, so that two keys never join two driven pins."""
        for row in self._rows:
            row.input_with_pull("up")
        seen: set[Cell] = set()
        for number, row in enumerate(self._rows):
            row.output_with_state(state=False)
            seen.update((number, column) for column, pin in enumerate(self._columns) if not pin.state)
            row.input_with_pull("up")
        return frozenset(seen)

    def _mind_stuck(self, now_ns: int) -> None:
        stuck = self._matrix.stuck(now_ns)
        if stuck != self._stuck:
            self._stuck = stuck
            detail = f"keypad {self._settings.name}: " + ("a key is stuck" if stuck else "the key is free again")
            self._report(DeviceFault(device=self._settings.name, working=not stuck, detail=detail, at_ns=now_ns))


class GpioReaders:
    """All of them, with a thread that ends frames and scans keys. Bells, relays and exits have threads of their own."""

    def __init__(self, settings: BoardSettings, pins: PinFactory) -> None:
        self._wiegand = tuple(GpioWiegand(pins, each) for each in settings.wiegand)
        self._keypads = tuple(GpioKeypad(pins, each) for each in settings.keypads)
        self._keeper = Keeper("gpio-readers", (*self._wiegand, *self._keypads))

    def start(self, sink: Sink) -> None:
        self._keeper.start()
        for reader in self._wiegand:
            reader.heard_by(self._keeper)
            reader.begin(sink, self._keeper.wake)
        for keypad in self._keypads:
            keypad.heard_by(self._keeper)
            keypad.begin(sink, self._keeper.wake)

    def close(self) -> None:
        for reader in self._wiegand:
            reader.end()
        for keypad in self._keypads:
            keypad.end()
        self._keeper.close()
        for keypad in self._keypads:
            keypad.retire()


def _input(pins: PinFactory, what: str, gpio: int, pull: str) -> Pin:
    """A pin whose falling edges are told."""
    with naming(what, gpio):
        pin = pins.pin(gpio)
        pin.input_with_pull(pull)
        pin.edges = "falling"
    return pin


def _unheard(_event: HardwareEvent) -> None:
    """The sink of a board that was not started."""


def _asleep() -> None:
    """Nobody keeps the deadlines of a board that was not started."""
