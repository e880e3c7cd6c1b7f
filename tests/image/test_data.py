"""The check of the data partition at each boot: the script as it lies in the image, on real file systems, with mounts noted only."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from image.build import OWNERS, data_partition
from image.disk import data
from image.system import BOARD

SCRIPT = BOARD / "files/usr/lib/portero-image/data"
SUPERBLOCK = 1024
MOUNT = """\
#!/bin/sh
# Takes what the kernel would take: an ext4 whose superblock is whole. Its folders are those that the test has put there.
echo "mount $*" >>"$PORTERO_NOTES"
case "$*" in *"-t ext4"*) dumpe2fs -h "$PORTERO_DEVICE" >/dev/null 2>&1 ;; esac
"""


class Board:
    """A device whose partition is a file; `where` is what its mount shows."""

    def __init__(self, folder: Path) -> None:
        self.where, self.data, self.notes = folder / "where", folder / "data", folder / "notes"
        self.partition = folder / "partition"
        for each in (self.where, self.data, folder / "bin", folder / "made"):
            each.mkdir()
        self.notes.touch()
        data_partition(folder / "made/data")
        data(folder / "made/data", self.partition)
        for name, text in (("mount", MOUNT), ("umount", "#!/bin/sh\n"), ("chown", '#!/bin/sh\necho "chown $*" >>"$PORTERO_NOTES"\n')):
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o755)
        self._environment = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}:/usr/sbin:/sbin",
            "PORTERO_DEVICE": str(self.partition),
            "PORTERO_WHERE": str(self.where),
            "PORTERO_DATA": str(self.data),
            "PORTERO_NOTES": str(self.notes),
        }

    def boot(self) -> None:
        """What happens before the mount."""
        subprocess.run(("sh", str(SCRIPT)), env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, check=True)

    def destroy(self, *, every_copy: bool) -> None:
        """Overwrite the superblock, or all there is."""
        with self.partition.open("r+b") as file:
            if every_copy:
                size = self.partition.stat().st_size
                file.write(os.urandom(1 << 20) * (size >> 20))
            else:
                file.write(bytes(2 * SUPERBLOCK))


@pytest.fixture
def board(tmp_path: Path) -> Board:
    if os.geteuid() != 0:
        pytest.skip("the folders of a data partition belong to others than us")
    return Board(tmp_path)


def whole(board: Board) -> None:
    for name in OWNERS:
        (board.where / name).mkdir()


def test_a_whole_partition_is_left_alone(board: Board) -> None:
    whole(board)
    before = board.partition.read_bytes()
    board.boot()
    assert board.partition.read_bytes()[2 * SUPERBLOCK :] == before[2 * SUPERBLOCK :]  # e2fsck notes in the superblock that it was there
    assert not (board.where / "lost").exists()
    assert "remount,rw" not in board.notes.read_text()


def test_one_that_can_be_mended_is_mended_and_keeps_its_folders(board: Board) -> None:
    whole(board)
    board.destroy(every_copy=False)
    board.boot()
    listed = subprocess.run(("debugfs", "-R", "ls -p /", str(board.partition)), capture_output=True, text=True, check=True).stdout
    assert all(f"/{name}/" in listed for name in OWNERS)
    assert not (board.where / "lost").exists()


def test_one_beyond_repair_is_made_anew_with_its_folders_and_a_note(board: Board) -> None:
    board.destroy(every_copy=True)
    board.boot()
    assert subprocess.run(("e2fsck", "-n", str(board.partition)), capture_output=True, check=False).returncode == 0
    made = {name: (board.where / name).stat().st_mode & 0o777 for name in OWNERS}
    assert made == {name: mode for name, (_, _, mode) in OWNERS.items()}
    notes = board.notes.read_text()
    assert all(f"chown {user}:{group} {board.where / name}" in notes for name, (user, group, _) in OWNERS.items())
    assert "made anew" in (board.where / "lost").read_text()


def test_folders_without_a_name_are_made_once_more_and_told(board: Board) -> None:
    board.boot()
    assert {path.name for path in board.where.iterdir()} == {*OWNERS, "lost"}
    assert "lost+found" in (board.where / "lost").read_text()


def test_a_card_that_takes_nothing_any_more_is_replaced_by_memory(board: Board) -> None:
    board.partition.unlink()
    board.boot()
    assert f"memory {board.data}" in board.notes.read_text()
    assert {path.name for path in board.data.iterdir()} == {*OWNERS, "lost"}
    assert "works from memory" in (board.data / "lost").read_text()
