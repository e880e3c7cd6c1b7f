"""firmware/config/broken_toml.py: what people write instead of TOML, as the parser of this Python sees it."""

from __future__ import annotations

import tomllib

import pytest

from firmware.config.broken_toml import ANYTHING_ELSE, remedy_for


def remedy(text: str) -> str:
    """The remedy for the last line of a file that cannot be read."""
    with pytest.raises(tomllib.TOMLDecodeError) as raised:
        tomllib.loads(text + "\n")
    return remedy_for(text.splitlines()[-1], str(raised.value))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("name = “Front door”", 'write straight quotes: key = "…"'),
        ("enabled = True", "write: enabled = true"),
        ("enabled = yes  # of course", "write: enabled = true"),
        ("  echo = OFF", "write: echo = false"),
        ("pulse_s = 2,5", "write a point: pulse_s = 2.5"),
        ("code = 0042", 'digits that begin with 0 stand in quotes: code = "…"'),
        ("name: door", "write = instead of the colon"),
        ("name =", 'give name a value, or begin the line with # to leave it out: name = "value"'),
        ("name = # later", 'give name a value, or begin the line with # to leave it out: name = "value"'),
        ("name = Front door", 'texts stand in quotes: name = "…"'),
        ("uri = sip:611@fritz.box", 'texts stand in quotes: uri = "…"'),
        ("[station", "close the brackets: [section], or [[section]] for one of several"),
        ("[[lock]", "close the brackets: [section], or [[section]] for one of several"),
        ("gpio 17", "write: key = value"),
        ('password = "hunter2', "close the quote"),
        ('targets = ["anna" "bob"]', 'a comma stands between two values, and ] behind the last: key = ["one", "two"]'),
        ('targets = ["anna", "bob"', 'a comma stands between two values, and ] behind the last: key = ["one", "two"]'),
        ('[station]\nname = "a"\n[station]', "[station] stands twice: put all into one place"),
        ("[audio]\nrate_hz = 8000\nrate_hz = 16000", "this key stands twice: put all into one place"),
        ("gpio = @", ANYTHING_ELSE),
    ],
)
def test_what_people_write_has_its_remedy(line: str, expected: str) -> None:
    assert remedy(line) == expected


def test_a_secret_is_not_repeated() -> None:
    for line in ('password = "hunter2', "password = “hunter2”", "password = hunter2", "password = hunter2,5", "code = 0042"):
        assert "hunter2" not in remedy(line)
        assert "0042" not in remedy(line)
