"""A resident's phone that is not ours: Debian's baresip, directly and through Kamailio."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import sipp
from tests.interop.baresip import Baresip, baresip
from tests.interop.hearing import best_likeness, likeness
from tests.interop.kamailio import SECRET, kamailio
from tests.interop.peers import PATIENCE_S, eventually
from tests.interop.station import Station, station
from tests.net.authority import Authority

SPEECH = Path(__file__).resolve().parents[2] / "firmware" / "demo" / "speech"
VISITOR, RESIDENT = SPEECH / "visitor.wav", SPEECH / "resident.wav"
# Resampling 8 → 16 → 8 kHz shifts by a part of a sample, and a jitter buffer stretches time: both cost likeness, hisses most of all.
HEARD, STRANGE = 0.6, 0.4
# What cleans the voice of echo and noise changes it: here it shall be found again as it was recorded.
AS_RECORDED = '[audio]\necho = "off"\nnoise_suppression = false\ngain_control = false\n'
BUTTON = """\
[[button]]
name = "bell"
gpio = 17
targets = ["{target}"]
"""
BY_SERVER = """\
[[account]]
name = "house"
uri = "sip:door@{server}"
password = "{secret}"
[[target]]
name = "resident"
uri = "sip:resident@{server}"
account = "house"
"""
CALLS_IN = """\
[incoming]
allow = ["resident@127.0.0.3"]
auto_answer = "always"
may_open = true
"""


@pytest.fixture(
    params=["directly", pytest.param("through kamailio", marks=pytest.mark.matrix("Kamailio, UDP", "call out", "digits"))],
)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Station, Baresip]]:
    """A door whose bell rings baresip, with or without a server between them."""
    sound = ("--microphone", str(VISITOR), "--speaker", str(tmp_path / "speaker.wav"))
    if request.param == "directly":
        with baresip(tmp_path / "phone", host="127.0.0.3", speech=RESIDENT) as phone:
            config = BUTTON.format(target=phone.uri) + AS_RECORDED
            with station(tmp_path / "door", host="127.0.0.2", config=config, arguments=sound) as door:
                yield door, phone
        return
    with kamailio() as server:
        account = f"<sip:resident@{server.address}>;auth_user=resident;auth_pass={SECRET};regint=60"
        config = BY_SERVER.format(server=server.address, secret=SECRET) + BUTTON.format(target="resident") + AS_RECORDED
        with (
            baresip(tmp_path / "phone", host="127.0.0.3", speech=RESIDENT, account=account) as phone,
            station(tmp_path / "door", host="127.0.0.2", config=config, arguments=sound) as door,
        ):
            phone.wait_for("200 OK")
            eventually(door.registered, what="the door registers")
            yield door, phone


@pytest.mark.matrix("baresip", "call out", "digits")
def test_a_press_rings_baresip_both_hear_each_other_and_its_keys_open_the_door(pair: tuple[Station, Baresip], tmp_path: Path) -> None:
    door, phone = pair
    door.ctl("sim", "press", "bell")
    door.wait_for("Ringing")
    phone.command("accept")
    door.wait_for("Answered")
    time.sleep(6)  # let them talk: speech is compared over four of these seconds
    phone.press_keys("7305#")
    door.wait_for("RelayMoved", closed=True)
    assert door.wait_for("Unlocked")["who"] == "residents"
    door.wait_for("RelayMoved", closed=False)
    assert door.wait_for("PressEnded")["outcome"] == "opened"
    phone.wait_for("terminated")
    door.process.terminate()  # the speaker's recording is complete when the daemon has ended
    door.process.wait(PATIENCE_S)
    assert best_likeness(VISITOR, phone.heard(), from_s=1) > HEARD
    assert likeness(RESIDENT, phone.heard(), from_s=1) < STRANGE
    assert heard_at_door(RESIDENT, tmp_path) > HEARD
    assert heard_at_door(VISITOR, tmp_path) < STRANGE


def heard_at_door(said: Path, folder: Path) -> float:
    """From the first second on: the recording begins with ringback of unknown length."""
    return best_likeness(said, folder / "speaker.wav", from_s=1)


@pytest.mark.parametrize(
    ("way", "traces"),  # what baresip 1.0 says, and 1.1
    [
        ("rfc4733", ("received event: '{}' (end=1)", "received in-band DTMF event: '{}'")),
        ("info", ("call: received DTMF: '{}'", "call: received SIP INFO DTMF: '{}'")),
    ],
)
@pytest.mark.matrix("baresip", "digits")
def test_the_doors_digits_reach_baresip(tmp_path: Path, way: str, traces: tuple[str, ...]) -> None:
    with (
        baresip(tmp_path / "phone", host="127.0.0.3", speech=RESIDENT, auto_answer=True) as phone,
        station(tmp_path / "door", host="127.0.0.2", config="") as door,
    ):
        door.ctl("call", phone.uri)
        door.wait_for("Answered")
        door.wait_for("MediaAgreed")
        door.ctl("dtmf", way, "42")
        for digit in "42":
            phone.wait_for(*[trace.format(digit) for trace in traces])


@pytest.mark.matrix("baresip", "call in", "digits")
def test_baresip_calls_the_door_which_answers_by_itself_but_opens_for_no_unproven_caller(tmp_path: Path) -> None:
    with (
        baresip(tmp_path / "phone", host="127.0.0.3", speech=RESIDENT) as phone,
        station(tmp_path / "door", host="127.0.0.2", config=CALLS_IN, arguments=("--microphone", str(VISITOR))) as door,
    ):
        phone.command("dial", f"sip:door@{door.address}")
        phone.wait_for("Call established")
        door.wait_for("Answered")
        phone.press_keys("7305#")
        assert door.wait_for("CodeRefused")["fault"] == "not_allowed"
        phone.command("hangup")
        assert door.wait_for("CallEnded", party="resident@127.0.0.3")["talked_s"] > 0
        assert door.ctl("sim", "relay", "street")["history"] == []


@pytest.mark.matrix("baresip", "hold")
def test_hold_and_resume_reach_baresip_and_the_call_goes_on(tmp_path: Path) -> None:
    with (
        baresip(tmp_path / "phone", host="127.0.0.3", speech=RESIDENT, auto_answer=True) as phone,
        station(
            tmp_path / "door", host="127.0.0.2", config=BUTTON.format(target=phone.uri), arguments=("--microphone", str(VISITOR))
        ) as door,
    ):
        door.ctl("press", "bell")
        door.wait_for("Answered")
        for verb in ("hold", "resume", "reinvite"):
            assert door.ctl(verb)["status"] == 200
        door.wait_for("MediaAgreed", times=4)
        phone.press_keys("7305#")
        door.wait_for("Unlocked")
        door.ctl("hangup")
        phone.wait_for("terminated")


def test_baresip_that_only_listens_keeps_its_call_until_it_is_gone(tmp_path: Path) -> None:
    config = "[call]\nsilence_limit_s = 10\n"
    with (
        # Its reports come from the machine's first address, as its sound would.
        baresip(tmp_path / "phone", host="127.0.0.1", speech=RESIDENT, speaks=False, auto_answer=True) as phone,
        station(tmp_path / "door", host="127.0.0.2", config=config) as door,
    ):
        door.ctl("call", phone.uri)
        door.wait_for("Answered")
        time.sleep(13)  # longer than the limit
        assert not [entry for entry in door.events.seen if entry["event"] == "StreamSilent"]
        os.kill(phone.pid, signal.SIGSTOP)
        try:
            door.wait_for("StreamSilent")
            assert door.wait_for("CallEnded", room="door")["reason"] == "lost"
            quality = door.wait_for("QualityMeasured", final=True)["quality"]
        finally:
            os.kill(phone.pid, signal.SIGCONT)
        assert quality["packets_received"] == 0


@pytest.mark.matrix("baresip", "early media")
def test_a_visitor_hears_baresip_before_it_answers(tmp_path: Path) -> None:
    with baresip(tmp_path / "phone", host="127.0.0.3", speech=RESIDENT, early_media=True) as phone:
        config = BUTTON.format(target=phone.uri)
        with station(tmp_path / "door", host="127.0.0.2", config=config, arguments=("--microphone", str(VISITOR))) as door:
            door.ctl("press", "bell")
            door.wait_for("MediaAgreed", early=True)
            phone.command("accept")
            door.wait_for("Answered")
            door.ctl("hangup")
            phone.wait_for("session closed")


@pytest.mark.matrix("baresip", "transfer")
def test_baresip_sends_the_door_to_somebody_else(tmp_path: Path) -> None:
    with (
        sipp.answering(tmp_path / "third", scenario="uas", host="127.0.0.6") as (third, peer),
        baresip(tmp_path / "phone", host="127.0.0.3", speech=RESIDENT, auto_answer=True) as phone,
        station(tmp_path / "door", host="127.0.0.2", config='[call]\ntransfers = "call"\n') as door,
    ):
        door.ctl("call", phone.uri)
        door.wait_for("Answered")
        phone.command("transfer", f"sip:service@{third}")
        door.wait_for("CallAnswered", times=2)
        door.wait_for("CallEnded", room="sip", call="d1.1")  # baresip says nothing when both hang up at once
        door.ctl("hangup")
        assert peer.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("names_the_phone", [True, False])
@pytest.mark.matrix("baresip", "name check")
def test_baresip_is_called_over_tls_when_it_proves_its_name(tmp_path: Path, *, names_the_phone: bool) -> None:
    authority = Authority(tmp_path / "authority")
    certificate = authority.issue("phone", "IP:127.0.0.3" if names_the_phone else "DNS:other.example")
    with (
        baresip(tmp_path / "phone", host="127.0.0.3", speech=RESIDENT, auto_answer=True, certificate=certificate) as phone,
        station(
            tmp_path / "door", host="127.0.0.2", network='transports = ["udp", "tcp", "tls"]', config=f'[tls]\nca = "{authority.pem}"\n'
        ) as door,
    ):
        door.ctl("call", f"sip:resident@{phone.host}:{phone.sip_port + 1};transport=tls")
        if names_the_phone:
            door.wait_for("Answered")
            door.ctl("hangup")
        else:
            ended = door.wait_for("CallEnded", room="sip")
            assert "other.example, not for 127.0.0.3" in ended["text"]


@pytest.mark.matrix("baresip", "MESSAGE")
def test_baresip_and_the_door_write_to_each_other(tmp_path: Path) -> None:
    config = '[incoming]\nwrite = ["*@*"]\n'
    with (
        station(tmp_path / "door", host="127.0.0.2", config=config) as door,
        baresip(tmp_path / "phone", host="127.0.0.3", speech=RESIDENT, watched=f"sip:door@{door.address}") as phone,
    ):
        assert door.ctl("message", phone.uri, "Somebody rings")["status"] == 200
        phone.wait_for("device 'alert'")  # it sounds; the text itself is only on its screen
        phone.command("contact_next")
        phone.command("message", "Coming")
        assert door.wait_for("MessageReceived")["body"] == "Coming"


@pytest.mark.matrix("baresip", "SUBSCRIBE")
def test_baresip_sees_the_doors_presence(tmp_path: Path) -> None:
    door_ = station(tmp_path / "door", host="127.0.0.2", config='[incoming]\nwatch = ["*@*"]\n')
    with door_ as door, baresip(tmp_path / "phone", host="127.0.0.3", speech=RESIDENT, watched=f"sip:door@{door.address}") as phone:
        door.wait_for("WatcherChanged", is_watching=True)
        phone.wait_for("Online")


def test_the_door_gives_up_ringing_at_its_limit_and_baresip_stops(tmp_path: Path) -> None:
    with baresip(tmp_path / "phone", host="127.0.0.3", speech=RESIDENT) as phone:
        config = BUTTON.format(target=phone.uri) + "[call]\nring_limit_s = 5\n"
        with station(tmp_path / "door", host="127.0.0.2", config=config) as door:
            door.ctl("press", "bell")
            door.wait_for("Ringing")
            assert door.wait_for("PressEnded")["outcome"] == "no_answer"
            phone.wait_for("session closed")
