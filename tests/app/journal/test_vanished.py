"""A journal whose file somebody removes while the station works."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

import firmware.app.journal.store as store_module
from firmware.app.journal.journal import Journal
from firmware.door.events import ButtonName, Outcome, Pressed, PressEnded, PressId
from firmware.errors import JournalError


def opened(path: Path) -> Journal:
    return Journal(path, rows_max=1000, keep_days=10, clock=lambda: 1000.0)


def test_rows_written_after_the_file_was_removed_are_found_by_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def work() -> None:
        journal = opened(path)
        await journal.append(Pressed(press=PressId(1), button=ButtonName("front")))
        for file in tmp_path.iterdir():
            file.unlink()
        await journal.append(PressEnded(press=PressId(1), outcome=Outcome.ANSWERED))
        assert "its file was removed" in journal.found_wrong
        await journal.close()
        again = opened(path)
        assert [(entry.id, entry.kind) for entry in await again.query()] == [(2, "PressEnded")], "row numbers go on"
        await again.close()

    asyncio.run(work())


def test_a_journal_that_cannot_be_begun_anew_is_tried_again_with_the_next_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.db"

    def no_space(path: Path) -> sqlite3.Connection:
        path.touch()
        raise sqlite3.OperationalError("database or disk is full")

    async def work() -> None:
        journal = opened(path)
        await journal.append(Pressed(press=PressId(1), button=ButtonName("front")))
        path.unlink()
        with monkeypatch.context() as patch:
            patch.setattr(store_module, "connected", no_space)
            for press in (1, 2):
                with pytest.raises(JournalError, match="full"):
                    await journal.append(PressEnded(press=PressId(press), outcome=Outcome.ANSWERED))
        assert await journal.append(PressEnded(press=PressId(3), outcome=Outcome.ANSWERED)) == (4,), "what waited is written first"
        assert not path.with_name("journal.db.broken").exists(), "an empty file is nothing to keep"
        await journal.close()

    asyncio.run(work())
