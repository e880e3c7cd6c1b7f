"""Whole messages: what is demanded, what is tolerated, what is written (RFC 3261 §7, §8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.errors import LocalProtocolError, RemoteProtocolError
from firmware.sip.header_lines import LINE_CHARS_MAX
from firmware.sip.message import Limits, MalformedRequest, Request, Response, make_response, parse_message
from firmware.sip.uri import Uri

INVITE = (Path(__file__).parent.parent / "data" / "sip" / "invite.dat").read_bytes()
HEAD = (
    "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
    "From: <sip:a@h>;tag=1\r\n"
    "To: <sip:b@h>\r\n"
    "Call-ID: c@h\r\n"
    "CSeq: 1 {method}\r\n"
)  # fmt: skip


def request(*lines: str, method: str = "OPTIONS", body: bytes = b"", start: str = "{method} sip:b@h SIP/2.0") -> bytes:
    head = start.format(method=method) + "\r\n" + HEAD.format(method=method) + "".join(f"{line}\r\n" for line in lines)
    return head.encode() + b"\r\n" + body


def response(*lines: str, start: str = "SIP/2.0 200 OK") -> bytes:
    return (f"{start}\r\n" + HEAD.format(method="REGISTER") + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode()


def refused(data: bytes) -> RemoteProtocolError:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_message(data)
    return caught.value


def test_an_ordinary_invite_is_understood() -> None:
    message = parse_message(INVITE)
    assert isinstance(message, Request)
    assert (message.method, str(message.uri)) == ("INVITE", "sip:alice@192.0.2.20:5060;transport=udp")
    assert [via.host for via in message.vias] == ["192.0.2.1", "192.0.2.10"]
    assert message.via.port == 5060
    assert (message.from_.display, message.from_.tag, message.to.tag) == ("Front Door", "as6f1c2d", None)
    assert (message.cseq.number, message.max_forwards, message.expires) == (102, 69, 120)
    assert message.routes[0].uri.host == "192.0.2.2"
    assert message.record_routes[0].uri.param("ftag") == "as6f1c2d"
    assert message.content_type == "application/sdp"
    assert message.get_all("Supported") == ("replaces", "timer")
    assert message.to_bytes() == INVITE


def test_the_body_ends_where_content_length_says() -> None:
    assert parse_message(request("Content-Length: 2", body=b"abc")).body == b"ab"
    assert parse_message(request(body=b"abc")).body == b"abc"
    assert refused(request("Content-Length: 4", body=b"abc")).status == 400


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_without_a_mandatory_header_nothing_goes(name: str) -> None:
    lines = request().split(b"\r\n")
    error = refused(b"\r\n".join([line for line in lines if not line.startswith(name.encode())]))
    assert isinstance(error, MalformedRequest) == (name != "Via")


@pytest.mark.parametrize(
    "line", ["From: <sip:x@h>", "To: <sip:x@h>", "Call-ID: x", "CSeq: 2 OPTIONS", "Content-Length: 0\r\nl: 0", "c: a/b\r\nc: a/b"]
)
def test_a_header_that_stands_once_is_refused_twice(line: str) -> None:
    assert isinstance(refused(request(line)), MalformedRequest)


@pytest.mark.parametrize(
    "line",
    ["Contact: <sip:", "Route: nonsense", "Record-Route: <sip:a@h>,", "Max-Forwards: x", "Max-Forwards: -1", "Via: SIP/2.0/UDP", "no colon",
     ": x", "B@d: x", "X: a\x00b", "X: a\rb", "X: a\nb", "\x01: x"],
)  # fmt: skip
def test_a_broken_header_that_matters_is_refused_with_400(line: str) -> None:
    error = refused(request(line))
    assert isinstance(error, MalformedRequest)
    assert error.status == 400


@pytest.mark.parametrize(
    "line", ["Expires: never", "Date: yesterday", "Reason: ;;", "Supported: ,,", 'Accept: "', "Content-Type: ???", "Retry-After: x"]
)
def test_a_broken_header_that_does_not_matter_is_ignored(line: str) -> None:
    message = parse_message(request(line))
    assert (message.expires, message.retry_after) == (None, None)
    assert isinstance(message.get_all(line.partition(":")[0]), tuple)


def test_overlarge_seconds_and_hops_count_as_the_largest() -> None:
    message = parse_message(request("Expires: " + "9" * 100, "Max-Forwards: 300", "Retry-After: 18000;duration=3600 (in a meeting)"))
    assert (message.expires, message.max_forwards, message.retry_after) == (2**32 - 1, 255, 18000)


@pytest.mark.parametrize(
    ("start", "status"),
    [
        ("OPTIONS sip:b@h SIP/3.0", 505),
        ("OPTIONS sip:b@h sip/1.0", 505),
        ("OPTIONS sip:b@h HTTP/1.1", None),
        ("OPTIONS sip:b@h", None),
        ("OPTIONS  sip:b@h SIP/2.0", 400),
        ("OPTIONS <sip:b@h> SIP/2.0", 400),
        ("OPTIONS sip:b@h?x=y SIP/2.0", 400),
        ("OPTIONS  SIP/2.0", 400),
        ("", None),
        (" ", None),
        ("SIP/2.0 200", None),
        ("SIP/2.0 99 OK", None),
        ("SIP/2.0 700 OK", None),
        ("SIP/2.0 4294967496 OK", None),
        ("SIP/1.0 200 OK", None),
    ],
)
def test_a_broken_start_line_is_answered_when_it_is_a_request_of_ours(start: str, status: int | None) -> None:
    error = refused(request(start=start) if start != "SIP/2.0 200" else response(start="SIP/2.0 2x0 OK"))
    assert (error.status if isinstance(error, MalformedRequest) else None) == status


def test_a_broken_ack_is_never_answered() -> None:
    assert not isinstance(refused(request("no colon", method="ACK")), MalformedRequest)


def test_a_cseq_of_another_method_is_400_or_501_by_the_method() -> None:
    assert refused(request().replace(b"1 OPTIONS", b"1 INVITE")).status == 400
    assert refused(request(method="NEWMETHOD").replace(b"1 NEWMETHOD", b"1 INVITE")).status == 501


@pytest.mark.parametrize("call_id", ["", "@", "a@", "@b", "a@b@c", "a b", "ä", "a;b", "a,b"])
def test_a_call_id_is_one_word_or_two_round_an_at(call_id: str) -> None:
    assert isinstance(refused(request().replace(b"c@h", call_id.encode())), MalformedRequest)


def test_a_known_header_without_a_colon_is_refused() -> None:
    assert isinstance(refused(request("Contact")), MalformedRequest)


def test_a_registrar_states_its_shortest_binding() -> None:
    message = parse_message(response("Min-Expires: 90", start="SIP/2.0 423 Interval Too Brief"))
    assert (message.min_expires, message.content_type) == (90, None)


def test_methods_are_case_sensitive() -> None:
    message = parse_message(request(method="options"))
    assert isinstance(message, Request)
    assert message.method == "options"


def test_every_limit_holds() -> None:
    parse_message(request("X: y"), limits=Limits(header_lines=6, vias=1))
    many_vias = ", ".join(["SIP/2.0/UDP h"] * 2)
    for data, limits in [
        (request("X: y", "X: y"), Limits(header_lines=6)),
        (request(f"Via: {many_vias}"), Limits(vias=2)),
        (request(body=b"x" * 500), Limits(message_bytes=500)),
        (request("X: " + "y" * 500), Limits(head_bytes=500)),
    ]:
        with pytest.raises(RemoteProtocolError):
            parse_message(data, limits=limits)


def test_a_header_line_has_a_longest_length_folded_or_not() -> None:
    parse_message(request("X: " + "y" * (LINE_CHARS_MAX - 3)))
    for line in ("X: " + "y" * (LINE_CHARS_MAX - 2), "X: y" + "\r\n y" * (LINE_CHARS_MAX // 2)):
        with pytest.raises(RemoteProtocolError):
            parse_message(request(line), limits=Limits(header_lines=10000))


def test_latin_1_in_a_display_name_is_read_as_such() -> None:
    message = parse_message(request().replace(b"<sip:a@h>", b'"M\xfcller" <sip:a@h>'))
    assert message.from_.display == "Müller"


def test_a_line_cannot_be_smuggled_into_what_we_write() -> None:
    message = Request("OPTIONS", Uri("sip", host="h"))
    for value in ("a\r\nEvil: 1", "a\n b", "a\rb"):
        with pytest.raises(LocalProtocolError):
            message.adding("X", value).to_bytes()
        with pytest.raises(LocalProtocolError):
            Response(200, value).to_bytes()
    with pytest.raises(LocalProtocolError):
        message.adding("X", "\ud800").to_bytes()


def test_a_message_cannot_be_changed() -> None:
    message = parse_message(INVITE)
    for name in ("body", "vias", "anything"):
        with pytest.raises(AttributeError):
            setattr(message, name, b"")


def test_headers_are_replaced_added_and_removed_by_any_spelling() -> None:
    message = Request("OPTIONS", Uri("sip", host="h"), (("A", "1"), ("Via", "x"), ("Via", "y"), ("B", "2")))
    assert message.with_header("v", "z").headers == (("A", "1"), ("Via", "z"), ("B", "2"))
    assert message.with_header("subject", "s").headers[-1] == ("Subject", "s")
    assert message.adding("via", "z").get_lines("Via") == ("x", "y", "z")
    assert message.prepending("v", "z").headers[0] == ("Via", "z")
    assert message.without("VIA").headers == (("A", "1"), ("B", "2"))
    assert (message.get("V"), message.get("absent"), message.get_all("absent")) == ("x", None, ())


def test_other_vias_stand_where_the_first_stood_and_all_else_is_as_read() -> None:
    lines = "INVITE sip:a@b SIP/2.0\r\nMax-Forwards: 9\r\nv: SIP/2.0/UDP one;branch=1, SIP/2.0/UDP two\r\nFrom: <sip:f@f>;tag=f\r\n"
    message = parse_message(f"{lines}Via: SIP/2.0/TCP three\r\nTo: <sip:t@t>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\nbody".encode())
    other = message.with_vias((message.via.with_param("received", "192.0.2.1"), *message.vias[1:]))
    assert other == parse_message(other.to_bytes())
    assert [name for name, _ in other.headers] == ["Max-Forwards", "Via", "Via", "Via", "From", "To", "Call-ID", "CSeq"]
    assert other.get_lines("Via") == ("SIP/2.0/UDP one;branch=1;received=192.0.2.1", "SIP/2.0/UDP two", "SIP/2.0/TCP three")
    assert (other.via.received, message.via.received, other.to_tag, other.from_) == ("192.0.2.1", None, None, message.from_)


def test_lists_are_taken_apart_and_other_values_left_whole() -> None:
    message = parse_message(request("Allow: INVITE, ACK", "Allow: BYE", "Subject: a, b", "k:", 'Accept: a/b;x="1,2", c/d'))
    assert message.get_all("Allow") == ("INVITE", "ACK", "BYE")
    assert message.get_all("Subject") == ("a, b",)
    assert message.get_all("Supported") == ()
    assert message.get_all("Accept") == ('a/b;x="1,2"', "c/d")


def test_the_star_contact_is_no_address() -> None:
    message = parse_message(request("Contact: *"))
    assert message.contacts == ()


def test_in_a_response_a_foreign_contact_that_nobody_can_read_is_passed_over() -> None:
    message = parse_message(response("Contact: <sip:door@h>;expires=60, <sip:we ird@x>, sip:c@d", 'Contact: "open <sip:x@y>'))
    assert [contact.uri.user for contact in message.contacts] == ["door", "c"]


def test_a_response_echoes_what_rfc_3261_section_8_2_6_asks_for() -> None:
    asked = parse_message(request("Timestamp: 54", "Via: SIP/2.0/TCP two", "Subject: x", "Record-Route: <sip:p;lr>"))
    assert isinstance(asked, Request)
    answer = make_response(asked, 200, to_tag="t9", headers=(("Allow", "BYE"),), body=b"b")
    assert (answer.status, answer.reason, answer.body) == (200, "OK", b"b")
    assert answer.vias == asked.vias
    assert (answer.from_, answer.call_id, answer.cseq, answer.to.tag) == (asked.from_, asked.call_id, asked.cseq, "t9")
    assert [name for name, _ in answer.headers] == ["Via", "From", "To", "Call-ID", "CSeq", "Via", "Allow"]
    assert make_response(asked, 100).get("Timestamp") == "54"
    assert make_response(asked, 100).to.tag is None


def test_a_to_tag_that_is_there_stays() -> None:
    asked = parse_message(request().replace(b"To: <sip:b@h>", b"To: <sip:b@h>;tag=old"))
    assert isinstance(asked, Request)
    assert make_response(asked, 200, to_tag="new").to.tag == "old"


def test_a_phrase_can_be_given_and_an_unknown_code_has_one() -> None:
    asked = parse_message(request())
    assert isinstance(asked, Request)
    assert make_response(asked, 486, "Door busy").reason == "Door busy"
    assert make_response(asked, 299).reason == "Unknown"


def test_equal_messages_are_equal_and_hash_alike() -> None:
    one, two = parse_message(INVITE), parse_message(INVITE)
    assert one == two
    assert hash(one) == hash(two)
    assert one != one.adding("X", "y")
    assert one != "INVITE"


def test_a_repr_shows_no_credentials_and_no_digits() -> None:
    message = parse_message(request("Authorization: Digest response=abc", body=b"Signal=7"))
    assert "OPTIONS sip:b@h" in repr(message)
    assert "abc" not in repr(message)
    assert "Signal" not in repr(message)


def test_line_ends_in_front_of_a_message_do_not_count_and_alone_are_no_message() -> None:
    assert parse_message(b"\r\n\r\n" + INVITE) == parse_message(INVITE)
    for data in (b"", b"\r\n", b"\r\n\r\n", b"\x00\x00\x00\x00"):
        assert not isinstance(refused(data), MalformedRequest)


def test_a_bracket_inside_a_quoted_parameter_begins_no_uri() -> None:
    data = (Path(__file__).parent.parent / "data" / "sip" / "bracket-in-quoted-parameter.dat").read_bytes()
    message = parse_message(data)
    assert message.to.display == ""
    assert message.to.param("0") == "<"
    assert parse_message(message.to_bytes()) == message
