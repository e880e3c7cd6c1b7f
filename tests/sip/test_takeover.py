"""Calls that take the place of another or enter it (RFC 3891, RFC 3911), and what an INVITE says about its caller."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.events import Answer, CallEnded, EndCause, HangUp, IncomingCall, Invite, Ring
from firmware.sip.headers import NameAddr
from firmware.sip.replaces import Join, Replaces
from firmware.sip.settings import CallHabits, ReferPolicy
from firmware.sip.uri import Uri
from tests.sip.wire import ANSWER, BOB, CALL, MAIN, PEER, Wire, account, invite, media

ANYONE = AgentSettings(refer=ReferPolicy.CALL)


def answered(settings: AgentSettings = ANYONE) -> tuple[Wire, str]:
    """A call that we placed, and how a third party names it: the to-tag is ours."""
    wire = Wire(settings)
    wire.command(invite())
    wire.reply(200, body=ANSWER)
    ack = wire.request("ACK")
    wire.take()
    return wire, f"{ack.call_id};to-tag={ack.from_.tag};from-tag=peer"


def arriving(wire: Wire, name: str, dialog: str) -> IncomingCall | None:
    wire.incoming("INVITE", body=ANSWER, headers=f"{name}: {dialog}\r\nRequire: {name.lower()}\r\n")
    told = wire.told(IncomingCall)
    return told[-1] if told else None


def test_a_replacing_call_is_told_with_the_leg_that_it_replaces() -> None:
    wire, dialog = answered()
    call = arriving(wire, "Replaces", dialog)
    assert call is not None
    assert (call.replaces, call.joins) == (CALL, None)
    assert not wire.told(CallEnded)  # not before it is answered


def test_its_answer_ends_the_replaced_call() -> None:
    wire, dialog = answered()
    call = arriving(wire, "Replaces", dialog)
    assert call is not None
    wire.take()
    wire.command(Answer(call=call.call, media=media(4100, 2)))
    assert wire.take() == ["200 INVITE", "BYE"]
    assert [(end.call, end.cause) for end in wire.told(CallEnded)] == [(CALL, EndCause.REPLACED)]


def test_a_refused_replacement_leaves_the_call_alone() -> None:
    wire, dialog = answered()
    call = arriving(wire, "Replaces", dialog)
    assert call is not None
    wire.command(HangUp(call=call.call, status=486))
    assert [end.call for end in wire.told(CallEnded)] == [call.call]


def test_a_call_that_rings_elsewhere_is_cancelled_when_it_is_replaced() -> None:
    wire = Wire(ANYONE)
    wire.command(invite())
    wire.reply(180)
    placed = wire.request("INVITE")
    wire.take()
    call = arriving(wire, "Replaces", f"{placed.call_id};to-tag={placed.from_.tag};from-tag=peer;early-only")
    assert call is not None
    wire.command(Answer(call=call.call, media=media(4100, 2)))
    assert wire.take()[-2:] == ["200 INVITE", "CANCEL"]
    assert [(end.call, end.cause) for end in wire.told(CallEnded)] == [(CALL, EndCause.REPLACED)]


def test_early_only_does_not_match_an_answered_call() -> None:
    wire, dialog = answered()
    assert arriving(wire, "Replaces", f"{dialog};early-only") is None
    assert wire.response().status == 486


def test_a_dialog_that_ends_is_603_and_one_that_never_was_481() -> None:
    wire, dialog = answered()
    wire.command(HangUp(call=CALL))
    assert arriving(wire, "Replaces", dialog) is None
    assert wire.response().status == 603
    wire, dialog = answered()
    assert arriving(wire, "Replaces", dialog.replace("from-tag=peer", "from-tag=other")) is None
    assert wire.response().status == 481


def test_a_call_that_rings_here_cannot_be_replaced() -> None:
    wire = Wire(ANYONE)
    wire.incoming("INVITE", body=ANSWER)
    wire.command(Ring(call=wire.told(IncomingCall)[0].call))
    tag = wire.response().to.tag
    wire.incoming("INVITE", body=ANSWER, headers=f"Replaces: in-1;to-tag={tag};from-tag=bob\r\n", cseq=2)
    assert len(wire.told(IncomingCall)) == 1
    assert wire.response().status == 481


@pytest.mark.parametrize("headers", ["Replaces: nonsense\r\n", "Replaces: a;to-tag=1;from-tag=2\r\nJoin: a;to-tag=1;from-tag=2\r\n"])
def test_what_cannot_be_read_is_400(headers: str) -> None:
    wire, _ = answered()
    wire.incoming("INVITE", body=ANSWER, headers=headers)
    assert wire.response().status == 400
    assert not wire.told(IncomingCall)


@pytest.mark.parametrize("policy", [ReferPolicy.NEVER, ReferPolicy.ACCOUNT])
@pytest.mark.parametrize("name", ["Replaces", "Join"])
def test_a_stranger_may_not(policy: ReferPolicy, name: str) -> None:
    wire, dialog = answered(AgentSettings(refer=policy))
    assert arriving(wire, name, dialog) is None
    assert wire.response().status == 403
    assert not wire.told(CallEnded)


def test_a_joining_call_is_told_with_the_leg_that_it_joins_and_ends_nothing() -> None:
    wire, dialog = answered()
    call = arriving(wire, "Join", dialog)
    assert call is not None
    assert (call.replaces, call.joins) == (None, CALL)
    wire.command(Answer(call=call.call, media=media(4100, 2)))
    assert not wire.told(CallEnded)


def test_nothing_is_joined_before_it_is_answered() -> None:
    wire = Wire(ANYONE)
    wire.command(invite())
    wire.reply(180)
    placed = wire.request("INVITE")
    assert arriving(wire, "Join", f"{placed.call_id};to-tag={placed.from_.tag};from-tag=peer") is None
    assert wire.response().status == 481


def test_our_invite_may_replace_or_join() -> None:
    wire = Wire()
    replaces = Replaces("abc", "1", "2")
    wire.command(Invite(call=CALL, target=BOB, account=None, media=media(), replaces=replaces))
    assert (wire.request().get("Replaces"), wire.request().get_all("Require")) == ("abc;to-tag=1;from-tag=2", ("replaces",))
    wire = Wire()
    wire.command(Invite(call=CALL, target=BOB, account=None, media=media(), join=Join("abc", "1", "2")))
    assert (wire.request().get("Join"), wire.request().get_all("Require")) == ("abc;to-tag=1;from-tag=2", ("join",))


# --- who calls


def heard(wire: Wire, headers: str) -> IncomingCall:
    wire.incoming("INVITE", body=ANSWER, headers=headers)
    return wire.told(IncomingCall)[0]


def trusting(*, trusts: bool) -> Wire:
    """An account whose server, the peer, has been found by a call."""
    habits = CallHabits(trusts_identity=trusts)
    wire = Wire(AgentSettings(accounts=(account(habits=habits),)))
    wire.command(invite(Uri.parse("sip:flat@door.example"), account=MAIN))
    return wire


ASSERTED = f'P-Asserted-Identity: "Anna" <sip:anna@{PEER}>\r\n'


def test_an_identity_is_believed_only_from_a_server_that_the_settings_trust() -> None:
    assert heard(trusting(trusts=True), ASSERTED).asserted == NameAddr("Anna", Uri.parse(f"sip:anna@{PEER}"))
    assert heard(trusting(trusts=False), ASSERTED).asserted is None
    assert heard(Wire(), ASSERTED).asserted is None


REMOTE_PARTY = f'Remote-Party-ID: "Anna" <sip:anna@{PEER}>;party=calling;screen=yes;privacy=off\r\n'


def test_the_older_header_for_it_is_believed_when_the_server_has_looked() -> None:
    asserted = heard(trusting(trusts=True), REMOTE_PARTY).asserted
    assert asserted is not None
    assert str(asserted.uri) == f"sip:anna@{PEER}"
    assert heard(trusting(trusts=True), REMOTE_PARTY.replace("screen=yes", "screen=no")).asserted is None
    assert heard(trusting(trusts=True), REMOTE_PARTY.replace("calling", "called")).asserted is None
    assert heard(trusting(trusts=False), REMOTE_PARTY).asserted is None
    both = heard(trusting(trusts=True), REMOTE_PARTY.replace("anna@", "bob@") + ASSERTED).asserted
    assert both is not None
    assert both.uri.user == "anna"  # the standard's header comes first


def test_wishes_and_detours_are_told() -> None:
    headers = (
        "Answer-Mode: Auto\r\nDiversion: <sip:desk@door.example>;reason=no-answer\r\nPrivacy: id\r\n"
        "Referred-By: <sip:carol@door.example>\r\n"
    )
    call = heard(Wire(), headers)
    assert call.auto_answer is not None
    assert call.auto_answer.header == "Answer-Mode"
    assert [(diversion.address.uri.user, diversion.reason) for diversion in call.diversions] == [("desk", "no-answer")]
    assert call.is_private
    assert call.referred_by is not None
    assert call.referred_by.uri.user == "carol"


def test_an_anonymous_account_hides_in_from_and_tells_its_server() -> None:
    wire = Wire(AgentSettings(accounts=(account(habits=CallHabits(is_anonymous=True)),)))
    wire.command(invite(Uri.parse("sip:flat@door.example"), account=MAIN))
    sent = wire.request()
    assert str(sent.from_.uri) == "sip:anonymous@anonymous.invalid"
    assert (sent.get("Privacy"), sent.get("P-Preferred-Identity")) == ("id", "<sip:door@door.example>")
