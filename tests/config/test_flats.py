"""Flats in the configuration and in their file: what loads, and how each mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.config.flats import FILE_BYTES_MAX, FLATS_MAX, WRONG_ROWS_MAX
from firmware.config.load import load
from firmware.config.problems import ConfigErrors
from firmware.config.schema import Flat, Settings

HOUSE = """\
[[target]]
name = "anna"
uri = "sip:anna@pbx.example"
[[account]]
name = "pbx"
uri = "sip:door@pbx.example"
[[step]]
plan = "office"
targets = ["anna"]
[[lock]]
name = "door"
gpio = 27
[[keypad]]
name = "pad"
gpio_rows = [12, 16, 20, 21]
gpio_columns = [13, 19, 26]
lock = "door"
"""
DIALS = '[flats]\nkeypads = ["pad"]\nfile = "flats.csv"\n'
FLAT = '[[flat]]\nnumber = "12"\ntargets = ["anna"]\n'


def loaded(folder: Path, text: str, rows: str | bytes | None = None) -> Settings:
    """The house with this text, and beside it the file of flats with these rows."""
    file = folder / "portero.toml"
    file.write_text(HOUSE + text, encoding="utf-8")
    if rows is not None:
        (folder / "flats.csv").write_bytes(rows if isinstance(rows, bytes) else rows.encode())
    return load(file)


def mistakes(folder: Path, text: str, rows: str | bytes | None = None) -> list[str]:
    with pytest.raises(ConfigErrors) as raised:
        loaded(folder, text, rows)
    return [str(problem) for problem in raised.value.problems]


def test_a_flat_rings_targets_addresses_or_a_plan(tmp_path: Path) -> None:
    text = '[[flat]]\nnumber = "1A"\nname = "Büro"\nplan = "office"\n[[flat]]\nnumber = "007"\ntargets = ["anna", "sip:7@pbx.example"]\n'
    settings = loaded(tmp_path, DIALS + text + 'account = "pbx"\nlocks = ["door"]\n')
    assert settings.flat == (
        Flat(number="1A", name="Büro", plan="office"),
        Flat(number="007", targets=("anna", "sip:7@pbx.example"), account="pbx", locks=("door",)),
    )
    assert settings.warnings == (), "a plan that a flat uses is used, and a panel without buttons rings"


def test_the_flats_of_the_file_come_after_those_of_the_configuration(tmp_path: Path) -> None:
    rows = "number;name;targets;account\r\n13;Müller;sip:13@pbx.example anna;pbx\r\n'007;;anna;\r\n"
    assert loaded(tmp_path, DIALS + FLAT, "\ufeff" + rows).flat == (
        Flat(number="12", targets=("anna",)),
        Flat(number="13", name="Müller", targets=("sip:13@pbx.example", "anna"), account="pbx"),
        Flat(number="007", targets=("anna",)),
    )


def test_a_file_that_is_not_there_has_no_flats_and_one_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    text = DIALS + FLAT.replace('targets = ["anna"]', 'plan = "office"')
    assert loaded(tmp_path, text).warnings == ()
    (tmp_path / "flats.csv").mkdir()
    (warning,) = loaded(tmp_path, text).warnings
    assert warning.startswith(f"flats.file: {tmp_path}/flats.csv cannot be read (Is a directory)")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (FLAT, "keypads: nobody can dial these flats"),
        (DIALS.replace('"pad"', '"pat"') + FLAT, 'line 19, flats.keypads[1]: there is no keypad "pat"; perhaps pad is meant'),
        (DIALS + FLAT.replace('"12"', '"12b"'), "line 22, flat[1].number: '12b' is not usable here"),
        (DIALS + FLAT.replace('"12"', '"123456789"'), "line 22, flat[1].number: '123456789' is not usable here"),
        (DIALS + FLAT + 'name = "a\\nb"\n', "line 24, flat[a"),
        (DIALS + FLAT + FLAT, "line 25, flat[2].number: the number 12 is used already; give another"),
        (DIALS + '[[flat]]\nnumber = "12"\n', "line 21, flat[1].targets: nobody is rung; name at least one target, or a SIP address"),
        (DIALS + FLAT.replace("anna", "ana"), 'line 23, flat[1].targets: there is no target "ana"; perhaps anna is meant'),
        (DIALS + FLAT.replace("anna", "sip:12"), 'line 23, flat[1].targets: "sip:12" is a number without a server'),
        (DIALS + FLAT.replace('"anna"', '"anna", "anna"'), "line 23, flat[1].targets: a target stands twice"),
        (DIALS + FLAT + 'plan = "office"\n', "line 24, flat[1].plan: the flat has targets as well"),
        (DIALS + '[[flat]]\nnumber = "12"\nplan = "ofice"\n', 'line 23, flat[1].plan: there is no plan "ofice"; perhaps office is meant'),
        (DIALS + FLAT + 'account = "pbc"\n', 'line 24, flat[1].account: there is no account "pbc"; perhaps pbx is meant'),
        (DIALS + FLAT + 'locks = ["dor"]\n', 'line 24, flat[1].locks: there is no lock "dor"; perhaps door is meant'),
        (DIALS + FLAT + '[[button]]\nname = "pad"\ntargets = ["anna"]\n', 'flats.keypads[1]: "pad" is a button as well'),
        (DIALS + 'call_key = "A"\n' + FLAT, "line 13, keypad[pad].keys: there is no A, which calls"),
        (DIALS + 'dial_after_s = "never"\ncall_key = "E"\n' + FLAT, 'flats.call_key: "E" is not known here'),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, text: str, wrong: str) -> None:
    assert any(wrong in mistake for mistake in mistakes(tmp_path, text)), mistakes(tmp_path, text)


def test_where_the_hash_calls_a_keypad_needs_the_star_for_pins(tmp_path: Path) -> None:
    file = tmp_path / "portero.toml"
    file.write_text(HOUSE.replace('lock = "door"\n', 'lock = "door"\nkeys = ["123", "456", "789", "A0#"]\n') + DIALS + FLAT)
    with pytest.raises(ConfigErrors, match=r"keypad\[pad\]\.keys: there is no \*, which begins a PIN where # calls"):
        load(file)


def test_a_letter_that_calls_is_in_no_number_and_no_pause_dials_beside_it(tmp_path: Path) -> None:
    house = HOUSE.replace("gpio_columns = [13, 19, 26]", 'gpio_columns = [13, 19, 26, 5]\nkeys = ["123A", "456B", "789C", "*0#D"]')
    file = tmp_path / "portero.toml"
    file.write_text(house + DIALS + 'call_key = "A"\n' + FLAT)
    assert load(file).flats.call_key == "A"
    file.write_text(house + DIALS + 'call_key = "A"\ndial_after_s = 3\n' + FLAT.replace("12", "12A"))
    with pytest.raises(ConfigErrors) as raised:
        load(file)
    assert [problem.wrong for problem in raised.value.problems] == [
        "before A or # it may be a PIN that somebody types slowly",
        "A is the key that calls",
    ]


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ("name,targets\nWeber,anna\n", "line 1 of flats.csv: the first line must name the columns, each once, number among them"),
        (
            "number,uri\n1,sip:a@b\n",
            "line 1 of flats.csv: there is no column 'uri'; known are: number, name, targets, plan, account, locks",
        ),
        ("number,targets\n13,ana\n", 'line 2 of flats.csv: targets: there is no target "ana"; perhaps anna is meant'),
        ("number,targets\n1 3,anna\n", "line 2 of flats.csv: '1 3' is not usable here"),
        ("number,targets\n12,anna\n", "line 2 of flats.csv: the number 12 is used already, in the configuration"),
        ("number,targets\n13,anna\n13,anna\n", "line 3 of flats.csv: the number 13 is used already, in line 2"),
        ('number,name,targets\n13,"a\nb",anna\n', "line 2 of flats.csv: 'a\\nb' is not usable here"),
        ("number,targets\n13\n", "line 2 of flats.csv: targets: nobody is rung"),
        ("number,targets\n13,anna,x\n", "line 2 of flats.csv: 3 cells under 2 columns"),
        ('number,targets\n13,"anna\n', "this is not CSV"),
        (b"number,targets\n13,ann\xe4\n", "line 2 of flats.csv: this is not UTF-8 text"),
        (b"number\n" + b"1" * FILE_BYTES_MAX, f"flats.csv: the file is larger than {FILE_BYTES_MAX} bytes"),
    ],
)
def test_each_mistake_in_the_file_is_named_by_its_line(tmp_path: Path, rows: str | bytes, wrong: str) -> None:
    (found,) = mistakes(tmp_path, DIALS + FLAT, rows)
    assert found.startswith("line 20, flats.file, ")
    assert wrong in found


def test_a_file_of_another_kind_does_not_flood_the_terminal(tmp_path: Path) -> None:
    rows = "number,targets\n" + "".join(f"{number},nobody\n" for number in range(1000, 2000))
    assert len(mistakes(tmp_path, DIALS + FLAT, rows)) == WRONG_ROWS_MAX


def test_a_block_of_ten_thousand_flats_is_taken_and_one_more_is_not(tmp_path: Path) -> None:
    rows = "number,targets\n" + "".join(f"'{number:05},anna\n" for number in range(FLATS_MAX))
    assert len(loaded(tmp_path, DIALS, rows).flat) == FLATS_MAX
    (found,) = mistakes(tmp_path, DIALS, rows + "99999,anna\n")
    assert f"there are more than {FLATS_MAX} flats" in found
