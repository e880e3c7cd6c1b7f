"""Secrets leave the file on the card, and come back from the device when the file is edited."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from firmware.app.appliance.moved_secrets import PLACEHOLDER, concealed, is_secret, move, stated, without_lost
from firmware.errors import PorteroError

GIVEN = """\
# the door
[[account]]
name = "pbx"                # no secret
uri = "sip:door@192.168.1.2"
password = "s3cret \\"quoted\\"" # of the account
[[account]]
name = "backup"
uri = "sip:door@192.168.1.3"
password = 'another one'
[[code]]
name = "family"
code = "583216"
[wifi]
ssid = "house"
password = "house password"
"""
SECRETS = ('s3cret \\"quoted\\"', "another one", "583216", "house password")


def test_no_secret_is_left_and_none_is_lost() -> None:
    moved = move(GIVEN, "")
    assert moved.device == GIVEN
    assert [secret for secret in SECRETS if secret in moved.left] == []
    assert tomllib.loads(moved.left)["account"][1] == {"name": "backup", "uri": "sip:door@192.168.1.3", "password": PLACEHOLDER}
    assert moved.left.count("\n") == GIVEN.count("\n")
    assert "# of the account" in moved.left


def test_the_file_that_was_left_gives_the_same_device_again() -> None:
    left = move(GIVEN, "").left
    again = move(left, GIVEN)
    assert tomllib.loads(again.device) == tomllib.loads(GIVEN)
    assert (again.left, again.unknown) == (left, ())


def test_an_edited_file_keeps_the_secrets_by_name_wherever_their_table_went() -> None:
    left = move(GIVEN, "").left
    pbx, backup = left.index("[[account]]"), left.index("[[account]]", 20)
    code = left.index("[[code]]")
    swapped = left[:pbx] + left[backup:code] + left[pbx:backup] + left[code:].replace("house", "barn", 1)
    settings = tomllib.loads(move(swapped, GIVEN).device)
    assert {each["name"]: each["password"] for each in settings["account"]} == {"pbx": 's3cret "quoted"', "backup": "another one"}
    assert settings["wifi"] == {"ssid": "barn", "password": "house password"}


def test_a_new_secret_wins_and_leaves_as_well() -> None:
    left = move(GIVEN, "").left.replace(f'code = "{PLACEHOLDER}"', 'code = "907153"')
    moved = move(left, GIVEN)
    assert tomllib.loads(moved.device)["code"][0]["code"] == "907153"
    assert "907153" not in moved.left


def test_a_secret_that_the_device_does_not_have_is_named() -> None:
    left = move(GIVEN, "").left
    assert move(left, "").unknown == ("account.pbx.password", "account.backup.password", "code.family.code", "wifi.password")


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        (("account", 0, "password"), True),
        (("wifi", "password"), True),
        (("account", 0, "password_file"), False),
        (("account", 0, "name"), False),
        (("nonsense", "password"), False),
    ],
)
def test_the_schema_says_what_is_secret(path: tuple[str | int, ...], *, secret: bool) -> None:
    assert is_secret(path) is secret


def test_what_does_without_its_lost_secret_stays_and_the_rest_goes_line_by_line() -> None:
    left = move(GIVEN, "").left
    half = without_lost(left)
    assert tomllib.loads(half) == {
        "account": [{"name": "pbx", "uri": "sip:door@192.168.1.2"}, {"name": "backup", "uri": "sip:door@192.168.1.3"}]
    }
    assert half.splitlines().index('name = "backup"') == left.splitlines().index('name = "backup"')


def test_a_secret_that_is_known_is_not_lost() -> None:
    assert without_lost(GIVEN) == GIVEN


@pytest.mark.parametrize(
    "text",
    [
        'caller = [{name = "a", password = "hidden-one"}, {name = "b", password = "hidden-two"}]\n',
        'mqtt = {broker = "b", username = "u", password = "hidden"}\n',
        '[mqtt]\npassword = """\nhidden"""\n',
        '[mqtt]\npassword = """hidden"""\n',
        "[mqtt]\npassword = '''hidden'''\n",
        '[mqtt]\n"pass\\u0077ord" = "hidden"\n',
    ],
)
def test_a_secret_that_would_stay_is_refused_by_name(text: str) -> None:
    with pytest.raises(PorteroError, match=r"password: a secret cannot leave the file .* a line of its own"):
        move(text, "")
    assert all(secret.startswith("hidden") for secret in stated(text))


def test_a_line_is_what_toml_calls_one() -> None:
    text = GIVEN.replace("# the door", "# the door\u2028of the house\x85")
    moved = move(text, "")
    assert [secret for secret in SECRETS if secret in moved.left] == []
    assert moved.left.count("\n") == text.count("\n")


def test_others_see_no_comment_and_no_text_of_an_unknown_key() -> None:
    text = GIVEN + '# password = "an old one"\n[mqtt]\nbroker = "10.0.0.9" # was "#old"\npasswort = "misspelt"\nbogus = 1\n'
    shown = concealed(text)
    assert [each for each in (*SECRETS, "an old one", "#old", "misspelt") if each in shown] == []
    assert tomllib.loads(shown)["mqtt"] == {"broker": "10.0.0.9", "passwort": "concealed", "bogus": 1}
    assert shown.count("\n") == text.count("\n")


def test_others_see_nothing_of_a_file_whose_unknown_texts_would_stay() -> None:
    with pytest.raises(PorteroError, match=r"moqtt.password: a secret cannot leave"):
        concealed('moqtt = {password = "hidden"}\n')


def test_others_see_the_texts_of_a_list() -> None:
    """A list of names is none of unknown ones: found where the bundle of a plain door could not be had."""
    text = '[[button]]\nname = "bell"\ntargets = ["anna", "bob"]\n[system]\ntime_servers = [\n  "192.0.2.1",\n]\n'
    assert concealed(text) == text


def test_others_see_the_whole_example_but_for_its_secrets() -> None:
    example = (Path(__file__).parents[3] / "portero.example.toml").read_text()
    shown = tomllib.loads(concealed(example))
    assert shown["button"] == tomllib.loads(example)["button"]
    assert shown.keys() == tomllib.loads(example).keys()


def test_an_unknown_list_of_texts_would_stay() -> None:
    with pytest.raises(PorteroError, match=r"web\.passwoerter\.0: a secret cannot leave"):
        concealed('[web]\npasswoerter = ["Sesam"]\n')
