"""The microphone's half of a sound card: what it captures, a period at a time, mono outwards.

It runs without blocking and is waited for with a time limit, because a card that dies without a word would otherwise hold the audio
thread for the kernel's ten seconds.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable

from hw.api import HardwareError, SoundFormat
from hw.pcm import Pcm

STALL_MS = 500  # a microphone that gives no sound for so long is gone; PulseAudio on a busy machine pauses for 100 ms
VAIN_MAX = 8  # times that a card may call without sound for one period, before it is asked at leisure: some call twice a period …
NAP_S = 0.002  # … and one that has died may call all the time


class Capture:
    """An open microphone of one or two channels. Every method but `close` raises HardwareError when it is gone."""

    def __init__(self, pcm: Pcm, fmt: SoundFormat, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.overruns = 0
        self._pcm = pcm
        self._sleep = sleep
        self._channels = pcm.info()["channels"]
        self._wanted = fmt.period_bytes * self._channels
        self._captured = b""
        self._poll = select.poll()
        for fd, events in pcm.polldescriptors():
            self._poll.register(fd, events)
        self._gather()  # the first read starts the microphone

    def period(self) -> bytes:
        """The next period; waits for it."""
        vain = 0
        while len(self._captured) < self._wanted:
            ready = self._poll.poll(STALL_MS)
            vain += 1
            if not ready or (vain - VAIN_MAX) * NAP_S * 1000 >= STALL_MS:
                raise HardwareError(f"microphone: no sound has come for {STALL_MS} ms")
            if vain > VAIN_MAX:
                self._sleep(NAP_S)
            self._look_at(ready)
            before = len(self._captured)
            self._gather()
            if len(self._captured) != before:
                vain = 0
        data, self._captured = self._captured[: self._wanted], self._captured[self._wanted :]
        return data if self._channels == 1 else _left(data)

    def newest(self) -> bytes:
        """The last whole period that is there, without waiting, and nothing older any more; empty when there is none."""
        self._gather()
        if len(self._captured) < self._wanted:
            return b""
        data, self._captured = self._captured[-self._wanted :], b""
        return data if self._channels == 1 else _left(data)

    def close(self) -> None:
        """Close the device; one that is gone has nothing left to close."""
        self._pcm.close()

    def _gather(self) -> None:
        count, data = self._pcm.read()
        if count < 0:
            self.overruns += 1
            self._captured = b""
            count, data = self._pcm.read()  # starts the recovered stream again
        if count > 0:
            self._captured += data

    def _look_at(self, ready: list[tuple[int, int]]) -> None:
        # An overrun is signalled as an error too; the read that follows tells them apart.
        if self._pcm.polldescriptors_revents(ready) & (select.POLLHUP | select.POLLNVAL):
            raise HardwareError("microphone: the device is gone")


def _left(stereo: bytes) -> bytes:
    """The left channel; panel microphones are mono and wired there or to both."""
    return memoryview(stereo).cast("h")[::2].tobytes()
