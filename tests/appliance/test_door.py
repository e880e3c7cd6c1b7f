"""The flashed door on an emulated board: from one edited file to an opened door, and then everything that goes wrong on a wall.

`make emulate` runs it, in a network of its own. The tests follow each other on one board, as the days of a door do.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.demo.evidence import RATE_HZ
from firmware.demo.listening import correlation, loudness
from firmware.demo.resident import ResidentPhone
from firmware.demo.speaking import RESIDENT, VISITOR
from hw.wav import read_mono
from tests.appliance.emulator import read
from tests.appliance.wall import BOOT_S, CARD_RATE_HZ, CODE, RELAY, STEP_S, Wall, ring, wall
from tests.interop.hearing import samples
from tests.interop.kamailio import SECRET

ALIKE_MIN = 0.6  # of envelopes: an emulated card on a busy machine loses a period now and then
pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module")
def door() -> Iterator[Wall]:
    with wall() as one:
        begun = time.monotonic()
        one.board.wait_console("registered for", BOOT_S)
        print(f"\nboot to registered: {time.monotonic() - begun:.0f} s")
        yield one


def test_one_edited_file_made_the_door_and_holds_no_secret_any_more(door: Wall) -> None:
    left = read(door.card, "portero.toml", door.folder)
    assert 'name = "pbx"' in left
    assert SECRET not in left
    assert CODE not in left
    assert SECRET.encode() not in door.card.read_bytes()[: 128 << 20]


def test_the_data_partition_has_grown_to_the_end_of_the_card(door: Wall) -> None:
    size_mb = int(door.shell("df -m --output=size /data | tail -1"))
    assert size_mb > 1000, f"/data has {size_mb} MB"


def test_a_press_rings_they_talk_and_a_code_opens(door: Wall) -> None:
    async def call() -> None:
        phone = ResidentPhone(door.orders("call"), lambda _report: None)
        speaker = door.folder / "speaker.raw"
        recorder = door.pulse.record_speaker(speaker)
        try:
            door.board.lines.forget()
            print(f"\npress to INVITE: {await ring(door, phone):.2f} s")
            await phone.wait_for("first audio", STEP_S)
            visitor = read_mono(VISITOR, CARD_RATE_HZ, seconds_max=60).tobytes()
            player = door.pulse.play_to_microphone(visitor)
            opened = await asyncio.to_thread(door.board.lines.wait, RELAY, high=True, limit_s=STEP_S)
            shut = await asyncio.to_thread(door.board.lines.wait, RELAY, high=False, limit_s=STEP_S)
            print(f"relay closed for {shut - opened:.1f} s")
            await phone.wait_for("ended", STEP_S)
            await phone.wait_until_ended(STEP_S)
            player.wait(STEP_S)
            heard(door, speaker)
        finally:
            recorder.terminate()
            recorder.wait(STEP_S)
            await phone.stop()

    asyncio.run(call())


def heard(door: Wall, speaker: Path) -> None:
    """Each side is found again in what came out at the other one."""
    at_door = array("h", speaker.read_bytes()[: speaker.stat().st_size & ~1])[:: CARD_RATE_HZ // RATE_HZ]
    at_phone = samples(door.folder / "call.wav")
    for who, said, ear in (("resident", RESIDENT, at_door), ("visitor", VISITOR, at_phone)):
        words = array("h", read_mono(said, RATE_HZ, seconds_max=60))
        alike = likeliest(words, ear)
        print(f"{who} heard: {alike:.2f}")
        assert alike > ALIKE_MIN, f"what the {who} said did not arrive"


def likeliest(words: array[int], ear: array[int]) -> float:
    """How alike the loudest 1.5 s of `words` are to their likeliest place in what was heard, by loudness, 0 to 1."""
    spoken, listened = loudness(words), loudness(ear)
    length = 150
    begin = max(range(max(1, len(spoken) - length)), key=lambda at: sum(spoken[at : at + length]))
    part = spoken[begin : begin + length]
    return max((correlation(part, listened[at : at + length]) for at in range(max(1, len(listened) - length))), default=0.0)


def test_a_killed_service_is_back_and_registered(door: Wall) -> None:
    door.shell("systemctl kill -s KILL portero")
    print(f"\nback after {door.registered(STEP_S):.0f} s")


def test_a_frozen_service_is_killed_by_its_watchdog(door: Wall) -> None:
    before = door.shell("systemctl show -P MainPID portero").strip()
    door.shell(f"kill -STOP {before}")
    took = door.until("it is still the frozen one", 300, f"test $(systemctl show -P MainPID portero) != {before}")
    assert door.shell("systemctl show -P NRestarts portero").strip() != "0"
    print(f"\nkilled after {took:.0f} s, registered after {door.registered(STEP_S):.0f} s more")


def test_a_server_that_was_away_is_registered_at_again(door: Wall) -> None:
    door.server.stop()
    door.server.start()
    door.shell("portero ctl register >/dev/null || true")
    print(f"\nregistered again after {door.registered(STEP_S):.0f} s")


def test_a_full_data_partition_keeps_nobody_from_ringing(door: Wall) -> None:
    door.shell("dd if=/dev/zero of=/data/full bs=1M 2>/dev/null; sync; df /data | grep -q 100%")

    async def call() -> None:
        phone = ResidentPhone(door.orders("full"), lambda _report: None)
        try:
            print(f"\npress to INVITE with a full disk: {await ring(door, phone):.2f} s")
        finally:
            await phone.stop()

    try:
        asyncio.run(call())
    finally:
        door.shell("rm /data/full")


def test_power_cut_in_mid_call_leaves_a_door_that_remembers_the_press(door: Wall) -> None:
    async def call() -> None:
        phone = ResidentPhone(door.orders("cut"), lambda _report: None)
        try:
            await ring(door, phone)
            await phone.wait_for("first audio", STEP_S)
            door.board.cut()
        finally:
            await phone.stop()

    asyncio.run(call())
    door.board.console.unlink()
    door.board.start()
    begun = time.monotonic()
    door.board.wait_console("registered for", BOOT_S)
    print(f"\nboot to registered after the cut: {time.monotonic() - begun:.0f} s")
    assert "no mistakes" in door.shell("portero check /etc/portero/portero.toml")
    assert door.shell("portero log verify").strip()
    assert "Pressed" in door.shell("portero log") or "press" in door.shell("portero log").lower()


def test_the_figures_of_the_running_door(door: Wall) -> None:
    memory = door.shell("systemctl show -P MemoryCurrent portero; free -m | awk '/Mem/{print $3, $2}'").split()
    print(f"\nservice {int(memory[0]) >> 20} MB, system {memory[1]} of {memory[2]} MB")
    assert int(memory[0]) < 128 << 20
