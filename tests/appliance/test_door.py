"""The flashed door on an emulated board: from one edited file to an opened door. `make emulate` runs it, in a network of its own."""

from __future__ import annotations

import asyncio
import base64
import io
import re
import tarfile
from pathlib import Path

import pytest

from firmware.demo.evidence import RATE_HZ
from firmware.demo.resident import ResidentPhone
from firmware.demo.speaking import RESIDENT, VISITOR
from hw.wav import read_mono
from tests.appliance.card import read
from tests.appliance.figures import DAY_S, Figures, Written
from tests.appliance.hearing import at_phone, at_speaker, share_found, voice
from tests.appliance.intruder import intruder
from tests.appliance.wall import CARD_RATE_HZ, CODE, PULSE_S, RELAY, STEP_S, Wall, ring
from tests.interop.kamailio import SECRET

RESIDENT_S = 5.0  # from the answer until the resident has said everything
FOUND_MIN = 0.7  # of what was said: an emulated card on a busy machine loses periods
MISTAKEN_MAX = 0.15  # of what was not said there
CALLS_MAX = 2  # for the sound; everything else must be right in each
SERVICE_BYTES_MAX = 128 << 20
IDLE_S = 45
SUPPORT = "/tmp/support.tar.gz"
CALLS_A_DAY = 100
WRITTEN_A_DAY_MB_MAX = 150  # a card of 2 GB bears some thousand times its size: that is tens of years
pytestmark = pytest.mark.timeout(900)


def test_one_edited_file_made_the_door_and_holds_no_secret_any_more(door: Wall) -> None:
    left = read(door.card, "portero.toml", door.folder)
    assert 'name = "pbx"' in left
    assert SECRET not in left
    assert CODE not in left
    assert SECRET.encode() not in door.card.read_bytes()[: 128 << 20]


def test_the_data_partition_has_grown_to_the_end_of_the_card(door: Wall) -> None:
    size_mb = int(door.shell("df -m --output=size /data | tail -1"))
    assert size_mb > 1000, f"/data has {size_mb} MB"


def test_every_unit_runs_and_the_doctor_finds_nothing_broken(door: Wall) -> None:
    assert not door.shell("systemctl --failed --no-legend").strip()
    said = door.shell("portero doctor || true")
    assert "ok   account pbx" in said
    assert "ok   sound: hw:CARD=Intel works both ways" in said
    assert "loudspeaker at 80 % (Master), microphone at 80 % (Capture)" in said  # it comes mute, as cards do
    assert "fail" not in said, said


def test_the_system_is_read_only_and_every_block_of_it_is_checked(door: Wall) -> None:
    assert " ro," in door.shell("findmnt -n / || grep ' / ' /proc/mounts")
    assert "verity" in door.shell("dmsetup table")
    door.shell("! touch /usr/anything 2>/dev/null")


def test_a_press_rings_they_talk_and_a_code_opens(door: Wall, figures: Figures) -> None:
    for call in range(1, CALLS_MAX + 1):
        door.until("the tables of the grown file system are not written yet", STEP_S, "! pgrep -x ext4lazyinit")
        before = Written.now(door)
        asyncio.run(conversation(door, figures))
        figures.note("written in a call", Written.now(door).since(before).bytes / 1e6, "MB")
        figures.note("calls until both voices were found again", call, "of 2")
        if heard(door, figures):
            return
    raise AssertionError("what was said on one side did not arrive at the other")


async def conversation(door: Wall, figures: Figures) -> None:
    """A press, an answer, the resident speaks, then the visitor; the resident's digits close the relay, and the call ends by itself."""
    phone = ResidentPhone(door.orders("call"), lambda _report: None)
    recorder = door.pulse.record_speaker(door.folder / "speaker.raw")
    try:
        door.board.lines.forget()
        figures.note("press to INVITE", await ring(door, phone), "s")
        await phone.wait_for("first audio", STEP_S)
        await asyncio.sleep(RESIDENT_S)  # one after the other, as people do: who speaks at the same time is damped as echo
        player = door.pulse.play_to_microphone(read_mono(VISITOR, CARD_RATE_HZ, seconds_max=60).tobytes())
        opened = await asyncio.to_thread(door.board.lines.wait, RELAY, high=True, limit_s=STEP_S)
        shut = await asyncio.to_thread(door.board.lines.wait, RELAY, high=False, limit_s=STEP_S, after=opened)
        figures.note("relay closed", shut - opened, "s", f"{PULSE_S} s are configured")
        assert shut - opened > PULSE_S - 1
        await phone.wait_for("ended", STEP_S)
        await phone.wait_until_ended(STEP_S)
        player.wait(STEP_S)
    finally:
        recorder.terminate()
        recorder.wait(STEP_S)
        await phone.stop()


def heard(door: Wall, figures: Figures) -> bool:
    """Whether each side is found again in what came out at the other one, and a voice that did not speak there is not."""
    resident, visitor = voice(RESIDENT), voice(VISITOR)
    at_door = at_speaker(door.folder / "speaker.raw", CARD_RATE_HZ)
    clear = True
    for who, said, other, ear in (
        ("resident at the door", resident, visitor, at_door),
        ("visitor at the phone", visitor, resident, at_phone(door.folder / "call.wav")),
    ):
        found, mistaken = share_found(said, ear), share_found(other, ear)
        figures.note(f"{who}, found again", found, "of 1", f"by waveform, of the loud tenths of a second; the other voice: {mistaken:.2f}")
        clear = clear and found >= FOUND_MIN and mistaken <= MISTAKEN_MAX
    return clear


def test_apparmor_has_let_through_what_the_door_needed_so_far(door: Wall) -> None:
    """AppArmor is in force around the service that has just had its call."""
    assert door.shell("cat /proc/$(systemctl show -P MainPID portero)/attr/current").strip() == "portero (enforce)"
    assert not door.denied()


def test_what_the_profile_does_not_name_is_denied_even_to_root(door: Wall) -> None:
    (door.folder / "intruder").write_text(intruder("/etc/portero/trial"))
    door.shell("aa-exec -p portero -- /usr/lib/portero/bin/python3 -I -", given=door.folder / "intruder")
    names = {re.findall(r' name="([^"]+)"', line)[0] for line in door.denied()}
    assert names == {"/etc/shadow", "/etc/portero/trial", "/usr/bin/id"}


def test_words_are_spoken_in_the_profile(door: Wall) -> None:
    heard = int(door.shell("aa-exec -p portero -- espeak-ng -v en --stdout -- 'the door is open' | wc -c"))
    assert heard > RATE_HZ  # a second of it at least


def test_a_bundle_for_who_helps_has_no_secret(door: Wall) -> None:
    packed = base64.b64decode(door.shell(f"portero support --out {SUPPORT} >/dev/null && base64 {SUPPORT}; rm {SUPPORT}"))
    with tarfile.open(fileobj=io.BytesIO(packed)) as bundle:
        parts = {Path(each.name).name: file.read().decode() for each in bundle if (file := bundle.extractfile(each)) is not None}
    assert "Pressed" in parts["journal.txt"]
    assert 'name = "pbx"' in parts["portero.toml"]
    assert "registered" in parts["log.txt"]
    assert not [name for name, text in parts.items() if SECRET in text or CODE in text]


def test_memory_stays_small(door: Wall, figures: Figures) -> None:
    service, used, whole = (
        int(word) for word in door.shell("systemctl show -P MemoryCurrent portero; free -b | awk '/Mem/{print $3, $2}'").split()
    )
    figures.note("memory of the service", service / 1e6, "MB", "MemoryCurrent of its control group")
    figures.note("memory of the whole system", used / 1e6, "MB", f"used, of {whole / 1e6:.0f} MB")
    assert service < SERVICE_BYTES_MAX


def test_the_card_does_not_wear_out(door: Wall, figures: Figures) -> None:
    before = Written.now(door)
    door.shell(f"sleep {IDLE_S}")
    idle = Written.now(door).since(before)
    a_day = idle.bytes / idle.uptime_s * DAY_S / 1e6
    figures.note("written a day, idle", a_day, "MB", f"{idle.bytes} bytes in {idle.uptime_s:.0f} s, extrapolated")
    busy = a_day + CALLS_A_DAY * figures.value("written in a call")
    figures.note(f"written a day, {CALLS_A_DAY} calls", busy, "MB", "idle, and so many times what the call above wrote")
    assert busy < WRITTEN_A_DAY_MB_MAX
