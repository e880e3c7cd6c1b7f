"""What the prompts of this folder say, by name and language, and the voices that speak them."""

from __future__ import annotations

from typing import Final

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
    "unknown": {
        "en": "There is no such number.",
        "de": "Diese Nummer gibt es nicht.",
        "es": "Este número no existe.",
        "fr": "Ce numéro n'existe pas.",
        "it": "Questo numero non esiste.",
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
