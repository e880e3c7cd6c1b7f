"""The program as it lies on a device: /usr/lib/portero, a virtual environment that fits the Python of every release we build for.

bin/python3               -> /usr/bin/python3
bin/portero               the console script
lib/site-packages/        every package once; compiled modules once for each Python, told apart by their names
lib/python3.11/site-packages, lib/python3.13/site-packages -> ../site-packages
pyvenv.cfg                makes it an environment of its own (PEP 405)
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

from image import modules
from image.locked import COMPILED, fetch
from image.places import cache_folder
from image.targets import RELEASES, Architecture, Release

PREFIX = "usr/lib/portero"
SCRIPT = f"""\
#!/{PREFIX}/bin/python3
import sys

from firmware.cli import main

sys.exit(main())
"""
UNUSED = ("test", "tests", "testing", "__pycache__", "*.pyi", "*.exe")


def build(root: Path, architecture: Architecture, releases: tuple[Release, ...] = RELEASES) -> Path:
    """Put the program for `architecture` below `root`; returns its prefix there. Raises SystemExit when a part cannot be built."""
    prefix = root / PREFIX
    packages = prefix / "lib/site-packages"
    packages.mkdir(parents=True)
    for name, file in fetch().items():
        if name in COMPILED:
            shutil.copytree(compiled(name, file, architecture, releases), packages, dirs_exist_ok=True)
        else:
            unpack(file, packages)
    modules.portero(packages, architecture)
    prune(packages)
    environment(prefix, releases)
    return prefix


def compiled(name: str, archive: Path, architecture: Architecture, releases: tuple[Release, ...]) -> Path:
    """A folder with the library in `archive`, compiled; kept for the next build."""
    recipe = repr((name, archive.parent.name, architecture, releases, modules.LIBRARIES[name]))
    folder = cache_folder("modules") / hashlib.sha256(recipe.encode()).hexdigest()[:16]
    if not folder.is_dir():
        half = folder.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir()
        modules.library(name, archive, half, architecture, releases)
        half.rename(folder)
    return folder


def unpack(wheel: Path, packages: Path) -> None:
    """Unpack a wheel of Python alone; its scripts are not ours to install."""
    with zipfile.ZipFile(wheel) as file:
        file.extractall(packages, [name for name in file.namelist() if ".data/" not in name])


def environment(prefix: Path, releases: tuple[Release, ...] = RELEASES) -> None:
    """The frame around `lib/site-packages` that makes it an environment for each release's Python."""
    (prefix / "bin").mkdir()
    (prefix / "bin/python3").symlink_to("/usr/bin/python3")
    script = prefix / "bin/portero"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    for release in releases:
        folder = prefix / f"lib/python{release.python}"
        folder.mkdir()
        (folder / "site-packages").symlink_to("../site-packages")


def prune(packages: Path) -> None:
    """Remove what a door never loads: tests, stubs, what an installer wrote down about how it installed."""
    for pattern in UNUSED:
        for path in sorted(packages.rglob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()
    for name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):
        for path in packages.glob(f"*.dist-info/{name}"):
            path.unlink()
