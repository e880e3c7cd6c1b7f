"""The torture messages of RFC 4475 and RFC 5118 at parser level: verdicts of the manifest, and what each message is there to show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

import pytest

from firmware.errors import RemoteProtocolError
from firmware.sip.framing import StreamFramer
from firmware.sip.message import MalformedRequest, Message, Request, Response, make_response, parse_message

DIRECTORY = Path(__file__).parent.parent / "data" / "torture"


class Entry(TypedDict):
    file: str
    name: str
    kind: str
    parser: str
    uas: list[str]


MANIFEST: list[Entry] = [entry for entry in json.loads((DIRECTORY / "manifest.json").read_text()) if entry["parser"] != "unreferenced"]
NAMES = [entry["file"].removesuffix(".dat") for entry in MANIFEST]


def octets(name: str) -> bytes:
    return (DIRECTORY / f"{name}.dat").read_bytes()


def request(name: str) -> Request:
    message = parse_message(octets(name))
    assert isinstance(message, Request)
    return message


def refusal(name: str) -> MalformedRequest:
    with pytest.raises(MalformedRequest) as caught:
        parse_message(octets(name))
    return caught.value


def verdict(data: bytes) -> tuple[str, Message | RemoteProtocolError]:
    try:
        return "accept", parse_message(data)
    except RemoteProtocolError as error:
        return "reject", error


def test_the_manifest_is_complete() -> None:
    assert len(MANIFEST) == 62


@pytest.mark.parametrize("entry", MANIFEST, ids=NAMES)
def test_the_verdict_is_the_one_of_the_rfc(entry: Entry) -> None:
    found, _ = verdict((DIRECTORY / entry["file"]).read_bytes())
    assert entry["parser"] in (found, "either")


@pytest.mark.parametrize("entry", MANIFEST, ids=NAMES)
def test_a_broken_request_is_answered_as_the_rfc_allows_and_a_broken_response_never(entry: Entry) -> None:
    found, result = verdict((DIRECTORY / entry["file"]).read_bytes())
    if found == "accept":
        return
    assert isinstance(result, RemoteProtocolError)
    assert isinstance(result, MalformedRequest) == (entry["kind"] == "request")
    if isinstance(result, MalformedRequest):
        assert str(result.status) in entry["uas"]
        answer = make_response(result.reply_to, result.status, to_tag="t")
        assert answer.get_lines("Via") == result.reply_to.get_lines("Via") != ()
        assert answer.to_bytes().startswith(f"SIP/2.0 {result.status} ".encode())
    else:
        assert entry["uas"] == ["drop"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_accepted_survives_writing_and_reading(name: str) -> None:
    found, message = verdict(octets(name))
    if found == "accept":
        assert isinstance(message, (Request, Response))
        assert parse_message(message.to_bytes()) == message


def test_wsinv_folds_compact_names_and_spaces_are_read_through() -> None:
    message = request("wsinv")
    assert [via.transport for via in message.vias] == ["UDP", "TCP", "UDP"]
    assert message.vias[1].host == "spindle.example.com"
    assert message.vias[1].branch == "z9hG4bK9ikj8"
    assert message.to.tag == "1918181833n"
    assert message.from_.display == 'J Rosenberg \\"'
    assert message.from_.tag == "98asjd8"
    assert (message.cseq.number, message.cseq.method, message.max_forwards) == (9, "INVITE", 68)
    assert message.get("Subject") == ""
    assert message.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert message.routes[0].uri.param("lr") == ""
    assert message.contacts[0].display == 'Quoted string ""'
    assert message.contacts[0].param("q") == "0.33"
    assert len(message.body) == 150


def test_intmeth_keeps_every_strange_character() -> None:
    message = request("intmeth")
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.uri.host == "example.com"
    assert message.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert message.from_.param("fromparam''~+*_!.-%") == "работающий"
    assert message.from_.tag == "_token~1'+`*%!-."


def test_esc01_an_escaped_scheme_is_a_user_name() -> None:
    message = request("esc01")
    assert message.uri.scheme == "sip"
    assert message.uri.user_text == "sips:user@example.com"
    assert message.uri.host == "example.net"
    assert message.to.uri.user_text == "user"
    assert message.contacts[0].uri.param("lr") == ""


def test_escnull_an_escaped_nul_ends_nothing() -> None:
    message = request("escnull")
    assert message.to.uri.user_text == "null-\x00-null"
    assert not message.contacts[0].uri.equivalent(message.contacts[1].uri)


def test_esc02_percent_is_no_escape_outside_uris() -> None:
    message = request("esc02")
    assert message.method == "RE%47IST%45R"
    assert message.to.display == "%Z%45"
    assert [contact.uri.user for contact in message.contacts] == ["alias1", "alias3"]


def test_longreq_every_via_goes_back_in_order() -> None:
    message = request("longreq")
    assert len(message.vias) == 34
    assert make_response(message, 200).vias == message.vias


def test_dblreq_a_datagram_holds_one_message_and_a_stream_both() -> None:
    assert request("dblreq").method == "REGISTER"
    assert request("dblreq").body == b""
    items = StreamFramer().feed(octets("dblreq"))
    first, second = [item for item in items if isinstance(item, bytes)]
    assert parse_message(first).cseq.method == "REGISTER"
    assert parse_message(second).call_id == "dblreq.0ha0isnda977644900765@192.0.2.15"


def test_semiuri_a_semicolon_in_the_user_part_begins_no_parameter() -> None:
    assert request("semiuri").uri.user_text == "user;par=u@example.net"
    assert request("semiuri").uri.params == ()
    assert len(request("semiuri").get_all("Accept")) == 6


def test_mpart01_binary_octets_of_a_body_are_kept() -> None:
    assert len(request("mpart01").body) == 553
    assert b"\x00" in request("mpart01").body


def test_unreason_and_noreason_any_phrase_or_none_is_fine() -> None:
    strange, empty = parse_message(octets("unreason")), parse_message(octets("noreason"))
    assert isinstance(strange, Response)
    assert isinstance(empty, Response)
    assert strange.reason == "= 2**3 * 5**2 но сто девяносто девять - простое"
    assert (empty.status, empty.reason) == (100, "")


def test_an_unknown_method_beside_another_cseq_is_501_and_a_known_one_400() -> None:
    assert refusal("mismatch01").status == 400
    assert refusal("mismatch02").status == 501


def test_badvers_another_version_of_sip_is_505() -> None:
    assert refusal("badvers").status == 505


def test_badinv01_a_broken_via_is_echoed_but_not_believed() -> None:
    error = refusal("badinv01")
    assert error.via is None
    assert error.reply_to.get("Via") == "SIP/2.0/UDP 192.0.2.15;;,;,,"


def test_multi01_the_first_of_each_doubled_header_is_echoed() -> None:
    reply_to = refusal("multi01").reply_to
    assert reply_to.get_lines("Call-ID") == ("multi01.98asdh@192.0.2.1",)
    assert reply_to.get_lines("CSeq") == ("5 INVITE",)


def test_cparam_the_brackets_say_whose_parameter_it_is() -> None:
    outside, inside = request("cparam01").contacts[0], request("cparam02").contacts[0]
    assert (outside.param("unknownparam"), outside.uri.param("unknownparam")) == ("", None)
    assert (inside.param("unknownparam"), inside.uri.param("unknownparam")) == (None, "")


def test_regescrt_headers_of_a_contact_stay_in_the_uri() -> None:
    assert request("regescrt").contacts[0].uri.headers == (("Route", "%3Csip:sip.example.com%3E"),)
    assert request("regescrt").routes == ()


def test_unknown_schemes_are_opaque() -> None:
    assert request("unkscm").uri.opaque == "totallyopaquecontent"
    assert request("novelsc").uri.scheme == "soap.beep"
    assert request("unksm2").contacts[0].uri.opaque == "John_Smith"


def test_inv2543_nothing_that_rfc_3261_added_is_demanded() -> None:
    message = request("inv2543")
    assert message.via.branch is None
    assert message.from_.tag is None
    assert message.max_forwards is None
    assert message.body.startswith(b"v=0")


def test_ipv6_ports_are_told_from_addresses() -> None:
    assert (request("port-ambiguous").uri.host, request("port-ambiguous").uri.port) == ("2001:db8::10:5070", None)
    assert (request("port-unambiguous").uri.host, request("port-unambiguous").uri.port) == ("2001:db8::10", 5070)


def test_ipv6_received_is_read_with_and_without_brackets() -> None:
    assert request("via-received-param-with-delim").via.received == "2001:db8::9:255"
    assert request("via-received-param-no-delim").via.received == "2001:db8::9:255"


def test_ipv6_three_colons_are_read_as_two() -> None:
    assert request("ipv6-bug-abnf-3-colons").uri.host == "2001:db8::192.0.2.1"
