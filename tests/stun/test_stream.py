"""firmware/stun/stream.py: messages on a stream, however it is cut (RFC 8656 §12.5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.stun.message import message
from firmware.stun.stream import MESSAGE_MAX, StreamFramer, framed
from firmware.stun.turn import CHANNEL_FIRST, CHANNEL_LAST, REFRESH, channel_data, lifetime

ANSWER = message(REFRESH, bytes(12), lifetime(600))


def test_channel_data_is_padded_to_whole_words_and_its_length_does_not_count_that() -> None:
    assert framed(channel_data(CHANNEL_FIRST, b"12345")) == bytes((0x40, 0, 0, 5)) + b"12345\0\0\0"
    assert framed(ANSWER) == ANSWER


@given(
    st.lists(st.one_of(st.just(ANSWER), st.binary(max_size=40).map(lambda data: channel_data(CHANNEL_LAST, data))), max_size=6),
    st.lists(st.integers(1, 60)),
)
def test_messages_are_found_however_the_stream_is_cut(messages: list[bytes], cuts: list[int]) -> None:
    framer = StreamFramer()
    stream = b"".join(map(framed, messages))
    found: list[bytes] = []
    for cut in cuts:
        found += framer.feed(stream[:cut])
        stream = stream[cut:]
    found += framer.feed(stream)
    assert (found, framer.pending, framer.lost) == (messages, 0, False)


@pytest.mark.parametrize(
    "wrong",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\x50\0\0\0",  # a reserved number of a channel
        b"\x80\x08\0\1",  # RTP
        b"\0\1\0\2",  # a length that is none of STUN
        b"\x40\0" + (MESSAGE_MAX - 3).to_bytes(2, "big"),
    ],
)
def test_what_is_neither_loses_the_stream_and_costs_no_memory(wrong: bytes) -> None:
    framer = StreamFramer()
    assert framer.feed(ANSWER + wrong) == [ANSWER]
    assert framer.lost
    for _ in range(3):
        assert framer.feed(ANSWER) == []
    assert framer.pending == 0


@given(st.binary())
def test_whatever_comes_is_bounded(data: bytes) -> None:
    framer = StreamFramer()
    framer.feed(data)
    assert framer.pending < MESSAGE_MAX
