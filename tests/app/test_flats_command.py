"""`portero flats` as the installer of a block uses it: a spreadsheet in, whole or not at all, and a list out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from firmware.cli import main
from firmware.config.load import load

CONFIG = """\
[[account]]
name = "pbx"
uri = "sip:door@pbx.example"
[[target]]
name = "anna"
uri = "sip:anna@pbx.example"
[[lock]]
name = "gate"
gpio = 5
[[keypad]]
name = "pad"
gpio_rows = [12, 16, 20, 21]
gpio_columns = [13, 19, 26]
lock = "gate"
[flats]
keypads = ["pad"]
file = "flats.csv"
[[flat]]
number = "0"
targets = ["anna"]
"""
HEAD = "number;name;targets;account\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "portero.toml"
    file.write_text(CONFIG)
    return file


def flats(config: Path, *words: str) -> int:
    return main(["flats", "--config", str(config), *words])


def sheet(config: Path, *rows: str) -> str:
    file = config.with_name("sheet.csv")
    file.write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return str(file)


def test_a_spreadsheet_is_taken_in_and_listed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert flats(config, "import", sheet(config, "1;Weber;sip:601@pbx.example anna;pbx", "2;;anna;")) == 0
    assert "there are 3 flats now" in capsys.readouterr().out
    assert flats(config, "list") == 0
    assert capsys.readouterr().out == "0: anna\n1 Weber: sip:601@pbx.example, anna\n2: anna\n"
    kept = config.with_name("flats.csv")
    assert kept.stat().st_mode & 0o777 == 0o640, "names of residents are nobody else's business"
    assert load(config).flat[1].account == "pbx"


def test_the_next_file_takes_the_place_of_the_one_before(config: Path) -> None:
    assert flats(config, "import", sheet(config, "1;Weber;anna;")) == 0
    assert flats(config, "import", sheet(config, "3;Kurz;anna;")) == 0
    assert [flat.number for flat in load(config).flat] == ["0", "3"]


def test_a_file_with_a_mistake_changes_nothing_and_a_better_one_heals_a_bad_one(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert flats(config, "import", sheet(config, "1;Weber;anna;")) == 0
    assert flats(config, "import", sheet(config, "2;;anna;", "0;;anna;", "3;;bob;")) == 1
    error = capsys.readouterr().err
    assert "line 3 of sheet.csv: the number 0 is used already, in the configuration" in error
    assert 'line 4 of sheet.csv: targets: there is no target "bob"' in error
    assert [flat.number for flat in load(config).flat] == ["0", "1"]
    config.with_name("flats.csv").write_text("nonsense")
    assert flats(config, "list") == 1
    assert flats(config, "import", sheet(config, "4;;anna;")) == 0


def test_what_cannot_be_read_or_written_is_said(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert flats(config, "import") == 1
    assert flats(config, "import", str(tmp_path / "nothing.csv")) == 1
    config.write_text(CONFIG.replace('"flats.csv"', '"nowhere/flats.csv"'))
    assert flats(config, "import", sheet(config, "1;;anna;")) == 1
    first, second, third = capsys.readouterr().err.splitlines()
    assert first == "import needs a file; see: portero flats --help"
    assert second.endswith("nothing.csv cannot be read (No such file or directory); check its name")
    assert third.endswith("nowhere/flats.csv cannot be written (No such file or directory); check its directory and space")


def test_root_is_not_led_to_another_file_by_a_link_that_lies_where_it_writes(config: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("kept")
    for name in (".flats.csv.new", f"flats.csv.{os.getpid()}.new", "flats.csv"):
        (tmp_path / name).symlink_to(other)
    assert flats(config, "import", sheet(config, "1;Weber;anna;")) == 0
    assert other.read_text() == "kept"
    assert not (tmp_path / "flats.csv").is_symlink()
