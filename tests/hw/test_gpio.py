"""The pins, on gpiozero's mock: the test drives levels, the driver must make sense of them. The mock knows no bounce time; ours decides."""

from __future__ import annotations

import queue
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import gpiozero.pins
import pytest
from gpiozero.pins.mock import MockFactory

from hw.api import ButtonEdge, ContactEdge, HardwareError, HardwareEvent, RelayEdge
from hw.gpio import GpioPanel, LgpioHandle, LgpioPin, board_pins, rest_relays, steady_pin
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


def test_an_edge_stamped_by_another_clock_gets_our_time(wall: Wall) -> None:
    wall.next()
    pin = wall.pins.pin(17)
    pin._call_when_changed = lambda: pin._when_changed()(1.7e9, 0)  # the time of day, as old kernels stamp
    pin.drive_low()
    pressed = wall.next()
    pin._call_when_changed = lambda: pin._when_changed()(1.7e9, 1)
    pin.drive_high()
    released = wall.next()
    assert isinstance(pressed, ButtonEdge)
    assert isinstance(released, ButtonEdge)
    assert 0 < pressed.at_ns < released.at_ns < int(1e18)


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


class FakePin:
    """gpiozero's lgpio pin, as far as `steady_pin` touches it."""

    def __init__(self, log: list[str]) -> None:
        self.factory: LgpioHandle = type("Handle", (), {"_handle": 7})()
        self._number = 4
        self.log = log

    def close(self) -> None:
        self.log.append("float")


class FakeLgpio:
    """The module lgpio, as far as `steady_pin` touches it."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def gpio_claim_output(self, handle: int, gpio: int, level: int) -> int:
        self.log.append(f"claim {handle} {gpio} {level}")
        return 0


def test_an_lgpio_relay_line_is_claimed_at_its_level_at_once_and_never_left_floating() -> None:
    log: list[str] = []
    base: type[LgpioPin] = FakePin
    pin = steady_pin(base, FakeLgpio(log))(log)  # type: ignore[call-arg]  # the protocol does not say how a pin is made
    pin.output_with_state(state=True)  # type: ignore[attr-defined]  # added by steady_pin
    pin.close()
    assert log == ["claim 7 4 1"]
    other = steady_pin(base, FakeLgpio(log))(log)  # type: ignore[call-arg]  # the protocol does not say how a pin is made
    other.close()
    assert log == ["claim 7 4 1", "float"]


def fake_library(monkeypatch: pytest.MonkeyPatch, factory: object) -> type[Exception]:
    """Put a made-up lgpio in the place of the real one, which wants a GPIO chip and a writable working directory."""
    lgpio = types.ModuleType("lgpio")
    error = type("error", (Exception,), {})
    vars(lgpio)["error"] = error
    pins = types.ModuleType("gpiozero.pins.lgpio")
    vars(pins).update(LGPIOFactory=factory, LGPIOPin=FakePin, lgpio=lgpio)
    monkeypatch.setitem(sys.modules, "lgpio", lgpio)
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", pins)
    monkeypatch.setattr(gpiozero.pins, "lgpio", pins, raising=False)
    return error


def test_the_boards_pins_are_steady_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    factory = types.SimpleNamespace(pin_class=FakePin)
    fake_library(monkeypatch, lambda _chip: factory)
    assert board_pins() is factory
    assert factory.pin_class.__name__ == "SteadyPin"


def test_a_machine_without_pins_says_what_to_look_for(monkeypatch: pytest.MonkeyPatch) -> None:
    failure: list[Exception] = []

    def no_chip(_chip: int | None) -> None:
        raise failure[0]

    error = fake_library(monkeypatch, no_chip)
    for each in (error("can not open gpiochip"), OSError("unable to locate Pi revision")):
        failure[:] = [each]
        with pytest.raises(HardwareError, match="group gpio"):
            board_pins()


def test_a_machine_without_the_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero.pins.lgpio", None)
    monkeypatch.delattr(gpiozero.pins, "lgpio", raising=False)
    with pytest.raises(HardwareError, match="install gpiozero and lgpio"):
        board_pins()


def test_a_working_directory_that_lgpio_cannot_write_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        """An importer for which the module's first lines fail, as they do where its pipe cannot be made."""

        def find_spec(self, name: str, _path: object, _target: object = None) -> None:
            if name == "gpiozero.pins.lgpio":
                raise FileNotFoundError(2, "No such file or directory: '.lgd-nfy0'")

    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    monkeypatch.delattr(gpiozero.pins, "lgpio", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Refusing(), *sys.meta_path])
    with pytest.raises(HardwareError, match="working directory must be writable"):
        board_pins()


def test_a_line_that_another_program_holds_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    error = fake_library(monkeypatch, None)
    pins = MockFactory()

    def busy(_number: int) -> None:
        raise error("GPIO busy")

    monkeypatch.setattr(pins, "pin", busy)
    with pytest.raises(HardwareError, match="button bell at GPIO17: GPIO busy"):
        GpioPanel(BoardSettings(buttons=SETTINGS.buttons), pins)


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
