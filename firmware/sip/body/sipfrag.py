"""message/sipfrag: a piece of a SIP message (RFC 3420), such as the status line that reports on a transfer (RFC 3515 §2.4.5)."""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar
from firmware.sip.header_lines import Headers, read_head
from firmware.sip.status import REASONS

CONTENT_TYPE = "message/sipfrag"
BODY_BYTES_MAX = 8192  # a fragment in use holds a status line, seldom the headers of a whole response
HEADER_LINES_MAX = 64


class StatusFragment(NamedTuple):
    """A status line and the headers behind it; of a Content-Length and a body nothing is kept."""

    status: int
    reason: str = ""
    headers: Headers = ()


def decode(body: bytes) -> StatusFragment:
    """Read a fragment that begins with a status line. Raises RemoteProtocolError for any other, also for one that begins with a request.

    Devices leave out the last line end, or end lines with LF alone.
    """
    if len(body) > BODY_BYTES_MAX:
        raise RemoteProtocolError(f"sipfrag of {len(body)} bytes", status=513)
    head = body.strip().replace(b"\r\n", b"\n").partition(b"\n\n")[0].replace(b"\n", b"\r\n")
    line, headers, _ = read_head(head, HEADER_LINES_MAX)
    version, _, rest = line.partition(" ")
    code, _, reason = rest.strip(" ").partition(" ")
    if version.upper() != "SIP/2.0" or len(code) != 3 or code.strip(grammar.DIGITS) or not 100 <= int(code) <= 699:
        raise RemoteProtocolError(f"not a status line: {line[:80]!r}")
    return StatusFragment(int(code), reason.strip(grammar.WHITESPACE), headers)


def encode(status: int, reason: str | None = None, headers: Headers = ()) -> bytes:
    """A status line with the usual phrase when `reason` is None, and these headers."""
    assert 100 <= status <= 699, status
    lines = [f"SIP/2.0 {status} {REASONS.get(status, 'Unknown') if reason is None else reason}"]
    lines += [f"{name}: {value}" for name, value in headers]
    assert not any("\r" in line or "\n" in line for line in lines), lines[0]
    return ("\r\n".join(lines) + "\r\n").encode()
