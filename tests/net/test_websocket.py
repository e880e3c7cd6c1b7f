"""firmware/net/websocket*.py: frames, handshake and both sides joined in memory."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.net import websocket_handshake as handshake
from firmware.net.layers import Taken
from firmware.net.websocket import FRAGMENTS_MAX, MESSAGE_BYTES_MAX, Frame, FrameReader, Opcode, encode, masked
from firmware.net.websocket_layers import WebSocketLayers

MESSAGE = b"OPTIONS sip:door@pbx.example SIP/2.0\r\nContent-Length: 0\r\n\r\n"
MASK = b"\x37\xfa\x21\x3d"
# RFC 6455 §1.3, §4.1
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GET = handshake.request("door.example", "/", KEY).removesuffix(b"\r\n\r\n")


# --- frames --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "mask", "wire"),
    [
        # RFC 6455 §5.7
        (Frame(Opcode.TEXT, b"Hello"), None, bytes.fromhex("810548656c6c6f")),
        (Frame(Opcode.TEXT, b"Hello"), MASK, bytes.fromhex("818537fa213d7f9f4d5158")),
        (Frame(Opcode.PING, b"Hello"), None, bytes.fromhex("890548656c6c6f")),
        (Frame(Opcode.PONG, b"Hello"), MASK, bytes.fromhex("8a8537fa213d7f9f4d5158")),
        (Frame(Opcode.BINARY, bytes(256)), None, bytes.fromhex("827e0100") + bytes(256)),
    ],
)
def test_the_examples_of_the_standard_are_written_and_read(frame: Frame, mask: bytes | None, wire: bytes) -> None:
    assert encode(frame.opcode, frame.payload, mask) == wire
    assert FrameReader(expect_mask=mask is not None).feed(wire) == [frame]


def test_fragments_are_joined_with_a_ping_between() -> None:
    wire = bytes.fromhex("010348656c") + bytes.fromhex("8900") + bytes.fromhex("80026c6f")
    assert FrameReader(expect_mask=False).feed(wire) == [Frame(Opcode.PING, b""), Frame(Opcode.TEXT, b"Hello")]


@given(st.binary(max_size=300), st.integers(1, 7), st.sampled_from([None, MASK]))
def test_a_torn_stream_gives_the_same_frames(payload: bytes, step: int, mask: bytes | None) -> None:
    wire = encode(Opcode.BINARY, payload, mask) * 2
    reader = FrameReader(expect_mask=mask is not None)
    frames = [frame for at in range(0, len(wire), step) for frame in reader.feed(wire[at : at + step])]
    assert frames == [Frame(Opcode.BINARY, payload)] * 2
    assert not reader.pending


@given(st.binary(max_size=200), st.booleans())
def test_garbage_raises_remote_protocol_error_or_nothing(data: bytes, expect_mask: bool) -> None:
    with contextlib.suppress(RemoteProtocolError):
        assert len(FrameReader(expect_mask=expect_mask).feed(data)) <= len(data) / 2


@given(st.binary(max_size=50))
def test_the_mask_comes_off_as_it_went_on(payload: bytes) -> None:
    assert masked(masked(payload, MASK), MASK) == payload


@pytest.mark.parametrize(
    ("wire", "expect_mask", "said"),
    [
        (encode(Opcode.TEXT, b"x", None), True, "unmasked"),
        (encode(Opcode.TEXT, b"x", MASK), False, "a masked frame"),
        (b"\xc1\x00", False, "extension"),
        (b"\x83\x00", False, "unknown kind"),
        (b"\x09\x00", False, "control frame in fragments"),
        (b"\x89\x7e\x00\x80", False, "control frame of more than"),
        (b"\x80\x00", False, "out of order"),
        (b"\x01\x00\x01\x00", False, "out of order"),
        (b"\x82\x7f" + (MESSAGE_BYTES_MAX + 1).to_bytes(8), False, "a message of more than"),
        (b"\x82\x7f" + b"\xff" * 8, False, "a message of more than"),
        (b"\x01\x00" + b"\x00\x00" * FRAGMENTS_MAX, False, "fragments"),
    ],
)
def test_every_breach_is_noticed_at_once(wire: bytes, expect_mask: bool, said: str) -> None:
    with pytest.raises(RemoteProtocolError, match=said):
        FrameReader(expect_mask=expect_mask).feed(wire)


def test_fragments_together_stay_within_the_limit() -> None:
    half = encode(Opcode.TEXT, bytes(MESSAGE_BYTES_MAX // 2 + 1), None)
    reader = FrameReader(expect_mask=False)
    assert reader.feed(b"\x01" + half[1:]) == []
    assert reader.pending
    with pytest.raises(RemoteProtocolError, match="more than"):
        reader.feed(b"\x80" + half[1:])


# --- handshake -----------------------------------------------------------------------------------------------------------


def test_the_key_is_answered_as_in_the_standard() -> None:
    assert handshake.accept_key(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_the_halves_fit() -> None:
    handshake.check_response(handshake.response(GET).removesuffix(b"\r\n\r\n"), KEY)


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"GET", b"POST", b"405"),
        (b"HTTP/1.1", b"HTTP/1.0", b"405"),
        (b"Upgrade: websocket\r\n", b"", b"426"),
        (b"Connection: Upgrade\r\n", b"", b"426"),
        (b"Version: 13", b"Version: 8", b"426"),
        (b"Host: door.example\r\n", b"", b"400"),
        (KEY.encode(), base64.b64encode(b"short"), b"400"),
        (KEY.encode(), b"no base64!", b"400"),
        (b"Protocol: sip", b"Protocol: chat", b"400"),
        (b"\r\nHost", b"\r\nOrigin: https://evil.example\r\nHost", b"403"),
    ],
)
def test_a_request_that_is_not_right_is_answered_with_the_reason(old: bytes, new: bytes, status: bytes) -> None:
    assert old in GET
    with pytest.raises(handshake.HandshakeError) as refused:
        handshake.response(GET.replace(old, new, 1))
    assert refused.value.answer.startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Protocol: sip", b"Protocol: chat, SIP"),
        (b"Connection: Upgrade", b"connection: keep-alive, Upgrade"),
        (b"\r\nHost", b"\r\nOrigin: http://Door.example\r\nHost"),
    ],
)
def test_what_browsers_write_is_taken(old: bytes, new: bytes) -> None:
    assert handshake.response(GET.replace(old, new, 1)).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"101 Switching Protocols", b"404 Not Found", "answers 'HTTP/1.1 404 Not Found' instead of opening a WebSocket"),
        (b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOO=", "RFC 6455"),
        (b"Protocol: sip", b"Protocol: chat", "does not carry SIP"),
        (b"Upgrade: websocket", b"Upgrade: h2c", "RFC 6455"),
    ],
)
def test_an_answer_that_is_not_right_is_refused_in_words(old: bytes, new: bytes, said: str) -> None:
    answer = handshake.response(GET).removesuffix(b"\r\n\r\n")
    assert old in answer
    with pytest.raises(handshake.HandshakeError, match=said):
        handshake.check_response(answer.replace(old, new), KEY)


@given(st.binary(max_size=200))
def test_garbage_instead_of_a_handshake_is_a_handshake_error(data: bytes) -> None:
    for attempt in (lambda: handshake.response(data), lambda: handshake.check_response(data, KEY)):
        with pytest.raises(handshake.HandshakeError):
            attempt()


# --- both sides ----------------------------------------------------------------------------------------------------------


def joined() -> tuple[WebSocketLayers, WebSocketLayers]:
    client, server = WebSocketLayers(host="door.example", random=bytes), WebSocketLayers(host=None)
    assert server.begin() == b""
    answer = server.receive(client.begin())
    assert client.receive(answer.reply) == Taken()
    assert (client.ready, server.ready) == (True, True)
    assert not client.pending
    assert not server.pending
    return client, server


@pytest.mark.parametrize("message", [MESSAGE, MESSAGE + b"\xff\xfe"])
def test_messages_go_both_ways(message: bytes) -> None:
    client, server = joined()
    assert server.receive(client.send(message)) == Taken((message,))
    assert client.receive(server.send(message)) == Taken((message,))


def test_a_message_may_ride_on_the_handshake() -> None:
    client, server = WebSocketLayers(host="door.example"), WebSocketLayers(host=None)
    early = encode(Opcode.TEXT, MESSAGE, MASK)
    taken = server.receive(client.begin() + early)
    assert taken.messages == (MESSAGE,)
    assert taken.reply.startswith(b"HTTP/1.1 101")


def test_a_keep_alive_is_a_ping_and_answered_by_a_pong() -> None:
    client, server = joined()
    ping = client.send(b"\r\n\r\n")
    assert ping[0] == 0x89
    taken = server.receive(ping)
    assert taken == Taken(reply=encode(Opcode.PONG, b"", None))
    assert client.receive(taken.reply) == Taken()


def test_a_crlf_keep_alive_is_answered_too() -> None:
    _, server = joined()
    assert server.receive(encode(Opcode.TEXT, b"\r\n\r\n", MASK)) == Taken(reply=encode(Opcode.TEXT, b"\r\n", None))
    assert server.receive(encode(Opcode.TEXT, b"\r\n", MASK)) == Taken()


def test_a_goodbye_is_answered_once() -> None:
    client, server = joined()
    taken = server.receive(client.send(MESSAGE) + client.end())
    assert taken == Taken((MESSAGE,), encode(Opcode.CLOSE, b"\x03\xe8", None), "the other side has said goodbye")
    assert client.receive(taken.reply) == Taken()
    assert (client.end(), server.end()) == (b"", b"")


def test_a_breach_ends_the_connection_with_the_code_for_it() -> None:
    _, server = joined()
    assert server.receive(encode(Opcode.TEXT, MESSAGE, None)) == Taken(
        reply=encode(Opcode.CLOSE, b"\x03\xea", None), failure="WebSocket: an unmasked frame"
    )


def test_a_refused_handshake_ends_the_connection_on_both_sides() -> None:
    server = WebSocketLayers(host=None)
    taken = server.receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert taken.failure == "WebSocket: no wish to upgrade"
    client = WebSocketLayers(host="x")
    client.begin()
    assert "HTTP/1.1 426" in client.receive(taken.reply).failure


def test_an_endless_handshake_is_cut_off() -> None:
    server = WebSocketLayers(host=None)
    assert server.receive(b"GET / HTTP/1.1\r\n") == Taken()
    assert server.pending
    assert "too long" in server.receive(b"X" * handshake.HEAD_BYTES_MAX).failure
