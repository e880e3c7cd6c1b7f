"""The lock file of the Python packages: complete, and refused where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from image import locked
from image.locked import Locked, fetch, read, required
from image.places import LOCKS


def test_the_lock_names_every_package_that_the_project_asks_for() -> None:
    missing = required() - {package.name for package in read()}
    assert missing == set(), "run: python -m image.locked"


def test_the_builder_of_our_wheel_has_the_locked_cffi() -> None:
    versions = {package.name: package.version for package in read()}
    assert f"cffi=={versions['cffi']}" in (LOCKS / "build.txt").read_text().splitlines()


def test_a_line_without_a_hash_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("# head\ncffi==2.1.1\n")
    with pytest.raises(SystemExit, match=r"lock\.txt:2: not NAME==VERSION"):
        read(lock)


def test_a_file_with_another_hash_is_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Locked(name="cffi", version="2.1.1", sha256="0" * 64)
    monkeypatch.setenv("PORTERO_IMAGE_CACHE", str(tmp_path))
    monkeypatch.setattr(locked, "read", lambda _lock: (package,))
    monkeypatch.setattr(locked, "_download", lambda _name, _version, folder: (folder / "cffi.tar.gz").write_bytes(b"something else"))
    with pytest.raises(SystemExit, match=r"cffi\.tar\.gz: sha256 is [0-9a-f]{64}, the lock says 0{64}"):
        fetch()
    assert list(tmp_path.rglob("*.tar.gz")) == []
