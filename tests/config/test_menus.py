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


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
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
