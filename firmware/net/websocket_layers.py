"""SIP over WebSocket (RFC 7118): one message a WebSocket message, on a stream of octets or over TLS."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from typing import Final

from firmware.errors import RemoteProtocolError
from firmware.net import websocket_handshake as handshake
from firmware.net.layers import Taken
from firmware.net.websocket import Frame, FrameReader, Opcode, encode
from firmware.sip.framing import KeepAlive

CLOSE_NORMAL: Final = (1000).to_bytes(2)
CLOSE_PROTOCOL_ERROR: Final = (1002).to_bytes(2)

Random = Callable[[int], bytes]


class WebSocketLayers:
    """One side of a WebSocket. `host`, for the client: the Host header; None makes the server."""

    def __init__(self, *, host: str | None, path: str = "/", random: Random = os.urandom) -> None:
        self._host = host
        self._path = path
        self._random = random
        self._key = ""
        self._head = bytearray()
        self._open = False
        self._over = False
        self._frames = FrameReader(expect_mask=host is None)

    @property
    def ready(self) -> bool:
        return self._open

    @property
    def pending(self) -> bool:
        return not self._open or self._frames.pending

    def begin(self) -> bytes:
        if self._host is None:
            return b""
        self._key = base64.b64encode(self._random(16)).decode()
        return handshake.request(self._host, self._path, self._key)

    def receive(self, data: bytes) -> Taken:
        if self._over:
            return Taken()
        reply = b""
        if not self._open:
            self._head += data
            head, end, rest = bytes(self._head).partition(handshake.END)
            if len(head) > handshake.HEAD_BYTES_MAX:
                return Taken(failure="WebSocket: the handshake is too long")
            if not end:
                return Taken()
            try:
                reply = self._shake_hands(head)
            except handshake.HandshakeError as error:
                return Taken(reply=error.answer, failure=f"WebSocket: {error}")
            self._open, data = True, rest
            self._head.clear()
        taken = self._take(data)
        return taken._replace(reply=reply + taken.reply)

    def send(self, message: bytes) -> bytes:
        # RFC 7118 §6: the keep-alive of WebSocket is the ping frame.
        return self._frame(Opcode.PING, b"") if message == KeepAlive.PING.value else self._frame(_opcode_for(message), message)

    def end(self) -> bytes:
        if not self._open or self._over:
            return b""
        self._over = True
        return self._frame(Opcode.CLOSE, CLOSE_NORMAL)

    def _shake_hands(self, head: bytes) -> bytes:
        if self._host is None:
            return handshake.response(head)
        handshake.check_response(head, self._key)
        return b""

    def _take(self, data: bytes) -> Taken:
        try:
            frames = self._frames.feed(data)
        except RemoteProtocolError as error:
            self._over = True
            return Taken(reply=self._frame(Opcode.CLOSE, CLOSE_PROTOCOL_ERROR), failure=f"WebSocket: {error}")
        messages: list[bytes] = []
        reply = b""
        for frame in frames:
            match frame:
                case Frame(Opcode.PING, payload):
                    reply += self._frame(Opcode.PONG, payload)
                case Frame(Opcode.CLOSE, payload):
                    # RFC 6455 §5.5.1: a close frame is answered with one.
                    self._over = True
                    reply += self._frame(Opcode.CLOSE, payload[:2])
                    return Taken(tuple(messages), reply, "the other side has said goodbye")
                case Frame(Opcode.TEXT | Opcode.BINARY, payload) if payload.isspace():
                    # Some send the CRLF of RFC 5626 §4.4.1 here too.
                    reply += self._frame(Opcode.TEXT, KeepAlive.PONG.value) if payload == KeepAlive.PING.value else b""
                case Frame(Opcode.TEXT | Opcode.BINARY, payload):
                    messages.append(payload)
                case _:
                    pass  # a pong, expected or not, is only a sign of life
        return Taken(tuple(messages), reply)

    def _frame(self, opcode: Opcode, payload: bytes) -> bytes:
        return encode(opcode, payload, None if self._host is None else self._random(4))


def _opcode_for(message: bytes) -> Opcode:
    """RFC 7118 §5: text or binary; text must be UTF-8 (RFC 6455 §8.1)."""
    try:
        message.decode()
    except UnicodeDecodeError:
        return Opcode.BINARY
    return Opcode.TEXT
