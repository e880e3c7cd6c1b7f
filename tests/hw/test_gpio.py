"""The pins, on gpiozero's mock: the test drives levels, the driver must make sense of them. The mock knows no bounce time; ours decides."""

from __future__ import annotations

import queue
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from hw.api import ButtonEdge, ContactEdge, HardwareError, HardwareEvent, RelayEdge
from hw.gpio import GpioPanel, board_pins, rest_relays
from hw.settings import BoardSettings, InputSettings, LampSettings, Pull, RelaySettings

ROOT = Path(__file__).parents[2]
WITHIN_S = 30.0
SETTINGS = BoardSettings(
    buttons=(InputSettings(name="bell", gpio=17, debounce_ms=10),),
    contacts=(InputSettings(name="door", gpio=22, pull=Pull.NONE, active_high=True, debounce_ms=10),),
    relays=(RelaySettings(name="lock", gpio=4, active_high=False, max_closed_s=0.05), RelaySettings(name="gate", gpio=6)),
    lamps=(LampSettings(name="ring", gpio=5),),
)


class Wall:
    """A started panel on mock pins."""

    def __init__(self, pins: MockFactory) -> None:
        self.pins = pins
        self.events: queue.SimpleQueue[HardwareEvent] = queue.SimpleQueue()
        self.panel = GpioPanel(SETTINGS, pins)
        self.panel.start(self.events.put)

    def next(self) -> HardwareEvent:
        return self.events.get(timeout=WITHIN_S)


@pytest.fixture
def wall() -> Iterator[Wall]:
    wall = Wall(MockFactory())
    yield wall
    wall.panel.close()


def test_inputs_get_their_pull_and_the_contact_its_first_state(wall: Wall) -> None:
    assert wall.pins.pin(17).pull == "up"
    assert wall.pins.pin(22).pull == "floating"
    first = wall.next()
    assert isinstance(first, ContactEdge)
    assert not first.active


def test_a_bouncing_press_between_pin_and_ground_is_one_press(wall: Wall) -> None:
    wall.next()
    pin = wall.pins.pin(17)
    for _ in range(7):
        pin.drive_low()
        pin.drive_high()
    pin.drive_low()
    pressed = wall.next()
    assert isinstance(pressed, ButtonEdge)
    assert pressed.pressed
    for _ in range(7):
        pin.drive_high()
        pin.drive_low()
    pin.drive_high()
    released = wall.next()
    assert isinstance(released, ButtonEdge)
    assert not released.pressed
    assert released.at_ns > pressed.at_ns


def test_an_active_low_relay_rests_high_from_the_start_and_lets_go_at_its_maximum(wall: Wall) -> None:
    wall.next()
    pin = wall.pins.pin(4)
    assert pin.function == "output"
    assert pin.state
    wall.panel.relays["lock"].pulse(3600.0)
    closed, opened = wall.next(), wall.next()
    assert isinstance(closed, RelayEdge)
    assert isinstance(opened, RelayEdge)
    assert (closed.closed, opened.closed) == (True, False)
    assert pin.state
    assert opened.at_ns > closed.at_ns  # how long it may be closed is tested in virtual time, with hw/relay.py


def test_close_lets_relays_go_and_pulls_their_lines_to_rest(wall: Wall) -> None:
    wall.panel.relays["gate"].pulse(5.0)
    assert wall.pins.pin(6).state
    pins = {gpio: wall.pins.pin(gpio) for gpio in (4, 6)}
    pulls: dict[int, str] = {}
    wall.pins.close = lambda: pulls.update({gpio: pin.pull for gpio, pin in pins.items()})
    wall.panel.close()
    wall.panel.close()
    assert pulls == {4: "up", 6: "down"}
    with pytest.raises(HardwareError):
        wall.panel.relays["gate"].pulse(1.0)
    assert pins[6].function == "input"


def test_every_relay_lets_go_though_nobody_can_be_told_any_more() -> None:
    # The event loop that the sink hands over to is closed before the exit handlers run.
    told: list[HardwareEvent] = []
    loop_is_gone = False

    def sink(event: HardwareEvent) -> None:
        if loop_is_gone:
            raise RuntimeError("Event loop is closed")
        told.append(event)

    pins = MockFactory()
    relays = tuple(RelaySettings(name=f"lock {gpio}", gpio=gpio) for gpio in (4, 5, 6))
    panel = GpioPanel(BoardSettings(relays=relays), pins)
    panel.start(sink)
    lines = [pins.pin(relay.gpio) for relay in relays]
    for relay in panel.relays.values():
        relay.pulse(20.0)
    assert [line.state for line in lines] == [True] * 3
    loop_is_gone = True
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        panel.close()
    assert [(line.states[-1].state, line.function) for line in lines] == [(False, "input")] * 3


def test_a_lamp_lights_and_blinks(wall: Wall) -> None:
    lamp = wall.panel.lamps["ring"]
    pin = wall.pins.pin(5)
    lamp.set(on=True)
    assert (pin.state, lamp.deadline_ns()) == (True, None)
    lamp.set(on=True, blink_period_s=7200.0)
    due_ns = lamp.deadline_ns()
    assert due_ns is not None
    lamp.expire(due_ns - 1)
    assert pin.state
    lamp.expire(due_ns)
    assert not pin.state
    assert lamp.deadline_ns() == due_ns + 3600 * 10**9
    lamp.expire(due_ns + 3600 * 10**9)
    assert pin.state
    lamp.set(on=False, blink_period_s=1.0)
    assert (pin.state, lamp.deadline_ns(), lamp.name) == (False, None, "ring")


def test_a_press_has_the_time_of_its_edge_and_none_lies_in_the_future(wall: Wall) -> None:
    wall.next()
    pin = wall.pins.pin(17)
    edge_s = time.monotonic()
    pin._call_when_changed = lambda: pin._when_changed()(edge_s, 0)  # as the kernel stamped it, however long ago
    pin.drive_low()
    pressed = wall.next()
    pin._call_when_changed = lambda: pin._when_changed()(1.7e9, 1)
    pin.drive_high()
    released = wall.next()
    assert isinstance(pressed, ButtonEdge)
    assert isinstance(released, ButtonEdge)
    assert pressed.at_ns == round(edge_s * 1e9)
    assert pressed.at_ns < released.at_ns <= time.monotonic_ns()


def test_a_pin_that_the_board_does_not_have_is_named() -> None:
    with pytest.raises(HardwareError, match="relay lock at GPIO99"):
        GpioPanel(BoardSettings(relays=(RelaySettings(name="lock", gpio=99),)), MockFactory())


def test_the_service_managers_last_step_puts_lines_to_rest() -> None:
    pins = MockFactory()
    pin = pins.pin(4)
    pin.function = "output"
    pin.state = False  # closed, by a program that died
    rest_relays(SETTINGS.relays, pins)
    assert (pin.states[-1].state, pin.function) == (True, "input")


def test_the_boards_pins_are_those_of_its_headers_chip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hw.gpio.header_chip", lambda: "chip")
    monkeypatch.setattr("hw.pins.LineFactory", lambda chip: f"pins of {chip}")
    assert str(board_pins()) == "pins of chip"


def test_a_machine_without_the_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hw.pins", None)
    with pytest.raises(HardwareError, match="install gpiozero"):
        board_pins()


DYING = """
import os, signal, sys, time
from gpiozero.pins.mock import MockFactory
from hw.gpio import GpioPanel
from hw.settings import BoardSettings, RelaySettings
pins = MockFactory()
pin = pins.pin(4)
panel = GpioPanel(BoardSettings(relays=(RelaySettings(name="lock", gpio=4),)), pins)
panel.start(lambda event: print("closed" if event.closed else "open", int(pin.state), flush=True))
panel.relays["lock"].pulse(20.0)
def wait():  # in pieces: a signal that another thread takes ends no sleep of this one
    for _ in range(300):
        time.sleep(0.1)
{end}
"""


@pytest.mark.parametrize(
    "end",
    [
        "pass",
        "raise RuntimeError('a bug')",
        "sys.exit(3)",
        "os.kill(os.getpid(), signal.SIGTERM); wait()",
        # A test run in the background of a shell ignores SIGINT, and so would the interpreter.
        "signal.signal(signal.SIGINT, signal.default_int_handler); os.kill(os.getpid(), signal.SIGINT); wait()",
    ],
)
def test_a_relay_lets_go_however_the_process_ends(end: str) -> None:
    run = subprocess.run([sys.executable, "-c", DYING.format(end=end)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout.splitlines() == ["closed 1", "open 0"], run.stderr
