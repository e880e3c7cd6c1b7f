"""Fuzz every header value on its own, and the readers that take one out of a message."""

from __future__ import annotations

from collections.abc import Callable

import atheris

with atheris.instrument_imports(include=["firmware"]):
    from firmware.errors import RemoteProtocolError
    from firmware.sip import (
        auto_answer,
        diversion,
        entity_tag,
        event_package,
        grammar,
        identity,
        outbound,
        rack,
        refer_to,
        replaces,
        session_timer,
    )
    from firmware.sip.fields import HeaderFields
    from firmware.sip.headers import CSeq, NameAddr, Via
    from firmware.sip.media_type import MediaType
    from firmware.sip.message import Request
    from firmware.sip.reason import ReasonValue, WarningValue
    from firmware.sip.uri import Uri

from tests.fuzz.runner import run, torture_seeds

# Values that must come back equal when written and read again.
ROUND_TRIPS: tuple[Callable[[str], object], ...] = (
    Uri.parse,
    NameAddr.parse,
    Via.parse,
    CSeq.parse,
    MediaType.parse,
    ReasonValue.parse,
    WarningValue.parse,
    auto_answer.AnswerMode.parse,
    diversion.Diversion.parse,
    event_package.Event.parse,
    event_package.SubscriptionState.parse,
    identity.RemoteParty.parse,
    rack.RAck.parse,
    replaces.Join.parse,
    replaces.Replaces.parse,
    replaces.TargetDialog.parse,
    session_timer.SessionExpires.parse,
)

# Readers of one or more headers of a message.
READERS: tuple[tuple[str, Callable[[HeaderFields], object]], ...] = (
    ("Diversion", diversion.diversions),
    ("Event", event_package.event),
    ("Flow-Timer", outbound.flow_timer_s),
    ("From", identity.hides_caller),
    ("History-Info", diversion.diversions),
    ("Min-SE", session_timer.min_se),
    ("P-Asserted-Identity", identity.asserted_identities),
    ("Privacy", identity.privacy),
    ("Refer-Sub", refer_to.refer_sub),
    ("Refer-To", refer_to.refer_to),
    ("RSeq", rack.rseq),
    ("Service-Route", outbound.service_routes),
    ("SIP-ETag", entity_tag.entity_tag),
)
LENIENT = frozenset(
    (diversion.diversions, outbound.flow_timer_s, identity.hides_caller,
     session_timer.min_se, identity.asserted_identities, identity.privacy, refer_to.refer_sub)
)  # fmt: skip
DOOR = Uri("sip", host="door.example")


def one_input(data: bytes) -> None:
    """The bytes as one header value, read by everything that reads values. Values reach the readers without CR and LF."""
    text = data.decode(errors="replace").replace("\r", "").replace("\n", "").strip(" \t")
    for parse in ROUND_TRIPS:
        try:
            value = parse(text)
        except RemoteProtocolError:
            continue
        assert parse(str(value)) == value, (parse, text)
    for check in (NameAddr.parse_list, Via.parse_list, grammar.split_list, grammar.ipv6, grammar.host_port):
        try:
            check(text)
        except RemoteProtocolError:
            continue
    assert grammar.unquote(grammar.quote(text)) == text
    assert grammar.unescape(grammar.escape(text)) == text
    in_messages(text)


def in_messages(text: str) -> None:
    """The value in every header that a message-level reader takes; those that promise to pass over what is malformed never raise."""
    for name, read in READERS:
        try:
            read(Request("INVITE", DOOR, ((name, text),)))
        except RemoteProtocolError:
            assert read not in LENIENT, (name, text)
    for name in ("Answer-Mode", "Call-Info", "Alert-Info"):
        auto_answer.auto_answer_wish(Request("INVITE", DOOR, ((name, text),)))
    try:
        contact = NameAddr.parse(text)
        outbound.instance(contact), outbound.reg_id(contact), outbound.pub_gruu(contact), outbound.temp_gruu(contact)
        refer_to.method_of(contact)
        replaces.replaces_in(contact.uri), replaces.join_in(contact.uri)
    except RemoteProtocolError:
        return


SAMPLES = (
    b"Q.850;cause=16",
    b'305 h "x"',
    b"Sat, 13 Nov 2010 23:29:00 GMT",
    b"1800;refresher=uac",
    b"776656 1 INVITE",
    b"active;expires=599;reason=x;retry-after=1",
    b"dialog;id=1;sla",
    b"98732@sip.example.com;to-tag=ff87ff;from-tag=r33th4x0r;early-only",
    b"a@b;local-tag=1;remote-tag=2",
    b"<sip:dave@example.org?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>",
    b"<sip:alice@example.com>;reason=user-busy;counter=2",
    b"<sip:alice@example.com?Reason=SIP%3Bcause%3D302>;index=1, <sip:bob@example.com;cause=486>;index=1.1;mp=1",
    b"<sip:alice@example.com>;party=calling;screen=yes;privacy=full",
    b"<http://www.notused.com>;info=alert-autoanswer;delay=0",
    b"<sip:pbx>;answer-after=0",
    b'<sip:a@b>;+sip.instance="<urn:uuid:1>";reg-id=1;pub-gruu="sip:a@b;gr=1";temp-gruu="sip:c@b;gr"',
    b"Auto;require",
    b"id;critical",
)


def seeds() -> list[bytes]:
    """Every header value and start line of the torture messages."""
    values = {*SAMPLES}
    for message in torture_seeds():
        for line in message.partition(b"\r\n\r\n")[0].split(b"\r\n"):
            values.add(line.partition(b":")[2].strip())
            values.update(line.split(b" ")[1:2])
    return sorted(values)


def main() -> None:
    """Run the fuzzer."""
    run("headers", one_input, seeds())


if __name__ == "__main__":
    main()
