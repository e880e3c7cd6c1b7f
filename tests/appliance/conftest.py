"""One door on one emulated board for a whole run: the tests follow each other on it, as the days of a door do.

`make emulate` runs several side by side (tests/appliance/side_by_side.py). The first one is flashed, configured and switched on; as soon as
it is registered the others go on from there.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.places import OUT
from tests.appliance.bundles import Bundles
from tests.appliance.figures import Figures
from tests.appliance.side_by_side import GO_ON_FROM, KEEP_AT, never
from tests.appliance.wall import BOOT_S, KEPT, Wall, image, wall


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    """What this run measures, and what was measured when the image was built."""
    one = Figures(KEPT / "figures.json")
    built = OUT / "portero-pi-arm64.figures.json"
    if GO_ON_FROM not in os.environ:
        for name, value in json.loads(built.read_text() if built.exists() else "{}").items():
            one.note(name, *value)
    yield one
    one.close()


@pytest.fixture(scope="session")
def made() -> Iterator[Bundles]:
    """What the door is updated with."""
    with tempfile.TemporaryDirectory(prefix="portero-bundles-") as folder:
        bundles = Bundles(image(), Path(folder))
        yield bundles
        bundles.close()


@pytest.fixture(scope="session")
def door(figures: Figures) -> Iterator[Wall]:
    """The door, flashed, configured by one file, and registered."""
    with wall(moment()) as one:
        if GO_ON_FROM not in os.environ:
            begun = time.monotonic()
            one.board.wait_console("registered for", BOOT_S)
            figures.note("first boot to registered", time.monotonic() - begun, "s", "grows the data partition, makes a key for SSH")
            one.until("the tables of the grown file system are not written yet", BOOT_S, "! pgrep -x ext4lazyinit")
        if KEEP_AT in os.environ:
            begun = time.monotonic()
            one.keep(Path(os.environ[KEEP_AT]))
            figures.note("stood still while others were made of it", time.monotonic() - begun, "s")
        yield one


def moment() -> Path | None:
    """From where this door goes on, as soon as another one has kept it; None: it begins by itself."""
    if GO_ON_FROM not in os.environ:
        return None
    folder = Path(os.environ[GO_ON_FROM])
    until = time.monotonic() + 2 * BOOT_S
    while not folder.exists():
        assert not never(folder).exists(), "the door that this one goes on from did not come up"
        assert time.monotonic() < until, f"no other door has kept {folder}"
        time.sleep(0.2)
    return folder
