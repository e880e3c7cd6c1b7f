"""The Debian packages of the images, by version and hash: image/lock/debian-arm64.txt, and for trying it in a container debian-amd64.txt.
What a board has instead of some of them: image/lock/debian-BOARD.txt, from a later Debian.

`python -m image.debian [LOCK…]` writes them anew from packages.txt below image/board and what the mirror has now. A mirror keeps no old
versions: to build what an old lock names, set PORTERO_MIRROR to a snapshot of its day.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from image.boards import BOARDS, PI, Board
from image.places import LOCKS, MIRROR, cache_folder, run
from image.targets import ARCHITECTURES, BASE, Architecture

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
LATER = "trixie"  # where a board has its own kernel and boot loader from, or from the backports for it
BOOTS = re.compile(r"linux-(base|binary|modules)-\d.*|u-boot-rpi")  # of what comes along with those, all that a board carries


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


class Lock(NamedTuple):
    """One lock: image/lock/debian-NAME.txt, for one architecture, from the suites of one Debian release."""

    name: str
    architecture: Architecture
    release: str = BASE.suite

    @property
    def file(self) -> Path:
        """Where it stands."""
        return LOCKS / f"debian-{self.name}.txt"

    @property
    def suites(self) -> tuple[str, ...]:
        """As sources.list has them."""
        backports = () if self.release == BASE.suite else (f"{MIRROR} {self.release}-backports",)
        return (f"{MIRROR} {self.release}", f"{MIRROR} {self.release}-updates", f"{MIRROR}-security {self.release}-security", *backports)

    def wanted(self) -> list[str]:
        """The names in packages.txt; without those of the board where none is: in a container on the build machine."""
        board = BOARDS.get(self.name, PI)
        text = board.source("packages.txt").read_text()
        lines = (text.partition("# -- the board")[0] if self.architecture.debian == "amd64" else text).splitlines()
        return [line for line in lines if line and not line.startswith("#")]

    def keeps(self, name: str) -> bool:
        """Whether a package belongs into the lock: of a board's own, what starts it, because the rest is that of every image."""
        return self.release == BASE.suite or BOOTS.fullmatch(name) is not None

    def read(self) -> tuple[Package, ...]:
        """The packages of the lock."""
        lines = self.file.read_text().splitlines()
        return tuple(Package(*line.split()) for line in lines if line and not line.startswith("#"))


CONTAINER = Lock("amd64", ARCHITECTURES["amd64"])
SHARED = Lock("arm64", ARCHITECTURES["arm64"])


def own_lock(board: Board) -> Lock | None:
    """The lock of what a board has instead of shared packages."""
    return Lock(board.name, SHARED.architecture, LATER) if board.instead else None


def packages(board: Board) -> tuple[tuple[Lock, tuple[Package, ...]], ...]:
    """What the board's image is made of, by lock."""
    shared = tuple(each for each in SHARED.read() if not each.name.startswith(board.instead))
    own = own_lock(board)
    return ((SHARED, shared), *(((own, own.read()),) if own is not None else ()))


def fetch(lock: Lock, wanted: tuple[Package, ...]) -> tuple[Package, ...]:
    """These packages of a lock, all of them in the cache. Raises SystemExit when the mirror has others."""
    if all(package.file.exists() for package in wanted):
        return wanted
    with _apt(lock) as (apt, folder):
        run("apt-get", "download", "-q", *(f"{each.name}={each.version}" for each in wanted), cwd=folder, APT_CONFIG=str(apt))
        have = {_stored(file) for file in folder.glob("*.deb")}
    if missing := [each.name for each in wanted if each.sha256 not in have and not each.file.exists()]:
        raise SystemExit(f"{MIRROR} has not what the lock names: {' '.join(missing)}\nset PORTERO_MIRROR to a snapshot, or renew the lock")
    return wanted


@contextmanager
def _apt(lock: Lock) -> Iterator[tuple[Path, Path]]:
    """The configuration of an apt of its own, and a folder for what it downloads, checked against Debian's keys; both vanish afterwards.

    It knows the image's architecture alone, thinks that nothing is installed, and leaves this machine's lists alone.
    """
    with tempfile.TemporaryDirectory(dir=cache_folder("work")) as temporary:
        top = Path(temporary)
        for name in ("state/lists/partial", "cache/archives/partial", "etc/preferences.d", "etc/apt.conf.d"):
            (top / name).mkdir(parents=True)
        (top / "status").touch()
        (top / "etc/sources.list").write_text("".join(f"deb {suite} {COMPONENTS}\n" for suite in lock.suites))
        (top / "apt.conf").write_text(APT.format(top=top, architecture=lock.architecture.debian))
        run("apt-get", "update", "-q", APT_CONFIG=str(top / "apt.conf"))
        yield top / "apt.conf", top / "cache/archives"


def _stored(file: Path) -> str:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    target = cache_folder("debs") / f"{digest}.deb"
    if not target.exists():
        half = target.with_suffix(".half")
        shutil.copyfile(file, half)
        half.rename(target)
    return digest


def write(lock: Lock) -> None:
    """Ask the mirror and write the lock."""
    lines = []
    with _apt(lock) as (apt, folder):
        run("apt-get", "install", "-q", "-y", "--download-only", "--no-install-recommends", *lock.wanted(), APT_CONFIG=str(apt))
        for file in sorted(folder.glob("*.deb")):
            shown = run("dpkg-deb", "-f", file, "Package", "Version", "Architecture", "Source")
            fields = dict(line.split(": ", 1) for line in shown.splitlines())
            source = re.sub(r" \(.*\)$", "", fields.get("Source", fields["Package"]))
            if lock.keeps(fields["Package"]):
                lines.append(f"{fields['Package']} {fields['Version']} {fields['Architecture']} {source} {_stored(file)}\n")
    lock.file.write_text(HEAD + "".join(sorted(lines)))


if __name__ == "__main__":
    locks = {lock.name: lock for lock in (SHARED, CONTAINER, *filter(None, map(own_lock, BOARDS.values())))}
    for name in sys.argv[1:] or locks:
        write(locks[name])
