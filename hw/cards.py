"""Which sound card is meant where the configuration names none.

ALSA's own default is the first card. On a Raspberry Pi that is often the headphone socket or a screen, which have no microphone, while the
panel's card is behind them. So the first card with both halves is meant, or else the first with the half that is looked for. Where somebody
has said what the default is to be (a sound server, an asound.conf), that holds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hw.api import Half

ASOUND: Final = Path("/proc/asound")  # card0/id, card0/pcm0p, card0/pcm0c: the kernel's Documentation/sound/designs/procfile.rst
SYSTEM: Final = Path("/")
DEFINITIONS: Final = "etc/alsa/conf.d"
SAID_IN: Final = ("default.conf", "99-pulse.conf")  # how files there end that say what the default is
SAID_AT_HOME: Final = (".asoundrc", ".config/alsa/asoundrc")
LETTERS: Final = {Half.SPEAKER: "p", Half.MICROPHONE: "c"}


def meant(half: Half, *, asound: Path = ASOUND, system: Path = SYSTEM, environment: Mapping[str, str] = os.environ) -> str:
    """The ALSA device of the card that is meant, for one half of it; "default" where that is not for us to say, or no card is there."""
    if _is_said(system, environment):
        return "default"
    numbers = sorted(int(name.removeprefix("card")) for name in _names(asound) if name.removeprefix("card").isdecimal())
    cards = [asound / f"card{number}" for number in numbers]
    halves = {card: {each for each in Half if any(name[-1] == LETTERS[each] for name in _names(card, "pcm"))} for card in cards}
    for card in sorted((card for card in cards if half in halves[card]), key=lambda card: -len(halves[card])):
        try:
            return f"hw:CARD={(card / 'id').read_text().strip()}"
        except OSError:
            continue  # pulled at this moment
    return "default"


def _names(folder: Path, beginning: str = "card") -> list[str]:
    """What in a folder begins so; nothing where it is not there, or not for us to see."""
    try:
        return [entry.name for entry in folder.iterdir() if entry.name.startswith(beginning)]
    except OSError:
        return []


def _is_said(system: Path, environment: Mapping[str, str]) -> bool:
    home = environment.get("HOME", "")
    return (
        "ALSA_CONFIG_PATH" in environment
        or _is_there(system / "etc/asound.conf")
        or any(name.endswith(SAID_IN) for name in _names(system / DEFINITIONS, ""))
        or any(_is_there(Path(home) / name) for name in SAID_AT_HOME if home)
    )


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:
        return False
