"""A root whose programs name libraries that it does not have is refused, before anybody flashes it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from image import linkage
from image.modules import host
from image.targets import ARCHITECTURES

HERE = ARCHITECTURES[host()]
HOME = "usr/lib/portero"
LIBRARIES = Path(f"usr/lib/{HERE.triplet}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with one library of its own, `libbell.so.1`, and `door`, a module that names it."""
    root = tmp_path / "root"
    for folder in (LIBRARIES, Path("usr/lib/portero"), Path("opt/bell")):
        (root / folder).mkdir(parents=True)
    compiled("int bell(void) { return 1; }", root / LIBRARIES / "libbell.so.1", "-Wl,-soname,libbell.so.1")
    compiled("int bell(void); int door(void) { return bell(); }", root / "usr/lib/portero/door.so", str(root / LIBRARIES / "libbell.so.1"))
    return root


def compiled(source: str, target: Path, *options: str) -> None:
    words = ("gcc", "-shared", "-fPIC", "-nostdlib", "-x", "c", "-", "-x", "none", "-o", str(target), *options)
    subprocess.run(words, input=source.encode(), check=True)


def test_a_root_with_everything_passes(root: Path) -> None:
    assert [(str(each.file), each.needed) for each in linkage.read(root)] == [("usr/lib/portero/door.so", ("libbell.so.1",))]
    linkage.check(root, HERE)


def test_what_is_missing_is_named_with_whoever_needs_it(root: Path) -> None:
    (root / LIBRARIES / "libbell.so.1").unlink()
    with pytest.raises(SystemExit, match=r"image/board/packages\.txt:\n  libbell\.so\.1, for usr/lib/portero/door\.so$"):
        linkage.check(root, HERE)


def test_a_link_to_nowhere_is_missing_too(root: Path) -> None:
    library = root / LIBRARIES / "libbell.so.1"
    library.unlink()
    library.symlink_to("libbell.so.1.0.0")
    assert linkage.missing(root, HERE) == {"libbell.so.1": ["usr/lib/portero/door.so"]}


def test_folders_that_the_linker_is_configured_with_count(root: Path) -> None:
    (root / LIBRARIES / "libbell.so.1").rename(root / "opt/bell/libbell.so.1")
    assert linkage.missing(root, HERE)
    (root / "etc/ld.so.conf.d").mkdir(parents=True)
    (root / "etc/ld.so.conf.d/bell.conf").write_text("# the bell\n/opt/bell\n")
    assert not linkage.missing(root, HERE)


def test_folders_that_a_file_names_itself_count_for_it() -> None:
    said = " 0x1 (NEEDED)  Shared library: [libbell.so.1]\n 0x1d (RUNPATH)  Library runpath: [$ORIGIN/../bell:/opt/${ORIGIN}]\n"
    linked = linkage.parse(Path(HOME) / "door.so", said)
    assert linked == (Path(HOME) / "door.so", ("libbell.so.1",), (HOME, f"{HOME}/../bell", f"opt//{HOME}"))


def test_files_that_are_no_programs_are_left_alone(root: Path) -> None:
    (root / "usr/lib/portero/notes").write_bytes(b"\x7fEL")
    (root / "usr/lib/portero/empty").touch()
    assert not linkage.missing(root, HERE)
