"""Secrets leave the file on the boot partition, which anybody who holds the card can read, and stay on the data partition.

In their place stands a sentence. Whoever edits the file later leaves it there to keep a secret, or writes a new one over it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from typing import NamedTuple, get_args

from firmware.config.locate import lines_of, without_comments
from firmware.config.path import Path
from firmware.config.schema import Settings
from firmware.config.secrets import Secret
from firmware.errors import PorteroError

PLACEHOLDER = "moved to the device; write a new one here to change it"
CONCEALED = "concealed"
NAMED_MAX = 8  # keys in one complaint
_VALUE = re.compile(r"""(=\s*)("(?:\\.|[^"\\])*"|'[^']*')""")


class Moved(NamedTuple):
    """`device`: the text with all secrets. `left`: the same without. `unknown`: keys whose secret is not on the device (any more)."""

    device: str
    left: str
    unknown: tuple[str, ...]


def move(given: str, kept: str) -> Moved:
    """Tell the text `given` apart; `kept` is the device's present text.

    Raises tomllib.TOMLDecodeError when `given` is no TOML, and PorteroError for a secret that is written in a way in which it would stay.
    """
    _refuse_stuck(given, is_secret)
    device, left = _lines(given), _lines(given)
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


def _lines(text: str) -> list[str]:
    """The lines as TOML counts them: `str.splitlines` knows other ends as well, which may stand in a name."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _replaced(line: str, value: str) -> str:
    return _VALUE.sub(lambda match: match[1] + value, line, count=1)


def concealed(text: str) -> str:
    """`text` for the eyes of others, line by line: without secrets, comments, and texts of keys that the schema does not know, since a
    misspelt `passwort` has one as well. Raises as `move`.
    """
    _refuse_stuck(text, is_secret_or_unknown)
    lines = _lines(without_comments(text))
    for _, line, value in _places(text, is_secret_or_unknown):
        shown = PLACEHOLDER if tomllib.loads(f"x = {value}")["x"] == PLACEHOLDER else CONCEALED
        lines[line - 1] = _replaced(lines[line - 1], f'"{shown}"')
    return "".join(lines)


def stated(text: str) -> list[str]:
    """Every secret that stands in the text, however it is written. Raises tomllib.TOMLDecodeError."""
    return [secret for _, secret in _stated(tomllib.loads(text), is_secret) if secret != PLACEHOLDER]


def without_lost(text: str) -> str:
    """`text` without what needs a secret that is nowhere any more, line by line, so that what is said of it still names its lines.

    Where the schema can do without the secret its key goes, else its whole table. Wi-Fi goes as well: who lost the password of a network
    does not join an open one of the same name.
    """
    lines = _lines(text)
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


def _places(text: str, wanted: Callable[[Path], bool] | None = None) -> Iterator[tuple[Path, int, str]]:
    """The same, told by where it stands; `wanted` tells what is a secret."""
    wanted = wanted or is_secret
    lines = _lines(text)
    for path, line in lines_of(text).items():
        value = _VALUE.search(lines[line - 1]) if len(path) > 1 and wanted(path) else None
        if value is not None:
            yield path, line, value[2]


def _stated(tree: dict[str, object], wanted: Callable[[Path], bool]) -> Iterator[tuple[Path, str]]:
    """The same by TOML's own word, which knows every way to write a text: its place and what it says."""
    todo: list[tuple[Path, object]] = [((), tree)]
    while todo:
        path, value = todo.pop()
        if isinstance(value, dict):
            todo += (((*path, key), each) for key, each in value.items())
        elif isinstance(value, list):
            todo += (((*path, number), each) for number, each in enumerate(value))
        elif isinstance(value, str) and len(path) > 1 and wanted(path):
            yield path, value


def _refuse_stuck(text: str, wanted: Callable[[Path], bool]) -> None:
    """Lines are what is changed, so a secret must be the text of its line: a table in braces or a text of several lines would keep it."""
    placed = {path: tomllib.loads(f"x = {value}")["x"] for path, _, value in _places(text, wanted)}
    stuck = [path for path, secret in _stated(tomllib.loads(text), wanted) if placed.get(path) != secret]
    if stuck:
        names = ", ".join(sorted(".".join(map(str, path)) for path in stuck)[:NAMED_MAX])
        raise PorteroError(f'{names}: a secret cannot leave the file as it is written; give it a line of its own: {stuck[0][-1]} = "…"')


def is_secret(path: Path) -> bool:
    """Whether the schema says that a secret stands there."""
    kind = _kind(path)
    return kind is Secret or Secret in get_args(kind)


def is_secret_or_unknown(path: Path) -> bool:
    """Whether a secret stands there, or something of which the schema knows nothing."""
    return is_secret(path) or _kind(path) is None


def _kind(path: Path) -> object:
    """The type of a key, of a list's entries that of the list; None for what the schema does not know."""
    kind: object = Settings
    for part in path:
        if isinstance(part, str):
            kind = _keys(kind).get(part)
    return kind


def _keys(kind: object) -> dict[str, object]:
    """The keys of a table and their types; `kind` may be a list of tables, or a table that may be left out."""
    own: dict[str, object] = getattr(kind, "__annotations__", {})
    return own or next((keys for each in get_args(kind) if (keys := _keys(each))), {})


def _identity(tree: dict[str, object], path: Path) -> Path:
    """The path, with a table's name in place of its number: tables may change their order."""
    tables = tree[str(path[0])]
    if len(path) != 3 or not isinstance(path[1], int) or not isinstance(tables, list):
        return path
    return (path[0], str(tables[path[1]].get("name", path[1])), path[2])
