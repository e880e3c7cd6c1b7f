"""The command line of `portero audio`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_audio_command(commands: Any) -> argparse.ArgumentParser:
    """Add `audio` to the program's commands; returns it for its --config."""
    audio: argparse.ArgumentParser = commands.add_parser(
        "audio", help="the panel's sound: cards, a tone, a level meter, the acoustic self-test"
    )
    audio.add_argument(
        "action", choices=("list", "tone", "meter", "loop"), nargs="?", default="list", help="loop: measures delay, echo, noise, distortion"
    )
    audio.add_argument("--seconds", type=float, default=5.0, metavar="N", help="of tone or meter (default: %(default)s)")
    audio.set_defaults(command=_audio)
    return audio


def _audio(options: argparse.Namespace) -> int:
    from firmware.app.acoustics import panel
    from hw.api import HardwareError

    try:
        if options.action == "list":
            print("\n".join(panel.cards()))
            return 0
        return _with_card(options.action, options.config, options.seconds)
    except HardwareError as error:
        print(f"portero audio: {error}", file=sys.stderr)
        return 1


def _with_card(action: str, config: Path, seconds: float) -> int:
    from firmware.app.acoustics import panel
    from firmware.app.wiring.board import board_settings
    from firmware.config.load import load
    from firmware.config.problems import ConfigErrors
    from hw.alsa import open_duplex
    from hw.sound import HealingSound

    try:
        settings = load(config, outside_service=True)
    except ConfigErrors as errors:
        print(f"portero audio: {errors.problems[0].wrong}; see `portero check {config}`", file=sys.stderr)
        return 1
    card = HealingSound(board_settings(settings).sound, open_duplex)
    if action == "loop":
        return panel.loop(settings, card)
    return panel.tone(card, seconds) if action == "tone" else panel.meter(card, seconds)
