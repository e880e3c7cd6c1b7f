"""Tampering shows: every row that is changed, removed, added or cut off is missed, and the first is named."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware.app.journal.journal as journal_module
from firmware.app.journal.chain import GENESIS, Head, Verdict, examine, link
from firmware.app.journal.journal import LATER_MAX, Journal
from firmware.app.journal.log import opened
from firmware.app.journal.store import TRIM_EVERY
from firmware.door.events import (
    Answered,
    ButtonName,
    CallName,
    DoorRecord,
    HealthChanged,
    LockName,
    Outcome,
    Pressed,
    PressEnded,
    PressId,
    RelayMoved,
    Ringing,
)

ROWS = 6


def health(number: int) -> HealthChanged:
    return HealthChanged(part="card", working=True, detail=str(number))


def write(path: Path, records: Sequence[DoorRecord], *, rows_max: int = 1000, clock: float = 1000.0) -> None:
    async def work() -> None:
        journal = Journal(path, rows_max=rows_max, keep_days=10, clock=lambda: clock)
        for record in records:
            await journal.append(record)
        await journal.close()

    asyncio.run(work())


def verdict(path: Path, noted: Head | None = None) -> Verdict:
    with contextlib.closing(opened(path)) as connection:
        return examine(connection, noted)


def tamper(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    write(path, [health(number) for number in range(1, ROWS + 1)])
    return path


def test_an_honest_journal_holds_together_over_restarts(path: Path) -> None:
    write(path, [health(7)])
    found = verdict(path)
    assert (found.rows, found.broken_row, found.head.row) == (7, None, 7)


def test_an_empty_journal_holds_together(tmp_path: Path) -> None:
    write(tmp_path / "journal.db", [])
    assert verdict(tmp_path / "journal.db") == Verdict(rows=0, head=Head(row=0, hash=GENESIS), broken_row=None, why="")


@pytest.mark.parametrize("row", range(1, ROWS + 1))
@pytest.mark.parametrize("change", ["body = '{}'", "kind = 'Unlocked'", "at_s = at_s + 0.001", "hash = zeroblob(32)"])
def test_a_changed_row_is_named(path: Path, row: int, change: str) -> None:
    tamper(path, f"UPDATE record SET {change} WHERE id = {row}")
    assert verdict(path).broken_row == row


@pytest.mark.parametrize("row", range(1, ROWS + 1))
def test_a_removed_row_is_missed(path: Path, row: int) -> None:
    tamper(path, f"DELETE FROM record WHERE id = {row}")
    found = verdict(path)
    assert found.broken_row == row
    assert "missing" in found.why


@pytest.mark.parametrize("row", range(1, ROWS))
def test_a_removed_row_is_missed_when_the_others_close_the_gap(path: Path, row: int) -> None:
    tamper(path, f"DELETE FROM record WHERE id = {row}")
    tamper(path, f"UPDATE record SET id = id - 1 WHERE id > {row}")
    assert verdict(path).broken_row == row


@pytest.mark.parametrize("row", range(1, ROWS + 2))
def test_an_inserted_row_is_named(path: Path, row: int) -> None:
    tamper(path, f"UPDATE record SET id = id + 100 WHERE id >= {row}")
    tamper(path, f"UPDATE record SET id = id - 99 WHERE id >= {row + 100}")
    tamper(path, f"INSERT INTO record (id, at_s, kind, body, hash) VALUES ({row}, 1000.0, 'HealthChanged', '{{}}', zeroblob(32))")
    assert verdict(path).broken_row == row


@pytest.mark.parametrize("kept", range(ROWS))
def test_rows_cut_off_at_the_end_are_missed(path: Path, kept: int) -> None:
    tamper(path, f"DELETE FROM record WHERE id > {kept}")
    found = verdict(path)
    assert found.broken_row == kept + 1
    assert "missing at the end" in found.why


def test_rows_cut_off_before_more_are_written_are_missed_still(path: Path) -> None:
    tamper(path, "DELETE FROM record WHERE id > 4")
    write(path, [health(7)])
    assert verdict(path).broken_row == 5


def test_a_chain_that_was_computed_anew_is_betrayed_by_a_noted_head(path: Path) -> None:
    noted = verdict(path).head
    tamper(path, "DELETE FROM record")
    tamper(path, "DELETE FROM sqlite_sequence WHERE name = 'record'")
    write(path, [health(number) for number in range(11, 11 + ROWS)])
    assert verdict(path).broken_row is None, "nothing in the file itself shows it"
    assert verdict(path, noted).broken_row == ROWS
    assert verdict(path, Head(row=ROWS + 1, hash=noted.hash)).why == f"rows {ROWS + 1} to {ROWS + 1} are missing at the end"


def test_a_noted_head_holds_while_rows_are_added_and_after_it_was_forgotten(path: Path) -> None:
    noted = verdict(path).head
    write(path, [health(7)])
    assert verdict(path, noted).broken_row is None
    write(path, [health(number) for number in range(2 * TRIM_EVERY)], rows_max=10)
    assert verdict(path, noted).broken_row is None


def test_an_outcome_changed_in_the_table_of_presses_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    button = ButtonName("front")
    write(path, [Pressed(press=PressId(1), button=button), PressEnded(press=PressId(1), outcome=Outcome.NO_ANSWER)])
    assert verdict(path).broken_row is None
    tamper(path, "DROP TRIGGER press_one_outcome")
    tamper(path, "UPDATE press SET outcome = 'answered'")
    assert verdict(path).broken_row == 2


def test_trimming_keeps_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    write(path, [health(number) for number in range(TRIM_EVERY + 5)], rows_max=100)
    found = verdict(path)
    assert (found.rows, found.broken_row, found.head.row) == (105, None, TRIM_EVERY + 5)
    tamper(path, "DELETE FROM record WHERE id = (SELECT min(id) FROM record)")
    assert verdict(path).broken_row is not None, "what was trimmed is known; one more is missed"


def test_trimming_by_age_leaves_no_gap_when_the_clock_went_astray(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    day_s = 86_400.0
    write(path, [health(1)], clock=100 * day_s)
    write(path, [health(2)], clock=1 * day_s)  # the clock was not set
    write(path, [health(3)] * TRIM_EVERY, clock=109 * day_s)
    assert verdict(path).broken_row is None
    write(path, [health(4)] * TRIM_EVERY, clock=115 * day_s)
    found = verdict(path)
    assert (found.broken_row, found.rows) == (None, 2 * TRIM_EVERY), "the two old rows are gone, the rest is whole"


def test_a_journal_from_before_the_chain_is_chained(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(
            "CREATE TABLE record (id INTEGER PRIMARY KEY AUTOINCREMENT, at_s REAL NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL) STRICT;"
            "CREATE INDEX record_at ON record (at_s); CREATE INDEX record_kind ON record (kind, id);"
            "CREATE TABLE press (id INTEGER PRIMARY KEY AUTOINCREMENT, at_s REAL NOT NULL, button TEXT NOT NULL, outcome TEXT,"
            " ended_at_s REAL);"
            "INSERT INTO record VALUES (5, 1000.0, 'HealthChanged', '{}'), (6, 1000.5, 'HealthChanged', '{}'); PRAGMA user_version = 1;"
        )
    write(path, [health(7)])
    found = verdict(path)
    assert (found.rows, found.broken_row, found.head.row) == (3, None, 7)


A_ROW = st.tuples(st.integers(0, 2**40), st.floats(allow_nan=False), st.sampled_from(["A", "B"]), st.text())


@given(rows=st.lists(A_ROW, min_size=2, max_size=2))
def test_different_rows_have_different_links(rows: list[tuple[int, float, str, str]]) -> None:
    one, other = rows
    same = (one[0], repr(one[1]), *one[2:]) == (other[0], repr(other[1]), *other[2:])
    assert (link(GENESIS, *one) == link(GENESIS, *other)) == same


# --- what can wait --------------------------------------------------------------------------------------------------------------


def test_what_can_wait_is_written_with_the_next_row_in_the_order_of_events(tmp_path: Path) -> None:
    moved = RelayMoved(lock=LockName("front"), closed=True)

    async def work() -> None:
        journal = Journal(tmp_path / "journal.db", rows_max=1000, keep_days=10, clock=lambda: 1000.0)
        assert await journal.append(Ringing(call=CallName("p1.1"), party="anna")) == ()
        assert await journal.append(Answered(call=CallName("p1.1"), party="anna"), moved) == ()
        assert journal.head.row == 0, "nothing was written yet"
        assert await journal.append(health(1)) == (4,)
        assert [entry.kind for entry in await journal.query()] == ["Ringing", "Answered", "RelayMoved", "HealthChanged"]
        await journal.append(moved)
        assert len(await journal.query()) == 5, "whoever reads sees all"
        await journal.append(moved)
        await journal.close()

    asyncio.run(work())
    assert verdict(tmp_path / "journal.db").rows == 6, "the end writes what waits"


def test_what_can_wait_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "LATER_S", 0.0)

    async def work() -> None:
        journal = Journal(tmp_path / "journal.db", rows_max=1000, keep_days=10)
        follower = journal.follow(after=0)
        await journal.append(RelayMoved(lock=LockName("front"), closed=True))
        assert (await anext(follower)).kind == "RelayMoved"
        await follower.aclose()
        await journal.close()

    asyncio.run(work())


def test_what_waits_is_bounded(tmp_path: Path) -> None:
    async def work() -> None:
        journal = Journal(tmp_path / "journal.db", rows_max=1000, keep_days=10)
        for number in range(LATER_MAX):
            assert await journal.append(RelayMoved(lock=LockName("front"), closed=number % 2 == 0)) == ()
        assert await journal.append(RelayMoved(lock=LockName("front"), closed=True)) == (LATER_MAX + 1,)
        await journal.close()

    asyncio.run(work())


def test_what_is_kept_comes_back_after_a_restart_with_its_age(tmp_path: Path) -> None:
    async def work() -> None:
        journal = Journal(tmp_path / "journal.db", rows_max=1000, keep_days=10, clock=lambda: 1000.0)
        assert journal.kept("door") is None
        await journal.append(health(1), kept={"door": "one"})
        await journal.append(kept={"door": "two"})
        await journal.close()
        again = Journal(tmp_path / "journal.db", rows_max=1000, keep_days=10, clock=lambda: 1042.0)
        assert again.kept("door") == (42.0, "two")
        await again.close()

    asyncio.run(work())
