"""When a device looks for a newer system."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Literal

import pytest

from firmware.app.appliance.schedule import TIMER, timer
from firmware.app.appliance.settle import Places, settle
from firmware.config.schema import Settings, Station, Update

URL = "https://updates.example/door.raucb"


@pytest.mark.parametrize(
    ("every", "zone", "said"),
    [
        ("day", None, "*-*-* 03:30:00"),
        ("week", "Europe/Berlin", "Sun *-*-* 03:30:00 Europe/Berlin"),
        ("month", "UTC", "*-*-01 03:30:00 UTC"),
    ],
)
def test_systemd_reads_the_time_as_it_was_meant(every: Literal["day", "week", "month"], zone: str | None, said: str) -> None:
    text = timer(Settings(station=Station(timezone=zone), update=Update(url=URL, every=every)))
    assert f"OnCalendar={said}\n" in text
    read = subprocess.run(["systemd-analyze", "calendar", said], capture_output=True, text=True, check=True).stdout
    assert f"Normalized form: {said}" in read


def test_the_timer_is_a_unit_that_systemd_accepts(tmp_path: Path) -> None:
    (tmp_path / TIMER).write_text(timer(Settings(update=Update(url=URL))))
    (tmp_path / "portero-update.service").write_text("[Service]\nExecStart=/bin/true\n")
    done = subprocess.run(["systemd-analyze", "verify", tmp_path / TIMER], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_card_with_an_address_has_a_timer_and_one_without_has_none(tmp_path: Path) -> None:
    for name in ("boot", "config", "ssh"):
        (tmp_path / name).mkdir()
    places = Places(root=tmp_path / "root", boot=tmp_path / "boot", config=tmp_path / "config/portero.toml", ssh=tmp_path / "ssh")
    unit = places.root / "run/systemd/system" / TIMER
    assert settle(places) == 1  # there is no configuration yet
    assert not unit.exists()
    (places.boot / "portero.toml").write_text(f'[update]\nurl = "{URL}"\n')
    assert settle(places) == 0
    assert "OnCalendar" in unit.read_text()
