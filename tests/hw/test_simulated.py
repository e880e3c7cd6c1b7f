"""The door in memory, in the caller's time and once in real time."""

from __future__ import annotations

import threading

import pytest

from hw.api import ButtonEdge, CardHeld, CardRead, ContactEdge, DeviceFault, HardwareEvent, KeyPressed, RelayEdge
from hw.settings import BoardSettings, InputSettings, KeypadSettings, LampSettings, ReaderSettings, RelaySettings, WiegandSettings
from hw.simulated import HISTORY_MAX, SimulatedBoard

S = 1_000_000_000
MS = 1_000_000
WITHIN_S = 30.0

SETTINGS = BoardSettings(
    buttons=(InputSettings(name="bell", gpio=17, stuck_after_s=60.0), InputSettings(name="flat", gpio=18, active_high=True)),
    contacts=(InputSettings(name="door", gpio=22),),
    relays=(RelaySettings(name="lock", gpio=4, max_closed_s=10.0),),
    lamps=(LampSettings(name="ring", gpio=5),),
    readers=(ReaderSettings(name="cards", port="/dev/serial0"),),
    wiegand=(WiegandSettings(name="gate", gpio_d0=23, gpio_d1=24, gap_ms=20),),
    keypads=(KeypadSettings(name="pad", gpio_rows=(6, 7, 8, 9), gpio_columns=(10, 11, 12)),),
)


class House:
    """A started board and its clock."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.events: list[HardwareEvent] = []
        self.board = SimulatedBoard(SETTINGS, now_ns=lambda: self.now_ns)
        self.board.start(self.events.append)
        self.events.clear()  # the first state of the contact

    def go(self, to_ns: int) -> None:
        """Let time pass deadline by deadline."""
        while (at_ns := self.board.next_deadline_ns()) is not None and at_ns <= to_ns:
            self.now_ns = max(self.now_ns, at_ns)
            self.board.run_due()
        self.now_ns = to_ns
        self.board.run_due()


def test_a_press_comes_through_the_debounce_with_the_times_of_the_finger() -> None:
    house = House()
    house.board.press("bell", 0.2)
    assert house.events == []
    house.go(S)
    assert house.events == [
        ButtonEdge(button="bell", pressed=True, at_ns=0),
        ButtonEdge(button="bell", pressed=False, at_ns=200 * MS),
    ]


def test_a_press_is_the_same_when_time_comes_in_one_leap() -> None:
    house = House()
    house.board.press("flat", 0.2)
    house.now_ns = 5 * S
    house.board.run_due()
    assert [event.pressed for event in house.events if isinstance(event, ButtonEdge)] == [True, False]


def test_a_touch_shorter_than_the_debounce_is_no_press() -> None:
    house = House()
    house.board.press("bell", 0.029)
    house.go(S)
    assert house.events == []


def test_a_stone_on_the_button_is_reported_and_taken_away_again() -> None:
    house = House()
    house.board.hold("bell")
    house.go(100 * S)
    house.board.let_go("bell")
    house.go(101 * S)
    kinds = [type(event) for event in house.events]
    assert kinds == [ButtonEdge, DeviceFault, DeviceFault, ButtonEdge]
    stuck = house.events[1]
    assert isinstance(stuck, DeviceFault)
    assert (stuck.device, stuck.working, stuck.at_ns) == ("bell", False, 60 * S)
    assert "stuck" in stuck.detail


def test_a_contact_tells_its_first_state_and_its_changes() -> None:
    events: list[HardwareEvent] = []
    board = SimulatedBoard(SETTINGS, now_ns=lambda: 7)
    board.set_contact("door", active=True)
    board.start(events.append)
    assert events == [ContactEdge(contact="door", active=True, at_ns=7)]
    house = House()
    house.board.set_contact("door", active=True)
    house.go(S)
    assert house.events == [ContactEdge(contact="door", active=True, at_ns=0)]


def test_a_relay_lets_go_by_itself_and_remembers() -> None:
    house = House()
    lock = house.board.relay("lock")
    lock.pulse(3600.0)
    house.go(60 * S)
    edges = (RelayEdge(relay="lock", closed=True, at_ns=0), RelayEdge(relay="lock", closed=False, at_ns=10 * S))
    assert lock.history == edges
    assert tuple(house.events) == edges


def test_a_relays_memory_is_bounded() -> None:
    house = House()
    lock = house.board.relay("lock")
    for _ in range(HISTORY_MAX):
        house.now_ns += 2 * S
        lock.pulse(1.0)
        lock.release()
    assert len(lock.history) == HISTORY_MAX


def test_lamps_show_what_they_were_told() -> None:
    house = House()
    lamp = house.board.lamp("ring")
    lamp.set(on=True, blink_period_s=0.5)
    assert (lamp.name, lamp.on, lamp.blink_period_s) == ("ring", True, 0.5)
    lamp.set(on=False, blink_period_s=0.5)
    assert (lamp.on, lamp.blink_period_s) == (False, None)


def test_cards_keys_and_faults_are_told_at_once() -> None:
    house = House()
    house.now_ns = 9
    house.board.card("cards", "62E3086CED")
    house.board.key("pad", "#")
    house.board.fault("cards", "pulled")
    assert house.events == [
        CardRead(reader="cards", card="62E3086CED", at_ns=9),
        KeyPressed(keypad="pad", key="#", at_ns=9),
        DeviceFault(device="cards", working=False, detail="pulled", at_ns=9),
    ]


def test_a_key_needs_a_device_that_may_have_keys() -> None:
    house = House()
    with pytest.raises(KeyError):
        house.board.key("lock", "1")
    house.board.key("gate", "1")  # Wiegand readers may have keys
    assert house.events == [KeyPressed(keypad="gate", key="1", at_ns=0)]


def test_a_card_that_is_held_is_read_and_held_and_read_anew_when_it_comes_back() -> None:
    house = House()
    house.board.hold_card("cards", "0A1B", 6.0)
    house.go(20 * S)
    house.board.hold_card("cards", "0A1B", 3.0)
    house.go(40 * S)
    assert house.events == [
        CardRead(reader="cards", card="0A1B", at_ns=0),
        CardHeld(reader="cards", card="0A1B", at_ns=4 * S),
        CardRead(reader="cards", card="0A1B", at_ns=20 * S),
    ]
    assert house.board.next_deadline_ns() is None


def test_wiegand_frames_go_through_the_decoder() -> None:
    house = House()
    house.now_ns = S
    house.board.wiegand("gate", "00110001011100011000010000")
    assert house.events == []
    house.go(2 * S)
    house.board.wiegand("gate", "11010010")
    house.board.card("gate", "FF")
    house.go(3 * S)
    assert house.events == [
        CardRead(reader="gate", card="62E308", at_ns=S + 20 * MS),
        CardRead(reader="gate", card="FF", at_ns=2 * S),
        KeyPressed(keypad="gate", key="2", at_ns=2 * S + 20 * MS),
    ]


def test_a_frame_needs_a_wiegand_reader() -> None:
    with pytest.raises(KeyError, match="cards"):
        House().board.wiegand("cards", "0101")


def test_names_that_were_not_configured_are_key_errors() -> None:
    board = House().board
    for wrong in (
        lambda: board.press("x"),
        lambda: board.card("x", "00"),
        lambda: board.hold_card("x", "00", 1.0),
        lambda: board.wiegand("x", "0101"),
        lambda: board.relay("x"),
        lambda: board.lamp("x"),
    ):
        with pytest.raises(KeyError):
            wrong()


def test_close_lets_everything_go() -> None:
    house = House()
    house.board.relay("lock").pulse(5.0)
    house.board.lamp("ring").set(on=True)
    house.board.sound.open()
    house.board.close()
    assert not house.board.relay("lock").closed
    assert not house.board.lamp("ring").on
    assert not house.board.sound.is_open


def test_in_real_time_a_thread_keeps_the_deadlines() -> None:
    board = SimulatedBoard(SETTINGS)
    pressed, opened, keyed = threading.Event(), threading.Event(), threading.Event()

    def sink(event: HardwareEvent) -> None:
        if isinstance(event, ButtonEdge) and not event.pressed:
            pressed.set()
        if isinstance(event, RelayEdge) and not event.closed:
            opened.set()
        if isinstance(event, KeyPressed):
            keyed.set()

    board.start(sink)
    board.wiegand("gate", "0101")
    board.press("bell", 0.05)
    board.relay("lock").pulse(0.01)
    assert pressed.wait(WITHIN_S)
    assert opened.wait(WITHIN_S)
    assert keyed.wait(WITHIN_S)
    board.close()
