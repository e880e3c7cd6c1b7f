"""Messages, lamps and presence with real peers: Kamailio's presence modules, sipsak, and a second door as the phone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.interop.peers import PATIENCE_S, eventually
from tests.interop.presence_server import presence_server
from tests.interop.station import station

ACCOUNT = """\
[[account]]
name = "house"
uri = "sip:{user}@{server}"
{more}
"""
INCOMING = """\
[incoming]
allow = ["*@*"]
write = ["*@*"]
watch = ["*@*"]
"""
DOOR, PHONE = "127.0.0.2", "127.0.0.3"


def account(user: str, server: str, more: str = "") -> str:
    return ACCOUNT.format(user=user, server=server, more=more)


@pytest.mark.matrix("Kamailio, UDP", "MESSAGE")
def test_messages_go_both_ways_through_a_proxy(tmp_path: Path) -> None:
    with presence_server(tmp_path / "server") as server:
        one = station(tmp_path / "door", host=DOOR, config=account("door", server) + INCOMING)
        other = station(tmp_path / "phone", host=PHONE, config=account("resident", server) + INCOMING)
        with one as door, other as phone:
            for each in (door, phone):
                eventually(each.registered, what="registered", account=each.account)
            assert door.ctl("message", f"sip:resident@{server}", "Somebody rings", "house") == {"status": 200, "text": "OK"}
            assert phone.wait_for("MessageReceived")["body"] == "Somebody rings"
            assert phone.ctl("message", f"sip:door@{server}", "Coming", "house")["status"] == 200
            assert door.wait_for("MessageReceived")["account"] == "house"


@pytest.mark.matrix("Kamailio, UDP", "SUBSCRIBE")
def test_the_servers_presence_shows_what_the_door_publishes(tmp_path: Path) -> None:
    with presence_server(tmp_path / "server") as server:
        one = station(tmp_path / "door", host=DOOR, config=account("door", server, "publish = true") + INCOMING)
        other = station(tmp_path / "phone", host=PHONE, config=account("resident", server) + INCOMING)
        with one as door, other as phone:
            for each in (door, phone):
                eventually(each.registered, what="registered", account=each.account)
            assert phone.ctl("subscribe", "presence", f"sip:door@{server}", "house")["state"] in ("active", "pending")

            def sees_the_door_open() -> bool:
                told = [entry for entry in list(phone.events.seen) if entry["event"] == "Notified"]
                return any("<basic>open</basic>" in entry["body"] for entry in told)

            eventually(sees_the_door_open, what="the phone sees the door's presence", account=phone.account)
            phone.ctl("unsubscribe", "presence", f"sip:door@{server}")
            phone.wait_for("SubscriptionChanged", state="terminated")


def test_a_lamp_on_a_phone_follows_the_doors_calls(tmp_path: Path) -> None:
    target = '[[target]]\nname = "phone"\nuri = "sip:{address}"\n[[button]]\nname = "bell"\ntargets = ["phone"]\n'
    with station(tmp_path / "phone", host=PHONE, config=INCOMING) as phone:
        config = INCOMING + target.format(address=f"resident@{phone.address}")
        with station(tmp_path / "door", host=DOOR, config=config) as door:
            assert phone.ctl("subscribe", "dialog", f"sip:door@{door.address}")["state"] == "active"
            door.wait_for("WatcherChanged", is_watching=True)
            door.ctl("press", "bell")
            phone.wait_for("IncomingCall", room="sip")
            phone.ctl("answer")

            def shown(state: str) -> bool:
                return any(f">{state}<" in entry["body"] for entry in list(phone.events.seen) if entry["event"] == "Notified")

            eventually(lambda: shown("confirmed"), what="the lamp burns", account=phone.account)
            phone.ctl("hangup")
            eventually(lambda: shown("terminated"), what="the lamp goes out", account=phone.account)


def sipsak(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sipsak", "-vv", *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def test_sipsak_gets_its_options_answered(tmp_path: Path) -> None:
    with station(tmp_path, host=DOOR, config="") as door:
        asked = sipsak("-s", f"sip:door@{door.address}")
        assert "200 OK" in asked.stdout, asked.stdout + asked.stderr


@pytest.mark.matrix("sipsak", "MESSAGE")
def test_sipsak_sends_a_message_and_a_stranger_may_not(tmp_path: Path) -> None:
    with station(tmp_path / "open", host=DOOR, config=INCOMING) as door:
        assert "200 OK" in message_by_sipsak(tmp_path, door.address)
        assert door.wait_for("MessageReceived")["body"] == "open please"
    with station(tmp_path / "shut", host=DOOR, config="") as door:
        assert "403 Forbidden" in message_by_sipsak(tmp_path, door.address)


def message_by_sipsak(folder: Path, address: str) -> str:
    """From a file: Debian's sipsak 0.9.8.1 crashes when it is to make a message by itself (-M)."""
    lines = (
        f"MESSAGE sip:door@{address} SIP/2.0",
        "From: <sip:sipsak@127.0.0.1>;tag=1",
        f"To: <sip:door@{address}>",
        f"Call-ID: sipsak-{address}",
        "CSeq: 1 MESSAGE",
        "Max-Forwards: 70",
        "Content-Type: text/plain",
        "Content-Length: 11",
        "",
        "open please",
    )
    (folder / "message").write_bytes("\r\n".join(lines).encode())
    sent = sipsak("-f", str(folder / "message"), "-s", f"sip:door@{address}")
    return sent.stdout + sent.stderr
