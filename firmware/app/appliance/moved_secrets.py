"""Secrets leave the file on the boot partition, which anybody who holds the card can read, and stay on the data partition.

In their place stands a sentence. Whoever edits the file later leaves it there to keep a secret, or writes a new one over it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import NamedTuple, get_args

from firmware.config.locate import lines_of
from firmware.config.problems import Path
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


def _secrets(text: str) -> Iterator[tuple[Path, int, str]]:
    """Each secret that stands in the text: whose it is (by name where tables have one), its line, its value as written."""
    tree = tomllib.loads(text)
    lines = text.splitlines()
    for path, line in lines_of(text).items():
        if len(path) < 2 or not is_secret(path):
            continue
        value = _VALUE.search(lines[line - 1])
        if value is not None:
            yield _identity(tree, path), line, value[2]


def is_secret(path: Path) -> bool:
    """Whether the schema says that a secret stands there."""
    section = Settings.__annotations__.get(str(path[0]))
    kind = (*get_args(section), section)[0]
    key = getattr(kind, "__annotations__", {}).get(path[-1])
    return key is Secret or Secret in get_args(key)


def _identity(tree: dict[str, object], path: Path) -> Path:
    """The path, with a table's name in place of its number: tables may change their order."""
    tables = tree[str(path[0])]
    if len(path) != 3 or not isinstance(path[1], int) or not isinstance(tables, list):
        return path
    return (path[0], str(tables[path[1]].get("name", path[1])), path[2])
