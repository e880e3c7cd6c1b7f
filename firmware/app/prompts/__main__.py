"""Speak the prompts of this folder anew with espeak-ng, for whoever changes a text; the files are kept beside it."""

from __future__ import annotations

import io
import subprocess
import wave
from array import array
from pathlib import Path
from typing import Final

RATE_HZ: Final = 8000
PEAK: Final = 13000  # 8 dB below full scale: as loud as a person in the call
QUIET: Final = 200  # samples below this before and after the words are cut away
VOICES: Final = {"en": "en-gb", "de": "de", "es": "es", "fr": "fr-fr", "it": "it"}
TEXTS: Final = {
    "ringing": {
        "en": "It is ringing. Please wait.",
        "de": "Es klingelt. Bitte warten.",
        "es": "Está llamando. Espere, por favor.",
        "fr": "Ça sonne. Veuillez patienter.",
        "it": "Sta squillando. Attendere, prego.",
    },
    "opened": {
        "en": "The door is open.",
        "de": "Die Tür ist offen.",
        "es": "La puerta está abierta.",
        "fr": "La porte est ouverte.",
        "it": "La porta è aperta.",
    },
    "nobody": {
        "en": "Nobody answers.",
        "de": "Niemand antwortet.",
        "es": "Nadie contesta.",
        "fr": "Personne ne répond.",
        "it": "Nessuno risponde.",
    },
    "speak": {
        "en": "Please speak now.",
        "de": "Bitte sprechen Sie jetzt.",
        "es": "Hable ahora, por favor.",
        "fr": "Parlez maintenant.",
        "it": "Parlare ora, prego.",
    },
    "wrong": {
        "en": "Wrong code.",
        "de": "Falscher Code.",
        "es": "Código incorrecto.",
        "fr": "Code erroné.",
        "it": "Codice errato.",
    },
    "message": {
        "en": "Nobody answers. Please leave a message after the tone.",
        "de": "Niemand antwortet. Bitte sprechen Sie nach dem Ton.",
        "es": "Nadie contesta. Deje un mensaje después de la señal.",
        "fr": "Personne ne répond. Laissez un message après le signal.",
        "it": "Nessuno risponde. Lasciate un messaggio dopo il segnale.",
    },
    "recorded": {
        "en": "This call is recorded.",
        "de": "Dieses Gespräch wird aufgezeichnet.",
        "es": "Esta llamada se graba.",
        "fr": "Cet appel est enregistré.",
        "it": "Questa chiamata viene registrata.",
    },
}


def spoken(text: str, voice: str) -> bytes:
    """The words at RATE_HZ, without silence around them."""
    from hw.wav import resample

    said = subprocess.run(  # noqa: S603 (the texts above)
        ["espeak-ng", "-v", voice, "-s", "150", "--stdout", text],  # noqa: S607 (the one on PATH)
        capture_output=True,
        check=True,
    ).stdout
    with wave.open(io.BytesIO(said)) as file:
        # Written to a pipe, its header knows no length: take what is there.
        samples = array("h", said[44 : len(said) - len(said) % 2])
        words = resample(samples, file.getframerate(), RATE_HZ)
    loud = [at for at, value in enumerate(words) if abs(value) > QUIET]
    cut = words[loud[0] : loud[-1] + 1]
    strongest = max(abs(value) for value in cut)
    return array("h", (value * PEAK // strongest for value in cut)).tobytes()


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
