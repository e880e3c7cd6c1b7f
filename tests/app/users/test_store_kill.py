"""kill -9 at random moments of a change: the store is the old one or the new one, and what was acknowledged is there."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

from tests.app.users.people import opened

ROOT = Path(__file__).resolve().parents[3]
KILLS = int(os.environ.get("PORTERO_KILLS", "30"))
DELAY_S_MAX = 0.03  # a start and some changes: the kill falls into any part of one
NEW_EVERY = 5  # lives of a store
USERS = 20


def test_a_killed_change_happened_whole_or_not_at_all(tmp_path: Path) -> None:
    chance = random.Random(3261)
    nursery = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("store_writer.py")), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    inside = before = 0
    with nursery:
        for number in range(KILLS):
            if number % NEW_EVERY == 0:  # this one may be killed while it makes the store and its key
                for file in tmp_path.iterdir():
                    file.unlink()
            print("go", file=nursery.stdin, flush=True)
            child = int(nursery.stdout.readline().removeprefix("child "))
            killer = threading.Timer(chance.uniform(0, DELAY_S_MAX), os.kill, (child, signal.SIGKILL))  # it lives until it is killed
            killer.start()
            begun = done = 0
            for line in iter(nursery.stdout.readline, "gone\n"):
                word, _, generation = line.strip().partition(" ")
                begun, done = (int(generation), done) if word == "begin" else (begun, int(generation))
            killer.join()
            inside += begun > done
            with contextlib.closing(opened(tmp_path)) as store:
                people = list(store.people())
            generations = {person.uses_left for person in people}
            assert len(people) in (0, USERS)
            assert len(generations) <= 1, "all of a change or nothing of it"
            found = generations.pop() or 0 if generations else 0
            assert {card[:8] for person in people for card in person.cards} == ({f"{found:08X}"} if found else set())
            assert found in (before if number % NEW_EVERY else 0, done, begun)
            assert found >= done, "nothing acknowledged is lost"
            before = found
    with contextlib.closing(sqlite3.connect(tmp_path / "users.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert inside > 0, "some kills fell into a change"
