"""Keeping an account registered: RFC 3261 §10, and the way back after an outage."""

from __future__ import annotations

import pytest

from firmware.errors import LocalProtocolError
from firmware.sip.agent import AgentSettings
from firmware.sip.events import (
    AccountName,
    Hop,
    NetworkChanged,
    Register,
    Registered,
    RegistrationFailed,
    Transport,
    Unregister,
    Unregistered,
)
from firmware.sip.message import make_response
from firmware.sip.uri import Uri
from tests.sip.wire import HOP, MAIN, OURS, PEER, Wire, account

CHALLENGE = 'Digest realm="door.example", nonce="n1", qop="auth", algorithm=SHA-256'
TCP = Hop(transport=Transport.TCP, host=PEER, port=5060, local_host=OURS, local_port=5060)


def registering(**changes: object) -> Wire:
    wire = Wire(AgentSettings(accounts=(account(**changes),)))
    wire.command(Register(account=MAIN))
    return wire


def accept(wire: Wire, *, expires_s: int = 600) -> None:
    """The registrar's 200: our contact, held for that long."""
    contact = wire.request("REGISTER").contacts[0].uri
    wire.reply(200, wire.request("REGISTER"), Contact=f"<sip:else@192.0.2.77>;expires=5, <{contact}>;expires={expires_s}")


def registered(**changes: object) -> Wire:
    wire = registering(**changes)
    accept(wire)
    wire.take()
    return wire


def test_the_register_names_the_registrar_the_address_of_record_and_our_contact() -> None:
    wire = registering()
    sent = wire.request()
    assert str(sent.uri) == f"sip:{PEER}"  # no user part (§10.2)
    assert str(sent.to.uri) == str(sent.from_.uri) == "sip:door@door.example"
    assert (sent.get("Contact") or "") == f"<sip:door@{OURS}:5060>;expires=600"


def test_the_time_granted_is_that_of_our_own_contact() -> None:
    wire = registering()
    accept(wire, expires_s=120)
    assert [event.expires_s for event in wire.told(Registered)] == [120]


def test_an_expires_header_counts_when_the_contact_has_no_time() -> None:
    wire = registering()
    wire.reply(200, Contact=f"<sip:door@{OURS}:5060>", Expires="90")
    assert [event.expires_s for event in wire.told(Registered)] == [90]


def test_the_only_contact_of_an_answer_is_ours_whatever_a_border_controller_wrote_there() -> None:
    wire = registering()
    wire.reply(200, Contact="<sip:620@203.0.113.7:5061;uniq=7>;expires=60", Expires="3600")
    assert [event.expires_s for event in wire.told(Registered)] == [60]
    wire = registering()
    wire.reply(200, Contact="<sip:one@203.0.113.7>;expires=60, <sip:two@203.0.113.8>;expires=5", Expires="90")
    assert [event.expires_s for event in wire.told(Registered)] == [90]


def test_a_registrar_that_keeps_us_for_no_time_is_asked_ever_slower() -> None:
    wire = registering()
    for _ in range(4):
        accept(wire, expires_s=0)
        wire.take()
        wire.advance(4.1)
    gaps_s = [event.retry_in_s or 0.0 for event in wire.told(RegistrationFailed)]
    assert len(gaps_s) == 4
    assert gaps_s[0] < gaps_s[1] < gaps_s[2]
    assert gaps_s[3] >= 3
    assert "no time" in wire.told(RegistrationFailed)[-1].detail
    assert not wire.told(Registered)
    accept(wire)
    assert wire.told(Registered)


def test_it_is_refreshed_before_it_expires_with_the_same_call_id_and_the_next_cseq() -> None:
    wire = registering()
    first = wire.request()
    accept(wire, expires_s=100)
    wire.take()
    wire.advance(60)
    assert wire.take() == []
    wire.advance(16)
    again = wire.request("REGISTER")
    assert (again.call_id, again.cseq.number, again.from_) == (first.call_id, first.cseq.number + 1, first.from_)


def test_a_challenge_is_answered_once() -> None:
    wire = registering()
    wire.reply(401, WWW_Authenticate=CHALLENGE)
    assert 'username="door"' in (wire.request().get("Authorization") or "")
    wire.reply(401, wire.request(), WWW_Authenticate=CHALLENGE.replace("n1", "n2"))
    assert wire.take() == ["REGISTER", "REGISTER"]
    (failed,) = wire.told(RegistrationFailed)
    assert failed.status == 401
    assert "password" in failed.detail


def test_a_wrong_password_is_not_hammered_but_tried_again_in_minutes() -> None:
    wire = registering()
    wire.reply(403)
    wire.take()
    wire.advance(299)
    assert wire.take() == []
    wire.advance(1.2)
    assert wire.take() == ["REGISTER"]


def test_a_registration_too_brief_is_asked_for_again_at_once() -> None:
    wire = registering(expires_s=60)
    wire.reply(423, Min_Expires="300")
    assert wire.request().contacts[0].param("expires") == "300"
    accept(wire, expires_s=300)
    assert [event.expires_s for event in wire.told(Registered)] == [300]


def test_a_registrar_that_only_ever_says_423_is_not_asked_for_ever() -> None:
    wire = registering(expires_s=60)
    for seconds in range(300, 330):
        if wire.told(RegistrationFailed):
            break
        wire.reply(423, wire.request(), Min_Expires=str(seconds))
    assert [event.status for event in wire.told(RegistrationFailed)] == [423]


def test_a_nonsense_min_expires_is_a_refusal() -> None:
    wire = registering()
    wire.reply(423, Min_Expires="4294967295")
    assert [event.status for event in wire.told(RegistrationFailed)] == [423]


def test_an_absent_registrar_is_asked_again_after_1_2_4_4_seconds_then_ever_slower_up_to_60() -> None:
    wire = registering()
    for _ in range(80):
        wire.fail()
        gap_s = wire.told(RegistrationFailed)[-1].retry_in_s
        assert gap_s is not None
        wire.advance(gap_s)
        assert "REGISTER" in wire.take()
    gaps = [event.retry_in_s or 0.0 for event in wire.told(RegistrationFailed)]
    assert [0.75 * most <= gap <= most for gap, most in zip(gaps, (1, 2, 4, 4, 4), strict=False)] == [True] * 5
    assert all(gap <= 4 for gap in gaps[:30])  # found again within 5 s during the first two minutes
    assert max(gaps) <= 60
    assert gaps[-1] >= 45


def test_any_message_of_the_registrar_ends_the_wait() -> None:
    wire = registering()
    wire.fail()
    wire.take()
    wire.advance(0.5)
    wire.incoming("OPTIONS")
    assert wire.take() == ["200 OPTIONS"]  # not more than one attempt a second
    wire.fail()
    for _ in range(5):
        wire.advance(30)
        wire.fail()
    wire.take()
    wire.advance(2)
    wire.incoming("OPTIONS", cseq=2)
    assert sorted(wire.take()) == ["200 OPTIONS", "REGISTER"]


def test_a_changed_network_registers_at_once() -> None:
    wire = registered()
    wire.agent.receive(NetworkChanged(), wire.now_s)
    wire.advance(0)
    assert wire.take() == ["REGISTER"]


def test_a_changed_network_leaves_an_account_alone_that_is_not_wanted() -> None:
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.agent.receive(NetworkChanged(), wire.now_s)
    wire.advance(0)
    assert wire.take() == []


def test_a_new_local_address_takes_the_place_of_the_old_one() -> None:
    wire = registered()
    wire.names[PEER] = (Hop(transport=Transport.UDP, host=PEER, port=5060, local_host="192.0.2.2", local_port=5060),)
    wire.agent.receive(NetworkChanged(), wire.now_s)
    wire.advance(0)
    contacts = {str(contact.uri): contact.param("expires") for contact in wire.request().contacts}
    assert contacts == {"sip:door@192.0.2.2:5060": "600", f"sip:door@{OURS}:5060": "0"}


def test_the_address_that_a_nat_shows_is_registered_in_place_of_our_own() -> None:
    wire = registering()
    behind_nat(wire)
    contacts = {str(contact.uri): contact.param("expires") for contact in wire.request("REGISTER").contacts}
    assert contacts == {"sip:door@203.0.113.5:40000": "600", f"sip:door@{OURS}:5060": "0"}
    assert not wire.told(Registered)
    behind_nat(wire)
    assert str(wire.told(Registered)[0].contact) == "sip:door@203.0.113.5:40000"
    assert wire.take() == ["REGISTER", "REGISTER"]


def behind_nat(wire: Wire) -> None:
    request = wire.request("REGISTER")
    via = request.via.with_param("received", "203.0.113.5").with_param("rport", "40000")
    seen = request.with_header("Via", str(via))
    wire.receive(make_response(seen, 200, to_tag="r", headers=(("Contact", f"{request.get('Contact')}"),)))


def test_a_redirected_registration_follows() -> None:
    wire = registering()
    wire.reply(302, Contact="<sip:192.0.2.33>")
    assert wire.hops[-1].host == "192.0.2.33"
    assert str(wire.request().uri) == "sip:192.0.2.33"


def test_the_second_registrar_is_asked_when_the_first_is_down() -> None:
    wire = Wire(AgentSettings(accounts=(account(registrar=Uri.parse("sip:pbx.example")),)))
    second = Hop(transport=Transport.UDP, host="192.0.2.10", port=5060, local_host=OURS, local_port=5060)
    wire.names["pbx.example"] = (HOP, second)
    wire.command(Register(account=MAIN))
    wire.fail()
    assert wire.hops[-1] == second
    accept(wire)
    assert len(wire.told(Registered)) == 1


def test_retry_after_is_obeyed() -> None:
    wire = registering()
    wire.reply(503, Retry_After="20 (rebooting)")
    assert [event.retry_in_s for event in wire.told(RegistrationFailed)] == [20.0]


@pytest.mark.parametrize("status", [403, 503])
def test_a_registrar_that_wants_to_be_asked_again_at_once_is_asked_ever_slower(status: int) -> None:
    wire = registering()
    gaps_s = []
    for _ in range(3):
        wire.reply(status, wire.request("REGISTER"), Retry_After="0")
        (failed,) = wire.told(RegistrationFailed)[-1:]
        assert failed.retry_in_s is not None
        gaps_s.append(failed.retry_in_s)
        wire.advance(failed.retry_in_s + 0.1)
    assert all(gap_s >= least_s for gap_s, least_s in zip(gaps_s, (0.75, 1.5, 3.0), strict=True))


def test_unregister_removes_our_contact_and_says_so() -> None:
    wire = registered()
    wire.command(Unregister(account=MAIN))
    assert wire.request().contacts[0].param("expires") == "0"
    wire.reply(200)
    assert [event.account for event in wire.told(Unregistered)] == [MAIN]
    wire.settle()
    assert not any(wire.agent.census().values())


def test_unregister_without_a_binding_needs_no_message() -> None:
    wire = registering()
    wire.fail()
    wire.take()
    wire.command(Unregister(account=MAIN))
    assert wire.take() == []
    assert len(wire.told(Unregistered)) == 1


def test_unregister_during_the_name_look_up_sends_nothing() -> None:
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.held = []
    wire.command(Register(account=MAIN))
    wire.command(Unregister(account=MAIN))
    wire.locate()
    assert wire.take() == []
    assert not any(wire.agent.census().values())


def test_a_registrar_that_does_not_answer_the_removal_is_forgotten() -> None:
    wire = registered()
    wire.command(Unregister(account=MAIN))
    wire.settle()
    assert len(wire.told(Unregistered)) == 1
    assert not any(wire.agent.census().values())


def test_an_unknown_account_is_our_own_callers_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="nobody"):
        registering().command(Register(account=AccountName("nobody")))
