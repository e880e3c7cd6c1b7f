"""A call that we place: RFC 3261 §13.2, §9.1, §8.1.3.4."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.events import CallAnswered, CallEnded, CallKey, CallProgress, EndCause, HangUp, Hold, Hop, MediaAgreed, Reason, Transport
from firmware.sip.fields import DATAGRAM_BYTES_MAX
from firmware.sip.uri import Uri
from firmware.sip.usage.large_requests import SILENT_S
from tests.sip.wire import ANSWER, BOB, CALL, HOP, MAIN, NO_COMMON, OURS, PEER, Wire, account, invite

ELSEWHERE = Reason(protocol="SIP", cause=200, text="Call completed elsewhere")


@pytest.fixture
def wire() -> Wire:
    return Wire()


def with_account() -> Wire:
    return Wire(AgentSettings(accounts=(account(),)))


def calling(wire: Wire) -> None:
    wire.command(invite())


def test_the_invite_holds_what_every_request_must_and_an_offer_with_our_address(wire: Wire) -> None:
    calling(wire)
    sent = wire.request("INVITE")
    assert sent.uri == BOB
    assert sent.to.tag is None
    assert sent.from_.tag
    assert sent.max_forwards == 70
    assert sent.via.rport == 0  # asked for, to be filled in by the next hop (RFC 3581)
    assert str(sent.contacts[0].uri) == f"sip:door@{OURS}:5060"
    assert f"c=IN IP4 {OURS}".encode() in sent.body
    assert sent.get("Allow") is not None


def test_an_answered_call_is_acknowledged_and_its_media_told(wire: Wire) -> None:
    calling(wire)
    wire.reply(180)
    wire.reply(200, body=ANSWER)
    assert wire.take() == ["INVITE", "ACK"]
    assert [progress.status for progress in wire.told(CallProgress)] == [180]
    assert len(wire.told(CallAnswered)) == 1
    (agreed,) = wire.told(MediaAgreed)
    assert (agreed.early, agreed.session.remote_rtp_port) == (False, 7000)


def test_the_ack_of_a_2xx_has_its_own_branch_the_invites_number_and_the_peers_contact(wire: Wire) -> None:
    calling(wire)
    sent = wire.request()
    wire.reply(200, body=ANSWER, Contact=f"<sip:bob@{PEER}:7777>")
    ack = wire.request("ACK")
    assert ack.via.branch != sent.via.branch
    assert ack.cseq.number == sent.cseq.number
    assert ack.uri.port == 7777
    assert ack.to.tag == "peer"


def test_each_repetition_of_the_2xx_gets_the_same_ack_again(wire: Wire) -> None:
    calling(wire)
    sent = wire.request()
    for _ in range(3):
        wire.reply(200, sent, body=ANSWER)
    acks = [data for data in wire.raw if data.startswith(b"ACK")]
    assert len(acks) == 3
    assert len(set(acks)) == 1
    assert len(wire.told(CallAnswered)) == 1


def test_early_media_is_told_before_the_answer(wire: Wire) -> None:
    calling(wire)
    wire.reply(183, body=ANSWER)
    wire.reply(200, body=ANSWER)
    assert [agreed.early for agreed in wire.told(MediaAgreed)] == [True, False]


def test_a_200_without_description_means_the_one_of_its_183(wire: Wire) -> None:
    calling(wire)
    wire.reply(183, body=ANSWER)
    wire.reply(200)
    assert [agreed.early for agreed in wire.told(MediaAgreed)] == [True, False]
    assert not wire.told(CallEnded)


def test_a_200_without_any_description_is_acknowledged_and_ended(wire: Wire) -> None:
    calling(wire)
    wire.reply(200)
    assert wire.take() == ["INVITE", "ACK", "BYE"]
    assert wire.told(CallEnded)[0].cause is EndCause.INCOMPATIBLE


def test_an_answer_with_none_of_our_codecs_is_acknowledged_and_ended(wire: Wire) -> None:
    calling(wire)
    wire.reply(200, body=NO_COMMON)
    assert wire.take() == ["INVITE", "ACK", "BYE"]
    assert [end.cause for end in wire.told(CallEnded)] == [EndCause.INCOMPATIBLE]


def test_an_invite_without_offer_gets_its_answer_in_the_ack(wire: Wire) -> None:
    wire.command(invite(offerless=True))
    assert wire.request().body == b""
    wire.reply(200, body=ANSWER)
    ack = wire.request("ACK")
    assert ack.content_type == "application/sdp"
    assert b"m=audio 4000" in ack.body
    assert len(wire.told(MediaAgreed)) == 1


@pytest.mark.parametrize(
    ("status", "cause"),
    [(486, EndCause.REFUSED), (603, EndCause.REFUSED), (488, EndCause.INCOMPATIBLE), (408, EndCause.TIMEOUT), (404, EndCause.REFUSED)],
)
def test_a_refusal_is_acknowledged_in_its_transaction_and_told_once(wire: Wire, status: int, cause: EndCause) -> None:
    calling(wire)
    sent = wire.request()
    wire.reply(status)
    wire.reply(status, sent)  # its repetition
    assert wire.take() == ["INVITE", "ACK", "ACK"]
    assert [(end.cause, end.status) for end in wire.told(CallEnded)] == [(cause, status)]


def test_a_refusal_is_told_with_the_words_of_its_warning(wire: Wire) -> None:
    """RFC 3261 §20.43: "human readable text" that says what 488 alone does not."""
    calling(wire)
    wire.reply(488, Warning='305 phone.example "only encrypted calls"')
    assert [end.text for end in wire.told(CallEnded)] == ["Not Acceptable Here: only encrypted calls"]


def test_the_ack_of_a_refusal_repeats_branch_and_request_uri(wire: Wire) -> None:
    calling(wire)
    sent = wire.request()
    wire.reply(486)
    ack = wire.request("ACK")
    assert ack.via.branch == sent.via.branch
    assert ack.uri == sent.uri
    assert ack.to.tag == "peer"


def test_silence_is_given_up_after_32_seconds_and_7_invites(wire: Wire) -> None:
    calling(wire)
    wire.advance(31.9)
    assert wire.take() == ["INVITE"] * 7
    assert not wire.told(CallEnded)
    wire.advance(0.2)
    assert [(end.cause, end.status) for end in wire.told(CallEnded)] == [(EndCause.TIMEOUT, 408)]


def test_an_unreachable_target_ends_the_call_at_once(wire: Wire) -> None:
    calling(wire)
    wire.fail()
    assert [end.cause for end in wire.told(CallEnded)] == [EndCause.UNREACHABLE]


def test_a_name_without_address_ends_the_call_at_once(wire: Wire) -> None:
    wire.names["nowhere.example"] = ()
    wire.command(invite(Uri.parse("sip:bob@nowhere.example")))
    assert wire.take() == []
    assert wire.told(CallEnded)[0].cause is EndCause.UNREACHABLE
    assert "nowhere.example" in wire.told(CallEnded)[0].text


def test_the_next_hop_is_tried_when_one_fails(wire: Wire) -> None:
    second = Hop(transport=Transport.UDP, host="192.0.2.10", port=5060, local_host=OURS, local_port=5060)
    wire.names[PEER] = (HOP, second)
    calling(wire)
    first = wire.request()
    wire.fail()
    again = wire.request()
    assert wire.hops[-1] == second
    assert again.via.branch != first.via.branch
    assert again.call_id == first.call_id
    assert again.cseq.number > first.cseq.number
    wire.reply(503)
    assert [end.status for end in wire.told(CallEnded)] == [503]


def test_a_503_moves_on_to_the_next_hop(wire: Wire) -> None:
    wire.names[PEER] = (HOP, Hop(transport=Transport.UDP, host="192.0.2.10", port=5060, local_host=OURS, local_port=5060))
    calling(wire)
    wire.reply(503)
    assert wire.take() == ["INVITE", "ACK", "INVITE"]
    assert not wire.told(CallEnded)


# --- CANCEL


def test_cancel_waits_for_a_provisional_response(wire: Wire) -> None:
    calling(wire)
    sent = wire.request()
    wire.command(HangUp(call=CALL, reason=ELSEWHERE))
    assert wire.take() == ["INVITE"]
    assert [end.cause for end in wire.told(CallEnded)] == [EndCause.LOCAL]
    wire.reply(100, sent)
    cancel = wire.request("CANCEL")
    assert cancel.via == sent.via
    assert cancel.cseq.number == sent.cseq.number
    assert cancel.get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'


def test_a_cancelled_call_ends_once_with_487(wire: Wire) -> None:
    calling(wire)
    sent = wire.request()
    wire.reply(180)
    wire.command(HangUp(call=CALL))
    wire.reply(200, wire.request("CANCEL"))
    wire.reply(487, sent)
    assert wire.take() == ["INVITE", "CANCEL", "ACK"]
    assert len(wire.told(CallEnded)) == 1
    wire.settle()
    assert not any(wire.agent.census().values())


def test_a_200_that_crosses_the_cancel_is_acknowledged_and_ended(wire: Wire) -> None:
    calling(wire)
    sent = wire.request()
    wire.reply(180)
    wire.command(HangUp(call=CALL))
    wire.reply(200, sent, body=ANSWER)
    assert wire.take() == ["INVITE", "CANCEL", "ACK", "BYE"]
    assert not wire.told(CallAnswered)
    assert len(wire.told(CallEnded)) == 1


def test_a_cancel_that_nobody_heeds_is_given_up_after_32_seconds(wire: Wire) -> None:
    calling(wire)
    wire.reply(180)
    wire.command(HangUp(call=CALL))
    wire.advance(33)
    wire.settle()
    assert not any(wire.agent.census().values())


def test_hanging_up_twice_sends_one_cancel(wire: Wire) -> None:
    calling(wire)
    wire.reply(180)
    wire.command(HangUp(call=CALL))
    wire.command(HangUp(call=CALL))
    assert wire.take() == ["INVITE", "CANCEL"]
    assert len(wire.told(CallEnded)) == 1


def test_a_phone_that_rings_for_ever_is_cancelled(wire: Wire) -> None:
    calling(wire)
    wire.reply(180)
    wire.advance(AgentSettings().unanswered_max_s + 1)
    assert "CANCEL" in wire.take()
    assert [end.cause for end in wire.told(CallEnded)] == [EndCause.TIMEOUT]


def test_a_call_taken_back_during_the_name_look_up_is_never_sent(wire: Wire) -> None:
    wire.held = []
    calling(wire)
    wire.command(HangUp(call=CALL))
    assert len(wire.told(CallEnded)) == 1
    wire.locate()
    assert wire.take() == []
    assert not any(wire.agent.census().values())


def test_a_200_repeated_during_the_look_up_of_its_ack_needs_one_look_up(wire: Wire) -> None:
    calling(wire)
    sent = wire.request()
    wire.held = []
    wire.reply(200, sent, body=ANSWER)
    wire.reply(200, sent, body=ANSWER)
    assert len(wire.held) == 1
    wire.locate()
    assert wire.take() == ["INVITE", "ACK"]


# --- forks


def test_the_second_fork_that_answers_is_acknowledged_and_ended(wire: Wire) -> None:
    calling(wire)
    sent = wire.request()
    wire.reply(200, sent, tag="first", body=ANSWER)
    wire.take()
    wire.reply(200, sent, tag="second", body=ANSWER)
    assert [(message.get("To") or "").endswith("tag=second") for message in wire.sent] == [True, True]
    assert wire.take() == ["ACK", "BYE"]
    assert len(wire.told(CallAnswered)) == 1
    assert not wire.told(CallEnded)


# --- 3xx


def test_contacts_of_a_302_are_tried_best_first_under_the_same_call_id(wire: Wire) -> None:
    calling(wire)
    first = wire.request()
    wire.reply(302, Contact="<sip:low@192.0.2.20>;q=0.1, <sip:high@192.0.2.21>;q=0.9")
    second = wire.request("INVITE")
    assert second.uri.user == "high"
    assert (second.call_id, second.from_) == (first.call_id, first.from_)
    assert second.cseq.number == first.cseq.number + 1
    wire.reply(486, second)
    assert wire.request("INVITE").uri.user == "low"
    wire.reply(486, wire.request("INVITE"))
    assert [end.status for end in wire.told(CallEnded)] == [486]


def test_a_circle_of_redirections_ends(wire: Wire) -> None:
    calling(wire)
    wire.reply(302, Contact="<sip:a@192.0.2.20>")
    wire.reply(302, wire.request("INVITE"), Contact=f"<sip:bob@{PEER}>, <sip:a@192.0.2.20>")
    assert [end.status for end in wire.told(CallEnded)] == [302]


def test_an_endless_chain_of_redirections_ends(wire: Wire) -> None:
    calling(wire)
    for hop in range(AgentSettings().redirects_max + 1):
        assert not wire.told(CallEnded)
        wire.reply(302, wire.request("INVITE"), Contact=f"<sip:n{hop}@192.0.2.20>")
    assert [end.status for end in wire.told(CallEnded)] == [302]


def test_a_6xx_ends_the_search(wire: Wire) -> None:
    calling(wire)
    wire.reply(302, Contact="<sip:a@192.0.2.20>, <sip:b@192.0.2.21>")
    wire.reply(603, wire.request("INVITE"))
    assert [end.status for end in wire.told(CallEnded)] == [603]


# --- size, proxies


def large() -> Uri:
    return Uri.parse("sip:bob@192.0.2.9;padding=" + "x" * 700)


TCP = Hop(transport=Transport.TCP, host=PEER, port=5060, local_host=OURS, local_port=5060)


def test_a_request_too_large_for_udp_goes_over_tcp(wire: Wire) -> None:
    wire.tcp = (TCP,)
    wire.command(invite(large()))
    assert [hop.transport for hop in wire.hops] == [Transport.TCP]
    assert wire.request().via.transport == "TCP"
    assert wire.request().contacts[0].uri.param("transport") == "tcp"
    assert b"\r\nCall-ID: " in wire.request().to_bytes(), "short names would not make it fit"


def test_it_goes_over_udp_after_all_when_tcp_is_refused(wire: Wire) -> None:
    wire.tcp = (TCP,)
    wire.command(invite(large()))
    wire.fail(TCP)
    assert [hop.transport for hop in wire.hops] == [Transport.TCP, Transport.UDP]


def test_it_goes_over_udp_when_there_is_no_tcp(wire: Wire) -> None:
    wire.command(invite(large()))
    assert [hop.transport for hop in wire.hops] == [Transport.UDP]


@pytest.mark.parametrize(("padding", "short_names", "short_offer"), [(250, False, False), (270, True, False), (310, True, True)])
def test_a_request_that_is_a_little_too_large_is_written_shorter_and_stays_on_udp(
    wire: Wire, padding: int, *, short_names: bool, short_offer: bool
) -> None:
    wire.tcp = (TCP,)
    wire.command(invite(Uri.parse("sip:bob@192.0.2.9;padding=" + "x" * padding)))
    assert [hop.transport for hop in wire.hops] == [Transport.UDP]
    sent = wire.request()
    assert len(sent.to_bytes()) <= DATAGRAM_BYTES_MAX
    assert (b"\r\ni: " in sent.to_bytes()) is short_names  # RFC 3261 §7.3.3
    assert b"\r\nVia: " in sent.to_bytes()  # as the proxies that set theirs above it spell it
    assert (b"a=rtpmap:8 " not in sent.body) is short_offer
    wire.reply(200, body=ANSWER)
    (agreed,) = wire.told(MediaAgreed)
    assert agreed.session.remote_rtp_port == 7000


def test_what_began_short_goes_on_so(wire: Wire) -> None:
    wire.command(invite(Uri.parse("sip:bob@192.0.2.9;padding=" + "x" * 310)))
    wire.reply(200, body=ANSWER, Contact=f"<sip:bob@{PEER}>")
    wire.command(Hold(call=CALL))
    assert len(wire.request("INVITE").to_bytes()) < DATAGRAM_BYTES_MAX
    assert b"a=rtpmap:8 " not in wire.request("INVITE").body


def test_a_phone_that_says_nothing_over_tcp_keeps_a_visitor_waiting_for_two_seconds_once(wire: Wire) -> None:
    wire.tcp = (TCP, TCP._replace(host="192.0.2.10"))
    wire.command(invite(large()))
    wire.advance(1.9)
    assert [hop.transport for hop in wire.hops] == [Transport.TCP]
    wire.advance(0.2)
    assert [hop.transport for hop in wire.hops] == [Transport.TCP, Transport.UDP]
    wire.command(invite(large())._replace(call=CallKey("second")))
    assert [hop.transport for hop in wire.hops][2:] == [Transport.UDP]
    wire.advance(SILENT_S)
    wire.hops.clear()
    wire.command(invite(large())._replace(call=CallKey("third")))
    assert [hop.transport for hop in wire.hops] == [Transport.TCP]


def test_an_outbound_proxy_is_the_next_hop_and_the_first_route() -> None:
    wire = Wire(AgentSettings(accounts=(account(outbound_proxy=Uri.parse("sip:192.0.2.50:5070")),)))
    wire.command(invite(Uri.parse("sip:flat@door.example"), account=MAIN))
    assert (wire.hops[0].host, wire.hops[0].port) == ("192.0.2.50", 5070)
    assert wire.request().get("Route") == "<sip:192.0.2.50:5070;lr>"


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        ("sip:flat@door.example", PEER, 5060),  # the domain itself: the registrar is its proxy
        ("sip:flat@DOOR.example", PEER, 5060),
        ("sip:flat@door.example:5070", "door.example", 5070),  # another server at the same host
        ("sip:bob@192.0.2.66", "192.0.2.66", 5060),
    ],
)
def test_without_a_proxy_only_the_accounts_own_domain_goes_to_its_registrar(target: str, host: str, port: int) -> None:
    wire = with_account()
    wire.command(invite(Uri.parse(target), account=MAIN))
    assert (wire.hops[0].host, wire.hops[0].port) == (host, port)
    assert wire.request().get("Route") is None


def test_a_telephone_number_becomes_a_user_of_the_accounts_domain() -> None:
    wire = with_account()
    wire.command(invite(Uri.parse("tel:+4930123"), account=MAIN))
    assert str(wire.request().uri) == "sip:+4930123@door.example;user=phone"


def test_a_telephone_number_cannot_be_called_directly(wire: Wire) -> None:
    wire.command(invite(Uri.parse("tel:+4930123")))
    assert wire.take() == []
    assert wire.told(CallEnded)[0].cause is EndCause.UNREACHABLE
