"""The root file system of the image: Debian packages unpacked in a fixed order, and what their scripts would do done here.

None of those scripts runs, so no foreign processor is emulated, nothing depends on the builder's machine, and the same lock makes the
same files.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from image import debian, keys, linkage, package, tree
from image.boards import Board
from image.places import ROOT, run, source_epoch, version
from image.targets import BASE, Architecture

LINKS = {
    "etc/resolv.conf": "/run/systemd/resolve/stub-resolv.conf",
    "etc/mtab": "../proc/self/mounts",
    "etc/localtime": "/usr/share/zoneinfo/Etc/UTC",
    # What Debian's alternatives would choose.
    "usr/bin/awk": "mawk",
    "usr/bin/pager": "less",
    "usr/bin/which": "which.debianutils",
    # Without it the kernel knows no country, and Wi-Fi keeps to what is allowed everywhere.
    "usr/lib/firmware/regulatory.db": "regulatory.db-debian",
    "usr/lib/firmware/regulatory.db.p7s": "regulatory.db.p7s-debian",
}
# Nothing to do on a door: nobody sits at it, nothing is traced, no memory is paged in huge pieces.
MASKED = (
    "systemd-binfmt.service",
    "proc-sys-fs-binfmt_misc.automount",
    "systemd-machine-id-commit.service",
    "systemd-logind.service",
    "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "sys-fs-fuse-connections.mount",
)
BOARD = ROOT / "image" / "board"


def left_out(section: str) -> tuple[str, ...]:
    """The lines of one section of image/board/left-out.txt."""
    text = (BOARD / "left-out.txt").read_text().partition(f"# -- {section}:")[2].partition("\n# --")[0]
    return tuple(text.splitlines()[1:])


def build(root: Path, board: Board) -> str:
    """Fill `root`, and the folder `board` beside it with what goes to the boot partition; the kernel's release, as `uname -r` says it.

    Raises SystemExit when a part is missing or this builder cannot.
    """
    architecture = debian.SHARED.architecture
    for lock, packages in debian.packages(board):
        unpack(root, lock, packages)
    (kernel,) = (path.name for path in (root / "usr/lib/modules").iterdir())
    put_aside(root, root.with_name("board"), kernel)
    prune(root)
    modules(root, kernel)
    furnish(root, architecture, board.name)
    return kernel


def build_for_container(root: Path) -> None:
    """The same system without kernel and firmware, for a container on the build machine, where it is tried."""
    unpack(root, debian.CONTAINER, debian.CONTAINER.read())
    prune(root)
    furnish(root, debian.CONTAINER.architecture, "container")


def put_aside(root: Path, aside: Path, kernel: str) -> None:
    """Kernel, device trees, firmware and boot loader, from where Linux 6.1 has them or where the packages of later ones do."""
    own = root / "usr/lib/modules" / kernel
    aside.mkdir()
    places = ((own / "vmlinuz", own / "dtb"), (root / f"boot/vmlinuz-{kernel}", root / f"usr/lib/linux-image-{kernel}"))
    vmlinuz, trees = next(each for each in places if each[0].exists())
    shutil.move(vmlinuz, aside / "vmlinuz")
    shutil.copytree(trees / "broadcom", aside / "trees")
    shutil.move(root / "usr/lib/raspi-firmware", aside / "firmware")
    shutil.move(root / "usr/lib/u-boot/rpi_arm64/u-boot.bin", aside / "u-boot.bin")


def modules(root: Path, kernel: str) -> None:
    """The drivers that a door may need, unpacked: the root is packed as a whole, and nothing has to be unpacked twice."""
    tree = root / "usr/lib/modules" / kernel
    for name in left_out("modules"):
        shutil.rmtree(tree / "kernel" / name, ignore_errors=True)
    if packed := sorted(tree.rglob("*.ko.xz")):
        run("xz", "--decompress", *packed)
    run("depmod", "-b", root, kernel)


def furnish(root: Path, architecture: Architecture, board: str) -> None:
    """The program, our own files, and what the packages' scripts would have done."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" != BASE.python:
        raise SystemExit(f"the image carries code compiled by Python {BASE.python}: build it with that one")
    package.stage(root, architecture, (BASE,))
    linkage.check(root, architecture)
    package.set_times(root / tree.PREFIX, source_epoch())
    overlay(root, board)
    finish(root)


def unpack(root: Path, lock: debian.Lock, packages: tuple[debian.Package, ...]) -> None:
    """Every file of every package that is not left out, with its owner and mode, in the order of the lock."""
    if not root.joinpath("usr").exists():
        for name in ("bin", "sbin", "lib", *(("lib64",) if lock.architecture.debian == "amd64" else ())):
            (root / "usr" / name).mkdir(parents=True)
            (root / name).symlink_to(f"usr/{name}")
    useless = left_out("packages")
    for each in debian.fetch(lock, packages):
        if each.name not in useless:
            tar = f"dpkg-deb --fsys-tarfile {each.file} | tar -x --keep-directory-symlink -C {root}"
            run("bash", "-o", "pipefail", "-c", tar)


def prune(root: Path) -> None:
    """Remove what no door reads. Of the documentation the licences stay, as they ask to."""
    for path in [path for pattern in left_out("paths") for path in root.glob(pattern)]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    for path in (root / "usr/share/doc").rglob("*"):
        if path.name != "copyright" and not path.is_dir():
            path.unlink()
    for name in ("var", "data", "boot/firmware", "proc", "sys", "dev", "run", "tmp", "root", "srv", "etc/portero"):
        (root / name).mkdir(parents=True, exist_ok=True)


def overlay(root: Path, board: str) -> None:
    """Our own files over those of the packages, with modes that do not depend on how the sources were checked out.

    The root takes updates that are for `board`.
    """
    for source in sorted((BOARD / "files").rglob("*")):
        target = root / source.relative_to(BOARD / "files")
        if source.is_dir():
            target.mkdir(exist_ok=True, mode=0o755)
        else:
            shutil.copyfile(source, target)
            target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
    config = root / "etc/rauc/system.conf"
    config.write_text(config.read_text().replace("@BOARD@", board))
    shutil.copyfile(keys.authority(), root / "etc/rauc/keyring.pem")  # whom system.conf beside it believes
    (root / "etc/rauc/keyring.pem").chmod(0o644)


def finish(root: Path) -> None:
    """What the packages' own scripts would do: users, certificates, the linker's cache, links, enabled units, compiled Python."""
    etc = root / "etc"
    for name in ("passwd", "group"):
        shutil.copyfile(root / f"usr/share/base-passwd/{name}.master", etc / name)
    run("systemd-sysusers", f"--root={root}")
    lock_accounts(etc)
    certificates(root)
    (etc / "machine-id").write_text("uninitialized\n")
    (root / "usr/lib/clock-epoch").touch()  # systemd(1): no clock is let go on from before this file's time, which is that of the image
    for name, target in LINKS.items():
        if (root / name).parent.is_dir():
            (root / name).unlink(missing_ok=True)
            (root / name).symlink_to(target)
    (etc / "os-release").unlink()
    (root / "usr/lib/os-release").write_text(
        (root / "usr/lib/os-release").read_text() + f'IMAGE_ID="portero"\nIMAGE_VERSION="{version()}"\n'
    )
    (etc / "os-release").symlink_to("../usr/lib/os-release")
    shutil.copyfile(root / "usr/share/openssh/sshd_config", etc / "ssh/sshd_config")
    run("ldconfig", "-r", root)
    (etc / "ld.so.cache~").unlink(missing_ok=True)
    shutil.rmtree(root / "var/cache", ignore_errors=True)
    run("systemctl", f"--root={root}", "preset-all")
    for name in MASKED:
        (etc / "systemd/system" / name).symlink_to("/dev/null")
    for folder in ("usr/lib/python3.11", "usr/lib/python3", tree.PREFIX):
        compile_ = ("-m", "compileall", "-q", "-j1", "-s", str(root), "-p", "/", "--invalidation-mode", "unchecked-hash")
        run(sys.executable, *compile_, root / folder, PYTHONHASHSEED="0", SOURCE_DATE_EPOCH=str(source_epoch()))


def lock_accounts(etc: Path) -> None:
    """No account has a password; none can be set by logging in."""
    users = [line.split(":")[0] for line in (etc / "passwd").read_text().splitlines()]
    (etc / "shadow").write_text("".join(f"{user}:*:1:0:99999:7:::\n" for user in users))
    (etc / "gshadow").unlink(missing_ok=True)
    (etc / "shadow").chmod(0o640)
    for name in ("passwd-", "group-", "shadow-", "gshadow-", ".pwd.lock"):
        (etc / name).unlink(missing_ok=True)


def certificates(root: Path) -> None:
    """The authorities that Debian trusts, one by one under their hashes and all in one file."""
    folder = root / "etc/ssl/certs"
    folder.mkdir(parents=True, exist_ok=True)
    whole = []
    for file in sorted((root / "usr/share/ca-certificates").rglob("*.crt")):
        shutil.copyfile(file, folder / f"{file.stem}.pem")
        whole.append(file.read_text())
    (folder / "ca-certificates.crt").write_text("".join(whole))
    run("openssl", "rehash", folder)


def epoch_times(root: Path) -> None:
    """One time for every file."""
    epoch = source_epoch()
    for path in root.rglob("*"):
        os.utime(path, (epoch, epoch), follow_symlinks=False)
