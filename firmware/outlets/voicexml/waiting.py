"""What an interpreter waits for, and how keys become an input while it collects them (VoiceXML 2.0 §6.3.3 and Appendix D)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from firmware.outlets.voicexml.dialogs import Choices, Field
from firmware.outlets.voicexml.expression import Value
from firmware.outlets.voicexml.grammar import KEYS_MAX, Part, Tagged, any_of, heard
from firmware.outlets.voicexml.signals import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Collecting:
    """Keys for an item. While it `speaks` no time runs."""

    item: Field | Choices
    grammar: Part
    timeout_s: float
    interdigit_s: float
    end_key: str
    keys: str = ""
    speaks: bool = False
    bargein: bool = True

    def spoken_to(self, *, bargein: bool) -> Collecting:
        """The same while its prompts are played."""
        return replace(self, speaks=True, bargein=bargein)

    def heard_out(self) -> Collecting:
        """The same after them."""
        return replace(self, speaks=False)


@dataclass(frozen=True, slots=True)
class Playing:
    """What is said is heard to its end; `then` follows, and what to wait for after it."""

    number: int
    then: tuple[Effect, ...]
    waiting: Waiting


@dataclass(frozen=True, slots=True)
class Fetching:
    """A document; its dialog `fragment` ('' the first) is the next."""

    fragment: str


@dataclass(frozen=True, slots=True)
class Platform:
    """The answer to what the item of this name asked of the platform; a key may end that."""

    name: str
    ends_by_key: bool = False


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing."""


@dataclass(frozen=True, slots=True)
class Running:
    """It does not wait: the next step follows."""


Waiting = Collecting | Playing | Fetching | Platform | Over | Running
NOWHERE: Final = Running()


class Settled(NamedTuple):
    """Keys that are complete: an input with its value, or no match."""

    keys: str
    value: Value
    is_match: bool


def begun(item: Field | Choices, timeout_s: float, interdigit_s: float) -> Collecting:
    """Nothing is typed yet. The value of a choice is its number."""
    if isinstance(item, Choices):
        grammar = any_of(tuple(Tagged(keys, number, keys.size) for number, (keys, _) in enumerate(item.choices)))
    else:
        assert item.grammar is not None, "a field without a grammar is not visited"
        grammar = item.grammar
    end_key = item.properties.get("termchar", "#")[:1]
    return Collecting(item=item, grammar=grammar, timeout_s=timeout_s, interdigit_s=interdigit_s, end_key=end_key)


def keyed(collecting: Collecting, key: str) -> tuple[Collecting, Settled | None]:
    """One key more, and what is settled by it.

    An input that nothing could follow is complete at once; another waits for the next key (interdigittimeout) or the end key (termchar),
    which counts as a key itself wherever the grammar has it.
    """
    keys = collecting.keys + key
    found = heard(collecting.grammar, keys) if len(keys) <= KEYS_MAX else None
    if found is not None and (found.complete or found.open):
        after = replace(collecting, keys=keys, speaks=False)
        return after, None if found.open else Settled(keys, found.value, is_match=True)
    if key == collecting.end_key:
        return collecting, settled(collecting)
    return collecting, Settled(keys, None, is_match=False)


def settled(collecting: Collecting) -> Settled:
    """What the keys are when nothing follows."""
    found = heard(collecting.grammar, collecting.keys)
    return Settled(collecting.keys, found.value, is_match=found.complete)


def typed_ahead(collecting: Collecting, keys: str) -> tuple[Collecting, Settled | None, str]:
    """§4.1.8: keys that were pressed before they were asked for: what they settle, and those that are left for the next question."""
    for at, key in enumerate(keys):
        collecting, found = keyed(collecting, key)
        if found is not None:
            return collecting, found, keys[at + 1 :]
    return collecting, None, ""
