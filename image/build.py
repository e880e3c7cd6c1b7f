"""`make image BOARD=pi-arm64`: from lock files to a card's image, its bill of materials and the manifest for Raspberry Pi Imager.

    python -m image.build [--board NAME] [--unless-built] [FOLDER]

Everything comes from the locks and the sources, so two builds make the same bytes (made by the same versions of mksquashfs, mke2fs, gcc).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from image import boards, debian, devices, disk, initramfs, keys, sbom, system
from image.boards import PI, Board
from image.places import OUT, ROOT, cache_folder, run, source_epoch, version

SOURCES = ("firmware", "hw", "native", "image", "systemd", "pyproject.toml", "portero.example.toml", "LICENSE")
COMMAND_LINE = (
    "console=tty1 ro rootwait quiet fsck.repair=yes panic=10 oops=panic systemd.firstboot=off systemd.gpt_auto=0 "
    "systemd.getty_auto=0 "
    "slab_nomerge init_on_alloc=1 page_alloc.shuffle=1 randomize_kstack_offset=on apparmor=1 security=apparmor"
)
OWNERS = {"config": (0, 901, 0o750), "portero": (901, 901, 0o750), "timesync": (906, 906, 0o755), "ssh": (0, 0, 0o700)}


def image_file(folder: Path, board: Board) -> Path:
    """Where a board's image lies in a folder of images."""
    return folder / f"portero-{board.name}.img"


def build(out: Path, board: Board) -> Path:
    """The card's image in `out`, beside it what says what it is. Raises SystemExit when it cannot be made."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_folder("work")) as temporary:
        work = Path(temporary)
        root = work / "root"
        root.mkdir(mode=0o755)
        kernel = system.build(root, board)
        ramdisk = initramfs.build(root, work / "initramfs", kernel, debian.SHARED.architecture, board.modules)
        look_at_devices(work, kernel, board)
        slot = work / "root.squashfs"
        disk.squash(root, slot)
        salt = hashlib.sha256(f"portero {version()}".encode()).hexdigest()
        opened = disk.verity(slot, salt)
        boot_partition(work, ramdisk, opened, board)
        disk.fat(work / "fat", work / "fat.img")
        data_partition(work / "data")
        disk.data(work / "data", work / "data.img")
        image = image_file(out, board)
        disk.card(work / "fat.img", slot, work / "data.img", image)
    parts = sbom.python_parts()
    for lock, packages in debian.packages(board):
        parts += sbom.debian_parts("".join(f"{' '.join(each)}\n" for each in packages), lock.release)
    image.with_suffix(".spdx.json").write_text(sbom.document(parts))
    manifest(image, compress(image), board)
    return image


def look_at_devices(work: Path, kernel: str, board: Board) -> None:
    """Refuse to build for a board that this kernel cannot drive."""
    if board.needs is not None:
        tree = f"lib/modules/{kernel}"
        root, vmlinuz = work / "root" / tree, work / "board/vmlinuz"
        early = devices.drivers(work / "initramfs" / tree, root, vmlinuz)
        devices.check(board.needs, work / "board/trees" / board.needs.tree, early, devices.drivers(root, root, vmlinuz))


def boot_partition(work: Path, ramdisk: bytes, opened: disk.Verity, board: Board) -> None:
    """Firmware, U-Boot, its script, the kernel and RAM disk of slot a, and the file that the installer edits."""
    fat, aside = work / "fat", work / "board"
    if board.firmware:
        shutil.copytree(aside / "firmware", fat)
    else:
        fat.mkdir()
    shutil.copyfile(aside / "u-boot.bin", fat / "u-boot.bin")
    for file in sorted((aside / "trees").glob(board.trees)):
        shutil.copyfile(file, fat / file.name)
    for name, base, whole in board.overlays:
        (fat / "overlays").mkdir(exist_ok=True)
        devices.overlay(board.folder / f"{name}.dts", fat / f"overlays/{name}.dtbo", base=fat / base, whole=aside / "trees" / whole)
    for file in sorted(fat.glob(board.trees)):
        devices.start_at_once(file)
    shutil.copyfile(board.source("config.txt"), fat / "config.txt")
    shutil.copyfile(board.source("portero.toml"), fat / "portero.toml")
    boot_script(fat / "boot.scr", board)
    (fat / "slots.env").write_text("order=a b\nleft_a=9\nleft_b=0\n")
    slot = fat / "a"
    slot.mkdir()
    shutil.copyfile(aside / "vmlinuz", slot / "vmlinuz")
    (slot / "initrd").write_bytes(ramdisk)
    (slot / "boot.env").write_text(f"args={COMMAND_LINE} portero.disk={disk.DISK_ID:08x} portero.verity={opened}\n")
    (slot / "version").write_text(f"{version()}\n")
    boards.check(fat, board)
    system.epoch_times(fat)


def boot_script(file: Path, board: Board = PI) -> None:
    """boot.cmd in the form that U-Boot reads, after what a board has to say before."""
    own, common = board.folder / "boot.cmd", boards.SOURCES / "boot.cmd"
    with tempfile.NamedTemporaryFile("w", suffix=".cmd") as text:
        text.write((own.read_text() if own.exists() else "") + common.read_text())
        text.flush()
        words = ("mkimage", "-A", "arm64", "-O", "linux", "-T", "script", "-C", "none", "-d", text.name, file)
        run(*words, SOURCE_DATE_EPOCH=str(source_epoch()))


def data_partition(folder: Path) -> None:
    """Empty folders with the owners that the image's users have."""
    for name, (user, group, mode) in OWNERS.items():
        (folder / name).mkdir(parents=True)
        os.chown(folder / name, user, group)
        (folder / name).chmod(mode)
    system.epoch_times(folder)


def compress(image: Path) -> Path:
    """The image as it is handed out."""
    file = image.with_suffix(".img.zst")
    run("zstd", "-q", "-f", "-12", "-T2", "--no-progress", image, "-o", file)
    return file


def manifest(image: Path, packed: Path, board: Board) -> None:
    """What Raspberry Pi Imager reads to offer the images of a folder (its `--repo` option, or a custom repository)."""
    entry = {
        "name": f"Portero door intercom, Raspberry Pi {', '.join(board.starts)}",
        "description": f"SIP door intercom, version {version()}",
        "release_date": time.strftime("%Y-%m-%d", time.gmtime(source_epoch())),
        "url": packed.name,
        "extract_size": image.stat().st_size,
        "extract_sha256": _sha256(image),
        "image_download_size": packed.stat().st_size,
        "image_download_sha256": _sha256(packed),
        "devices": list(board.imager),
        "init_format": "none",
    }
    file = image.parent / "portero-imager.json"
    before = json.loads(file.read_text())["os_list"] if file.exists() else []
    others = [each for each in before if each["url"] != packed.name and (image.parent / each["url"]).exists()]
    listed = sorted([entry, *others], key=lambda each: str(each["url"]))
    file.write_text(json.dumps({"os_list": listed}, indent=1) + "\n")


def _sha256(file: Path) -> str:
    return subprocess.run(["sha256sum", str(file)], capture_output=True, text=True, check=True).stdout.split()[0]


def state() -> str:
    """A hash of everything of ours that the image is made from; empty outside a git checkout, where nobody knows what belongs to it."""
    ask = ("git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *SOURCES)
    listed = subprocess.run(ask, capture_output=True, check=False)
    if listed.returncode:
        return ""
    digest = hashlib.sha256(keys.authority().read_bytes())
    for name in sorted(filter(None, listed.stdout.decode().split("\0"))):
        file = ROOT / name
        if file.is_file():
            digest.update(f"{name} {file.stat().st_mode & 0o111:o} {file.stat().st_size}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def main(words: list[str]) -> None:
    """Build into the folder named, by default out/image; say what came out."""
    begun = time.monotonic()
    os.umask(0o022)  # what is made along the way goes into the root with its mode
    parser = argparse.ArgumentParser(prog="python -m image.build")
    parser.add_argument("--board", type=boards.board_named, default=PI, help=f"one of {', '.join(boards.BOARDS)}")
    parser.add_argument("--unless-built", action="store_true", help="not when it is made from these sources already")
    parser.add_argument("folder", type=Path, nargs="?", default=OUT)
    options = parser.parse_args(words)
    image = image_file(options.folder, options.board)
    made_from, now = image.with_suffix(".sources"), state()
    if options.unless_built and now and image.exists() and made_from.exists() and made_from.read_text() == now:
        print(f"{image} is made from these sources already")
        return
    made_from.unlink(missing_ok=True)
    image = build(options.folder, options.board)
    packed, took_s = image.with_suffix(".img.zst"), time.monotonic() - begun
    made_from.write_text(now)
    figures = {
        "image as it is flashed": (image.stat().st_size / 1e6, "MB"),
        "image packed": (packed.stat().st_size / 1e6, "MB"),
        "build of the image": (took_s, "s"),
    }
    image.with_suffix(".figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(f"{image}: {image.stat().st_size >> 20} MB, {packed.stat().st_size >> 20} MB compressed, {took_s:.0f} s, {_sha256(image)}")


if __name__ == "__main__":
    main(sys.argv[1:])
