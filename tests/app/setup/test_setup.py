"""`portero setup` as whoever hangs the first door uses it: questions, options, the files that come of it, and what it leaves alone."""

from __future__ import annotations

import builtins
import getpass
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.app.setup import answers as ask
from firmware.app.setup import command, document
from firmware.cli import main
from firmware.config.codes import weakness
from firmware.config.load import load
from firmware.config.schema import Account, Button, Lock, Target
from firmware.errors import ConfigError

FULL = ("--server", "192.168.1.2", "--user", "620", "--ring", "611", "--ring", "sip:anna@192.168.1.20", "--yes")


@pytest.fixture(autouse=True)
def _cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_cards", lambda: ["bcm2835 Headphones", "USB PnP"])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "portero.toml"


def setup(config: Path, *words: str) -> int:
    return main(["setup", "--config", str(config), *words])


def answering(monkeypatch: pytest.MonkeyPatch, *typed: str) -> list[str]:
    """Somebody types these at the questions, one after the other, and then no more; returns what was asked."""
    asked: list[str] = []
    rest: Iterator[str] = iter(typed)

    def answer(question: str = "") -> str:
        asked.append(question)
        try:
            return next(rest)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr(builtins, "input", answer)
    monkeypatch.setattr(getpass, "getpass", answer)
    return asked


def test_a_few_answers_make_a_door_that_checks(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = answering(monkeypatch, "Gate", "fritz.box", "620", "hush hush", "**611, 612", "", "", "5", "yes", "739152")
    assert setup(config) == 0
    settings = load(config)
    assert settings.warnings == ()
    assert settings.station.name == "Gate"
    (account,) = settings.account
    assert account._replace(password=None) == Account(name="server", uri="sip:620@fritz.box", password=None)
    assert account.password is not None
    assert account.password.reveal() == "hush hush"
    assert settings.target == (
        Target(name="611", uri="sip:**611@fritz.box", account="server"),
        Target(name="612", uri="sip:612@fritz.box", account="server"),
    )
    assert settings.button == (Button(name="bell", targets=("611", "612"), gpio=17),)
    assert settings.lock == (Lock(name="door", gpio=5, active_high=False),)
    assert settings.code[0].code.reveal() == "739152"
    assert settings.audio.device == "USB PnP", "an intercom's sound mostly hangs at USB"
    assert asked[0] == "What phones show when it rings [Front door]: "
    out = capsys.readouterr().out
    assert f"portero check {config}" in out
    assert "systemctl enable --now portero" in out
    assert "hush" not in out


def test_secrets_are_files_of_their_owner_alone(config: Path, tmp_path: Path) -> None:
    for name, secret in (("given-password", "hush"), ("given-code", "739152")):
        (tmp_path / name).write_text(secret + "\n")
        (tmp_path / name).chmod(0o600)
    assert setup(config, *FULL, "--password-file", str(tmp_path / "given-password"), "--code-file", str(tmp_path / "given-code")) == 0
    for name in ("password", "code"):
        assert config.with_name(name).stat().st_mode & 0o777 == 0o600
    assert config.stat().st_mode & 0o777 == 0o640
    text = config.read_text()
    assert "hush" not in text
    assert "739152" not in text
    assert sorted(path.name for path in config.parent.iterdir()) == ["code", "password", "portero.toml"], "nothing else is left behind"


def test_without_questions_what_no_option_says_is_as_proposed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert setup(config, *FULL) == 0
    settings = load(config)
    assert [(target.uri, target.account) for target in settings.target] == [
        ("sip:611@192.168.1.2", "server"),
        ("sip:anna@192.168.1.20", None),
    ]
    code = settings.code[0].code.reveal()
    assert f"The code that opens the door from a phone: {code}" in capsys.readouterr().out
    assert (settings.button[0].gpio, settings.lock[0].gpio, settings.lock[0].active_high) == (17, 27, True)


def test_without_server_and_wires_it_still_rings(config: Path) -> None:
    words = ("--server", "none", "--ring", "192.168.1.20", "--button", "none", "--relay", "none", "--sound", "default", "--yes")
    assert setup(config, *words) == 0
    settings = load(config)
    assert (settings.account, settings.lock, settings.code) == ((), (), ())
    assert settings.button == (Button(name="bell", targets=("192.168.1.20",)),)
    assert settings.audio.device == "default"


def test_what_is_there_is_replaced_only_by_force_and_kept(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert setup(config, *FULL) == 0
    before = config.read_text(), config.with_name("code").read_text()
    assert setup(config, *FULL, "--name", "Gate") == 1
    assert "--force replaces it" in capsys.readouterr().err
    assert (config.read_text(), config.with_name("code").read_text()) == before
    assert setup(config, *FULL, "--name", "Gate", "--force") == 0
    assert load(config).station.name == "Gate"
    kept = config.with_name("portero.toml.before"), config.with_name("code.before")
    assert (kept[0].read_text(), kept[1].read_text()) == before
    assert kept[1].stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("--yes",), "there is no answer to: Addresses of the phones"),
        (("--yes", "--server", "pbx"), "there is no answer to: User or extension"),
        (("--yes", "--server", "p b x"), "write its name or address"),
        (("--yes", "--ring", "611"), "611 is a number, and there is no server"),
        (("--yes", "--ring", "sip:<a>"), "'sip:<a>' is not usable here; write a SIP address"),
        (("--yes", "--ring", "1.2.3.4", "--button", "40"), "write the number of the chip, 0 to 27"),
        (("--yes", "--ring", "1.2.3.4", "--relay", "17"), "GPIO17 is taken already"),
        (("--yes", "--ring", "1.2.3.4", "--code-file", "/nowhere"), "/nowhere cannot be read"),
    ],
)
def test_an_option_that_is_missing_or_unusable_writes_nothing(
    config: Path, words: tuple[str, ...], wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert setup(config, *words) == 1
    assert wrong in capsys.readouterr().err
    assert not config.parent.exists()


def test_an_answer_that_is_not_usable_is_asked_for_again(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = answering(monkeypatch, "", "", "", "611", "192.168.1.20", "", "x", "", "", "maybe", "no", "1234", "none")
    assert setup(config) == 0
    out = capsys.readouterr().out
    for wrong in ("name at least one phone", "611 is a number", "write the number of the chip", "write yes or no", "neighbouring keys"):
        assert wrong in out
    assert len(asked) == 13
    assert load(config).code == ()


def test_who_goes_away_has_written_nothing(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answering(monkeypatch, "Gate")
    assert setup(config) == 1
    assert "nothing was written" in capsys.readouterr().err
    assert not config.exists()


def test_a_directory_that_may_not_be_written_names_the_remedy(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
    assert setup(config, *FULL) == 1
    assert "run it as root: sudo portero setup" in capsys.readouterr().err


def test_files_that_would_not_check_replace_nothing(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert setup(config, *FULL) == 0
    before = config.read_text()
    monkeypatch.setattr(document, "document", lambda _answers: "[station]\nnam = 1\n")
    with pytest.raises(ConfigError, match=r"portero.toml: 1 mistake\n  line 2, station.nam: there is no such key"):
        document.write(config, ask.Answers("x", "", "", "", (), "", None, None, relay_active_low=False, code=""))
    assert config.read_text() == before


def test_phones_have_names_of_their_own() -> None:
    phones = ask.read_phones("sip:anna@a.example sip:anna@b.example sip:+49-30@c.example sip:~@d.example", "")
    assert [phone.name for phone in phones] == ["anna", "annax", "49-30", "phone"]


def test_a_new_code_is_never_a_weak_one() -> None:
    codes = {ask.new_code() for _ in range(200)}
    assert len(codes) > 190
    assert all(len(code) == ask.CODE_DIGITS and weakness(code) is None for code in codes)


@pytest.mark.parametrize("cards", [["bcm2835 Headphones", "vc4-hdmi-0"], []])
def test_without_a_card_at_usb_the_first_with_both_halves_is_meant(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cards: list[str]
) -> None:
    monkeypatch.setattr(command, "_cards", lambda: cards)
    words = ("--server", "none", "--ring", "192.168.1.20", "--button", "none", "--relay", "none", "--yes")
    assert setup(config, *words) == 0, capsys.readouterr()
    assert load(config).audio.device == "default"
