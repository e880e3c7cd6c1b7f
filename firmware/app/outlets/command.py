"""`portero logins`: who may use the web page and the API. The daemon sees a change by itself."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from firmware.errors import LoginError, PorteroError
from firmware.outlets.logins import NAME, Login, May, new_token, password_proof, read, write

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

RIGHTS = tuple(right.value for right in May)


def add_logins_command(commands: Subparsers) -> argparse.ArgumentParser:
    """Add `logins` to the command line; returns its parser for further options."""
    parser = commands.add_parser("logins", help="who may use the web page and the HTTP API")
    parser.add_argument("action", choices=("list", "password", "token", "remove"))
    parser.add_argument("name", nargs="?", metavar="NAME")
    parser.add_argument("--may", nargs="+", choices=RIGHTS, metavar="RIGHT", help=f"one or more of: {', '.join(RIGHTS)} (default: see)")
    parser.add_argument("--print", action="store_true", dest="shown", help="print the proof for a [[login]] instead of keeping it")
    parser.set_defaults(command=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """The command; returns the exit code."""
    from firmware.config.load import load

    try:
        path = Path(load(options.config, outside_service=True).web.logins)
        print(_done(path, options))
    except PorteroError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _done(path: Path, options: argparse.Namespace) -> str:
    """Carry out the action; what is to be said of it. Raises LoginError."""
    logins = read(path) if path.exists() else {}
    name: str = options.name or ""
    if options.action == "list":
        return "\n".join(_shown(each) for each in logins.values()) or "there is no login: nobody may come in"
    if not NAME.fullmatch(name):
        raise LoginError("give a name of 1 to 32 letters, digits, '-', '_' or '.'")
    if options.action == "remove":
        if name not in logins:
            raise LoginError(f"there is no login {name!r}; see: portero logins list")
        write(path, {other: login for other, login in logins.items() if other != name})
        return f"{name} was removed"
    proof, said = _proof(name, options.action)
    if options.shown:
        return f'proof = "{proof}"' + (f"\n{said}" if options.action == "token" else "")
    before = logins.get(name)
    may = frozenset(map(May, options.may)) if options.may else before.may if before is not None else frozenset({May.SEE})
    write(path, logins | {name: Login(name=name, proof=proof, may=may)})
    return f"{said}\n{_shown(Login(name, proof, may))}"


def _proof(name: str, action: str) -> tuple[str, str]:
    if action == "token":
        token, proof = new_token()
        return proof, f"the token of {name}, shown this once: {token}"
    password = getpass.getpass(f"password of {name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if sys.stdin.isatty() and getpass.getpass("once more: ") != password:
        raise LoginError("the two are not alike; nothing was changed")
    return password_proof(password), f"the password of {name} was set"


def _shown(login: Login) -> str:
    rights = ", ".join(sorted(right.value for right in login.may))
    return f"{login.name}: {'token' if login.is_token else 'password'}, may {rights}"
