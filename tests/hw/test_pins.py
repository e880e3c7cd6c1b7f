"""gpiozero's pins on lines of a kernel that a test plays: presses, relays, cards from the descriptor to the event."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from pathlib import Path

import gpiozero
import pytest

from hw.api import ButtonEdge, CardRead, ContactEdge, HardwareError, HardwareEvent, RelayEdge
from hw.build import WiredBoard, build_board, release_relays
from hw.header import header_chip
from hw.pins import LineFactory
from hw.settings import BoardSettings, InputSettings, KeypadSettings, LampSettings, RelaySettings, WiegandSettings
from tests.hw.fake_chip import FakeKernel

WITHIN_S = 30.0
MS = 1_000_000
ZERO_2_W = 0x902120
CARD_26 = "00110001011100011000010000"  # 62E308 between its parities
SETTINGS = BoardSettings(
    buttons=(InputSettings(name="bell", gpio=17, debounce_ms=10),),
    contacts=(
        InputSettings(name="way out", gpio=22, debounce_ms=10, opens="lock", opens_s=20.0),
        InputSettings(name="door", gpio=25, debounce_ms=10),
    ),
    relays=(RelaySettings(name="lock", gpio=4, active_high=False),),
    lamps=(LampSettings(name="ring", gpio=6),),
    wiegand=(WiegandSettings(name="cards", gpio_d0=23, gpio_d1=24, gap_ms=20),),
)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKernel]:
    monkeypatch.setattr("hw.pins.get_pi_revision", lambda: ZERO_2_W)
    kernel = FakeKernel(tmp_path)
    yield kernel
    kernel.close()


def pins(kernel: FakeKernel) -> LineFactory:
    return LineFactory(header_chip(tree=kernel.folder, devices=kernel.folder, ioctl=kernel.ioctl))


class Door:
    """A started board on the kernel's lines."""

    def __init__(self, kernel: FakeKernel) -> None:
        self.kernel = kernel
        self.events: queue.SimpleQueue[HardwareEvent] = queue.SimpleQueue()
        self.board: WiredBoard = build_board(SETTINGS, pins=lambda: pins(kernel))
        self.board.start(self.events.put)
        assert {type(self.next()) for _ in range(2)} == {ContactEdge}  # what the contacts say at first

    def next(self) -> HardwareEvent:
        return self.events.get(timeout=WITHIN_S)


@pytest.fixture
def door(kernel: FakeKernel) -> Iterator[Door]:
    door = Door(kernel)
    yield door
    door.board.close()


def test_each_line_is_claimed_in_one_step_and_relays_at_rest(door: Door) -> None:
    assert door.kernel.log[:2] == ["4 out 1", "6 out 0"]
    assert {line for line in door.kernel.log if line.endswith("both")} == {"17 in up both", "22 in up both", "25 in up both"}
    assert {line for line in door.kernel.log if line.endswith("falling")} == {"23 in up falling", "24 in up falling"}


def test_a_bouncing_press_is_one_press_with_the_kernels_time(door: Door) -> None:
    began_ns = time.monotonic_ns()
    for bounce in range(5):
        door.kernel.edge(17, began_ns + bounce * 100, high=bounce % 2 == 1)
    pressed = door.next()
    assert isinstance(pressed, ButtonEdge)
    assert pressed.pressed
    assert pressed.at_ns == pytest.approx(began_ns + 400, abs=50)  # gpiozero's times are seconds, in floating point
    released_ns = time.monotonic_ns()
    door.kernel.edge(17, released_ns, high=True)
    released = door.next()
    assert isinstance(released, ButtonEdge)
    assert not released.pressed
    assert released.at_ns == pytest.approx(released_ns, abs=50)


def test_whoever_wants_out_gets_out(door: Door) -> None:
    door.kernel.edge(22, time.monotonic_ns(), high=False)
    opened, contact = door.next(), door.next()
    assert isinstance(opened, RelayEdge)
    assert isinstance(contact, ContactEdge)
    assert (opened.closed, opened.by, contact.active) == (True, "way out", True)
    assert door.kernel.levels[4] is False


def test_a_card_that_was_read_late_is_whole(door: Door) -> None:
    # All of it waits in the two descriptors before the thread comes, far later than the frame's end.
    began_ns = time.monotonic_ns() - 10_000 * MS
    with door.board._panel._readers._wiegand[0]._lock:  # type: ignore[union-attr]  # the thread comes no further than this
        for frame in range(2):
            for place, bit in enumerate(CARD_26):
                door.kernel.edge(24 if bit == "1" else 23, began_ns + (1000 * frame + place) * MS, high=False)
    card = door.next()
    assert isinstance(card, CardRead)
    assert card.card == "62E308"


def test_relays_and_lamps_are_left_at_rest(door: Door) -> None:
    relay, lamp = door.board.relay("lock"), door.board.lamp("ring")
    relay.pulse(20.0)
    lamp.set(on=True)
    door.kernel.log.clear()
    door.board.close()
    driven = [line for line in door.kernel.log if line.startswith(("4 ", "6 "))]
    assert driven == ["4 set 1", "4 in up none", "6 set 0"]
    with pytest.raises(HardwareError):
        relay.pulse(1.0)


def test_the_service_managers_last_step_lets_go(kernel: FakeKernel) -> None:
    release_relays(SETTINGS, pins=lambda: pins(kernel))
    assert kernel.log == ["4 out 1", "4 in up none"]


def test_a_keypads_rows_take_turns(kernel: FakeKernel) -> None:
    pad = KeypadSettings(name="pad", gpio_rows=(5, 6), gpio_columns=(16, 20), keys=("12", "34"))
    board = build_board(BoardSettings(keypads=(pad,)), pins=lambda: pins(kernel))
    board.start(lambda _event: None)
    board.close()
    assert [line for line in kernel.log if line.startswith("5 ")] == ["5 in up none", "5 out 0", "5 in up none"]


def test_a_held_line_is_named_with_its_thing_its_pin_and_its_holder(kernel: FakeKernel) -> None:
    kernel.holders[4] = "spi0 CS0"
    with pytest.raises(HardwareError, match="relay lock at GPIO4: the line is held by spi0 CS0"):
        build_board(SETTINGS, pins=lambda: pins(kernel))
    factory = pins(kernel)
    assert (factory.holder(4), factory.holder(5)) == ("spi0 CS0", "")
    factory.close()


def test_a_board_that_fails_gives_back_what_it_has_claimed(kernel: FakeKernel) -> None:
    kernel.holders[17] = "someone"
    made = []

    def noted() -> LineFactory:
        made.append(pins(kernel))
        return made[0]

    with pytest.raises(HardwareError, match="button bell at GPIO17: the line is held by someone"):
        build_board(SETTINGS, pins=noted)
    assert kernel.log == ["4 out 1", "6 out 0"]
    assert made[0].pins == {}
    with pytest.raises(OSError, match="Bad file descriptor"):  # the chip is closed
        made[0].holder(4)


def test_a_board_that_is_no_raspberry_pi_says_so(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> int:
        raise gpiozero.PinUnknownPi("unable to locate Pi revision")

    monkeypatch.setattr("hw.pins.get_pi_revision", unknown)
    with pytest.raises(HardwareError, match="this is no Raspberry Pi"):
        pins(kernel)


def test_a_pin_is_what_gpiozero_makes_of_it(kernel: FakeKernel) -> None:
    factory = pins(kernel)
    pin = factory.pin(17)
    assert factory.pin("BOARD11") is pin
    assert pin.state  # an input until something else is said
    assert (pin.function, pin.pull, pin.edges) == ("input", "floating", "both")
    pin.pull = "down"
    pin.function = "output"
    pin.state = True
    pin.function = "input"
    assert kernel.log == ["17 in floating none", "17 in down none", "17 out 0", "17 set 1", "17 in down none"]
    with pytest.raises(gpiozero.PinSetInput):
        pin.state = True
    with pytest.raises(gpiozero.PinInvalidFunction):
        pin.function = "clock"
    pin.output_with_state(state=True)
    with pytest.raises(gpiozero.PinFixedPull):
        pin.pull = "up"
    with pytest.raises(gpiozero.PinFixedPull, match="physical pull-up"):
        factory.pin(2).input_with_pull("down")
    assert factory.ticks_diff(3.5, 1.0) == 2.5
    assert factory.ticks() > 0
    factory.close()
