"""The packages for the boards' processors, installed for real: each of their programs runs on an emulated processor (qemu-user)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from image import package
from image.modules import host
from image.places import run
from image.targets import ARCHITECTURES
from tests.appliance.container import remove, unpack
from tests.appliance.test_package import CONFIG

BINFMT = Path("/proc/sys/fs/binfmt_misc")
# Documentation/admin-guide/binfmt-misc.rst: an ELF header of 20 bytes by class, byte order and machine; F opens the interpreter now, so
# that it is there in another root.
ELF = {
    "arm64": ("aarch64", "02", "b700"),
    "armhf": ("arm", "01", "2800"),
}
LIMIT_S = 600.0
INSTALL = """
dpkg -i /portero.deb
portero --version
portero check /trial.toml
test "$(stat -c '%a %U %G' /etc/portero/portero.toml)" = '640 root portero'
/usr/lib/portero/bin/python3 /imports.py
dpkg --verify portero
dpkg -P portero
test ! -e /usr/lib/portero
"""
IMPORTS = """
import importlib, pathlib
folder = pathlib.Path("/usr/lib/portero/lib/site-packages")
for name in sorted({str(path.relative_to(folder)).partition(".")[0].replace("/", ".") for path in folder.rglob("*.so")}):
    importlib.import_module(name)
    print("imported", name)
"""
MODULES = ("_cffi_backend", "alsaaudio", "firmware.media._pm", "firmware.media._opus", "firmware.media._spandsp")
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module", params=[name for name in ELF if name != host()])
def deb(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The package, while the kernel knows who runs its processor's programs."""
    processor, bits, machine = ELF[request.param]
    if not (BINFMT / "register").exists():
        run("mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT)
    entry = BINFMT / f"qemu-{processor}"
    ours = not entry.exists()
    if ours:
        head = bytes.fromhex(f"7f454c46{bits}0101" + "00" * 9 + "0200" + machine)
        mask = bytes.fromhex("ff" * 7 + "00" * 9 + "feffffff")
        magic, masked = ("".join(f"\\x{byte:02x}" for byte in each) for each in (head, mask))
        (BINFMT / "register").write_text(f":{entry.name}:M::{magic}:{masked}:/usr/bin/qemu-{processor}-static:F")
    try:
        yield package.build(ARCHITECTURES[request.param])
    finally:
        if ours:
            entry.write_text("-1")


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_the_package_installs_and_each_of_its_modules_loads(suite: str, deb: Path, tmp_path: Path) -> None:
    if suite == "trixie" and "armhf" in deb.name:
        pytest.skip("apt of Debian 13 breaks off under the emulated armhf of QEMU 7.2")
    root = unpack(suite, deb, tmp_path / "root")
    try:
        shutil.copyfile(deb, root / "portero.deb")
        for name, text in (("trial.toml", CONFIG), ("trial.sh", INSTALL), ("imports.py", IMPORTS)):
            (root / name).write_text(text)
        inside = ("unshare", "--net", "--mount", "--pid", "--kill-child", f"--root={root}", "--mount-proc", "/bin/sh", "-ex", "/trial.sh")
        done = subprocess.run(inside, capture_output=True, text=True, timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout + done.stderr
        assert set(MODULES) <= {line.removeprefix("imported ") for line in done.stdout.splitlines()}, done.stdout
    finally:
        remove(root)
