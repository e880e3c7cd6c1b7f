"""Two servers of one house: the second account takes over when the first server is gone, and a backup holds the account itself."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from firmware.sip.usage.liveness import HURRY_GAP_S
from tests.interop.kamailio import SECRET, Kamailio, kamailio
from tests.interop.peers import eventually
from tests.interop.station import station

ACCOUNT = """\
[[account]]
name = "{name}"
uri = "sip:{user}@house.example"
registrar = "sip:{server}"
password = "{secret}"
{more}
"""
BELL = """\
[[target]]
name = "resident"
uri = "sip:resident@house.example"
account = "first"
fallback_accounts = ["second"]
[[button]]
name = "bell"
targets = ["resident"]
"""
UDP = 'transports = ["udp"]\n'
ANSWERING = """\
[incoming]
allow = ["*@*"]
auto_answer = "never"
"""


def account(name: str, user: str, server: Kamailio, more: str = "") -> str:
    return ACCOUNT.format(name=name, user=user, server=server.address, secret=SECRET, more=more)


def both(user: str, first: Kamailio, second: Kamailio) -> str:
    return account("first", user, first) + account("second", user, second)


def test_the_second_account_takes_over_when_the_first_server_stops(tmp_path: Path) -> None:
    with kamailio() as first, kamailio(host="127.0.0.4") as second:
        phone = station(tmp_path / "phone", host="127.0.0.3", config=both("resident", first, second) + ANSWERING)
        door = station(tmp_path / "door", host="127.0.0.2", config=both("door", first, second) + BELL)
        with phone as resident, door as house:
            eventually(resident.registered, what="the phone registers at both", account=resident.account)
            eventually(house.registered, what="the door registers at both", account=house.account)
            first.stop()
            pressed_s = time.monotonic()
            house.ctl("press", "bell")
            resident.wait_for("IncomingCall", room="sip", account="second")
            rang_s = time.monotonic() - pressed_s
            print(f"the second account rang {rang_s:.2f} s after the press at a door whose first server had just stopped")
            resident.ctl("answer", "180")
            house.wait_for("Ringing")


def test_the_second_account_is_used_at_once_while_the_first_is_known_to_be_gone(tmp_path: Path) -> None:
    with kamailio() as first, kamailio(host="127.0.0.4") as second:
        phone = station(tmp_path / "phone", host="127.0.0.3", config=both("resident", first, second) + ANSWERING)
        door = station(tmp_path / "door", host="127.0.0.2", config=both("door", first, second) + BELL)
        with phone as resident, door as house:
            eventually(resident.registered, what="the phone registers at both", account=resident.account)
            eventually(house.registered, what="the door registers at both", account=house.account)
            first.stop()
            house.wait_for("RegistrationFailed", account="first")
            pressed_s = time.monotonic()
            house.ctl("press", "bell")
            resident.wait_for("IncomingCall", room="sip", account="second")
            print(f"the second account rang {time.monotonic() - pressed_s:.2f} s after the press at a door that knew its first server gone")


@pytest.mark.parametrize("fallback", ["account", "direct"])
def test_a_press_after_an_unnoticed_restart_gets_through_by_the_next_way(tmp_path: Path, fallback: str) -> None:
    """UDP alone, bindings in memory: after the restart the server knows neither phone nor door, and nothing has told the door."""
    with kamailio(tcp=False) as first, kamailio(host="127.0.0.4") as second:
        phone = station(tmp_path / "phone", host="127.0.0.3", config=both("resident", first, second) + ANSWERING, network=UDP)
        with phone as resident:
            eventually(resident.registered, what="the phone registers at both", account=resident.account)
            way = 'fallback_accounts = ["second"]' if fallback == "account" else f'fallback_uri = "sip:resident@{resident.address}"'
            bell = BELL.replace('fallback_accounts = ["second"]', way)
            # The gap of the questions is longer than the test: what the door learns in it, it learns by the press.
            config = account("first", "door", first, "probe_s = 3600") + account("second", "door", second) + bell
            with station(tmp_path / "door", host="127.0.0.2", config=config, network=UDP) as house:
                eventually(house.registered, what="the door registers at both", account=house.account)
                time.sleep(2 * HURRY_GAP_S)  # a press so soon after the last question would ask none
                known = len([entry for entry in house.events.seen if entry["event"] == "Registered" and entry["account"] == "first"])
                first.stop()
                first.start()
                pressed_s = time.monotonic()
                house.ctl("press", "bell")
                resident.wait_for("IncomingCall", room="sip")
                rang_s = time.monotonic() - pressed_s
                house.wait_for("Registered", times=known + 1, account="first")
                back_s = time.monotonic() - pressed_s
                print(f"by the {fallback} way it rang {rang_s:.2f} s after the press; after {back_s:.2f} s the server had the door again")
                resident.ctl("answer", "180")
                house.wait_for("Ringing")


@pytest.mark.matrix("Kamailio, UDP", "register")
def test_a_backup_registrar_holds_the_account(tmp_path: Path) -> None:
    with kamailio() as first, kamailio(host="127.0.0.4") as second:
        config = account("home", "door", first, f'backups = ["sip:{second.address}"]')
        with station(tmp_path, host="127.0.0.2", config=config) as door:
            eventually(door.registered, what="the door registers", account=door.account)
            before = len([entry for entry in door.events.seen if entry["event"] == "Registered"])
            first.stop()
            stopped_s = time.monotonic()
            door.wait_for("Registered", times=before + 1, account="home")
            print(f"bound at the backup {time.monotonic() - stopped_s:.2f} s after the first registrar stopped")
            assert not [entry for entry in door.events.seen if entry["event"] == "RegistrationFailed"]
