"""Rules that an endpoint MUST obey about registrations, digest, events, referrals and the way of messages, which no other test shows."""

from __future__ import annotations

import re

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.auth import Authorization
from firmware.sip.event_package import subscription_state
from firmware.sip.events import Answer, CallAnswered, CallEnded, CallKey, Hold, IncomingCall, Register, Registered, Ring, Unregister
from firmware.sip.gate import Gate
from firmware.sip.message import Response, make_response
from firmware.sip.notices import SendMessage, Unsubscribe
from firmware.sip.settings import ReferPolicy
from tests.sip.test_registration import registered, registering
from tests.sip.test_subscription import subscribed
from tests.sip.wire import ANSWER, BOB, MAIN, OURS, PEER, Wire, account, invite, media

IN = CallKey("incoming-1")
RECORDED = "Record-Route: <sip:203.0.113.1;lr>, <sip:203.0.113.2;lr>\r\n"


def responses(wire: Wire, method: str) -> list[Response]:
    return [message for message in wire.sent if isinstance(message, Response) and message.cseq.method == method]


def watched(**headers: str) -> Wire:
    """Somebody watches the door's calls."""
    wire = Wire(AgentSettings(gate=Gate(watchers=("bob@*",))))
    wire.incoming("SUBSCRIBE", headers="Event: dialog\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()))
    return wire


# --- RFC 3261: dialogs


def test_a_response_that_makes_a_dialog_has_every_record_route_in_order_and_a_contact() -> None:
    """§12.1.1: "the UAS MUST copy all Record-Route header field values from the request into the response" in their order."""
    wire = Wire()
    wire.incoming(body=ANSWER, headers=RECORDED)
    wire.command(Ring(call=IN))
    wire.command(Answer(call=IN, media=media()))
    for status in (180, 200):
        response = next(each for each in responses(wire, "INVITE") if each.status == status)
        assert [route.uri.host for route in response.record_routes] == ["203.0.113.1", "203.0.113.2"]
        assert len(response.contacts) == 1


def test_requests_of_the_callee_take_the_recorded_route_and_name_the_peers_contact() -> None:
    """§12.2.1.1: "the UAC MUST place the remote target URI into the Request-URI and MUST include a Route header field"."""
    wire = Wire()
    wire.incoming(body=ANSWER, headers=RECORDED)
    wire.command(Answer(call=IN, media=media()))
    wire.within("ACK", responses(wire, "INVITE")[-1], cseq=1, we_called=False)
    wire.command(Hold(call=IN))
    again = wire.request("INVITE")
    assert [route.uri.host for route in again.routes] == ["203.0.113.1", "203.0.113.2"]
    assert str(again.uri) == f"sip:bob@{PEER}"
    assert again.get("Max-Forwards") == "70"


def test_the_route_of_a_dialog_never_changes() -> None:
    """§12.2: "requests within a dialog … do not … modify the dialog's route set"."""
    wire = Wire()
    wire.command(invite())
    wire.reply(200, body=ANSWER, Record_Route="<sip:203.0.113.1;lr>")
    wire.within("INVITE", wire.request("ACK"), cseq=1, body=ANSWER, headers="Record-Route: <sip:203.0.113.9;lr>\r\n", we_called=True)
    wire.within("ACK", wire.request("ACK"), cseq=1, we_called=True)
    wire.command(Hold(call=CallKey("call")))
    assert [route.uri.host for route in wire.request("INVITE").routes] == ["203.0.113.1"]


def test_a_request_that_may_go_no_further_is_for_us_and_answered() -> None:
    """§8.1.1.6, §11.2: Max-Forwards bounds proxies; at zero the element that it reached answers."""
    wire = Wire()
    data = (
        f"OPTIONS sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bKf;rport\r\nMax-Forwards: 0\r\n"
        f"From: <sip:bob@{PEER}>;tag=b\r\nTo: <sip:door@{OURS}>\r\nCall-ID: f\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    wire.receive(data)
    assert wire.take() == ["200 OPTIONS"]


def test_an_invitation_that_has_expired_is_answered_487() -> None:
    """§13.3.1: "If the invitation expires before the UAS has generated a final response, a 487 … SHOULD be generated"."""
    wire = Wire()
    wire.incoming(body=ANSWER, headers="Expires: 20\r\n")
    wire.advance(19)
    assert [each.status for each in responses(wire, "INVITE")][-1] < 200
    wire.advance(1)
    assert responses(wire, "INVITE")[-1].status == 487
    assert wire.told(CallEnded)


def test_the_ack_of_a_2xx_bears_the_credentials_of_its_invite() -> None:
    """§13.2.2.4: the ACK "MUST contain the same credentials as the INVITE"; §22.1: it is not challenged."""
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.command(Register(account=MAIN))
    wire.reply(200, Contact=f"<sip:door@{OURS}:5060>;expires=600")
    wire.command(invite(account=MAIN))
    challenge = 'Digest realm="door.example", nonce="n1", qop="auth", algorithm=SHA-256'
    wire.reply(407, wire.request("INVITE"), Proxy_Authenticate=challenge)
    placed = wire.request("INVITE")
    wire.reply(200, placed, body=ANSWER)
    ack = wire.request("ACK")
    assert placed.get("Proxy-Authorization")
    assert ack.get("Proxy-Authorization") == placed.get("Proxy-Authorization")
    assert wire.told(CallAnswered)


def test_a_challenge_is_answered_with_a_higher_number_in_the_same_call() -> None:
    """§22.2: "the UAC … MUST increment the CSeq"; "The Call-ID, From tag … SHOULD be the same" (§8.1.3.5)."""
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.command(Register(account=MAIN))
    first = wire.request("REGISTER")
    wire.reply(401, first, WWW_Authenticate='Digest realm="door.example", nonce="n1", qop="auth", algorithm=MD5')
    again = wire.request("REGISTER")
    assert again.cseq.number == first.cseq.number + 1
    assert (again.call_id, again.from_.tag) == (first.call_id, first.from_.tag)
    assert again.via.branch != first.via.branch  # §8.1.1.7: unique across space and time


# --- RFC 3261 §10, RFC 3581


def test_registrations_of_one_boot_share_their_call_id_and_count_up() -> None:
    """§10.2: "All registrations from a UAC SHOULD use the same Call-ID"; "A UA MUST increment the CSeq value by one for each REGISTER"."""
    wire = registered()
    numbers, ids = [], set()
    for _ in range(3):
        while not wire.sent:
            wire.advance((wire.agent.next_deadline() or 0.0) - wire.now_s)
        request = wire.request("REGISTER")
        numbers.append(request.cseq.number)
        ids.add(request.call_id)
        wire.reply(200, request, Contact=f"<sip:door@{OURS}:5060>;expires=600")
        wire.take()
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]
    assert len(ids) == 1


def test_a_removal_names_its_binding_with_no_time_left() -> None:
    """§10.2.2: a binding is removed by "an expiration interval of "0" for that contact address"."""
    wire = registered()
    wire.command(Unregister(account=MAIN))
    (contact,) = wire.request("REGISTER").contacts
    assert contact.param("expires") == "0"


def test_a_registration_is_refreshed_before_it_ends_whatever_the_server_granted() -> None:
    """§10.2.4: "A UA … refreshing" must do so before the expiry; §10.2.8: what counts is the server's own time."""
    for granted_s in (60, 600, 3600):
        wire = registering()
        wire.reply(200, Contact=f"<sip:door@{OURS}:5060>;expires={granted_s}")
        wire.take()
        wire.advance(granted_s - 1)
        assert "REGISTER" in wire.take()


def test_every_request_asks_for_the_port_of_its_response() -> None:
    """RFC 3581 §3: "the client … inserts" rport, which "MUST NOT have a value"."""
    via = registering().request().get("Via") or ""
    assert via.count("rport") == 1
    assert "rport=" not in via


# --- RFC 7616, RFC 8760


def test_a_client_counts_its_uses_of_a_nonce_and_makes_up_its_own() -> None:
    """RFC 7616 §3.4: "cnonce … MUST be specified if a qop directive is sent"; nc is "the hexadecimal count", the first "00000001"."""
    wire = registering()
    wire.reply(401, WWW_Authenticate='Digest realm="door.example", nonce="n1", qop="auth,auth-int", algorithm=SHA-256, opaque="o"')
    text = wire.request().get("Authorization") or ""
    given = Authorization.parse(text)
    assert re.search(r"nc=00000001[,\s]|nc=00000001$", text)
    assert re.search(r"qop=auth[,\s]|qop=auth$", text)  # §3.4: unquoted, and of those offered
    assert given.cnonce
    assert 'opaque="o"' in text  # §3.4: "MUST be included unchanged"
    assert "algorithm=SHA-256" in text  # §3.4: "MUST be the same as in the challenge"


def test_what_an_unknown_algorithm_asks_is_passed_over_for_the_next_that_is_known() -> None:
    """RFC 8760 §2.3: a client "MUST" look on: of several challenges one that it does not understand is ignored."""
    wire = registering()
    request = wire.request()
    lines = (
        ("WWW-Authenticate", 'Digest realm="door.example", nonce="a", qop="auth", algorithm=SHA3-512'),
        ("WWW-Authenticate", 'Digest realm="door.example", nonce="b", qop="auth", algorithm=MD5'),
    )
    wire.receive(make_response(request, 401, to_tag="r", headers=lines))
    assert Authorization.parse(wire.request().get("Authorization") or "").nonce == "b"


# --- RFC 6665: notifier


def test_a_2xx_to_subscribe_says_how_long_and_where_and_a_notify_follows_at_once() -> None:
    """§4.2.1.1: "200-class responses to SUBSCRIBE requests … MUST … Expires"; §4.2.1.2: "the notifier MUST … immediately … NOTIFY"."""
    wire = watched(Expires="86400")
    accepted = responses(wire, "SUBSCRIBE")[-1]
    assert accepted.status == 200
    assert 0 < (accepted.expires or 0) <= 86400  # §4.2.1.1: shorter, never longer
    assert accepted.contacts
    notify = wire.request("NOTIFY")
    assert notify.get("Event") == "dialog"
    assert notify.contacts
    state = subscription_state(notify)
    assert state is not None
    assert (state.state, state.expires_s) == ("active", accepted.expires)


def test_a_notify_repeats_the_event_with_its_id() -> None:
    """§4.2.2, §8.2.1: "the Event header field in NOTIFY … MUST match" package and id of the subscription."""
    wire = Wire(AgentSettings(gate=Gate(watchers=("bob@*",))))
    wire.incoming("SUBSCRIBE", headers="Event: dialog;id=7\r\n")
    assert wire.request("NOTIFY").get("Event") == "dialog;id=7"


def test_a_subscription_that_runs_out_is_told_so() -> None:
    """§4.2.2: "If the subscription … expired, the notifier MUST send a NOTIFY request with a Subscription-State of terminated", timeout."""
    wire = watched(Expires="120")
    wire.receive(make_response(wire.request("NOTIFY"), 200))
    wire.take()
    wire.advance(121)
    assert str(subscription_state(wire.request("NOTIFY"))) == "terminated;reason=timeout"


@pytest.mark.parametrize("status", [481, 404, 408])
def test_who_does_not_know_the_subscription_gets_no_further_notify(status: int) -> None:
    """§4.2.2: a NOTIFY answered 481 or by silence: "the notifier MUST remove the corresponding subscription"."""
    wire = watched()
    notify = wire.request("NOTIFY")
    if status == 408:
        wire.advance(33)
    else:
        wire.receive(make_response(notify, status))
    wire.take()
    wire.command(invite())
    wire.advance(2)
    assert "NOTIFY" not in wire.take()


# --- RFC 6665: subscriber


def test_a_subscriber_refreshes_within_the_dialog_and_removes_with_no_time() -> None:
    """§4.1.2.2, §4.1.2.3: refreshing and unsubscribing are SUBSCRIBEs in the dialog, the latter with "Expires: 0"."""
    wire, first = subscribed()
    wire.command(Unsubscribe(key="s"))
    last = wire.request("SUBSCRIBE")
    assert last.expires == 0
    assert (last.call_id, last.from_.tag, last.to.tag) == (first.call_id, first.from_.tag, "peer")
    assert last.get("Event") == first.get("Event")
    assert last.cseq.number == first.cseq.number + 1


# --- RFC 3428, RFC 3515


def test_a_message_makes_no_dialog_and_names_no_contact() -> None:
    """RFC 3428 §4: "MESSAGE requests do not initiate dialogs. User Agents MUST NOT insert Contact header fields into MESSAGE requests"."""
    wire = Wire()
    wire.command(SendMessage(key="m", target=BOB, content_type="text/plain", body=b"hello", account=None))
    message = wire.request("MESSAGE")
    assert message.get("Contact") is None
    wire.reply(200, message)
    wire.settle()
    assert wire.agent.is_idle


@pytest.mark.parametrize("target", ["http://door.example/", "mailto:bob@door.example"])
def test_what_a_refer_wants_and_we_do_not_do_is_declined(target: str) -> None:
    """RFC 3515 §2.4.2: "An agent responding to a REFER … If … the agent … does not … MUST" answer with a refusal and not with a 2xx."""
    wire = Wire(AgentSettings(refer=ReferPolicy.CALL))
    wire.command(invite())
    wire.reply(200, body=ANSWER)
    wire.within("REFER", wire.request("ACK"), cseq=1, headers=f"Refer-To: <{target}>\r\n", we_called=True)
    assert responses(wire, "REFER")[-1].status == 603
    assert "NOTIFY" not in wire.take()


# --- what a peer sends twice


def test_a_request_that_is_repeated_over_the_network_is_answered_the_same_and_acted_upon_once() -> None:
    """§17.2.2: "the last provisional … or final response … MUST be passed to the transport layer" for a retransmission."""
    wire = Wire()
    first = wire.incoming(body=ANSWER)
    assert len(wire.told(IncomingCall)) == 1
    wire.take()
    for _ in range(3):
        wire.receive(first)
    assert wire.take() == ["100 INVITE"] * 3
    assert len(wire.told(IncomingCall)) == 1


def test_a_registrars_answer_that_comes_twice_counts_once() -> None:
    """§17.1.2.2: in Completed "any … response … retransmissions" are absorbed."""
    wire = registering()
    request = wire.request()
    for _ in range(3):
        wire.reply(200, request, Contact=f"<sip:door@{OURS}:5060>;expires=600")
    assert len(wire.told(Registered)) == 1
