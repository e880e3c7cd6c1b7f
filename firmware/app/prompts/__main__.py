"""Speak the prompts of this folder anew with espeak-ng, for whoever changes a text; the files are kept beside it."""

from __future__ import annotations

import wave
from pathlib import Path

from firmware.app.prompts.speech import RATE_HZ, spoken
from firmware.app.prompts.texts import TEXTS, VOICES


def main() -> None:
    for name, texts in TEXTS.items():
        for language, text in texts.items():
            path = Path(__file__).parent / language / f"{name}.wav"
            path.parent.mkdir(exist_ok=True)
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
                file.writeframes(spoken(text, VOICES[language]))


if __name__ == "__main__":
    main()
