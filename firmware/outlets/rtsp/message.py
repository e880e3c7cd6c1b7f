"""RTSP on the wire, pure: requests and interleaved frames out of octets, responses into them (RFC 2326 §4 to §7, §10.12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from firmware.errors import RemoteProtocolError

HEAD_BYTES_MAX: Final = 4096  # of request line and headers; players send some three hundred
BODY_BYTES_MAX: Final = 1024  # of a GET_PARAMETER, which nobody fills
HEADERS_MAX: Final = 32
DOLLAR: Final = 0x24
REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    406: "Not Acceptable",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    501: "Not Implemented",
    503: "Service Unavailable",
}


class Request(NamedTuple):
    """One request. Names of headers are lower case; `cseq` is as written, since the response repeats it (§12.17)."""

    method: str
    uri: str
    cseq: str
    headers: Mapping[str, str]


class Frame(NamedTuple):
    """One interleaved packet of the client's: its reports (§10.12)."""

    channel: int
    data: bytes


def take(buffer: bytearray) -> Request | Frame | None:
    """The next whole request or frame, which leaves the buffer; None while there is none.

    Raises RemoteProtocolError for what is neither.
    """
    while buffer[:2] == b"\r\n":
        del buffer[:2]  # some players send an empty line to stay alive
    if buffer and buffer[0] == DOLLAR:
        return _frame(buffer)
    end = buffer.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX)
    if end < 0:
        if len(buffer) >= HEAD_BYTES_MAX:
            raise RemoteProtocolError(f"a request whose head exceeds {HEAD_BYTES_MAX} octets")
        return None
    request = _request(bytes(buffer[:end]))
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal() and len(length) <= 6 and int(length) <= BODY_BYTES_MAX):
        raise RemoteProtocolError("a request whose body is too long")
    whole = end + 4 + int(length)
    if len(buffer) < whole:
        return None
    del buffer[:whole]
    return request


def response(status: int, cseq: str, *headers: tuple[str, str], body: bytes = b"") -> bytes:
    """A response, whole."""
    lines = [f"RTSP/1.0 {status} {REASONS[status]}", f"CSeq: {cseq}", *(f"{name}: {value}" for name, value in headers)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode() + body


def framed(channel: int, packet: bytes) -> bytes:
    """§10.12: a dollar sign, the channel, the length in two octets, the packet."""
    return bytes((DOLLAR, channel)) + len(packet).to_bytes(2, "big") + packet


def _frame(buffer: bytearray) -> Frame | None:
    if len(buffer) < 4:
        return None
    whole = 4 + int.from_bytes(buffer[2:4], "big")
    if len(buffer) < whole:
        return None
    frame = Frame(buffer[1], bytes(buffer[4:whole]))
    del buffer[:whole]
    return frame


def _request(head: bytes) -> Request:
    try:
        first, *rest = head.decode("utf-8").split("\r\n")
    except UnicodeDecodeError:
        raise RemoteProtocolError("a request that is no text") from None
    parts = first.split(" ")
    if len(parts) != 3 or parts[2] != "RTSP/1.0" or not parts[0].isalpha() or not parts[1]:
        raise RemoteProtocolError("no request line of RTSP/1.0")
    if len(rest) > HEADERS_MAX:
        raise RemoteProtocolError(f"more than {HEADERS_MAX} headers")
    headers: dict[str, str] = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise RemoteProtocolError("a line that is no header")
        headers.setdefault(name.strip().lower(), value.strip())
    cseq = headers.get("cseq", "")
    if not (cseq.isascii() and cseq.isdecimal() and len(cseq) <= 10):
        raise RemoteProtocolError("a request without CSeq (§12.17)")
    return Request(parts[0], parts[1], cseq, headers)
