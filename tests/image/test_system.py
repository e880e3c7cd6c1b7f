"""What goes to the boot partition, wherever a kernel's packages have it, and whom a root takes updates from."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.boards import BOARDS
from image.system import overlay, put_aside

KERNEL = "7.3.4+deb13-arm64"


def files(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def of_linux_6_1(root: Path) -> None:
    files(root, f"boot/vmlinuz-{KERNEL}", f"usr/lib/linux-image-{KERNEL}/broadcom/one.dtb", f"usr/lib/modules/{KERNEL}/modules.order")


def of_linux_7_3(root: Path) -> None:
    files(root, *(f"usr/lib/modules/{KERNEL}/{name}" for name in ("vmlinuz", "config", "modules.order", "dtb/broadcom/one.dtb")))


@pytest.mark.parametrize("packages", [of_linux_6_1, of_linux_7_3])
def test_kernel_and_device_trees_are_found_where_their_packages_have_them(tmp_path: Path, packages: object) -> None:
    root, aside = tmp_path / "root", tmp_path / "board"
    assert callable(packages)
    packages(root)
    files(root, "usr/lib/raspi-firmware/start.elf", "usr/lib/u-boot/rpi_arm64/u-boot.bin")
    put_aside(root, aside, KERNEL)
    names = {str(path.relative_to(aside)) for path in aside.rglob("*") if path.is_file()}
    assert names == {"vmlinuz", "u-boot.bin", "firmware/start.elf", "trees/one.dtb"}
    assert "vmlinuz" in (aside / "vmlinuz").read_text()


@pytest.mark.parametrize("board", BOARDS)
def test_a_root_takes_updates_for_its_own_board(tmp_path: Path, board: str, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("an authority")
    monkeypatch.setattr("image.keys.authority", lambda: authority)
    root = tmp_path / "root"
    for name in ("etc", "usr/lib/systemd/system"):
        (root / name).mkdir(parents=True)
    overlay(root, board)
    assert f"\ncompatible=portero-{board}\n" in (root / "etc/rauc/system.conf").read_text()
    assert (root / "etc/rauc/keyring.pem").read_text() == "an authority"
