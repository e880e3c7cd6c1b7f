"""The header section between bytes and (name, value) pairs: decoding, folding, forbidden characters (RFC 3261 §7.3.1, §25.1)."""

from __future__ import annotations

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar
from firmware.sip.headers import CANONICAL, canonical

Headers = tuple[tuple[str, str], ...]

LINE_CHARS_MAX = 8192  # unfolded; the longest in use, a signed Identity (RFC 8224), has about 2 kB

_FOLDS = (" ", "\t")
_CONTROLS = bytes([*range(9), *range(10, 32), 127])  # all of them but the tab


def read_head(head: bytes, lines_max: int) -> tuple[str, Headers, list[str]]:
    """Start line, header pairs under canonical names, and the Content-Length values, which belong to the framing and not to the message.

    `head` ends before the empty line. Raises RemoteProtocolError for anything that is no header section.
    """
    start, *lines = _decoded(head).split("\r\n")
    # One pass over the bytes tells that all is well: no control character but two for each line break.
    if len(head) - len(head.translate(None, _CONTROLS)) != 2 * len(lines):
        _check_controls(head)
    if len(head) > LINE_CHARS_MAX and max(map(len, lines), default=0) > LINE_CHARS_MAX:
        raise RemoteProtocolError("header line too long", status=513)
    if len(lines) > lines_max:
        raise RemoteProtocolError(f"{len(lines)} header lines", status=513)
    headers: list[tuple[str, str]] = []
    lengths: list[str] = []
    for line in lines:
        name, colon, value = line.partition(":")
        known = CANONICAL.get(name)
        if known is None:
            if line[:1] in _FOLDS:
                return read_head("\r\n".join(unfolded_lines(head)).encode(), lines_max)
            known = _header_name(name)
        if not colon:
            raise RemoteProtocolError(f"header without a colon: {line[:80]!r}")
        if known == "Content-Length":
            lengths.append(value.strip(" \t"))
        else:
            headers.append((known, value.strip(" \t")))
    return start, tuple(headers), lengths


def unfolded_lines(head: bytes) -> list[str]:
    """All lines, unchecked, the start line first; one that begins with white space goes on with the one before (RFC 3261 §7.3.1)."""
    lines = _decoded(head).split("\r\n")
    out = lines[:1]
    for line in lines[1:]:
        if line[:1] in _FOLDS:
            out[-1] = f"{out[-1].rstrip(grammar.WHITESPACE)} {line.lstrip(grammar.WHITESPACE)}"
        else:
            out.append(line)
    return out


def salvaged(lines: list[str], names: frozenset[str], lines_max: int) -> Headers:
    """What can be read of these headers in a broken section, Via as often as it stands and the others once."""
    headers: list[tuple[str, str]] = []
    for line in lines[1 : lines_max + 1]:
        name, _, value = line.partition(":")
        name = canonical(name.rstrip(grammar.WHITESPACE))
        seen = name != "Via" and any(name == key for key, _ in headers)
        if name in names and not seen and "\r" not in value and "\n" not in value:
            headers.append((name, value.strip(grammar.WHITESPACE)))
    return tuple(headers)


def _decoded(head: bytes) -> str:
    try:
        return head.decode()
    except UnicodeDecodeError:
        return head.decode("latin-1")  # not allowed (§25.1), but display names of old devices are such, and nothing hangs on them


def _header_name(text: str) -> str:
    name = text.rstrip(grammar.WHITESPACE)
    if not grammar.is_token(name):
        raise RemoteProtocolError(f"not a header name: {name[:80]!r}")
    return canonical(name)


def _check_controls(head: bytes) -> None:
    """No bare CR or LF (who breaks lines there sees other headers than we do); any other control character only as a quoted-pair."""
    breaks = head.count(b"\r\n")
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks:
        raise RemoteProtocolError("line end other than CR LF")
    for at, octet in enumerate(head):
        if octet in _CONTROLS and octet not in b"\r\n" and head[at - 1] != 0x5C:
            raise RemoteProtocolError(f"control character {octet} in a header")
