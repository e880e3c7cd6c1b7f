"""application/simple-message-summary: how many messages wait in a mailbox (RFC 3842 §5)."""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar
from firmware.sip.uri import Uri

CONTENT_TYPE = "application/simple-message-summary"
EVENT = "message-summary"
BODY_BYTES_MAX = 8192  # three lines in practice; the optional list of messages is cut, not read
LINES_MAX = 64
COUNT_MAX = 2**31 - 1


class MessageCount(NamedTuple):
    """One line of counts; `kind` in lower case: voice-message, fax-message, pager-message, multimedia-message, text-message, none."""

    kind: str
    new: int
    old: int
    new_urgent: int = 0
    old_urgent: int = 0


class MessageSummary(NamedTuple):
    """Whether anything waits, for which account (None when not said), and the counts that the server gives."""

    waiting: bool
    account: Uri | None = None
    counts: tuple[MessageCount, ...] = ()


def decode(body: bytes) -> MessageSummary:
    """Read a summary. Raises RemoteProtocolError without a readable `Messages-Waiting`; other lines that make no sense are passed over."""
    if len(body) > BODY_BYTES_MAX:
        raise RemoteProtocolError(f"message summary of {len(body)} bytes", status=513)
    waiting: bool | None = None
    account: Uri | None = None
    counts: list[MessageCount] = []
    for line in body.decode(errors="replace").replace("\r", "\n").split("\n")[:LINES_MAX]:
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if name == "messages-waiting":
            waiting = {"yes": True, "no": False}.get(value.lower())
        elif name == "message-account":
            account = _account(value)
        elif colon and (count := _count(name, value)):
            counts.append(count)
    if waiting is None:
        raise RemoteProtocolError("message summary without Messages-Waiting")
    return MessageSummary(waiting, account, tuple(counts))


def encode(summary: MessageSummary) -> bytes:
    """The summary as a body."""
    lines = [f"Messages-Waiting: {'yes' if summary.waiting else 'no'}"]
    if summary.account is not None:
        lines.append(f"Message-Account: {summary.account}")
    for count in summary.counts:
        assert grammar.is_token(count.kind), count
        name = "-".join([word.capitalize() for word in count.kind.split("-")])
        lines.append(f"{name}: {count.new}/{count.old} ({count.new_urgent}/{count.old_urgent})")
    return ("\r\n".join(lines) + "\r\n").encode()


def _account(text: str) -> Uri | None:
    try:
        return Uri.parse(text.strip("<>"))
    except RemoteProtocolError:
        return None


def _count(kind: str, text: str) -> MessageCount | None:
    """`2/8` or `2/8 (0/2)`; None for what is no count."""
    plain, _, urgent = text.partition("(")
    numbers = [*plain.split("/"), *(urgent.strip().removesuffix(")").split("/") if urgent else ("0", "0"))]
    numbers = [number.strip() for number in numbers]
    if not grammar.is_token(kind) or len(numbers) != 4 or any(not n or n.strip(grammar.DIGITS) or len(n) > 10 for n in numbers):
        return None
    new, old, new_urgent, old_urgent = [min(int(number), COUNT_MAX) for number in numbers]
    return MessageCount(kind, new, old, new_urgent, old_urgent)
