"""Request to exit: the relay has closed before the program hears of it, and whether or not it ever does."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator

import pytest
from gpiozero.pins.mock import MockFactory

from hw.api import ContactEdge, DeviceFault, HardwareError, HardwareEvent, RelayEdge
from hw.exit import way_out
from hw.gpio import GpioPanel
from hw.input_line import InputKind, InputLine
from hw.settings import BoardSettings, InputSettings, RelaySettings
from hw.simulated import SimulatedBoard

S = 1_000_000_000
WITHIN_S = 30.0
EXIT = InputSettings(name="exit", gpio=22, debounce_ms=10, opens="lock", opens_s=3600.0)
SETTINGS = BoardSettings(contacts=(EXIT,), relays=(RelaySettings(name="lock", gpio=4, max_closed_s=7200.0),))


class Wall:
    """A started panel on mock pins."""

    def __init__(self) -> None:
        self.pins = MockFactory()
        self.panel = GpioPanel(SETTINGS, self.pins)
        self.closed = threading.Event()
        self.events: queue.SimpleQueue[HardwareEvent] = queue.SimpleQueue()

    def hear(self, event: HardwareEvent) -> None:
        self.events.put(event)
        if isinstance(event, RelayEdge) and event.closed:
            self.closed.set()

    def next(self) -> HardwareEvent:
        return self.events.get(timeout=WITHIN_S)


@pytest.fixture
def wall() -> Iterator[Wall]:
    wall = Wall()
    yield wall
    wall.panel.close()


def test_the_door_opens_while_the_event_loop_is_blocked_and_the_program_hears_of_it_afterwards(wall: Wall) -> None:
    heard: list[HardwareEvent] = []

    async def program() -> None:
        loop = asyncio.get_running_loop()

        def sink(event: HardwareEvent) -> None:
            loop.call_soon_threadsafe(heard.append, event)
            wall.hear(event)

        wall.panel.start(sink)
        await asyncio.sleep(0)
        heard.clear()  # the first state of the contact
        # From here the loop is busy: nothing that is handed to it runs before this function waits again.
        wall.pins.pin(22).drive_low()
        assert wall.closed.wait(WITHIN_S)
        assert wall.pins.pin(4).state
        assert heard == []
        async with asyncio.timeout(WITHIN_S):
            while len(heard) < 2:
                await asyncio.sleep(0)
        wall.panel.close()

    asyncio.run(program())
    closed, pressed = heard[:2]
    assert isinstance(closed, RelayEdge)
    assert (closed.relay, closed.closed, closed.by) == ("lock", True, "exit")
    assert isinstance(pressed, ContactEdge)
    assert (pressed.contact, pressed.active) == ("exit", True)


def test_the_relay_has_closed_before_a_program_that_fails_is_told(wall: Wall) -> None:
    closed_when_told: list[bool] = []

    def sink(event: HardwareEvent) -> None:
        if isinstance(event, ContactEdge) and event.active:
            closed_when_told.append(wall.panel.relays["lock"].closed)
        wall.hear(event)

    wall.panel.start(sink)
    wall.pins.pin(22).drive_low()
    assert wall.closed.wait(WITHIN_S)
    wall.next()  # the first state of the contact
    assert isinstance(wall.next(), RelayEdge)
    assert isinstance(wall.next(), ContactEdge)
    assert closed_when_told == [True]


def test_bells_that_hang_keep_nobody_in() -> None:
    pins = MockFactory()
    hangs, goes_on, closed = threading.Event(), threading.Event(), threading.Event()

    def sink(event: HardwareEvent) -> None:
        if isinstance(event, ContactEdge) and event.contact == "door" and event.active:
            hangs.set()
            goes_on.wait(WITHIN_S)
        if isinstance(event, RelayEdge) and event.closed:
            closed.set()

    door = InputSettings(name="door", gpio=23, debounce_ms=10)
    panel = GpioPanel(BoardSettings(contacts=(EXIT, door), relays=SETTINGS.relays), pins)
    panel.start(sink)
    pins.pin(23).drive_low()
    assert hangs.wait(WITHIN_S)  # the thread of bells and contacts stands still in the program's sink
    pins.pin(22).drive_low()
    assert closed.wait(WITHIN_S)
    goes_on.set()
    panel.close()


def test_an_exit_contact_that_is_active_at_the_start_opens_nothing(wall: Wall) -> None:
    wall.pins.pin(22).drive_low()
    wall.panel.start(wall.hear)
    first = wall.next()
    assert isinstance(first, ContactEdge)
    assert first.active
    assert not wall.panel.relays["lock"].closed


def test_an_exit_to_a_relay_that_does_not_exist_is_refused() -> None:
    with pytest.raises(HardwareError, match="contact exit opens a relay lock that is not configured"):
        GpioPanel(BoardSettings(contacts=(EXIT,)), MockFactory())
    with pytest.raises(HardwareError, match="not configured"):
        SimulatedBoard(BoardSettings(contacts=(EXIT,)), now_ns=lambda: 0)


def test_a_bell_button_opens_nothing() -> None:
    with pytest.raises(AssertionError, match="a bell button opens nothing"):
        InputLine(EXIT, InputKind.BUTTON)


def test_a_contact_that_opens_nothing_has_no_way_out() -> None:
    assert way_out(InputSettings(name="door", gpio=22), {}) is None


class House:
    """A board in memory, with a clock."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.events: list[HardwareEvent] = []
        self.board = SimulatedBoard(SETTINGS, now_ns=lambda: self.now_ns)
        self.board.start(self.events.append)
        self.events.clear()

    def press_exit(self) -> None:
        self.board.set_contact("exit", active=True)
        self.now_ns += S
        self.board.run_due()


def test_a_relay_blocked_for_everybody_stays_shut_and_the_contact_is_told_all_the_same() -> None:
    house = House()
    house.board.relay("lock").block(exits=True)
    house.press_exit()
    assert house.events == [ContactEdge(contact="exit", active=True, at_ns=0)]
    assert not house.board.relay("lock").closed


def test_a_relay_blocked_for_visitors_alone_lets_people_out() -> None:
    house = House()
    house.board.relay("lock").block(exits=False)
    house.press_exit()
    assert [event.by for event in house.events if isinstance(event, RelayEdge)] == ["exit"]


def test_an_exit_that_cannot_open_is_a_fault_with_the_reason() -> None:
    house = House()

    def dead() -> None:
        raise HardwareError("relay-keeper does not run")

    house.board.relay("lock").attach(house.events.append, guard=dead, wake=lambda: None)
    house.press_exit()
    edge, fault = house.events
    assert isinstance(edge, ContactEdge)
    assert isinstance(fault, DeviceFault)
    assert fault.detail == "contact exit could not open: relay-keeper does not run"
