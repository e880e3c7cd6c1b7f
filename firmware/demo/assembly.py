"""From what was noted to evidence: one time axis, steps in order, speech compared, and whatever is missing named."""

from __future__ import annotations

import platform
import sys
import wave
from array import array
from collections.abc import Callable, Iterator
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Final

from firmware.demo.conductor import CODE, FRAMES, PICTURES, Notes
from firmware.demo.evidence import DOOR, PBX, PHONE, RATE_HZ, Evidence, Message, Picture, Shown, Span, Step, Voice
from firmware.demo.ladder import Note, method_of
from firmware.demo.listening import find_again
from firmware.demo.openh264 import Frame
from firmware.door import events as door
from firmware.media import events as media
from firmware.media.quality import QualityRecord
from hw import api as hw

ALIKE_MIN: Final = 0.8  # G.711 alone leaves 0.99, a busy machine whose buffer stretches costs some; strangers stay below 0.3


def assemble(notes: Notes, out: Path) -> tuple[Evidence, tuple[Note, ...]]:
    """The evidence, and the remarks between the ladder's messages."""
    messages = tuple(_messages(notes))
    steps = _steps(notes, messages)
    voices = _voices(notes, out)
    quality = _quality(notes)
    picture = _picture(notes, out)
    problems = [*notes.problems, *(f"step {step.name!r} is missing" for step in steps if step.at_ms is None)]
    problems += [
        f"what the {voice.speaker} said was not found again at the {voice.listener}: {100 * voice.similarity:.0f} % alike"
        for voice in voices
        if voice.similarity < ALIKE_MIN
    ]
    if len(voices) < 2:
        problems.append("a recording is missing")
    if len(quality) < 2:
        problems.append("a quality record is missing")
    if picture.pictures and not picture.shown and not picture.no_frames:
        problems.append("no picture of the camera could be decoded")
    evidence = Evidence(
        at=datetime.now().astimezone(),
        through=notes.pbx.version if notes.pbx is not None else "",
        steps=steps,
        messages=messages,
        spans=tuple(_spans(notes, steps)),
        voices=voices,
        picture=picture,
        quality=quality,
        recordings={end: path.read_bytes() for end in (DOOR, PHONE) if (path := out / f"{end}.wav").exists()},
        versions=_versions(),
        processor_s=notes.processor_s,
        problems=tuple(problems),
    )
    return evidence, _remarks(evidence)


def _steps(notes: Notes, messages: tuple[Message, ...]) -> tuple[Step, ...]:
    def of(kind: Callable[[object], bool], last: bool = False) -> float | None:
        found = [_ms(notes, at_s) for at_s, event in notes.events if kind(event)]
        return (found[-1] if last else found[0]) if found else None

    def on_wire(label: str, *ends: str) -> float | None:
        return next((each.at_ms for each in messages if each.label.startswith(label) and {each.source, each.target} & set(ends)), None)

    def at_phone(kind: str) -> float | None:
        return next((_ms(notes, report.at_ns / 1e9) for report in notes.reports if report.kind == kind), None)

    ended = next((event for _, event in notes.events if isinstance(event, door.PressEnded)), None)
    answered = (each.at_ms for each in messages if each.target == DOOR and each.label.startswith("200") and method_of(each) == "INVITE")
    target = next((each.text.split(" ", 2)[1] for each in messages if each.label == "INVITE"), "")
    digits = [event for _, event in notes.events if isinstance(event, media.DigitHeard)]
    typed = "".join(event.digit for event in digits)
    closed_ms = of(lambda event: isinstance(event, hw.RelayEdge) and event.closed)
    open_ms = of(lambda event: isinstance(event, hw.RelayEdge) and not event.closed)
    held = f"after {(open_ms - closed_ms) / 1000:.3f} s" if open_ms is not None and closed_ms is not None else ""
    steps = (
        Step("press", 0.0, "the pin's edge; debounce takes 30 ms"),
        Step("INVITE", on_wire("INVITE", DOOR), f"to {target}"),
        Step("picture of the ring", of(lambda event: isinstance(event, door.PictureTaken)), "taken beside the ringing, and kept"),
        Step("180", on_wire("180", DOOR), "the phone rings"),
        Step("200", next(answered, None), "the resident answers"),
        Step("first audio at the phone", at_phone("first audio"), "the resident hears the door"),
        Step("first picture at the phone", at_phone("first picture"), "the resident sees the door"),
        Step("first audio", of(lambda event: isinstance(event, media.FirstAudio)), "at the door: the visitor hears the flat"),
        Step(
            "digit",
            of(lambda event: isinstance(event, media.DigitHeard), last=True) if typed == CODE else None,
            f"{typed}, as telephone events",
        ),
        Step("relay closed", closed_ms, "the lock is open"),
        Step("relay open", open_ms, held),
        Step("BYE", on_wire("BYE", DOOR), "the door hangs up"),
        Step("ended", of(lambda event: isinstance(event, door.PressEnded)), f"outcome: {ended.outcome.value}" if ended is not None else ""),
    )
    return tuple(sorted(steps, key=lambda step: inf if step.at_ms is None else step.at_ms))


def _messages(notes: Notes) -> Iterator[Message]:
    """Both ends' traces as one; without a server both have seen the same messages, and the door's are enough."""
    other = PBX if notes.pbx is not None else PHONE
    entries: list[Message] = []
    for entry in notes.trace:
        text = entry.data.decode("utf-8", "replace")
        source, target = (DOOR, other) if entry.sent else (other, DOOR)
        entries.append(Message(_ms(notes, entry.at_s), source, target, text))
    if notes.pbx is not None:
        for report in notes.reports:
            if report.kind == "sip":
                source, target = (PHONE, PBX) if report.facts["sent"] else (PBX, PHONE)
                entries.append(Message(_ms(notes, report.at_ns / 1e9), source, target, report.facts["text"]))
    yield from sorted((each for each in entries if each.text.strip()), key=lambda each: each.at_ms)


def _voices(notes: Notes, out: Path) -> tuple[Voice, ...]:
    """Both directions, from the two recordings."""
    recorder = notes.door_recorder
    phone_ns = next((report.facts["started_ns"] for report in notes.reports if report.kind == "recorded"), None)
    if recorder is None or recorder.started_ns is None or phone_ns is None:
        return ()
    door_said, door_heard = _channels(out / "door.wav")
    phone_said, phone_heard = _channels(out / "phone.wav")
    door_ms, phone_ms = _ms(notes, recorder.started_ns / 1e9), _ms(notes, phone_ns / 1e9)
    return (
        _voice(DOOR, PHONE, door_said, door_ms, phone_heard, phone_ms),
        _voice(PHONE, DOOR, phone_said, phone_ms, door_heard, door_ms),
    )


def _voice(speaker: str, listener: str, said: array[int], said_ms: float, heard: array[int], heard_ms: float) -> Voice:
    """Both recordings begun at the same instant, then compared."""
    shift = round((heard_ms - said_ms) * RATE_HZ / 1000)
    aligned = array("h", bytes(2 * shift)) + heard if shift >= 0 else heard[-shift:]
    found = find_again(said, aligned)
    delay_ms = None if found.delay_samples is None else found.delay_samples * 1000 / RATE_HZ
    return Voice(speaker, listener, said, said_ms, heard, heard_ms, found.similarity, delay_ms)


def _channels(path: Path) -> tuple[array[int], array[int]]:
    with wave.open(str(path)) as file:
        both = array("h", file.readframes(file.getnframes()))
    if sys.byteorder == "big":
        both.byteswap()
    return both[0::2], both[1::2]


def _quality(notes: Notes) -> dict[str, QualityRecord]:
    found: dict[str, QualityRecord] = {}
    for _, event in notes.events:
        if isinstance(event, media.QualityMeasured) and event.final:
            found[DOOR] = event.quality
    for report in notes.reports:
        if report.kind == "quality":
            facts = report.facts["quality"]
            found[PHONE] = QualityRecord(**{**facts, "buffer_history_ms": tuple(facts["buffer_history_ms"])})
    return found


def _picture(notes: Notes, out: Path) -> Picture:
    """What the door kept of the ring, and what the phone showed: the frames of its file, which is not needed any more."""
    taken = next((event for _, event in notes.events if isinstance(event, door.PictureTaken)), None)
    ring = b"" if taken is None else (out / PICTURES / taken.file).read_bytes()
    why = next((report.facts["text"] for report in notes.reports if report.kind == "no decoder"), "")
    facts = next((report.facts for report in notes.reports if report.kind == "pictures"), None)
    if facts is None:
        return Picture(ring=ring, no_frames=why)
    shown = []
    with (out / FRAMES).open("rb") as file:
        for at_ns, width, height in facts["frames"]:
            frame = Frame(width, height, file.read(width * height + 2 * (width // 2) * (height // 2)))
            shown.append(Shown(_ms(notes, at_ns / 1e9), frame))
    (out / FRAMES).unlink()
    return Picture(ring=ring, shown=tuple(shown), no_frames=why, **facts["seen"])


def _spans(notes: Notes, steps: tuple[Step, ...]) -> Iterator[Span]:
    """Lamps, digits and relay as bars."""
    names = {"ring": "ring", "talk": "talk", "open": "open"}
    assert notes.board is not None
    for lamp, name in names.items():
        lit: float | None = None
        for move in notes.board.moves:
            if move.lamp == lamp and move.on:
                lit = _ms(notes, move.at_s)
            elif move.lamp == lamp and lit is not None:
                yield Span(f"Lamp “{name}”", "", lit, _ms(notes, move.at_s))
                lit = None
    at = {step.name: step.at_ms for step in steps}
    first_key = next((_ms(notes, report.at_ns / 1e9) for report in notes.reports if report.kind == "digits"), None)
    last_key, closed, opened = at["digit"], at["relay closed"], at["relay open"]
    if first_key is not None and last_key is not None:
        yield Span("Digits", CODE, first_key, last_key)
    if closed is not None and opened is not None:
        yield Span("Relay", f"closed for {(opened - closed) / 1000:.2f} s", closed, opened)


def _remarks(evidence: Evidence) -> tuple[Note, ...]:
    first, digit = evidence.at_ms("first audio"), evidence.at_ms("digit")
    closed, opened = evidence.at_ms("relay closed"), evidence.at_ms("relay open")
    codec = next((record.codec for record in evidence.quality.values()), "")
    found: list[Note] = []
    if first is not None:
        found.append(Note(first, f"speech both ways: RTP, {codec}, 20 ms"))
    if digit is not None:
        found.append(Note(digit, f"the keys {' '.join(CODE)} have arrived as telephone events in RTP"))
    if closed is not None:
        found.append(Note(closed, "the lock's relay closes"))
    if opened is not None:
        found.append(Note(opened, "the lock's relay lets go"))
    return tuple(found)


def _versions() -> tuple[tuple[str, str], ...]:
    from importlib.metadata import PackageNotFoundError, version

    try:
        own = version("portero")
    except PackageNotFoundError:
        own = "from its sources"
    return (("Portero", own), ("Python", platform.python_version()), ("Linux", platform.release()), ("Machine", platform.machine()))


def _ms(notes: Notes, at_s: float) -> float:
    return (at_s - notes.pressed_s) * 1000
