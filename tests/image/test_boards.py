"""Nothing that a board starts from is missing without a word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from image.boards import BOARDS, EVERY, check
from image.places import ROOT


def whole(folder: Path) -> Path:
    for name in {*EVERY, *(file for files in BOARDS.values() for file in files)}:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return folder


def test_a_whole_partition_starts_every_board(tmp_path: Path) -> None:
    check(whole(tmp_path))


def test_a_board_that_would_not_start_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    (whole(tmp_path) / "start4.elf").unlink()
    (tmp_path / "bcm2711-rpi-400.dtb").unlink()
    with pytest.raises(SystemExit) as caught:
        check(tmp_path)
    said = str(caught.value).splitlines()[1:]
    assert said == ["Raspberry Pi 4 B: start4.elf", "Raspberry Pi 400: start4.elf bcm2711-rpi-400.dtb", "Raspberry Pi CM4: start4.elf"]


def test_the_guide_for_installers_names_each_board() -> None:
    rows = re.findall(r"^\| ([^|]+) \| `", (ROOT / "docs/install.md").read_text().partition("## Boards")[2], re.MULTILINE)
    named = {name.strip() for row in rows for name in row.split(",")}
    assert named == set(BOARDS)
