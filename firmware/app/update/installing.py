"""Installing a bundle: from a file or an address, checked, written into the other slot, started on trial. Run by root, or on a schedule."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from firmware.app.update import rauc
from firmware.app.update.device import Device
from firmware.app.update.gate import Seen
from firmware.app.update.judging import before
from firmware.app.update.ledger import News, Trial
from firmware.app.update.slots import other
from firmware.app.update.versions import Known, refusal
from firmware.config.schema import Update
from firmware.errors import BundleRefusedError, UpdateError

IDLE_S_MAX = 900.0  # nobody talks for longer (call.talk_limit_s is 180): then the device starts anew all the same
LOOK_EVERY_S = 5.0
DOWNLOAD = "download.raucb"


class Tools(NamedTuple):
    """What writes and reads bundles; tests have their own."""

    info: Callable[[Path], rauc.Manifest] = rauc.info
    install: Callable[[Path], None] = rauc.install


class Nothing(NamedTuple):
    """Nothing was installed, and nothing is wrong with that."""

    why: str


def install(device: Device, bundle: Path, now: Seen, *, scheduled: bool, tools: Tools = Tools()) -> str | Nothing:  # noqa: B008 -- an immutable value
    """Write the bundle at `bundle`; its version, which the next boot starts on trial. Raises UpdateError; the device goes on as it was.

    `now` is the door as it is seen before. A file that others may write can change between check and use: RAUC looks at the signature
    again, and what then lies in the slot must be the version that was looked at here. Another one is not started.
    """
    slot, slots = device.slot, device.slots
    if not slots.is_confirmed(slot):
        raise UpdateError(f"version {device.version} is on trial itself; see: portero update status")
    manifest = tools.info(bundle.resolve())
    if manifest.compatible != device.compatible:
        raise BundleRefusedError(f"{bundle}: it is for {manifest.compatible!r}, this device is {device.compatible!r}")
    ledger = device.ledger
    why = refusal(manifest.version, Known(device.version, ledger.newest, ledger.rejected), scheduled=scheduled)
    if why and scheduled:
        return Nothing(why)
    if why:
        raise BundleRefusedError(f"{bundle}: {why}")
    device.remember(ledger._replace(trial=Trial(slot=other(slot), version=manifest.version, before=before(now))))
    try:
        tools.install(bundle.resolve())
    except UpdateError:
        device.remember(ledger)
        raise
    if (found := device.version_in(other(slot))) != manifest.version:
        device.boot_with(slots.with_state(other(slot), good=False))
        device.remember(ledger)
        raise BundleRefusedError(f"{bundle}: version {manifest.version} was looked at, and {found or 'nothing'} came; it is not started")
    device.remember(device.ledger.telling(News("installed", manifest.version, f"into slot {other(slot)}")))
    return manifest.version


def fetch(device: Device, url: str, wanted: Update, now: Seen, *, scheduled: bool, tools: Tools = Tools()) -> str | Nothing:  # noqa: B008 -- an immutable value
    """The same for a bundle at an address. On a schedule, what the server has not changed is not loaded again. Raises UpdateError."""
    from firmware.app.update.download import fetch as load

    ca = None if wanted.ca is None else Path(wanted.ca)
    loaded = load(url, device.data / DOWNLOAD, ca=ca, seen=device.ledger.seen if scheduled else "")
    if loaded is None:
        return Nothing("the server has nothing new")
    try:
        done = install(device, loaded.file, now, scheduled=scheduled, tools=tools)
    except BundleRefusedError:
        device.remember(device.ledger._replace(seen=loaded.etag))  # it need not be loaded again to be refused again
        raise
    finally:
        loaded.file.unlink(missing_ok=True)
    device.remember(device.ledger._replace(seen=loaded.etag))
    return done


def wait_for_rest(look: Callable[[], Seen], sleep: Callable[[float], None] = time.sleep) -> bool:
    """Until nobody is at the door, at most IDLE_S_MAX; whether it is so."""
    for _ in range(int(IDLE_S_MAX / LOOK_EVERY_S)):
        if look().idle:
            return True
        sleep(LOOK_EVERY_S)
    return False
