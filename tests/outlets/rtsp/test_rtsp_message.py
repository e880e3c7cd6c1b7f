"""firmware/outlets/rtsp/message.py: octets to requests and frames, to the letter of RFC 2326, and nothing without a bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.outlets.rtsp.message import BODY_BYTES_MAX, HEAD_BYTES_MAX, Frame, Request, framed, response, take

OPTIONS = b"OPTIONS rtsp://door/ RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Lavf59\r\n\r\n"


def taken(data: bytes) -> list[Request | Frame]:
    buffer, out = bytearray(data), []
    while (one := take(buffer)) is not None:
        out.append(one)
    return out


def test_a_request_is_its_line_and_its_headers() -> None:
    (request,) = taken(OPTIONS)
    assert request == Request("OPTIONS", "rtsp://door/", "1", {"cseq": "1", "user-agent": "Lavf59"})


def test_requests_and_reports_follow_each_other_and_may_come_in_pieces() -> None:
    stream = b"\r\n" + OPTIONS + framed(1, b"report") + OPTIONS.replace(b"CSeq: 1", b"CSeq: 2\r\nContent-Length: 3") + b"abc" + OPTIONS
    whole = taken(stream)
    assert [type(one) for one in whole] == [Request, Frame, Request, Request]
    assert whole[1] == Frame(1, b"report")
    buffer, out = bytearray(), []
    for byte in stream:
        buffer.append(byte)
        while (one := take(buffer)) is not None:
            out.append(one)
    assert out == whole


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nCSeq: 1\r\n\r\n",
        b"OPTIONS rtsp://door/ RTSP/1.0\r\n\r\n",
        b"OPTIONS rtsp://door/ RTSP/1.0\r\nCSeq: one\r\n\r\n",
        b"OPTIONS  RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        b"OPTIONS rtsp://door/ RTSP/1.0\r\nno header\r\nCSeq: 1\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
        b"A" * HEAD_BYTES_MAX,
        OPTIONS[:-2] + b"Content-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1),
        OPTIONS[:-2] + b"Content-Length: -1\r\n\r\n",
        OPTIONS[:-2] + b"X: y\r\n" * 40 + b"\r\n",
    ],
)
def test_what_is_no_rtsp_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        take(bytearray(data))


@given(st.binary(max_size=600))
def test_no_octets_raise_anything_else_and_none_are_kept_for_ever(data: bytes) -> None:
    buffer = bytearray(data)
    try:
        while (one := take(buffer)) is not None:
            assert isinstance(one, Request | Frame)
    except RemoteProtocolError:
        return


def test_a_response_repeats_the_number_of_its_request() -> None:
    # RFC 2326 §12.17: "for every RTSP request containing the given sequence number, there will be a corresponding response".
    assert (
        response(200, "7", ("Session", "ab"), body=b"v=0") == b"RTSP/1.0 200 OK\r\nCSeq: 7\r\nSession: ab\r\nContent-Length: 3\r\n\r\nv=0"
    )


def test_a_packet_is_framed_by_a_dollar_its_channel_and_its_length() -> None:
    assert framed(2, b"abc") == b"$\x02\x00\x03abc"
