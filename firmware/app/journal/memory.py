"""What is on its way into the journal's file: in the order in which it happened, and there until the file has taken it.

While the file takes everything at once this is a queue of one. While the disk is full or hangs it is the memory of the door.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence

from firmware.door.events import DoorRecord
from firmware.errors import JournalError

ROWS_MAX = 1000  # two days of a house, or an hour of a door that everybody leans on; some 300 KB. Beyond it the oldest go

Row = tuple[float, DoorRecord]  # with the seconds since 1970 at which it happened


class Batch:
    """Rows and texts to be kept that belong into one transaction. Once it `is_done` it has its rows' `numbers`, or was `refused` for ever.

    `was_put_off`: nobody waits for it any more.
    """

    def __init__(self, rows: Sequence[Row], kept: Mapping[str, str]) -> None:
        self.rows = rows
        self.kept = kept
        self.numbers: tuple[int, ...] = ()
        self.refused: JournalError | None = None
        self.was_put_off = False
        self.is_done = False


class JournalMemory:
    """Batches, bounded. Thread-safe: the event loop adds to it also while the thread that writes hangs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: deque[Batch] = deque()
        self._since_s: float | None = None  # of the oldest row that was put off since the last account
        self._late = 0
        self._lost = 0

    def __bool__(self) -> bool:
        return bool(self._batches)

    def add(self, batch: Batch) -> None:
        """Put it behind all others."""
        with self._lock:
            self._batches.append(batch)
            self._cut()

    def take(self) -> tuple[Batch, ...]:
        """All of them, the oldest first; they are no longer here then."""
        with self._lock:
            taken = tuple(self._batches)
            self._batches.clear()
        return taken

    def give_back(self, batches: Sequence[Batch]) -> None:
        """They could not be written, and stand before all that came meanwhile."""
        with self._lock:
            for batch in reversed(batches):
                batch.was_put_off = True
                self._batches.appendleft(batch)
            self._cut()

    def wrote(self, batch: Batch) -> None:
        """The file has taken it, or refused it for ever."""
        batch.is_done = True
        if batch.was_put_off and batch.rows:
            with self._lock:
                self._since_s = batch.rows[0][0] if self._since_s is None else min(self._since_s, batch.rows[0][0])
                if batch.refused is None:
                    self._late += len(batch.rows)
                else:
                    self._lost += len(batch.rows)

    def account(self, now_s: float) -> str:
        """What became of all that was put off since the last account, in one sentence."""
        with self._lock:
            waited_s = 0.0 if self._since_s is None else max(0.0, now_s - self._since_s)
            text = f"it can be written again; {self._late} rows of the last {waited_s:.0f} s waited in memory and are written"
            if self._lost:
                text += f", {self._lost} are lost"
            self._since_s, self._late, self._lost = None, 0, 0
        return text

    def _cut(self) -> None:
        while sum(len(batch.rows) for batch in self._batches) > ROWS_MAX and len(self._batches) > 1:
            oldest = self._batches.popleft()
            oldest.refused = JournalError(f"more than {ROWS_MAX} rows wait for the journal's file")
            self._lost += len(oldest.rows)
