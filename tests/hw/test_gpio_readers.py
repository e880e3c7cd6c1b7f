"""Wiegand readers and matrix keypads on gpiozero's mock pins."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from functools import partial

import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from hw.api import CardRead, DeviceFault, HardwareError, HardwareEvent, KeyPressed
from hw.build import build_board
from hw.decode.keypad import STUCK_NS
from hw.gpio_readers import SCAN_NS, SCAN_NS_STUCK, GpioKeypad, GpioWiegand
from hw.settings import BoardSettings, KeypadSettings, WiegandSettings
from tests.hw.matrix_pins import COLUMNS, ROWS, MatrixPins

WITHIN_S = 30.0
MS = 1_000_000
CARD_26 = "00110001011100011000010000"  # 62E308 between its parities
WIEGAND = WiegandSettings(name="cards", gpio_d0=23, gpio_d1=24, gap_ms=10)
PATIENT = WIEGAND._replace(gap_ms=200)  # on a busy machine bits come late
Wall = tuple[MatrixPins, "queue.SimpleQueue[HardwareEvent]"]
PAD = KeypadSettings(name="pad", gpio_rows=ROWS, gpio_columns=COLUMNS, debounce_ms=10)


class Reader:
    """A Wiegand reader on a bench: its pins, its clock and what it reports."""

    def __init__(self, pins: MockFactory) -> None:
        self.pins = pins
        self.events: list[HardwareEvent] = []
        self.woken = 0
        self.reader = GpioWiegand(pins, WIEGAND)

    def begin(self) -> None:
        self.reader.begin(self.events.append, self._wake)

    def send(self, bits: str) -> None:
        for bit in bits:
            pin = self.pins.pin(24 if bit == "1" else 23)
            pin.drive_low()
            pin.drive_high()

    def _wake(self) -> None:
        self.woken += 1


def stamped(pins: MockFactory, stamps_s: Iterator[float]) -> None:
    """Both wires' edges carry these times, as the kernel would stamp them."""
    for gpio in (23, 24):
        pin = pins.pin(gpio)
        pin._call_when_changed = partial(_tell, pin, stamps_s)


def _tell(pin: MockPin, stamps_s: Iterator[float]) -> None:
    pin._when_changed()(next(stamps_s), 0)


@pytest.fixture
def board() -> Iterator[Wall]:
    pins = MatrixPins()
    events: queue.SimpleQueue[HardwareEvent] = queue.SimpleQueue()
    board = build_board(BoardSettings(wiegand=(PATIENT,), keypads=(PAD,)), pins=lambda: pins)
    board.start(events.put)
    yield pins, events
    board.close()


def test_pulses_are_falling_edges_and_one_wake_up_begins_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Reader(MockFactory())
    rig.begin()
    clock_ns = 5_000_000_000
    monkeypatch.setattr("hw.gpio.time.monotonic_ns", lambda: clock_ns + 60 * MS)
    stamped(rig.pins, (clock_ns / 1e9 + place / 1000 for place in range(1000)))
    rig.send(CARD_26)
    assert rig.woken == 1
    due_ns = clock_ns + 25 * MS + 10 * MS
    assert rig.reader.deadline_ns() == pytest.approx(due_ns, abs=1000)
    rig.reader.expire(due_ns + MS)
    assert rig.events == [CardRead(reader="cards", card="62E308", at_ns=due_ns + MS)]
    rig.reader.end()
    rig.send(CARD_26)
    assert rig.reader.deadline_ns() is None


def test_a_wire_that_is_low_at_rest_is_told_with_its_name() -> None:
    rig = Reader(MockFactory())
    rig.pins.pin(24).drive_low()
    rig.begin()
    (fault,) = rig.events
    assert isinstance(fault, DeviceFault)
    assert "D1 low at rest" in fault.detail


def test_a_reader_that_nobody_listens_to_says_nothing() -> None:
    rig = Reader(MockFactory())
    rig.send(CARD_26)
    rig.reader.expire(10**18)
    rig.reader._pulse(0, 0)
    rig.reader.expire(10**18)
    assert (rig.events, rig.woken) == ([], 0)


def test_a_wiegand_key_comes_through_the_whole_board(monkeypatch: pytest.MonkeyPatch, board: Wall) -> None:
    pins, events = board
    # As old as they would be, so that the board's thread, which may look between two bits, finds no pause.
    first_s = time.monotonic() - 0.004
    stamped(pins, iter([first_s + number / 1000 for number in range(4)]))
    for bit in "0101":
        pin = pins.pin(24 if bit == "1" else 23)
        pin.drive_low()
        pin.drive_high()
    pressed = events.get(timeout=WITHIN_S)
    assert isinstance(pressed, KeyPressed)
    assert (pressed.keypad, pressed.key) == ("cards", "5")


def test_a_matrix_key_comes_through_the_whole_board(board: Wall) -> None:
    pins, events = board
    for name in "5#":
        pins.press(name)
        pressed = events.get(timeout=WITHIN_S)
        assert isinstance(pressed, KeyPressed)
        assert (pressed.keypad, pressed.key) == ("pad", name)
        pins.let_go(name)


class Pad:
    """A keypad on a bench, scanned in the test's time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = 0
        monkeypatch.setattr("hw.gpio_readers.time.monotonic_ns", lambda: self.now_ns)
        self.pins = MatrixPins()
        self.events: list[HardwareEvent] = []
        self.scans = 0
        self.pad = GpioKeypad(self.pins, PAD)

    def begin(self) -> None:
        self.pad.begin(self.events.append, lambda: None)

    def go(self, for_ns: int) -> None:
        end_ns = self.now_ns + for_ns
        while (at_ns := self.pad.deadline_ns()) is not None and at_ns <= end_ns:
            self.now_ns = at_ns
            self.pad.expire(at_ns)
            self.scans += 1
        self.now_ns = end_ns

    def keys(self) -> str:
        return "".join(event.key for event in self.events if isinstance(event, KeyPressed))

    def rows(self) -> list[tuple[str, bool]]:
        return [(self.pins.pin(gpio).function, self.pins.pin(gpio)._state) for gpio in ROWS]


def test_at_rest_all_rows_are_low_and_nothing_is_scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Pad(monkeypatch)
    rig.begin()
    assert rig.rows() == [("output", False)] * 4
    assert rig.pad.deadline_ns() is None
    rig.pad.expire(10**18)
    assert rig.rows() == [("output", False)] * 4


def test_a_key_starts_the_scans_and_its_release_ends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Pad(monkeypatch)
    rig.begin()
    rig.pins.press("8")
    assert rig.pad.deadline_ns() == 0
    rig.go(100 * MS)
    assert rig.keys() == "8"
    rig.pad.expire(rig.now_ns)  # before its time nothing happens
    assert rig.pad.deadline_ns() == rig.now_ns + SCAN_NS
    rig.pins.let_go("8")
    rig.go(100 * MS)
    assert rig.pad.deadline_ns() is None
    assert rig.rows() == [("output", False)] * 4


@pytest.mark.parametrize("name", list("123456789*0#"))
def test_each_key_is_itself(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Pad(monkeypatch)
    rig.begin()
    rig.pins.press(name)
    rig.go(100 * MS)
    assert rig.keys() == name


def test_a_key_that_is_down_when_the_program_starts_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Pad(monkeypatch)
    rig.pins.press("1")
    rig.begin()
    rig.go(100 * MS)
    assert rig.keys() == "1"


def test_ghosts_of_three_keys_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Pad(monkeypatch)
    rig.begin()
    for name in "124":
        rig.pins.press(name)
    rig.go(200 * MS)
    assert rig.keys() == ""
    rig.pins.let_go("4")
    rig.go(200 * MS)
    assert rig.keys() == "12"


def test_a_wedged_key_is_a_fault_and_is_looked_at_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Pad(monkeypatch)
    rig.begin()
    rig.pins.press("1")
    rig.go(STUCK_NS + SCAN_NS)
    rig.scans = 0
    rig.go(20 * SCAN_NS_STUCK)
    assert rig.scans <= 20
    rig.pins.let_go("1")
    rig.go(2 * SCAN_NS_STUCK)
    faults = [event for event in rig.events if isinstance(event, DeviceFault)]
    assert [fault.working for fault in faults] == [False, True]
    assert "stuck" in faults[0].detail
    assert rig.keys() == "1"
    assert rig.pad.deadline_ns() is None


def test_a_pad_that_is_done_with_drives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Pad(monkeypatch)
    rig.begin()
    rig.pad.end()
    rig.pins.press("1")
    assert rig.pad.deadline_ns() is None
    rig.pad.retire()
    assert [function for function, _ in rig.rows()] == ["input"] * 4


def test_a_pad_that_was_not_begun_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Pad(monkeypatch)
    rig.pad._touched(0.0, 0)
    rig.pins.press("1")
    rig.go(100 * MS)
    assert rig.events == []


@pytest.mark.parametrize("keys", [("123",), ("12", "45", "78", "*0")])
def test_keys_that_do_not_fit_the_wires_are_refused(keys: tuple[str, ...]) -> None:
    with pytest.raises(HardwareError, match="keypad pad: keys must have a line for each row"):
        GpioKeypad(MockFactory(), KeypadSettings(name="pad", gpio_rows=ROWS, gpio_columns=COLUMNS, keys=keys))


def test_a_pin_that_the_board_does_not_have_is_named() -> None:
    with pytest.raises(HardwareError, match="reader cards D1 at GPIO99"):
        GpioWiegand(MockFactory(), WiegandSettings(name="cards", gpio_d0=23, gpio_d1=99))
