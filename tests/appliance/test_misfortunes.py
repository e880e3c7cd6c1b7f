"""What goes wrong on a wall, done to the flashed door on the emulated board: each time it comes back by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from firmware.demo.resident import ResidentPhone
from tests.appliance.figures import Figures
from tests.appliance.time_server import time_server
from tests.appliance.wall import BOOT_S, HOST, STEP_S, Wall, is_registered, ring

WATCHDOG_S = 30  # WatchdogSec of the unit
CLOCK_S_MAX = 5.0
LOST_S = 8  # of all packets; RFC 3261 §17.1.1.2 sends an INVITE again for 32 s
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def time_server_there() -> Iterator[None]:
    """From before the boot whose clock is wrong."""
    with time_server(HOST):
        yield


def test_a_killed_service_is_back_and_registered(door: Wall, figures: Figures) -> None:
    begun = time.monotonic()
    door.shell("systemctl kill -s KILL portero")
    started_anew(door, begun)
    door.registered(STEP_S)
    figures.note("kill -9 to registered", time.monotonic() - begun, "s")


def test_a_frozen_service_is_killed_by_its_watchdog(door: Wall, figures: Figures) -> None:
    begun = time.monotonic()
    door.shell("systemctl kill -s STOP portero")
    started_anew(door, begun)
    door.registered(STEP_S)
    figures.note("frozen to registered", time.monotonic() - begun, "s", f"the watchdog waits for {WATCHDOG_S} s")


def started_anew(door: Wall, after: float) -> None:
    """Until the service answers that was started after a monotonic time."""
    door.told("it is not started anew", STEP_S + WATCHDOG_S, lambda status: status["uptime_s"] < time.monotonic() - after)


def test_a_server_that_was_away_is_registered_at_again(door: Wall, figures: Figures) -> None:
    door.server.stop()
    try:
        door.told("it does not notice that the server is gone", STEP_S, lambda status: not is_registered(status))
    finally:
        door.server.start()
    figures.note("server back to registered", door.registered(STEP_S), "s")


def test_a_cable_that_was_out_is_in_again_and_the_door_registered(door: Wall, figures: Figures) -> None:
    door.board.plug(cable_in=False)
    time.sleep(10)
    door.board.plug(cable_in=True)
    figures.note("cable in to registered", door.registered(STEP_S), "s")
    press(door, "cable")


def test_a_network_that_loses_everything_for_a_while_only_delays_the_ring(door: Wall, figures: Figures) -> None:
    """What the door sends is lost in its own kernel (tc-netem(8)): the host's has no such queue."""
    cable = door.shell("basename /sys/class/net/e*").strip()
    losing = f"tc qdisc add dev {cable} root netem loss 100%; sleep {LOST_S}; tc -s qdisc show dev {cable} >/run/lost"
    door.shell(f"systemd-run --quiet --unit=losing sh -c 'sleep 1; {losing}; tc qdisc del dev {cable} root'")
    time.sleep(2)
    figures.note("press to INVITE, all packets lost at first", press(door, "lossy"), "s", f"netem loss 100 % for {LOST_S} s")
    lost = door.shell("cat /run/lost")
    assert "dropped 0," not in lost, lost
    door.registered(STEP_S)


def test_a_full_data_partition_keeps_nobody_from_ringing(door: Wall, figures: Figures) -> None:
    most = "$(($(stat -f -c '%a * %S' /data) - 8000000))"
    try:
        door.shell(f"fallocate -l {most} /data/full && ! dd if=/dev/zero of=/data/fuller bs=64k 2>/dev/null; sync; df /data | grep -q 100%")
        figures.note("press to INVITE with a full data partition", press(door, "full"), "s")
    finally:
        door.shell("rm -f /data/full /data/fuller; sync")
    took_s = door.told("it does not write its journal again", STEP_S, lambda status: not status["health"])
    figures.note("space again to a journal that is written", took_s, "s")


def test_power_cut_in_mid_call_leaves_a_door_that_remembers_the_press(door: Wall, figures: Figures, time_server_there: None) -> None:
    async def call() -> None:
        phone = ResidentPhone(door.orders("cut"), lambda _report: None)
        try:
            await ring(door, phone)
            await phone.wait_for("first audio", STEP_S)
            door.board.cut()
        finally:
            await phone.stop()

    pressed = door.presses()
    asyncio.run(call())
    door.board.start(clock="2001-01-01T00:00:00")
    begun = time.monotonic()
    door.board.wait_console("registered for", BOOT_S)
    figures.note("power to registered", time.monotonic() - begun, "s", "after a power cut in mid-call")
    assert "no mistakes" in door.shell("portero check /etc/portero/portero.toml")
    assert door.shell("portero log verify").strip()
    assert door.presses() == pressed + 1


def test_a_clock_that_was_wrong_at_the_boot_is_set_as_soon_as_a_time_server_answers(
    door: Wall, figures: Figures, time_server_there: None
) -> None:
    first = door.shell("journalctl -b --output=short-unix | head -n 1").split()[0]
    made = door.shell("stat -c %Y /usr/lib/clock-epoch")
    assert float(first) >= int(made), f"the clock was before the image was made: {first}"
    door.until("the clock is not set", STEP_S, f"test $(date +%s) -ge {int(time.time() - CLOCK_S_MAX)}")
    said = door.shell("journalctl -b --unit=systemd-timesyncd --output=short-monotonic | grep -i 'clock synchronization'")
    figures.note("power to a right clock", float(said.split("]")[0].strip("[ ")), "s", "by the board's own count")
    press(door, "clock")


def press(door: Wall, name: str) -> float:
    """Press, and hang up when the phone rings; the seconds between press and INVITE. The door is idle again afterwards."""

    async def call() -> float:
        phone = ResidentPhone(door.orders(name), lambda _report: None)
        try:
            return await ring(door, phone)
        finally:
            await phone.stop()

    took_s = asyncio.run(call())
    door.ask("hangup")
    door.told("the call has not ended", STEP_S, lambda status: status["call"]["state"] == "idle")
    return took_s
