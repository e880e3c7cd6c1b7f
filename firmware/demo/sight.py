"""What was seen, for the report: the ring's picture beside a frame of the phone's screen, and a strip of frames over the call's time."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import Final

from firmware.demo.evidence import Evidence, Picture, Shown
from firmware.demo.png import png_of

SHOWN_AFTER_MS: Final = 2_500  # a frame from the middle of the talk, not the first one
THUMBNAIL_HEIGHT: Final = 72.0
THUMBNAIL_EVERY: Final = 4  # rows and columns
THUMBNAIL_GAP: Final = 6.0


def draw_sight(evidence: Evidence) -> str:
    """Two figures with what they are."""
    picture = evidence.picture
    taken_ms = evidence.at_ms("picture of the ring")
    parts = []
    if picture.ring:
        when = "" if taken_ms is None else f", {taken_ms:.0f} ms after it"
        parts.append(_figure("image/jpeg", picture.ring, f"Kept by the door with the press{when}", "door"))
    if picture.shown:
        first_ms = picture.shown[0].at_ms
        shown = next((each for each in picture.shown if each.at_ms >= first_ms + SHOWN_AFTER_MS), picture.shown[-1])
        caption = f"On the phone’s screen, {shown.at_ms / 1000:.1f} s after the press"
        parts.append(_figure("image/png", png_of(shown.frame), caption, "phone"))
    elif picture.no_frames:
        parts.append(f'<p class="about">The phone shows nothing: {escape(picture.no_frames)}</p>')
    return f'<div class="sight">{"".join(parts)}</div><p class="about">{_counted(picture)}</p>'


def _counted(picture: Picture) -> str:
    if not picture.packets:
        return "No picture came to the phone."
    lost = "none was lost" if not picture.lost else f"{picture.lost} were lost"
    decoded = f", {picture.decoded} of them decoded" if picture.decoded else ""
    return f"{picture.pictures} pictures of H.264 came to the phone in {picture.packets} packets{decoded}; {lost}."


def _figure(kind: str, data: bytes, caption: str, end: str) -> str:
    image = f'<img src="{data_uri(kind, data)}" alt="A visitor in a woollen hat waves at the camera">'
    return f'<figure class="{end}">{image}<figcaption>{escape(caption)}</figcaption></figure>'


def data_uri(kind: str, data: bytes) -> str:
    """The page carries it along."""
    return f"data:{kind};base64,{b64encode(data).decode()}"


def draw_strip(shown: tuple[Shown, ...], left: float, right: float, scale: float, first_ms: float, top: float) -> str:
    """Frames beside each other, each at its time, as many as fit; `scale` is pixels a millisecond, `first_ms` stands at `left`."""
    parts = []
    free = left
    for each in shown:
        width = THUMBNAIL_HEIGHT * each.frame.width / each.frame.height
        x = left + (each.at_ms - first_ms) * scale
        if x < free or x + width > right:
            continue
        free = x + width + THUMBNAIL_GAP
        uri = data_uri("image/png", png_of(each.frame, THUMBNAIL_EVERY))
        parts.append(f'<image x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{THUMBNAIL_HEIGHT:.0f}" href="{uri}"/>')
        parts.append(f'<rect class="thumbnail" x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{THUMBNAIL_HEIGHT:.0f}"/>')
    return "".join(parts)
