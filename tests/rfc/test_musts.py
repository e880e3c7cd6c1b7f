"""Rules that an endpoint MUST obey and that no flow or other test shows: each with the sentence of its RFC."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.body import sipfrag
from firmware.sip.events import (
    AcceptTransfer,
    Answer,
    CallEnded,
    CallKey,
    HangUp,
    Hold,
    IncomingCall,
    InfoReceived,
    MediaAgreed,
    Progress,
    Register,
    RequestDone,
    Ring,
    SendInfo,
    Transfer,
    TransferRequested,
    Update,
)
from firmware.sip.message import Request, Response
from firmware.sip.settings import CallHabits, ReferPolicy, Use
from firmware.sip.timers import T1_S
from tests.sip.wire import ANSWER, BOB, CALL, MAIN, OURS, PEER, Wire, account, invite, media, vouched

IN = CallKey("incoming-1")
RELIABLY = "Supported: 100rel\r\n"
DIGIT = b"Signal=5\r\n"


def called(*, headers: str = "", body: bytes = ANSWER) -> tuple[Wire, Request]:
    """The peer, whom we know, has called."""
    wire = vouched()
    first = wire.incoming(body=body, headers=headers)
    assert wire.told(IncomingCall)
    return wire, first


def answered_in(*, headers: str = "") -> tuple[Wire, Request, Response]:
    """A call that came in and is up."""
    wire, first = called(headers=headers)
    wire.command(Answer(call=IN, media=media()))
    answer = wire.response()
    wire.within("ACK", answer, cseq=1, we_called=False)
    wire.take()
    return wire, first, answer


def answered_out(settings: AgentSettings | None = None, **headers: str) -> tuple[Wire, Request]:
    """A call that we have placed and that is up; the INVITE."""
    wire = Wire(settings)
    wire.command(invite())
    first = wire.request("INVITE")
    wire.reply(200, first, body=ANSWER, **headers)
    return wire, first


def statuses(wire: Wire, method: str) -> list[int]:
    """Of our responses to that method, in order."""
    return [message.status for message in wire.sent if isinstance(message, Response) and message.cseq.method == method]


# --- RFC 3261


def test_the_timestamp_comes_back_in_the_100() -> None:
    """§8.2.6.1: "any Timestamp header field present in the request MUST be copied into this 100"."""
    wire, _ = called(headers="Timestamp: 54\r\n")
    trying = next(message for message in wire.sent if isinstance(message, Response))
    assert (trying.status, trying.get("Timestamp")) == (100, "54")
    assert trying.to.tag is None


def test_every_response_to_one_request_bears_the_same_tag() -> None:
    """§8.2.6.2: "the same tag MUST be used for all responses to that request, both final and provisional (again excepting 100)"."""
    wire, _ = called()
    wire.command(Ring(call=IN))
    wire.command(Answer(call=IN, media=media()))
    tags = {message.to.tag for message in wire.sent if isinstance(message, Response) and message.status > 100}
    assert len(tags) == 1
    assert None not in tags


def test_what_ack_and_cancel_require_is_passed_over() -> None:
    """§8.2.2.3: "Note that Require and Proxy-Require MUST NOT be used in a SIP CANCEL request, or in an ACK … MUST be ignored"."""
    wire, first = called()
    cancel = first.to_bytes().replace(b"INVITE", b"CANCEL").replace(b"\r\n\r\n", b"\r\nRequire: nonsense\r\n\r\n", 1)
    head, _, _ = cancel.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-")]
    wire.receive(b"\r\n".join(lines) + b"\r\nContent-Length: 0\r\n\r\n")
    assert (statuses(wire, "CANCEL"), statuses(wire, "INVITE")) == ([200], [100, 487])


def test_a_cancel_and_its_invite_are_answered_with_one_tag() -> None:
    """§9.2: "the To tag of the response to the CANCEL and the To tag in the response to the original request SHOULD be the same"."""
    wire, _ = called()
    wire.command(Ring(call=IN))
    wire.incoming("CANCEL", branch="z9hG4bKpeer1")
    tags = {message.to.tag for message in wire.sent if isinstance(message, Response) and message.status > 100}
    assert statuses(wire, "CANCEL") == [200]
    assert len(tags) == 1


def test_our_cancel_is_the_invite_but_for_its_method() -> None:
    """§9.1: "The Request-URI, Call-ID, To, the numeric part of CSeq, and From … MUST be identical", and so must the only Via."""
    wire = Wire()
    wire.command(invite())
    placed = wire.request("INVITE")
    wire.reply(180)
    wire.command(HangUp(call=CALL))
    cancel = wire.request("CANCEL")
    same = ("Call-ID", "From", "To", "Via", "Route")
    assert [cancel.get(name) for name in same] == [placed.get(name) for name in same]
    assert (cancel.uri, cancel.cseq.number, len(cancel.vias)) == (placed.uri, placed.cseq.number, 1)
    assert cancel.get("Require") is None
    assert cancel.get("Proxy-Require") is None


def test_no_cancel_is_sent_before_a_provisional_response() -> None:
    """§9.1: "If no provisional response has been received, the CANCEL request MUST NOT be sent"."""
    wire = Wire()
    wire.command(invite())
    placed = wire.request("INVITE")
    wire.command(HangUp(call=CALL))
    assert "CANCEL" not in wire.take()
    wire.reply(100, placed)
    assert wire.take() == ["CANCEL"]


def test_a_callee_sends_no_bye_in_an_early_dialog() -> None:
    """§15: "The callee's UA MUST NOT send a BYE on early dialogs"."""
    wire, _ = called()
    wire.command(Ring(call=IN))
    wire.command(HangUp(call=IN))
    assert [name for name in wire.take() if "BYE" in name] == []


def test_pending_requests_of_a_dialog_that_ends_are_answered() -> None:
    """§15.1.2: "MUST still respond to any pending requests received for that dialog. It is RECOMMENDED that a 487 … be generated"."""
    wire, _ = answered_out(AgentSettings(refer=ReferPolicy.CALL))
    ack = wire.request("ACK")
    wire.within("REFER", ack, cseq=1, headers=f"Refer-To: <sip:carol@{PEER}>\r\n", we_called=True)
    assert wire.told(TransferRequested)
    wire.within("BYE", ack, cseq=2, we_called=True)
    assert (statuses(wire, "BYE"), statuses(wire, "REFER")) == ([200], [487])


def test_requests_in_a_dialog_carry_on_its_numbers_by_one() -> None:
    """§12.2.1.1: "Requests within a dialog MUST contain strictly monotonically increasing and contiguous CSeq sequence numbers"."""
    wire, first = answered_out()
    for _ in range(3):
        wire.command(SendInfo(call=CALL, content_type="application/dtmf-relay", body=DIGIT))
        wire.reply(200, wire.request("INFO"))
    wire.command(Hold(call=CALL))
    numbers = [message.cseq.number for message in wire.sent if isinstance(message, Request) and message.method != "ACK"]
    assert numbers == list(range(first.cseq.number, first.cseq.number + 5))


def test_an_unknown_class_member_counts_as_the_first_of_its_class() -> None:
    """§8.1.3.2: "A UAC MUST treat any final response it does not recognize as being equivalent to the x00 response code of that class"."""
    wire = Wire()
    wire.command(invite())
    wire.reply(183 + 16)
    assert not wire.told(CallEnded)
    wire.reply(499)
    assert wire.request("ACK").cseq.method == "ACK"
    assert [end.status for end in wire.told(CallEnded)] == [499]


def test_the_response_goes_to_the_source_and_not_to_maddr() -> None:
    """A deviation from §18.2.2: nobody shall have us answer to a third party."""
    wire = Wire()
    wire.receive(
        f"OPTIONS sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bKm;maddr=203.0.113.66\r\nMax-Forwards: 70\r\n"
        f"From: <sip:bob@{PEER}>;tag=b\r\nTo: <sip:door@{OURS}>\r\nCall-ID: m\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    assert [hop.host for hop in wire.hops] == [PEER]


def test_a_response_whose_via_was_rewritten_on_its_way_is_taken_and_one_of_another_branch_is_not() -> None:
    """A deviation from §18.1.2, for translators that read SIP; what proves the response to be ours is its branch (§17.1.3)."""
    wire = Wire()
    wire.command(invite())
    placed = wire.request("INVITE")
    rewritten = placed.with_header("Via", str(placed.via).replace(OURS, "203.0.113.10"))
    foreign = placed.with_header("Via", str(placed.via).replace(placed.via.branch or "", "z9hG4bKother"))
    wire.reply(486, foreign)
    assert not wire.told(CallEnded)
    wire.reply(486, rewritten)
    assert [end.status for end in wire.told(CallEnded)] == [486]


def test_no_registration_is_sent_while_another_is_open() -> None:
    """§10.2: "UAs MUST NOT send a new registration … until they have received a final response" or "the previous … has timed out"."""
    wire = Wire(AgentSettings(accounts=(account(),)))
    wire.command(Register(account=MAIN))
    wire.command(Register(account=MAIN))
    assert wire.take() == ["REGISTER"]


# --- RFC 3264, RFC 6337


def test_an_answer_has_as_many_lines_as_the_offer_and_zero_for_what_is_refused() -> None:
    """RFC 3264 §6: "For each "m=" line in the offer, there MUST be a corresponding "m=" line in the answer"."""
    more = b"m=application 9 TCP/BFCP *\r\nm=audio 9002 RTP/AVP 0\r\n"
    wire, _ = called(body=ANSWER + more)
    wire.command(Answer(call=IN, media=media()))
    lines = [line.split() for line in wire.response().body.decode().splitlines() if line.startswith("m=")]
    assert [line[0] for line in lines] == ["m=audio", "m=application", "m=audio"]
    assert [line[1] == "0" for line in lines] == [False, True, True]


@pytest.mark.parametrize(("theirs", "ours"), [("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")])
def test_the_direction_of_an_answer_fits_the_offer(theirs: str, ours: str) -> None:
    """RFC 3264 §6.1: "If a stream is offered as sendonly, the corresponding stream MUST be marked as recvonly or inactive", and so on."""
    wire, _ = called(body=ANSWER + f"a={theirs}\r\n".encode())
    wire.command(Answer(call=IN, media=media()))
    assert f"a={ours}\r\n".encode() in wire.response().body


def test_a_changed_description_has_its_version_raised_by_one_and_an_equal_one_not() -> None:
    """RFC 3264 §8: "the version in the origin field MUST increment by one from the previous SDP" only if the SDP differs."""
    wire, first = answered_out()
    versions = [int(first.body.split(b"o=", 1)[1].split()[2])]
    for _ in range(2):
        wire.command(Hold(call=CALL))
        again = wire.request("INVITE")
        versions.append(int(again.body.split(b"o=", 1)[1].split()[2]))
        wire.reply(200, again, body=ANSWER.replace(b"- 7 1", b"- 7 2") + b"a=recvonly\r\n")
    assert versions == [versions[0], versions[0] + 1, versions[0] + 1]


def test_no_offer_is_made_while_one_of_ours_is_open() -> None:
    """RFC 3264 §4: "It MUST NOT generate a new offer if … it has generated a prior offer for which it has not yet received an answer"."""
    wire, _ = answered_out()
    wire.take()
    wire.command(Hold(call=CALL))
    wire.command(Update(call=CALL, media=None))
    assert wire.take() == ["INVITE"]


# --- RFC 3262


def test_a_reliable_response_waits_for_the_prack_of_the_one_before() -> None:
    """§3: "the UAS MUST NOT send a second reliable provisional response until the first is acknowledged"."""
    wire, _ = called(headers=RELIABLY)
    wire.command(Progress(call=IN, media=media(), status=183))
    first = wire.response()
    assert (first.status, first.get("Require")) == (183, "100rel")
    number = int(first.get("RSeq") or 0)
    assert 1 <= number <= 2**31 - 1  # §3
    wire.command(Ring(call=IN))
    reliable = [each for each in wire.sent if isinstance(each, Response) and each.get("RSeq") is not None]
    assert {each.get("RSeq") for each in reliable} == {str(number)}


def test_a_100_is_never_reliable() -> None:
    """§3: "The UAS MUST NOT attempt to send a 100 (Trying) response reliably"."""
    wire, _ = called(headers="Require: 100rel\r\n")
    trying = next(message for message in wire.sent if isinstance(message, Response))
    assert (trying.status, trying.get("RSeq"), trying.get("Require")) == (100, None, None)


def test_only_invite_is_answered_reliably_and_prack_is_no_target_refresh() -> None:
    """§3: "a reliable provisional response … MUST NOT be sent to any request but INVITE"; §5, §6: PRACK is an ordinary request."""
    wire, _ = called(headers=RELIABLY)
    wire.command(Progress(call=IN, media=media(), status=183))
    response = wire.response()
    number = response.get("RSeq")
    wire.within("PRACK", response, cseq=2, headers=f"RAck: {number} 1 INVITE\r\n", we_called=False)
    assert statuses(wire, "PRACK") == [200]
    assert wire.response().get("RSeq") is None


# --- RFC 3311, RFC 6141


def test_an_update_that_meets_ours_is_491() -> None:
    """RFC 3311 §5.2: "If an UPDATE is received that contains an offer, and the UAS has generated an offer … MUST reject with a 491"."""
    wire, _ = answered_out(Allow="INVITE, ACK, BYE, UPDATE")
    wire.command(Update(call=CALL, media=None))
    wire.within("UPDATE", wire.request("ACK"), cseq=1, body=ANSWER, we_called=True)
    assert statuses(wire, "UPDATE") == [491]


def test_a_refused_reinvite_does_not_undo_an_update_of_before() -> None:
    """RFC 6141 §3.4: what was agreed by a complete offer and answer before stays, whatever becomes of the re-INVITE."""
    wire, _ = answered_out()
    wire.within("UPDATE", wire.request("ACK"), cseq=1, body=ANSWER.replace(b"7000", b"7002").replace(b"- 7 1", b"- 7 2"), we_called=True)
    assert wire.told(MediaAgreed)[-1].session.remote_rtp_port == 7002
    wire.command(Hold(call=CALL))
    wire.reply(488, wire.request("INVITE"))
    assert wire.told(MediaAgreed)[-1].session.remote_rtp_port == 7002
    assert [done.status for done in wire.told(RequestDone)] == [488]
    assert not wire.told(CallEnded)


# --- RFC 4028


def test_a_request_that_refreshes_states_the_timer_that_runs() -> None:
    """§7.4: "the refresh request … MUST include a Session-Expires header field" as long as the timer shall go on."""
    wire, _ = answered_out(Session_Expires="90;refresher=uac", Require="timer", Allow="INVITE, ACK, BYE, UPDATE")
    wire.take()
    wire.advance(46)
    refreshed = wire.request("UPDATE")
    assert (refreshed.get("Session-Expires") or "").startswith("90")
    assert "refresher=uac" in (refreshed.get("Session-Expires") or "")


def test_a_2xx_to_whoever_supports_the_timer_requires_it_and_names_who_refreshes() -> None:
    """§9: "The UAS … MUST include the Session-Expires … refresher …; if uac, a Require header field with the value timer"."""
    wire, _ = called(headers="Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\n")
    wire.command(Answer(call=IN, media=media()))
    answer = wire.response()
    assert answer.get("Session-Expires") == "1800;refresher=uac"
    assert "timer" in (answer.get("Require") or "")


# --- RFC 6026


def test_a_repeated_invite_after_the_2xx_is_absorbed() -> None:
    """§7.1: in Accepted "if a retransmission of the INVITE is received", it "MUST NOT be passed to the TU", nor is it answered."""
    wire, first = called()
    wire.command(Answer(call=IN, media=media()))
    wire.take()
    wire.receive(first)
    assert wire.take() == []
    assert len(wire.told(IncomingCall)) == 1
    wire.advance(T1_S)
    assert wire.take() == ["200 INVITE"]  # the core repeats it, in its own time


def test_a_2xx_that_comes_again_long_after_the_ack_is_acknowledged_again() -> None:
    """§7.2: the transaction lives for timer M, and "any 2xx … MUST be passed to the TU"."""
    wire, first = answered_out()
    answer = ANSWER
    wire.take()
    wire.advance(20)
    wire.reply(200, first, body=answer)
    assert wire.take() == ["ACK"]


# --- RFC 6086


@pytest.mark.parametrize("kind", ["application/dtmf-relay", "application/x-unknown"])
def test_an_info_of_a_package_that_we_never_named_is_469(kind: str) -> None:
    """§4.2.2: "the UA MUST send a 469 (Bad Info Package) response …, which contains a Recv-Info header field"."""
    wire, _ = answered_out()
    wire.within("INFO", wire.request("ACK"), cseq=1, headers=f"Info-Package: foo\r\nContent-Type: {kind}\r\n", body=DIGIT, we_called=True)
    response = wire.response()
    assert (response.status, response.get("Recv-Info")) == (469, "")
    assert not wire.told(InfoReceived)


def test_an_info_without_a_package_is_of_the_older_use() -> None:
    """§3: legacy usage goes on."""
    wire, _ = answered_out()
    wire.within("INFO", wire.request("ACK"), cseq=1, headers="Content-Type: application/dtmf-relay\r\n", body=DIGIT, we_called=True)
    assert wire.response().status == 200
    assert [info.body for info in wire.told(InfoReceived)] == [DIGIT]


# --- RFC 3891, RFC 3911


@pytest.mark.parametrize("header", ["Replaces", "Join"])
@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE", "REFER"])
def test_a_takeover_stands_in_an_invite_alone(header: str, method: str) -> None:
    """RFC 3891 §3: "If the Replaces header field is present in a request other than INVITE, the UAS MUST reject the request with a 400"."""
    wire, _ = answered_out()
    line = f"{header}: c;to-tag=a;from-tag=b\r\n"
    wire.within(method, wire.request("ACK"), cseq=1, headers=line, we_called=True)
    assert wire.response().status == 400
    assert not wire.told(CallEnded)


# --- RFC 3515, RFC 6665


def test_a_report_follows_the_acceptance_at_once_and_has_a_status_line() -> None:
    """RFC 3515 §2.4.4: "the agent … MUST immediately send a NOTIFY"; §2.4.5: the body MUST begin with a SIP status line."""
    wire, _ = answered_out(AgentSettings(refer=ReferPolicy.CALL))
    wire.within("REFER", wire.request("ACK"), cseq=1, headers=f"Refer-To: <sip:carol@{PEER}>\r\n", we_called=True)
    wire.take()
    wire.command(AcceptTransfer(transfer=wire.told(TransferRequested)[0].transfer, call=CallKey("next"), media=media(4100, 2)))
    report = wire.request("NOTIFY")
    assert wire.take()[:2] == ["202 REFER", "NOTIFY"]
    assert sipfrag.decode(report.body).status == 100
    assert (report.get("Event"), report.get("Contact") is not None) == ("refer", True)
    assert (report.get("Subscription-State") or "").startswith("active;expires=")


def test_a_refer_of_ours_names_one_target_and_one_contact() -> None:
    """RFC 3515 §2.4.1: "A REFER request … MUST contain exactly one Refer-To"; §2.2: "MUST contain a single Contact"."""
    wire, _ = answered_out()
    wire.command(Transfer(call=CALL, target=BOB))
    refer = wire.request("REFER")
    assert [len(refer.get_all(name)) for name in ("Refer-To", "Contact")] == [1, 1]


def test_a_notify_of_no_subscription_is_481_within_a_call_as_well() -> None:
    """RFC 6665 §4.1.3: "If no matching subscription is found … a 481 response MUST be returned"."""
    wire, _ = answered_out()
    headers = "Event: refer\r\nSubscription-State: active\r\nContent-Type: message/sipfrag\r\n"
    wire.within("NOTIFY", wire.request("ACK"), cseq=1, headers=headers, body=b"SIP/2.0 200 OK\r\n", we_called=True)
    assert wire.response().status == 481
    assert not wire.told(CallEnded)


# --- RFC 4320


@pytest.mark.parametrize("method", ["REFER", "INFO", "UPDATE"])
def test_requests_that_are_no_invite_get_no_408(method: str) -> None:
    """RFC 4320 §4.2: "A transaction-stateful SIP element MUST NOT send a response with Status-Code of 408 to a non-INVITE request"."""
    wire, _ = answered_out(AgentSettings(refer=ReferPolicy.CALL))
    extra = f"Refer-To: <sip:carol@{PEER}>\r\n" if method == "REFER" else ""
    wire.within(method, wire.request("ACK"), cseq=1, headers=extra, we_called=True)
    wire.advance(40)
    assert statuses(wire, method)
    assert 408 not in statuses(wire, method)


# --- habits that forbid


def test_what_the_settings_forbid_is_neither_supported_nor_demanded() -> None:
    """RFC 3261 §20.37: Supported "MUST NOT" name what is not understood."""
    habits = CallHabits(reliable=Use.OFF, session_timer=Use.OFF)
    wire = Wire(AgentSettings(habits=habits))
    wire.command(invite())
    placed = wire.request("INVITE")
    supported = {tag.strip() for value in placed.get_all("Supported") for tag in value.split(",")}
    assert not supported & {"100rel", "timer"}
    assert placed.get("Session-Expires") is None
