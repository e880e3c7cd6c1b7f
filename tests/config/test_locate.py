from __future__ import annotations

import tomllib

import pytest

from firmware.config.locate import lines_of
from firmware.config.path import Path

TEXT = '''# a comment with [brackets] = and "quotes"
[station]
name = "a # b ] ["   # not a key = 1

[network]
rtp_ports = [
  10000, # ] first
  10099,
]
bind = """
[not a table]
not = "a key"
"""
after = \'\'\'
also = not
\'\'\'
"quoted key" = 1
inline = { a = 1, b = [1, 2] }

[[account]]
name = "one"
  [account.extra]
  deep = 1
[[account]]
name = 'two \\'
a.b = 2
[ spaced . name ]
x=1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("station",), 2),
        (("station", "name"), 3),
        (("network", "rtp_ports"), 6),
        (("network", "bind"), 10),
        (("network", "after"), 14),
        (("network", "quoted key"), 17),
        (("network", "inline"), 18),
        (("account",), 20),
        (("account", 0), 20),
        (("account", 0, "name"), 21),
        (("account", 0, "extra", "deep"), 23),
        (("account", 1), 24),
        (("account", 1, "name"), 25),
        (("account", 1, "a", "b"), 26),
        (("spaced", "name", "x"), 28),
    ],
)
def test_each_key_is_found_on_its_line(path: Path, line: int) -> None:
    assert lines_of(TEXT)[path] == line


def test_nothing_is_found_inside_strings_lists_and_comments() -> None:
    tomllib.loads(TEXT)
    assert {path[-1] for path in lines_of(TEXT)} == {
        "station", "name", "network", "rtp_ports", "bind", "after", "quoted key", "inline", "account", 0, 1, "extra", "deep", "b", "x",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "\n", "a = 1", "# only a comment", '[a]\r\nb = "c"\r\n', 'a = """"quoted"""" # x\nb = 1'])
def test_short_texts_end(text: str) -> None:
    tomllib.loads(text)
    found = lines_of(text)
    assert (("a", "b") in found) == ("[a]" in text)
    assert found.get(("b",)) == (2 if text.endswith("b = 1") else None)
