"""A flashed device made of files: its boot partition, its memory, and what the kernel and the image say of it."""

from __future__ import annotations

from pathlib import Path

from firmware.app.update.device import Device
from firmware.app.update.gate import STEADY_S, Seen
from firmware.app.update.judging import Surroundings
from firmware.app.update.ledger import News
from firmware.app.update.rauc import Manifest
from firmware.app.update.slots import Slot, Slots, write_slots

COMPATIBLE = "portero-test"
OLD, NEW = "1.0", "1.1"
WELL = Seen(uptime_s=STEADY_S, registered=frozenset({"pbx"}), locks=frozenset({"door"}))


def flashed(folder: Path, slots: Slots = Slots(("a", "b"), (9, 0)), **versions: str) -> Device:  # noqa: B008 -- an immutable value
    """The device, running slot a; `versions` are those of its slots."""
    device = Device(root=folder / "root", boot=folder / "boot", data=folder / "data")
    for name in ("proc", "usr/lib", "etc/rauc"):
        (device.root / name).mkdir(parents=True)
    (device.root / "etc/rauc/system.conf").write_text(f"[system]\ncompatible={COMPATIBLE}\nbootloader=custom\n")
    for slot, version in (versions or {"a": OLD}).items():
        (device.boot / slot).mkdir(parents=True)
        (device.boot / slot / "vmlinuz").write_text("kernel")
        (device.boot / slot / "version").write_text(f"{version}\n")
    write_slots(device.boot / "slots.env", slots)
    started(device, "a")
    return device


def started(device: Device, slot: Slot) -> Device:
    """The device after a boot into `slot`."""
    (device.root / "proc/cmdline").write_text(f"ro quiet portero.slot={slot} x=y\n")
    (device.root / "usr/lib/os-release").write_text(f'ID=debian\nIMAGE_ID="portero"\nIMAGE_VERSION="{device.version_in(slot)}"\n')
    return device


def boot(device: Device) -> Slot:
    """What U-Boot's script does."""
    slots = device.slots
    there = [slot for slot in slots.order if device.version_in(slot)]
    slot = next((each for each in there if slots.tries(each)), there[0])
    if not slots.tries(slot):
        slots = slots._replace(left=(3, 3))
    if not slots.is_confirmed(slot):
        write_slots(device.boot / "slots.env", slots.with_tries(slot, slots.tries(slot) - 1))
    started(device, slot)
    return slot


class World:
    """What a judge looks at: a list of sights, the last of which stays, in a time of its own."""

    def __init__(self, *sights: Seen, faults: tuple[str, ...] = (), told: bool = True) -> None:
        self.sights, self.faults, self.reachable = list(sights or (WELL,)), list(faults), told
        self.now_s = 0.0
        self.calls = 0
        self.news: list[News] = []
        self.said: list[str] = []

    @property
    def around(self) -> Surroundings:
        return Surroundings(
            look=self._look, call=self._call, tell=self._tell, now_s=lambda: self.now_s, sleep=self._sleep, say=self.said.append
        )

    def _look(self) -> Seen:
        return self.sights.pop(0) if len(self.sights) > 1 else self.sights[0]

    def _call(self) -> str:
        self.calls += 1
        return self.faults.pop(0) if self.faults else ""

    def _tell(self, news: News) -> bool:
        if self.reachable:
            self.news.append(news)
        return self.reachable

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Writer:
    """RAUC, as far as a device notices: what it says of a bundle, and the order in which it writes."""

    def __init__(self, device: Device, version: str = NEW, compatible: str = COMPATIBLE) -> None:
        self.device, self.manifest = device, Manifest(compatible=compatible, version=version)
        self.installed: list[Path] = []

    def info(self, _bundle: Path) -> Manifest:
        return self.manifest

    def install(self, bundle: Path) -> None:
        device = self.device
        device.boot_with(device.slots.with_state("b", good=False))
        (device.boot / "b").mkdir(exist_ok=True)
        (device.boot / "b/version").write_text(self.manifest.version)
        (device.boot / "b/vmlinuz").write_text("kernel")
        device.boot_with(device.slots.with_primary("b"))
        self.installed.append(bundle)
