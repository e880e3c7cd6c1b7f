"""On which line of a TOML text each table and key stands, which `tomllib` does not tell.

Works on texts that `tomllib` has accepted (TOML 1.0.0), so it needs to tell only strings, brackets and comments apart.
"""

from __future__ import annotations

import re

from firmware.config.path import Path

_BARE_OR_QUOTED = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_DOTTED = rf"{_BARE_OR_QUOTED}(?:[ \t]*\.[ \t]*{_BARE_OR_QUOTED})*"
_ARRAY_TABLE = re.compile(rf"[ \t]*\[\[[ \t]*({_DOTTED})[ \t]*\]\]")
_TABLE = re.compile(rf"[ \t]*\[[ \t]*({_DOTTED})[ \t]*\]")
_KEY = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
_PART = re.compile(_BARE_OR_QUOTED)
# One token of a value: strings of all four kinds, a comment, a bracket, the end of a line, or anything else.
_TOKEN = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|[\[{]|[\]}]|\n|[^"'#\[\]{}\n]+''',
    re.DOTALL,
)


def lines_of(text: str) -> dict[Path, int]:
    """The line, counted from 1, of every table and key in `text`."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    position, line = 0, 1
    while position < len(text):
        if header := _ARRAY_TABLE.match(text, position):
            table = _resolved(_parts(header[1]), counts)
            index = counts.get(table, 0)
            counts[table] = index + 1
            found.setdefault(table, line)
            table = (*table, index)
            found[table] = line
        elif header := _TABLE.match(text, position):
            table = _resolved(_parts(header[1]), counts)
            found[table] = line
        elif header := _KEY.match(text, position):
            found[(*table, *_parts(header[1]))] = line
        end = _logical_line_end(text, header.end() if header else position)
        line += text.count("\n", position, end)
        position = end
    return found


def without_comments(text: str) -> str:
    """The same text, line by line, with nothing behind the sign of a comment: old passwords stand there."""
    return _TOKEN.sub(lambda token: "#" if token[0].startswith("#") else token[0], text)


def _logical_line_end(text: str, position: int) -> int:
    """Just behind the end of the line on which the value that begins at `position` ends."""
    depth = 0
    while token := _TOKEN.match(text, position):
        position = token.end()
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        elif token[0] == "\n" and depth <= 0:
            break
    return position


def _parts(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _resolved(path: Path, counts: dict[Path, int]) -> Path:
    """A header's path with the index of the newest element put behind each array of tables before its last part."""
    resolved: Path = ()
    for part in path[:-1]:
        resolved = (*resolved, part)
        if resolved in counts:
            resolved = (*resolved, counts[resolved] - 1)
    return (*resolved, path[-1])
