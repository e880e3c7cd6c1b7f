"""What a device remembers of its updates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firmware.app.update.ledger import REJECTED_MAX, UNTOLD_MAX, Before, Ledger, News, Trial, read_ledger, write_ledger
from firmware.errors import UpdateError

FULL = Ledger(
    newest="1.2",
    rejected=("1.3",),
    trial=Trial("b", "1.4", Before(("pbx",), ("gate",)), "no sound"),
    seen='"etag"',
    untold=(News("installed", "1.4"),),
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "update/ledger.json"
    for ledger in (FULL, Ledger()):
        write_ledger(file, ledger)
        assert read_ledger(file) == ledger
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["ledger.json"]


def test_a_fresh_device_knows_nothing(tmp_path: Path) -> None:
    assert read_ledger(tmp_path / "ledger.json") == Ledger()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"newest": 1}', "\0", json.dumps({**Ledger()._asdict(), "trial": 7})])
def test_a_damaged_file_lets_nothing_through(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ledger.json"
    file.write_text(text)
    with pytest.raises(UpdateError, match="is damaged"):
        read_ledger(file)


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(UpdateError, match="cannot be written"):
        write_ledger(tmp_path / "taken/ledger.json", Ledger())


def test_a_rejection_ends_the_trial_and_is_news_and_neither_grows_without_bound() -> None:
    ledger = FULL
    for number in range(40):
        ledger = ledger.rejecting(f"2.{number}", "x" * 1000)
    ledger = ledger.rejecting("2.30", "again")
    assert ledger.trial is None
    assert len(ledger.rejected) == REJECTED_MAX
    assert ledger.rejected[-1] == "2.30"
    assert ledger.rejected.count("2.30") == 1
    assert len(ledger.untold) == UNTOLD_MAX
    assert ledger.untold[-1] == News("rejected", "2.30", "again")
    assert len(ledger.untold[0].detail) == 300
