"""The compiled parts of the program: our media core for every Python at once, two libraries for each Python."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from image.places import LOCKS, ROOT, cache_folder, run, source_epoch
from image.sysroot import unpacked
from image.targets import BASE, Architecture, Release


class Library(NamedTuple):
    """How one source distribution becomes a module and its Python files."""

    module: str
    sources: tuple[str, ...]  # patterns in the source distribution
    python: tuple[str, ...]  # files and folders that are installed as they stand
    options: tuple[str, ...]


LIBRARIES = {
    "cffi": Library("_cffi_backend", ("src/c/_cffi_backend.c",), ("src/cffi",), ("-DUSE__THREAD", "-DHAVE_SYNC_SYNCHRONIZE", "-lffi")),
    "pyalsaaudio": Library("alsaaudio", ("alsaaudio.c",), (), ("-lasound",)),
}  # fmt: skip


def compiler(architecture: Architecture) -> tuple[str, ...]:
    """The C compiler of `architecture`, looking for headers and libraries in the base release's packages alone."""
    return (f"{architecture.triplet}-gcc", f"--sysroot={unpacked(BASE, architecture)}", *architecture.flags)


def own_libraries(architecture: Architecture) -> str:
    """Where the linker looks first: before the folder of this machine's own libraries, which setuptools adds."""
    sysroot = unpacked(BASE, architecture)
    return f"-L{sysroot}/usr/lib/{architecture.triplet} -L{sysroot}/lib/{architecture.triplet}"


def _reproducible(folder: Path) -> tuple[str, ...]:
    return (f"-ffile-prefix-map={folder}=.", "-g0", "-s")


def library(name: str, archive: Path, target: Path, architecture: Architecture, releases: tuple[Release, ...]) -> None:
    """Compile the source distribution `archive` for each release's Python, into `target`."""
    recipe = LIBRARIES[name]
    with tempfile.TemporaryDirectory() as temporary:
        run("tar", "-xf", archive, "-C", temporary)
        (source,) = (each for each in Path(temporary).iterdir() if each.is_dir())
        for each in recipe.python:
            _copy(source / each, target)
        files = sorted(str(file.relative_to(source)) for pattern in recipe.sources for file in source.glob(pattern))
        for release in releases:
            include = unpacked(release, architecture) / "usr/include"
            python = (f"-I{include}/python{release.python}", f"-idirafter{include}", f"-idirafter{include}/{architecture.triplet}")
            out = target / f"{recipe.module}.{release.tag}-{architecture.triplet}.so"
            make = (*compiler(architecture), "-shared", "-fPIC", "-O2", "-DNDEBUG", *_reproducible(source), *python)
            run(*make, *files, "-o", out, *recipe.options, cwd=source)
        metadata = next(source.glob("PKG-INFO"))
        info = target / f"{name}-{_version(metadata)}.dist-info"
        info.mkdir()
        shutil.copyfile(metadata, info / "METADATA")


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target / source.name, ignore=shutil.ignore_patterns("*.c", "*.h.in"))
    else:
        shutil.copyfile(source, target / source.name)


def _version(metadata: Path) -> str:
    return next(line.partition(": ")[2] for line in metadata.read_text().splitlines() if line.startswith("Version: "))


def portero(target: Path, architecture: Architecture) -> None:
    """Build our own wheel with the stable ABI and unpack it into `target`."""
    include = unpacked(BASE, architecture) / "usr/include"
    with tempfile.TemporaryDirectory(dir=cache_folder("work")) as temporary:
        source = Path(temporary) / "source"
        ignored = shutil.ignore_patterns(".*", "out", "build", "__pycache__", "*.so", "*.egg-info", "tests")
        shutil.copytree(ROOT, source, ignore=ignored)
        gcc = " ".join(compiler(architecture))
        flags = f"-I{include}/python{BASE.python} {' '.join(_reproducible(source))}"
        run(
            *(builder(), "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation"),
            *("--wheel-dir", temporary, source),
            CC=gcc,
            LDSHARED=f"{gcc} -shared {own_libraries(architecture)}",
            CFLAGS=flags,
            _PYTHON_HOST_PLATFORM=f"linux-{architecture.machine}",
            PYTHONHASHSEED="0",
            SOURCE_DATE_EPOCH=str(max(source_epoch(), 315_532_800)),  # a ZIP file knows no time before 1980
            PKG_CONFIG_LIBDIR=f"{include.parent}/lib/{architecture.triplet}/pkgconfig:{include.parent}/share/pkgconfig",
            PKG_CONFIG_SYSROOT_DIR=str(include.parents[1]),
        )
        (wheel,) = Path(temporary).glob("portero-*.whl")
        with zipfile.ZipFile(wheel) as file:
            file.extractall(target)


def builder() -> Path:
    """The interpreter that builds our wheel: an environment of its own with what image/lock/build.txt names."""
    lock = LOCKS / "build.txt"
    folder = cache_folder("builder") / hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    if not (folder / "ready").exists():
        run(sys.executable, "-m", "venv", "--clear", folder)
        run(folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", lock)
        (folder / "ready").touch()
    return folder / "bin/python"


def host() -> str:
    """Debian's name of the architecture that we run on."""
    machine = os.uname().machine
    known = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "armhf"}
    if machine not in known:
        raise SystemExit(f"no architecture of ours: {machine} ({sysconfig.get_platform()})")
    return known[machine]
