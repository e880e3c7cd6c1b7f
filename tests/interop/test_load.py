"""Fifty callers at once while a call runs: it is not heard, nothing is forgotten, and the memory comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

import pytest

from hw.simulated_sound import LATE_PERIODS_MAX
from tests.bench.measure import bill
from tests.interop import sipp
from tests.interop.baresip import baresip
from tests.interop.hearing import likeness
from tests.interop.peers import PATIENCE_S, eventually
from tests.interop.station import Station, station
from tests.interop.test_baresip import AS_RECORDED, BUTTON, RESIDENT, STRANGE, VISITOR
from tests.interop.test_ice import FULL
from tests.interop.translator import DOOR, INNER, PASSWORD, PHONE, SERVER, USER, translated

CALLERS, CALLS = 50, 600
TAKES_CALLS = """\
[incoming]
allow = ["*@*"]
auto_answer = "always"
"""
QUIET_AT_S, FLOODED_AT_S = (15.0, 17.0, 19.0), (25.0, 27.0, 29.0)  # of the phone's recording: between the two floods, and in the second
AS_WELL = 0.8  # of the likeness in the quiet: it differs from word to word, most of all where noise is taken out of speech
GROWTH_KB_MAX = 1024  # what one flood more may leave behind: under 2 kB a call, less than one of its messages
PERIOD_MS = 20  # of the simulated card
BUFFER_MS = LATE_PERIODS_MAX * PERIOD_MS
RELAYED_FLOOD_AT_S = 10.0
BEFORE_RELAYED_FLOOD_S, IN_RELAYED_FLOOD_S = (2.0, 4.0, 6.0), (11.0, 13.0, 15.0)
QUIET_S = (
    12.0  # longer than a transaction lives on after its ACK (5 s), and than one row of the journal speaks for all refused calls (10 s)
)


class Witness:
    """Somebody else who wants to do something each period, and does nothing: how late the machine lets anybody be."""

    def __init__(self) -> None:
        self.worst_ms = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        due_s = time.monotonic() + PERIOD_MS / 1000
        while not self._is_over.wait(max(0.0, due_s - time.monotonic())):
            self.worst_ms = max(self.worst_ms, 1000 * (time.monotonic() - due_s))
            due_s = time.monotonic() + PERIOD_MS / 1000


def flood(folder: Path, door: Station, calls: int = CALLS, *, host: str = "127.0.0.4", inside: tuple[str, ...] = ()) -> None:
    """Fifty calls at any moment, each refused, from one address at the pace that the door takes from one."""
    pace = ("-l", str(CALLERS), "-r", "60")
    sipp.call(folder, door.address, scenario="busy.xml", host=host, calls=calls, extra=pace, inside=inside)


def on_time(quality: dict[str, Any], witness: Witness) -> None:
    """No period was so late that the device buffer had run over, for what is later than that is heard; but where the machine stops
    everybody for as long. The late ones are counted, and the worst of them was caught up with from what the card holds."""
    if witness.worst_ms < BUFFER_MS / 2:
        assert quality["overruns"] == 0, quality
        assert quality["late_ms_max"] < BUFFER_MS, quality
    assert (quality["late_periods"] > 0) == (quality["late_ms_max"] > 0), quality
    print("late periods:", quality["late_periods"], "worst, ms:", quality["late_ms_max"], "anybody's:", witness.worst_ms)


def refused(door: Station) -> int:
    """How many refused calls `portero log` tells of, those that it only counted included."""
    words = ["log", "--config", str(door.folder / "portero.toml"), "--format", "json", "--kind", "CallReceived"]
    done = subprocess.run([sys.executable, "-m", "firmware", *words], capture_output=True, timeout=PATIENCE_S, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return len(rows) + sum(int(row["unrecorded"]) for row in rows)


@pytest.mark.alone
@pytest.mark.matrix("SIPp", "call in")
def test_a_call_goes_on_unharmed_under_fifty_incoming_calls(tmp_path: Path) -> None:
    with baresip(tmp_path / "phone", host="127.0.0.3", speech=RESIDENT, auto_answer=True) as phone:
        config = BUTTON.format(target=phone.uri) + TAKES_CALLS + AS_RECORDED
        with (
            station(tmp_path / "door", host="127.0.0.2", config=config, arguments=("--microphone", str(VISITOR))) as door,
            Witness() as witness,
        ):
            door.ctl("press", "bell")
            door.wait_for("Answered")
            flood(tmp_path / "first", door)
            settled(door)
            warm_kb = bill(door.process.pid).rss_kb
            flood(tmp_path / "again", door)
            settled(door)  # in that time the journal has also become ready for a row of its own, which counts those before it
            assert bill(door.process.pid).rss_kb - warm_kb < GROWTH_KB_MAX
            flood(tmp_path / "last", door, calls=1)
            assert door.ctl("status")["call"]["state"] == "talking"
            door.ctl("hangup")
            quality = door.wait_for("QualityMeasured", final=True)["quality"]
            phone.wait_for("terminated")
            on_time(quality, witness)
            quiet, flooded = (max(likeness(VISITOR, phone.heard(), from_s=at) for at in moments) for moments in (QUIET_AT_S, FLOODED_AT_S))
            assert flooded > STRANGE
            assert flooded > AS_WELL * quiet
            assert door.ctl("status")["failures"] == 0
            assert refused(door) == 2 * CALLS + 1


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of the network belong to root")
@pytest.mark.alone
def test_a_call_through_a_relay_goes_on_unharmed_as_well(tmp_path: Path) -> None:
    """The audio thread has a way of its own to the relay: what keeps the main thread busy does not hold the sound up."""
    speaks = ("--microphone", str(RESIDENT), "--speaker", str(tmp_path / "phone.wav"))
    visitor = ("--microphone", str(VISITOR), "--speaker", str(tmp_path / "speaker.wav"))
    with translated(tmp_path / "net", is_symmetric=True, relays=True) as net:
        takes = AS_RECORDED + f'[incoming]\nallow = ["*@{DOOR}"]\nauto_answer = "always"\n'
        with station(tmp_path / "phone", host=PHONE, config=takes, network=FULL, arguments=speaks, inside=net.outside) as phone:
            net.cut(PHONE, but_for=phone.sip_port)
            server = f'[turn]\nserver = "{SERVER}"\nusername = "{USER}"\npassword = "{PASSWORD}"\n'
            config = AS_RECORDED + TAKES_CALLS + BUTTON.format(target=f"sip:anna@{phone.address}") + server
            with (
                station(tmp_path / "door", host=DOOR, config=config, network=FULL, arguments=visitor, inside=net.door) as door,
                Witness() as witness,
            ):
                eventually(lambda: "gives addresses" in door.log, what="an address on the relay", account=door.account)
                door.ctl("sim", "press", "bell")
                door.wait_for("Answered")
                phone.wait_for("FirstAudio")
                door.wait_for("FirstAudio")
                time.sleep(RELAYED_FLOOD_AT_S)
                flood(tmp_path / "flood", door, host=INNER, inside=net.box)
                door.ctl("hangup")
                quality = door.wait_for("QualityMeasured", final=True)["quality"]
                phone.wait_for("QualityMeasured", final=True)
                for each in (door, phone):
                    each.process.terminate()
                    each.process.wait(40)
                assert "sound goes through the relay to" in door.log
            on_time(quality, witness)
    for said, heard in ((VISITOR, "phone.wav"), (RESIDENT, "speaker.wav")):
        quiet, flooded = (
            max(likeness(said, tmp_path / heard, from_s=at) for at in moments) for moments in (BEFORE_RELAYED_FLOOD_S, IN_RELAYED_FLOOD_S)
        )
        print(f"{heard}: likeness {quiet:.2f} in the quiet, {flooded:.2f} in the flood")
        assert flooded > STRANGE
        if witness.worst_ms < 2 * PERIOD_MS:  # else the machine has stopped sender and receiver themselves
            assert flooded > AS_WELL * quiet


def settled(door: Station) -> None:
    """Let the last transactions end: nothing else of a refused call is left (RFC 3261 §17.2.1, timers H and I)."""
    time.sleep(QUIET_S)
    assert door.ctl("status")["failures"] == 0
