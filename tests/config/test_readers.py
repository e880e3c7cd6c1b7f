"""Readers and keypads in the configuration: what loads, and how each mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.config.load import load
from firmware.config.problems import ConfigErrors
from firmware.config.schema import Keypad, Reader, Settings, Wiegand

HOUSE = """\
[[button]]
name = "bell"
targets = ["sip:anna@pbx.example"]
[[lock]]
name = "door"
gpio = 27
"""
READER = '[[reader]]\nname = "wall"\nport = "/dev/serial0"\nlock = "door"\n'
WIEGAND = '[[wiegand]]\nname = "gate"\ngpio_d0 = 5\ngpio_d1 = 6\nlock = "door"\n'
KEYPAD = '[[keypad]]\nname = "pad"\ngpio_rows = [12, 16, 20, 21]\ngpio_columns = [13, 19, 26]\nlock = "door"\n'


def loaded(directory: Path, text: str) -> Settings:
    file = directory / "portero.toml"
    file.write_text(HOUSE + text, encoding="utf-8")
    file.chmod(0o600)
    return load(file)


def test_each_kind_needs_only_its_wires_and_its_lock(tmp_path: Path) -> None:
    settings = loaded(tmp_path, READER + WIEGAND + KEYPAD)
    assert settings.reader == (Reader(name="wall", port="/dev/serial0", lock="door", kind="rdm6300", baud=None, held_after_ms=4000),)
    assert settings.wiegand == (Wiegand(name="gate", gpio_d0=5, gpio_d1=6, lock="door"),)
    assert settings.keypad == (Keypad(name="pad", gpio_rows=(12, 16, 20, 21), gpio_columns=(13, 19, 26), lock="door"),)


def test_a_keypad_of_any_shape_is_taken_when_its_keys_fit(tmp_path: Path) -> None:
    wide = '[[keypad]]\nname = "pad"\ngpio_rows = [12]\ngpio_columns = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\nlock = "door"\n'
    assert loaded(tmp_path, wide + 'keys = ["0123456789#"]\n').keypad[0].keys == ("0123456789#",)


@pytest.mark.parametrize("kind", ["rdm6300", "pn532", "wiegand_bridge", "keypad"])
def test_every_kind_of_serial_reader_is_known(tmp_path: Path, kind: str) -> None:
    assert loaded(tmp_path, READER + f'kind = "{kind}"\nheld_after_ms = "never"\n').reader[0][3:] == (kind, None, 1500, "never")


@pytest.mark.parametrize(
    ("text", "key", "wrong"),
    [
        (READER + 'kind = "rfid"\n', "reader[wall].kind", '"rfid" is not known here'),
        (READER + "held_after_ms = 100\n", "reader[wall].held_after_ms", "100 is out of range"),
        (READER + 'held_after_ms = "always"\n', "reader[wall].held_after_ms", '"always" is not known here'),
        (READER.replace('"door"', '"gate"'), "reader[wall].lock", 'there is no lock "gate"'),
        (WIEGAND.replace('"door"', '"gate"'), "wiegand[gate].lock", 'there is no lock "gate"'),
        (KEYPAD.replace('"door"', '"gate"'), "keypad[pad].lock", 'there is no lock "gate"'),
        (READER + READER.replace("wall", "other"), "reader[other].port", "this port is used already, in reader[wall].port on line 9"),
        (READER + KEYPAD.replace('"pad"', '"wall"'), "keypad[wall].name", "this name is used already, in reader[wall].name on line 8"),
        (WIEGAND + WIEGAND.replace("= 5", "= 7").replace("= 6", "= 8"), "wiegand[gate].name", "this name is used already"),
        (WIEGAND.replace("= 6", "= 5"), "wiegand[gate].gpio_d1", "this GPIO is used already, in wiegand[gate].gpio_d0 on line 9"),
        (WIEGAND.replace("= 5", "= 27"), "wiegand[gate].gpio_d0", "this GPIO is used already, in lock[door].gpio on line 6"),
        (KEYPAD.replace("[13", "[12"), "keypad[pad].gpio_columns[1]", "this GPIO is used already"),
        (WIEGAND + KEYPAD.replace("[12", "[5"), "keypad[pad].gpio_rows[1]", "this GPIO is used already, in wiegand[gate].gpio_d0"),
        (KEYPAD.replace("26]", "28]"), "keypad[pad].gpio_columns[3]", "28 is out of range"),
        (KEYPAD.replace(", 21]", "]"), "keypad[pad].keys", "they do not fit 3 rows and 3 columns"),
        (KEYPAD.replace(", 26]", "]"), "keypad[pad].keys", "they do not fit 4 rows and 2 columns"),
        (KEYPAD + 'keys = ["123", "456", "789", "E0#"]\n', "keypad[pad].keys", '"E" is no key'),
        (KEYPAD + 'keys = ["123", "456", "788", "*0#"]\n', "keypad[pad].keys", "a key stands twice"),
        (KEYPAD + 'keys = ["123", "456", "789", "*0A"]\n', "keypad[pad].keys", "there is no #"),
    ],
)
def test_a_mistake_is_named_with_its_key(tmp_path: Path, text: str, key: str, wrong: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        loaded(tmp_path, text)
    (problem,) = caught.value.problems
    assert problem.key == key
    assert problem.wrong.startswith(wrong)
