"""The reader's port on real pseudo-terminals. Threads are waited for by what they report; nothing is timed."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.api import CardHeld, CardRead, DeviceFault, HardwareEvent, KeyPressed
from hw.build import decoder_of
from hw.serial_port import SerialReader
from hw.settings import ReaderKind, ReaderSettings
from tests.hw.pn532_chip import Chip

WITHIN_S = 30.0
HOUR_MS = 3_600_000
CARD = b"\x0262E3086CED08\x03"
OTHER = b"\x02010203040501\x03"


class Wire:
    """A pseudo-terminal under a stable name, as udev makes one for a converter, and the reader at it."""

    def __init__(self, folder: Path, kind: ReaderKind = ReaderKind.RDM6300, held_after_ms: int | None = None) -> None:
        self.name = folder / "reader"
        self.events: queue.SimpleQueue[HardwareEvent] = queue.SimpleQueue()
        self.panel_fd = -1
        settings = ReaderSettings(name="cards", port=str(self.name), kind=kind, repeat_after_ms=HOUR_MS, held_after_ms=held_after_ms)
        self.reader = SerialReader(settings, decoder_of(kind), pause_s_first=0.01)

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

    def close(self) -> None:
        self.reader.close()
        if self.panel_fd >= 0:
            os.close(self.panel_fd)


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path)
    yield wire
    wire.close()


class ChipThread:
    """A PN532 at the panel's end of the pseudo-terminal."""

    def __init__(self, wire: Wire) -> None:
        self._fd = wire.panel_fd
        self._port_fd = os.open(wire.name, os.O_RDWR | os.O_NOCTTY)  # a terminal that nobody has open cannot be read
        self._lock = threading.Lock()
        self.chip = Chip()
        self.searching = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """When nobody else has the port open: the read fails."""
        os.close(self._port_fd)
        self._thread.join()

    def show(self, number: bytes) -> None:
        assert self.searching.wait(WITHIN_S)
        with self._lock:
            os.write(self._fd, self.chip.show(number))

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # the end of the test
            while True:
                heard = os.read(self._fd, 4096)
                while not heard.endswith(b"\x00"):  # a command may come in pieces; all end with a postamble
                    heard += os.read(self._fd, 4096)
                with self._lock:
                    os.write(self._fd, self.chip.hear(heard))
                    if self.chip.searching:
                        self.searching.set()


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
    assert isinstance(wire.hold(OTHER), CardRead)


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
    SerialReader(ReaderSettings(name="never", port="/nowhere"), decoder_of(ReaderKind.RDM6300)).close()
    wire.plug_in()
    wire.reader.start(wire.events.put)
    wire.hold(CARD)
    wire.reader.close()
    wire.reader.close()
    assert not wire.reader._thread.is_alive()


def test_a_pn532_is_woken_set_up_and_reads_a_card_and_tells_when_it_is_held(tmp_path: Path) -> None:
    wire = Wire(tmp_path, ReaderKind.PN532, held_after_ms=1)
    wire.plug_in()
    panel = ChipThread(wire)
    wire.reader.start(wire.events.put)
    panel.show(bytes.fromhex("04A1B2C3D4E580"))
    read = wire.next()
    assert isinstance(read, CardRead)
    assert read.card == "04A1B2C3D4E580"
    held = wire.next()  # the second sighting, one search later
    assert isinstance(held, CardHeld)
    assert (held.reader, held.card) == ("cards", "04A1B2C3D4E580")
    assert held.at_ns > read.at_ns
    wire.reader.close()
    panel.close()
    wire.close()


def test_a_key_of_a_bridge_counts_after_its_silence_without_another_byte(tmp_path: Path) -> None:
    wire = Wire(tmp_path, ReaderKind.WIEGAND_BRIDGE)
    wire.plug_in()
    wire.reader.start(wire.events.put)
    assert isinstance(wire.hold(b"62E308\r"), CardRead)
    os.write(wire.panel_fd, b"5")
    pressed = wire.next()
    assert isinstance(pressed, KeyPressed)
    assert (pressed.keypad, pressed.key) == ("cards", "5")
    wire.close()


def test_a_serial_keypad_is_heard(tmp_path: Path) -> None:
    wire = Wire(tmp_path, ReaderKind.KEYPAD)
    wire.plug_in()
    wire.reader.start(wire.events.put)
    pressed = wire.hold(b"#")
    assert isinstance(pressed, KeyPressed)
    assert pressed.key == "#"
    wire.close()


def test_a_port_that_takes_no_bytes_is_as_good_as_gone(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    import serial

    def stuffed(_port: serial.Serial, _data: bytes) -> int:
        raise serial.SerialTimeoutException("Write timeout")

    monkeypatch.setattr(serial.Serial, "write", stuffed)
    wire.plug_in()
    reader = SerialReader(
        ReaderSettings(name="cards", port=str(wire.name), kind=ReaderKind.PN532), decoder_of(ReaderKind.PN532), pause_s_first=0.01
    )
    reader.start(wire.events.put)
    fault = wire.next()
    assert isinstance(fault, DeviceFault)
    assert "Write timeout" in fault.detail
    reader.close()
