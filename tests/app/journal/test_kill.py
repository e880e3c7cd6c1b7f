"""kill -9 at random moments: what was acknowledged is there, and no press has two outcomes."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
KILLS = int(os.environ.get("PORTERO_KILLS", "30"))
ROWS_MAX = 12  # acknowledged before a kill; the next row is then somewhere between its first and last byte


def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    chance = random.Random(3261)
    pressed: set[int] = set()
    ended: set[int] = set()
    nursery = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("writer.py")), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    with nursery:
        for _ in range(KILLS):
            print("go", file=nursery.stdin, flush=True)
            child = int(nursery.stdout.readline().removeprefix("child "))
            rows = chance.randrange(ROWS_MAX)
            for line in iter(nursery.stdout.readline, "gone\n"):
                word, _, number = line.strip().partition(" ")
                if word == "pressed":
                    assert int(number) not in pressed, "a number is used once, over all restarts"
                    pressed.add(int(number))
                elif word in ("ended", "interrupted"):
                    assert int(number) not in ended, "one outcome a press"
                    ended.add(int(number))
                if rows == 0 and child:
                    os.kill(child, signal.SIGKILL)
                    child = 0
                rows -= 1
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        in_file = dict(connection.execute("SELECT id, outcome FROM press"))
        outcomes = connection.execute("SELECT json_extract(body, '$.press') FROM record WHERE kind = 'PressEnded'").fetchall()
    assert pressed <= set(in_file)
    assert all(in_file[press] is not None for press in ended)
    assert len(outcomes) == len(set(outcomes)), "the records tell one outcome a press as well"
    assert sum(outcome is None for outcome in in_file.values()) <= 1, "only the last writer's last press may still be open"
    assert len(pressed) > KILLS
