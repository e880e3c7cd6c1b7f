"""From settings to boards, and what is loaded on the way."""

from __future__ import annotations

import queue
import subprocess
import sys
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from hw.api import Board, ContactEdge, DeviceFault, HardwareError, HardwareEvent, RelayEdge
from hw.build import build_board, build_simulated, decoder_of, release_relays
from hw.settings import (
    BoardSettings,
    InputSettings,
    KeypadSettings,
    LampSettings,
    ReaderKind,
    ReaderSettings,
    RelaySettings,
    WiegandSettings,
)

ROOT = Path(__file__).parents[2]
SETTINGS = BoardSettings(
    buttons=(InputSettings(name="bell", gpio=17),),
    contacts=(InputSettings(name="door", gpio=22),),
    relays=(RelaySettings(name="lock", gpio=4),),
    lamps=(LampSettings(name="ring", gpio=5),),
    readers=(ReaderSettings(name="cards", port="/nowhere/reader"),),
)


def test_a_wired_board_starts_everything_that_is_configured() -> None:
    events: queue.SimpleQueue[HardwareEvent] = queue.SimpleQueue()
    board: Board = build_board(SETTINGS, pins=MockFactory)
    board.start(events.put)
    kinds = {type(events.get(timeout=60.0)) for _ in range(2)}
    assert kinds == {ContactEdge, DeviceFault}  # the contact's first state; the reader that is not there
    assert board.relay("lock").name == "lock"
    assert board.lamp("ring").name == "ring"
    assert board.sound.counters().reopens == 0
    board.close()


def test_a_board_without_pins_needs_none() -> None:
    def no_pins() -> MockFactory:
        raise AssertionError("nobody asked for pins")

    board = build_board(BoardSettings(), pins=no_pins)
    board.start(lambda _event: None)
    with pytest.raises(KeyError):
        board.relay("lock")
    with pytest.raises(KeyError):
        board.lamp("ring")
    board.close()
    release_relays(BoardSettings(), pins=no_pins)


def test_a_pin_used_twice_is_refused() -> None:
    settings = BoardSettings(relays=(RelaySettings(name="lock", gpio=17),), buttons=(InputSettings(name="bell", gpio=17),))
    with pytest.raises(HardwareError, match="used twice: GPIO17"):
        build_board(settings, pins=MockFactory)


@pytest.mark.parametrize(
    "settings",
    [
        BoardSettings(wiegand=(WiegandSettings(name="cards", gpio_d0=4, gpio_d1=4),)),
        BoardSettings(relays=SETTINGS.relays, wiegand=(WiegandSettings(name="cards", gpio_d0=5, gpio_d1=4),)),
        BoardSettings(relays=SETTINGS.relays, keypads=(KeypadSettings(name="pad", gpio_rows=(5, 4), gpio_columns=(6,), keys=("1", "2")),)),
        BoardSettings(keypads=(KeypadSettings(name="pad", gpio_rows=(5, 6), gpio_columns=(4, 4), keys=("12", "34")),)),
    ],
)
def test_a_pin_of_a_reader_used_twice_is_refused(settings: BoardSettings) -> None:
    with pytest.raises(HardwareError, match="used twice: GPIO4"):
        build_board(settings, pins=MockFactory)


def test_a_board_of_readers_alone_has_pins_and_no_relay() -> None:
    pins = MockFactory()
    events: queue.SimpleQueue[HardwareEvent] = queue.SimpleQueue()
    board = build_board(BoardSettings(wiegand=(WiegandSettings(name="cards", gpio_d0=5, gpio_d1=6),)), pins=lambda: pins)
    pins.pin(5).drive_low()
    board.start(events.put)
    fault = events.get(timeout=60.0)
    assert isinstance(fault, DeviceFault)
    assert "D0 low" in fault.detail
    with pytest.raises(KeyError):
        board.relay("lock")
    board.close()


def test_relays_let_go_before_readers_are_shut_down() -> None:
    events: list[HardwareEvent] = []
    settings = BoardSettings(relays=SETTINGS.relays, wiegand=(WiegandSettings(name="cards", gpio_d0=5, gpio_d1=6),))
    board = build_board(settings, pins=MockFactory)
    board.start(events.append)
    board.relay("lock").pulse(20.0)
    board.close()
    assert [event.closed for event in events if isinstance(event, RelayEdge)] == [True, False]


def test_every_kind_of_reader_has_a_decoder() -> None:
    decoders = {type(decoder_of(kind)(7)).__name__ for kind in ReaderKind}
    assert decoders == {"Rdm6300", "Pn532", "WiegandBridge", "AsciiKeypad"}


def test_the_last_step_rests_every_relay() -> None:
    pins = MockFactory()
    release_relays(SETTINGS, pins=lambda: pins)
    assert pins.pin(4).function == "input"


def test_a_simulated_board_has_the_same_parts() -> None:
    board: Board = build_simulated(SETTINGS)
    board.start(lambda _event: None)
    assert board.relay("lock").name == "lock"
    board.close()


def test_a_simulated_station_loads_no_hardware_library() -> None:
    script = """
import sys
from hw.build import build_simulated
from hw.settings import BoardSettings
build_simulated(BoardSettings())
print(sorted({"gpiozero", "alsaaudio", "serial", "wave"} & set(sys.modules)), file=sys.stdout)
"""
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "[]\n"
