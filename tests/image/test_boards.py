"""Nothing that a board starts from is missing without a word."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from image.boards import BOARDS, EVERY, KERNEL, PI, PI_5, Board, board_named, check
from image.places import ROOT

HUGE = 0x0324_0000  # what Linux 7.3 takes


def whole(folder: Path, board: Board, kernel_bytes: int = 0x0200_0000) -> Path:
    for name in {*EVERY, *(file for files in board.starts.values() for file in files)}:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).touch()
    (folder / KERNEL).write_bytes(struct.pack("<IIQQQ24s4sI", 0, 0, 0, kernel_bytes, 0, b"", b"ARM\x64", 0))
    return folder


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_whole_partition_starts_every_board(tmp_path: Path, board: Board) -> None:
    check(whole(tmp_path, board), board)


def test_a_board_that_would_not_start_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    (whole(tmp_path, PI) / "start4.elf").unlink()
    (tmp_path / "bcm2711-rpi-400.dtb").unlink()
    with pytest.raises(SystemExit) as caught:
        check(tmp_path, PI)
    said = str(caught.value).splitlines()[1:]
    assert said == ["Raspberry Pi 4 B: start4.elf", "Raspberry Pi 400: start4.elf bcm2711-rpi-400.dtb", "Raspberry Pi CM4: start4.elf"]


def test_a_kernel_is_refused_over_which_the_ram_disk_would_be_loaded(tmp_path: Path) -> None:
    check(whole(tmp_path / "5", PI_5, HUGE), PI_5)
    with pytest.raises(SystemExit, match=f"the kernel needs {HUGE} bytes"):
        check(whole(tmp_path / "others", PI, HUGE), PI)


def test_what_is_no_kernel_is_refused(tmp_path: Path) -> None:
    (whole(tmp_path, PI) / KERNEL).write_bytes(b"\x1f\x8b" + bytes(100))
    with pytest.raises(SystemExit, match="no kernel in the form that U-Boot starts"):
        check(tmp_path, PI)


def test_the_script_puts_the_ram_disk_where_the_check_believes_it() -> None:
    (above,) = re.findall(r"^setexpr ramdisk_addr_r \$\{kernel_addr_r\} \+ ([0-9a-f]+)$", PI_5.source("boot.cmd").read_text(), re.MULTILINE)
    assert int(above, 16) == PI_5.ramdisk_above_kernel


def test_a_board_that_is_not_there_is_refused_with_those_that_are() -> None:
    assert board_named("pi5-arm64") is PI_5
    with pytest.raises(SystemExit, match=r"BOARD=pi6-arm64.*pi-arm64, pi5-arm64"):
        board_named("pi6-arm64")


def test_the_guide_for_installers_names_each_board() -> None:
    rows = re.findall(r"^\| ([^|]+) \| `", (ROOT / "docs/install.md").read_text().partition("## Boards")[2], re.MULTILINE)
    named = {name.strip() for row in rows for name in row.split(",")}
    assert named == {name for board in BOARDS.values() for name in board.starts}
