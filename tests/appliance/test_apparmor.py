"""AppArmor in force: the package on Debian 12 under a kernel that has it, whatever this machine's kernel has.

It is Debian's user-mode Linux, a program like any other. Its root is a folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from image import debian, package
from image.modules import host
from image.places import run
from image.targets import ARCHITECTURES
from tests.appliance.container import boot, outcome, prepare, remove, unpack
from tests.appliance.intruder import intruder
from tests.appliance.test_package import CONFIG

LIMIT_S = 540.0  # half a minute; a busy machine takes several times that
AMD64 = ARCHITECTURES["amd64"]
# What is created on the guest's root belongs to whoever runs the guest: a state of the service's own needs a file system of its own.
FSTAB = "tmpfs /var/lib/portero tmpfs mode=0750 0 0\ntmpfs /tmp tmpfs mode=1777 0 0\n"
INSTALL = """
dpkg -i /portero.deb
cp /trial.toml /etc/portero/portero.toml
systemctl enable apparmor
"""
AT_WORK = """
systemctl is-active portero
cat /proc/$(systemctl show -P MainPID portero)/attr/current
portero ctl press bell
until portero log | grep PressEnded; do sleep 1; done
systemctl reload portero
until portero ctl status >/dev/null; do sleep 1; done
portero ctl press bell
until [ $(portero log | grep -c PressEnded) = 2 ]; do sleep 1; done
portero support --out /tmp/support.tar.gz
cat /proc/$(systemctl show -P MainPID portero)/attr/current
journalctl -b --no-pager | grep 'DENIED.*profile="portero"' || echo nothing was denied
"""
INTRUSION = """
aa-exec -p portero -- /usr/lib/portero/bin/python3 -I /etc/portero/intruder
journalctl -b --no-pager | grep 'DENIED.*profile="portero"'
"""
pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(host() != "amd64", reason="Debian has user-mode Linux for amd64 alone"),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Debian 12 with AppArmor and the package."""
    deb = package.build(AMD64)
    folder = unpack("bookworm", deb, tmp_path_factory.mktemp("apparmor") / "root")
    (apparmor,) = (each.file for each in debian.fetch(debian.CONTAINER, debian.CONTAINER.read()) if each.name == "apparmor")
    run("bash", "-o", "pipefail", "-c", f"dpkg-deb --fsys-tarfile {apparmor} | tar -x --keep-directory-symlink -C {folder}")
    shutil.copyfile(deb, folder / "portero.deb")
    (folder / "trial.toml").write_text(CONFIG)
    code, log = boot(folder, INSTALL)
    assert (code, log) == (0, log)
    (folder / "etc/portero/intruder").write_text(intruder("/etc/portero/trial", "/usr/trial"))
    (folder / "etc/fstab").write_text(FSTAB)
    yield folder
    remove(folder)


def guest(root: Path, script: str, memory: Path) -> tuple[int, str]:
    """Boot the root as the first file system of a kernel with AppArmor, run the script, power off; its exit code and output."""
    words = ("mem=512M", "root=root", "rootfstype=hostfs", "hostfs=/", f"rootflags={root}", "rw", "security=apparmor", "apparmor=1")
    ports = ("con=null", "con0=null,fd:1", "ssl=null", f"uml_dir={memory}")
    prepare(root, script)
    done = subprocess.run(
        ("linux.uml", *words, *ports),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
        env={**os.environ, "TMPDIR": str(memory)},  # its memory is a file there
    )
    return outcome(root, done.stdout.decode(errors="replace"))


def test_the_service_works_in_its_profile(root: Path, tmp_path: Path) -> None:
    """A press, a call that reaches nobody, a reload, a support bundle: nothing of it is denied."""
    code, log = guest(root, AT_WORK, tmp_path)
    assert (code, log) == (0, log)
    assert log.splitlines().count("portero (enforce)") == 2
    assert "nothing was denied" in log.splitlines(), log


def test_what_the_profile_does_not_name_is_denied_even_to_root(root: Path, tmp_path: Path) -> None:
    code, log = guest(root, INTRUSION, tmp_path)
    assert (code, log) == (0, log)
    assert set(re.findall(r'DENIED.* name="([^"]+)"', log)) == {"/etc/shadow", "/etc/portero/trial", "/usr/trial", "/usr/bin/id"}
