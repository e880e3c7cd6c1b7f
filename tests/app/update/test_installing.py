"""Which bundles get into the other slot, and that everything else leaves the device as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.app.update.device import Device
from firmware.app.update.gate import GONE
from firmware.app.update.installing import IDLE_S_MAX, LOOK_EVERY_S, Nothing, Tools, install, wait_for_rest
from firmware.app.update.ledger import Ledger, News
from firmware.app.update.slots import Slots
from firmware.errors import BundleRefusedError, UpdateError
from tests.app.update.flashed import COMPATIBLE, NEW, OLD, WELL, Writer, boot, flashed


def tools(device: Device, version: str = NEW, compatible: str = COMPATIBLE) -> Tools:
    writer = Writer(device, version, compatible)
    return Tools(info=writer.info, install=writer.install)


def test_a_newer_bundle_is_installed_and_starts_with_the_next_boot(tmp_path: Path) -> None:
    device = flashed(tmp_path)
    assert install(device, tmp_path / "bundle", WELL, scheduled=False, tools=tools(device)) == NEW
    assert device.slots == Slots(("b", "a"), (9, 3))
    assert device.ledger.untold == (News("installed", NEW, "into slot b"),)
    assert boot(device) == "b"


@pytest.mark.parametrize(
    ("version", "compatible", "said"),
    [("0.9", COMPATIBLE, "is older than 1.0"), (NEW, "another-board", "it is for 'another-board'"), ("; rm", COMPATIBLE, "is no version")],
)
def test_a_bundle_that_is_not_for_this_device_changes_nothing(tmp_path: Path, version: str, compatible: str, said: str) -> None:
    device = flashed(tmp_path)
    with pytest.raises(BundleRefusedError, match=said):
        install(device, tmp_path / "bundle", WELL, scheduled=False, tools=tools(device, version, compatible))
    assert (device.slots, device.ledger) == (Slots(("a", "b"), (9, 0)), Ledger())


def test_the_schedule_leaves_alone_what_runs_or_was_rejected(tmp_path: Path) -> None:
    device = flashed(tmp_path)
    device.remember(Ledger(rejected=(NEW,)))
    for version, said in ((OLD, "runs already"), (NEW, "was rejected")):
        done = install(device, tmp_path / "bundle", WELL, scheduled=True, tools=tools(device, version))
        assert isinstance(done, Nothing)
        assert said in done.why
    assert install(device, tmp_path / "bundle", WELL, scheduled=False, tools=tools(device)) == NEW  # by hand it is tried again


def test_a_failed_installation_is_forgotten(tmp_path: Path) -> None:
    device = flashed(tmp_path)

    def fails(_bundle: Path) -> None:
        raise UpdateError("the card is full")

    with pytest.raises(UpdateError, match="the card is full"):
        install(device, tmp_path / "bundle", GONE, scheduled=False, tools=tools(device)._replace(install=fails))
    assert device.ledger == Ledger()


def test_a_bundle_that_was_exchanged_after_it_was_looked_at_is_not_started(tmp_path: Path) -> None:
    """Rightly signed, but older: who may write the file brings its holes back otherwise."""
    device = flashed(tmp_path)
    looked_at, came = Writer(device, NEW), Writer(device, "0.9")
    with pytest.raises(BundleRefusedError, match=r"version 1\.1 was looked at, and 0\.9 came; it is not started"):
        install(device, tmp_path / "bundle", WELL, scheduled=False, tools=Tools(info=looked_at.info, install=came.install))
    assert (device.slots, device.ledger) == (Slots(("a", "b"), (9, 0)), Ledger())
    assert boot(device) == "a"


def test_a_system_on_trial_installs_nothing(tmp_path: Path) -> None:
    device = flashed(tmp_path, Slots(("a", "b"), (2, 9)))
    with pytest.raises(UpdateError, match="is on trial itself"):
        install(device, tmp_path / "bundle", WELL, scheduled=False, tools=tools(device))


def test_the_new_start_waits_until_nobody_is_at_the_door_but_not_for_ever() -> None:
    slept: list[float] = []
    sights = [WELL._replace(idle=False), WELL._replace(idle=False), WELL]
    assert wait_for_rest(lambda: sights.pop(0), slept.append)
    assert slept == [LOOK_EVERY_S] * 2
    assert not wait_for_rest(lambda: WELL._replace(idle=False), slept.append)
    assert sum(slept[2:]) == IDLE_S_MAX
