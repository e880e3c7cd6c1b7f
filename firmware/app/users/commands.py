"""`portero users`: list, add, change, remove, import and export users, beside a running daemon or without one."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from firmware.app.users import form
from firmware.app.users.person import Person, Problem, UserProblems
from firmware.app.users.seal import SecretKind
from firmware.app.users.store import Change, UserStore
from firmware.config.codes import weakness
from firmware.config.schema import Settings
from firmware.errors import PorteroError, UsersError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

TEXT_KEYS = ("groups", "locks", "profile", "cards", "card_needs_pin", "valid_from", "valid_until", "uses_left")
SECRET_KEYS = tuple(kind.value for kind in SecretKind)
ASK = "?"  # in place of digits: they are asked for, so that they stand in no history of the shell


def add_users_command(commands: Subparsers) -> argparse.ArgumentParser:
    """Add `users` to the command line; returns its parser for further options."""
    users = commands.add_parser(
        "users",
        help="who may open with PIN, code or card",
        description="KEY is one of " + ", ".join((*TEXT_KEYS, *SECRET_KEYS)) + f". '{ASK}' asks for digits, an empty value takes away.",
    )
    users.add_argument("action", choices=("list", "add", "set", "remove", "import", "export"))
    users.add_argument("words", nargs="*", metavar="NAME KEY=VALUE … | NAME … | FILE.csv")
    users.add_argument("--replace", action="store_true", help="with import: the file is the whole store, who is not in it is removed")
    users.add_argument("--socket", type=Path, metavar="PATH", help="the control socket of the daemon that is told (default: as configured)")
    users.set_defaults(command=run)
    return users


def run(options: argparse.Namespace) -> int:
    """The command; returns the exit code."""
    from firmware.config.load import load

    try:
        settings = load(options.config, outside_service=True)
        create = options.action in ("add", "import")
        with contextlib.closing(UserStore(Path(settings.users.path), Path(settings.users.key), create=create)) as store:
            changed = _done(store, settings, options)
    except UserProblems as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        print("nothing was changed", file=sys.stderr)
        return 1
    except PorteroError as error:
        print(error, file=sys.stderr)
        return 1
    if changed is None:
        return 0
    print(changed)
    _tell_daemon(options.socket or Path(os.environ.get("PORTERO_CONTROL") or settings.control.socket))
    return 0


def _done(store: UserStore, settings: Settings, options: argparse.Namespace) -> str | None:
    """Carry out the action: a sentence when something was changed. Raises UsersError."""
    words: list[str] = options.words
    match options.action, words:
        case "list", names:
            _listed(store, names)
            return None
        case "export", [file]:
            _exported(store, file)
            return None
        case "import", [file]:
            changes = form.from_csv(_read(file), store.sealer, lambda person, digits: check(person, digits, settings), _zone(settings))
            store.apply(changes, replace=options.replace)
            return f"{len(changes)} users were imported"
        case ("add" | "set") as action, [name, *values]:
            store.apply([_change(store, settings, name, values, new=action == "add")])
            return f"{name} was {'added' if action == 'add' else 'changed'}"
        case "remove", [_, *_]:
            missing = [name for name in words if store.named(name) is None]
            if missing:
                raise UsersError(f"there is no user {missing[0]!r}; see: portero users list")
            return f"{store.remove(words)} users were removed"
        case action, _:
            raise UsersError(f"{action} needs other words; see: portero users --help")


def _change(store: UserStore, settings: Settings, name: str, values: list[str], *, new: bool) -> Change:
    before = store.named(name)
    if new and before is not None:
        raise UsersError(f"{name!r} exists already; change it with: portero users set")
    if not new and before is None:
        raise UsersError(f"there is no user {name!r}; see: portero users list")
    person, digits = _edited(before or Person(name=name), values, _zone(settings))
    problems = tuple(Problem(line=0, who=name, wrong=wrong, remedy=remedy) for wrong, remedy in check(person, digits, settings))
    if problems:
        raise UserProblems(problems)
    return form.sealed(person, tuple((kind, store.sealer.seals(typed)) for kind, typed in digits.items()))


def _zone(settings: Settings) -> tzinfo | None:
    """Where the door hangs, which need not be where its administrator sits; None: as this machine is set."""
    if settings.station.timezone is None:
        return None
    from zoneinfo import ZoneInfo

    return ZoneInfo(settings.station.timezone)


def _edited(person: Person, values: list[str], zone: tzinfo | None) -> tuple[Person, dict[SecretKind, str]]:
    """The person with these `KEY=VALUE`, and the new digits by their kind. Raises UsersError."""
    digits: dict[SecretKind, str] = {}
    for word in values:
        key, mark, value = word.partition("=")
        if not mark or key not in (*TEXT_KEYS, *SECRET_KEYS):
            raise UsersError(f"{word!r} is no KEY=VALUE; keys are: {', '.join((*TEXT_KEYS, *SECRET_KEYS))}")
        if key in SECRET_KEYS:
            kind = SecretKind(key)
            person = person._replace(secrets={other: seal for other, seal in person.secrets.items() if other is not kind})
            if value:
                digits[kind] = getpass.getpass(f"{key} of {person.name}: ") if value == ASK else value
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


def _listed(store: UserStore, names: Iterable[str]) -> None:
    wanted = set(names)
    for person in store.people():
        if wanted and person.name not in wanted:
            continue
        words = [f"{kind.value} of {seal.digits} digits" for kind, seal in sorted(person.secrets.items(), key=lambda entry: entry[0].value)]
        words += [f"card {card}" for card in person.cards] + (["card needs PIN"] if person.card_needs_pin else [])
        words += [f"group {group}" for group in person.groups]
        words += ["every lock"] if person.locks is None else [f"lock {lock}" for lock in person.locks]
        words += [
            f"{what} {form.time_text(at)}" for what, at in (("from", person.valid_from), ("until", person.valid_until)) if at is not None
        ]
        words += [] if person.profile is None else [f"profile {person.profile}"]
        words += [] if person.uses_left is None else [f"{person.uses_left} uses left"]
        print(f"{person.name}: {', '.join(words)}")


def _read(file: str) -> bytes:
    try:
        with Path(file).open("rb") as source:
            return source.read(form.FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UsersError(f"{file} cannot be read ({error.strerror}); check its name") from error


def _exported(store: UserStore, file: str) -> None:
    """A file that only its owner may read, since cards are in it; a dash writes to the terminal."""
    text = form.to_csv(store.people(), store.sealer)
    if file == "-":
        sys.stdout.write(text)
        return
    try:
        with os.fdopen(
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w", encoding="utf-8", newline=""
        ) as out:
            out.write(text)
    except OSError as error:
        raise UsersError(f"{file} cannot be written ({error.strerror}); check its directory and space") from error


def _tell_daemon(socket: Path) -> None:
    """A daemon that runs reads the store anew; one that does not run reads it when it starts."""
    if not socket.exists():
        return
    from firmware.app.control.client import control

    if control(socket, "users-reload", ()) != 0:
        print("the running daemon was not told; run: portero ctl users-reload", file=sys.stderr)
