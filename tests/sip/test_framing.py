"""The stream framer: messages and keep-alives out of a byte stream (RFC 3261 §18.3, RFC 5626 §4.4.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip.framing import KeepAlive, StreamFramer
from firmware.sip.message import Limits, MalformedRequest, parse_message

OPTIONS = (
    b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n"
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
)
EMPTY = OPTIONS + b"Content-Length: 0\r\n\r\n"
WITH_BODY = OPTIONS + b"l: 7\r\n\r\nab\r\n\r\nc"


def test_two_messages_in_one_segment_come_out_as_two() -> None:
    assert StreamFramer().feed(EMPTY + WITH_BODY) == [EMPTY, WITH_BODY]


def test_a_message_cut_anywhere_comes_out_whole() -> None:
    for cut in range(1, len(WITH_BODY)):
        framer = StreamFramer()
        assert framer.feed(WITH_BODY[:cut]) == []
        assert framer.pending == cut
        assert framer.feed(WITH_BODY[cut:]) == [WITH_BODY]
        assert framer.pending == 0


def test_a_double_crlf_is_a_ping_and_a_single_one_a_pong() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n\r\n" + EMPTY + b"\r\n" + EMPTY) == [KeepAlive.PONG, KeepAlive.PING, EMPTY, KeepAlive.PONG, EMPTY]
    assert framer.feed(b"\r") == []
    assert framer.feed(b"\n") == [KeepAlive.PONG]


def test_every_ping_of_several_is_seen_once() -> None:
    assert StreamFramer().feed(b"\r\n" * 6).count(KeepAlive.PING) == 3


def test_a_message_without_content_length_ends_with_its_headers() -> None:
    assert StreamFramer().feed(OPTIONS + b"\r\n" + EMPTY) == [OPTIONS + b"\r\n", EMPTY]


def test_a_folded_and_spaced_content_length_counts() -> None:
    message = OPTIONS + b"Content-Length :\r\n 003\r\n\r\nxyz"
    assert StreamFramer().feed(message) == [message]


@pytest.mark.parametrize(
    "line", [b"Content-Length: -999", b"Content-Length: 1x", b"Content-Length:", b"l: 1\r\nl: 2", b"l: 99999999999999999999999999"]
)
def test_a_length_that_cannot_be_known_gives_the_headers_for_a_refusal_and_loses_the_stream(line: bytes) -> None:
    framer = StreamFramer()
    head = OPTIONS + line + b"\r\n\r\n"
    assert framer.feed(EMPTY + head + b"v=0\r\n") == [EMPTY, head]
    assert framer.lost
    with pytest.raises(MalformedRequest):
        parse_message(head)
    with pytest.raises(RemoteProtocolError):
        framer.feed(EMPTY)


def test_another_protocol_is_noticed_at_its_first_line() -> None:
    framer = StreamFramer()
    assert framer.feed(b"GET / HTTP/1.1") == []
    with pytest.raises(RemoteProtocolError):
        framer.feed(b"\r\n")
    assert framer.lost
    assert framer.pending == 0


def test_a_lone_cr_between_messages_loses_the_stream() -> None:
    with pytest.raises(RemoteProtocolError):
        StreamFramer().feed(b"\rX")


def test_headers_without_end_are_held_only_up_to_the_limit() -> None:
    framer = StreamFramer(limits=Limits(head_bytes=1000))
    assert framer.feed(OPTIONS) == []
    with pytest.raises(RemoteProtocolError):
        framer.feed(b"x" * 1000)
    assert framer.pending == 0


def test_a_body_beyond_the_limit_is_refused_before_it_arrives() -> None:
    framer = StreamFramer(limits=Limits(message_bytes=1000))
    head = OPTIONS + b"Content-Length: 1000\r\n\r\n"
    assert framer.feed(head) == [head]
    assert framer.lost


PIECES = st.lists(
    st.sampled_from([EMPTY, WITH_BODY, b"\r\n", b"\r\n\r\n", b"\r", b"GET /\r\n", OPTIONS, OPTIONS + b"l: -1\r\n\r\n", b"x"]), max_size=6
)


@given(PIECES, st.lists(st.integers(1, 200), min_size=1, max_size=20))
def test_the_cut_into_segments_never_changes_the_result(pieces: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(pieces)
    assert _fed(stream, [len(stream)]) == _fed(stream, [1]) == _fed(stream, sizes)


def _fed(stream: bytes, sizes: list[int]) -> tuple[list[bytes | KeepAlive], bool]:
    framer, out, at, turn = StreamFramer(), [], 0, 0
    while at < len(stream) and not framer.lost:
        size = sizes[turn % len(sizes)]
        try:
            out += framer.feed(stream[at : at + size])
        except RemoteProtocolError:
            assert framer.lost
        at, turn = at + size, turn + 1
    return out, framer.lost
