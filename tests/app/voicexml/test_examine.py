"""`portero check` reads the documents of menus; those of the user's page work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firmware.cli import main
from firmware.outlets.voicexml.document import read
from firmware.outlets.voicexml.form import Interpreter
from firmware.outlets.voicexml.signals import Ask, KeyHeard

PAGE = Path(__file__).resolve().parents[3] / "docs" / "voicexml.md"
CONFIG = """[incoming]
allow = ["anna@pbx"]
[[target]]
name = "anna"
uri = "sip:anna@pbx.example"
[[button]]
name = "bell"
targets = ["anna"]
[[menu]]
name = "house"
document = "{document}"
callers = ["anna@pbx"]
"""


def check(folder: Path, document: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    (folder / "portero.toml").write_text(CONFIG.format(document=document))
    return main(["check", str(folder / "portero.toml")]), capsys.readouterr().out


def menu(folder: Path, content: str) -> str:
    (folder / "house.vxml").write_text(content)
    return str(folder / "house.vxml")


def test_a_document_that_cannot_be_read_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check(tmp_path, menu(tmp_path, "<vxml version='2.1'>\n<form><block><goto/></block></form></vxml>"), capsys)
    assert (code, said) == (1, f"{tmp_path}/house.vxml: line 2, <goto>: give exactly one of next and expr\n")
    code, said = check(tmp_path, str(tmp_path / "nowhere.vxml"), capsys)
    assert (code, said) == (1, f"{tmp_path}/nowhere.vxml: No such file or directory\n")


def test_what_is_not_there_is_a_warning_wherever_it_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = """<vxml version='2.1'><link/>
    <form><subdialog/><block><if cond='true'><foreach/></if><prompt>a<enumerate/></prompt></block></form></vxml>"""
    code, said = check(tmp_path, menu(tmp_path, content), capsys)
    assert code == 0
    assert re.findall(r"line (\d): <(\w+)> is not known here", said) == [
        ("2", "subdialog"), ("2", "foreach"), ("2", "enumerate"), ("1", "link"),
    ]  # fmt: skip


def test_a_document_on_a_server_is_left_to_the_daemon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check(tmp_path, "https://menus.example/house.vxml", capsys)
    assert (code, "no mistakes" in said) == (0, True)


def test_the_document_of_the_users_page_works() -> None:
    document = PAGE.read_text(encoding="utf-8").split("```xml\n")[1].split("```")[0].encode()
    assert "Unsupported" not in repr(read(document))
    interpreter = Interpreter({})
    interpreter.start("file:///house.vxml", document)
    assert [each for each in interpreter.receive(KeyHeard("1")) if isinstance(each, Ask)] == [Ask("portero:open", {"lock": "gate"})]


def test_the_users_page_names_each_element_that_there_is() -> None:
    from firmware.outlets.voicexml.content import STATEMENTS
    from firmware.outlets.voicexml.document import CATCHES

    there = PAGE.read_text(encoding="utf-8").split("## What is there")[1].split("**Not there**")[0]
    assert {name for name in (*STATEMENTS, *CATCHES) if f"`{name}`" not in there} == set()
