"""The command line: `portero update status | install FILE-or-URL | fetch | confirm | reject`, and what the device itself runs."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firmware.app.update.device import Device
    from firmware.app.update.judging import Surroundings
    from firmware.config.schema import Settings

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

ACTIONS = ("status", "install", "fetch", "confirm", "reject", "judge", "slots")
DESCRIPTION = """\
status: what runs, what lies beside it, what was rejected. install FILE-or-URL: put a bundle into the other slot and start it on trial.
fetch: look at [update] url, as the schedule does. confirm: the running system stays, without further trial. reject [WHY]: back to the
other one. judge and slots are for the device itself: the trial after a boot, and RAUC's questions about slots. See docs/updates.md.
"""


def add_update_command(commands: Subparsers) -> argparse.ArgumentParser:
    """Add `update` to the command line; returns its parser for further options."""
    update = commands.add_parser("update", help="the system of a flashed device: what runs, install another", description=DESCRIPTION)
    update.add_argument("action", choices=ACTIONS, metavar="|".join(ACTIONS[:5]))
    update.add_argument("words", nargs="*", metavar="FILE-or-URL | WHY")
    update.add_argument("--no-reboot", action="store_true", help="with install: wait for a boot that comes anyway")
    update.set_defaults(command=run)
    return update


def run(options: argparse.Namespace) -> int:
    """The command; returns the exit code: 0 done, or nothing to do; 1 refused or failed."""
    from firmware.app.update.device import Device
    from firmware.errors import UpdateError

    try:
        done = perform(Device(), options)
    except UpdateError as error:
        print(f"portero update: {error}", file=sys.stderr)
        return 1
    if done:
        print(done)
    return 0


def perform(device: Device, options: argparse.Namespace) -> str:
    """Carry out the action; a sentence about it. Raises UpdateError."""
    from firmware.app.update.backend import answer
    from firmware.app.update.judging import confirm, judge, reject, surroundings, tell
    from firmware.errors import UpdateError

    words: list[str] = options.words
    if options.action == "slots":
        return answer(device, tuple(words))
    settings = _settings(options)
    around = surroundings(settings)
    match options.action, words:
        case "status", []:
            return "\n".join(_status(device))
        case "judge", []:
            judge(device, around)
            return ""
        case "install", [source]:
            return _install(device, source, settings, around, options)
        case "fetch", []:
            return _install(device, "", settings, around, options)
        case ("confirm", []) | ("reject", _):
            done = confirm(device, "by hand") if options.action == "confirm" else reject(device, " ".join(words) or "by hand")
            tell(device, around)
            return done
        case action, _:
            raise UpdateError(f"{action} takes other words; see: portero update --help")


def _settings(options: argparse.Namespace) -> Settings:
    """The configuration; without one that can be read, where the daemon listens by default."""
    from firmware.config.load import load
    from firmware.config.schema import Settings
    from firmware.errors import ConfigError

    try:
        return load(options.config, outside_service=True)
    except ConfigError as error:
        print(f"portero update: {error}", file=sys.stderr)
        return Settings()


def _install(device: Device, source: str, settings: Settings, around: Surroundings, options: argparse.Namespace) -> str:
    """Install from `source`, a file or an address; '' is the configured address, on a schedule."""
    from pathlib import Path

    from firmware.app.update.installing import Nothing, fetch, install, wait_for_rest
    from firmware.app.update.judging import tell
    from firmware.errors import UpdateError

    scheduled = not source
    source = source or settings.update.url or ""
    if not source:
        raise UpdateError("no address is configured; give [update] url, or: portero update install FILE-or-URL")
    device.slot  # noqa: B018 -- complains elsewhere than on a device, before anything is loaded
    with device.alone():
        if "://" in source:
            done = fetch(device, source, settings.update, around.look(), scheduled=scheduled)
        else:
            done = install(device, Path(source), around.look(), scheduled=scheduled)
        if isinstance(done, Nothing):
            return done.why
        tell(device, around)
        if options.no_reboot:
            return f"version {done} is installed; the next boot starts it on trial"
        wait_for_rest(around.look)
        print(f"version {done} is installed; the device starts anew, with it on trial", flush=True)
        device.begin_anew()
    return ""


def _status(device: Device) -> list[str]:
    from firmware.app.update.slots import other

    slot, slots, ledger = device.slot, device.slots, device.ledger
    beside = other(slot)
    proved = "confirmed" if slots.is_confirmed(slot) else "on trial"
    lines = [f"runs        {device.version}, slot {slot}, {proved}"]
    there = device.version_in(beside)
    tries = slots.tries(beside)
    state = "to go back to" if slots.is_confirmed(beside) else f"{tries} tries left" if tries else "not to be started"
    lines.append(f"beside it   {there}, slot {beside}, {state}" if there else f"beside it   nothing, slot {beside}")
    lines.append(f"next boot   slot {slots.primary or slots.order[0]}")
    lines.append(f"not older   than {ledger.newest or device.version} may be installed")
    lines += [f"rejected    {version}" for version in ledger.rejected]
    if (trial := ledger.trial) is not None:
        lines.append(f"on trial    {trial.version}, slot {trial.slot}" + (f": {trial.why}" if trial.why else ""))
    return lines
