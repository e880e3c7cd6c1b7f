"""A journal whose file cannot be written: what happens meanwhile waits in memory, and nothing but a bound of its size is lost."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import sqlite3
from pathlib import Path

import pytest

import firmware.app.journal.journal as journal_module
import firmware.app.journal.memory as memory_module
import firmware.app.journal.store as store_module
from firmware.app.journal.chain import examine
from firmware.app.journal.file import connected, glimpsed
from firmware.app.journal.journal import Journal
from firmware.app.journal.memory import Batch, JournalMemory
from firmware.app.journal.store import JournalStore
from firmware.app.kept_door import kept_text
from firmware.app.last_run import found_late, left_in
from firmware.door.events import (
    DoorRecord,
    HealthChanged,
    KeptWrong,
    LockMode,
    LockName,
    Start,
)
from firmware.errors import JournalError
from tests.app.journal.test_journal import closing, press_ended, pressed, run

LIMIT_S = 60.0
FULL = "database or disk is full"


class Rig:
    """A journal on a disk that can be full, and what it tells."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.now_s = 1000.0
        self.is_full = False
        self.is_read_only = False
        self.told: list[HealthChanged] = []
        self.found = 0
        self._heard = asyncio.Event()
        written = JournalStore._written

        def write(store: JournalStore, rows: list[tuple[float, DoorRecord]], kept: dict[str, str]) -> tuple[int, ...]:
            self._require_space()
            return written(store, rows, kept)

        def connect(path: Path) -> sqlite3.Connection:
            if self.is_read_only:
                raise OSError(errno.EROFS, "Read-only file system")
            if not path.exists():
                self._require_space()
            return connected(path)

        monkeypatch.setattr(JournalStore, "_written", write)
        monkeypatch.setattr(store_module, "connected", connect)

    def _require_space(self) -> None:
        if self.is_full:
            raise sqlite3.OperationalError(FULL)

    def open(self) -> Journal:
        return Journal(self.path, rows_max=1000, keep_days=10, clock=lambda: self.now_s, tell=self._tell, found_late=self._found)

    def _tell(self, news: HealthChanged) -> None:
        self.told.append(news)
        self._heard.set()

    def _found(self) -> None:
        self.found += 1

    async def hears(self, *, working: bool) -> str:
        """Wait until the journal says that it works, or does not."""
        async with asyncio.timeout(LIMIT_S):
            while not self.told or self.told[-1].working is not working:
                self._heard.clear()
                await self._heard.wait()
        return self.told[-1].detail


async def refused(journal: Journal, *records: DoorRecord, **kept: str) -> None:
    with pytest.raises(JournalError, match="full"):
        await journal.append(*records, kept=kept)


def rows(path: Path) -> list[tuple[float, str]]:
    """Time and kind of each row; the chain is whole."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert examine(connection).broken_row is None
        return connection.execute("SELECT at_s, kind FROM record ORDER BY id").fetchall()


def test_what_a_full_disk_did_not_take_is_written_when_it_is_not_full_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "AGAIN_S", 0.0)
    rig = Rig(tmp_path / "journal.db", monkeypatch)

    async def work() -> None:
        async with closing(rig.open()) as journal:
            await journal.append(pressed(1))
            rig.is_full = True
            rig.now_s = 1010.0
            await refused(journal, press_ended(1), door="shut")
            assert FULL in await rig.hears(working=False)
            rig.now_s = 1020.0
            await refused(journal, pressed(2))
            rig.is_full = False
            rig.now_s = 1030.0
            assert await rig.hears(working=True) == "it can be written again; 2 rows of the last 20 s waited in memory and are written"
            assert [news.working for news in rig.told] == [False, True], "each is said once"
            assert journal.kept("door") == (0.0, "shut")
            assert await journal.append(press_ended(2)) == (4,)

    run(work())
    assert rows(rig.path) == [(1000.0, "Pressed"), (1010.0, "PressEnded"), (1020.0, "Pressed"), (1030.0, "PressEnded")]


def test_the_next_row_takes_along_what_waited_and_has_its_own_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path / "journal.db", monkeypatch)

    async def work() -> None:
        async with closing(rig.open()) as journal:
            rig.is_full = True
            await refused(journal, pressed(1), pressed(2))
            rig.is_full = False
            assert await journal.append(pressed(3), press_ended(3)) == (3, 4)

    run(work())


def test_what_waits_at_the_end_is_written_by_the_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path / "journal.db", monkeypatch)

    async def work() -> None:
        async with closing(rig.open()) as journal:
            rig.is_full = True
            await refused(journal, pressed(1))
            rig.is_full = False

    run(work())
    assert rows(rig.path) == [(1000.0, "Pressed")]


def test_a_row_that_is_refused_takes_no_other_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path / "journal.db", monkeypatch)

    async def work() -> None:
        async with closing(rig.open()) as journal:
            await journal.append(pressed(1), press_ended(1))
            rig.is_full = True
            for records in ((press_ended(1),), (pressed(2),)):
                await refused(journal, *records)
            rig.is_full = False
            assert await journal.append(press_ended(2)) == (4,)
            assert await rig.hears(working=True) == (
                "it can be written again; 1 rows of the last 0 s waited in memory and are written, 1 are lost"
            )

    run(work())
    assert [kind for _, kind in rows(rig.path)] == ["Pressed", "PressEnded", "Pressed", "PressEnded"]


def test_presses_of_the_last_run_are_interrupted_also_when_the_disk_is_full_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path / "journal.db", monkeypatch)

    async def first() -> None:
        async with closing(rig.open()) as journal:
            await journal.append(pressed(1), kept={"door": json.dumps({"modes": {}, "quiet": ["anna"], "blocked_for_s": 0.0, "wrong": []})})

    async def second() -> None:
        rig.is_full = True
        async with closing(rig.open()) as journal:
            before = left_in(journal)
            assert before.next_press == 2
            assert before.start.quiet == {"anna"}, "what can be read counts"
            assert before.interrupted == ()
            assert before.wrong is not None
            assert FULL in before.wrong.detail
            await refused(journal, before.wrong)
            assert rig.told == [], "whoever opened it knows"
            rig.is_full = False
            await journal.append(pressed(2))
            await rig.hears(working=True)

    run(first())
    run(second())
    assert [kind for _, kind in rows(rig.path)] == ["Pressed", "PressEnded", "HealthChanged", "Pressed"]


def test_a_journal_that_is_not_there_at_the_start_is_found_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "AGAIN_S", 0.0)
    rig = Rig(tmp_path / "card" / "journal.db", monkeypatch)
    (tmp_path / "card").mkdir()

    async def first() -> None:
        async with closing(rig.open()) as journal:
            await journal.append(pressed(1), kept={"door": "old"})

    async def second() -> None:
        (tmp_path / "card").rename(tmp_path / "elsewhere")
        async with closing(rig.open()) as journal:
            assert "check that the directory exists" in journal.missing
            before = left_in(journal)
            assert before.start == Start()
            press = before.next_press
            assert press == 1001, "the clock numbers it, for the file would know a smaller number"
            assert await journal.query() == ()
            with pytest.raises(JournalError, match="cannot be used"):
                await journal.append(pressed(press), kept={"door": "new", "other": "new"})
            (tmp_path / "elsewhere").rename(tmp_path / "card")
            await rig.hears(working=True)
            assert rig.found == 1
            assert journal.missing == ""
            assert journal.kept("door") == (0.0, "old"), "the door must hear of it before it is replaced"
            assert journal.kept("other") == (0.0, "new")
            await journal.append(press_ended(press))
            assert [entry.kind for entry in await journal.query()] == ["Pressed", "PressEnded", "Pressed", "PressEnded"]

    run(first())
    run(second())


def test_a_journal_that_can_only_be_read_tells_what_the_last_run_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A memory card at the end of its life refuses to be written. A locked door must stay locked."""
    monkeypatch.setattr(journal_module, "AGAIN_S", 0.0)
    rig = Rig(tmp_path / "journal.db", monkeypatch)
    start = Start(modes={LockName("gate"): LockMode.LOCKED}, wrong=(KeptWrong("bob", 3, 0.0, 60.0),))

    async def first() -> None:
        async with closing(rig.open()) as journal:
            await journal.append(pressed(1), kept={"door": kept_text(start)})

    async def second() -> None:
        rig.is_read_only = True
        async with closing(rig.open()) as journal:
            before = left_in(journal)
            assert "Read-only file system" in journal.missing
            assert before.start == start
            rig.is_read_only = False
            with contextlib.suppress(JournalError):
                await journal.append(pressed(before.next_press))
            await rig.hears(working=True)
            assert found_late(journal, before.start) == Start(late=True), "wrong codes are not counted twice"
            assert found_late(journal, Start()) == start._replace(late=True)

    run(first())
    run(second())


def test_of_a_file_that_is_no_journal_nothing_can_be_read(tmp_path: Path) -> None:
    assert glimpsed(tmp_path / "nowhere.db", "door") is None
    (tmp_path / "text.db").write_text("this is a text and no database" * 100)
    assert glimpsed(tmp_path / "text.db", "door") is None


def test_a_journal_without_anybody_to_tell_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="check that the directory exists"):
        Journal(tmp_path / "nowhere" / "journal.db", rows_max=1000, keep_days=10)


def test_a_file_that_vanished_and_a_disk_that_is_full_lose_nothing_that_came_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path / "journal.db", monkeypatch)

    async def work() -> None:
        async with closing(rig.open()) as journal:
            await journal.append(pressed(1))
            for file in tmp_path.iterdir():
                file.unlink()
            rig.is_full = True
            await refused(journal, press_ended(1))
            rig.is_full = False
            assert await journal.append(pressed(2)) == (3,)

    run(work())
    assert [kind for _, kind in rows(rig.path)] == ["PressEnded", "Pressed"]


def test_the_memory_is_bounded_and_says_what_it_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "ROWS_MAX", 3)
    memory = JournalMemory()
    added = [Batch([(float(press), pressed(press))], {}) for press in range(5)]
    for batch in added:
        batch.was_put_off = True
        memory.add(batch)
    assert [batch.refused is None for batch in added] == [False, False, True, True, True], "whoever still waits for it hears of it"
    batches = memory.take()
    assert [batch.rows[0][0] for batch in batches] == [2.0, 3.0, 4.0]
    memory.add(Batch([(5.0, pressed(5))], {}))
    memory.give_back(batches)
    batches = memory.take()
    assert [batch.rows[0][0] for batch in batches] == [3.0, 4.0, 5.0], "the oldest go, and the order is that of what happened"
    assert not memory
    for batch in batches:
        memory.wrote(batch)
    assert memory.account(10.0) == "it can be written again; 2 rows of the last 7 s waited in memory and are written, 3 are lost"
    assert "0 rows of the last 0 s" in memory.account(11.0)
