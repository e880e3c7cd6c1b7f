"""What is asked of whoever sets a door up, and what an answer must be."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from typing import NamedTuple

from firmware.config.checks import HOST_PATTERN, Complaint, is_gpio, is_name, is_uri
from firmware.config.codes import weakness
from firmware.config.references import NUMBER_AS_HOST, TARGETS_MAX
from firmware.errors import ConfigError

SERVER = re.compile(rf"{HOST_PATTERN}(?::\d{{1,5}})?")
USER = re.compile(r"[A-Za-z0-9._~!*'()&=+$,/%-]+")  # of a URI (RFC 3261 §25.1)
NAME_MAX = 64  # characters
NONE = "none"
CODE_DIGITS = 6  # of a code that is made here


class Phone(NamedTuple):
    """A phone that rings: its name in the configuration, and its address."""

    name: str
    uri: str


class Answers(NamedTuple):
    """Everything. `server` '': phones are called directly; `sound` '': the machine's first card; None: no such wire; '': no such secret."""

    name: str
    server: str
    user: str
    password: str
    phones: tuple[Phone, ...]
    sound: str
    button_gpio: int | None
    relay_gpio: int | None
    relay_active_low: bool
    code: str


def read_name(text: str) -> str:
    """The station's name. Raises ConfigError, as all of these do."""
    if not text.strip() or not text.isprintable() or len(text) > NAME_MAX:
        raise ConfigError(f"write up to {NAME_MAX} characters in one line")
    return text.strip()


def read_server(text: str) -> str:
    """A server's name or address; '' for none."""
    server = text.strip().removeprefix("sip:")
    if server and not SERVER.fullmatch(server):
        raise ConfigError("write its name or address, such as 192.168.1.2 or fritz.box")
    return server


def read_user(text: str) -> str:
    """Who the door is at the server."""
    if not USER.fullmatch(text.strip()):
        raise ConfigError("write the user name or extension that the server has for the door, such as 620")
    return text.strip()


def read_secret(text: str) -> str:
    """A password; '' for none."""
    if text and not text.isprintable():
        raise ConfigError("a password is one line of text")
    return text


def read_phones(text: str, server: str) -> tuple[Phone, ...]:
    """Numbers at the server, or addresses, separated by blanks or commas."""
    uris = list(dict.fromkeys(_uri(word, server) for word in re.split(r"[\s,]+", text.strip()) if word))
    if not uris:
        raise ConfigError("name at least one phone")
    if len(uris) > TARGETS_MAX:
        raise ConfigError(f"{len(uris)} phones ring at once; keep to {TARGETS_MAX}")
    return tuple(_named(uris))


def _uri(word: str, server: str) -> str:
    if word.lower().startswith(("sip:", "sips:")):
        uri = word
    elif server and "@" not in word:
        uri = f"sip:{word}@{server}"
    else:
        uri = f"sip:{word}"
    complaint = is_uri(uri)
    if NUMBER_AS_HOST.fullmatch(uri):
        complaint = f"{word} is a number, and there is no server", f"write its address, such as sip:{word}@192.168.1.20"
    _refuse(complaint)
    return uri


def _named(uris: Iterable[str]) -> Iterable[Phone]:
    """Each with a name of its own: its user, else its host, as far as the configuration takes it."""
    used: set[str] = set()
    for uri in uris:
        bare = uri.partition(":")[2].partition("@")[0]
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", bare).strip("-_.")[:24] or "phone"
        while name in used:
            name += "x"
        used.add(name)
        _refuse(is_name(name))
        yield Phone(name=name, uri=uri)


def read_gpio(text: str) -> int | None:
    """A number of the chip's; None for "none"."""
    word = text.strip().lower().removeprefix("gpio")
    if word == NONE:
        return None
    if not re.fullmatch(r"\d{1,2}", word) or is_gpio(int(word)) is not None:
        raise ConfigError('write the number of the chip, 0 to 27 (17 for GPIO17), or "none"')
    return int(word)


def read_other_gpio(text: str, taken: int | None) -> int | None:
    """The same, at another pin than the one that is `taken`."""
    gpio = read_gpio(text)
    if gpio is not None and gpio == taken:
        raise ConfigError(f"GPIO{gpio} is taken already; every wire has a pin of its own")
    return gpio


def read_yes_no(text: str) -> bool:
    """Yes or no."""
    word = text.strip().lower()
    if word not in ("y", "yes", "n", "no"):
        raise ConfigError("write yes or no")
    return word in ("y", "yes")


def read_code(text: str) -> str:
    """Digits that open; '' for "none"."""
    word = text.strip()
    if word.lower() == NONE:
        return ""
    _refuse(weakness(word))
    return word


def new_code() -> str:
    """One that nobody has chosen."""
    while True:
        code = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
        if weakness(code) is None:
            return code


def _refuse(complaint: Complaint | None) -> None:
    if complaint is not None:
        raise ConfigError("; ".join(complaint))
