"""Those who subscribe to us: lamps and presence (RFC 6665 §4.2, RFC 4235, RFC 3856)."""

from __future__ import annotations

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.body import dialog_info, pidf
from firmware.sip.event_package import subscription_state
from firmware.sip.events import Answer, CallEnded, HangUp, IncomingCall
from firmware.sip.gate import Gate
from firmware.sip.message import Request, Response, make_response
from firmware.sip.notices import SetPresence, TellQuality, WatcherChanged
from firmware.sip.settings import ReferPolicy
from firmware.sip.usage.desk import WATCHERS_MAX
from firmware.sip.usage.notifier import FAILURES_MAX
from tests.sip.wire import ANSWER, CALL, Wire, invite, media


def door(*watchers: str) -> Wire:
    return Wire(AgentSettings(gate=Gate(watchers=watchers or ("bob@*",))))


def subscribe(wire: Wire, package: str = "dialog", headers: str = "") -> Response:
    wire.incoming("SUBSCRIBE", headers=f"Event: {package}\r\n{headers}")
    return wire.response()


def confirm(wire: Wire, status: int = 200) -> Request:
    """The subscriber's answer to our newest NOTIFY."""
    notify = wire.request("NOTIFY")
    wire.receive(make_response(notify, status))
    return notify


def watched(package: str = "dialog") -> Wire:
    wire = door()
    subscribe(wire, package)
    confirm(wire)
    wire.advance(1)
    wire.take()
    return wire


def lamp(request: Request) -> list[tuple[str, str | None]]:
    return [(entry.state, entry.event) for entry in dialog_info.decode(request.body).dialogs]


def test_a_subscriber_hears_the_whole_state_at_once() -> None:
    wire = door()
    accepted = subscribe(wire, headers="Expires: 900\r\n")
    assert (accepted.status, accepted.expires) == (200, 900)
    assert accepted.to.tag
    notify = wire.request("NOTIFY")
    assert notify.call_id == accepted.call_id
    assert notify.from_.tag == accepted.to.tag
    assert str(subscription_state(notify)) == "active;expires=900"
    document = dialog_info.decode(notify.body)
    assert (document.version, document.state, document.dialogs) == (0, "full", ())
    assert wire.told(WatcherChanged)[0].is_watching


def test_a_call_moves_the_lamp_step_by_step() -> None:
    wire = watched()
    wire.command(invite())
    trying = confirm(wire)
    assert lamp(trying) == [("trying", None)]
    wire.reply(180, wire.request("INVITE"))
    wire.advance(1)
    assert lamp(confirm(wire)) == [("early", None)]
    wire.reply(200, wire.request("INVITE"), body=ANSWER)
    wire.advance(1)
    talking = confirm(wire)
    assert lamp(talking) == [("confirmed", None)]
    assert dialog_info.decode(talking.body).state == "partial"
    wire.command(HangUp(call=CALL))
    wire.advance(1)
    over = confirm(wire)
    assert lamp(over) == [("terminated", "local-bye")]
    assert wire.told(CallEnded)
    assert [dialog_info.decode(each.body).version for each in (trying, talking, over)] == [1, 3, 4]


def test_reports_on_quality_are_told_as_the_program_makes_them() -> None:
    wire = door()
    subscribe(wire, "vq-rtcpxr")
    first = confirm(wire)
    assert (first.body, first.content_type) == (b"", None)  # no call yet
    wire.advance(1)
    wire.command(TellQuality(body=b"VQSessionReport: CallTerm\r\n"))
    second = confirm(wire)
    assert (second.body, second.content_type) == (b"VQSessionReport: CallTerm\r\n", "application/vq-rtcpxr")


def test_a_call_whose_place_another_takes_is_shown_as_replaced() -> None:
    wire = Wire(AgentSettings(gate=Gate(watchers=("bob@*",)), refer=ReferPolicy.CALL))
    wire.command(invite())
    wire.reply(200, body=ANSWER)
    ack = wire.request("ACK")
    subscribe(wire)
    confirm(wire)
    headers = f"Replaces: {ack.call_id};to-tag={ack.from_.tag};from-tag=peer\r\nRequire: replaces\r\n"
    wire.incoming("INVITE", body=ANSWER, headers=headers, cseq=2)
    wire.command(Answer(call=wire.told(IncomingCall)[-1].call, media=media(4100, 2)))
    wire.advance(1)
    assert ("terminated", "replaced") in lamp(wire.request("NOTIFY"))


def test_the_document_does_not_help_to_take_the_call() -> None:
    wire = watched()
    wire.command(invite())
    (entry,) = dialog_info.decode(wire.request("NOTIFY").body).dialogs
    assert (entry.call_id, entry.local_tag, entry.remote_tag) == (None, None, None)
    assert entry.remote is not None
    assert entry.remote.identity == "sip:bob@192.0.2.9"


def test_what_changes_within_a_second_goes_into_one_notify() -> None:
    wire = watched()
    wire.command(invite())
    wire.reply(180, wire.request("INVITE"))
    confirm(wire)
    wire.reply(200, wire.request("INVITE"), body=ANSWER)
    assert wire.take() == ["INVITE", "NOTIFY", "ACK"]
    wire.advance(1)
    assert lamp(wire.request("NOTIFY")) == [("confirmed", None)]


def test_an_incoming_call_is_shown_too() -> None:
    wire = watched()
    wire.incoming("INVITE", body=ANSWER)
    (entry,) = dialog_info.decode(wire.request("NOTIFY").body).dialogs
    assert (entry.state, entry.direction) == ("early", "recipient")


def test_a_refresh_tells_the_whole_state_again() -> None:
    wire = watched()
    wire.command(invite())
    notify = confirm(wire)
    wire.take()
    wire.advance(1)
    wire.within("SUBSCRIBE", notify, cseq=2, headers="Event: dialog\r\nExpires: 600\r\n", we_called=True)
    wire.advance(1)
    document = dialog_info.decode(wire.request("NOTIFY").body)
    assert (document.state, len(document.dialogs)) == ("full", 1)


def test_unsubscribing_and_fetching_get_one_last_notify() -> None:
    wire = door()
    subscribe(wire, headers="Expires: 0\r\n")
    last = confirm(wire)
    assert str(subscription_state(last)) == "terminated;reason=timeout"
    assert [event.is_watching for event in wire.told(WatcherChanged)] == [True, False]
    wire.settle()
    assert wire.agent.is_idle


def test_a_watcher_that_does_not_refresh_is_told_its_end_and_forgotten() -> None:
    wire = watched()
    wire.advance(3601)
    assert str(subscription_state(confirm(wire))) == "terminated;reason=timeout"
    wire.settle()
    assert wire.agent.is_idle


@pytest.mark.parametrize("status", [481, 404, 489])
def test_a_notify_that_is_refused_ends_the_subscription(status: int) -> None:
    wire = door()
    subscribe(wire)
    confirm(wire, status)
    assert [event.is_watching for event in wire.told(WatcherChanged)] == [True, False]


def test_a_refusal_that_passes_leaves_the_lamp_and_all_is_told_again_when_it_may() -> None:
    """RFC 6665 §4.2.2 names the responses that end a subscription; 503 and 500 are none of them."""
    wire = door()
    subscribe(wire)
    refused = wire.request("NOTIFY")
    wire.receive(make_response(refused, 503, to_tag=None, headers=(("Retry-After", "30"),)))
    wire.take()
    wire.command(invite())
    wire.advance(29)
    assert "NOTIFY" not in wire.take()
    wire.advance(1.1)
    again = confirm(wire)
    info = dialog_info.decode(again.body)
    assert (info.state, info.version, len(info.dialogs)) == ("full", 1, 1)
    assert [event.is_watching for event in wire.told(WatcherChanged)] == [True]


def test_refusals_that_do_not_end_are_the_end() -> None:
    wire = door()
    subscribe(wire)
    for _ in range(FAILURES_MAX):
        confirm(wire, 500)
        wire.advance(5.1)
        assert len(wire.told(WatcherChanged)) == 1
    confirm(wire, 500)
    assert [event.is_watching for event in wire.told(WatcherChanged)] == [True, False]


def test_a_subscription_that_ends_while_a_notify_is_refused_is_told_its_end() -> None:
    wire = door()
    first = subscribe(wire)
    wire.within("SUBSCRIBE", first, cseq=2, headers="Event: dialog\r\nExpires: 0\r\n", we_called=False)
    confirm(wire, 503)
    assert str(subscription_state(wire.request("NOTIFY"))) == "terminated;reason=timeout"


def test_the_contact_of_an_answer_is_where_the_next_notify_goes() -> None:
    """RFC 6665 makes SUBSCRIBE and NOTIFY target refresh requests; RFC 3261 §12.2.1.2: the Contact of the 2xx is the new target."""
    wire = door()
    subscribe(wire)
    wire.receive(make_response(wire.request("NOTIFY"), 200, headers=(("Contact", "<sip:bob@192.0.2.77>"),)))
    wire.advance(2)
    wire.command(invite())
    assert wire.request("NOTIFY").uri.host == "192.0.2.77"


@pytest.mark.parametrize("headers", ["Event: presence\r\n", "Event: dialog;id=7\r\n", "Event: ;\r\n", ""])
def test_a_second_subscription_does_not_hide_in_the_dialog_of_the_first(headers: str) -> None:
    wire = door()
    first = subscribe(wire)
    confirm(wire)
    wire.take()
    wire.within("SUBSCRIBE", first, cseq=2, headers=f"{headers}Expires: 0\r\n", we_called=False)
    assert wire.take() == ["481 SUBSCRIBE"]
    assert [event.is_watching for event in wire.told(WatcherChanged)] == [True]


def test_a_watcher_that_is_gone_is_forgotten() -> None:
    wire = door()
    subscribe(wire)
    wire.settle()
    assert wire.agent.is_idle


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Event: as-feature-event\r\n", 489),
        ("", 489),
        ("Event: dialog\r\nAccept: text/plain\r\n", 406),
        ("Event: dialog\r\nExpires: 5\r\n", 423),
    ],
)
def test_what_cannot_be_watched_is_refused(headers: str, status: int) -> None:
    wire = door()
    wire.incoming("SUBSCRIBE", headers=headers)
    assert wire.response().status == status
    assert wire.response().to.tag
    assert not wire.told(WatcherChanged)


def test_only_those_whom_the_settings_name_may_watch() -> None:
    wire = door("anna@*")
    assert subscribe(wire).status == 403
    assert wire.take() == ["403 SUBSCRIBE"]


def test_the_number_of_watchers_is_bounded() -> None:
    wire = door()
    for number in range(WATCHERS_MAX + 1):
        data = (
            f"SUBSCRIBE sip:door@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKw{number};rport\r\nMax-Forwards: 70\r\n"
            f"From: <sip:bob@192.0.2.9>;tag=b\r\nTo: <sip:door@192.0.2.1>\r\nCall-ID: watch-{number}\r\nCSeq: 1 SUBSCRIBE\r\n"
            "Contact: <sip:bob@192.0.2.9>\r\nEvent: dialog\r\nContent-Length: 0\r\n\r\n"
        )
        wire.receive(data)
    assert wire.response().status == 503
    assert wire.agent.census()["watchers"] == WATCHERS_MAX


def test_presence_is_closed_until_the_program_says_otherwise() -> None:
    wire = door()
    subscribe(wire, "presence")
    assert not pidf.decode(confirm(wire).body).is_open
    wire.command(SetPresence(is_open=True, note="at the door"))
    wire.advance(5)
    told = pidf.decode(confirm(wire).body)
    assert (told.is_open, told.tuples[0].notes, told.activities) == (True, ("at the door",), ())
    wire.take()
    wire.command(SetPresence(is_open=True, note="at the door"))
    wire.advance(60)
    assert wire.take() == []  # no news


def test_presence_tells_by_itself_that_we_are_on_the_phone() -> None:
    wire = watched("presence")
    wire.command(invite())
    wire.reply(200, wire.request("INVITE"), body=ANSWER)
    wire.advance(5)
    assert pidf.decode(confirm(wire).body).activities == ("on-the-phone",)
    wire.command(HangUp(call=CALL))
    wire.advance(5)
    assert pidf.decode(confirm(wire).body).activities == ()
