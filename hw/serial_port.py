"""Card readers and keypads at serial ports: the one file that knows pyserial.

A thread a reader waits for bytes, or for its decoder's next deadline, without waking up in between. A port that goes away (a USB
converter was pulled) is opened again by its stable name with growing pauses.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from hw.api import DeviceFault, HardwareEvent, Sink
from hw.decode.sighting import Decoder, Sighting
from hw.reader_events import ReaderEvents
from hw.settings import ReaderKind, ReaderSettings

if TYPE_CHECKING:
    import serial

PAUSE_S_FIRST = 1.0
PAUSE_S_MAX = 30.0  # a converter that comes back after days is found soon enough; asking more often only fills the kernel's log
READ_BYTES = 256  # more than a second of 9600 baud garbage in one go is not worth it
WRITE_S_MAX = 1.0  # the longest command lasts 4 ms; a port that does not take it is as good as gone
BAUD = {ReaderKind.PN532: 115200}
BAUD_USUAL = 9600


class SerialReader:
    """Reports cards and keys, and `DeviceFault` when its port goes and comes."""

    def __init__(self, settings: ReaderSettings, decoder: Callable[[int], Decoder], *, pause_s_first: float = PAUSE_S_FIRST) -> None:
        """`decoder` makes a new one, given the time, whenever the port is opened."""
        self._settings = settings
        self._new_decoder = decoder
        self._events = ReaderEvents(settings.name, repeat_after_ms=settings.repeat_after_ms, held_after_ms=settings.held_after_ms)
        self._pause_s_first = pause_s_first
        self._ending = threading.Event()
        self._lock = threading.Lock()  # guards _port between this thread's open and another's close
        self._port: serial.Serial | None = None
        self._working = True
        self._thread = threading.Thread(target=self._run, name=f"reader-{settings.name}", daemon=True)
        self._sink: Sink | None = None

    def start(self, sink: Sink) -> None:
        self._sink = sink
        self._thread.start()

    def close(self) -> None:
        """Stop reading and wait for the thread. Allowed in any state."""
        self._ending.set()
        with self._lock:
            if self._port is not None:
                self._port.cancel_read()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause_s = self._pause_s_first
        while not self._ending.is_set():
            if self._open():
                pause_s = self._pause_s_first
                self._read()
            self._ending.wait(pause_s)
            pause_s = min(2 * pause_s, PAUSE_S_MAX)

    def _open(self) -> bool:
        import serial

        try:
            # Exclusive: a second program on the same line would steal half of each card.
            baud = self._settings.baud or BAUD.get(self._settings.kind, BAUD_USUAL)
            port = serial.Serial(self._settings.port, baud, timeout=None, write_timeout=WRITE_S_MAX, exclusive=True)
        except (OSError, ValueError) as error:  # SerialException is an OSError
            self._state(working=False, detail=f"port {self._settings.port} cannot be opened: {error}")
            return False
        with self._lock:
            self._port = port
        self._state(working=True, detail=f"port {self._settings.port} is open")
        return True

    def _read(self) -> None:
        """Read until the port goes away or `close` is called."""
        port = self._port
        assert port is not None
        decoder = self._new_decoder(time.monotonic_ns())
        try:
            while not self._ending.is_set():
                if output := decoder.take_output():
                    port.write(output)
                _set_patience(port, decoder.deadline_ns())
                # One byte may come alone; take what came with it.
                data = port.read(1)
                data += port.read(min(port.in_waiting, READ_BYTES)) if data else b""
                now_ns = time.monotonic_ns()
                seen = decoder.feed(data, now_ns) if data else ()
                self._report((*seen, *decoder.expire(now_ns)), now_ns)
        except OSError as error:
            self._state(working=False, detail=f"port {self._settings.port} went away: {error}")
        finally:
            with self._lock:
                self._port = None
            port.close()

    def _report(self, seen: tuple[Sighting, ...], now_ns: int) -> None:
        for sighting in seen:
            for event in self._events.of(sighting, now_ns):
                self._tell(event)

    def _state(self, *, working: bool, detail: str) -> None:
        """Report a change, and silence while it lasts."""
        if working != self._working:
            self._working = working
            self._tell(DeviceFault(device=self._settings.name, working=working, detail=detail, at_ns=time.monotonic_ns()))

    def _tell(self, event: HardwareEvent) -> None:
        assert self._sink is not None
        self._sink(event)


def _set_patience(port: serial.Serial, deadline_ns: int | None) -> None:
    """How long to wait for a byte."""
    patience_s = None if deadline_ns is None else max(0.0, (deadline_ns - time.monotonic_ns()) / 1e9)
    if port.timeout != patience_s:  # setting it costs several system calls
        port.timeout = patience_s
