"""The image's root in a container: read-only, without network, its boot partition edited by somebody. Each boot is a day of the device."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from image import system
from image.build import data_partition
from tests.appliance.container import LIMIT_S, TRIAL_UNIT

pytestmark = pytest.mark.timeout(900)

CARD = """\
[[account]]
name = "pbx"
uri = "sip:door@10.77.0.1"
password = "a long test secret"
[[target]]
name = "anna"
uri = "sip:anna@10.77.0.1"
account = "pbx"
[[button]]
name = "bell"
targets = ["anna"]
[system]
hostname = "entrance"
ssh_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGQrZ2V5IG9mIGFuIGV4YW1wbGUsIG5vbmUgb2Ygb3VycyEh installer"]
[lan]
address = "10.77.0.2/24"
"""


class Device:
    """The root, a data partition and a boot partition that outlive a boot."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.root, self.data, self.boot = root, folder / "data", folder / "boot"
        data_partition(self.data)
        self.boot.mkdir()
        (self.boot / "portero.toml").write_text(CARD)

    def day(self, script: str) -> str:
        """Boot, run a shell script on the device, power off; what it prints. Raises AssertionError when one of its commands fails."""
        (self.data / "trial.sh").write_text(script)
        for name in ("trial.log", "trial.code"):
            (self.data / name).unlink(missing_ok=True)
        binds = (f"--bind={self.data}:/data", f"--bind={self.boot}:/boot/firmware")
        nspawn = f"systemd-nspawn -D {self.root} --read-only --register=no --keep-unit --private-network {' '.join(binds)} -b"
        done = subprocess.run(("script", "-qec", nspawn, "/dev/null"), capture_output=True, text=True, timeout=LIMIT_S, check=False)
        code, log = self.data / "trial.code", self.data / "trial.log"
        assert code.exists(), f"the device did not get to the trial:\n{done.stdout[-4000:]}"
        said = log.read_text()
        assert code.read_text().strip() == "0", said
        return said


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("image") / "root"
    folder.mkdir(mode=0o755)
    system.build_for_container(folder)
    unit = TRIAL_UNIT.replace("/trial", "/data/trial").replace(
        "After=multi-user.target", "After=multi-user.target ssh.service portero.service"
    )
    (folder / "etc/systemd/system/trial.service").write_text(unit)
    os.symlink("../trial.service", folder / "etc/systemd/system/multi-user.target.wants/trial.service")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def device(tmp_path: Path, root: Path) -> Device:
    return Device(tmp_path, root)


def test_one_edited_file_makes_the_door(device: Device) -> None:
    said = device.day("""
hostname
systemctl --failed --no-legend
systemctl is-active portero portero-firewall systemd-networkd systemd-resolved ssh
portero check /etc/portero/portero.toml
portero ctl press bell
nft list ruleset | grep 'policy drop'
! touch /usr/anything
test ! -d /var/log/journal
ss -ltn
""")
    assert "\nentrance\n" in said
    assert "● " not in said  # no unit has failed
    assert said.splitlines().count("active") == 5
    assert '"press":1' in said
    assert ":22 " in said
    assert "a long test secret" not in (device.boot / "portero.toml").read_text()
    assert "a long test secret" in (device.data / "config/portero.toml").read_text()


def test_the_next_days_remember_the_presses_and_heed_what_was_edited(device: Device) -> None:
    device.day("portero ctl press bell\n")
    card = device.boot / "portero.toml"
    card.write_text(card.read_text().replace('"entrance"', '"backdoor"').replace("ssh_keys", "# ssh_keys"))
    said = device.day("hostname\nportero log\n! systemctl is-active ssh\n! nft list ruleset | grep 'dport 22'\n")
    assert "\nbackdoor\n" in said
    assert "Pressed" in said
    assert "a long test secret" in (device.data / "config/portero.toml").read_text()


def test_a_mistake_on_the_card_leaves_the_door_as_it_was_and_says_so_there(device: Device) -> None:
    device.day("true\n")
    card = device.boot / "portero.toml"
    card.write_text(card.read_text().replace("10.77.0.2/24", "10.77.0.400/24"))
    said = device.day("hostname\nportero ctl press bell\ngrep Address= /run/systemd/network/50-cable.network\n")
    assert "Address=10.77.0.2/24" in said
    assert '"10.77.0.400/24" is no address' in (device.boot / "portero-mistakes.txt").read_text()


def test_nobody_has_a_password_and_nobody_logs_in_without_a_key(root: Path) -> None:
    rows = [line.split(":") for line in (root / "etc/shadow").read_text().splitlines()]
    assert {row[1] for row in rows} == {"*"}
    assert not (root / "etc/systemd/system/multi-user.target.wants/ssh.service").is_symlink()
