"""Another system for the flashed door: one that works, a stranger's, an old one, one that was cut off while it was written.

The tests follow each other on one board, as the updates of a door do.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from image.bundle import make
from image.keys import development
from tests.appliance.bundles import GOOD, MAKE_S, Bundles
from tests.appliance.card import read
from tests.appliance.figures import Figures
from tests.appliance.wall import BOOT_S, INSTALL_S, STEP_S, TRIAL_S, Wall

BUNDLE = "/data/trial.raucb"
RESET_S = 60.0  # RuntimeWatchdogSec is 15 s
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def good(made: Bundles) -> Future[Path]:
    """The image's system under a later version, begun before the door is there."""
    return made.begin(GOOD)


def slots(door: Wall) -> str:
    return read(door.card, "slots.env", door.folder)


def test_a_system_that_works_is_installed_beside_the_one_that_runs(good: Future[Path], door: Wall, figures: Figures) -> None:
    bundle = good.result(MAKE_S)
    begun = time.monotonic()
    door.shell(f"cat > {BUNDLE}", INSTALL_S, given=bundle)
    figures.note("bundle copied to the door", time.monotonic() - begun, "s", f"{bundle.stat().st_size / 1e6:.0f} MB")
    begun = time.monotonic()
    door.shell(f"portero update install {BUNDLE} --no-reboot; sync", INSTALL_S)
    figures.note("bundle written into the other slot", time.monotonic() - begun, "s")
    assert slots(door).startswith("order=b a\nleft_a=9\nleft_b=3")


def test_a_kernel_that_stands_still_is_started_anew_by_the_hardware_watchdog(door: Wall, figures: Figures) -> None:
    """The next boot, whenever it comes, is the first one of the system that was installed."""
    starts = door.board.said("U-Boot 20")
    door.shell("echo 0 >/proc/sys/kernel/panic; (sleep 1; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &")
    begun = time.monotonic()
    door.board.wait_console("U-Boot 20", RESET_S, times=starts + 1)
    assert door.board.watchdog_bites == 1
    figures.note("kernel frozen to boot loader", time.monotonic() - begun, "s", "the watchdog counts to 15 s")


def test_it_is_tried_and_confirmed(door: Wall, figures: Figures) -> None:
    begun = time.monotonic()
    door.board.wait_console(f"version {GOOD} is confirmed", BOOT_S + TRIAL_S)
    figures.note("boot loader to a confirmed system", time.monotonic() - begun, "s")
    assert "left_b=9" in slots(door)
    assert f"{GOOD}, slot b, confirmed" in door.shell("portero update status")
    door.until("the journal does not tell", STEP_S, "portero log --kind DeviceChanged | grep -q confirmed")
    rows = door.shell("portero log --kind DeviceChanged")
    assert rows.index("installed") < rows.index("confirmed")


def test_a_bundle_of_a_stranger_and_an_old_one_are_refused(door: Wall, made: Bundles) -> None:
    small = made.folder / "small"
    small.write_bytes(bytes(range(256)) * 1024)
    for name, by, said in (
        ("stranger", development(made.folder / "strangers keys"), "its signature is not one that this device trusts"),
        ("old", development(), f"is older than {GOOD}"),
    ):
        bundle = make(made.parts._replace(root=small), made.folder / f"{name}.raucb", by)
        refused = f"cat > {BUNDLE}.{name}; ! portero update install {BUNDLE}.{name} 2>&1 && rm {BUNDLE}.{name}"
        assert said in door.shell(refused, given=bundle)
    assert slots(door).startswith("order=b a\nleft_a=9\nleft_b=9")


def test_power_that_fails_while_a_system_is_written_leaves_the_one_that_runs(door: Wall, figures: Figures) -> None:
    door.shell(f"systemd-run --quiet --unit=cut portero update install {BUNDLE} --no-reboot")
    until = time.monotonic() + INSTALL_S
    while "left_a=0" not in slots(door):
        assert time.monotonic() < until, "the other slot was never marked"
        time.sleep(0.2)
    time.sleep(3)  # into the writing of the root
    door.board.cut()
    door.board.start()
    begun = time.monotonic()
    door.board.wait_console("registered for", BOOT_S)
    figures.note("cut while a system was written to registered", time.monotonic() - begun, "s")
    door.until(
        "the installation is not given up",
        STEP_S,
        "! grep -q version /data/update/ledger.json || ! grep -q '\"trial\": {' /data/update/ledger.json",
    )
    said = door.shell("portero update status")
    assert f"{GOOD}, slot b, confirmed" in said
    assert "beside it   nothing" in said
    assert "on trial" not in said
    assert "rejected" not in said
    door.until(
        "AppArmor is not in force around the service",
        STEP_S,
        "grep -qx 'portero (enforce)' /proc/$(systemctl show -P MainPID portero)/attr/current",
    )
    assert not door.denied()
