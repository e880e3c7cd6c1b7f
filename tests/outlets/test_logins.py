"""Logins: proofs that tell nothing, the file that holds them, and the command that changes it."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from firmware.app.commands import parser
from firmware.errors import LoginError
from firmware.outlets.logins import (
    FILE_BYTES_MAX,
    LOGINS_MAX,
    Login,
    Logins,
    May,
    is_proof,
    new_token,
    password_fits,
    password_proof,
    read,
    token_proof,
    write,
)

SEE = frozenset({May.SEE})
PASSWORD = "correct horse battery"


def test_a_password_fits_its_own_proof_and_no_other() -> None:
    proof = password_proof(PASSWORD)
    assert PASSWORD not in proof
    assert proof != password_proof(PASSWORD)  # a salt of its own
    login = Login("anna", proof, SEE)
    assert password_fits(login, PASSWORD)
    assert not password_fits(login, PASSWORD + "!")
    assert not password_fits(None, PASSWORD)
    assert not password_fits(None, "")


def test_a_token_is_no_password_and_a_password_no_token(tmp_path: Path) -> None:
    token, proof = new_token()
    login = Login("hass", proof, SEE)
    assert login.is_token
    assert not password_fits(login, token)
    logins = Logins(tmp_path / "none", [login, Login("anna", password_proof(PASSWORD), SEE)])
    assert logins.of_token(token) == login
    assert logins.of_token(PASSWORD) is None
    assert logins.of_token("") is None


@pytest.mark.parametrize("password", ["", "short", "x" * 129])
def test_a_password_of_the_wrong_length_is_refused(password: str) -> None:
    with pytest.raises(LoginError, match="10 to 128 characters"):
        password_proof(password)


def test_the_file_is_read_again_when_it_changes_and_the_configuration_stands_over_it(tmp_path: Path) -> None:
    file = tmp_path / "logins"
    one, other = Login("anna", token_proof("1"), SEE), Login("anna", token_proof("2"), SEE)
    logins = Logins(file)
    assert logins.all() == {}
    write(file, {"anna": one})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert logins.all() == {"anna": one}
    assert Logins(file, [other]).all() == {"anna": other}
    file.unlink()
    assert logins.all() == {}


def test_root_is_not_led_to_another_file_by_a_link_that_lies_where_it_writes(tmp_path: Path) -> None:
    """The directory is the service's: one that was broken into could lay it there, and have root write, and give away, any file."""
    file, other = tmp_path / "logins.json", tmp_path / "other"
    other.write_text("kept")
    (tmp_path / f"logins.json.{os.getpid()}.new").symlink_to(other)
    write(file, {"anna": Login("anna", token_proof("x"), SEE)})
    assert set(read(file)) == {"anna"}
    assert not file.is_symlink()
    assert other.read_text() == "kept"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}x",
        "[1]",
        '[{"name": "a"}]',
        '[{"name": "a b", "proof": "sha256$' + "A" * 43 + '=", "may": []}]',
        '[{"name": "a", "proof": "plain", "may": []}]',
        '[{"name": "a", "proof": "sha256$' + "A" * 43 + '=", "may": ["everything"]}]',
        '[{"name": "a", "proof": "sha256$' + "A" * 43 + '=", "may": 1}]',
        "[" * 10_000,
    ],
)
def test_a_damaged_file_lets_nobody_in_and_names_the_remedy(tmp_path: Path, text: str) -> None:
    file = tmp_path / "logins"
    file.write_text(text)
    with pytest.raises(LoginError, match="is damaged"):
        read(file)


def test_the_file_has_a_limit(tmp_path: Path) -> None:
    file = tmp_path / "logins"
    many = {f"l{number}": Login(f"l{number}", token_proof(str(number)), SEE) for number in range(LOGINS_MAX + 1)}
    with pytest.raises(LoginError, match="there are 64 logins already"):
        write(file, many)
    file.write_text(json.dumps([{"name": each.name, "proof": each.proof, "may": []} for each in many.values()]))
    with pytest.raises(LoginError, match="more than 64"):
        read(file)
    file.write_bytes(b" " * (FILE_BYTES_MAX + 1))
    with pytest.raises(LoginError, match="more than 64"):
        read(file)


def command(tmp_path: Path, *words: str) -> int:
    config = tmp_path / "portero.toml"
    config.write_text(f'[web]\nlogins = "{tmp_path}/logins"\n')
    options = parser(str(config)).parse_args(["logins", *words])
    code: int = options.command(options)
    return code


def test_the_command_sets_lists_and_removes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path, "list") == 0
    assert "nobody may come in" in capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.StringIO(PASSWORD + "\n"))
    assert command(tmp_path, "password", "anna", "--may", "see", "open") == 0
    assert capsys.readouterr().out == "the password of anna was set\nanna: password, may open, see\n"
    assert command(tmp_path, "token", "hass") == 0
    token = capsys.readouterr().out.splitlines()[0].rpartition(" ")[2]
    logins = Logins(tmp_path / "logins")
    assert logins.of_token(token) == Login("hass", token_proof(token), SEE)
    assert password_fits(logins.all()["anna"], PASSWORD)
    monkeypatch.setattr(sys, "stdin", io.StringIO("another password\n"))
    assert command(tmp_path, "password", "anna") == 0
    assert logins.all()["anna"].may == {May.SEE, May.OPEN}  # what is not said stays
    assert command(tmp_path, "remove", "anna") == 0
    assert set(logins.all()) == {"hass"}


def test_the_command_prints_a_proof_for_the_configuration_and_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(PASSWORD + "\n"))
    assert command(tmp_path, "password", "anna", "--print") == 0
    proof = capsys.readouterr().out.strip().removeprefix('proof = "').removesuffix('"')
    assert is_proof(proof)
    assert password_fits(Login("anna", proof, SEE), PASSWORD)
    assert not (tmp_path / "logins").exists()


@pytest.mark.parametrize("words", [("password",), ("password", "a b"), ("remove", "nobody"), ("token", "")])
def test_the_command_refuses_what_names_nobody(tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path, *words) == 1
    assert capsys.readouterr().err != ""
