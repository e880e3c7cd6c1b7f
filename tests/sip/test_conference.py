"""The focus of a conference: what each phone is told, and who may see who takes part (RFC 4579, RFC 4575, RFC 3911)."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.body import conference_info
from firmware.sip.body.conference_info import ConferenceInfo
from firmware.sip.events import Answer, CallKey, Confer, DismissalRequested, HangUp, Hold, Hop, IncomingCall, Invite, ObeyDismissal
from firmware.sip.gate import Gate
from firmware.sip.message import Message, Request, make_response
from firmware.sip.settings import ReferPolicy
from tests.sip.wire import ANSWER, BOB, CALL, HOP, PEER, Wire, invite, media

ANYONE = AgentSettings(refer=ReferPolicy.CALL)
NEXT = CallKey("next")
CAROL = "sip:carol@192.0.2.33"
UPDATES = "INVITE, ACK, BYE, CANCEL, UPDATE"


def talking(settings: AgentSettings = ANYONE, allow: str = "INVITE, ACK, BYE, CANCEL", routes: str = "") -> Wire:
    """A call to Bob that is up."""
    wire = Wire(settings)
    wire.command(invite())
    wire.reply(200, body=ANSWER, Allow=allow, **({"Record_Route": routes} if routes else {}))  # type: ignore[arg-type]  # a header by name
    wire.advance(0.1)
    return wire


def confer(wire: Wire, *calls: CallKey) -> None:
    wire.command(Confer(calls=calls))


def is_focus(message: Message) -> bool:
    return message.contacts[0].param("isfocus") is not None


def subscribe(wire: Wire, sender: str = f"sip:bob@{PEER}", source: Hop = HOP) -> int:
    """SUBSCRIBE of the conference package; the status of its answer."""
    text = (
        "SUBSCRIBE sip:door@192.0.2.1 SIP/2.0\r\nMax-Forwards: 70\r\n"
        f"Via: SIP/2.0/UDP {source.host};branch=z9hG4bKsub{sender[4:7]};rport\r\n"
        f"From: <{sender}>;tag=watch\r\nTo: <sip:door@192.0.2.1>\r\nCall-ID: watch-{sender[4:7]}\r\nCSeq: 1 SUBSCRIBE\r\n"
        f"Contact: <sip:bob@{PEER}>\r\nEvent: conference\r\nContent-Length: 0\r\n\r\n"
    )
    wire.receive(text, source)
    return wire.response().status


def told(wire: Wire) -> ConferenceInfo:
    """The newest document, confirmed."""
    notify = wire.request("NOTIFY")
    wire.receive(make_response(notify, 200))
    return conference_info.decode(notify.body)


def roster(info: ConferenceInfo) -> dict[str, tuple[str | None, str | None]]:
    """Who is there, and how: status and joining method."""
    return {user.entity: (user.endpoints[0].status, user.endpoints[0].joining_method) for user in info.users}


def test_a_call_that_enters_a_conference_is_told_by_an_update_that_leaves_its_media_alone() -> None:
    wire = talking(allow=UPDATES)
    wire.take()
    confer(wire, CALL, NEXT)
    update = wire.request("UPDATE")
    assert is_focus(update)
    assert update.body == b""
    wire.reply(200, update)
    confer(wire)
    assert not is_focus(wire.request("UPDATE"))  # it is an ordinary call again


def test_a_phone_without_update_is_told_by_a_reinvite_that_repeats_the_offer() -> None:
    wire = talking()
    offered = wire.request("INVITE").body
    wire.take()
    confer(wire, CALL, NEXT)
    again = wire.request("INVITE")
    assert is_focus(again)
    assert again.body == offered


def test_a_change_during_an_update_is_told_by_the_next() -> None:
    wire = talking(allow=UPDATES)
    confer(wire, CALL, NEXT)
    first = wire.request("UPDATE")
    confer(wire)
    assert wire.request("UPDATE") == first
    wire.reply(200, first)
    assert not is_focus(wire.request("UPDATE"))


def test_who_is_called_in_hears_it_from_the_invite_on() -> None:
    wire = talking()
    confer(wire, CALL, NEXT)
    wire.reply(200, body=ANSWER)
    wire.command(Invite(call=NEXT, target=BOB, account=None, media=media(4100, 2)))
    assert is_focus(wire.request("INVITE"))


def test_the_conference_may_be_dialled_and_says_that_it_is_one() -> None:
    wire = talking(ANYONE._replace(conference="talk"))
    assert wire.request("INVITE").contacts[0].uri.user == "door"
    wire.incoming("INVITE", body=ANSWER, uri="sip:talk@192.0.2.1")
    (call,) = wire.told(IncomingCall)
    assert call.is_conference
    confer(wire, CALL, call.call)
    assert str(wire.request().contacts[0]) == "<sip:talk@192.0.2.1:5060>;isfocus"  # to Bob, whose call is part of it now
    wire.command(Answer(call=call.call, media=media(4100, 2), by_itself=True))
    accepted = wire.response()
    assert (accepted.status, str(accepted.contacts[0])) == (200, "<sip:talk@192.0.2.1:5060>;isfocus")
    wire.within("ACK", accepted, cseq=1, we_called=False)
    wire.within("BYE", accepted, cseq=2, we_called=False)
    assert wire.response().status == 200


def test_another_user_of_ours_is_no_conference() -> None:
    for settings, uri in ((ANYONE._replace(conference="talk"), "sip:door@192.0.2.1"), (ANYONE, "sip:192.0.2.1")):
        wire = Wire(settings)
        wire.incoming("INVITE", body=ANSWER, uri=uri)
        assert not wire.told(IncomingCall)[0].is_conference


@pytest.mark.parametrize(("user", "is_conference"), [("talk", True), ("door", False)])
def test_options_tell_whether_a_uri_is_a_conference(user: str, is_conference: bool) -> None:
    wire = Wire(ANYONE._replace(conference="talk"))
    wire.incoming("OPTIONS", uri=f"sip:{user}@192.0.2.1")
    assert [str(contact) for contact in wire.response().contacts] == ["<sip:talk@192.0.2.1:5060>;isfocus"] * is_conference


def test_an_ordinary_call_is_no_focus() -> None:
    wire = talking()
    assert not is_focus(wire.request("INVITE"))
    wire.command(Hold(call=CALL))
    assert not is_focus(wire.request("INVITE"))


def test_who_joins_hears_in_the_200_that_it_is_a_conference() -> None:
    wire = talking()
    ack = wire.request("ACK")
    dialog = f"{ack.call_id};to-tag={ack.from_.tag};from-tag=peer"
    wire.incoming("INVITE", body=ANSWER, headers=f"Join: {dialog}\r\nRequire: join\r\n")
    (call,) = wire.told(IncomingCall)
    wire.command(Answer(call=call.call, media=media(4100, 2)))
    assert wire.response().status == 200
    assert is_focus(wire.response())


def test_a_member_sees_who_takes_part_and_hears_each_change() -> None:
    wire = talking(allow=UPDATES)
    confer(wire, CALL, NEXT)
    wire.reply(200, wire.request("UPDATE"))
    assert subscribe(wire) == 200
    wire.command(Invite(call=NEXT, target=BOB._replace(user="carol"), account=None, media=media(4100, 2)))
    first = told(wire)
    assert (first.state, first.version, first.is_active, first.user_count) == ("full", 0, True, 2)
    assert roster(first) == {
        "sip:door@192.0.2.1": ("connected", "focus-owner"),
        f"sip:bob@{PEER}": ("connected", "dialed-out"),
    }
    wire.advance(5)
    assert roster(told(wire))[f"sip:carol@{PEER}"] == ("dialing-out", "dialed-out")
    placed = next(each for each in wire.sent if isinstance(each, Request) and each.method == "INVITE" and each.uri.user == "carol")
    wire.reply(180, placed, tag="carol")
    wire.advance(5)
    assert roster(told(wire))[f"sip:carol@{PEER}"] == ("alerting", "dialed-out")
    wire.reply(200, placed, tag="carol", body=ANSWER)
    wire.advance(5)
    up = told(wire)
    assert roster(up)[f"sip:carol@{PEER}"] == ("connected", "dialed-out")
    assert [media.status for user in up.users for each in user.endpoints for media in each.media] == ["sendrecv", "sendrecv"]
    wire.command(HangUp(call=NEXT))
    confer(wire)
    wire.advance(5)
    assert told(wire).is_active is False


def test_a_held_phone_is_shown_as_held() -> None:
    wire = talking(allow=UPDATES)
    confer(wire, CALL, NEXT)
    wire.reply(200, wire.request("UPDATE"))
    ack = wire.request("ACK")
    wire.within("INVITE", ack, cseq=1, body=ANSWER + b"a=sendonly\r\n", we_called=True)
    wire.within("ACK", ack, cseq=1, we_called=True)
    assert subscribe(wire) == 200
    info = told(wire)
    assert roster(info)[f"sip:bob@{PEER}"] == ("on-hold", "dialed-out")
    assert info.users[1].endpoints[0].media[0].status == "sendonly"


PROXY = HOP._replace(host="192.0.2.50")
STRANGER = HOP._replace(host="198.51.100.7")


@pytest.mark.parametrize(
    ("sender", "source", "status"),
    [
        (f"sip:bob@{PEER}", HOP, 200),
        (f"sip:other@{PEER}", HOP, 200),  # the phone itself, under another of its names
        (f"sip:bob@{PEER}", PROXY, 200),
        (f"sip:eve@{PEER}", PROXY, 403),  # another phone behind the same server
        (f"sip:bob@{PEER}", STRANGER, 403),
        ("sip:desk@elsewhere.example", STRANGER, 200),  # who may watch the door
    ],
)
def test_members_and_those_who_may_watch_the_door_see_it_and_nobody_else(sender: str, source: Hop, status: int) -> None:
    wire = talking(ANYONE._replace(gate=Gate(watchers=("desk@*",))), routes="<sip:192.0.2.50;lr>")
    confer(wire, CALL, NEXT)
    assert subscribe(wire, sender, source) == status


def test_without_a_conference_the_document_says_so() -> None:
    wire = Wire(AgentSettings(gate=Gate(watchers=("bob@*",))))
    assert subscribe(wire) == 200
    info = told(wire)
    assert (info.is_active, info.user_count, info.users) == (False, 0, ())


def test_the_document_does_not_help_to_take_a_call() -> None:
    wire = talking()
    confer(wire, CALL, NEXT)
    subscribe(wire)
    body = wire.request("NOTIFY").body.decode()
    ack = wire.request("ACK")
    assert ack.call_id not in body
    assert ack.from_.tag is not None
    assert ack.from_.tag not in body


def test_a_party_may_ask_for_another_to_be_hung_up_on() -> None:
    wire = talking()
    confer(wire, CALL, NEXT)
    wire.reply(200, body=ANSWER)
    ack = wire.request("ACK")
    wire.within("REFER", ack, cseq=1, headers=f"Refer-To: <{CAROL};method=BYE>\r\n", we_called=True)
    (asked,) = wire.told(DismissalRequested)
    assert str(asked.target) == CAROL
    wire.command(ObeyDismissal(transfer=asked.transfer))
    assert wire.take()[-2:] == ["202 REFER", "NOTIFY"]
    wire.within("REFER", ack, cseq=2, headers=f"Refer-To: <{CAROL};method=BYE>\r\nRefer-Sub: false\r\n", we_called=True)
    wire.command(ObeyDismissal(transfer=wire.told(DismissalRequested)[-1].transfer))
    assert wire.take() == ["202 REFER"]


def test_outside_of_a_conference_nobody_is_hung_up_on_for_others() -> None:
    wire = talking()
    wire.within("REFER", wire.request("ACK"), cseq=1, headers=f"Refer-To: <{CAROL};method=BYE>\r\n", we_called=True)
    assert wire.response().status == 603
    assert not wire.told(DismissalRequested)


def test_nothing_is_left_when_the_conference_is_over() -> None:
    wire = talking()
    confer(wire, CALL, NEXT)
    wire.reply(200, body=ANSWER)
    wire.command(HangUp(call=CALL))
    wire.reply(200, wire.request("BYE"))
    confer(wire)
    wire.settle()
    assert wire.agent.is_idle
