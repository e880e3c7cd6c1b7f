"""Debian's linphone as the resident's phone, directly and through Kamailio."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop import sipp
from tests.interop.kamailio import SECRET, kamailio
from tests.interop.linphone import Linphone, linphone
from tests.interop.peers import eventually
from tests.interop.station import Station, station
from tests.net.authority import Authority
from tests.ports import free_port

DOOR, PHONE, THIRD = "127.0.0.2", "127.0.0.5", "127.0.0.6"
TAKES_CALLS = """\
[incoming]
allow = ["*@*"]
write = ["*@*"]
watch = ["*@*"]
auto_answer = "always"
"""
BELL = """\
[[target]]
name = "resident"
uri = "{uri}"
[[button]]
name = "bell"
targets = ["resident"]
"""
ACCOUNT = """\
[[account]]
name = "house"
uri = "sip:door@{server}"
password = "{secret}"
"""
REGISTERED = """\
[proxy_0]
reg_proxy=<sip:{server}>
reg_route=<sip:{server};lr>
reg_identity=sip:resident@{server}
reg_expires=600
reg_sendregister=1
publish=0
[auth_info_0]
username=resident
passwd={secret}
realm=127.0.0.1
[friend_0]
url=<sip:door@{server}>
pol=accept
subscribe=1
"""


@pytest.mark.matrix("linphone", "call out", "digits", "early media")
def test_a_press_rings_linphone_whose_early_media_is_heard_and_whose_digits_open(tmp_path: Path) -> None:
    early = linphone(tmp_path / "phone", host=PHONE, sip="incoming_calls_early_media=1")
    with early as phone, station(tmp_path / "door", host=DOOR, config=BELL.format(uri=phone.uri)) as door:
        door.ctl("press", "bell")
        door.wait_for("MediaAgreed", early=True)
        phone.wait_for("LinphoneCallIncoming")
        phone.command("answer")
        door.wait_for("Answered")
        phone.wait_for("LinphoneCallStreamsRunning")
        for heard, digit in enumerate("7305#", 1):
            phone.command(f"dtmf {digit}")
            door.wait_for("DigitHeard", times=heard)
        assert door.wait_for("Unlocked")["who"] == "residents"
        phone.wait_for("LinphoneCallReleased")


@pytest.mark.matrix("linphone", "call in", "hold")
def test_linphone_calls_the_door_and_each_puts_the_other_on_hold(tmp_path: Path) -> None:
    with linphone(tmp_path / "phone", host=PHONE) as phone, station(tmp_path / "door", host=DOOR, config=TAKES_CALLS) as door:
        call(phone, door)
        phone.command("call-pause 1")
        phone.wait_for("LinphoneCallPaused")
        phone.command("call-resume 1")
        phone.wait_for("LinphoneCallStreamsRunning", times=2)
        assert door.ctl("hold")["status"] == 200
        phone.wait_for("LinphoneCallPausedByRemote")
        assert door.ctl("resume")["status"] == 200
        phone.wait_for("LinphoneCallStreamsRunning", times=3)
        phone.command("terminate 1")
        door.wait_for("CallEnded", room="door")


@pytest.mark.matrix("linphone", "transfer")
def test_the_door_transfers_linphone_to_somebody_else(tmp_path: Path) -> None:
    with (
        linphone(tmp_path / "phone", host=PHONE) as phone,
        sipp.answering(tmp_path / "sipp", scenario="uas", host=THIRD) as (third, _),
        station(tmp_path / "door", host=DOOR, config=TAKES_CALLS) as door,
    ):
        call(phone, door)
        assert door.ctl("transfer", f"sip:service@{third}")["status"] == 200
        door.wait_for("CallEnded", room="door")


@pytest.mark.matrix("linphone", "session timer")
def test_linphones_session_timer_is_agreed_and_refreshed(tmp_path: Path) -> None:
    timer = "session_expires_enabled=1\nsession_expires_value=90\nsession_expires_refresher=2"
    with linphone(tmp_path / "phone", host=PHONE, sip=timer) as phone, station(tmp_path / "door", host=DOOR, config=TAKES_CALLS) as door:
        call(phone, door)
        log = (tmp_path / "phone" / "log").read_text(errors="replace")
        assert "Session-Expires: 90" in log.partition("SIP/2.0 200 OK")[2], phone.account()
        phone.command("terminate 1")
        door.wait_for("CallEnded", room="door")


@pytest.mark.matrix("linphone", "name check")
def test_linphone_believes_the_doors_certificate_only_for_the_doors_own_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    tls = '[tls]\ncertificate = "{}"\nkey = "{}"\n'
    for name, is_good in ((f"DNS:{DOOR}", True), ("DNS:other.example", False)):
        folder = tmp_path / str(is_good)
        folder.mkdir()
        certificate, key = authority.issue(str(is_good), name)
        port = free_port(DOOR)
        network = f'transports = ["udp", "tcp", "tls"]\ntls_port = {port}'
        with (
            linphone(folder / "phone", host=PHONE, ca=str(authority.pem)) as phone,
            station(folder / "door", host=DOOR, config=TAKES_CALLS + tls.format(certificate, key), network=network) as door,
        ):
            phone.command(f"call <sip:door@{DOOR}:{port};transport=tls>")
            if is_good:
                door.wait_for("Answered")
                phone.command("terminate 1")
            else:
                phone.wait_for("LinphoneCallError")
                assert not [entry for entry in door.events.seen if entry["event"] == "IncomingCall"]


@pytest.mark.matrix("linphone", "MESSAGE", "SUBSCRIBE")
def test_messages_go_both_ways_and_linphone_sees_the_doors_presence(tmp_path: Path) -> None:
    with kamailio() as server:
        account = ACCOUNT.format(server=server.address, secret=SECRET)
        with (
            station(tmp_path / "door", host=DOOR, config=TAKES_CALLS + account) as door,
            linphone(
                tmp_path / "phone", host=PHONE, sip="default_proxy=0", more=REGISTERED.format(server=server.address, secret=SECRET)
            ) as phone,
        ):
            eventually(door.registered, what="the door registers", account=door.account)
            phone.wait_until_registered()
            door.wait_for("WatcherChanged", is_watching=True)
            phone.command(f"message sip:door@{server.address} Coming")
            assert door.wait_for("MessageReceived")["body"] == "Coming"
            assert door.ctl("message", f"sip:resident@{server.address}", "Somebody rings", "house")["status"] in (200, 202)
            phone.wait_for("Somebody rings")


def call(phone: Linphone, door: Station) -> None:
    """A call from the phone that the door takes by itself."""
    phone.command(f"call sip:door@{door.address}")
    door.wait_for("Answered")
    phone.wait_for("LinphoneCallStreamsRunning")
