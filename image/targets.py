"""What we build for: processor architectures, and the Debian releases whose Python the modules must fit."""

from __future__ import annotations

from typing import NamedTuple


class Architecture(NamedTuple):
    """One architecture by Debian's name; `triplet` is the prefix of its compiler and the folder of its libraries."""

    debian: str
    triplet: str
    machine: str  # as uname -m says it
    flags: tuple[str, ...] = ()


class Release(NamedTuple):
    """A Debian release and its Python: `python` is "3.11", `tag` "cpython-311" as in the names of its modules."""

    suite: str
    python: str

    @property
    def tag(self) -> str:
        """The part of a module's file name that names the interpreter."""
        return f"cpython-{self.python.replace('.', '')}"


ARCHITECTURES = {
    each.debian: each
    for each in (
        Architecture("amd64", "x86_64-linux-gnu", "x86_64"),
        Architecture("arm64", "aarch64-linux-gnu", "aarch64"),
        Architecture("armhf", "arm-linux-gnueabihf", "armv7l"),  # ARMv7 and later: not for the first Pi Zero, which is ARMv6
    )
}
# The oldest first: its C library and headers are what everything is linked against, so that the result runs on the later ones as well.
RELEASES = (Release("bookworm", "3.11"), Release("trixie", "3.13"))
BASE = RELEASES[0]
