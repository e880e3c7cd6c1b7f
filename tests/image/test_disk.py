"""The card's layout, the initial RAM disk and the lock of Debian packages, without building an image."""

from __future__ import annotations

import gzip
import re
import struct
import subprocess
from pathlib import Path

import pytest

from image import debian, disk, initramfs
from image.boards import PI, PI_5
from image.places import ROOT, source_epoch
from image.system import BOARD, left_out


def test_the_partition_table_is_one_that_every_board_boots_from() -> None:
    table = disk.partition_table(((4, 128, disk.FAT), (132, 256, disk.LINUX)))
    assert len(table) == 512
    assert table[510:] == b"\x55\xaa"
    assert struct.unpack("<I", table[440:444]) == (disk.DISK_ID,)
    entries = [struct.unpack("<B3sB3sII", table[at : at + 16]) for at in (446, 462)]
    assert [(each[0], each[2], each[4] // 2048, each[5] // 2048) for each in entries] == [(0x80, 0x0C, 4, 128), (0, 0x83, 132, 256)]


def test_the_table_is_read_by_others_as_it_was_meant(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.write_bytes(disk.partition_table(((4, 128, disk.FAT), (132, 8, disk.LINUX))))
    with card.open("r+b") as file:
        file.truncate(140 << 20)
    said = subprocess.run(["/sbin/sfdisk", "--dump", str(card)], capture_output=True, text=True, check=True).stdout
    assert "label-id: 0x504f5254" in said
    assert re.search(r"start= +8192, size= +262144, type=c, bootable", said)


def test_slot_b_is_empty_and_everything_else_lies_where_the_table_says(tmp_path: Path) -> None:
    for name, letter in (("boot", b"B"), ("slot", b"S"), ("data", b"D")):
        (tmp_path / name).write_bytes(letter * 4096)
    disk.card(tmp_path / "boot", tmp_path / "slot", tmp_path / "data", tmp_path / "card")
    with (tmp_path / "card").open("rb") as file:
        found = []
        for start in (4, 4 + 128, 4 + 128 + 256, 4 + 128 + 512):
            file.seek(start << 20)
            found.append(file.read(1))
        assert file.seek(0, 2) == (4 + 128 + 512 + 64) << 20
    assert found == [b"B", b"S", b"\0", b"D"]


def test_fstab_and_the_card_name_the_same_partitions() -> None:
    fstab = (BOARD / "files/etc/fstab").read_text()
    assert re.findall(r"PARTUUID=(\S+)", fstab) == [f"{disk.DISK_ID:08x}-01", f"{disk.DISK_ID:08x}-04"]


def test_a_slot_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slot = tmp_path / "slot"
    with slot.open("wb") as file:
        file.truncate((disk.SLOT_MIB + 1) << 20)
    monkeypatch.setattr(disk, "run", lambda *_words: "Root hash:      \tabcdef\n")
    with pytest.raises(SystemExit, match=r"the root has 257 MB with its hashes, a slot 256"):
        disk.verity(slot, "00")


def test_the_ram_disk_is_an_archive_that_cpio_reads(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "bin").mkdir(parents=True)
    (top / "init").write_text("#!/bin/sh\n")
    (top / "init").chmod(0o755)
    (top / "lib").symlink_to("bin")
    data = gzip.decompress(initramfs.archive(top))
    (tmp_path / "out").mkdir()
    subprocess.run(["cpio", "-i", "--quiet"], input=data, cwd=tmp_path / "out", check=True)
    assert (tmp_path / "out/init").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/lib").readlink() == Path("bin")
    assert initramfs.archive(top) == gzip.compress(data, compresslevel=9, mtime=0)


def test_the_init_script_is_shell_and_quits_without_a_slot() -> None:
    assert subprocess.run(["sh", "-n", str(BOARD / "init")], capture_output=True, check=False).stderr == b""


@pytest.mark.parametrize("lock", [debian.SHARED, debian.CONTAINER])
def test_the_lock_holds_what_the_list_wants_and_each_file_by_its_hash(lock: debian.Lock) -> None:
    packages = lock.read()
    assert {*lock.wanted()} - {package.name for package in packages} == set(), "run: python -m image.debian"
    assert [package for package in packages if not re.fullmatch(r"[0-9a-f]{64}", package.sha256)] == []
    assert {package.architecture for package in packages} == {lock.architecture.debian, "all"}


def test_a_board_of_a_later_debian_takes_what_starts_it_from_there_and_nothing_else() -> None:
    (_, shared), (own, later) = debian.packages(PI_5)
    assert {re.sub(r"-\d.*", "", each.name) for each in later} == {"linux-base", "linux-binary", "linux-modules", "u-boot-rpi"}, own
    replaced = {each.name for each in debian.SHARED.read()} - {each.name for each in shared}
    assert {name for name in replaced if not name.startswith("linux-image-")} == {"u-boot-rpi"}
    assert [each.name for _, packages in debian.packages(PI) for each in packages] == [each.name for each in debian.SHARED.read()]


def test_nothing_is_left_out_that_is_wanted_but_the_kernels_wrapper() -> None:
    assert set(left_out("packages")) & set(debian.SHARED.wanted()) == {"linux-image-arm64"}
    assert all(left_out(section) for section in ("packages", "paths", "modules"))


def test_users_of_the_image_keep_their_numbers() -> None:
    rows = (BOARD / "files/usr/lib/sysusers.d/00-image.conf").read_text().splitlines()
    numbers = [line.split()[2].split(":")[0] for line in rows if not line.startswith("#") and line.startswith("u")]
    assert len(numbers) == len(set(numbers))
    assert "u portero    901:901" in "\n".join(rows)


def test_no_account_of_the_image_has_a_password_and_nobody_may_try_one() -> None:
    login = (BOARD / "files/etc/ssh/sshd_config.d/portero.conf").read_text()
    assert "PasswordAuthentication no" in login
    assert "PermitRootLogin prohibit-password" in login
    assert "ssh" not in (BOARD / "files/usr/lib/systemd/system-preset/00-portero.preset").read_text()


def test_the_starting_configuration_is_that_of_the_unit() -> None:
    assert (BOARD / "portero.toml").read_text() == (ROOT / "systemd/portero.toml").read_text()


def test_the_data_partition_bears_the_time_of_its_sources_alone(tmp_path: Path) -> None:
    (tmp_path / "data/config").mkdir(parents=True)
    disk.data(tmp_path / "data", tmp_path / "data.img")
    said = subprocess.run(
        ["/sbin/debugfs", "-R", "stat /config", str(tmp_path / "data.img")], capture_output=True, text=True, check=True
    ).stdout
    assert set(re.findall(r"(?:[acm]|cr)time: 0x([0-9a-f]+)", said)) == {f"{source_epoch():08x}"}
