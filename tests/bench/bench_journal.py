"""What the journal wears: bytes written for one press, from the finger to the end of the call, and a day of them.

    python -m tests.bench.bench_journal

`write_bytes` of /proc/self/io counts what this process sends to the block layer: the log at each commit, the file at checkpoints. The file
system's own journal and the card's erase blocks come on top and are the card's and the mount options' business; on a file system in memory
the figure is zero, so the bytes handed to write(2) (`wchar`) are given beside it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from firmware.app.journal.journal import LATER, Journal
from firmware.door.events import (
    Answered,
    ButtonName,
    CallEnded,
    CallName,
    CallPlaced,
    DoorRecord,
    Grant,
    LockName,
    Outcome,
    Pressed,
    PressEnded,
    PressId,
    RelayMoved,
    Ringing,
    Stage,
    Unlocked,
)
from tests.bench.measure import Row, median, percentile, report

PRESSES = 300
PRESSES_A_DAY = 100  # a house with twenty flats; a parcel-day in December
FRONT = LockName("front")


def cycle(number: int) -> list[list[DoorRecord]]:
    """The records of one press that led to an opening, in the groups in which the door hands them over. Between all but the last two pass
    more than two seconds: it rings, they talk, the door stays open."""
    press, call = PressId(number), CallName(f"p{number}.1")
    return [
        [Pressed(press=press, button=ButtonName("bell")), CallPlaced(call=call, press=press, party="anna")],
        [Ringing(call=call, party="anna")],
        [Answered(call=call, party="anna")],
        [Unlocked(lock=FRONT, duration_s=5.0, grant=Grant.CODE, who="family", party="anna", call=call)],
        [RelayMoved(lock=FRONT, closed=True)],
        [RelayMoved(lock=FRONT, closed=False)],
        [
            CallEnded(call=call, party="anna", reason=Stage.ENDED, talked_s=20.0),
            PressEnded(press=press, outcome=Outcome.OPENED),
        ],
    ]


def written() -> tuple[int, int]:
    """Bytes to the block layer, and bytes given to write(2), by this process so far."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["write_bytes"]), int(lines["wchar"])


async def live(folder: Path, name: str) -> tuple[float, float, list[float]]:
    """KB to the block layer and to write(2) for each press, and the milliseconds of each first commit."""
    journal = Journal(folder / name, rows_max=1000, keep_days=365)
    before, spans = written(), []
    for number in range(1, PRESSES + 1):
        for group in cycle(number):
            started = time.perf_counter()
            await journal.append(*group)
            if isinstance(group[0], Pressed):
                spans.append((time.perf_counter() - started) * 1e3)
            if not (isinstance(group[0], RelayMoved) and not group[0].closed):
                await journal.query(limit=1)  # writes what waits, as two seconds would
    after = written()
    await journal.close()
    return (after[0] - before[0]) / PRESSES / 1e3, (after[1] - before[1]) / PRESSES / 1e3, spans


async def compared(folder: Path) -> list[Row]:
    from firmware.app.journal import journal

    blocks_kb, bytes_kb, spans = await live(folder, "journal.db")
    journal.LATER = ()  # type: ignore[assignment]  # as if nothing could wait
    at_once_blocks_kb, at_once_bytes_kb, _ = await live(folder, "at-once.db")
    journal.LATER = LATER
    return [
        Row(
            what="one press to the block layer",
            value=blocks_kb,
            unit="KB",
            against="without waiting",
            against_value=at_once_blocks_kb,
        ),
        Row(what="one press to write(2)", value=bytes_kb, unit="KB", against="without waiting", against_value=at_once_bytes_kb),
        Row(what=f"a day of {PRESSES_A_DAY} presses, to the block layer", value=blocks_kb * PRESSES_A_DAY / 1e3, unit="MB"),
        Row(what="press → durable, median", value=median(spans), unit="ms"),
        Row(what="press → durable, 99th percentile", value=percentile(spans, 0.99), unit="ms"),
    ]


def main() -> None:
    # Not in /tmp, which is memory on many machines.
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        report("journal", asyncio.run(compared(Path(name))))


if __name__ == "__main__":
    main()
