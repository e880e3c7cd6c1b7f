"""Headers and libraries of another architecture or release: Debian packages unpacked into a folder, none of their scripts run."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from image.places import MIRROR, ROOT, cache_folder, run
from image.targets import BASE, Architecture, Release


def development_packages() -> tuple[str, ...]:
    """What `-dev` packages the program is built with: those of packages.apt, the place where they are listed."""
    text = (ROOT / "packages.apt").read_text().partition("# -- tests")[0]
    named = [line.strip() for line in text.splitlines() if line.endswith("-dev") and line.startswith("lib")]
    return (*named, "libffi-dev")  # for cffi


def unpacked(release: Release, architecture: Architecture) -> Path:
    """The folder with the Python of `release`, and for the base release with everything that is linked against. Made when it is missing."""
    packages = [f"libpython{release.python}-dev", *(development_packages() if release == BASE else ())]
    name = f"{release.suite}-{architecture.debian}-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:12]}"
    folder = cache_folder("sysroot") / name
    if not (folder / "usr/include").is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        half = folder.with_suffix(".half")  # a build that was cut off leaves no half-filled folder under the real name
        shutil.rmtree(half, ignore_errors=True)
        mmdebstrap = ("mmdebstrap", "--quiet", "--variant=extract", f"--arch={architecture.debian}", f"--include={','.join(packages)}")
        run(*mmdebstrap, release.suite, half, MIRROR)
        half.rename(folder)
    return folder
