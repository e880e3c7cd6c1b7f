"""Records a call into a stereo WAV: left what we said, right what we heard.

The audio thread only copies into memory that exists already; a writer thread of its own does everything that touches the disk. When the
disk falls behind by all blocks, sound is dropped and counted rather than the call disturbed.
"""

from __future__ import annotations

import sys
import threading
import time
import wave
from array import array
from pathlib import Path
from queue import SimpleQueue
from typing import Final, Protocol

from firmware.errors import MediaError

BLOCK_S: Final = 0.5  # one disk write each half second: little is lost in a power cut, and an SD card is not worn by tiny writes
BLOCKS: Final = 8  # four seconds of disk stall, which cheap SD cards reach while they collect garbage
DURATION_S_MAX: Final = 600.0  # ten minutes of stereo at 8 kHz are 19 MB: no visit lasts longer, no call fills a disk


class Listener(Protocol):
    """Who is given both sides of the sound, on the audio thread: it must never wait."""

    def put(self, said: bytes, heard: bytes) -> None:
        """One period of both sides, equally long."""
        ...

    def finish(self) -> None:
        """Nothing more will be put."""
        ...


class _Block:
    """Preallocated sound of both sides; `used` bytes of each are valid."""

    def __init__(self, size: int) -> None:
        self.said = bytearray(size)
        self.heard = bytearray(size)
        self.used = 0


class Recorder:
    """One WAV file, 16-bit stereo at `rate_hz`. `put` and `finish` belong to the audio thread, `wait` to whoever wants the file."""

    def __init__(self, path: Path, *, rate_hz: int = 8000, duration_s_max: float = DURATION_S_MAX) -> None:
        """Create the file. Raises MediaError when that is impossible."""
        self.path = path
        self.dropped_bytes = 0
        self.started_ns: int | None = None  # monotonic time at which the first period was taken
        self._left_bytes = 2 * round(duration_s_max * rate_hz)
        self._size = 2 * round(BLOCK_S * rate_hz)
        self._current: _Block | None = _Block(self._size)
        self._free: SimpleQueue[_Block] = SimpleQueue()  # these two hold BLOCKS blocks together, and one end mark
        self._full: SimpleQueue[_Block | None] = SimpleQueue()
        for _ in range(BLOCKS):
            self._free.put(_Block(self._size))
        self._failure = ""
        try:
            self._raw = path.open("wb")
        except OSError as error:
            raise MediaError(f"cannot record into {path}: {error.strerror}") from error
        self._rate_hz = rate_hz
        self._thread = threading.Thread(target=self._write, name="recorder", daemon=True)
        self._thread.start()

    def put(self, said: bytes, heard: bytes) -> None:
        """Take one period of both sides, equally long, at most a block. Never waits. What comes after `duration_s_max` is ignored."""
        count = len(said)
        block = self._current
        if block is None:
            return
        if self.started_ns is None:
            self.started_ns = time.monotonic_ns()
        if block.used + count > self._size:
            if self._left_bytes <= 0 or self._free.empty():
                self.dropped_bytes += count
                return
            self._full.put(block)
            block = self._current = self._free.get()
            block.used = 0
        end = block.used + count
        block.said[block.used : end] = said
        block.heard[block.used : end] = heard
        block.used = end
        self._left_bytes -= count

    def finish(self) -> None:
        """Nothing more will be put: the writer thread writes what is left and closes the file. Never waits; allowed in any state."""
        if self._current is not None:
            self._full.put(self._current)
            self._full.put(None)
            self._current = None

    def wait(self, timeout_s: float) -> None:
        """Wait until the finished file is on the disk. Raises MediaError when it is not."""
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise MediaError(f"the recording {self.path} was not finished within {timeout_s:g} s")
        if self._failure:
            raise MediaError(f"the recording {self.path} is incomplete: {self._failure}")

    def _write(self) -> None:
        try:
            # The inner `with` patches the lengths in the header, the outer one closes the file.
            with self._raw, wave.open(self._raw, "wb") as file:
                file.setnchannels(2)
                file.setsampwidth(2)
                file.setframerate(self._rate_hz)
                while (block := self._full.get()) is not None:
                    file.writeframesraw(interleaved(block.said[: block.used], block.heard[: block.used]))
                    self._free.put(block)
        except OSError as error:
            self._failure = error.strerror or str(error)
            while self._full.get() is not None:
                pass  # `put` drops by itself when no block comes back


def interleaved(left: bytes | bytearray, right: bytes | bytearray) -> bytes:
    """Two mono signals of equal length, 16-bit native-endian, as the little-endian stereo that WAV wants."""
    both = array("h", bytes(2 * len(left)))
    both[0::2] = array("h", bytes(left))
    both[1::2] = array("h", bytes(right))
    if sys.byteorder == "big":
        both.byteswap()
    return both.tobytes()
