from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace

import pytest

import firmware.app.journal.journal as journal_module
from firmware.app.journal.file import encoded
from firmware.app.journal.journal import PENDING_MAX, Journal
from firmware.app.journal.store import QUERY_ROWS_MAX, TRIM_EVERY, Entry, JournalStore
from firmware.door.events import (
    ButtonName,
    CallEnded,
    CallName,
    EndReason,
    HealthChanged,
    Outcome,
    Pressed,
    PressEnded,
    PressId,
)
from firmware.errors import JournalError

DAY_S = 86_400.0


def opened(path: Path, clock: Callable[[], float] = lambda: 1000.0, rows_max: int = 1000) -> Journal:
    return Journal(path, rows_max=rows_max, keep_days=10, clock=clock)


@contextlib.asynccontextmanager
async def closing(journal: Journal) -> AsyncIterator[Journal]:
    try:
        yield journal
    finally:
        await journal.close()


def run(work: Coroutine[object, object, None]) -> None:
    asyncio.run(work)


def pressed(press: int) -> Pressed:
    return Pressed(press=PressId(press), button=ButtonName("front"))


def press_ended(press: int, outcome: Outcome = Outcome.ANSWERED) -> PressEnded:
    return PressEnded(press=PressId(press), outcome=outcome)


def health(number: int) -> HealthChanged:
    return HealthChanged(part="card", working=True, detail=str(number))


def rows(path: Path, statement: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    async def work() -> None:
        async with closing(opened(tmp_path / "journal.db")) as journal:
            ended = CallEnded(call=CallName("p1.1"), party="Ännä", reason=EndReason.RING_LIMIT, talked_s=0.0)
            assert await journal.append(pressed(1), ended) == (1, 2)
            first, second = await journal.query()
        assert first == Entry(id=1, at_s=1000.0, kind="Pressed", body='{"press": 1, "button": "front", "flat": ""}')
        assert second.kind == "CallEnded"
        assert json.loads(second.body) == {"call": "p1.1", "party": "Ännä", "reason": "ring_limit", "talked_s": 0.0, "detail": ""}

    run(work())


def test_an_enum_is_written_as_its_name() -> None:
    assert encoded(press_ended(7, Outcome.NO_ANSWER)) == ("PressEnded", '{"press": 7, "outcome": "no_answer", "detail": ""}')


def test_rows_are_found_by_kind_number_and_order(tmp_path: Path) -> None:
    async def work() -> None:
        async with closing(opened(tmp_path / "journal.db")) as journal:
            await journal.append(pressed(1), health(1), press_ended(1), health(2))
            assert [entry.id for entry in await journal.query(kinds=("HealthChanged",))] == [2, 4]
            assert [entry.id for entry in await journal.query(after=1, kinds=("Pressed", "PressEnded"))] == [3]
            assert [entry.id for entry in await journal.query(newest_first=True, limit=2)] == [4, 3]
            assert await journal.query(after=4) == ()

    run(work())


def test_the_file_is_synced_at_every_commit_and_private(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def work() -> None:
        async with closing(opened(path)) as journal:
            connection = journal._store._connection
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.with_name("journal.db-wal").stat().st_mode) == 0o600

    run(work())


def test_a_press_takes_no_second_outcome(tmp_path: Path) -> None:
    async def work() -> None:
        async with closing(opened(tmp_path / "journal.db")) as journal:
            await journal.append(pressed(1), press_ended(1, Outcome.BUSY))
            with pytest.raises(JournalError, match="this press has its outcome"):
                await journal.append(health(1), press_ended(1, Outcome.OPENED))
            assert [entry.kind for entry in await journal.query()] == ["Pressed", "PressEnded"], "the transaction left nothing behind"

    run(work())
    assert rows(tmp_path / "journal.db", "SELECT id, outcome FROM press") == [(1, "busy")]


def test_a_press_whose_row_was_lost_keeps_its_one_outcome(tmp_path: Path) -> None:
    async def work() -> None:
        async with closing(opened(tmp_path / "journal.db")) as journal:
            await journal.append(press_ended(5, Outcome.BUSY))
            with pytest.raises(JournalError, match="refused a row"):
                await journal.append(press_ended(5, Outcome.OPENED))

    run(work())
    assert rows(tmp_path / "journal.db", "SELECT id, button, outcome FROM press") == [(5, "", "busy")]


def test_a_press_number_is_not_used_twice(tmp_path: Path) -> None:
    async def work() -> None:
        async with closing(opened(tmp_path / "journal.db")) as journal:
            await journal.append(pressed(1))
            with pytest.raises(JournalError, match="refused a row"):
                await journal.append(pressed(1))

    run(work())


def test_press_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def work() -> None:
        async with closing(opened(path)) as journal:
            assert journal.last_press() == 0
            await journal.append(pressed(1), press_ended(1), pressed(2))
        async with closing(opened(path)) as journal:
            assert journal.last_press() == 2

    run(work())


def test_presses_left_open_by_a_crash_are_closed_as_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def work() -> None:
        async with closing(opened(path)) as journal:
            await journal.append(pressed(1), press_ended(1), pressed(2), pressed(3))
        async with closing(opened(path)) as journal:
            assert journal.close_interrupted() == (2, 3)
            assert journal.close_interrupted() == ()
            assert [json.loads(entry.body)["press"] for entry in await journal.query(after=4)] == [2, 3]

    run(work())
    assert rows(path, "SELECT id, outcome FROM press") == [(1, "answered"), (2, "interrupted"), (3, "interrupted")]


def test_rows_beyond_the_bound_are_forgotten_but_no_open_press(tmp_path: Path) -> None:
    async def work() -> None:
        async with closing(opened(tmp_path / "journal.db", rows_max=10)) as journal:
            await journal.append(pressed(1), *(record for press in range(2, 21) for record in (pressed(press), press_ended(press))))
            await journal.append(*(health(number) for number in range(TRIM_EVERY)))
            kept = await journal.query(limit=1000)
            assert [entry.id for entry in kept] == list(range(39 + TRIM_EVERY - 9, 39 + TRIM_EVERY + 1))

    run(work())
    assert rows(tmp_path / "journal.db", "SELECT id FROM press") == [(1,), *((press,) for press in range(11, 21))]


def test_rows_older_than_the_bound_are_forgotten(tmp_path: Path) -> None:
    now_s = [0.0]

    async def work() -> None:
        async with closing(opened(tmp_path / "journal.db", lambda: now_s[0], rows_max=10_000)) as journal:
            await journal.append(pressed(1), press_ended(1))
            now_s[0] = 10 * DAY_S + 1
            await journal.append(*(health(number) for number in range(TRIM_EVERY)))
            assert (await journal.query(limit=1))[0].id == 3

    run(work())
    assert rows(tmp_path / "journal.db", "SELECT count(*) FROM press") == [(0,)]


def test_a_trim_that_finds_the_disk_full_does_not_fail_the_rows_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: JournalStore, now_s: float) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(JournalStore, "_trim", full)

    async def work() -> None:
        async with closing(opened(tmp_path / "journal.db")) as journal:
            assert len(await journal.append(*(health(number) for number in range(TRIM_EVERY)))) == TRIM_EVERY

    run(work())


def test_a_full_disk_is_a_journal_error_and_what_was_written_stays(tmp_path: Path) -> None:
    async def work() -> None:
        async with closing(opened(tmp_path / "journal.db")) as journal:
            await journal.append(health(1))
            pages = journal._store._connection.execute("PRAGMA page_count").fetchone()[0]
            journal._store._connection.execute(f"PRAGMA max_page_count = {pages}")
            with pytest.raises(JournalError, match="full"):
                await journal.append(HealthChanged(part="card", working=True, detail="x" * 100_000))
            assert [entry.body for entry in await journal.query()] == [encoded(health(1))[1]]
            journal._store._connection.execute(f"PRAGMA max_page_count = {pages + 100}")
            assert await journal.append(health(2)) == (3,), "it works again once there is space, and what waited is written first"

    run(work())


@pytest.mark.parametrize("content", [b"this is a text and no database" * 100, b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_broken_file_is_moved_aside_and_a_new_journal_begun(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(content)

    async def work() -> None:
        async with closing(opened(path)) as journal:
            assert "could not be read" in journal.found_wrong
            assert "journal.db.broken" in journal.found_wrong
            assert await journal.append(pressed(1)) == (1,)

    run(work())
    assert path.with_name("journal.db.broken").read_bytes() == content


def test_a_sound_file_is_said_to_be_sound(tmp_path: Path) -> None:
    async def work() -> None:
        async with closing(opened(tmp_path / "journal.db")) as journal:
            assert journal.found_wrong == ""

    run(work())


def test_the_journal_of_a_newer_program_is_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")

    async def work() -> None:
        async with closing(opened(path)) as journal:
            assert "version 99" in journal.found_wrong
            assert journal.last_press() == 0

    run(work())
    assert path.with_name("journal.db.broken").exists()


def test_a_file_that_breaks_while_it_is_open_is_replaced_and_the_row_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def work() -> None:
        async with closing(opened(path)) as journal:
            await journal.append(pressed(1))
            journal._store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            journal._store._connection.execute("PRAGMA shrink_memory")  # what it has read already would hide the damage
            with path.open("r+b") as file:
                file.seek(0)
                file.write(b"\xff" * path.stat().st_size)
            await journal.append(press_ended(1))
            assert "could not be read" in journal.found_wrong
            assert [(entry.id, entry.kind) for entry in await journal.query()] == [(2, "PressEnded")], "row numbers go on"

    run(work())


def test_a_missing_directory_is_a_journal_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="check that the directory exists"):
        opened(tmp_path / "nowhere" / "journal.db")


def test_a_path_that_is_a_directory_is_a_journal_error_and_moves_nothing(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be used"):
        opened(tmp_path)
    assert tmp_path.is_dir()


def test_a_follower_sees_the_past_and_then_each_new_row_once(tmp_path: Path) -> None:
    async def work() -> None:
        async with closing(opened(tmp_path / "journal.db")) as journal:
            await journal.append(health(1), health(2), health(3))
            follower = journal.follow(after=1)
            seen = [await anext(follower)]
            await journal.append(health(4))
            seen += [await anext(follower), await anext(follower)]
            waiting = asyncio.ensure_future(anext(follower))
            await journal.query()
            assert not waiting.done(), "there is nothing new"
            await journal.append(health(5))
            seen.append(await waiting)
            assert [entry.id for entry in seen] == [2, 3, 4, 5]
            await follower.aclose()
            assert journal._followers == set()

    run(work())


def test_a_follower_that_lags_far_behind_misses_nothing(tmp_path: Path) -> None:
    rows_written = QUERY_ROWS_MAX + 10

    async def work() -> None:
        async with closing(opened(tmp_path / "journal.db", rows_max=10_000)) as journal:
            follower = journal.follow(after=0)
            await journal.append(health(0))
            seen = [await anext(follower)]
            await journal.append(*(health(number) for number in range(1, rows_written)))
            seen += [await anext(follower) for _ in range(1, rows_written)]
            assert [entry.id for entry in seen] == list(range(1, rows_written + 1))
            await follower.aclose()

    run(work())


def test_a_card_that_does_not_answer_is_a_journal_error_and_bounds_the_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "WRITE_LIMIT_S", 0.5)
    now_s = [0.0]  # stands still until every write was asked for, however busy the machine is
    monkeypatch.setattr(journal_module, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    works_again = threading.Event()

    def clock() -> float:
        """The card hangs: the thread that writes waits for it, and nobody else."""
        if threading.current_thread().name.startswith("journal"):
            assert works_again.wait(60)
        return 0.0

    async def work() -> None:
        async with closing(opened(tmp_path / "journal.db", clock)) as journal:
            results = await asyncio.gather(*(journal.append(health(number)) for number in range(PENDING_MAX + 1)), return_exceptions=True)
            assert all(isinstance(result, JournalError) for result in results)
            assert sum("writes wait already" in str(result) for result in results) == 1
            assert sum("took longer" in str(result) for result in results) == PENDING_MAX
            now_s[0] = 1.0
            with pytest.raises(JournalError, match="has not ended"):
                await journal.append(health(999))
            monkeypatch.setattr(journal_module, "WRITE_LIMIT_S", 60.0)
            works_again.set()
            await journal.query()
            await journal.append(health(1000))
            assert "1000" in (await journal.query(newest_first=True, limit=1))[0].body

    try:
        run(work())
    finally:
        works_again.set()  # a failed assertion must not wait for the card
