"""Records a call in stereo, as WAV or Ogg Opus: left what we said, right what we heard.

The audio thread only copies into memory that exists already; a writer thread of its own does everything that touches the disk. When the
disk falls behind by all blocks, sound is dropped and counted rather than the call disturbed.
"""

from __future__ import annotations

import sys
import threading
import time
import wave
from array import array
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Final, Protocol

from firmware.errors import MediaError

if TYPE_CHECKING:  # most houses that record want WAV
    from firmware.media.ogg_opus import OggOpusWriter

SUFFIX_OPUS: Final = ".opus"

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
    """One file, stereo at `rate_hz`: Ogg Opus where its name ends in .opus, else 16-bit WAV.

    `put` and `finish` belong to the audio thread, `wait` to whoever wants the file.
    """

    def __init__(self, path: Path, *, rate_hz: int = 8000, duration_s_max: float = DURATION_S_MAX) -> None:
        """Create the file. Raises MediaError when that is impossible, or libopus is not there."""
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
        if path.suffix == SUFFIX_OPUS:
            from firmware.media.ogg_opus import library

            library()
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
            # The inner `with` ends the sound, the outer one closes the file.
            with self._raw, closing(self._sound()) as sound:
                while (block := self._full.get()) is not None:
                    sound.write(interleaved(block.said[: block.used], block.heard[: block.used]))
                    self._free.put(block)
        except (OSError, MediaError) as error:
            self._failure = str(error) if isinstance(error, MediaError) else error.strerror or str(error)
            while self._full.get() is not None:
                pass  # `put` drops by itself when no block comes back

    def _sound(self) -> _WaveWriter | OggOpusWriter:
        if self.path.suffix != SUFFIX_OPUS:
            return _WaveWriter(self._raw, self._rate_hz)
        from firmware.media.ogg_opus import OggOpusWriter

        return OggOpusWriter(self._raw, self._rate_hz)


class _WaveWriter:
    """16-bit stereo; the lengths in the header are patched at the end."""

    def __init__(self, file: IO[bytes], rate_hz: int) -> None:
        self._file = wave.open(file, "wb")  # noqa: SIM115 -- `close` is called by whoever made this
        self._file.setnchannels(2)
        self._file.setsampwidth(2)
        self._file.setframerate(rate_hz)

    def write(self, sound: bytes) -> None:
        self._file.writeframesraw(sound)

    def close(self) -> None:
        self._file.close()


def interleaved(left: bytes | bytearray, right: bytes | bytearray) -> bytes:
    """Two mono signals of equal length, 16-bit native-endian, as the little-endian stereo that WAV wants."""
    both = array("h", bytes(2 * len(left)))
    both[0::2] = array("h", bytes(left))
    both[1::2] = array("h", bytes(right))
    if sys.byteorder == "big":
        both.byteswap()
    return both.tobytes()
