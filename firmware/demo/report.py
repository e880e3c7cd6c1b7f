"""The demo's report: one HTML file that needs nothing else, in light and dark, without scripts. Pictures and recordings travel inside."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Final

from firmware.demo.evidence import DOOR, PHONE, Evidence, Step
from firmware.demo.ladder import Note, draw_ladder
from firmware.demo.score import draw_score
from firmware.demo.sight import data_uri, draw_sight
from firmware.media.quality import QualityRecord

TITLE: Final = "From a press to an open door"
ABOUT_SCORE: Final = (
    "Both voices are real recordings. Below what one side's microphone said stands what the other side's speaker played, on the same "
    "clock; seconds count from the press."
)
ABOUT_SIGHT: Final = (
    "The camera shows a drawn film. With the press the door keeps one picture of it; in the call it sends the film as H.264, and the phone "
    "decodes what arrives."
)
ABOUT_WIRE: Final = "Every SIP message, as it was sent. Click one to read it."
ABOUT_SOUND: Final = "Both sides recorded the call in stereo: what they said on the left, what they heard on the right."
# For whoever opens the page first: what happens in it, and what is real.
STORY: Final = (
    "A visitor presses the button. The phone in the flat rings, the resident answers, sees who it is, both speak; then the resident types "
    "the code, the lock opens for three seconds, and the door hangs up."
)
STAGE: Final = (
    "The door is the program itself, as it runs on a board, with pins and a sound card in memory and a film for a camera; the phone is a "
    "second process on the same machine. The messages, the packets of sound and picture and the times between them are real. How long the "
    "call takes is how long they talk."
)
STYLE: Final = Path(__file__).with_name("report.css")

# What the quality table shows of each end.
Figure = Callable[[QualityRecord], str]
FIGURES: Final[tuple[tuple[str, Figure], ...]] = (
    ("Estimated listening quality (E-model), 1 – 4.5", lambda q: f"{q.mos_heard:.2f}"),
    ("Codec", lambda q: f"{q.codec}"),
    ("Packets sent", lambda q: f"{q.packets_sent}"),
    ("Packets received", lambda q: f"{q.packets_received}"),
    (
        "Lost · late · reordered · duplicate",
        lambda q: f"{q.packets_lost} · {q.packets_late} · {q.packets_reordered} · {q.packets_duplicate}",
    ),
    ("Interarrival jitter", lambda q: f"{q.jitter_ms:.2f} ms"),
    ("Jitter buffer, mean · highest", lambda q: f"{q.buffer_ms_mean:.0f} · {q.buffer_ms_max:.0f} ms"),
    ("Concealed", lambda q: f"{q.concealed_ms} ms"),
    ("Round trip (RTCP)", lambda q: "no report yet" if q.round_trip_ms is None else f"{q.round_trip_ms:.2f} ms"),
    ("Mouth to ear with a card, estimated", lambda q: f"{q.mouth_to_ear_ms:.0f} ms"),
    ("Waits in the card", lambda q: f"{q.card_ms:.0f} ms"),
    ("Late audio periods · overruns · underruns", lambda q: f"{q.late_periods} · {q.overruns} · {q.underruns}"),
)


def render_report(evidence: Evidence, notes: tuple[Note, ...]) -> str:
    """The whole page."""
    through = f"through {evidence.through}" if evidence.through else "directly from door to phone"
    lead = f"One call of Portero, {escape(through)}, {evidence.at:%d %B %Y, %H:%M:%S}. Every figure and message below was measured in it."
    return "\n".join((
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Portero: {TITLE}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body><main>",
        f"<header><h1>{TITLE}<small>{lead}</small></h1>{_verdict(evidence)}</header>",
        _problems(evidence),
        f'<p class="story">{STORY} <span>{STAGE}</span></p>',
        f'<div class="figures">{_figures(evidence)}</div>',
        _section("Who is there", ABOUT_SIGHT, draw_sight(evidence)),
        _section("The call over time", ABOUT_SCORE, _wide("The call over time", draw_score(evidence))),
        '<div class="pair">',
        _section("Steps", "Milliseconds since the press; names in capitals and numbers are SIP's own.", _steps(evidence.steps)),
        _section("Call quality", "As each end measured it; of its own ear, not of the other's.", _quality(evidence)),
        "</div>",
        _section("Listen", ABOUT_SOUND, _sound(evidence)),
        _section("On the wire", ABOUT_WIRE, _wide("Messages", draw_ladder(evidence, notes))),
        f"<footer>{_versions(evidence)}</footer></main></body></html>\n",
    ))  # fmt: skip


def _section(title: str, about: str, body: str) -> str:
    return f'<section><h2>{title}</h2><p class="about">{about}</p>{body}</section>'


def _wide(title: str, body: str) -> str:
    """What is wider than a telephone can be moved, by finger and by keyboard (WCAG 2.1.1)."""
    return f'<div class="wide" role="region" aria-label="{title}" tabindex="0">{body}</div>'


def _verdict(evidence: Evidence) -> str:
    if evidence.passed and evidence.at_ms("relay closed") is not None:
        return f'<div class="verdict good">All {len(evidence.steps)} steps came, the door opened</div>'
    return '<div class="verdict bad">Something is missing</div>'


def _problems(evidence: Evidence) -> str:
    items = "".join(f"<li>{escape(problem)}</li>" for problem in evidence.problems)
    return f'<ul class="problems">{items}</ul>' if items else ""


def _figures(evidence: Evidence) -> str:
    likeness = min((voice.similarity for voice in evidence.voices), default=0.0)
    delays = [voice.delay_ms for voice in evidence.voices if voice.delay_ms is not None]
    scores = [record.mos_heard for record in evidence.quality.values()]
    cards = (
        (_between(evidence, "press", "INVITE"), "ms", "from the press until the call leaves (INVITE); 30 are debounce"),
        (_between(evidence, "INVITE", "180"), "ms", "until the phone rings (180)"),
        (_between(evidence, "200", "first audio"), "ms", "from the answer (200) to the first sound at the door"),
        (_between(evidence, "200", "first picture at the phone"), "ms", "from the answer (200) to the first picture at the phone"),
        (_between(evidence, "digit", "relay closed"), "ms", "from the last digit of the code to the relay"),
        (f"{max(delays):.0f}" if delays else "–", "ms", "from one microphone to the other speaker"),
        (f"{100 * likeness:.1f}", "%", "of the speech found again there, at least"),
        (f"{min(scores):.2f}" if scores else "–", "MOS", "estimated quality of the worse way (1 to 4.5)"),
    )
    return "".join(f'<div class="figure"><b>{value}<small>{unit}</small></b><span>{what}</span></div>' for value, unit, what in cards)


def _between(evidence: Evidence, first: str, second: str) -> str:
    start, end = evidence.at_ms(first), evidence.at_ms(second)
    if start is None or end is None:
        return "–"
    return f"{end - start:.1f}" if end - start < 100 else f"{end - start:.0f}"


def _steps(steps: tuple[Step, ...]) -> str:
    rows = []
    for step in steps:
        when = '<td class="missing">missing</td>' if step.at_ms is None else f'<td class="ms">{step.at_ms:,.1f}</td>'.replace(",", " ")
        rows.append(f'<tr><td>{escape(step.name)}</td>{when}<td class="detail">{escape(step.detail)}</td></tr>')
    return f'<table class="steps"><tbody>{"".join(rows)}</tbody></table>'


def _quality(evidence: Evidence) -> str:
    ends = [end for end in (DOOR, PHONE) if end in evidence.quality]
    head = "".join(f'<th class="{end}">{end}</th>' for end in ends)
    rows = []
    for number, (name, figure) in enumerate(FIGURES):
        strong = ' class="strong"' if number == 0 else ""
        cells = "".join(f"<td{strong}>{figure(evidence.quality[end])}</td>" for end in ends)
        rows.append(f"<tr><td>{name}</td>{cells}</tr>")
    return f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _sound(evidence: Evidence) -> str:
    def player(end: str) -> str:
        sound = data_uri("audio/wav", evidence.recordings[end])
        heading = f'<b class="{end}">At the {end}</b>'
        return f'<div>{heading}<audio controls preload="metadata" src="{sound}" aria-label="Recording at the {end}"></audio></div>'

    return f'<div class="sound">{"".join(player(end) for end in (DOOR, PHONE) if end in evidence.recordings)}</div>'


def _versions(evidence: Evidence) -> str:
    spoken = "Voices: Asterisk core sounds, recorded by Allison Smith, CC BY-SA 3.0, modified."
    files = "door.wav, phone.wav, portero.toml, portero.log, journal.db"
    more = f"Beside this page lie the recordings, the door's settings, log and journal: {files}."
    versions = "".join(f"<span><b>{escape(name)}</b> {escape(value)}</span>" for name, value in evidence.versions)
    return f"{versions}<span>{more}</span><span>{spoken}</span>"
