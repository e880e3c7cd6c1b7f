"""Whether every program and library of a root finds the shared libraries that it names: asked of the finished root, before it is packed.

A module that a door loads with its first encrypted call, and whose library is missing, would else be noticed at that call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from image.places import run
from image.targets import Architecture

ELF = b"\x7fELF"
FILES_A_CALL = 500  # far below what a command line holds


class Linked(NamedTuple):
    """One ELF file: `needed` are DT_NEEDED, `search` the folders where it alone looks, as paths from the root: DT_RUNPATH or DT_RPATH with
    $ORIGIN replaced, and its own, because whoever loads a library of a private folder has loaded its neighbours before (systemd does so).
    """

    file: Path
    needed: tuple[str, ...]
    search: tuple[str, ...]


def check(root: Path, architecture: Architecture) -> None:
    """Raises SystemExit with every library that is missing, and who names it."""
    lines = [f"  {name}, for {', '.join(whose)}" for name, whose in sorted(missing(root, architecture).items())]
    if lines:
        raise SystemExit("the root lacks libraries; add their packages to image/board/packages.txt:\n" + "\n".join(lines))


def missing(root: Path, architecture: Architecture) -> dict[str, list[str]]:
    """The libraries that are named and not there, each with the files (paths from the root) that name it."""
    everywhere = [f"usr/lib/{architecture.triplet}", "usr/lib", *_configured(root)]
    found: dict[str, list[str]] = {}
    for linked in read(root):
        for name in linked.needed:
            if not any((root / folder / name).exists() for folder in (*linked.search, *everywhere)):
                found.setdefault(name, []).append(str(linked.file))
    return found


def read(root: Path) -> Iterator[Linked]:
    """Every ELF file below the root that names libraries."""
    files = [path for path in sorted(root.rglob("*")) if not path.is_symlink() and path.is_file() and _is_elf(path)]
    for begin in range(0, len(files), FILES_A_CALL):
        part = files[begin : begin + FILES_A_CALL]
        said = run("readelf", "--dynamic", "--wide", *part, part[0])  # one more: only of several does it say which answer is whose
        for path, text in zip(part, re.split(r"^File: .*$", said, flags=re.MULTILINE)[1:], strict=False):
            linked = parse(path.relative_to(root), text)
            if linked.needed:
                yield linked


def parse(file: Path, text: str) -> Linked:
    """What readelf says about the dynamic section of one file."""
    paths = [word for each in re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.+)\]", text) for word in each.split(":")]
    search = tuple(re.sub(r"\$ORIGIN|\$\{ORIGIN\}", f"/{file.parent}", path).lstrip("/") for path in paths)
    return Linked(file, tuple(re.findall(r"\(NEEDED\).*\[(.+)\]", text)), (str(file.parent), *search))


def _configured(root: Path) -> list[str]:
    """Further folders of the run-time linker, from /etc/ld.so.conf.d."""
    lines = [line.strip() for file in sorted((root / "etc/ld.so.conf.d").glob("*.conf")) for line in file.read_text().splitlines()]
    return [line.lstrip("/") for line in lines if line.startswith("/")]


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == ELF
