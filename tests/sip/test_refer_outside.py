"""REFER outside of any call, heard and sent (RFC 3515, RFC 4579 §5.5, RFC 4538)."""

from __future__ import annotations

import pytest

from firmware.errors import LocalProtocolError
from firmware.sip.agent import AgentSettings
from firmware.sip.body import sipfrag
from firmware.sip.events import (
    AcceptTransfer,
    CallKey,
    HangUp,
    Refer,
    ReferProgress,
    ReferRequested,
    RefuseTransfer,
    Register,
    TransferRequested,
)
from firmware.sip.message import Request
from firmware.sip.settings import ReferPolicy
from firmware.sip.uri import Uri
from firmware.sip.usage.refer_outside import ASKED_MAX
from firmware.sip.usage.referral import DECIDE_S_MAX
from tests.sip.wire import ANSWER, BOB, CALL, HOP, MAIN, OURS, PEER, Wire, account, invite, media

ANYONE = AgentSettings(refer=ReferPolicy.CALL)
CAROL = "sip:carol@192.0.2.33"
NEXT = CallKey("next")


def talking(settings: AgentSettings = ANYONE) -> Wire:
    wire = Wire(settings)
    wire.command(invite())
    wire.reply(200, body=ANSWER)
    return wire


def ask(wire: Wire, target: str = CAROL, headers: str = "") -> None:
    wire.incoming("REFER", headers=f"Refer-To: <{target}>\r\n{headers}")


def confirm(wire: Wire, status: int = 200) -> Request:
    notify = wire.request("NOTIFY")
    wire.reply(status, notify)
    return notify


# --- they ask


def test_the_program_hears_who_asks_and_obeys_with_reports_in_a_dialog_of_their_own() -> None:
    wire = talking()
    ask(wire)
    (asked,) = wire.told(ReferRequested)
    assert (str(asked.target), str(asked.referrer.uri), asked.account) == (CAROL, f"sip:bob@{PEER}", None)
    wire.take()
    wire.command(AcceptTransfer(transfer=asked.transfer, call=NEXT, media=media(4100, 2)))
    accepted = wire.response()
    assert (accepted.status, bool(accepted.to.tag), bool(accepted.contacts)) == (202, True, True)
    trying = confirm(wire)
    assert (trying.call_id, trying.from_.tag) == (accepted.call_id, accepted.to.tag)
    assert sipfrag.decode(trying.body).status == 100
    placed = wire.request("INVITE")
    assert str(placed.uri) == CAROL
    wire.reply(180, placed, tag="carol")
    confirm(wire)
    wire.reply(200, placed, tag="carol", body=ANSWER)
    last = confirm(wire)
    assert sipfrag.decode(last.body).status == 200
    assert (last.get("Subscription-State") or "").startswith("terminated")
    wire.command(HangUp(call=NEXT))
    wire.command(HangUp(call=CALL))
    wire.settle()
    assert wire.agent.is_idle


def test_a_refused_wish_leaves_nothing() -> None:
    wire = talking()
    ask(wire)
    wire.command(RefuseTransfer(transfer=wire.told(ReferRequested)[0].transfer))
    assert wire.response().status == 603
    assert wire.response().to.tag
    wire.command(HangUp(call=CALL))
    wire.settle()
    assert wire.agent.is_idle


def test_a_wish_that_nobody_decides_about_is_declined() -> None:
    wire = talking()
    ask(wire)
    wire.advance(DECIDE_S_MAX)
    assert wire.response().status == 603


@pytest.mark.parametrize(("target", "status"), [("http://x.example/", 603), (f"{CAROL};method=MESSAGE", 603), (CAROL + ">, <sip:x@y", 400)])
def test_wishes_that_we_do_not_fulfil(target: str, status: int) -> None:
    wire = talking()
    ask(wire, target)
    assert wire.response().status == status
    assert wire.response().to.tag


def test_by_default_only_the_accounts_server_may() -> None:
    wire = talking(AgentSettings())
    ask(wire)
    assert wire.response().status == 403
    registered = Wire(AgentSettings(accounts=(account(),)))
    registered.command(Register(account=MAIN))
    ask(registered)
    assert [asked.account for asked in registered.told(ReferRequested)] == [MAIN]


def test_a_stranger_may_not_even_where_every_peer_of_a_call_may() -> None:
    wire = talking()
    stranger = HOP._replace(host="198.51.100.7")
    text = (
        f"REFER sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKeve;rport\r\nMax-Forwards: 70\r\n"
        f"From: <sip:bob@{PEER}>;tag=eve\r\nTo: <sip:door@{OURS}>\r\nCall-ID: eve\r\nCSeq: 1 REFER\r\n"
        f"Contact: <sip:eve@198.51.100.7>\r\nRefer-To: <{CAROL}>\r\nContent-Length: 0\r\n\r\n"
    )
    wire.receive(text, stranger)
    assert wire.response().status == 403


def test_with_target_dialog_it_is_a_transfer_of_that_call() -> None:
    wire = talking()
    ack = wire.request("ACK")
    ask(wire, headers=f"Target-Dialog: {ack.call_id};local-tag={ack.from_.tag};remote-tag=peer\r\n")
    assert [asked.call for asked in wire.told(TransferRequested)] == [CALL]
    assert not wire.told(ReferRequested)


@pytest.mark.parametrize(("dialog", "status"), [("nobody;local-tag=a;remote-tag=b", 481), ("nobody", 400)])
def test_a_target_dialog_that_is_none_of_ours_gives_no_right(dialog: str, status: int) -> None:
    wire = talking()
    ask(wire, headers=f"Target-Dialog: {dialog}\r\n")
    assert wire.response().status == status
    assert not wire.told(TransferRequested)


def test_the_subscription_of_a_refer_may_be_refreshed_and_nothing_else_lives_there() -> None:
    wire = talking()
    ask(wire)
    wire.command(AcceptTransfer(transfer=wire.told(ReferRequested)[0].transfer, call=NEXT, media=media(4100, 2)))
    accepted = wire.response()
    wire.reply(200, wire.request("NOTIFY"))
    wire.within("SUBSCRIBE", accepted, cseq=2, headers="Event: refer\r\n", we_called=False)
    assert (wire.response().status, wire.response().expires) == (200, 180)
    assert sipfrag.decode(wire.request("NOTIFY").body).status == 100  # RFC 6665 §4.2.1.2: the state is told at once
    wire.within("INVITE", accepted, cseq=3, body=ANSWER, we_called=False)
    assert wire.response().status == 405
    wire.within("SUBSCRIBE", accepted, cseq=1, headers="Event: refer\r\n", we_called=False)
    assert wire.response().status == 500
    for headers, status in (("Event: dialog\r\n", 481), ("Event: ;\r\n", 400)):
        wire.within("SUBSCRIBE", accepted, cseq=4, headers=headers, we_called=False)
        assert wire.response().status == status


def test_whoever_asked_may_end_the_subscription() -> None:
    """RFC 6665 §4.4.3: "Expires: 0" ends it, and one last NOTIFY says so."""
    wire = talking()
    ask(wire)
    wire.command(AcceptTransfer(transfer=wire.told(ReferRequested)[0].transfer, call=NEXT, media=media(4100, 2)))
    accepted = wire.response()
    wire.within("SUBSCRIBE", accepted, cseq=2, headers="Event: refer\r\nExpires: 0\r\n", we_called=False)
    assert (wire.response().status, wire.response().expires) == (200, 0)
    wire.reply(200, wire.request("NOTIFY"))
    assert wire.request("NOTIFY").get("Subscription-State") == "terminated;reason=timeout"
    wire.reply(200, wire.request("NOTIFY"))
    wire.within("SUBSCRIBE", accepted, cseq=3, headers="Event: refer\r\n", we_called=False)
    assert wire.response().status == 481


# --- we ask


COMMAND = Refer(key="r", target=BOB, refer_to=Uri.parse(CAROL))


def asking() -> tuple[Wire, Request]:
    wire = Wire()
    wire.command(COMMAND)
    return wire, wire.request("REFER")


def report(wire: Wire, first: Request, status: int, state: str = "active;expires=60", *, cseq: int = 1, tag: str = "peer") -> None:
    body = sipfrag.encode(status)
    text = (
        f"NOTIFY sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bKn{tag}{cseq};rport\r\nMax-Forwards: 70\r\n"
        f"From: {first.to};tag={tag}\r\nTo: {first.from_}\r\nCall-ID: {first.call_id}\r\nCSeq: {cseq} NOTIFY\r\n"
        f"Contact: <sip:bob@{PEER}>\r\nEvent: refer\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    wire.receive(text.encode() + body)


def progress(wire: Wire) -> list[tuple[int, bool]]:
    return [(event.status, event.is_done) for event in wire.told(ReferProgress)]


def test_a_refer_names_whom_to_call_and_who_asks() -> None:
    _, first = asking()
    assert first.get("Refer-To") == f"<{CAROL}>"
    assert first.get("Referred-By") == f"<sip:door@{OURS}>"
    assert first.contacts


def test_its_progress_is_told_until_it_is_final() -> None:
    wire, first = asking()
    wire.reply(202)
    report(wire, first, 180)
    report(wire, first, 200, "terminated;reason=noresource", cseq=2)
    assert progress(wire) == [(202, False), (180, False), (200, True)]
    report(wire, first, 200, cseq=3)
    assert wire.response().status == 481
    wire.settle()
    assert wire.agent.is_idle


def test_a_report_that_ends_the_subscription_after_the_outcome_is_taken() -> None:
    wire, first = asking()
    wire.reply(202)
    report(wire, first, 200, "active;expires=60")
    report(wire, first, 200, "terminated;reason=noresource", cseq=2)
    assert wire.response().status == 200
    assert progress(wire) == [(202, False), (200, True)]
    assert wire.agent.census()["refers"] == 0


def test_a_subscription_that_nobody_ends_after_the_outcome_is_forgotten() -> None:
    wire, first = asking()
    wire.reply(202)
    report(wire, first, 486, "active;expires=60")
    wire.advance(33)
    assert progress(wire) == [(202, False), (486, True)]
    wire.settle()
    assert wire.agent.is_idle


def test_a_report_may_come_before_the_202() -> None:
    wire, first = asking()
    report(wire, first, 100)
    assert wire.response().status == 200
    wire.reply(202)
    report(wire, first, 486, "terminated;reason=noresource", cseq=2)
    assert progress(wire) == [(100, False), (202, False), (486, True)]


@pytest.mark.parametrize("status", [403, 481, 603])
def test_a_refused_refer_is_told(status: int) -> None:
    wire, _ = asking()
    wire.reply(status)
    assert progress(wire) == [(status, True)]
    wire.settle()
    assert wire.agent.is_idle


def test_reports_that_stay_away_are_given_up_and_those_of_a_second_phone_not_followed() -> None:
    wire, first = asking()
    wire.reply(202)
    report(wire, first, 180, tag="other")
    assert wire.response().status == 481
    wire.advance(180)
    assert progress(wire) == [(202, False), (408, True)]


def test_a_phone_without_reports_is_done_with_its_202() -> None:
    wire, _ = asking()
    wire.reply(202, Refer_Sub="false")
    assert progress(wire) == [(202, True)]


def test_no_more_than_a_few_are_asked_at_once() -> None:
    wire = Wire()
    for number in range(ASKED_MAX):
        wire.command(COMMAND._replace(key=str(number)))
    with pytest.raises(LocalProtocolError, match="asked already"):
        wire.command(COMMAND)
