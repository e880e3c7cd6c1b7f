"""What the journal is told of a data partition that was made anew."""

from __future__ import annotations

from pathlib import Path

from firmware.app.appliance.lost_data import tell_loss
from firmware.app.update.ledger import News
from tests.app.update.flashed import OLD, flashed


def test_the_journal_is_told_once(tmp_path: Path) -> None:
    device, note = flashed(tmp_path), tmp_path / "lost"
    before = device.ledger
    note.write_text("it could not be read any more\n")
    tell_loss(device, note)
    tell_loss(device, note)
    assert device.ledger.untold[len(before.untold) :] == (News("data lost", OLD, "it could not be read any more"),)
    assert not note.exists()


def test_a_note_that_nobody_can_take_is_kept_for_the_next_start(tmp_path: Path) -> None:
    device, note = flashed(tmp_path), tmp_path / "lost"
    device.data.mkdir(exist_ok=True)
    (device.data / "ledger.json").write_text("no ledger")
    note.write_text("it could not be read any more\n")
    tell_loss(device, note)
    assert note.exists()
