"""New starts of the flashed door: by the button inside the case, and with a data partition beyond repair.

The tests follow each other on one board.
"""

from __future__ import annotations

import time

import pytest

from tests.appliance.card import edit, erase_data, read
from tests.appliance.figures import Figures
from tests.appliance.wall import BOOT_S, CODE, STEP_S, Wall
from tests.interop.kamailio import SECRET

RESET = 6  # the line of the button inside the case
pytestmark = pytest.mark.timeout(1800)


def test_the_button_inside_makes_the_device_forget(door: Wall) -> None:
    door.board.cut()
    before = read(door.card, "portero.toml", door.folder).replace("[system]", f"[system]\nreset_gpio = {RESET}")
    edit(door.card, "portero.toml", before, door.folder)
    door.board.start()
    door.board.lines.set(RESET, high=False)
    door.board.wait_console("the button inside the case was held: let go of it", BOOT_S)
    door.board.lines.set(RESET, high=True)
    door.board.wait_console("the device has forgotten everything but its boot partition", BOOT_S)
    (door.folder / "known").unlink(missing_ok=True)  # it has a new key, as any new device
    door.until("the journal does not tell", BOOT_S, "portero log --kind DeviceChanged | grep -q 'change=reset'")
    assert "confirmed" not in door.shell("portero log --kind DeviceChanged")
    assert read(door.card, "portero.toml", door.folder) == before
    missing = read(door.card, "portero-mistakes.txt", door.folder)
    assert "the device does not have account.pbx.password, code.family.code" in missing


def test_a_data_partition_beyond_repair_is_made_anew(door: Wall, figures: Figures) -> None:
    """And the installer, who has read which secrets are missing, has written them into the file once more."""
    door.board.cut()
    text, moved = read(door.card, "portero.toml", door.folder), "moved to the device; write a new one here to change it"
    whole = text.replace(f'password = "{moved}"', f'password = "{SECRET}"').replace(f'code = "{moved}"', f'code = "{CODE}"')
    edit(door.card, "portero.toml", whole, door.folder)
    erase_data(door.card)
    door.board.start()
    begun = time.monotonic()
    (door.folder / "known").unlink(missing_ok=True)
    door.board.wait_console("registered for", BOOT_S)
    figures.note("power to registered with a new data partition", time.monotonic() - begun, "s")
    door.until("the journal does not tell", STEP_S, "portero log --kind DeviceChanged | grep -q 'change=data_lost'")
    assert "reset" not in door.shell("portero log --kind DeviceChanged")
    assert not door.shell("systemctl --failed --no-legend").strip()
