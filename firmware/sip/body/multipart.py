"""multipart bodies: mixed, related, alternative (RFC 2046 §5.1, RFC 5621), and the one part that a reader looks for.

An SDP may come wrapped together with a picture, a location or the proof of an identity; who cannot unwrap it loses the call.
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar
from firmware.sip.fields import HeaderFields
from firmware.sip.header_lines import Headers, read_head
from firmware.sip.media_type import MediaType

PARTS_MAX = 16  # SDP, two proofs and a location are four
DEPTH_MAX = 3  # mixed in related in mixed; nobody nests deeper
HEADER_LINES_MAX = 32
BOUNDARY_CHARS_MAX = 70  # RFC 2046 §5.1.1

_BOUNDARY = grammar.ALPHANUM + "'()+_,-./:=? "
_PLAIN_ENCODINGS = ("7bit", "8bit", "binary")


class Part(NamedTuple):
    """One body part: its type (`text/plain` when it states none, RFC 2046 §5.1), its headers, its bytes."""

    content_type: MediaType
    content: bytes
    headers: Headers = ()

    def header(self, name: str) -> str | None:
        """The first header of that canonical name, None when absent."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    @property
    def content_id(self) -> str | None:
        """Content-ID without angle brackets, as a `cid:` URL names it (RFC 2392); None when absent."""
        text = self.header("Content-ID")
        return text.strip("<> \t") if text else None


def decode(content_type: MediaType, body: bytes) -> tuple[Part, ...]:
    """The parts of a body whose type is multipart/anything. What stands before the first and behind the last boundary does not count.

    Raises RemoteProtocolError; a body that ends without its closing boundary is one too (a datagram that lost its end).
    """
    boundary = content_type.param("boundary") or ""
    if content_type.kind != "multipart" or not _is_boundary(boundary):
        raise RemoteProtocolError(f"not a multipart type: {str(content_type)[:80]!r}")
    # The line end in front of a boundary belongs to the boundary (RFC 2046 §5.1.1), so one is put in front of the body.
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode(), PARTS_MAX + 2)
    if len(pieces) > PARTS_MAX + 2:
        raise RemoteProtocolError(f"more than {PARTS_MAX} body parts", status=513)
    parts: list[Part] = []
    for piece in pieces[1:]:
        if piece[:2] == b"--":
            return tuple(parts)
        padding, line_end, content = piece.partition(b"\r\n")
        if padding.strip(b" \t") or not line_end:
            raise RemoteProtocolError("boundary within a line")
        parts.append(_part(content))
    raise RemoteProtocolError("multipart without its closing boundary")


def encode(parts: tuple[Part, ...], boundary: str) -> bytes:
    """The body of a multipart with these parts. `boundary` must be unlike anything inside; take it from the IdSource."""
    assert parts, "a multipart has a part (RFC 2046 §5.1)"
    assert _is_boundary(boundary), boundary
    mark = b"--" + boundary.encode()
    out = []
    for part in parts:
        assert mark not in part.content, "the boundary occurs inside a part"
        lines = [f"{name}: {value}\r\n" for name, value in part.headers if name != "Content-Type"]
        head = "".join([f"Content-Type: {part.content_type}\r\n", *lines])
        assert head.count("\n") == head.count("\r") == len(lines) + 1, head
        out.append(mark + b"\r\n" + head.encode() + b"\r\n" + part.content + b"\r\n")
    return b"".join(out) + mark + b"--\r\n"


def find(message: HeaderFields, wanted: str) -> bytes | None:
    """The body of type `wanted` (`application/sdp`): the message's own, or the first such part at any depth; None when there is none.

    Raises RemoteProtocolError when the message has a multipart body that cannot be read. A body without Content-Type is none.
    """
    value = message.get("Content-Type")
    if value is None or not message.body:
        return None
    part = _find(Part(MediaType.parse(value), message.body), MediaType.parse(wanted), DEPTH_MAX)
    return None if part is None else part.content


def _find(part: Part, wanted: MediaType, depth: int) -> Part | None:
    if part.content_type.kind != "multipart":
        return part if wanted.covers(part.content_type) else None
    if depth == 0:
        raise RemoteProtocolError(f"multipart nested deeper than {DEPTH_MAX}", status=513)
    for inner in decode(part.content_type, part.content):
        found = _find(inner, wanted, depth - 1)
        if found is not None:
            return found
    return None


def _part(data: bytes) -> Part:
    # A part without headers begins with its empty line.
    head, gap, content = (b"", b"\r\n", data[2:]) if data[:2] == b"\r\n" else data.partition(b"\r\n\r\n")
    if not gap:
        raise RemoteProtocolError("body part without the end of its headers")
    _, headers, _ = read_head(b"\r\n" + head if head else b"", HEADER_LINES_MAX)
    values = dict(reversed(headers))
    encoding = values.get("Content-Transfer-Encoding", "binary").lower()
    if encoding not in _PLAIN_ENCODINGS:
        # "binary" is the one that SIP uses (RFC 5621 §3); mail's base64 has no reason in an 8-bit protocol.
        raise RemoteProtocolError(f"body part in {encoding[:40]!r}", status=415)
    content_type = MediaType.parse(values["Content-Type"]) if "Content-Type" in values else MediaType("text", "plain")
    return Part(content_type, content, tuple([pair for pair in headers if pair[0] != "Content-Type"]))


def _is_boundary(text: str) -> bool:
    return 0 < len(text) <= BOUNDARY_CHARS_MAX and not text.strip(_BOUNDARY) and text[-1] != " "
