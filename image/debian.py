"""The Debian packages of the image, by version and hash: image/lock/debian-arm64.txt, and for trying it in a container debian-amd64.txt.

`python -m image.debian` writes it anew from image/board/packages.txt and what the mirror has now. A mirror keeps no old versions: to build
what an old lock names, set PORTERO_MIRROR to a snapshot of its day.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from image.places import LOCKS, MIRROR, ROOT, cache_folder, run
from image.targets import BASE, Architecture

HEAD = "# The Debian packages of the image: NAME VERSION ARCHITECTURE SOURCE SHA256. Written by `python -m image.debian`; not by hand.\n"
APT = """\
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Sandbox::User "root";
Dir::State "{top}/state";
Dir::State::status "{top}/status";
Dir::Cache "{top}/cache";
Dir::Etc "{top}/etc";
Dir::Etc::Trusted "/etc/apt/trusted.gpg";
Dir::Etc::TrustedParts "/usr/share/keyrings";
"""
COMPONENTS = "main non-free-firmware"


class Package(NamedTuple):
    """One package of the lock."""

    name: str
    version: str
    architecture: str
    source: str
    sha256: str

    @property
    def file(self) -> Path:
        """Where its .deb lies in the cache."""
        return cache_folder("debs") / f"{self.sha256}.deb"


def lock_file(architecture: Architecture) -> Path:
    """The lock of one architecture."""
    return LOCKS / f"debian-{architecture.debian}.txt"


def read(architecture: Architecture) -> tuple[Package, ...]:
    """The packages of the lock."""
    lines = lock_file(architecture).read_text().splitlines()
    return tuple(Package(*line.split()) for line in lines if line and not line.startswith("#"))


def wanted(architecture: Architecture) -> list[str]:
    """The names in image/board/packages.txt; without those of the board where none is: in a container on the build machine."""
    text = (ROOT / "image/board/packages.txt").read_text()
    lines = (text if architecture.debian == "arm64" else text.partition("# -- the board")[0]).splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def fetch(architecture: Architecture) -> tuple[Package, ...]:
    """The packages of the lock, all of them in the cache. Raises SystemExit when the mirror has others."""
    packages = read(architecture)
    if all(package.file.exists() for package in packages):
        return packages
    with _downloaded(architecture, [f"{each.name}={each.version}" for each in packages]) as found:
        have = {_stored(file) for file in found}
    if missing := [each.name for each in packages if each.sha256 not in have and not each.file.exists()]:
        raise SystemExit(f"{MIRROR} has not what the lock names: {' '.join(missing)}\nset PORTERO_MIRROR to a snapshot, or renew the lock")
    return packages


@contextmanager
def _downloaded(architecture: Architecture, names: list[str]) -> Iterator[list[Path]]:
    """The .deb files that apt chooses for `names`, checked against Debian's keys, in a folder that vanishes afterwards.

    An apt of its own: it knows the image's architecture alone, thinks that nothing is installed, and leaves this machine's lists alone.
    """
    with tempfile.TemporaryDirectory(dir=cache_folder("work")) as temporary:
        top = Path(temporary)
        for name in ("state/lists/partial", "cache/archives/partial", "etc/preferences.d", "etc/apt.conf.d"):
            (top / name).mkdir(parents=True)
        (top / "status").touch()
        suites = ((MIRROR, BASE.suite), (MIRROR, f"{BASE.suite}-updates"), (f"{MIRROR}-security", f"{BASE.suite}-security"))
        (top / "etc/sources.list").write_text("".join(f"deb {mirror} {suite} {COMPONENTS}\n" for mirror, suite in suites))
        (top / "apt.conf").write_text(APT.format(top=top, architecture=architecture.debian))
        run("apt-get", "update", "-q", APT_CONFIG=str(top / "apt.conf"))
        run("apt-get", "install", "-q", "-y", "--download-only", "--no-install-recommends", *names, APT_CONFIG=str(top / "apt.conf"))
        yield sorted((top / "cache/archives").glob("*.deb"))


def _stored(file: Path) -> str:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    target = cache_folder("debs") / f"{digest}.deb"
    if not target.exists():
        half = target.with_suffix(".half")
        shutil.copyfile(file, half)
        half.rename(target)
    return digest


def write(architecture: Architecture) -> None:
    """Ask the mirror and write the lock."""
    lines = []
    with _downloaded(architecture, wanted(architecture)) as found:
        for file in found:
            shown = run("dpkg-deb", "-f", file, "Package", "Version", "Architecture", "Source")
            fields = dict(line.split(": ", 1) for line in shown.splitlines())
            source = re.sub(r" \(.*\)$", "", fields.get("Source", fields["Package"]))
            lines.append(f"{fields['Package']} {fields['Version']} {fields['Architecture']} {source} {_stored(file)}\n")
    lock_file(architecture).write_text(HEAD + "".join(sorted(lines)))


if __name__ == "__main__":
    from image.targets import ARCHITECTURES

    for name in ("arm64", "amd64"):
        write(ARCHITECTURES[name])
