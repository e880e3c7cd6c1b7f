"""The page's words in the languages that it speaks: one file each, chosen by what the browser asks for (RFC 9110 §12.5.4)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from firmware.outlets.seam import Json, Row

LANGUAGES: Final = ("en", "de", "es", "fr", "it")
FOLDER: Final = Path(__file__).parent / "languages"
RANGES_MAX: Final = 16  # of an Accept-Language: a browser names a handful
RECORD: Final = "record."
SPOKEN: Final = frozenset({"outcome", "grant", "fault", "mode", "held", "quiet"})  # fields with words of the door; others hold names


class Words(NamedTuple):
    """One language. `texts` by key; what stands in braces is filled in."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **fields: object) -> str:
        return self.texts[key].format(**fields)

    def word(self, value: Json) -> str:
        """A value of a record, translated where it is one of the door's own words, as the journal writes them."""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return self.texts.get(f"word.{text}", text)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The records that the page tells: what happened at the door, and none that nobody may see over a shoulder (`DuressUsed`)."""
        return tuple(key.removeprefix(RECORD) for key in self.texts if key.startswith(RECORD))

    def record(self, row: Row) -> str:
        """What happened, as a sentence."""
        fields = defaultdict[str, object](
            lambda: "?", {name: self.word(value) if name in SPOKEN else value for name, value in row.fields.items()}
        )
        is_flat = row.kind == "Pressed" and bool(row.fields.get("flat"))
        told = self.texts["flat_rung" if is_flat else f"{RECORD}{row.kind}"].format_map(fields)
        who = row.fields.get("who") if row.kind in ("Unlocked", "OpeningRefused", "CardRefused", "KeypadRefused") else row.fields.get("by")
        return f"{told}, {self('by', who=who)}" if who else told


@cache
def words_in(language: str) -> Words:
    """One of LANGUAGES."""
    return Words(language, json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8")))


def words_for(accepted: str) -> Words:
    """By an Accept-Language header; English where it names nothing that we speak."""
    wishes: list[tuple[float, str]] = []
    for wish in accepted.split(",")[:RANGES_MAX]:
        name, _, weight = wish.partition(";")
        language = name.strip().lower().partition("-")[0]
        if language in LANGUAGES:
            wishes.append((_weight(weight), language))
    # Of equal wishes the first one counts: max keeps it.
    best = max(wishes, key=lambda wish: wish[0], default=(0.0, ""))
    return words_in(best[1] if best[0] > 0 else LANGUAGES[0])


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0
