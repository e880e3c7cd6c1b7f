"""Where requests of an account go: backups, Service-Route, GRUU, silent hops (RFC 3263, RFC 3327, RFC 3608, RFC 5627)."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.events import Hop, Register, Registered, RegistrationFailed, Transport, Unregister
from firmware.sip.notices import SendMessage
from firmware.sip.uri import Uri
from tests.sip.wire import MAIN, OURS, PEER, Wire, account, invite

BACKUP = "192.0.2.70"
URN = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"
ANNA = Uri.parse("sip:anna@door.example")


def registering(**changes: object) -> Wire:
    wire = Wire(AgentSettings(accounts=(account(**changes),)))
    wire.command(Register(account=MAIN))
    return wire


def accept(wire: Wire, contact_params: str = "", **headers: str) -> None:
    sent = wire.request("REGISTER")
    wire.reply(200, sent, Contact=f"<{sent.contacts[0].uri}>;expires=600{contact_params}", body=b"", **headers)


def with_backup(*more: str) -> Wire:
    return registering(backups=tuple(Uri.parse(f"sip:{host}") for host in (BACKUP, *more)))


# --- backup registrars


@pytest.mark.parametrize("how", ["refused", "503", "silent"])
def test_a_backup_has_us_within_five_seconds(how: str) -> None:
    wire = with_backup()
    if how == "refused":
        wire.fail()
    elif how == "503":
        wire.reply(503, wire.request("REGISTER"), Retry_After="30")
    began_s = wire.now_s
    while wire.hops[-1].host != BACKUP:
        wire.advance(0.5)
    assert wire.now_s - began_s < 5
    assert str(wire.request("REGISTER").uri) == f"sip:{BACKUP}"
    accept(wire)
    assert wire.told(Registered)
    assert not wire.told(RegistrationFailed)


def test_calls_go_over_the_registrar_that_has_us() -> None:
    wire = with_backup()
    wire.fail()
    accept(wire)
    wire.command(invite(ANNA, account=MAIN))
    assert wire.hops[-1].host == BACKUP


def test_with_each_refresh_the_preferred_registrar_is_asked_first() -> None:
    wire = with_backup()
    wire.fail()
    accept(wire)
    wire.take()
    wire.advance(450)
    assert wire.hops[0].host == PEER
    wire.reply(200, wire.request("REGISTER"), Contact=str(wire.request("REGISTER").get("Contact")))
    wire.command(invite(ANNA, account=MAIN))
    assert wire.hops[-1].host == PEER


def test_when_none_answers_the_account_has_failed_and_all_are_asked_again() -> None:
    wire = with_backup("192.0.2.71")
    for host in (PEER, BACKUP, "192.0.2.71"):
        assert wire.hops[-1].host == host
        assert not wire.told(RegistrationFailed)
        wire.fail(wire.hops[-1])
    (failed,) = wire.told(RegistrationFailed)
    wire.advance(failed.retry_in_s or 0)
    assert wire.hops[-1].host == PEER


def test_a_wrong_password_is_no_reason_to_ask_a_backup() -> None:
    wire = with_backup()
    wire.reply(403, wire.request("REGISTER"))
    assert {hop.host for hop in wire.hops} == {PEER}


def test_unregistering_goes_to_the_registrar_that_has_us() -> None:
    wire = with_backup()
    wire.fail()
    accept(wire)
    wire.command(Unregister(account=MAIN))
    assert wire.hops[-1].host == BACKUP


# --- several addresses behind one name


def two_hops(*, port: int = 5060) -> tuple[Hop, ...]:
    return tuple(Hop(transport=Transport.UDP, host=host, port=port, local_host=OURS, local_port=5060) for host in (PEER, BACKUP))


def test_a_silent_hop_is_given_up_after_four_seconds_while_there_is_another() -> None:
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.names[PEER] = two_hops()
    wire.command(Register(account=MAIN))
    wire.advance(3.9)
    assert {hop.host for hop in wire.hops} == {PEER}
    wire.advance(0.2)
    assert wire.hops[-1].host == BACKUP
    accept(wire)
    assert wire.told(Registered)


def test_a_hop_that_said_it_is_at_work_is_waited_for() -> None:
    wire = Wire(AgentSettings())
    wire.names["door.example"] = two_hops()
    wire.command(invite(ANNA))
    wire.reply(100, wire.request("INVITE"))
    wire.advance(20)
    assert {hop.host for hop in wire.hops} == {PEER}


# --- Path, Service-Route, GRUU


def test_every_register_supports_path_and_names_no_service_route() -> None:
    wire = registering()
    assert wire.request("REGISTER").get_all("Supported") == ("path",)
    accept(wire, Service_Route="<sip:edge.example;lr>")
    wire.advance(451)
    assert wire.request("REGISTER").get("Route") is None


def test_requests_take_the_service_route_in_its_order() -> None:
    wire = registering()
    wire.names["edge.example"] = (Hop(transport=Transport.UDP, host="192.0.2.80", port=5060, local_host=OURS, local_port=5060),)
    accept(wire, Service_Route="<sip:edge.example;lr>, <sip:core.example;lr>")
    wire.command(invite(ANNA, account=MAIN))
    assert wire.request("INVITE").get_all("Route") == ("<sip:edge.example;lr>", "<sip:core.example;lr>")
    assert wire.hops[-1].host == "192.0.2.80"


def test_an_outbound_proxy_comes_before_the_service_route() -> None:
    wire = registering(outbound_proxy=Uri.parse("sip:192.0.2.81"))
    accept(wire, Service_Route="<sip:core.example;lr>")
    wire.command(SendMessage(key="m", target=ANNA, body=b"x", account=MAIN))
    assert wire.request("MESSAGE").get_all("Route") == ("<sip:192.0.2.81;lr>", "<sip:core.example;lr>")
    assert wire.hops[-1].host == "192.0.2.81"


def test_half_a_service_route_is_none() -> None:
    wire = registering()
    accept(wire, Service_Route="<sip:edge.example;lr>, <nonsense")
    wire.command(invite(ANNA, account=MAIN))
    assert wire.request("INVITE").get("Route") is None


def test_a_device_with_a_name_of_its_own_gets_an_address_that_works_from_everywhere() -> None:
    wire = Wire(AgentSettings(accounts=(account(wants_gruu=True),), instance=URN))
    wire.command(Register(account=MAIN))
    sent = wire.request("REGISTER")
    assert f'+sip.instance="<{URN}>"' in (sent.get("Contact") or "")
    assert "gruu" in sent.get_all("Supported")
    gruu = f"sip:door@door.example;gr={URN}"
    accept(wire, f';+sip.instance="<{URN}>";pub-gruu="{gruu}"')
    wire.command(invite(ANNA, account=MAIN))
    assert wire.request("INVITE").get("Contact") == f"<{gruu}>"
    wire.advance(451)
    assert str(wire.request("REGISTER").contacts[0].uri) == f"sip:door@{OURS}:5060"


def test_another_devices_gruu_is_not_ours() -> None:
    wire = Wire(AgentSettings(accounts=(account(wants_gruu=True),), instance=URN))
    wire.command(Register(account=MAIN))
    accept(wire, ';+sip.instance="<urn:uuid:other>";pub-gruu="sip:door@door.example;gr=other"')
    wire.command(invite(ANNA, account=MAIN))
    assert wire.request("INVITE").get("Contact") == f"<sip:door@{OURS}:5060>"
