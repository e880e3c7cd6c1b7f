"""`make deb`: the Debian package, for Debian and Raspberry Pi OS of every release in `targets`. The same sources make the same bytes.

python -m image.package [ARCHITECTURE …]       by default that of this machine
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from image import modules, tree
from image.places import OUT, ROOT, run, source_epoch, version
from image.targets import ARCHITECTURES, RELEASES, Architecture, Release

HERE = ROOT / "image" / "deb"
SYSTEMD = ROOT / "systemd"
AROUND = {
    "systemd/sysusers/portero.conf": "usr/lib/sysusers.d/portero.conf",
    "systemd/tmpfiles/portero.conf": "usr/lib/tmpfiles.d/portero.conf",
    "systemd/udev/60-portero.rules": "usr/lib/udev/rules.d/60-portero.rules",
    "systemd/apparmor/portero": "etc/apparmor.d/portero",
    "systemd/portero.toml": "usr/share/portero/portero.toml",
    "portero.example.toml": "usr/share/doc/portero/examples/portero.example.toml",
    "systemd/README.md": "usr/share/doc/portero/README.systemd.md",
    "CHANGELOG.md": "usr/share/doc/portero/changelog.md",
    "LICENSE": "usr/share/doc/portero/copyright",
}
UNITS = ("portero.service", "portero-firewall.service")
TOGETHER = {"libcrypto.so.3": "libssl.so.3"}  # two libraries, one package
CONTROL = """\
Package: portero
Version: {version}
Architecture: {architecture}
Maintainer: Portero <portero@localhost>
Section: comm
Priority: optional
Installed-Size: {size_kib}
Depends: {depends}
Recommends: ca-certificates, nftables
Suggests: espeak-ng, ffmpeg
Description: SIP door intercom
 A visitor presses a button, the residents' phones ring through any SIP server or
 directly, they talk, a digit opens the door. The package carries its Python
 libraries with it and needs no network to install.
"""


def build(architecture: Architecture) -> Path:
    """The finished package's file. Raises SystemExit when a part cannot be built."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "root"
        root.mkdir(mode=0o755)
        stage(root, architecture)
        control(root, architecture)
        set_times(root, source_epoch())
        OUT.mkdir(parents=True, exist_ok=True)
        file = OUT / f"portero_{version()}_{architecture.debian}.deb"
        run("dpkg-deb", "--root-owner-group", "-Zxz", "--build", root, file, SOURCE_DATE_EPOCH=str(source_epoch()))
    return file


def stage(root: Path, architecture: Architecture, releases: tuple[Release, ...] = RELEASES) -> None:
    """Everything that the package installs."""
    tree.build(root, architecture, releases)
    (root / "usr/bin").mkdir(exist_ok=True)
    (root / "usr/bin/portero").symlink_to("../lib/portero/bin/portero")
    for source, target in AROUND.items():
        _copy(ROOT / source, root / target)
    for name in UNITS:
        unit = root / "usr/lib/systemd/system" / name
        _copy(SYSTEMD / name, unit)
        unit.write_text(placed(unit.read_text()))
    (root / "etc/portero/firewall.d").mkdir(parents=True, exist_ok=True)


def placed(unit: str) -> str:
    """The unit's text with the places of the package instead of those of `make install`."""
    return unit.replace("/opt/portero/bin/", f"/{tree.PREFIX}/bin/").replace(
        "/opt/portero/share/doc/README.md", "/usr/share/doc/portero/README.systemd.md"
    )


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def shared_libraries(root: Path) -> list[str]:
    """The packages of the libraries that our modules are linked with."""
    wanted = set()
    for module in root.rglob("*.so"):
        wanted |= set(re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "-d", module)))
    return sorted({package_of(soname) for soname in wanted} - {""})


def package_of(soname: str) -> str:
    """`libspeexdsp.so.1` -> libspeexdsp1, the name that Debian Policy §8.1 prescribes; empty for the C library and the loader.

    From trixie on some carry another name, since their time stamps have 64 bits; either will do.
    """
    match = re.fullmatch(r"(lib.+)\.so\.(\d+)", TOGETHER.get(soname, soname))
    if match is None or match[1] in {"libc", "libm", "libdl", "librt", "libpthread", "libgcc_s"}:
        return ""
    name = f"{match[1]}{'-' if match[1][-1].isdigit() else ''}{match[2]}".replace("_", "-")
    return f"{name} | {name}t64"


def pythons() -> list[str]:
    """Dependencies on the interpreters that the modules fit, and on none between or after them."""
    first, last = RELEASES[0], RELEASES[-1]
    gaps = [f"python3 (<< {_next(a.python)}~) | python3 (>= {b.python}~)" for a, b in pairwise(RELEASES)]
    return [f"python3 (>= {first.python}~)", *gaps, f"python3 (<< {_next(last.python)}~)"]


def _next(python: str) -> str:
    major, minor = python.split(".")
    return f"{major}.{int(minor) + 1}"


def control(root: Path, architecture: Architecture) -> None:
    """The package's own files: what it is, what it needs, what runs around its installation."""
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    folder = root / "DEBIAN"
    folder.mkdir(mode=0o755)
    others = ("libc6 (>= 2.36)", "procps", "tzdata", "systemd (>= 252)", "init-system-helpers")
    depends = ", ".join([*pythons(), *shared_libraries(root), *others])
    text = CONTROL.format(version=version(), architecture=architecture.debian, size_kib=size // 1024, depends=depends)
    (folder / "control").write_text(text)
    (folder / "conffiles").write_text("/etc/apparmor.d/portero\n")
    for name in ("preinst", "postinst", "prerm", "postrm"):
        shutil.copyfile(HERE / name, folder / name)
        (folder / name).chmod(0o755)
    names = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink() and folder not in path.parents)
    sums = run("md5sum", *(str(path.relative_to(root)) for path in names), cwd=root)
    (folder / "md5sums").write_text(sums)


def set_times(root: Path, epoch: int) -> None:
    """Nothing in the package is younger or older than its sources; modes do not depend on the builder's umask."""
    for path in sorted(root.rglob("*"), reverse=True):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def main(names: list[str]) -> None:
    """Build the package for each architecture named, or for this machine's."""
    for name in names or [modules.host()]:
        if name not in ARCHITECTURES:
            raise SystemExit(f"{name}: not one of {', '.join(ARCHITECTURES)}")
        print(build(ARCHITECTURES[name]))


if __name__ == "__main__":
    main(sys.argv[1:])
