"""Evidence of a run that nobody has made: short, complete, with something awkward in every text."""

from __future__ import annotations

from array import array
from dataclasses import replace
from datetime import UTC, datetime

from firmware.demo.evidence import DOOR, PBX, PHONE, RATE_HZ, Evidence, Message, Picture, Shown, Span, Step, Voice
from firmware.demo.openh264 import Frame
from firmware.demo.speaking import RESIDENT, VISITOR
from firmware.media.quality import DelayHistory, measured
from hw.wav import read_mono
from tests.media.samples import NOTHING_COUNTED, NOTHING_HEARD, session


def speech(of: str = DOOR) -> array[int]:
    """A recording of the demo."""
    return read_mono(VISITOR if of == DOOR else RESIDENT, RATE_HZ, seconds_max=60)


def shifted(samples: array[int], milliseconds: int) -> array[int]:
    """The same sound, later."""
    return array("h", bytes(2 * milliseconds * RATE_HZ // 1000)) + samples


def message(at_ms: float, source: str, target: str, first: str, cseq: str) -> Message:
    text = f'{first}\r\nFrom: "<b>Door</b>" <sip:door@127.0.0.1>;tag=1\r\nCSeq: {cseq}\r\nContent-Length: 4\r\n\r\na<b\n'
    return Message(at_ms, source, target, text)


def evidence(*, through: str = "") -> Evidence:
    """A good run; with `through`, by way of a server that asked for a password."""
    other = PBX if through else PHONE
    messages = [
        message(3.0, DOOR, other, "INVITE sip:flat@127.0.0.1 SIP/2.0", "1 INVITE"),
        message(9.0, other, DOOR, "SIP/2.0 180 Ringing", "1 INVITE"),
        message(1010.0, other, DOOR, "SIP/2.0 200 OK", "1 INVITE"),
        message(9000.0, DOOR, other, "BYE sip:flat@127.0.0.1 SIP/2.0", "2 BYE"),
        message(9001.0, other, DOOR, "SIP/2.0 200 OK", "2 BYE"),
    ]
    if through:
        messages.insert(0, message(-40.0, DOOR, PBX, "REGISTER sip:127.0.0.1 SIP/2.0", "7 REGISTER"))
        messages.insert(1, message(-39.0, PBX, DOOR, "SIP/2.0 401 Unauthorized", "7 REGISTER"))
        messages.insert(3, message(4.0, PBX, DOOR, "SIP/2.0 407 Proxy Authentication Required", "1 INVITE"))
        messages.insert(4, message(6.0, PBX, PHONE, "INVITE sip:flat@127.0.0.1:1 SIP/2.0", "1 INVITE"))
    history = DelayHistory(100)
    for step in range(60):
        history.add(30.0 + step % 3)
    quality = measured(
        "c", session(), NOTHING_COUNTED._replace(packets_sent=400, packets_received=400, packets_expected=400), history,
        (NOTHING_HEARD, None),
        ssrc=1, duration_ms=8000, card_ms=20.0, late_periods=0, overruns=0, underruns=0, echo=None,
    )  # fmt: skip
    return Evidence(
        at=datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC),
        through=through,
        steps=(
            Step("press", 0.0, "button <front>"),
            Step("INVITE", 3.0),
            Step("180", 9.0),
            Step("200", 1010.0),
            Step("first audio", 1050.0),
            Step("digit", 5000.0, "4711"),
            Step("relay closed", 5002.5),
            Step("relay open", 8002.5),
            Step("BYE", 9000.0),
        ),
        messages=tuple(messages),
        spans=(Span("Lamp “ring”", "", 1.0, 1010.0), Span("Relay", "closed for 3.00 s", 5002.5, 8002.5)),
        voices=(
            Voice(DOOR, PHONE, speech(), 1020.0, shifted(speech(), 30), 1020.0, 0.998, 30.0),
            Voice(PHONE, DOOR, speech(PHONE), 1020.0, shifted(speech(PHONE), 30), 1020.0, 0.97, 30.0),
        ),
        picture=Picture(ring=b"\xff\xd8", shown=frames(), packets=40, pictures=20, decoded=19),
        recordings={DOOR: b"RIFF", PHONE: b"RIFF"},
        quality={DOOR: quality, PHONE: quality._replace(round_trip_ms=0.5)},
        versions=(("Portero", "0 & 1"),),
        processor_s=0.3,
        problems=(),
    )


def frames() -> tuple[Shown, ...]:
    """Eight seconds of a grey screen, a frame each."""
    frame = Frame(16, 12, bytes([128]) * (16 * 12 * 3 // 2))
    return tuple(Shown(1100.0 + 1000 * second, frame) for second in range(8))


def failed(good: Evidence) -> Evidence:
    """The same run, had the relay stayed open."""
    steps = tuple(step._replace(at_ms=None) if step.name.startswith("relay") else step for step in good.steps)
    return replace(good, steps=steps, problems=("step 'relay closed' is missing",))
