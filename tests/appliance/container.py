"""A clean Debian in a folder, booted as a container without network: what the package is tried in."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from image.places import MIRROR, cache_folder, run

# What the package depends on besides libraries, and nothing that would help it by accident: no pip, no compiler, no venv.
PACKAGES = "systemd,systemd-sysv,dbus,udev,python3,procps,tzdata,iproute2,ca-certificates"
LIMIT_S = 240.0
TRIAL_UNIT = """\
[Unit]
Description=What is tried in here
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -ex /trial.sh
StandardOutput=append:/trial.log
StandardError=inherit
ExecStopPost=/bin/sh -c 'echo $EXIT_STATUS > /trial.code; systemctl --no-block poweroff'
[Install]
WantedBy=multi-user.target
"""


def base(suite: str, libraries: tuple[tuple[str, ...], ...], architecture: str) -> Path:
    """A tar file with a minimal Debian and the libraries, of each group whichever the release has; made once."""
    name = f"{suite}-{architecture}-{hashlib.sha256(repr((PACKAGES, libraries)).encode()).hexdigest()[:12]}.tar"
    file = cache_folder("chroot") / name
    if not file.exists():
        half = file.with_suffix(".half.tar")
        either = [f"--include=?or({','.join(f'?exact-name({name})' for name in names)})" for names in libraries]
        how = ("--quiet", "--mode=root", "--variant=minbase", f"--architectures={architecture}", f"--include={PACKAGES}")
        run("mmdebstrap", *how, *either, suite, half, MIRROR)
        half.rename(file)
    return file


def libraries(deb: Path) -> tuple[tuple[str, ...], ...]:
    """The libraries that a package depends on, each with its other names."""
    depends = run("dpkg-deb", "-f", deb, "Depends").strip().split(", ")
    return tuple(tuple(each.split(" | ")) for each in depends if each.startswith("lib") and "(" not in each)


def unpack(suite: str, deb: Path, folder: Path) -> Path:
    """A fresh root of the package's architecture that has what the package depends on."""
    folder.mkdir(parents=True)
    run("tar", "-xf", base(suite, libraries(deb), run("dpkg-deb", "-f", deb, "Architecture").strip()), "-C", folder)
    return folder


def boot(root: Path, script: str) -> tuple[int, str]:
    """Boot the root, run the shell script `script` in it, power off; its exit code and output."""
    prepare(root, script)
    nspawn = f"systemd-nspawn -D {root} --register=no --keep-unit --private-network -b"
    done = subprocess.run(("script", "-qec", nspawn, "/dev/null"), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    return outcome(root, f"{done.stdout}{done.stderr}")


def prepare(root: Path, script: str) -> None:
    """The root runs the script at its next boot, and powers off."""
    (root / "trial.sh").write_text(script)
    (root / "etc/systemd/system/trial.service").write_text(TRIAL_UNIT)
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    link = wants / "trial.service"
    if not link.is_symlink():
        link.symlink_to("../trial.service")
    for name in ("trial.log", "trial.code"):
        (root / name).unlink(missing_ok=True)


def outcome(root: Path, said: str) -> tuple[int, str]:
    """Exit code and output of the script that the root has run. Raises AssertionError, with what the boot said, when it has not."""
    assert (root / "trial.code").exists(), f"the system did not get to the trial:\n{said[-6000:]}"
    return int((root / "trial.code").read_text()), (root / "trial.log").read_text()


def remove(root: Path) -> None:
    """The root holds files of many owners; remove it whole."""
    shutil.rmtree(root, ignore_errors=True)
