"""One door on one emulated board for a whole run: the tests follow each other on it, as the days of a door do."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.places import OUT
from tests.appliance.bundles import Bundles
from tests.appliance.figures import Figures
from tests.appliance.wall import BOOT_S, KEPT, Wall, image, wall


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    """What this run measures, and what was measured when the image was built."""
    one = Figures(KEPT / "figures.json")
    built = OUT / "portero-pi-arm64.figures.json"
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
def door(request: pytest.FixtureRequest, figures: Figures) -> Iterator[Wall]:
    """The door, flashed, configured by one file, and registered."""
    if any("made" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("made")  # begins now, beside everything else
    with wall() as one:
        begun = time.monotonic()
        one.board.wait_console("registered for", BOOT_S)
        figures.note("first boot to registered", time.monotonic() - begun, "s", "grows the data partition, makes a key for SSH")
        yield one
