"""`portero audio`: list the cards, play a tone, show the microphone's level, measure the loop.

Opens the card of the configuration itself, so a daemon that is in a call says that it is busy; one that waits for a press lets go of it.
"""

from __future__ import annotations

import json
import math
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from firmware.app.acoustics.loop import FULL_SCALE, LEVEL, LoopFigures, figures, in_words, measuring_sound
from firmware.config.schema import Settings
from hw.api import SoundCard

FIGURES_FILE: Final = "acoustics.json"  # beside the journal
METER_EVERY_S: Final = 0.1
METER_WIDTH: Final = 60
METER_FLOOR_DB: Final = -60.0
SETTLE_S: Final = 0.3  # after the card was opened: some swallow the first sound


def cards() -> Iterator[str]:
    """A line for each card, and how to name it in [audio]."""
    from hw.alsa import cards as plugged_in

    found = plugged_in()
    if not found:
        yield "no sound card is here: plug one in; on a Pi with an I2S board add its dtoverlay to /boot/firmware/config.txt"
    for identifier, name, long_name in found:
        yield f'hw:CARD={identifier}  {long_name}: device = "{name}"'


def play_and_record(card: SoundCard, sound: array[int], rate_hz: int, period_samples: int) -> array[int]:
    """Play `sound` and record as many samples from the same moment on. The card is open."""
    for _ in range(int(SETTLE_S * rate_hz) // period_samples):
        card.read()
        card.write(bytes(2 * period_samples))
    recorded = array("h")
    for at in range(0, len(sound) - period_samples + 1, period_samples):
        recorded.frombytes(card.read())
        card.write(sound[at : at + period_samples].tobytes())
    return recorded


def measure(card: SoundCard) -> LoopFigures:
    """The acoustic self-test, about five seconds of sound. Raises HardwareError when the card cannot be opened."""
    fmt = card.open()
    try:
        sound = measuring_sound(fmt.rate_hz)
        recorded = play_and_record(card, sound, fmt.rate_hz, fmt.period_samples)
    finally:
        card.close()
    # Played and recorded at one rate: a delay is the same in both.
    return figures(recorded, fmt.rate_hz)


def loop(settings: Settings, card: SoundCard) -> int:
    """Measure, tell, and leave the figures beside the journal for `portero doctor`."""
    found = measure(card)
    print("\n".join(in_words(found)))
    try:
        print(f"written to {keep(settings, found)}")
    except OSError as error:
        print(f"the figures were not kept: {error}")
    return 0 if found.delay_ms is not None else 1


def keep(settings: Settings, found: LoopFigures) -> Path:
    """Leave the figures beside the journal; tells where. Raises OSError."""
    path = Path(settings.journal.path).with_name(FIGURES_FILE)
    path.write_text(json.dumps({"at": round(time.time()), **found._asdict()}) + "\n", encoding="utf-8")
    return path


def tone(card: SoundCard, seconds: float) -> int:
    """A tone of 1 kHz at a caller's level."""
    fmt = card.open()
    try:
        count = int(seconds * fmt.rate_hz) // fmt.period_samples * fmt.period_samples
        wave = array("h", (round(LEVEL * 32767 * math.sin(2 * math.pi * 1000 * i / fmt.rate_hz)) for i in range(count)))
        play_and_record(card, wave, fmt.rate_hz, fmt.period_samples)
    finally:
        card.close()
    return 0


def meter(card: SoundCard, seconds: float) -> int:
    """The microphone's level as a bar, ten times a second."""
    fmt = card.open()
    periods = max(1, int(METER_EVERY_S * fmt.rate_hz / fmt.period_samples))
    try:
        for _ in range(int(seconds * fmt.rate_hz / fmt.period_samples / periods)):
            heard = array("h")
            for _ in range(periods):
                heard.frombytes(card.read())
                card.write(bytes(fmt.period_bytes))
            print(bar(heard), flush=True)
    finally:
        card.close()
    return 0


def bar(samples: array[int]) -> str:
    """RMS as a bar from METER_FLOOR_DB to full scale, with figures."""
    power = sum(value * value for value in samples) / max(1, len(samples))
    level_db = max(-99.0, 10 * math.log10(max(power, 1e-6) / FULL_SCALE**2))
    peak_db = 20 * math.log10(max(1, max(map(abs, samples), default=0)) / FULL_SCALE)
    filled = round(METER_WIDTH * min(1.0, max(0.0, 1 - level_db / METER_FLOOR_DB)))
    return f"{'#' * filled:<{METER_WIDTH}} {level_db:6.1f} dB, peak {peak_db:6.1f}"


def kept_figures(settings: Settings) -> LoopFigures | None:
    """Those of the last test; None when there was none, or its file is damaged."""
    try:
        kept = json.loads(Path(settings.journal.path).with_name(FIGURES_FILE).read_text(encoding="utf-8"))
        return LoopFigures(**{name: kept[name] for name in LoopFigures._fields})
    except (OSError, ValueError, KeyError, TypeError):
        return None
