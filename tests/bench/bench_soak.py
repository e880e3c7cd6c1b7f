"""Ten thousand calls' start and stop in one running door, one after the other: what of each stays behind.

SIPp calls, the door answers by itself, opens the card, sends and hears, and SIPp hangs up. Descriptors, threads and memory after the first
thousand, halfway and at the end; each time after the last transactions have ended. What a full history, the store's page cache and the
allocator's arenas take, they take in the first half: what grows in the second is lost.

    python -m tests.bench.bench_soak [CALLS]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from tests.bench.measure import Row, bill, report
from tests.interop.station import Station, station
from tests.ports import free_port

CALLS: Final = 10_000
WARM: Final = 1_000
TAKES_CALLS: Final = '[incoming]\nallow = ["*@*"]\nauto_answer = "always"\n'
TALK_MS: Final = 40  # two periods: a stream has begun, and has sent
SETTLED_S: Final = 45  # longer than any transaction lives (RFC 3261 §17: 32 s), and than the allocator's trim after a call
A_CALL_S_MAX: Final = 0.5
HOST, CALLER = "127.0.0.2", "127.0.0.4"


class Held(NamedTuple):
    """What the daemon holds."""

    descriptors: int
    threads: int
    memory_kb: int


def held(pid: int) -> Held:
    """Threads of the audio card end with the last sound, so none but those of the program itself are left."""
    folder = Path(f"/proc/{pid}")
    return Held(len(list((folder / "fd").iterdir())), len(list((folder / "task").iterdir())), bill(pid).rss_kb)


def call(folder: Path, door: Station, calls: int) -> None:
    """So many calls, each begun when the one before has ended."""
    pace = ("-m", str(calls), "-l", "1", "-r", "50", "-d", str(TALK_MS), "-timeout", f"{60 + A_CALL_S_MAX * calls:.0f}s", "-nostdin")
    command = ("sipp", "-sn", "uac", "-i", CALLER, "-mi", CALLER, "-p", str(free_port(CALLER)), "-s", "door", *pace, door.address)
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


def streams(door: Station) -> int:
    """How many streams have begun and ended."""
    return sum(event["event"] == "QualityMeasured" and event["final"] for event in list(door.events.seen))


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    with tempfile.TemporaryDirectory() as name, station(Path(name) / "door", host=HOST, config=TAKES_CALLS) as door:
        call(Path(name), door, min(WARM, calls))
        time.sleep(SETTLED_S)
        before, took_s = held(door.process.pid), 0.0
        marks: list[Held] = []
        for half in (calls // 2, calls - calls // 2):
            began_s = time.monotonic()
            call(Path(name), door, half)
            took_s += time.monotonic() - began_s
            time.sleep(SETTLED_S)
            marks.append(held(door.process.pid))
        (halfway, after), status = marks, door.ctl("status")
        rows = [
            Row(what="calls begun, answered and ended", value=calls, unit=""),
            Row(what="calls a second", value=calls / took_s, unit="1/s"),
            Row(
                what="streams begun and ended, those of the first calls included",
                value=streams(door),
                unit="",
                aim=f"{calls + min(WARM, calls)}",
            ),
            Row(what="descriptors more than before", value=after.descriptors - before.descriptors, unit="", aim="0"),
            Row(what="threads more than before", value=after.threads - before.threads, unit="", aim="0"),
            Row(what="memory more, first half", value=halfway.memory_kb - before.memory_kb, unit="kB"),
            Row(what="memory more, second half", value=after.memory_kb - halfway.memory_kb, unit="kB", aim="≤ 256"),
            Row(what="memory at the end", value=after.memory_kb, unit="kB"),
            Row(what="failures that the supervisor counted", value=status["failures"], unit="", aim="0"),
            Row(what="legs that are left", value=len(status["legs"]), unit="", aim="0"),
        ]
    report("soak", rows)


if __name__ == "__main__":
    main()
