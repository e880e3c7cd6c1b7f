"""Announcements to a group and from one, with GStreamer of Debian's as the loudspeakers and the office that announces."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.interop.baresip import loop
from tests.interop.hearing import best_likeness
from tests.interop.peers import PATIENCE_S, process
from tests.interop.station import station
from tests.interop.test_baresip import AS_RECORDED, HEARD, RESIDENT, VISITOR, heard_at_door
from tests.ports import free_port

HOUSE = """\
[[paging]]
name = "house"
address = "{group}"
interface = "lo"
codec = "{codec}"
listen = {listen}
"""
TALK_S = 8
ENCODERS = {"PCMU": "mulawenc ! rtppcmupay", "PCMA": "alawenc ! rtppcmapay"}
DECODERS = {"PCMU": "rtppcmudepay ! mulawdec", "PCMA": "rtppcmadepay ! alawdec"}


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_an_announcement_of_the_office_is_heard_at_the_door(tmp_path: Path, codec: str) -> None:
    port = free_port()
    house = HOUSE.format(group=f"239.255.78.1:{port}", codec=codec, listen="true")
    said = loop(RESIDENT, tmp_path / "said.wav")
    office = (
        f"gst-launch-1.0 -q filesrc location={said} ! wavparse ! audioconvert ! audioresample ! audio/x-raw,rate=8000,channels=1 ! "
        f"{ENCODERS[codec]} min-ptime=20000000 max-ptime=20000000 ! udpsink host=239.255.78.1 port={port} multicast-iface=lo sync=true"
    )
    heard = ("--speaker", str(tmp_path / "speaker.wav"))
    with station(tmp_path / "door", host="127.0.0.2", config=AS_RECORDED + house, arguments=heard) as door:
        with process(office.split(), log=tmp_path / "office"):
            door.wait_for("FirstAudio", call="from:house")
            assert door.ctl("status")["paging"] == {"house": "heard"}
            time.sleep(TALK_S)
        told = door.wait_for("QualityMeasured", final=True)["quality"]
        assert (told["codec"], told["packets_sent"], told["packets_lost"]) == (codec, 0, 0)
        assert door.ctl("status")["paging"] == {"house": "idle"}
        door.process.terminate()
        door.process.wait(PATIENCE_S)
    assert heard_at_door(RESIDENT, tmp_path) > HEARD


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_the_door_is_heard_by_a_loudspeaker(tmp_path: Path, codec: str) -> None:
    port = free_port()
    house = HOUSE.format(group=f"239.255.78.2:{port}", codec=codec, listen="false")
    number = {"PCMU": 0, "PCMA": 8}[codec]
    caps = f"application/x-rtp,media=audio,clock-rate=8000,encoding-name={codec},payload={number}"
    loudspeaker = (
        f"gst-launch-1.0 -q -e udpsrc address=239.255.78.2 port={port} multicast-iface=lo caps={caps} ! rtpjitterbuffer ! "
        f"{DECODERS[codec]} ! audioresample ! audio/x-raw,rate=8000,format=S16LE ! wavenc ! filesink location={tmp_path / 'heard.wav'}"
    )
    with (
        process(loudspeaker.split(), log=tmp_path / "loudspeaker") as listener,
        station(tmp_path / "door", host="127.0.0.2", config=AS_RECORDED + house, arguments=("--microphone", str(VISITOR))) as door,
    ):
        assert door.ctl("page", "house") == {"paging": {"house": "sent"}}
        assert door.ask("page", "house")["error"] == "not_now"
        time.sleep(TALK_S)
        assert door.ctl("page", "house", "stop") == {"paging": {"house": "idle"}}
        assert door.wait_for("QualityMeasured", final=True)["quality"]["packets_sent"] > 50 * (TALK_S - 2)
        listener.send_signal(signal.SIGINT)  # the length in the file's head is written at the orderly end
        listener.wait(PATIENCE_S)
    assert best_likeness(VISITOR, tmp_path / "heard.wav", from_s=2) > HEARD


@pytest.mark.parametrize("codec", ["G722", "opus"])
def test_one_door_announces_to_another_in_wide_band(tmp_path: Path, codec: str) -> None:
    port = free_port()
    says = HOUSE.format(group=f"239.255.78.3:{port}", codec=codec, listen="false")
    hears = HOUSE.format(group=f"239.255.78.3:{port}", codec="PCMU", listen="true")
    heard = ("--speaker", str(tmp_path / "speaker.wav"))
    with (
        station(tmp_path / "back", host="127.0.0.3", config=AS_RECORDED + hears, arguments=heard) as back,
        station(tmp_path / "front", host="127.0.0.2", config=AS_RECORDED + says, arguments=("--microphone", str(VISITOR))) as front,
    ):
        front.ctl("page", "house")
        back.wait_for("FirstAudio", call="from:house")
        time.sleep(TALK_S)
        front.ctl("page", "house", "stop")
        assert back.wait_for("QualityMeasured", final=True)["quality"]["codec"].lower() == codec.lower()
        back.process.terminate()
        back.process.wait(PATIENCE_S)
    assert heard_at_door(VISITOR, tmp_path) > HEARD
