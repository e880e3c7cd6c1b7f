"""`portero demo`: a press, a call and an opened door on this machine; a progress display, a timeline and a report."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Final, TextIO

from firmware.demo.evidence import DOOR, Evidence
from firmware.errors import PorteroError

SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
SPIN_S: Final = 0.1
BOLD, DIM, GREEN, RED, CYAN, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[36m", "\x1b[0m"


class Display:
    """Steps as lines while they happen; on a terminal with colours and a line that moves below them."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._live = out.isatty()
        self._began_s = time.monotonic()
        self._pressed_s: float | None = None
        self._doing = "starting"
        self._spins = 0

    def heard(self, name: str, at_s: float, detail: str) -> None:
        """One step."""
        if name == "press":
            self._pressed_s = at_s
        self._doing = name.removeprefix("-> ").removeprefix("<- ")
        pressed_s = self._pressed_s
        when = self._tint(DIM, "     setup") if pressed_s is None else f"{(at_s - pressed_s) * 1000:10.1f}"
        self._line(f"{when}  {self._mark(name)} {self._tint(BOLD, f'{name:<13}')} {self._tint(DIM, detail)}")

    def say(self, text: str) -> None:
        """A line of its own."""
        self._line(text)

    def verdict(self, *, good: bool, text: str) -> None:
        self._line(self._tint(GREEN if good else RED, ("✔ " if good else "✘ ") + text))

    async def spin(self) -> None:
        """Keep the last line moving until cancelled."""
        if not self._live:
            return
        try:
            while True:
                self._spins += 1
                seconds = time.monotonic() - (self._pressed_s or self._began_s)
                turn = SPINNER[self._spins % len(SPINNER)]
                self._out.write(f"\r\x1b[K{CYAN}{turn}{PLAIN} {seconds:5.1f} s  {DIM}{self._doing}{PLAIN}")
                self._out.flush()
                await asyncio.sleep(SPIN_S)
        finally:
            self._out.write("\r\x1b[K")

    def _line(self, text: str) -> None:
        self._out.write(("\r\x1b[K" if self._live else "") + text + "\n")
        self._out.flush()

    def _mark(self, name: str) -> str:
        if name.startswith("-> "):
            return self._tint(CYAN, "▸")
        if name.startswith("<- "):
            return self._tint(CYAN, "◂")
        return self._tint(GREEN, "●")

    def _tint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._live else text


def demo(out: Path, *, pbx: str | None, stream: TextIO | None = None) -> int:
    """Run it, write `demo-report.html`, `door.wav` and `phone.wav` into `out`; 0 when every step happened and the speech arrived."""
    display = Display(stream or sys.stdout)
    try:
        return asyncio.run(_demo(out, pbx, display))
    except PorteroError as error:
        display.verdict(good=False, text=str(error))
        return 1
    except KeyboardInterrupt:
        return 130


async def _demo(out: Path, pbx: str | None, display: Display) -> int:
    from firmware.demo.conductor import Conductor, log_into

    log = log_into(out / "portero.log")
    display.say("Portero: a visitor presses the button, the resident's phone rings, they talk, a code opens the door.\n")
    spinning = asyncio.create_task(display.spin())
    try:
        notes = await Conductor(out, display.heard).run(pbx=pbx)
    finally:
        spinning.cancel()
        await asyncio.gather(spinning, return_exceptions=True)
        log.close()
    from firmware.demo.assembly import assemble
    from firmware.demo.report import render_report

    display.say("\nComparing what was said with what was heard …")
    evidence, remarks = assemble(notes, out)
    report = out / "demo-report.html"
    report.write_text(render_report(evidence, remarks), encoding="utf-8")
    print_summary(evidence, display)
    display.say(f"\nReport      {report.resolve()}\nRecordings  {out / 'door.wav'}  {out / 'phone.wav'}  (left: said, right: heard)")
    for problem in evidence.problems:
        display.verdict(good=False, text=problem)
    if not evidence.passed:
        display.say(f"Why, may stand in {out / 'portero.log'}")
    if evidence.passed:
        display.verdict(good=True, text="everything that should happen happened")
    return 0 if evidence.passed else 1


def print_summary(evidence: Evidence, display: Display) -> None:
    """The timeline in milliseconds, the speech and the quality."""
    display.say("\nMilliseconds since the press")
    for step in evidence.steps:
        when = "   missing" if step.at_ms is None else f"{step.at_ms:10.1f}"
        display.say(f"{when}  {step.name:<26} {step.detail}")
    display.say("\nSpeech and picture")
    who = {DOOR: "visitor to resident"}
    for voice in evidence.voices:
        delay = "not found again" if voice.delay_ms is None else f"{voice.delay_ms:5.1f} ms from microphone to speaker"
        display.say(f"   {who.get(voice.speaker, 'resident to visitor')}: {100 * voice.similarity:5.1f} % alike, {delay}")
    for end, record in evidence.quality.items():
        display.say(
            f"   at the {end:<5}: MOS {record.mos_heard:.2f}, {record.packets_received} packets, {record.packets_lost} lost, "
            f"buffer {record.buffer_ms_mean:.0f} ms, jitter {record.jitter_ms:.2f} ms"
        )
    picture = evidence.picture
    display.say(f"   the phone saw {picture.decoded} of {picture.pictures} pictures, in {picture.packets} packets, {picture.lost} lost")
    if picture.no_frames:
        display.say(f"   the phone shows no picture: {picture.no_frames}")
    display.say(f"   the door's whole process took {evidence.processor_s:.2f} s of processor time")
