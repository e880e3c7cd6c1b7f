"""`portero users`: list, add, change, remove, import and export users, beside a running daemon or without one."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from firmware.app.users import form
from firmware.app.users.editing import SECRET_KEYS, TEXT_KEYS, change, check, zone_of
from firmware.app.users.person import UserProblems
from firmware.app.users.store import UserStore
from firmware.config.schema import Settings
from firmware.errors import PorteroError, UsersError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

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
            changes = form.from_csv(_read(file), store.sealer, lambda person, digits: check(person, digits, settings), zone_of(settings))
            store.apply(changes, replace=options.replace)
            return f"{_users(len(changes))} imported"
        case ("add" | "set") as action, [name, *values]:
            store.apply([change(store, settings, name, values, new=action == "add", digits=_digits)])
            return f"{name} was {'added' if action == 'add' else 'changed'}"
        case "remove", [_, *_]:
            missing = [name for name in words if store.named(name) is None]
            if missing:
                raise UsersError(f"there is no user {missing[0]!r}; see: portero users list")
            return f"{_users(store.remove(words))} removed"
        case action, _:
            raise UsersError(f"{action} needs other words; see: portero users --help")


def _digits(typed: str, question: str) -> str:
    """What was typed, or for ASK what is typed now and stands in no history of the shell."""
    return getpass.getpass(f"{question}: ") if typed == ASK else typed


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


def _users(count: int) -> str:
    return "one user was" if count == 1 else f"{count} users were"
