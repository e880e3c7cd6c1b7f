"""The Debian package on clean systems: installed without network, upgraded, removed, purged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from image import package
from image.places import run, version
from image.targets import ARCHITECTURES
from tests.appliance.container import boot, remove, unpack

pytestmark = pytest.mark.timeout(600)

CONFIG = """\
[network]
bind = "127.0.0.1"
[[target]]
name = "anna"
uri = "sip:anna@127.0.0.1:5099"
[[button]]
name = "bell"
targets = ["anna"]
"""
FIRST_LIFE = """
dpkg -i /portero.deb
test "$(stat -c '%a %U %G' /etc/portero/portero.toml)" = '640 root portero'
cp /trial.toml /etc/portero/portero.toml
portero check /etc/portero/portero.toml
/usr/lib/portero/bin/python3 -c 'import gpiozero.pins.pi, hw.pins, alsaaudio, serial, dns.resolver, cffi, firmware.media.binding'
systemctl start portero
portero ctl press bell
portero log --config /etc/portero/portero.toml
systemctl is-enabled portero
"""
UPGRADE = """
systemctl is-active portero
dpkg -i /newer.deb
systemctl is-active portero
cmp /trial.toml /etc/portero/portero.toml
portero log --config /etc/portero/portero.toml > /presses
grep -i press /presses
dpkg --verify portero
"""
REMOVE = """
dpkg -r portero
! systemctl is-active portero
cmp /trial.toml /etc/portero/portero.toml
test -s /var/lib/portero/journal.db
test ! -e /usr/lib/portero
dpkg -P portero
test ! -e /etc/portero
test ! -e /var/lib/portero
"""


@pytest.fixture(scope="module")
def deb() -> Path:
    return package.build(ARCHITECTURES["amd64"])


@pytest.fixture(params=["bookworm", "trixie"])
def root(request: pytest.FixtureRequest, tmp_path: Path, deb: Path) -> Iterator[Path]:
    folder = unpack(request.param, deb, tmp_path / "root")
    shutil.copyfile(deb, folder / "portero.deb")
    (folder / "trial.toml").write_text(CONFIG)
    yield folder
    remove(folder)


def newer(deb: Path, folder: Path) -> Path:
    """The same package under a later version."""
    run("dpkg-deb", "-R", deb, folder)
    control = folder / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {version()}", f"Version: {version()}+1"))
    file = folder.with_suffix(".deb")
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-b", folder, file)
    return file


def test_the_package_installs_runs_upgrades_and_leaves(root: Path, deb: Path, tmp_path: Path) -> None:
    code, log = boot(root, FIRST_LIFE)
    assert (code, log) == (0, log)
    shutil.copyfile(newer(deb, tmp_path / "newer"), root / "newer.deb")
    code, log = boot(root, UPGRADE)  # after a reboot: the service came up by itself
    assert (code, log) == (0, log)
    code, log = boot(root, REMOVE)
    assert (code, log) == (0, log)


def test_it_does_not_settle_beside_an_installation_from_source(root: Path) -> None:
    unit = root / "usr/local/lib/systemd/system/portero.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    code, log = boot(root, "! dpkg -i /portero.deb 2>&1\ntest ! -e /usr/lib/portero\n")
    assert (code, log) == (0, log)
    assert "rm -r /opt/portero" in log


def test_two_builds_make_the_same_bytes(deb: Path) -> None:
    first = deb.read_bytes()
    assert package.build(ARCHITECTURES["amd64"]).read_bytes() == first
