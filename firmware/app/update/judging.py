"""A new system judged by itself: after each boot, until it is confirmed or has given way. Run by `portero-gate.service`, as root.

What happened meanwhile is made good first: a cut between two writes, or a boot into the old system because the new one never came this far.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from firmware.app.control.client import ask
from firmware.app.control.protocol import ControlError, Json
from firmware.app.update.device import Device
from firmware.app.update.gate import GONE, Seen, Step, Trial, called, looked
from firmware.app.update.ledger import Before, News
from firmware.app.update.slots import other
from firmware.app.update.versions import compare
from firmware.config.schema import Settings
from firmware.errors import UpdateError

EVERY_S = 5.0
ASK_S_MAX = 5.0
TELL_S_MAX = 120.0  # the daemon of an old system that came back may still be starting
NEVER_CAME = "it did not come up: the device went back to the former system by itself"


class Surroundings(NamedTuple):
    """What the judge looks at and does; tests have their own."""

    look: Callable[[], Seen]
    call: Callable[[], str]
    tell: Callable[[News], bool]
    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    say: Callable[[str], None] = partial(print, flush=True)


def judge(device: Device, around: Surroundings) -> None:
    """Make good what happened, and judge this system if it is on trial. Raises UpdateError."""
    slot, slots = device.slot, device.slots
    trial = device.ledger.trial
    if not slots.is_confirmed(slot):
        before = trial.before if trial is not None and trial.slot == slot else Before()
        _try(device, Trial(began_s=around.now_s(), before=before), around)
    elif trial is not None and trial.slot == slot:
        confirm(device, "it was confirmed before the power failed")
    elif trial is not None and (trial.why or slots.order[0] == trial.slot):
        around.say(f"version {trial.version} has given way: {trial.why or NEVER_CAME}")
        device.remember(device.ledger.rejecting(trial.version, trial.why or NEVER_CAME))
        device.boot_with(slots.with_state(other(slot), good=False))
    elif trial is not None:
        around.say(f"the installation of version {trial.version} was interrupted; nothing has changed")
        device.remember(device.ledger._replace(trial=None))
    _tell_patiently(device, around)


def _try(device: Device, trial: Trial, around: Surroundings) -> None:
    """Look until there is a verdict, and carry it out."""
    said = ""
    while True:
        trial, verdict = looked(trial, around.look(), around.now_s())
        match verdict.step:
            case Step.WAIT:
                if verdict.why != said:
                    said = verdict.why
                    around.say(f"on trial: {said}")
                around.sleep(EVERY_S)
            case Step.CALL:
                fault = around.call()
                around.say(f"on trial: a call to itself: {fault or 'its sound came back'}")
                trial = called(trial, fault)
            case Step.CONFIRM:
                around.say(confirm(device, ""))
                return
            case Step.REJECT:
                if other_system(device):
                    around.say(reject(device, verdict.why))
                else:
                    around.say(f"on trial: {verdict.why}; but the other slot has no system to go back to")
                return


def confirm(device: Device, why: str) -> str:
    """The running system stays; a sentence about it. Raises UpdateError."""
    slot, version, ledger = device.slot, device.version, device.ledger
    device.boot_with(device.slots.with_state(slot, good=True).with_primary(slot))
    newest = version if compare(version, ledger.newest) > 0 else ledger.newest
    rejected = tuple(each for each in ledger.rejected if each != version)
    device.remember(ledger._replace(newest=newest, rejected=rejected, trial=None).telling(News("confirmed", version, why)))
    return f"version {version} is confirmed: it starts from now on"


def reject(device: Device, why: str) -> str:
    """The running system gives way to the other one, which is started. Raises UpdateError when there is none to go back to."""
    slot, version, slots = device.slot, device.version, device.slots
    if not (way_back := other_system(device)):
        raise UpdateError(f"the other slot has no system that proved itself; version {version} goes on")
    ledger = device.ledger
    if ledger.trial is not None and ledger.trial.slot == slot:
        device.remember(ledger._replace(trial=ledger.trial._replace(why=why)))  # the old system writes it down once it runs
    else:
        device.remember(ledger.rejecting(version, why))
    device.boot_with(slots.with_state(slot, good=False))
    device.begin_anew()
    return f"version {version} is rejected: {why}; back to version {way_back}"


def other_system(device: Device) -> str:
    """The version to go back to: of the other slot, if it proved itself; else empty. Raises UpdateError."""
    beside = other(device.slot)
    return device.version_in(beside) if device.slots.is_confirmed(beside) else ""


def tell(device: Device, around: Surroundings) -> bool:
    """Give the door's journal what it does not have yet; whether it has all now. Raises UpdateError."""
    ledger = device.ledger
    told = 0
    while told < len(ledger.untold) and around.tell(ledger.untold[told]):
        told += 1
    if told:
        device.remember(ledger._replace(untold=ledger.untold[told:]))
    return told == len(ledger.untold)


def _tell_patiently(device: Device, around: Surroundings) -> None:
    """The same, while the daemon starts. What is left is told the next time."""
    until_s = around.now_s() + TELL_S_MAX
    while not tell(device, around) and around.now_s() < until_s:
        around.sleep(EVERY_S)


def surroundings(settings: Settings) -> Surroundings:
    """The daemon of this device."""
    socket = Path(settings.control.socket)
    return Surroundings(look=lambda: look(socket), call=lambda: _call(settings), tell=lambda news: _tell(socket, news))


def look(socket: Path) -> Seen:
    """What the daemon says of itself."""
    try:
        status = ask(socket, "status", limit_s=ASK_S_MAX)
    except (OSError, ValueError, ControlError):
        return GONE
    return seen(status) if isinstance(status, dict) else GONE


def seen(status: Mapping[str, Json]) -> Seen:
    """The reply to `status` as the gate wants it."""
    uptime_s, accounts, locks, call = (status.get(name) for name in ("uptime_s", "accounts", "locks", "call"))
    accounts, locks = accounts if isinstance(accounts, dict) else {}, locks if isinstance(locks, dict) else {}
    return Seen(
        uptime_s=float(uptime_s) if isinstance(uptime_s, int | float) else -1.0,
        registered=frozenset(name for name, each in accounts.items() if isinstance(each, dict) and each.get("registered") is True),
        closed=frozenset(name for name, closed in locks.items() if closed is True),
        locks=frozenset(locks),
        idle=call == {"state": "idle"},
    )


def before(device_now: Seen) -> Before:
    """What an update is measured by."""
    return Before(registered=tuple(sorted(device_now.registered)), closed=tuple(sorted(device_now.closed)))


def _call(settings: Settings) -> str:
    from firmware.app.update.self_call import address, call_itself

    place = address(settings)
    if isinstance(place, str):
        print(f"no call to itself is tried: {place}")
        return ""
    return asyncio.run(call_itself(settings, place))


def _tell(socket: Path, news: News) -> bool:
    try:
        ask(socket, "device", news.change, news.version, *([news.detail] if news.detail else []), limit_s=ASK_S_MAX)
    except ControlError:
        return True  # a daemon that does not know this will not learn it: not told again for ever
    except (OSError, ValueError):
        return False
    return True
