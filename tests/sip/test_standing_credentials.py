"""Credentials sent before they are asked for, and who is never answered (RFC 3261 §22, RFC 7616 §3.4, §3.5)."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.auth import Authorization
from firmware.sip.events import CallEnded, HangUp, Register, Registered, RegistrationFailed
from firmware.sip.message import Request
from firmware.sip.uri import Uri
from tests.sip.wire import ANSWER, CALL, MAIN, Wire, account, invite

CHALLENGE = 'Digest realm="door.example", nonce="n1", qop="auth", algorithm=SHA-256'
ANNA = Uri.parse("sip:anna@door.example")


def accept(wire: Wire, **headers: str) -> None:
    sent = wire.request("REGISTER")
    wire.reply(200, sent, Contact=str(sent.get("Contact")), body=b"", **headers)


def proved(**changes: object) -> Wire:
    """Registered after one challenge."""
    wire = Wire(AgentSettings(accounts=(account(**changes),)))
    wire.command(Register(account=MAIN))
    wire.reply(401, wire.request("REGISTER"), WWW_Authenticate=CHALLENGE)
    accept(wire)
    wire.take()
    return wire


def refresh(wire: Wire) -> None:
    """Let the time pass until the next REGISTER, and no further."""
    while not wire.sent:
        wire.advance((wire.agent.next_deadline() or 0.0) - wire.now_s)


def given(request: Request, header: str = "Authorization") -> Authorization:
    return Authorization.parse(request.get(header) or "")


def test_a_refresh_proves_itself_at_once_with_a_rising_count() -> None:
    wire = proved()
    for count in (2, 3, 4):
        refresh(wire)
        credentials = given(wire.request("REGISTER"))
        assert (credentials.nonce, credentials.realm) == ("n1", "door.example")
        assert credentials.nonce_count >= count
        accept(wire)
        wire.take()
    assert len(wire.told(Registered)) == 4


def test_a_refresh_costs_one_round_trip() -> None:
    wire = proved()
    refresh(wire)
    accept(wire)
    assert wire.take() == ["REGISTER"]
    assert len(wire.told(Registered)) == 2


@pytest.mark.parametrize("stale", [", stale=true", ""])
def test_an_old_nonce_is_replaced_by_the_servers_new_one(stale: str) -> None:
    wire = proved()
    refresh(wire)
    wire.reply(401, wire.request("REGISTER"), WWW_Authenticate=CHALLENGE.replace("n1", "n2") + stale)
    credentials = given(wire.request("REGISTER"))
    assert (credentials.nonce, credentials.nonce_count) == ("n2", 1)
    accept(wire)
    assert not wire.told(RegistrationFailed)


def test_a_password_that_has_become_wrong_is_noticed_and_not_hammered() -> None:
    wire = proved()
    refresh(wire)
    wire.reply(401, wire.request("REGISTER"), WWW_Authenticate=CHALLENGE.replace("n1", "n2"))
    wire.reply(401, wire.request("REGISTER"), WWW_Authenticate=CHALLENGE.replace("n1", "n3"))
    assert wire.take() == ["REGISTER", "REGISTER"]
    assert [event.status for event in wire.told(RegistrationFailed)] == [401]


def test_the_next_nonce_of_a_server_is_used() -> None:
    wire = proved()
    refresh(wire)
    accept(wire, Authentication_Info='nextnonce="n9", qop=auth')
    wire.take()
    refresh(wire)
    credentials = given(wire.request("REGISTER"))
    assert (credentials.nonce, credentials.nonce_count) == ("n9", 1)


def test_a_broken_next_nonce_changes_nothing() -> None:
    wire = proved()
    refresh(wire)
    accept(wire, Authentication_Info='nextnonce="')
    wire.take()
    refresh(wire)
    assert given(wire.request("REGISTER")).nonce == "n1"


def test_a_nonce_without_qop_serves_once() -> None:
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.command(Register(account=MAIN))
    wire.reply(401, wire.request("REGISTER"), WWW_Authenticate='Digest realm="door.example", nonce="n1"')
    accept(wire)
    wire.take()
    refresh(wire)
    assert wire.request("REGISTER").get("Authorization") is None


def test_the_proof_of_a_register_is_not_shown_with_a_call_and_the_other_way_round() -> None:
    wire = proved()
    wire.command(invite(ANNA, account=MAIN))
    first = wire.request("INVITE")
    assert first.get("Authorization") is None
    wire.reply(407, first, Proxy_Authenticate=CHALLENGE.replace("n1", "p1"))
    again = wire.request("INVITE")
    assert given(again, "Proxy-Authorization").nonce_count == 1
    wire.reply(486, again)
    wire.command(invite(ANNA, account=MAIN)._replace(call=CALL))
    assert given(wire.request("INVITE"), "Proxy-Authorization").nonce_count == 2
    wire.command(Register(account=MAIN))
    assert wire.request("REGISTER").get("Proxy-Authorization") is None


def test_a_phone_that_is_called_past_the_server_is_shown_nothing() -> None:
    wire = proved()
    wire.command(invite(ANNA, account=MAIN))
    wire.reply(407, wire.request("INVITE"), Proxy_Authenticate=CHALLENGE)
    wire.reply(200, wire.request("INVITE"), body=ANSWER, Contact="<sip:anna@192.0.2.50>")  # no Record-Route: BYE goes to the phone itself
    wire.command(HangUp(call=CALL))
    bye = wire.request("BYE")
    assert wire.hops[-1].host == "192.0.2.50"
    assert bye.get("Proxy-Authorization") is None
    wire.reply(407, bye, Proxy_Authenticate=CHALLENGE)
    assert wire.take().count("BYE") == 1  # its challenge is not answered


@pytest.mark.parametrize("realm", ["phone.example", "door.example.evil"])
def test_another_realm_is_never_answered_in_a_call(realm: str) -> None:
    wire = proved()
    wire.command(invite(ANNA, account=MAIN))
    wire.reply(407, wire.request("INVITE"), Proxy_Authenticate=CHALLENGE.replace("door.example", realm))
    assert [event.status for event in wire.told(CallEnded)] == [407]
    assert wire.take().count("INVITE") == 1


def test_md5_is_not_answered_where_it_is_refused() -> None:
    wire = Wire(AgentSettings(accounts=(account(allow_md5=False),)))
    wire.command(Register(account=MAIN))
    wire.reply(401, wire.request("REGISTER"), WWW_Authenticate='Digest realm="door.example", nonce="n1", qop="auth", algorithm=MD5')
    assert wire.take() == ["REGISTER"]
    assert [event.status for event in wire.told(RegistrationFailed)] == [401]
