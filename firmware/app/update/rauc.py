"""RAUC, which writes bundles into slots: its command line, and what it complains about in words of ours.

`rauc info` checks a bundle's signature by the device's keyring and tells what is in it; `rauc install` asks RAUC's service over D-Bus,
which is started for it. An install marks the other slot bad, writes its root, runs the bundle's hook for the boot partition, and makes
the slot the first to start, in this order: a power cut between any two steps leaves the present system to boot.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import NamedTuple

from firmware.errors import BundleRefusedError, UpdateError

INFO_S_MAX = 60.0
INSTALL_S_MAX = 1800.0  # 200 MB to a slow card, checked block by block
SAID_MAX = 500  # characters of RAUC's own words in an error of ours
# What RAUC says, and what it means to whoever reads it; the first that fits.
MEANINGS = (
    ("signature verification failed", "its signature is not one that this device trusts"),
    ("Invalid bundle format", "this is no bundle, or it is cut short"),
    ("Invalid identifier", "this is no bundle"),
    ("not allowed by configuration", "it is of a format that can be changed after it was checked"),
    ("Compatible mismatch", "it is for another kind of device"),
    ("No such file", "there is no such file"),
    ("No space left", "there is no room for it"),
    ("already in progress", "another update is under way"),
    ("Input/output error", "it is damaged"),
)


class Manifest(NamedTuple):
    """What a bundle says of itself, its signature being right."""

    compatible: str
    version: str


def info(bundle: Path, *, config: Path = Path("/etc/rauc/system.conf")) -> Manifest:
    """What is in the bundle. Raises BundleRefusedError when it is none, or not signed by whom `config` trusts."""
    try:
        said = _run(bundle, "--conf", str(config), "info", "--output-format=json", str(bundle), limit_s=INFO_S_MAX)
    except UpdateError as error:
        raise BundleRefusedError(str(error)) from error
    try:
        tree = json.loads(said)
        return Manifest(compatible=str(tree["compatible"]), version=str(tree["version"]))
    except (ValueError, KeyError, TypeError):
        raise BundleRefusedError(f"{bundle}: rauc says nothing that can be understood: {said[:SAID_MAX]}") from None


def install(bundle: Path) -> None:
    """Write the bundle into the slot that does not run. Raises UpdateError."""
    _run(bundle, "install", str(bundle), limit_s=INSTALL_S_MAX)


def _run(bundle: Path, *words: str, limit_s: float) -> str:
    try:
        done = subprocess.run(("rauc", *words), capture_output=True, text=True, errors="replace", timeout=limit_s, check=False)  # noqa: S603, S607 -- words of our own, root's own PATH
    except subprocess.TimeoutExpired:
        raise UpdateError(f"{bundle}: rauc did not end within {limit_s:.0f} s") from None
    except OSError as error:
        raise UpdateError(f"rauc cannot be started: {error.strerror}") from error
    if done.returncode == 0:
        return done.stdout
    raise UpdateError(f"{bundle}: {meaning(done.stderr + done.stdout)}")


def meaning(said: str) -> str:
    """RAUC's complaint in plain words, with its own behind them."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("rauc-Message:")]
    own = " ".join(lines)[-SAID_MAX:] or "it failed without a word"
    plain = next((plain for sign, plain in MEANINGS if sign in said), "it was not installed")
    return f"{plain} (rauc: {own})"
