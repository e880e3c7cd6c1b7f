"""Menus that nobody could hear, or that could do less than is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.config.load import load
from firmware.config.problems import ConfigErrors
from firmware.config.schema import Menu, VoiceXml

HEAD = """[incoming]
allow = ["*@pbx"]
may_open = true
[[account]]
name = "pbx"
uri = "sip:door@pbx"
trust_identity = true
[[target]]
name = "anna"
uri = "sip:anna@pbx"
[[button]]
name = "bell"
targets = ["anna"]
[[lock]]
name = "gate"
gpio = 5
"""
MENU = """[[menu]]
name = "house"
document = "/etc/portero/house.vxml"
callers = ["anna@pbx"]
"""
PAD = (
    HEAD
    + """[[keypad]]
name = "pad"
gpio_rows = [1, 2, 3, 4]
gpio_columns = [6, 7, 8]
lock = "gate"
[[reader]]
name = "cards"
port = "/dev/ttyUSB0"
lock = "gate"
"""
)
AT_PAD = """[[menu]]
name = "flats"
document = "/etc/portero/flats.vxml"
"""
INFO = """[[button]]
name = "info"
menu = "flats"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "portero.toml"
    file.write_text(text)
    return file


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        load(written(folder, text))
    return [f"{problem.key}: {problem.wrong}" for problem in caught.value.problems]


def test_a_menu_opens_and_calls_nothing_unless_it_is_written(tmp_path: Path) -> None:
    settings = load(written(tmp_path, HEAD + MENU))
    assert settings.menu == (Menu(name="house", document="/etc/portero/house.vxml", callers=("anna@pbx",)),)
    assert (settings.menu[0].opens, settings.menu[0].calls, settings.voicexml) == ((), (), VoiceXml())
    assert settings.warnings == ()


def test_a_menu_for_visitors_needs_nobody_who_may_call(tmp_path: Path) -> None:
    text = PAD.replace('allow = ["*@pbx"]', "").replace("may_open = true", "")
    settings = load(written(tmp_path, text + INFO + AT_PAD + 'keypad = "pad"\ncalls = ["anna"]'))
    assert settings.menu[0] == Menu(name="flats", document="/etc/portero/flats.vxml", keypad="pad", calls=("anna",))
    assert (settings.button[1].menu, settings.button[1].targets) == ("flats", ())
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (PAD + AT_PAD + 'keypad = "pat"', 'menu[flats].keypad: there is no keypad "pat"'),
        (PAD + AT_PAD + 'keypad = "cards"', 'menu[flats].keypad: there is no keypad "cards"'),
        (PAD + AT_PAD + 'keypad = "pad"\nopens = ["gate"]', "menu[flats].opens: visitors open nothing without a PIN"),
        (PAD + AT_PAD + 'keypad = "pad"\ncalls = ["ana"]', 'menu[flats].calls[1]: there is no target "ana"'),
        (PAD + AT_PAD.replace("flats", "bell") + 'keypad = "pad"', 'menu[bell].name: "bell" is a button as well'),
        (
            PAD + AT_PAD + 'keypad = "pad"\n' + MENU + 'keypad = "pad"',
            "menu[house].keypad: this keypad is used already, in menu[flats].keypad on line 29",
        ),
        (PAD + INFO + MENU, 'button[info].menu: there is no menu "flats"'),
        (PAD + INFO + 'targets = ["anna"]\n' + AT_PAD + 'keypad = "pad"', "button[info].menu: the button rings somebody as well"),
        (HEAD + MENU + 'opens = ["gat"]', 'menu[house].opens[1]: there is no lock "gat"'),
        (HEAD + MENU + 'calls = ["ana"]', 'menu[house].calls[1]: there is no target "ana"'),
        (HEAD + MENU.replace('"anna@pbx"', '"anna"'), 'menu[house].callers[1]: "anna" is no caller'),
        (HEAD + MENU.replace('"anna@pbx"', ""), "menu[house].callers: nobody hears this menu"),
        (HEAD + MENU.replace("/etc/portero/house.vxml", "house.vxml"), 'menu[house].document: "house.vxml" is no whole path'),
        (HEAD + MENU.replace("/etc/portero", "ftp://x"), 'menu[house].document: "ftp://x/house.vxml" is no address of a document'),
        (HEAD + MENU + MENU, "menu[house].name: this name is used already, in menu[house].name on line 18"),
        (HEAD.replace('["*@pbx"]', "[]") + MENU, "menu[house].callers: nobody may call this door"),
        (HEAD.replace("may_open = true", "") + MENU + 'opens = ["gate"]', "menu[house].opens: no call from outside opens anything"),
        (HEAD + MENU + '[voicexml]\nservers = ["menus.example"]', 'voicexml.servers[1]: "menus.example" is no server'),
        (HEAD + MENU + '[voicexml]\nservers = ["https://x/path"]', 'voicexml.servers[1]: "https://x/path" is no server'),
        (HEAD + "".join(MENU.replace("house", f"m{n}") for n in range(17)), "menu: there are 17 menus"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, wrong: str) -> None:
    assert mistakes(tmp_path, text) == [wrong]


@pytest.mark.parametrize(("opens", "what"), [("", "ask callers for their codes"), ('opens = ["gate"]', "open locks")])
def test_a_document_that_anybody_on_the_way_may_change_is_a_warning(tmp_path: Path, opens: str, what: str) -> None:
    text = HEAD + MENU.replace("/etc/portero", "http://192.168.1.3") + opens
    (warning,) = load(written(tmp_path, text)).warnings
    assert warning == f"menu house: over http:// anybody on the way can change the document, and with it {what}"


def test_servers_without_a_menu_are_a_warning(tmp_path: Path) -> None:
    (warning,) = load(written(tmp_path, HEAD + '[voicexml]\nservers = ["https://menus.example"]')).warnings
    assert "there is no [[menu]]" in warning


def test_a_password_that_callers_prove_is_as_good_as_a_server_that_vouches(tmp_path: Path) -> None:
    plain = HEAD.replace("trust_identity = true\n", "")
    assert len(load(written(tmp_path, plain)).warnings) == 1
    proving = plain.replace("may_open = true", 'may_open = true\nproof = "always"') + '[[caller]]\nname = "anna"\npassword = "a long one"\n'
    (tmp_path / "portero.toml").write_text("")
    (tmp_path / "portero.toml").chmod(0o600)
    assert load(written(tmp_path, proving)).warnings == ()
