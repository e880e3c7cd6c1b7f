"""The reader's port on real pseudo-terminals. Threads are waited for by what they report; nothing is timed."""

from __future__ import annotations

import contextlib
import os
import queue
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.api import CardRead, DeviceFault, HardwareEvent
from hw.decode.rdm6300 import Rdm6300
from hw.serial_port import SerialReader
from hw.settings import ReaderSettings

WITHIN_S = 10.0
HOUR_NS = 3600 * 10**9
CARD = b"\x0262E3086CED08\x03"


class Wire:
    """A pseudo-terminal under a stable name, as udev makes one for a converter, and the reader at it."""

    def __init__(self, folder: Path) -> None:
        self.name = folder / "reader"
        self.events: queue.SimpleQueue[HardwareEvent] = queue.SimpleQueue()
        self.panel_fd = -1
        self.reader = SerialReader(
            ReaderSettings(name="cards", port=str(self.name)), lambda: Rdm6300(repeat_after_ns=HOUR_NS), pause_s_first=0.01
        )

    def plug_in(self) -> None:
        self.panel_fd, port_fd = os.openpty()
        tty.setraw(port_fd)
        self.name.symlink_to(os.ttyname(port_fd))
        os.close(port_fd)

    def unplug(self) -> None:
        self.name.unlink()
        os.close(self.panel_fd)
        self.panel_fd = -1

    def hold(self, *pieces: bytes) -> HardwareEvent:
        """What comes when the reader sends these again and again, as it does while a card is in its field; the port may open meanwhile."""
        for _ in range(200):
            for piece in pieces:
                os.write(self.panel_fd, piece)
            with contextlib.suppress(queue.Empty):
                return self.events.get(timeout=WITHIN_S / 200)
        raise AssertionError("no card came")

    def next(self) -> HardwareEvent:
        return self.events.get(timeout=WITHIN_S)


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path)
    yield wire
    wire.reader.close()
    if wire.panel_fd >= 0:
        os.close(wire.panel_fd)


def test_a_card_on_the_line_is_reported_even_in_pieces_between_garbage(wire: Wire) -> None:
    wire.plug_in()
    wire.reader.start(wire.events.put)
    read = wire.hold(b"\xff\x00" + CARD[:5], CARD[5:] + b"x")
    assert isinstance(read, CardRead)
    assert (read.reader, read.card) == ("cards", "62E3086CED")


def test_a_converter_that_is_pulled_and_comes_back_is_told_and_read_again(wire: Wire) -> None:
    wire.plug_in()
    wire.reader.start(wire.events.put)
    assert isinstance(wire.hold(CARD), CardRead)
    wire.unplug()
    gone = wire.next()
    assert isinstance(gone, DeviceFault)
    assert (gone.device, gone.working) == ("cards", False)
    wire.plug_in()
    back = wire.next()
    assert isinstance(back, DeviceFault)
    assert back.working
    assert isinstance(wire.hold(CARD), CardRead)


def test_a_port_that_is_not_there_is_told_once_with_its_name(wire: Wire) -> None:
    wire.reader.start(wire.events.put)
    fault = wire.next()
    assert isinstance(fault, DeviceFault)
    assert not fault.working
    assert str(wire.name) in fault.detail
    wire.plug_in()
    back = wire.next()  # though it was tried many times in between, the next event is its return
    assert isinstance(back, DeviceFault)
    assert back.working


def test_close_ends_a_reader_that_waits_and_one_that_never_began(wire: Wire) -> None:
    SerialReader(ReaderSettings(name="never", port="/nowhere"), lambda: Rdm6300(repeat_after_ns=HOUR_NS)).close()
    wire.plug_in()
    wire.reader.start(wire.events.put)
    wire.hold(CARD)
    wire.reader.close()
    wire.reader.close()
    assert not wire.reader._thread.is_alive()
