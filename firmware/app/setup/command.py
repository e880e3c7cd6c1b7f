"""`portero setup`: asks what was not given as an option, writes the configuration, checks it, and says what comes next."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from firmware.app.setup import answers as ask
from firmware.app.setup.answers import Answers
from firmware.app.setup.document import BEFORE, write
from firmware.config.secrets import read_secret
from firmware.errors import ConfigError, PorteroError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

T = TypeVar("T")
NEXT = """\
Next:
  {check}
  sudo systemctl enable --now portero     (restart, if it runs already)
  portero doctor                          says in plain words what works and what does not
"""


def add_setup_command(commands: Subparsers) -> argparse.ArgumentParser:
    """Add `setup` to the command line; returns its parser for further options."""
    setup = commands.add_parser("setup", help="the first configuration, from a few questions", description="Asks what no option answers.")
    setup.add_argument("--yes", action="store_true", help="ask nothing: what no option answers is as proposed")
    setup.add_argument("--force", action="store_true", help=f"replace a configuration that is there; it is kept as portero.toml{BEFORE}")
    setup.add_argument("--name", help="what phones show when it rings")
    setup.add_argument("--server", metavar="HOST", help='the SIP server; "none": phones are called directly')
    setup.add_argument("--user", help="who the door is at the server")
    setup.add_argument("--password-file", type=Path, metavar="FILE", help="a file with the password there, which is copied")
    setup.add_argument("--ring", action="append", metavar="NUMBER|ADDRESS", help="a phone that rings; may stand several times")
    setup.add_argument("--sound", metavar="CARD", help="a piece of the sound card's name, or an ALSA device")
    setup.add_argument("--button", metavar="GPIO", help='of the bell button; or "none"')
    setup.add_argument("--relay", metavar="GPIO", help='of the door opener; or "none"')
    setup.add_argument("--relay-active-low", action="store_const", const="yes", help="the relay closes when its pin is low")
    setup.add_argument("--code-file", type=Path, metavar="FILE", help="a file with the digits that open, which is copied")
    setup.set_defaults(command=run)
    return setup


def run(options: argparse.Namespace) -> int:
    """The command; returns the exit code."""
    config: Path = options.config
    try:
        if config.exists() and not options.force:
            raise ConfigError(f"{config} is there already; --force replaces it, and keeps it as {config.name}{BEFORE}")
        given = _answers(_Asker(silent=options.yes), options)
        warnings = write(config, given)
    except PorteroError as error:
        print(error, file=sys.stderr)
        return 1
    except (EOFError, KeyboardInterrupt):
        print("\nnothing was written", file=sys.stderr)
        return 1
    for warning in warnings:
        print(f"warning: {warning}")
    print(f"\n{config} is written and has no mistakes.")
    if given.code and not options.code_file:
        print(f"The code that opens the door from a phone: {given.code}")
    print(NEXT.format(check=f"portero check {config}"), end="")
    return 0


class _Asker:
    """Asks at the terminal until an answer is usable; `silent` takes what is proposed."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent

    def __call__(
        self, option: str | None, question: str, proposed: str | None, read: Callable[[str], T], prompt: Callable[[str], str] | None = None
    ) -> T:
        """What the option says, else the answer to the question. Raises ConfigError for an option that is not usable, or is missing."""
        if option is not None:
            return read(option)
        if self._silent:
            if proposed is None:
                raise ConfigError(f"there is no answer to: {question}; give the option, or leave --yes out")
            return read(proposed)
        shown = f"{question} [{proposed}]: " if proposed else f"{question}: "
        while True:
            try:
                return read((prompt or input)(shown) or (proposed or ""))
            except ConfigError as error:
                print(f"  {error}")


def _answers(asker: _Asker, options: argparse.Namespace) -> Answers:
    name = asker(options.name, "What phones show when it rings", "Front door", ask.read_name)
    server = (
        ""
        if options.server == ask.NONE
        else asker(options.server, "Name or address of the SIP server, empty without one", "", ask.read_server)
    )
    user = asker(options.user, "User or extension of the door there", None, ask.read_user) if server else ""
    password = _password(asker, options.password_file) if server else ""
    what = "Numbers that ring" if server else "Addresses of the phones that ring, such as sip:anna@192.168.1.20"
    ring = None if options.ring is None else " ".join(options.ring)
    phones = asker(ring, f"{what}, separated by blanks", None, lambda text: ask.read_phones(text, server))
    sound = _sound(asker, options.sound)
    button = asker(options.button, 'GPIO of the bell button, or "none"', "17", ask.read_gpio)
    relay = asker(options.relay, 'GPIO of the door opener\'s relay, or "none"', "27", lambda text: ask.read_other_gpio(text, button))
    low = asker(options.relay_active_low, "Does the relay close when its pin is low", "no", ask.read_yes_no) if relay is not None else False
    return Answers(
        name=name,
        server=server,
        user=user,
        password=password,
        phones=phones,
        sound=sound,
        button_gpio=button,
        relay_gpio=relay,
        relay_active_low=low,
        code=_code(asker, options.code_file) if relay is not None else "",
    )


def _password(asker: _Asker, file: Path | None) -> str:
    given = None if file is None else read_secret(file).reveal()
    return asker(given, "Its password there (it is not shown), empty without one", "", ask.read_secret, getpass.getpass)


def _code(asker: _Asker, file: Path | None) -> str:
    given = None if file is None else read_secret(file).reveal()
    return asker(given, 'Digits that open the door in a call, or "none"', ask.new_code(), ask.read_code)


def _sound(asker: _Asker, option: str | None) -> str:
    """A piece of the card's name, so that the order of cards does not matter."""
    found = _cards()
    if option is None and found:
        print("Sound cards: " + ", ".join(found))
    return asker(option, "Sound card, or a piece of its name", _proposed(found), str.strip)


def _proposed(found: Sequence[str]) -> str:
    """An intercom's sound mostly hangs at USB; else the first card with both halves is meant, as always, and may come later."""
    return next((card for card in found if "usb" in card.lower()), "default")


def _cards() -> list[str]:
    """The short names of the cards that are here; none where that cannot be told."""
    try:
        from hw.alsa import cards

        return [short for _, short, _ in cards()]
    except (ImportError, OSError):
        return []
