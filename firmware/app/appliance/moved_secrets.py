"""Secrets leave the file on the boot partition, which anybody who holds the card can read, and stay on the data partition.

In their place stands a sentence. Whoever edits the file later leaves it there to keep a secret, or writes a new one over it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import NamedTuple, get_args

from firmware.config.locate import lines_of
from firmware.config.path import Path
from firmware.config.schema import Settings
from firmware.config.secrets import Secret

PLACEHOLDER = "moved to the device; write a new one here to change it"
_VALUE = re.compile(r"""(=\s*)("(?:\\.|[^"\\])*"|'[^']*')""")


class Moved(NamedTuple):
    """`device`: the text with all secrets. `left`: the same without. `unknown`: keys whose secret is not on the device (any more)."""

    device: str
    left: str
    unknown: tuple[str, ...]


def move(given: str, kept: str) -> Moved:
    """Tell the text `given` apart; `kept` is the device's present text. Raises tomllib.TOMLDecodeError when `given` is no TOML."""
    device, left = given.splitlines(keepends=True), given.splitlines(keepends=True)
    known = {identity: value for identity, _, value in _secrets(kept)} if kept else {}
    unknown = []
    for identity, line, value in _secrets(given):
        if tomllib.loads(f"x = {value}")["x"] != PLACEHOLDER:
            left[line - 1] = _replaced(left[line - 1], f'"{PLACEHOLDER}"')
        elif identity in known:
            device[line - 1] = _replaced(device[line - 1], known[identity])
        else:
            unknown.append(".".join(str(part) for part in identity))
    return Moved("".join(device), "".join(left), tuple(unknown))


def _replaced(line: str, value: str) -> str:
    return _VALUE.sub(lambda match: match[1] + value, line, count=1)


def without_lost(text: str) -> str:
    """`text` without what needs a secret that is nowhere any more, line by line, so that what is said of it still names its lines.

    Where the schema can do without the secret its key goes, else its whole table. Wi-Fi goes as well: who lost the password of a network
    does not join an open one of the same name.
    """
    lines = text.splitlines(keepends=True)
    headers = [number for number, line in enumerate(lines) if line.lstrip().startswith("[")]
    for path, line, value in _places(text):
        if tomllib.loads(f"x = {value}")["x"] != PLACEHOLDER:
            continue
        begin, end = line - 1, line
        if _kind(path) is Secret or path[0] == "wifi":
            begin = max(number for number in headers if number < line)
            end = min((number for number in headers if number >= line), default=len(lines))
        lines[begin:end] = ["\n"] * (end - begin)
    return "".join(lines)


def _secrets(text: str) -> Iterator[tuple[Path, int, str]]:
    """Each secret that stands in the text: whose it is (by name where tables have one), its line, its value as written."""
    tree = tomllib.loads(text)
    for path, line, value in _places(text):
        yield _identity(tree, path), line, value


def _places(text: str) -> Iterator[tuple[Path, int, str]]:
    """The same, told by where it stands."""
    lines = text.splitlines()
    for path, line in lines_of(text).items():
        value = _VALUE.search(lines[line - 1]) if len(path) > 1 and is_secret(path) else None
        if value is not None:
            yield path, line, value[2]


def is_secret(path: Path) -> bool:
    """Whether the schema says that a secret stands there."""
    kind = _kind(path)
    return kind is Secret or Secret in get_args(kind)


def _kind(path: Path) -> object:
    """The type of a key."""
    section = Settings.__annotations__.get(str(path[0]))
    kind = (*get_args(section), section)[0]
    return getattr(kind, "__annotations__", {}).get(path[-1])


def _identity(tree: dict[str, object], path: Path) -> Path:
    """The path, with a table's name in place of its number: tables may change their order."""
    tables = tree[str(path[0])]
    if len(path) != 3 or not isinstance(path[1], int) or not isinstance(tables, list):
        return path
    return (path[0], str(tables[path[1]].get("name", path[1])), path[2])
