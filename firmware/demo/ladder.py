"""The SIP ladder: every message as an arrow between lifelines, in the order of the wire; a click opens the message itself (HTML)."""

from __future__ import annotations

from html import escape
from typing import Final, NamedTuple

from firmware.demo.evidence import DOOR, PBX, PHONE, Evidence, Message

ROW_WIDTH: Final = 760
ROW_HEIGHT: Final = 40
MARGIN: Final = 70
TITLES: Final = {DOOR: "Door", PBX: "Kamailio", PHONE: "Phone"}


class Note(NamedTuple):
    """Something between the messages: speech begins, digits arrive, the relay closes."""

    at_ms: float
    text: str


CALL_METHODS: Final = frozenset({"INVITE", "ACK", "BYE", "CANCEL", "INFO", "PRACK", "UPDATE"})


def draw_ladder(evidence: Evidence, notes: tuple[Note, ...]) -> str:
    """Head, rows and notes as one block of HTML. Registrations and probes around the call are there, folded away."""
    lanes = [DOOR, PBX, PHONE] if any(PBX in (each.source, each.target) for each in evidence.messages) else [DOOR, PHONE]
    step = (ROW_WIDTH - 2 * MARGIN) / (len(lanes) - 1)
    at = {lane: MARGIN + number * step for number, lane in enumerate(lanes)}
    call = [message for message in evidence.messages if method_of(message) in CALL_METHODS]
    others = [message for message in evidence.messages if method_of(message) not in CALL_METHODS]
    rows = [(message.at_ms, _row(message, at)) for message in call]
    rows += [(note.at_ms, _note(note, at)) for note in notes]
    rows.sort(key=lambda row: row[0])
    return f'<div class="ladder">{_head(at)}{_folded(others, at)}{"".join(row for _, row in rows)}</div>'


def method_of(message: Message) -> str:
    """The method of the request, or of the request that a response answers (its CSeq)."""
    if not message.text.startswith("SIP/2.0 "):
        return message.label
    line = next((line for line in message.text.split("\r\n") if line.lower().startswith("cseq:")), "")
    return line.rpartition(" ")[2]


def _folded(messages: list[Message], at: dict[str, float]) -> str:
    if not messages:
        return ""
    kinds = " and ".join(dict.fromkeys(method_of(message) for message in messages))
    rows = "".join(_row(message, at) for message in messages)
    return f'<details class="folded"><summary>{len(messages)} messages before and after the call: {escape(kinds)}</summary>{rows}</details>'


def _head(at: dict[str, float]) -> str:
    boxes = "".join(
        f'<rect class="head {lane}" x="{x - 58:.0f}" y="3" width="116" height="30" rx="6"/>'
        f'<text class="head-text" x="{x:.0f}" y="23">{TITLES[lane]}</text>'
        for lane, x in at.items()
    )
    return f'<div class="row head-row"><span class="at">ms</span>{_svg(36, boxes)}</div>'


def _row(message: Message, at: dict[str, float]) -> str:
    start, end = at[message.source], at[message.target]
    sign = 1 if end > start else -1
    label = message.label
    kind = _kind(label)
    tip = end - sign * 3
    arrow = (
        f'<line class="arrow {kind}" x1="{start:.0f}" x2="{tip - sign * 6:.0f}" y1="29" y2="29"/>'
        f'<path class="tip {kind}" d="M{tip:.0f} 29l{-9 * sign} -5v10z"/>'
        f'<text class="message {kind}" x="{(start + end) / 2:.0f}" y="21">{escape(label)}</text>'
    )
    return (
        f'<details class="row-box"><summary class="row"><span class="at">{_time(message.at_ms)}</span>'
        f"{_svg(ROW_HEIGHT, _lifelines(at, ROW_HEIGHT) + arrow)}</summary>"
        f'<pre class="bytes">{_coloured(message.text)}</pre></details>'
    )


def _note(note: Note, at: dict[str, float]) -> str:
    first, last = min(at.values()), max(at.values())
    body = (
        f'<rect class="note" x="{first - 24:.0f}" y="4" width="{last - first + 48:.0f}" height="26" rx="6"/>'
        f'<text class="note-text" x="{(first + last) / 2:.0f}" y="21">{escape(note.text)}</text>'
    )
    return f'<div class="row"><span class="at">{_time(note.at_ms)}</span>{_svg(34, _lifelines(at, 34) + body)}</div>'


def _lifelines(at: dict[str, float], height: int) -> str:
    return "".join(f'<line class="life" x1="{x:.0f}" x2="{x:.0f}" y1="0" y2="{height}"/>' for x in at.values())


def _svg(height: int, body: str) -> str:
    return f'<svg viewBox="0 0 {ROW_WIDTH} {height}" width="{ROW_WIDTH}" height="{height}" aria-hidden="false">{body}</svg>'


def _kind(label: str) -> str:
    """How the arrow is coloured: request, provisional, success or challenge and failure."""
    if not label[:1].isdigit():
        return "request"
    return {"1": "provisional", "2": "success"}.get(label[0], "failure")


def _time(at_ms: float) -> str:
    return f"{at_ms:,.1f}".replace(",", " ") if abs(at_ms) < 10_000 else f"{at_ms:,.0f}".replace(",", " ")


def _coloured(text: str) -> str:
    """The message as it was, start line and header names set off."""
    head, blank, body = text.partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    lines = [f"<b>{escape(first)}</b>"]
    for field in fields:
        name, colon, value = field.partition(":")
        lines.append(f"<i>{escape(name)}</i>{colon}{escape(value)}")
    return "\n".join(lines) + ("\n\n" + escape(body.replace("\r\n", "\n")).rstrip("\n") if blank and body else "")
