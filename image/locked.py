"""The Python packages that a device carries, by version and hash: image/lock/python.txt.

`python -m image.locked` writes it anew from pyproject.toml; `fetch` downloads what it names and accepts nothing else.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import NamedTuple

from image.places import LOCKS, ROOT, cache_folder, run

LOCK = LOCKS / "python.txt"
COMPILED = ("cffi", "pyalsaaudio")  # from their sources, because no wheel fits each architecture and interpreter
HEAD = """\
# The Python packages on a device, in pip's form. Written by `python -m image.locked` from pyproject.toml; not by hand.
"""
LINE = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>\S+) --hash=sha256:(?P<sha256>[0-9a-f]{64})")


class Locked(NamedTuple):
    """One package: what pip may install, and nothing beside it."""

    name: str
    version: str
    sha256: str


def normal(name: str) -> str:
    """A package's name as comparisons need it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required() -> set[str]:
    """The names that pyproject.toml asks for on a board."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    return {normal(re.split(r"[\s<>=!~;\[]", line)[0]) for line in project["dependencies"]}


def read(lock: Path = LOCK) -> tuple[Locked, ...]:
    """The packages of a lock file. Raises SystemExit at a line that is none."""
    found = []
    for number, line in enumerate(lock.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if match is None:
            raise SystemExit(f"{lock}:{number}: not NAME==VERSION --hash=sha256:…: {line[:80]}")
        found.append(Locked(**match.groupdict()))
    return tuple(found)


def fetch(lock: Path = LOCK) -> dict[str, Path]:
    """The files of the lock by package name, from the cache or the index. Raises SystemExit where a hash differs."""
    files: dict[str, Path] = {}
    for package in read(lock):
        folder = cache_folder(f"python/{package.sha256}")
        if not any(folder.iterdir()):
            _download(package.name, package.version, folder)
        (file,) = folder.iterdir()
        if (seen := hashlib.sha256(file.read_bytes()).hexdigest()) != package.sha256:
            file.unlink()
            raise SystemExit(f"{file.name}: sha256 is {seen}, the lock says {package.sha256}")
        files[package.name] = file
    return files


def _download(name: str, version: str, folder: Path) -> None:
    form = f"--no-binary={name}" if name in COMPILED else f"--only-binary={name}"
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", form)
    run(*pip, "--dest", folder, f"{name}=={version}")


def write() -> None:
    """Resolve pyproject.toml's requirements to the newest versions and write the lock."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        wanted = [line.split(";")[0].strip() for line in tomllib.load(file)["project"]["dependencies"]]
    pip = (
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--dry-run",
        "--ignore-installed",
        "--report",
        "-",
    )
    report = json.loads(run(*pip, *wanted))
    lines = []
    for item in sorted(report["install"], key=lambda item: normal(item["metadata"]["name"])):
        name, version = normal(item["metadata"]["name"]), item["metadata"]["version"]
        if name == "setuptools":  # asked for by colorzero, which does not import it
            continue
        with tempfile.TemporaryDirectory() as folder:
            _download(name, version, Path(folder))
            (file_path,) = Path(folder).iterdir()
            lines.append(f"{name}=={version} --hash=sha256:{hashlib.sha256(file_path.read_bytes()).hexdigest()}\n")
    LOCK.parent.mkdir(exist_ok=True)
    LOCK.write_text(HEAD + "".join(lines))


if __name__ == "__main__":
    write()
