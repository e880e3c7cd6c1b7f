"""Where builds read and write: the sources, the cache that is kept between builds, the time and the version that a build carries."""

from __future__ import annotations

import os
import subprocess
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "image" / "lock"
OUT = ROOT / "out" / "image"
MIRROR = os.environ.get("PORTERO_MIRROR", "http://deb.debian.org/debian")  # a snapshot's address builds what an old lock file names


def cache_folder(name: str) -> Path:
    """A folder that outlives builds: below $PORTERO_IMAGE_CACHE, by default ~/.cache/portero-image."""
    top = Path(os.environ.get("PORTERO_IMAGE_CACHE") or Path.home() / ".cache" / "portero-image")
    folder = top / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@cache
def _git(*words: str) -> str:
    """What git says about the sources; empty where they are no checkout."""
    utc = {**os.environ, "TZ": "UTC"}  # a version does not depend on where it is built
    done = subprocess.run(("git", "-C", str(ROOT), *words), capture_output=True, text=True, check=False, env=utc)
    return done.stdout.strip() if done.returncode == 0 else ""


def source_epoch() -> int:
    """SOURCE_DATE_EPOCH (reproducible-builds.org): by default the time of the last commit, so that a rebuild makes the same bytes."""
    given = os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct")
    return int(given or (ROOT / "pyproject.toml").stat().st_mtime)


def version() -> str:
    """$VERSION, or the project's version; off a release with the time and name of the commit behind it, so that later builds sort later."""
    if given := os.environ.get("VERSION"):
        return given
    with (ROOT / "pyproject.toml").open("rb") as file:
        project: str = tomllib.load(file)["project"]["version"]
    if _git("tag", "--points-at", "HEAD", "--list", f"v{project}"):
        return project
    commit = _git("log", "-1", "--format=%cd.%h", "--date=format-local:%Y%m%d%H%M%S", "--abbrev=8")
    return f"{project}~{commit}" if commit else project


def run(*command: str | Path, cwd: Path | None = None, **environ: str) -> str:
    """Run a tool of the build and return what it prints. Raises SystemExit with its complaint when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env={**os.environ, **environ}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)[:300]}\nfailed with {done.returncode}:\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout
