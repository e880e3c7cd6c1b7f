"""Digits under loss, and presses that nobody made: by telephone-events and as tones, each through the real pump over loopback sockets.

False detections are counted over every recorded voice of Debian's asterisk-core-sounds packages that is installed, at least an hour of
them (`make bench` installs none; `make bench-audio` does).

    python -m tests.bench.bench_digits [DIGITS]
"""

from __future__ import annotations

import random
import sys
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from firmware.media.binding import EventKind, ToneListener
from firmware.media.codec_libraries import load_tones
from firmware.media.core_values import ToneStep
from tests.bench.measure import Row, report
from tests.native.test_pump import PERIOD_NS, Party

VOICES: Final = Path("/usr/share/asterisk/sounds")
PIECE_BYTES: Final = 320  # 20 ms at 8 kHz
LOW_HZ: Final = (697, 770, 852, 941)
HIGH_HZ: Final = (1209, 1336, 1477, 1633)
KEYPAD: Final = "123A456B789C*0#D"
PRESS_MS: Final = 100
PAUSE_MS: Final = 100
BATCH: Final = 16  # digits queued at once
Loss = Callable[[random.Random], Iterator[bool]]


def at_random(chance: random.Random) -> Iterator[bool]:
    """One packet in ten."""
    while True:
        yield chance.random() < 0.1


def in_bursts(chance: random.Random) -> Iterator[bool]:
    """One packet in ten as well, three in a row on average (two states, as Gilbert described)."""
    lost = False
    while True:
        lost = chance.random() < (2 / 3 if lost else 1 / 27)
        yield lost


class LossyPath:
    """Two pumps, and between them a socket that loses packets of one direction."""

    def __init__(self, loss: Iterator[bool], *, tones: bool) -> None:
        self.near, self.far = Party("127.0.0.1", 1), Party("127.0.0.1", 2)
        self.loss = loss
        near, far = self.near.settings(self.far), self.far.settings(self.near)
        if tones:
            far = far._replace(digit_receive=(), hears_tones=True)
            near = near._replace(digit_send_type=None)
        # What the near side sends goes into a socket of ours, which passes it on from the address that the far side expects.
        self.wire = Party("127.0.0.1", 3)
        self.near.slot = self.near.pump.start_stream(near._replace(remote_rtp=self.wire.address(0)), 0)
        self.far.slot = self.far.pump.start_stream(far._replace(remote_rtp=self.wire.address(1)), 0)
        for each in self.wire.sockets:
            each.settimeout(0)
        self.k = 0

    def period(self) -> str:
        """One period of both; the digits that began in it."""
        self.k += 1
        self.near.period(self.k)
        while True:
            try:
                packet = self.wire.sockets[0].recv(2000)
            except BlockingIOError:
                break
            if not next(self.loss):
                self.wire.sockets[1].sendto(packet, self.far.address(0))
        self.far.period(self.k)
        began = "".join(event.digit for event in self.far.events if event.kind is EventKind.DIGIT_BEGIN)
        self.far.events.clear()
        return began

    def close(self) -> None:
        for each in (*self.near.sockets, *self.far.sockets, *self.wire.sockets):
            each.close()


def heard(digits: str, loss: Loss, *, tones: bool) -> str:
    """What the far side took the digits for."""
    path = LossyPath(loss(random.Random(4733)), tones=tones)
    found = "".join(path.period() for _ in range(50))
    for at in range(0, len(digits), BATCH):
        batch = digits[at : at + BATCH]
        if tones:
            path.near.pump.play_tone([step for digit in batch for step in tone_of(digit)], to_speaker=False, to_streams=1)
        else:
            path.near.pump.send_digits(path.near.slot, batch, duration_ms=PRESS_MS, gap_ms=PAUSE_MS)
        periods = len(batch) * (PRESS_MS + PAUSE_MS + (0 if tones else 60)) * 1_000_000 // PERIOD_NS + 40
        found += "".join(path.period() for _ in range(periods))
    path.close()
    return found


def tone_of(digit: str) -> tuple[ToneStep, ToneStep]:
    row, column = divmod(KEYPAD.index(digit), 4)
    return ToneStep(LOW_HZ[row], HIGH_HZ[column], PRESS_MS, 16), ToneStep(0, 0, PAUSE_MS)


def rate(digits: str, found: str) -> tuple[float, int]:
    """Percent of the digits that were found in order, and how many were found that nobody sent."""
    rows = [0] * (len(found) + 1)  # the longest common subsequence, row by row
    for digit in digits:
        last = 0
        for at, other in enumerate(found, 1):
            last, rows[at] = rows[at], last + 1 if digit == other else max(rows[at], rows[at - 1])
    return 100 * rows[-1] / len(digits), len(found) - rows[-1]


def false_detections() -> tuple[float, int]:
    """Hours of speech listened to, and presses heard in them."""
    listener, samples, presses = ToneListener(), 0, 0
    for path in sorted(VOICES.rglob("*.wav")):
        with wave.open(str(path)) as file:
            if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, 8000):
                continue
            speech = file.readframes(file.getnframes())
        for at in range(0, len(speech), PIECE_BYTES):
            events = listener.hear(speech[at : at + PIECE_BYTES], samples)
            presses += sum(event.kind is EventKind.DIGIT_BEGIN for event in events)
            samples += PIECE_BYTES // 2
    return samples / 8000 / 3600, presses


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    load_tones()
    chance = random.Random(1)
    digits = "".join(chance.choice(KEYPAD) for _ in range(count))
    rows = []
    for name, loss in (("10 % random loss", at_random), ("10 % loss in bursts of 3", in_bursts)):
        for way, tones in (("telephone-events", False), ("tones in PCMA", True)):
            percent, invented = rate(digits, heard(digits, loss, tones=tones))
            rows.append(Row(what=f"{way} of {PRESS_MS} ms heard, {name}", value=percent, unit="%"))
            rows.append(Row(what=f"{way} heard that nobody sent, {name}", value=invented, unit="", aim="0" if not tones else ""))
    hours, presses = false_detections()
    rows.append(Row(what="speech listened to for tones", value=hours, unit="h", aim="≥ 1"))
    rows.append(Row(what="presses heard in it", value=presses, unit="", aim="0"))
    report("digits", rows)


if __name__ == "__main__":
    main()
