"""`portero users` as its administrator sees it."""

from __future__ import annotations

import contextlib
import getpass
import stat
from pathlib import Path

import pytest

from firmware.app.users.seal import SecretKind
from firmware.cli import main
from tests.app.users.people import opened

CONFIG = """\
[[lock]]
name = "gate"
gpio = 5
[[group]]
name = "tenants"
[[code]]
name = "family"
code = "739152"
[users]
path = "{folder}/users.db"
key = "{folder}/users.key"
[control]
socket = "{folder}/control.sock"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "portero.toml"
    file.write_text(CONFIG.format(folder=tmp_path))
    file.chmod(0o600)
    return file


def users(config: Path, *words: str) -> int:
    return main(["users", "--config", str(config), *words])


def test_a_user_is_added_changed_listed_and_removed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert users(config, "add", "Eva", "pin=583216", "groups=tenants", "locks=*", "cards=cafe01 0042", "uses_left=3") == 0
    assert users(config, "set", "Eva", "pin=", "code=480316", "valid_from=1970-01-02T00:00Z", "valid_until=2030-01-01T00:00Z") == 0
    capsys.readouterr()
    assert users(config, "list") == 0
    assert capsys.readouterr().out == (
        "Eva: code of 6 digits, card 0042, card CAFE01, group tenants, every lock, from 1970-01-02T00:00:00Z,"
        " until 2030-01-01T00:00:00Z, 3 uses left\n"
    )
    assert users(config, "list", "Bob") == 0
    assert capsys.readouterr().out == ""
    assert users(config, "remove", "Eva") == 0
    assert users(config, "remove", "Eva") == 1
    assert "there is no user 'Eva'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["add", "Eva", "pin=1234"], "pin: the code is a row of neighbouring keys"),
        (["add", "Eva", "pin=58"], "pin: the code has only 2 digits"),
        (["add", "Eva", "code=7391524"], "code: the digits begin like a [[code]]"),
        (["add", "Eva", "groups=staff"], "there is no group 'staff'"),
        (["add", "Eva", "locks=gate cellar"], "there is no lock 'cellar'"),
        (["add", "Eva", "profile=night"], "there is no profile 'night'"),
        (["add", "Eva", "shoes=39"], "there is no key 'shoes'; known are: groups"),
        (["add", "Eva", "lock=gate"], "there is no key 'lock'; perhaps locks is meant"),
        (["add", "Eva", "gate"], "'gate' is no KEY=VALUE; keys are: groups"),
        (["add", "Eva", "card_needs_pin=maybe"], "neither yes nor no"),
        (["add", "Eva", "card_needs_pin=yes"], "without a card or without a PIN"),
        (["add"], "needs other words"),
        (["set", "Bob", "locks="], "there is no user 'Bob'"),
        (["add", "Ida", "locks="], "exists already"),
        (["import", "nowhere.csv"], "cannot be read"),
        (["export", "/nowhere/at/all.csv"], "cannot be written"),
    ],
)
def test_a_mistake_is_named_and_changes_nothing(config: Path, capsys: pytest.CaptureFixture[str], words: list[str], wrong: str) -> None:
    users(config, "add", "Ida", "locks=gate")
    assert users(config, *words) == 1
    assert wrong in capsys.readouterr().err
    with contextlib.closing(opened(config.parent)) as store:
        assert [person.name for person in store.people()] == ["Ida"]


def test_digits_that_are_asked_for_stand_in_no_command_line(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getpass", lambda prompt: "583216" if prompt == "pin of Eva: " else "")
    assert users(config, "add", "Eva", "pin=?", "profile=") == 0
    with contextlib.closing(opened(config.parent)) as store:
        assert store.by_digits("583216", (SecretKind.PIN,)) is not None


def test_a_file_goes_out_and_comes_back(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = config.with_name("users.csv")
    users(config, "add", "=Eva, too", "pin=583216", "cards=0042")
    assert users(config, "export", str(file)) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    capsys.readouterr()
    users(config, "export", "-")
    assert capsys.readouterr().out.encode() == file.read_bytes()
    users(config, "add", "Bob")
    assert users(config, "import", str(file), "--replace") == 0
    with contextlib.closing(opened(config.parent)) as store:
        assert [person.name for person in store.people()] == ["=Eva, too"]
        assert store.by_digits("583216", (SecretKind.PIN,)) is not None


def test_an_import_with_bad_rows_names_them_all_and_imports_nothing(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = config.with_name("users.csv")
    file.write_text("name,groups,pin\nEva,tenants,583216\nBob,staff,1111\nCia,,583216x\n")
    assert users(config, "import", str(file)) == 1
    assert capsys.readouterr().err.splitlines() == [
        "line 3, Bob: pin: the code repeats itself; choose digits without a pattern, best six or more",
        "line 3, Bob: there is no group 'staff'; write a [[group]] into the configuration, or one of: tenants",
        "line 4, Cia: pin: a code is made of digits; use 0 to 9 (A to D where the phone has them); * and # end a code",
        "nothing was changed",
    ]
    with contextlib.closing(opened(config.parent)) as store:
        assert store.summary().users == 0


def test_a_daemon_that_does_not_answer_is_said(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.with_name("control.sock").touch()
    assert users(config, "add", "Eva") == 0
    assert "run: portero ctl users-reload" in capsys.readouterr().err


def test_a_configuration_with_mistakes_is_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("[bogus]\n")
    assert users(config, "list") == 1
    assert "bogus" in capsys.readouterr().err


def test_times_are_those_of_the_station_wherever_its_administrator_sits(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(config.read_text() + '[station]\ntimezone = "Asia/Tokyo"\n')
    file = config.parent / "users.csv"
    file.write_text("name,code,valid_until\nBob,480316,2026-12-24T18:00\n")
    assert users(config, "add", "Eva", "code=583217", "valid_from=2026-07-01T09:00") == 0
    assert users(config, "import", str(file)) == 0
    capsys.readouterr()
    assert users(config, "list") == 0
    listed = capsys.readouterr().out
    assert "from 2026-07-01T00:00:00Z" in listed
    assert "until 2026-12-24T09:00:00Z" in listed
