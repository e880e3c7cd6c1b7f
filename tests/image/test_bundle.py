"""Bundles made, read and refused by the real RAUC; the hook that travels in them; the files by which the device knows both."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest

from firmware.app.update.ledger import Ledger, News, Trial, write_ledger
from firmware.app.update.rauc import Manifest, info
from firmware.errors import BundleRefusedError
from image.boards import BOARDS, PI, PI_5
from image.bundle import BLOCK, BOOT_FILES, Parts, compatible_of, make
from image.disk import DISK_ID
from image.keys import Signer, development, signer
from image.places import run
from image.system import BOARD

VERSION = "1.0~20261128120000.abcdef01"
FILES = BOARD / "files"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    folder = tmp_path_factory.mktemp("parts")
    for name in BOOT_FILES:
        (folder / name).write_text(f"{VERSION}\n" if name == "version" else f"the new {name}\n")
    (folder / "root").write_bytes(Random(1).randbytes(8 * BLOCK))  # as what is packed already
    return Parts(folder / "root", folder, "portero-pi-arm64")


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return development(tmp_path_factory.mktemp("keys") / "of the maker")


@pytest.fixture(scope="module")
def bundle(parts: Parts, maker: Signer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(parts, tmp_path_factory.mktemp("bundle") / "door.raucb", maker)


def device(folder: Path, trusted: Path, board: str = PI.name) -> Path:
    """The device's own configuration with a keyring that is here."""
    text = (FILES / "etc/rauc/system.conf").read_text().replace("/etc/rauc/keyring.pem", str(trusted)).replace("@BOARD@", board)
    config = folder / "system.conf"
    config.write_text(text)
    return config


def test_a_device_reads_what_its_maker_signed(bundle: Path, maker: Signer, tmp_path: Path) -> None:
    assert info(bundle, config=device(tmp_path, maker.authority)) == Manifest("portero-pi-arm64", VERSION)


@pytest.mark.parametrize("board", BOARDS)
def test_a_bundle_is_for_the_board_whose_root_it_carries(board: str, parts: Parts, maker: Signer, tmp_path: Path) -> None:
    (tmp_path / "root/etc/rauc").mkdir(parents=True)
    device(tmp_path / "root/etc/rauc", maker.authority, board)
    run("mksquashfs", tmp_path / "root", tmp_path / "root.img", "-quiet", "-no-progress")
    compatible = compatible_of(tmp_path / "root.img")
    assert compatible == f"portero-{board}"
    bundle = make(parts._replace(compatible=compatible), tmp_path / "door.raucb", maker)
    # Whatever device reads it: which one it is for is what `portero update` compares before it lets RAUC write.
    for other in (PI, PI_5):
        assert info(bundle, config=device(tmp_path, maker.authority, other.name)) == Manifest(f"portero-{board}", VERSION)


def test_a_root_that_does_not_say_what_it_is_for_makes_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "root/etc/rauc").mkdir(parents=True)
    (tmp_path / "root/etc/rauc/system.conf").write_text("[system]\n")
    run("mksquashfs", tmp_path / "root", tmp_path / "root.img", "-quiet", "-no-progress")
    with pytest.raises(SystemExit, match="does not say what it is compatible with"):
        compatible_of(tmp_path / "root.img")


def test_a_bundle_of_another_maker_is_refused(bundle: Path, tmp_path: Path) -> None:
    stranger = development(tmp_path / "stranger")
    with pytest.raises(BundleRefusedError, match="its signature is not one that this device trusts"):
        info(bundle, config=device(tmp_path, stranger.authority))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda data: data.replace(VERSION.encode(), b"9" * len(VERSION)),
            "its signature is not one",
        ),
        (lambda data: data[: len(data) // 2], "this is no bundle, or it is cut short"),
        (lambda _data: b"", "rauc: "),
        (lambda _data: b"not a bundle at all" * 1000, "rauc: "),
    ],
)
def test_a_damaged_bundle_is_refused(bundle: Path, maker: Signer, tmp_path: Path, damage: object, said: str) -> None:
    assert callable(damage)
    bad = tmp_path / "bad.raucb"
    bad.write_bytes(damage(bundle.read_bytes()))
    with pytest.raises(BundleRefusedError, match=said):
        info(bad, config=device(tmp_path, maker.authority))


def test_a_bundle_that_is_not_there_is_told(maker: Signer, tmp_path: Path) -> None:
    with pytest.raises(BundleRefusedError, match="there is no such file"):
        info(tmp_path / "nowhere", config=device(tmp_path, maker.authority))


def test_the_keys_of_development_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    made = development(tmp_path / "keys")
    before = made.certificate.read_bytes()
    assert development(tmp_path / "keys") == made
    assert made.certificate.read_bytes() == before
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_real_keys_are_named_all_three_or_none(maker: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTERO_UPDATE_CA", str(maker.authority))
    with pytest.raises(SystemExit, match="name all three"):
        signer()
    monkeypatch.setenv("PORTERO_UPDATE_CERT", str(maker.certificate))
    monkeypatch.setenv("PORTERO_UPDATE_KEY", "/nowhere")
    with pytest.raises(SystemExit, match="KEY=/nowhere"):
        signer()
    for key in (maker.key, "pkcs11:token=door;object=updates"):
        monkeypatch.setenv("PORTERO_UPDATE_KEY", key)
        assert signer() == Signer(maker.authority, maker.certificate, key)
    monkeypatch.setenv("PORTERO_UPDATE_CERT", "/nowhere")
    with pytest.raises(SystemExit, match="CERT=/nowhere"):
        signer()


def test_the_slots_of_the_device_are_the_partitions_of_the_card() -> None:
    config = configparser.ConfigParser()
    config.read(FILES / "etc/rauc/system.conf")
    for number, slot in enumerate("ab"):
        assert config[f"slot.root.{number}"]["device"] == f"/dev/disk/by-partuuid/{DISK_ID:08x}-{number + 2:02}"
        assert config[f"slot.root.{number}"]["bootname"] == slot
    backend = FILES / config["handlers"]["bootloader-custom-backend"].lstrip("/")
    assert os.access(backend, os.X_OK)


class Boot:
    """A boot partition of files, and a `mount` that writes down how often it was asked."""

    def __init__(self, folder: Path, content: Path) -> None:
        self.folder, self.hook = folder / "boot", content / "hook"
        shutil.copytree(content.parent / "parts", content)
        shutil.copyfile(BOARD / "hook", self.hook)
        (self.folder / "a").mkdir(parents=True)
        self.mounts = folder / "mounts"
        tools = folder / "tools"
        tools.mkdir()
        for name, does in (("mount", f'echo "$*" >> {self.mounts}'), ("sync", "exit 0")):
            (tools / name).write_text(f"#!/bin/sh\n{does}\n")
            (tools / name).chmod(0o755)
        self.environment = {"PATH": f"{tools}:/usr/bin:/bin", "PORTERO_BOOT": str(self.folder), "RAUC_SLOT_BOOTNAME": "b"}

    def run(self, step: str) -> int:
        return subprocess.run(("sh", str(self.hook), step), env=self.environment, check=False, capture_output=True).returncode

    @property
    def slot(self) -> dict[str, str]:
        folder = self.folder / "b"
        return {path.name: path.read_text() for path in folder.iterdir()} if folder.is_dir() else {}


@pytest.fixture
def partition(tmp_path: Path, parts: Parts) -> Boot:
    shutil.copytree(parts.boot, tmp_path / "parts")
    return Boot(tmp_path, tmp_path / "content")


def test_the_hook_takes_the_kernel_away_first_and_puts_it_there_last(partition: Boot) -> None:
    (partition.folder / "b").mkdir()
    for name in BOOT_FILES:
        (partition.folder / "b" / name).write_text("old")
    assert partition.run("slot-pre-install") == 0
    assert set(partition.slot) == set(BOOT_FILES) - {"vmlinuz"}  # U-Boot starts no slot without it
    assert partition.run("slot-post-install") == 0
    assert partition.slot == {name: (partition.hook.parent / name).read_text() for name in BOOT_FILES}
    assert partition.mounts.read_text() == f"-o remount,rw {partition.folder}\n-o remount,ro {partition.folder}\n" * 2
    assert list((partition.folder / "a").iterdir()) == []


@pytest.mark.parametrize("missing", ["initrd", "boot.env", "version", "vmlinuz"])
def test_a_hook_that_cannot_copy_everything_fails_and_leaves_no_kernel(partition: Boot, missing: str) -> None:
    (partition.hook.parent / missing).unlink()
    assert partition.run("slot-pre-install") == 0
    assert partition.run("slot-post-install") != 0
    assert "vmlinuz" not in partition.slot
    assert partition.mounts.read_text().splitlines()[-1] == f"-o remount,ro {partition.folder}"


@pytest.mark.parametrize(
    ("running", "slots", "gives_way"),
    [
        ("b", "order=b a\nleft_a=9\nleft_b=2\n", True),
        ("b", "order=b a\nleft_a=9\nleft_b=9\n", False),  # confirmed
        ("a", "order=a b\nleft_a=2\nleft_b=0\n", False),  # nothing to go back to
        ("b", "", False),
        ("?", "order=b a\nleft_a=9\nleft_b=2\n", False),
    ],
)
def test_an_unjudged_system_gives_way_where_there_is_another_one(tmp_path: Path, running: str, slots: str, gives_way: bool) -> None:
    (tmp_path / "slots.env").write_text(slots)
    (tmp_path / "cmdline").write_text(f"ro quiet portero.slot={running} x\n")
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/asked\n')
    (tmp_path / "systemctl").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PORTERO_BOOT": str(tmp_path), "PORTERO_CMDLINE": str(tmp_path / "cmdline")}
    done = subprocess.run(("sh", str(FILES / "usr/lib/portero-image/give-way")), env=environment, check=False, capture_output=True)
    assert done.returncode == 0
    assert (tmp_path / "asked").exists() is gives_way


@pytest.mark.parametrize(
    ("slots", "ledger", "judged"),
    [
        ("order=a b\nleft_a=9\nleft_b=0\n", None, False),  # as it was flashed
        ("order=a b\nleft_a=9\nleft_b=9\n", Ledger(newest="1.0", rejected=("1.1",), seen='"etag"'), False),
        ("order=a b\nleft_a=2\nleft_b=9\n", None, True),  # on trial
        ("", None, True),
        ("order=a b\nleft_a=9\nleft_b=0\n", Ledger(trial=Trial("b", "1.1")), True),  # it went back, or was interrupted
        ("order=a b\nleft_a=9\nleft_b=9\n", Ledger(untold=(News("confirmed", "1.0"),)), True),
    ],
)
@pytest.mark.parametrize("works", [True, False])
def test_a_boot_asks_the_judge_only_where_something_is_left_to_judge_or_to_tell(
    tmp_path: Path, slots: str, ledger: Ledger | None, judged: bool, works: bool
) -> None:
    (tmp_path / "slots.env").write_text(slots)
    (tmp_path / "cmdline").write_text("ro quiet portero.slot=a x\n")
    if ledger is not None:
        write_ledger(tmp_path / "ledger.json", ledger)
    for name, code in (("portero", not works), ("give-way", False)):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/asked\nexit {int(code)}\n')
        (tmp_path / name).chmod(0o755)
    places = {"PORTERO_BOOT": "", "PORTERO_CMDLINE": "cmdline", "PORTERO_LEDGER": "ledger.json", "PORTERO": "portero"}
    environment = {name: str(tmp_path / place) for name, place in {**places, "PORTERO_GIVE_WAY": "give-way"}.items()}
    gate = ("sh", str(FILES / "usr/lib/portero-image/gate"))
    done = subprocess.run(gate, env={"PATH": "/usr/bin:/bin", **environment}, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    asked = (tmp_path / "asked").read_text().splitlines() if (tmp_path / "asked").exists() else []
    assert asked == [*(["portero update judge"] if judged else []), *(["give-way "] if judged and not works else [])]
