"""What root leaves in the service's directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from firmware import service_file


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "list"
    place.write_bytes(b"a much longer text of before")
    service_file.replace(place, b"new")
    assert place.read_bytes() == b"new"
    assert place.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["list"]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    place = tmp_path / "list"
    place.mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        service_file.replace(place, b"new")
    assert os.listdir(tmp_path) == ["list"]
    assert place.is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_gives_it_to_who_owns_the_directory(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 23456)
    service_file.replace(tmp_path / "list", b"")
    service_file.replace(tmp_path / "shared", b"", mode=0o640, group=34567)
    owners = {name: ((status := (tmp_path / name).stat()).st_uid, status.st_gid) for name in ("list", "shared")}
    assert owners == {"list": (12345, 23456), "shared": (12345, 34567)}
