"""Several bodies in one message, and the SDP among them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip.body.multipart import PARTS_MAX, Part, decode, encode, find
from firmware.sip.media_type import MediaType
from firmware.sip.message import Request
from firmware.sip.uri import Uri

MIXED = MediaType.parse("multipart/mixed;boundary=b1")
SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"


def message(content_type: str, body: bytes) -> Request:
    return Request("INVITE", Uri("sip", host="example.com"), (("Content-Type", content_type),), body)


def test_parts_are_read_with_preamble_epilogue_and_padding() -> None:
    body = (
        b"preamble\r\n--b1 \t\r\nContent-Type: application/SDP\r\ncontent-disposition: session\r\n\r\n" + SDP + b"\r\n"
        b"--b1\r\n\r\nplain\r\n--b1\r\nContent-Type: image/jpeg\r\nContent-ID: <1@x>\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        b"\xff\xd8--b1\r\n--b1--\r\nepilogue\r\n--b1\r\n"
    )
    sdp, plain, picture = decode(MIXED, body)
    assert sdp == Part(MediaType("application", "sdp"), SDP, (("Content-Disposition", "session"),))
    assert plain == Part(MediaType("text", "plain"), b"plain")
    assert (str(picture.content_type), picture.content_id, picture.content) == ("image/jpeg", "1@x", b"\xff\xd8--b1")
    assert plain.content_id is None


def test_a_body_is_written_in_one_form() -> None:
    parts = (
        Part(MediaType("application", "sdp"), b"v=0\r\n", (("Content-Disposition", "session"),)),
        Part(MediaType("text", "plain"), b"hi"),
    )
    assert encode(parts, "b1") == (
        b"--b1\r\nContent-Type: application/sdp\r\nContent-Disposition: session\r\n\r\nv=0\r\n\r\n"
        b"--b1\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b1--\r\n"
    )
    assert decode(MIXED, encode(parts, "b1")) == parts


@given(st.lists(st.binary(max_size=40).filter(lambda content: b"--b1" not in content), min_size=1, max_size=PARTS_MAX))
def test_any_content_survives(contents: list[bytes]) -> None:
    parts = tuple([Part(MediaType("application", "octet-stream"), content) for content in contents])
    assert decode(MIXED, encode(parts, "b1")) == parts


def test_a_content_that_holds_the_boundary_cannot_be_written() -> None:
    with pytest.raises(AssertionError):
        encode((Part(MediaType("text", "plain"), b"x\r\n--b1--"),), "b1")


def test_the_sdp_is_found_plain_wrapped_and_nested() -> None:
    text, sdp = Part(MediaType("text", "plain"), b"hello"), Part(MediaType("application", "sdp"), SDP)
    inner = Part(MediaType.parse("multipart/alternative;boundary=in"), encode((text, sdp), "in"))
    nested = encode((text, inner), "b1")
    assert find(message("application/sdp", SDP), "application/sdp") == SDP
    assert find(message('multipart/mixed;boundary="b1"', encode((text, sdp), "b1")), "application/sdp") == SDP
    assert find(message("Multipart/Related; boundary=b1", nested), "application/sdp") == SDP
    assert find(message("multipart/mixed;boundary=b1", nested), "image/jpeg") is None
    assert find(message("application/sdp", b""), "application/sdp") is None
    assert find(message("text/plain", SDP), "application/sdp") is None
    assert find(Request("INVITE", Uri("sip", host="x"), (), SDP), "application/sdp") is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b1",
        b"--b1--x"[:4],
        b"--b1\r\n\r\nno end",
        b"--b1\r\nContent-Type: text/plain\r\n--b1--",
        b"--b1\r\nContent-Type: text\r\n\r\nx\r\n--b1--",
        b"--b1\r\nno colon\r\n\r\nx\r\n--b1--",
        b"--b1x\r\n\r\nx\r\n--b1--",
        b"--b1\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--b1--",
        b"--b1\r\n\r\nx\r\n" * (PARTS_MAX + 1) + b"--b1--",
        b"--b1\r\n" + b"X: 1\r\n" * 33 + b"\r\nx\r\n--b1--",
    ],
)
def test_what_is_no_multipart_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(MIXED, body)


@pytest.mark.parametrize(
    "kind", ["multipart/mixed", "text/plain;boundary=b1", 'multipart/mixed;boundary="b "', 'multipart/mixed;boundary="\u00fc"']
)
def test_a_type_without_a_sound_boundary_is_refused(kind: str) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(MediaType.parse(kind), b"--b1\r\n\r\nx\r\n--b1--")


def test_too_deep_nesting_is_refused_and_the_greatest_number_of_parts_is_not() -> None:
    part = Part(MediaType("application", "sdp"), SDP)
    for number in range(4):
        part = Part(MediaType.parse(f"multipart/mixed;boundary=n{number}"), encode((part,), f"n{number}"))
    with pytest.raises(RemoteProtocolError):
        find(message("multipart/mixed;boundary=n3", part.content), "application/sdp")
    (inner,) = decode(part.content_type, part.content)
    assert find(message("multipart/mixed;boundary=n2", inner.content), "application/sdp") == SDP
    assert len(decode(MIXED, b"--b1\r\n\r\nx\r\n" * PARTS_MAX + b"--b1--")) == PARTS_MAX
