"""The page's languages: complete, alike, and about records that there are."""

from __future__ import annotations

import string
from enum import Enum
from typing import get_args

import pytest

from firmware.door import events as door
from firmware.door.words import CodeFault, Grant, LockFault, LockMode, Outcome
from firmware.outlets.seam import Row
from firmware.outlets.web.words import FOLDER, LANGUAGES, words_for, words_in

ENGLISH = words_in("en")
RECORDS = {kind.__name__: kind for kind in get_args(door.DoorRecord)}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_there_is_a_file_for_each_language_and_none_besides() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_says_everything_and_fills_in_the_same(language: str) -> None:
    words = words_in(language)
    assert list(words.texts) == list(ENGLISH.texts)
    assert all(text.strip() for text in words.texts.values())
    assert {key: places(text) for key, text in words.texts.items()} == {key: places(text) for key, text in ENGLISH.texts.items()}


def test_sentences_are_about_fields_that_the_records_have() -> None:
    for kind in ENGLISH.kinds:
        assert places(ENGLISH.texts[f"record.{kind}"]) <= set(RECORDS[kind]._fields)
    assert "DuressUsed" not in ENGLISH.kinds


@pytest.mark.parametrize("enum", [Outcome, Grant, CodeFault, LockFault, LockMode])
def test_each_of_the_doors_words_has_a_translation(enum: type[Enum]) -> None:
    assert all(f"word.{each.name.lower()}" in ENGLISH.texts for each in enum)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-CH, de;q=0.9, en;q=0.8", "de"),
        ("pt-BR, fr;q=0.7, it;q=0.8", "it"),
        ("en;q=0.5, es;q=0.5", "en"),
        ("fr;q=0", "en"),
        ("fr;q=nonsense, de;q=0.1", "de"),
        ("*", "en"),
        ("pt," * 16 + "de", "en"),
    ],
)
def test_the_browser_chooses(accepted: str, language: str) -> None:
    assert words_for(accepted).language == language


def test_a_record_becomes_a_sentence_with_who_it_was() -> None:
    unlocked = Row(1, 0.0, "Unlocked", {"lock": "gate", "grant": "card_and_pin", "who": "Eva {lock}", "party": ""})
    assert words_in("de").record(unlocked) == "gate geöffnet: Karte und PIN, durch Eva {lock}"
    ended = Row(1, 0.0, "PressEnded", {"press": 7, "outcome": "no_answer"})
    assert words_in("fr").record(ended) == "La sonnerie est finie : sans réponse"
    pressed = Row(1, 0.0, "Pressed", {"press": 7, "button": "code"})
    assert words_in("de").record(pressed) == "code wurde gedrückt"
    held = Row(1, 0.0, "LockHeld", {"lock": "gate", "held": True})
    assert words_in("es").record(held) == "gate se mantiene abierta: sí"


def test_a_row_of_an_older_program_may_lack_something() -> None:
    assert ENGLISH.record(Row(1, 0.0, "LockModeChanged", {"lock": "gate"})) == "gate: ?"
