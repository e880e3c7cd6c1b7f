"""`portero log` as its reader sees it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sqlite3
import sys
from datetime import datetime
from pathlib import Path

import pytest

from firmware.app.journal import log as journal_log
from firmware.app.journal.journal import Journal
from firmware.app.journal.log import Wanted, head_of, opened, rows, time_of
from firmware.app.journal.sheet import safe
from firmware.cli import main
from firmware.door.events import (
    ButtonName,
    CallEnded,
    CallName,
    CallPlaced,
    CallReceived,
    Grant,
    HealthChanged,
    LockName,
    Outcome,
    Pressed,
    PressEnded,
    PressId,
    Refusal,
    Ringing,
    Stage,
    Unlocked,
)
from firmware.errors import JournalError

EVIL = "\x1b[2J=cmd@evil"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"

    async def work() -> None:
        at_s = 1_000.0

        def clock() -> float:
            nonlocal at_s
            at_s += 1.0
            return at_s

        journal = Journal(path, rows_max=1000, keep_days=10_000, clock=clock)
        for number in (1, 2):
            call = CallName(f"p{number}.1")
            await journal.append(Pressed(press=PressId(number), button=ButtonName("bell")))
            await journal.append(CallPlaced(call=call, press=PressId(number), party="anna"))
            await journal.append(Ringing(call=call, party="anna"))
            await journal.append(CallEnded(call=call, party="anna", reason=Stage.BUSY, talked_s=0.0))
            await journal.append(PressEnded(press=PressId(number), outcome=Outcome.BUSY))
        await journal.append(CallReceived(call=CallName("in"), caller=EVIL, refusal=Refusal.FORBIDDEN))
        await journal.append(HealthChanged(part="card", working=False, detail="gone"))
        await journal.close()

    asyncio.run(work())
    return path


def log(path: Path, *words: str) -> int:
    return main(["log", "--journal", str(path), *words])


def numbers(path: Path, wanted: Wanted) -> list[int]:
    connection = opened(path)
    found = [row.id for row in rows(connection, wanted)]
    connection.close()
    return found


def test_rows_are_chosen_by_time_kind_and_press(path: Path) -> None:
    assert numbers(path, Wanted()) == list(range(1, 13))
    assert numbers(path, Wanted(kinds=("Pressed", "HealthChanged"))) == [1, 6, 12]
    assert numbers(path, Wanted(press=2)) == [6, 7, 8, 9, 10]
    assert numbers(path, Wanted(press=3)) == []
    connection = opened(path)
    times = [row.at_s for row in rows(connection, Wanted())]
    connection.close()
    assert numbers(path, Wanted(since_s=times[3], until_s=times[5])) == [4, 5, 6]
    assert numbers(path, Wanted(since_s=times[3], kinds=("Pressed",), press=2)) == [6]


def test_pages_leave_nothing_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_log, "PAGE_ROWS", 5)
    assert numbers(path, Wanted()) == list(range(1, 13))


def test_text_shows_each_row_on_a_line_and_moves_no_cursor(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert log(path, "--kind", "CallReceived") == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "CallReceived" in out
    assert r"caller=\x1b[2J=cmd@evil refusal=forbidden" in out


def test_json_gives_one_object_a_line(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert log(path, "--format", "json", "--press", "1") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["kind"] for line in lines] == ["Pressed", "CallPlaced", "Ringing", "CallEnded", "PressEnded"]
    assert lines[0]["row"] == 1
    assert lines[0]["button"] == "bell"


def test_csv_runs_nothing_in_a_spreadsheet(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert log(path, "--format", "csv") == 0
    table = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert table[0] == ["row", "at", "kind", "record"]
    assert json.loads(table[11][3])["caller"] == EVIL
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in table for cell in row)


def test_a_sheet_says_who_did_what_where_and_how(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def more() -> None:
        journal = Journal(path, rows_max=1000, keep_days=10_000, clock=lambda: 2_000.0)
        await journal.append(Unlocked(lock=LockName("door"), duration_s=5.0, grant=Grant.CARD_AND_PIN, who="=HYPERLINK(1)", party="anna"))
        await journal.append(Pressed(press=PressId(9), button=ButtonName("pad"), flat="12 Weber"))
        await journal.close()

    asyncio.run(more())
    assert log(path, "--format", "sheet") == 0
    out = capsys.readouterr().out
    assert out.startswith("\ufeff")
    table = list(csv.reader(io.StringIO(out.removeprefix("\ufeff"))))
    assert table[0] == ["date", "time", "what", "where", "who", "how", "row"]
    assert table[5][2:] == ["PressEnded", "", "", "busy", "5"]
    assert table[11][2:] == ["CallReceived", "", "[2J=cmd@evil", "forbidden", "11"]
    assert table[12][2:] == ["HealthChanged", "card", "", "gone", "12"]
    assert table[13][2:] == ["Unlocked", "door", "'=HYPERLINK(1)", "card_and_pin", "13"]
    assert table[14][2:] == ["Pressed", "pad", "", "12 Weber", "14"]
    at = datetime.fromtimestamp(2_000.0).astimezone()
    assert table[13][:2] == [at.strftime("%Y-%m-%d"), at.strftime("%H:%M:%S")]


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("a;=1+1", "a;'=1+1"),  # a spreadsheet of many countries divides here
        ("a; @sum(1)|-2", "a;' @sum(1)|'-2"),
        ("＝1+1", "'＝1+1"),
        ("anna; bob", "anna; bob"),
        ("a=b", "a=b"),
    ],
)
def test_no_cell_of_a_sheet_begins_a_formula_wherever_it_is_divided(name: str, cell: str) -> None:
    assert safe(name) == cell


def test_a_kind_that_somebody_has_written_into_the_file_moves_no_cursor_either(capsys: pytest.CaptureFixture[str]) -> None:
    journal_log.show(iter([journal_log.Row(1, 0.0, "\x1b[2J", {})]), "text", sys.stdout)
    assert "\\x1b[2J" in capsys.readouterr().out


def test_csv_holds_no_semicolon_at_which_a_spreadsheet_would_divide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def write() -> None:
        journal = Journal(tmp_path / "j.db", rows_max=1000, keep_days=10_000)
        await journal.append(Unlocked(lock=LockName("door"), duration_s=5.0, grant=Grant.CARD_AND_PIN, who="a;=1+1", party="anna"))
        await journal.close()

    asyncio.run(write())
    assert log(tmp_path / "j.db", "--format", "csv") == 0
    out = capsys.readouterr().out
    assert ";" not in out
    assert json.loads(list(csv.reader(io.StringIO(out)))[1][3])["who"] == "a;=1+1"


def test_following_goes_on_with_what_is_written_meanwhile(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def write() -> None:
        journal = Journal(path, rows_max=1000, keep_days=10_000)
        await journal.append(Pressed(press=PressId(3), button=ButtonName("bell")))
        await journal.append(CallPlaced(call=CallName("p3.1"), press=PressId(3), party="anna"))
        await journal.append(CallEnded(call=CallName("p3.1"), party="anna", reason=Stage.BUSY, talked_s=0.0))
        await journal.close()

    monkeypatch.setattr("time.sleep", lambda _seconds: asyncio.run(write()))
    connection = opened(path)
    following = rows(connection, Wanted(press=3), follow=True)
    assert [next(following).kind for _ in range(3)] == ["Pressed", "CallPlaced", "CallEnded"]
    connection.close()


def test_verify_names_the_first_broken_row(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert log(path, "verify") == 0
    out = capsys.readouterr().out
    assert out.startswith("12 rows hold together; head 12:")
    head = out.split("head ")[1].strip()
    assert log(path, "verify", "--head", head) == 0
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE record SET body = '{}' WHERE id = 5")
    connection.close()
    capsys.readouterr()
    assert log(path, "verify") == 1
    assert capsys.readouterr().out.startswith("broken at row 5: it was changed")


def test_what_cannot_be_read_is_named(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.db"
    assert log(other) == 2
    assert "there is no journal" in capsys.readouterr().err
    other.write_bytes(b"something else")
    assert log(other) == 2
    assert "no journal that this program reads" in capsys.readouterr().err
    for words in (["--since", "soon"], ["verify", "--head", "12"]):
        assert log(path, *words) == 2
        assert "is no" in capsys.readouterr().err


def test_the_journal_is_that_of_the_configuration(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = path.with_name("portero.toml")
    config.write_text(f'[journal]\npath = "{path}"\n')
    assert main(["log", "verify", "--config", str(config)]) == 0
    assert "12 rows" in capsys.readouterr().out


def test_a_file_that_breaks_is_named(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_args: object) -> None:
        raise sqlite3.DatabaseError("malformed")

    monkeypatch.setattr(journal_log, "examine", broken)
    assert log(path, "verify") == 2
    assert "malformed" in capsys.readouterr().err


def test_times_are_read_as_people_write_them() -> None:
    assert time_of("90m", 10_000.0) == 10_000.0 - 5_400
    assert time_of("7d", 1_000_000.0) == 1_000_000.0 - 604_800
    assert time_of("1970-01-02T00:00:00Z", 0.0) == 86_400.0
    with pytest.raises(JournalError, match="is no time"):
        time_of("yesterday", 0.0)
    with pytest.raises(JournalError, match="is no head"):
        head_of("12:abc")
