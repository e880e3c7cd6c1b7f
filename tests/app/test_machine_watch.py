"""Heat, power and room on files that look like the kernel's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from firmware.app import machine_watch
from firmware.app.machine_watch import MachineWatch
from firmware.door.events import HealthChanged


class Machine:
    """A /sys whose values a test sets."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.system = folder / "sys"
        self.told: list[tuple[str, bool]] = []
        self._monkeypatch = monkeypatch
        self.heat(45.0)
        self.power(weak=False)
        self.room(500)
        self.watch = MachineWatch(self._hear, folder, self.system)

    def _hear(self, event: HealthChanged) -> None:
        self.told.append((event.part, event.working))

    def heat(self, celsius: float) -> None:
        self._write("class/thermal/thermal_zone0/temp", f"{celsius * 1000:.0f}\n")

    def power(self, *, weak: bool) -> None:
        self._write("class/hwmon/hwmon1/name", "rpi_volt\n")
        self._write("class/hwmon/hwmon1/in0_lcrit_alarm", f"{int(weak)}\n")

    def room(self, mib: int) -> None:
        blocks = mib << 8
        self._monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result((4096, 4096, blocks, blocks, blocks, 0, 0, 0, 0, 255)))

    def _write(self, name: str, text: str) -> None:
        (self.system / name).parent.mkdir(parents=True, exist_ok=True)
        (self.system / name).write_text(text)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_a_healthy_machine_says_nothing(machine: Machine) -> None:
    machine.watch.look()
    assert machine.told == []


def test_heat_is_told_once_and_is_over_only_when_it_is_well_below(machine: Machine) -> None:
    for celsius in (79.0, 80.0, 84.0, 76.0, 79.9):
        machine.heat(celsius)
        machine.watch.look()
    assert machine.told == [("temperature", False)]
    machine.heat(74.0)
    machine.watch.look()
    assert machine.told == [("temperature", False), ("temperature", True)]


def test_weak_power_is_told_and_its_end(machine: Machine) -> None:
    machine.power(weak=True)
    machine.watch.look()
    machine.power(weak=False)
    machine.watch.look()
    assert machine.told == [("power", False), ("power", True)]


def test_a_disk_that_fills_is_told_before_it_is_full(machine: Machine) -> None:
    for mib in (17, 15, 20, 31, 33):
        machine.room(mib)
        machine.watch.look()
    assert machine.told == [("disk", False), ("disk", True)]


def test_sensors_that_are_away_are_no_illness(tmp_path: Path) -> None:
    assert [each.part for each in machine_watch.readings(tmp_path / "nothing", tmp_path, frozenset())] == []


def test_a_folder_that_is_away_is_one(tmp_path: Path) -> None:
    found = list(machine_watch.readings(tmp_path, tmp_path / "gone", frozenset()))
    assert [(each.part, "No such file" in each.detail) for each in found] == [("disk", True)]
