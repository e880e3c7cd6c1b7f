"""A user changed by `KEY=VALUE`, as `portero users` and the HTTP API do it, and what is wrong with the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import tzinfo

from firmware.app.users import form
from firmware.app.users.person import Person, Problem, UserProblems
from firmware.app.users.seal import SecretKind
from firmware.app.users.store import Change, UserStore
from firmware.config.checks import suggestion
from firmware.config.codes import weakness
from firmware.config.schema import Settings
from firmware.errors import UsersError

TEXT_KEYS = ("groups", "locks", "profile", "cards", "card_needs_pin", "valid_from", "valid_until", "uses_left")
SECRET_KEYS = tuple(kind.value for kind in SecretKind)

Typed = Callable[[str, str], str]


def as_typed(typed: str, _question: str) -> str:
    """Digits are what was written, where there is nobody to ask."""
    return typed


def change(store: UserStore, settings: Settings, name: str, values: Sequence[str], *, new: bool, digits: Typed = as_typed) -> Change:
    """A user of this name with these `KEY=VALUE`, added or put in place of the one there is. Raises UsersError.

    `digits` gives the digits of a secret from what was written, and the question that it may ask for them.
    """
    before = store.named(name)
    if new and before is not None:
        raise UsersError(f"{name!r} exists already; change it with: portero users set")
    if not new and before is None:
        raise UsersError(f"there is no user {name!r}; see: portero users list")
    person, secrets = _edited(before or Person(name=name), values, zone_of(settings), digits)
    problems = tuple(Problem(line=0, who=name, wrong=wrong, remedy=remedy) for wrong, remedy in check(person, secrets, settings))
    if problems:
        raise UserProblems(problems)
    return form.sealed(person, tuple((kind, store.sealer.seals(typed)) for kind, typed in secrets.items()))


def zone_of(settings: Settings) -> tzinfo | None:
    """Where the door hangs, which need not be where its administrator sits; None: as this machine is set."""
    if settings.station.timezone is None:
        return None
    from zoneinfo import ZoneInfo

    return ZoneInfo(settings.station.timezone)


def _edited(person: Person, values: Sequence[str], zone: tzinfo | None, ask: Typed) -> tuple[Person, dict[SecretKind, str]]:
    """The person with these `KEY=VALUE`, and the new digits by their kind. Raises UsersError."""
    digits: dict[SecretKind, str] = {}
    for word in values:
        key, mark, value = word.partition("=")
        if not mark or key not in (*TEXT_KEYS, *SECRET_KEYS):
            known = (*TEXT_KEYS, *SECRET_KEYS)
            if mark:
                raise UsersError(f"there is no key {key!r}; {suggestion(key, known)}")
            raise UsersError(f"{word!r} is no KEY=VALUE; keys are: {', '.join(known)}")
        if key in SECRET_KEYS:
            kind = SecretKind(key)
            person = person._replace(secrets={other: seal for other, seal in person.secrets.items() if other is not kind})
            if value:
                digits[kind] = ask(value, f"{key} of {person.name}")
        else:
            person = _with(person, key, value, zone)
    return person, digits


def _with(person: Person, key: str, value: str, zone: tzinfo | None) -> Person:
    match key:
        case "groups":
            return person._replace(groups=tuple(value.split()))
        case "locks":
            return person._replace(locks=form.locks_of(value))
        case "profile":
            return person._replace(profile=value or None)
        case "cards":
            return person._replace(cards=tuple(sorted(value.upper().split())))
        case "card_needs_pin":
            return person._replace(card_needs_pin=form.yes_or_no(value))
        case "valid_from":
            return person._replace(valid_from=form.time_of(value, zone))
        case "valid_until":
            return person._replace(valid_until=form.time_of(value, zone))
        case _:
            return person._replace(uses_left=form.number_of(value))


def check(person: Person, digits: Mapping[SecretKind, str], settings: Settings) -> Iterator[tuple[str, str]]:
    """What of this user the configuration does not know, which new digits are no good, and the remedies."""
    for kind, typed in digits.items():
        found = weakness(typed) or _hidden(kind, typed, settings)
        if found is not None:
            yield f"{kind.value}: {found[0]}", found[1]
    for what, names, known in (
        ("group", person.groups, [each.name for each in settings.group]),
        ("lock", person.locks or (), [each.name for each in settings.lock]),
        ("profile", () if person.profile is None else (person.profile,), [each.name for each in settings.profile]),
    ):
        for name in names:
            if name not in known:
                yield f"there is no {what} {name!r}", f"write a [[{what}]] into the configuration, or one of: {', '.join(known) or 'none'}"


def _hidden(kind: SecretKind, digits: str, settings: Settings) -> tuple[str, str] | None:
    """A code of the configuration opens with its last digit, so that nothing that begins like it can be typed in a call."""
    if kind is SecretKind.PIN or not any(code.code.reveal() and digits.startswith(code.code.reveal()) for code in settings.code):
        return None
    return "the digits begin like a [[code]] of the configuration", "choose others"
