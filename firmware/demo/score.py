"""The score of a call on one time axis (SVG): signalling, what the phone showed, both voices, jitter buffers, digits, lamps and relay."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from html import escape
from typing import Final

from firmware.demo.evidence import DOOR, PHONE, RATE_HZ, Evidence, Shown, Span, Voice
from firmware.demo.sight import THUMBNAIL_HEIGHT, draw_strip

WIDTH: Final = 1160
LEFT: Final = 132  # names of the tracks
RIGHT: Final = 16
LABEL_HEIGHT: Final = 21
CHARACTER_WIDTH: Final = 6.6  # of the label's font, for placing labels beside each other
WAVE_HALF: Final = 30
DELAY_HEIGHT: Final = 84
BAR_HEIGHT: Final = 20
GAP: Final = 22
BEFORE_MS: Final = 250.0
AFTER_MS: Final = 500.0


class Axis:
    """Milliseconds since the press to horizontal pixels."""

    def __init__(self, first_ms: float, last_ms: float) -> None:
        self.first_ms = first_ms
        self.last_ms = last_ms
        self.scale = (WIDTH - LEFT - RIGHT) / (last_ms - first_ms)

    def x(self, at_ms: float) -> float:
        return LEFT + (at_ms - self.first_ms) * self.scale


def draw_score(evidence: Evidence) -> str:
    """The whole figure as one SVG element."""
    times = [step.at_ms for step in evidence.steps if step.at_ms is not None]
    axis = Axis(-BEFORE_MS, max(times, default=1000.0) + AFTER_MS)
    parts: list[str] = []
    y = _signalling(parts, evidence, axis, 14.0)
    y = _screen(parts, evidence.picture.shown, axis, y + GAP)
    for voice in evidence.voices:
        y = _voice(parts, voice, axis, y + GAP)
    y = _buffers(parts, evidence, axis, y + GAP)
    y = _spans(parts, evidence.spans, axis, y + GAP)
    grid = _grid(axis, y + 6)
    text = "Signalling, pictures, speech, jitter buffers, digits, lamp and relay of one call over time"
    return (
        f'<svg class="score" viewBox="0 0 {WIDTH} {y + 30:.0f}" role="img" aria-label="{text}">'
        + grid + "".join(parts) + "</svg>"
    )  # fmt: skip


def _grid(axis: Axis, bottom: float) -> str:
    step_s = 1 if axis.last_ms - axis.first_ms < 25_000 else 5
    parts = []
    for second in range(0, int(axis.last_ms // 1000) + 1, step_s):
        x = axis.x(second * 1000)
        kind = "zero" if second == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{bottom:.1f}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 16:.1f}">{second}{" s" if second == 0 else ""}</text>')
    return "".join(parts)


def _signalling(parts: list[str], evidence: Evidence, axis: Axis, top: float) -> float:
    """Each step as a flag on its pole; a flag that would cover another goes one line down."""
    line_ends: list[float] = []
    poles: list[str] = []
    flags: list[str] = []
    for step in evidence.steps:
        if step.at_ms is None:
            continue
        x = axis.x(step.at_ms)
        width = len(step.name) * CHARACTER_WIDTH + 12
        # Near the right edge a flag blows to the left.
        left = x if x + width < WIDTH else x - width
        line = next((number for number, end in enumerate(line_ends) if end + 4 < left), len(line_ends))
        line_ends[line : line + 1] = [left + width]
        y = top + line * LABEL_HEIGHT
        poles.append(f'<line class="pole" x1="{x:.1f}" x2="{x:.1f}" y1="{y:.1f}" y2="@"/>')
        flags.append(f'<rect class="flag" x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" height="17" rx="3"/>')
        flags.append(f'<text class="flag-text" x="{left + 6:.1f}" y="{y + 12.5:.1f}">{escape(step.name)}</text>')
    bottom = top + len(line_ends) * LABEL_HEIGHT
    parts.append(_name("Signalling", "", top + 12))
    parts.extend(pole.replace("@", f"{bottom + 4:.1f}") for pole in poles)
    parts.extend(flags)
    return bottom + 4


def _screen(parts: list[str], shown: tuple[Shown, ...], axis: Axis, top: float) -> float:
    if not shown:
        return top - GAP
    parts.append(_name("Resident sees", "camera", top + THUMBNAIL_HEIGHT / 2))
    parts.append(draw_strip(shown, axis.x(axis.first_ms), WIDTH - RIGHT, axis.scale, axis.first_ms, top))
    return top + THUMBNAIL_HEIGHT


def _voice(parts: list[str], voice: Voice, axis: Axis, top: float) -> float:
    said_middle = top + WAVE_HALF
    heard_middle = said_middle + 2 * WAVE_HALF + 4
    who = {DOOR: "Visitor", PHONE: "Resident"}
    parts.append(_name(f"{who[voice.speaker]} speaks", "microphone", said_middle - 2))
    parts.append(_name(f"{who[voice.listener]} hears", "speaker", heard_middle - 2))
    peak = max(1, max(map(abs, voice.said), default=1))
    for samples, from_ms, middle, kind in (
        (voice.said, voice.said_from_ms, said_middle, f"wave {voice.speaker}"),
        (voice.heard, voice.heard_from_ms, heard_middle, f"wave {voice.speaker} heard"),
    ):
        parts.append(f'<line class="rest" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{middle:.1f}" y2="{middle:.1f}"/>')
        parts.append(f'<path class="{kind}" d="{_wave(samples, from_ms, axis, middle, peak)}"/>')
    delay = "not found again" if voice.delay_ms is None else f"arrived {voice.delay_ms:.0f} ms later, {100 * voice.similarity:.1f} % alike"
    y = said_middle + WAVE_HALF + 6
    parts.append(f'<text class="remark" x="{WIDTH - RIGHT - 4}" y="{y:.1f}">{delay}</text>')
    return heard_middle + WAVE_HALF


def _wave(samples: array[int], from_ms: float, axis: Axis, middle: float, peak: int) -> str:
    """The outline of a waveform: the highest and lowest sample of each pixel column."""
    per_column = RATE_HZ / 1000 / axis.scale
    upper: list[str] = []
    lower: list[str] = []
    first = axis.x(from_ms)
    for column in range(int(len(samples) / per_column)):
        x = first + column
        if not LEFT <= x <= WIDTH - RIGHT:
            continue
        part = samples[int(column * per_column) : int((column + 1) * per_column)]
        high = min(1.0, max(part) / peak) * WAVE_HALF
        low = max(-1.0, min(part) / peak) * WAVE_HALF
        upper.append(f"{x:.0f} {middle - max(high, 0.3):.1f}")
        lower.append(f"{x:.0f} {middle - min(low, -0.3):.1f}")
    return "M" + "L".join(upper + lower[::-1]) + "Z" if upper else ""


def _buffers(parts: list[str], evidence: Evidence, axis: Axis, top: float) -> float:
    """The jitter buffers' delay over time, both ends in one plot."""
    curves = {side: record for side, record in evidence.quality.items() if record.buffer_history_ms}
    highest = max((max(record.buffer_history_ms) for record in curves.values()), default=0.0)
    full = next(each for each in (50, 100, 200, 500, 1000, 10_000) if highest < each)
    bottom = top + DELAY_HEIGHT
    parts.append(_name("Jitter buffer", "delay, ms", top + 14))
    for value in (0, full // 2, full):
        y = bottom - DELAY_HEIGHT * value / full
        parts.append(f'<line class="rest" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="scale" x="{LEFT - 8}" y="{y + 4:.1f}">{value}</text>')
    legend_y = top + 46.0  # beside the curves, where none of them can come
    for side, record in curves.items():
        voice = next((voice for voice in evidence.voices if voice.listener == side), None)
        begin_ms = voice.heard_from_ms if voice is not None else 0.0
        points = " ".join(
            f"{axis.x(begin_ms + number * record.history_interval_ms):.1f},{bottom - DELAY_HEIGHT * value / full:.1f}"
            for number, value in enumerate(record.buffer_history_ms)
        )
        parts.append(f'<polyline class="curve {side}" points="{points}"/>')
        parts.append(f'<text class="legend {side}" x="0" y="{legend_y:.1f}">at the {side}</text>')
        legend_y += 15
    return bottom


def _spans(parts: list[str], spans: Iterable[Span], axis: Axis, top: float) -> float:
    """Bars for whatever was on for a while, one line a track."""
    lines: dict[str, float] = {}
    for span in spans:
        if span.track not in lines:
            lines[span.track] = top + len(lines) * (BAR_HEIGHT + 6)
            parts.append(_name(span.track, "", lines[span.track] + 14))
        y = lines[span.track]
        x, end = axis.x(max(span.from_ms, axis.first_ms)), axis.x(min(span.to_ms, axis.last_ms))
        kind = escape(span.track.split()[0].lower())
        parts.append(f'<rect class="bar {kind}" x="{x:.1f}" y="{y:.1f}" width="{max(2.0, end - x):.1f}" height="{BAR_HEIGHT}" rx="4"/>')
        inside = len(span.label) * CHARACTER_WIDTH + 12 < end - x
        at = x + 7 if inside else end + 6
        parts.append(f'<text class="bar-text{" inside" if inside else ""}" x="{at:.1f}" y="{y + 14:.1f}">{escape(span.label)}</text>')
    return top + len(lines) * (BAR_HEIGHT + 6)


def _name(name: str, below: str, y: float) -> str:
    second = f'<text class="track-unit" x="0" y="{y + 15:.1f}">{escape(below)}</text>' if below else ""
    return f'<text class="track" x="0" y="{y:.1f}">{escape(name)}</text>{second}'
