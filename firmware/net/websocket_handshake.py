"""The HTTP handshake that opens a WebSocket (RFC 6455 §4) with the subprotocol `sip` (RFC 7118 §4): pure, both sides."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

HEAD_BYTES_MAX: Final = 8192  # browsers send a few hundred octets, with cookies of the same host some more
GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
SUBPROTOCOL: Final = "sip"
END: Final = b"\r\n\r\n"

Fields = dict[str, str]


class HandshakeError(Exception):
    """The other side's half cannot be accepted; `answer` is what a server says to that."""

    def __init__(self, reason: str, answer: bytes = b"") -> None:
        super().__init__(reason)
        self.answer = answer


def accept_key(key: str) -> str:
    """What proves that the server has understood the client's key (§4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + GUID, usedforsecurity=False).digest()).decode()


def request(host: str, path: str, key: str) -> bytes:
    """The client's half. `host` is the Host header's value."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    ).encode()


def response(head: bytes) -> bytes:
    """The server's half for a client's head (without its final empty line). Raises HandshakeError."""
    first, fields = _parse(head)
    method, _, rest = first.partition(" ")
    if method != "GET" or not rest.endswith(" HTTP/1.1"):
        raise _refusal("405 Method Not Allowed", "no GET of HTTP/1.1")
    if "websocket" not in _tokens(fields, "upgrade") or "upgrade" not in _tokens(fields, "connection"):
        raise _refusal("426 Upgrade Required", "no wish to upgrade", "Upgrade: websocket\r\nConnection: Upgrade\r\n")
    if fields.get("sec-websocket-version") != "13":
        raise _refusal("426 Upgrade Required", "another version of WebSocket", "Sec-WebSocket-Version: 13\r\n")
    key = fields.get("sec-websocket-key", "")
    if "host" not in fields or not _is_key(key):
        raise _refusal("400 Bad Request", "no Host or no key")
    # RFC 6455 §10.2: a browser tells which page wants the connection. A stranger's page must not speak to the door in its visitor's name.
    origin = fields.get("origin")
    if origin is not None and origin.partition("://")[2].lower() != fields["host"].lower():
        raise _refusal("403 Forbidden", "a web page of another host")
    # RFC 7118 §4: "the client MUST include the value sip", and the server must answer with it.
    if SUBPROTOCOL not in _tokens(fields, "sec-websocket-protocol"):
        raise _refusal("400 Bad Request", "not the subprotocol sip")
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    ).encode()


def check_response(head: bytes, key: str) -> None:
    """Whether a server's head (without its final empty line) accepts our request. Raises HandshakeError."""
    first, fields = _parse(head)
    version, _, status = first.partition(" ")
    if version != "HTTP/1.1" or not status.startswith("101"):
        raise HandshakeError(f"the server answers {first[:80]!r} instead of opening a WebSocket; check network.websocket_path")
    if "websocket" not in _tokens(fields, "upgrade") or fields.get("sec-websocket-accept") != accept_key(key):
        raise HandshakeError("the server does not open a WebSocket in the way of RFC 6455")
    if fields.get("sec-websocket-protocol", "").lower() != SUBPROTOCOL or "sec-websocket-extensions" in fields:
        raise HandshakeError("the server's WebSocket does not carry SIP; check network.websocket_path")


def _parse(head: bytes) -> tuple[str, Fields]:
    """First line and fields, names in lower case; fields that stand several times are joined by commas (RFC 9110 §5.3)."""
    first, *lines = head.decode("latin-1").split("\r\n")
    fields: Fields = {}
    for line in lines:
        name, _, value = line.partition(":")
        name = name.lower()
        fields[name] = f"{fields[name]}, {value.strip()}" if name in fields else value.strip()
    return first, fields


def _tokens(fields: Fields, name: str) -> list[str]:
    return [token.strip().lower() for token in fields.get(name, "").split(",")]


def _is_key(key: str) -> bool:
    """§4.2.1: sixteen octets in base64."""
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _refusal(status: str, reason: str, fields: str = "") -> HandshakeError:
    return HandshakeError(reason, f"HTTP/1.1 {status}\r\n{fields}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
