"""Which keys a field takes: DTMF grammars in the XML form of SRGS 1.0, and the built-in ones of VoiceXML 2.0 Appendix P.

A grammar is a tree of frozen parts. `heard` says of the keys pressed so far whether they can be it, are it, or may be it and go on. Rules
that call themselves are refused, and so is a grammar that is too large once its rules are put in place: so matching always ends soon.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from firmware.outlets.voicexml.expression import Value
from firmware.outlets.voicexml.faults import DocumentError
from firmware.sip.body.xml_document import Mixed

KEYS: Final = frozenset("0123456789*#ABCD")
KEYS_MAX: Final = 32  # of one input; a telephone number has fifteen
REPEAT_MAX: Final = 32
RULES_DEEP_MAX: Final = 16  # rules inside rules
SIZE_MAX: Final = 4096  # parts, every rule counted wherever it is used
BUILTIN: Final = re.compile(r"(?:builtin:dtmf/)?(digits|boolean)(?:\?([a-z0-9=;&*#]*))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Key:
    """One key."""

    key: str
    size: int = 1


@dataclass(frozen=True, slots=True)
class Sequence:
    """One part after the other."""

    parts: tuple[Part, ...]
    size: int


@dataclass(frozen=True, slots=True)
class OneOf:
    """Any one of the parts; the first that fits is meant."""

    parts: tuple[Part, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """The part so many times."""

    part: Part
    least: int
    most: int
    size: int


@dataclass(frozen=True, slots=True)
class Tagged:
    """The part, and what it means in place of its keys."""

    part: Part
    value: Value
    size: int


Part = Key | Sequence | OneOf | Repeat | Tagged
ANY_DIGIT: Final = OneOf(tuple(Key(each) for each in "0123456789"), 10)


class Heard(NamedTuple):
    """What the keys so far are. `complete`: an input, which means `value`; `open`: further keys could make it another."""

    complete: bool
    open: bool
    value: Value = None


def heard(grammar: Part, keys: str) -> Heard:
    """What `keys` are to the grammar."""
    walk = _Walk(keys)
    ends = walk.ends(grammar, 0)
    if len(keys) not in ends:
        return Heard(complete=False, open=walk.is_hungry)
    tag = ends[len(keys)]
    return Heard(complete=True, open=walk.is_hungry, value=keys if tag is None else tag)


class _Walk:
    """One look at the keys: where each part may end when it begins at a place, and with which tag (None: none)."""

    def __init__(self, keys: str) -> None:
        self._keys = keys
        self._known: dict[tuple[int, int], dict[int, Value]] = {}  # by the part's identity and place: each is looked at once
        self.is_hungry = False  # somewhere one more key would have been taken

    def ends(self, part: Part, at: int) -> dict[int, Value]:
        known = self._known.get((id(part), at))
        if known is None:
            known = self._known[id(part), at] = self._ends(part, at)
        return known

    def _ends(self, part: Part, at: int) -> dict[int, Value]:
        match part:
            case Key(key=key):
                if at == len(self._keys):
                    self.is_hungry = True
                    return {}
                return {at + 1: None} if self._keys[at] == key else {}
            case OneOf(parts=parts):
                found: dict[int, Value] = {}
                for each in parts:
                    for end, tag in self.ends(each, at).items():
                        found.setdefault(end, tag)
                return found
            case Sequence(parts=parts):
                reached: dict[int, Value] = {at: None}
                for each in parts:
                    reached = self._after(reached, each)
                return reached
            case Repeat(part=inner, least=least, most=most):
                return self._repeated(inner, least, most, at)
            case Tagged(part=inner, value=value):
                return dict.fromkeys(self.ends(inner, at), value)

    def _after(self, reached: dict[int, Value], part: Part) -> dict[int, Value]:
        found: dict[int, Value] = {}
        for begin, before in reached.items():
            for end, tag in self.ends(part, begin).items():
                found.setdefault(end, before if tag is None else tag)
        return found

    def _repeated(self, part: Part, least: int, most: int, at: int) -> dict[int, Value]:
        reached: dict[int, Value] = {at: None}
        found = dict(reached) if least == 0 else {}
        for count in range(1, most + 1):
            reached = self._after(reached, part)
            if count >= least:
                for end, tag in reached.items():
                    found.setdefault(end, tag)
            if not reached:
                break
        return found


def any_of(parts: tuple[Part, ...]) -> Part:
    """Several grammars that are active together."""
    return parts[0] if len(parts) == 1 else OneOf(parts, sum(part.size for part in parts))


def keys_of(text: str, *, line: int, element: str, value: Value = None) -> Part:
    """Keys as an attribute `dtmf` gives them: "1", "12" or "1 2"; `value` is what they mean. Raises DocumentError."""
    keys = "".join(text.upper().split())
    if not keys or len(keys) > KEYS_MAX or not KEYS.issuperset(keys):
        raise DocumentError(line, element, f"{text[:40]!r} are no keys; write 1 to {KEYS_MAX} of 0-9 * # A-D")
    found = _sequence(tuple(Key(each) for each in keys))
    return found if value is None else Tagged(found, value, found.size)


def builtin(text: str, *, line: int, element: str) -> Part | None:
    """A built-in grammar by its type, such as "digits?length=4"; None for one that is not there. Raises DocumentError."""
    found = BUILTIN.fullmatch(text.strip())
    if found is None:
        return None
    given = [each.partition("=") for each in re.split("[;&]", found[2] or "") if each]
    values = {name.lower(): value for name, _, value in given}
    if found[1].lower() == "boolean":
        yes, no = values.pop("y", "1"), values.pop("n", "2")
        parts = (keys_of(yes, line=line, element=element, value=True), keys_of(no, line=line, element=element, value=False))
        wrong = bool(values) or yes == no
        built: Part = any_of(parts)
    else:
        least, most = _lengths(values, line, element)
        wrong = bool(values) or not 1 <= least <= most <= KEYS_MAX
        built = Repeat(ANY_DIGIT, least, min(most, KEYS_MAX), KEYS_MAX * ANY_DIGIT.size)
    if wrong:
        raise DocumentError(line, element, f"{text[:60]!r}: these parameters are not understood")
    return built


def _lengths(values: dict[str, str], line: int, element: str) -> tuple[int, int]:
    for name in values.keys() & {"length", "minlength", "maxlength"}:
        if not re.fullmatch(r"[0-9]{1,2}", values[name]):
            raise DocumentError(line, element, f"{name}={values[name][:20]!r} is no number of keys")
    length = values.pop("length", "")
    least, most = values.pop("minlength", length or "1"), values.pop("maxlength", length or str(KEYS_MAX))
    return int(least), int(most)


def read(grammar: Mixed) -> Part | None:
    """A `<grammar>` element; None for one that is spoken (`mode` is not "dtmf"). Raises DocumentError."""
    if grammar.attribute("mode") != "dtmf":
        return None
    rules = {rule.attribute("id") or "": rule for rule in grammar.children if rule.name == "rule"}
    root = grammar.attribute("root") or next(iter(rules), "")
    if root not in rules:
        raise DocumentError(grammar.line, "grammar", f"there is no rule {root[:40]!r}")
    return _Rules(rules).rule(root, grammar.line)


class _Rules:
    """The rules of one grammar, each read once, in place wherever it is used."""

    def __init__(self, rules: dict[str, Mixed]) -> None:
        self._rules = rules
        self._known: dict[str, Part] = {}
        self._reading: list[str] = []

    def rule(self, name: str, line: int) -> Part:
        if name not in self._rules:
            raise DocumentError(line, "ruleref", f"there is no rule {name[:40]!r}")
        if name in self._reading:
            raise DocumentError(line, "ruleref", f"the rule {name[:40]!r} uses itself")
        if len(self._reading) == RULES_DEEP_MAX:
            raise DocumentError(line, "ruleref", f"rules are more than {RULES_DEEP_MAX} deep")
        if name not in self._known:
            self._reading.append(name)
            self._known[name] = self._sequence(self._rules[name])
            self._reading.pop()
        return self._known[name]

    def _sequence(self, element: Mixed) -> Part:
        parts: list[Part] = []
        tag: Value = None
        for each in element.content:
            if isinstance(each, str):
                parts += [keys_of(token, line=element.line, element=element.name) for token in each.replace('"', " ").split()]
            elif each.name == "tag":
                tag = _tag(each.text)
            elif each.name not in ("example", "metadata", "meta"):
                parts.append(self._part(each))
        built = _sequence(tuple(parts))
        if built.size > SIZE_MAX:
            raise DocumentError(element.line, element.name, f"the grammar has more than {SIZE_MAX} parts")
        return built if tag is None else Tagged(built, tag, built.size)

    def _part(self, element: Mixed) -> Part:
        match element.name:
            case "one-of":
                items = tuple(self._part(item) for item in element.children if item.name == "item")
                if not items:
                    raise DocumentError(element.line, "one-of", "there is no item")
                return any_of(items)
            case "item":
                return self._item(element)
            case "ruleref":
                uri = element.attribute("uri") or ""
                if not uri.startswith("#"):
                    raise DocumentError(element.line, "ruleref", 'only rules of the same grammar are known: uri="#name"')
                return self.rule(uri[1:], element.line)
            case name:
                raise DocumentError(element.line, name[:40], "this is no part of a DTMF grammar")

    def _item(self, element: Mixed) -> Part:
        inner = self._sequence(element)
        repeat = element.attribute("repeat")
        if repeat is None:
            return inner
        found = re.fullmatch(r"(\d{1,3})(-(\d{1,3})?)?", repeat, re.ASCII)
        least = int(found[1]) if found else 0
        most = least if found is None or not found[2] else int(found[3]) if found[3] else REPEAT_MAX
        if found is None or not least <= most <= REPEAT_MAX or inner.size * most > SIZE_MAX:
            raise DocumentError(element.line, "item", f"repeat={repeat[:20]!r} is no count up to {REPEAT_MAX}, or the grammar too large")
        return Repeat(inner, least, most, max(1, inner.size * most))


def _sequence(parts: tuple[Part, ...]) -> Part:
    return parts[0] if len(parts) == 1 else Sequence(parts, 1 + sum(part.size for part in parts))


def _tag(text: str) -> str:
    """What a tag means: its literal text, or the text that it gives to `out` (SISR 1.0 §2, as far as a literal goes)."""
    found = re.fullmatch(r"""\s*out\s*=\s*(?:'([^']*)'|"([^"]*)")\s*;?\s*""", text)
    return text.strip() if found is None else found[1] if found[1] is not None else found[2]
