"""`portero update` as somebody types it, and as RAUC and the device themselves call it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from firmware.app.commands import parser
from firmware.app.update import installing, rauc
from firmware.app.update.commands import perform
from firmware.app.update.device import Device
from firmware.app.update.ledger import Ledger, Trial
from firmware.app.update.slots import Slots
from firmware.cli import main
from firmware.errors import UpdateError
from tests.app.update.flashed import NEW, OLD, Writer, flashed

BOTH = Slots(("b", "a"), (9, 9))


def words(folder: Path, *given: str) -> argparse.Namespace:
    """The options of this command line, with a configuration whose daemon is not there."""
    config = folder / "portero.toml"
    if not config.exists():
        config.write_text(f'[control]\nsocket = "{folder}/nobody"\n')
    return parser("/etc/portero/portero.toml").parse_args(["update", "--config", str(config), *given])


def do(device: Device, *given: str) -> str:
    return perform(device, words(device.root.parent, *given))


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    made = flashed(tmp_path)
    writer = Writer(made)
    tools = installing.Tools(info=writer.info, install=writer.install)
    for name in ("install", "fetch"):
        monkeypatch.setattr(getattr(installing, name), "__kwdefaults__", {"tools": tools})
    return made


def test_status_says_what_runs_and_what_comes_next(device: Device) -> None:
    assert do(device, "status").splitlines() == [
        f"runs        {OLD}, slot a, confirmed",
        "beside it   nothing, slot b",
        "next boot   slot a",
        f"not older   than {OLD} may be installed",
    ]
    do(device, "install", "bundle", "--no-reboot")
    device.remember(device.ledger._replace(newest=NEW, rejected=("0.5",)))
    assert do(device, "status").splitlines()[1:] == [
        f"beside it   {NEW}, slot b, 3 tries left",
        "next boot   slot b",
        f"not older   than {NEW} may be installed",
        "rejected    0.5",
        f"on trial    {NEW}, slot b",
    ]
    device.boot_with(Slots(("a", "b"), (9, 0)))
    device.remember(device.ledger._replace(trial=Trial("b", NEW, why="no sound")))
    assert f"beside it   {NEW}, slot b, not to be started" in do(device, "status")
    assert f"on trial    {NEW}, slot b: no sound" in do(device, "status")


def test_an_installation_says_what_happens_next(device: Device, capsys: pytest.CaptureFixture[str]) -> None:
    assert do(device, "install", "bundle", "--no-reboot") == f"version {NEW} is installed; the next boot starts it on trial"
    device.boot_with(Slots(("a", "b"), (9, 0)))
    assert do(device, "install", "bundle") == ""
    assert capsys.readouterr().out == f"version {NEW} is installed; the device starts anew, with it on trial\n"


def test_confirm_and_reject_are_for_people_too(device: Device) -> None:
    (device.boot / "b").mkdir()
    for name, text in (("vmlinuz", "kernel"), ("version", NEW)):
        (device.boot / "b" / name).write_text(text)
    device.boot_with(Slots(("a", "b"), (2, 9)))
    assert "is confirmed" in do(device, "confirm")
    assert device.slots.is_confirmed("a")
    assert f"is rejected: it crackles; back to version {NEW}" in do(device, "reject", "it", "crackles")
    assert device.slots == Slots(("b", "a"), (0, 9))
    assert [news.change for news in device.ledger.untold] == ["confirmed", "rejected"]  # nobody was there to be told


def test_without_an_address_there_is_nothing_to_fetch(device: Device) -> None:
    with pytest.raises(UpdateError, match="no address is configured"):
        do(device, "fetch")
    with pytest.raises(UpdateError, match="https:// alone"):
        do(device, "install", "http://updates.example/door.raucb")


def test_one_update_at_a_time(device: Device) -> None:
    with device.alone(), pytest.raises(UpdateError, match="another update is under way"):
        do(device, "install", "bundle")
    do(device, "install", "bundle", "--no-reboot")


@pytest.mark.parametrize("given", [("install",), ("status", "now"), ("confirm", "b"), ("judge", "x")])
def test_words_that_an_action_does_not_take_are_refused(device: Device, given: tuple[str, ...]) -> None:
    with pytest.raises(UpdateError, match="takes other words"):
        do(device, *given)


def test_a_broken_configuration_keeps_nobody_from_going_back(device: Device, capsys: pytest.CaptureFixture[str]) -> None:
    (device.root.parent / "portero.toml").write_text("[[[")
    device.boot_with(Slots(("a", "b"), (2, 0)))
    assert "is confirmed" in do(device, "confirm")
    assert "this is not TOML" in capsys.readouterr().err


def test_rauc_is_answered_from_the_same_file(device: Device) -> None:
    assert do(device, "slots", "get-primary") == "a"
    assert do(device, "slots", "get-current") == "a"
    assert [do(device, "slots", "get-state", slot) for slot in "ab"] == ["good", "bad"]
    assert do(device, "slots", "set-primary", "b") == ""
    assert do(device, "slots", "get-primary") == "b"
    assert do(device, "slots", "set-state", "b", "bad") == ""
    assert device.slots == Slots(("a", "b"), (9, 0))
    do(device, "slots", "set-state", "b", "good")
    assert device.slots == Slots(("a", "b"), (9, 9))
    for wrong in (("get-state", "c"), ("set-state", "a", "maybe"), ()):
        with pytest.raises(UpdateError, match=r"no slot|not a question"):
            do(device, "slots", *wrong)


def test_elsewhere_than_on_a_device_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "portero.toml").write_text("")
    assert main(["update", "--config", str(tmp_path / "portero.toml"), "status"]) == 1
    assert "portero update: this is no flashed device" in capsys.readouterr().err


def test_only_root_updates(tmp_path: Path) -> None:
    device = flashed(tmp_path)._replace(data=tmp_path / "taken/update")
    (tmp_path / "taken").write_text("")
    with pytest.raises(UpdateError, match="updates are root's to make"):
        do(device, "install", "bundle")


def test_a_tool_that_is_missing_or_hangs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UpdateError, match="rauc cannot be started"):
        rauc.install(tmp_path / "bundle")
    (tmp_path / "rauc").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    os.chmod(tmp_path / "rauc", 0o755)
    monkeypatch.setattr(rauc, "INSTALL_S_MAX", 0.1)
    with pytest.raises(UpdateError, match="rauc did not end"):
        rauc.install(tmp_path / "bundle")
    (tmp_path / "rauc").write_text("#!/bin/sh\necho 'LastError: Installation error: No space left on device' >&2\nexit 1\n")
    monkeypatch.setattr(rauc, "INSTALL_S_MAX", 60.0)
    with pytest.raises(UpdateError, match=r"there is no room for it \(rauc: LastError"):
        rauc.install(tmp_path / "bundle")


def test_a_complaint_without_a_word_is_one_all_the_same() -> None:
    assert rauc.meaning("rauc-Message: x\n") == "it was not installed (rauc: it failed without a word)"


def test_a_fresh_device_has_nothing_on_trial(device: Device) -> None:
    assert (device.ledger, device.version, device.compatible) == (Ledger(), OLD, "portero-test")


@pytest.mark.parametrize(
    "order", [("install", "--no-reboot", "bundle"), ("--no-reboot", "install", "bundle"), ("install", "bundle", "--no-reboot")]
)
def test_the_option_may_stand_anywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str], order: tuple[str, ...]) -> None:
    (tmp_path / "portero.toml").write_text("")
    assert main(["update", "--config", str(tmp_path / "portero.toml"), *order]) == 1
    assert "unrecognized" not in capsys.readouterr().err, "a machine that is no flashed device, and no mistake of the words"
