"""Rules that an endpoint MUST obey in the dialogs of subscriptions and of reports, and when it is asked for patience."""

from __future__ import annotations

from firmware.sip.agent import AgentSettings
from firmware.sip.body import sipfrag
from firmware.sip.events import (
    AcceptTransfer,
    CallKey,
    Refer,
    ReferProgress,
    ReferRequested,
    Register,
)
from firmware.sip.gate import Gate
from firmware.sip.message import Request
from firmware.sip.notices import SubscriptionChanged
from firmware.sip.settings import ReferPolicy
from tests.sip.test_publication import published
from tests.sip.test_subscription import subscribed, subscribing
from tests.sip.wire import BOB, MAIN, OURS, PEER, Wire, account, media

IN = CallKey("incoming-1")
DEMAND = "Require: teleportation\r\n"
REPORT = "Event: refer\r\nContent-Type: message/sipfrag\r\n"


def watching() -> tuple[Wire, Request]:
    """Somebody watches our calls; the first NOTIFY, in whose dialog that somebody goes on."""
    wire = Wire(AgentSettings(gate=Gate(watchers=("bob@*",))))
    wire.incoming("SUBSCRIBE", headers="Event: dialog\r\n")
    wire.reply(200, wire.request("NOTIFY"))
    return wire, wire.request("NOTIFY")


def reported() -> tuple[Wire, Request]:
    """Somebody had us call, and hears how it goes; the first report."""
    wire = Wire(AgentSettings(refer=ReferPolicy.ACCOUNT, accounts=(account(),)))
    wire.command(Register(account=MAIN))
    wire.reply(200, Contact=f"<sip:door@{OURS}:5060>;expires=600")
    wire.incoming("REFER", headers="Refer-To: <sip:carol@192.0.2.33>\r\n")
    (asked,) = wire.told(ReferRequested)
    wire.command(AcceptTransfer(transfer=asked.transfer, call=CallKey("next"), media=media()))
    return wire, wire.request("NOTIFY")


def referring() -> tuple[Wire, Request]:
    """We had somebody call."""
    wire = Wire()
    wire.command(Refer(key="r", target=BOB, refer_to=BOB))
    first = wire.request("REFER")
    wire.reply(202, first)
    return wire, first


# --- RFC 3261 §8.2.2.3: "If a UAS does not understand an option-tag listed in a Require header field, it MUST respond … 420"


def test_what_a_subscriber_demands_and_we_do_not_know_is_refused_in_its_dialog() -> None:
    wire, notify = watching()
    wire.within("SUBSCRIBE", notify, cseq=2, headers=f"Event: dialog\r\n{DEMAND}", we_called=True)
    assert (wire.response().status, wire.response().get("Unsupported")) == (420, "teleportation")


def test_what_a_notifier_demands_and_we_do_not_know_is_refused_and_is_no_news() -> None:
    wire, first = subscribed()
    told = len(wire.events)
    state = "Event: presence\r\nSubscription-State: terminated\r\n"
    wire.reply(200, first, Expires="600")
    wire.receive(
        f"NOTIFY sip:door@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bKd;rport\r\nMax-Forwards: 70\r\n"
        f"From: {first.to};tag=peer\r\nTo: {first.from_}\r\nCall-ID: {first.call_id}\r\nCSeq: 2 NOTIFY\r\n{state}{DEMAND}"
        "Content-Length: 0\r\n\r\n"
    )
    assert wire.response().status == 420
    assert len(wire.events) == told


def test_what_is_demanded_of_a_report_on_a_refer_is_refused_in_either_role() -> None:
    wire, report = reported()
    wire.within("SUBSCRIBE", report, cseq=2, headers=f"Event: refer\r\n{DEMAND}", we_called=True)
    assert wire.response().status == 420
    wire, first = referring()
    in_dialog = first.with_header("To", f"{first.to};tag=peer")
    body = sipfrag.encode(200, "OK")
    wire.within("NOTIFY", in_dialog, cseq=5, headers=f"{REPORT}Subscription-State: active\r\n{DEMAND}", body=body, we_called=True)
    assert wire.response().status == 420
    assert not wire.told(ReferProgress)[-1].is_done


# --- RFC 3261 §12.2.2: a number below the last one "MUST be rejected with a 500"; §21.4.6: a 405 "MUST include an Allow header field"


def test_a_report_on_our_refer_that_comes_out_of_order_is_refused() -> None:
    wire, first = referring()
    in_dialog = first.with_header("To", f"{first.to};tag=peer")
    state = f"{REPORT}Subscription-State: active\r\n"
    wire.within("NOTIFY", in_dialog, cseq=5, headers=state, body=sipfrag.encode(180, "Ringing"), we_called=True)
    assert wire.response().status == 200
    wire.within("NOTIFY", in_dialog, cseq=4, headers=state, body=sipfrag.encode(100, "Trying"), we_called=True)
    assert wire.response().status == 500
    assert [told.status for told in wire.told(ReferProgress)] == [202, 180]
    wire.within("INFO", in_dialog, cseq=6, we_called=True)
    assert (wire.response().status, wire.response().get("Allow")) == (405, "NOTIFY")


# --- RFC 3261 §21.5.4, §20.33: nothing is asked of that server for as long as its Retry-After says


def test_a_notifier_that_asks_for_patience_gets_it() -> None:
    wire, first = subscribing()
    wire.reply(503, first, Retry_After="90")
    assert [(told.state, told.retry_in_s) for told in wire.told(SubscriptionChanged)] == [("waiting", 90.0)]
    wire.take()
    wire.advance(89)
    assert wire.take() == []
    wire.advance(1.1)
    assert wire.take() == ["SUBSCRIBE"]


def test_a_server_of_presence_that_asks_for_patience_gets_it() -> None:
    wire = published()
    wire.advance(451)
    wire.reply(503, wire.request("PUBLISH"), Retry_After="200 (maintenance)")
    wire.take()
    wire.advance(199)
    assert wire.take() == []
    wire.advance(1.1)
    assert wire.take() == ["PUBLISH"]
