"""Files in the directory of the service, which root writes there too: whole or not at all, and never elsewhere.

A service that was broken into may lay links into its directory, and wait for root's next command to follow one.
"""

from __future__ import annotations

import os
from pathlib import Path


def replace(path: Path, data: bytes, *, mode: int = 0o600, group: int | None = None) -> None:
    """Put `data` in the place of what is at `path`, durably. Raises OSError; then that is as it was.

    Root gives the file to the directory's owner, and to `group` or else the directory's: the service, which is not root, must read it.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)  # O_EXCL follows no link
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            own_like_directory(descriptor, path.parent, group)
            os.fsync(descriptor)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def own_like_directory(descriptor: int, directory: Path, group: int | None = None) -> None:
    """Give an open file that root has made to the owner of its directory, and to its group or another."""
    if os.geteuid() == 0:
        owner = directory.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid if group is None else group)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
