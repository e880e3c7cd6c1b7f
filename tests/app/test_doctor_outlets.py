"""What the doctor says of a web server into which nobody, machines alone, or people may come, and of menus that cannot be heard."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.app.doctor.findings import Level
from firmware.app.doctor.outlets import menus, web
from firmware.config.schema import Login, Menu, Settings, Web
from firmware.config.secrets import Secret
from firmware.outlets.logins import new_token, password_proof


def found(settings: Settings) -> list[tuple[Level, str]]:
    return [(finding.level, finding.text) for finding in web(settings)]


def test_it_says_who_may_come_in(tmp_path: Path) -> None:
    on = Web(enabled=True, logins=str(tmp_path / "logins"))
    token = Login(name="hass", proof=Secret(new_token()[1]))
    person = Login(name="anna", proof=Secret(password_proof("correct horse battery")))
    assert found(Settings()) == []
    assert found(Settings(web=on)) == [(Level.WARN, "the web server is on, and nobody may come in")]
    assert found(Settings(web=on, login=(token,))) == [
        (Level.OK, "1 tokens for the API; nobody has a password, so the page is shut"),
    ]
    assert found(Settings(web=on, login=(token, person))) == [(Level.OK, "1 may use the page, 1 tokens the API")]


def test_damaged_logins_fail(tmp_path: Path) -> None:
    (tmp_path / "logins").write_text("nonsense")
    ((level, text),) = found(Settings(web=Web(enabled=True, logins=str(tmp_path / "logins"))))
    assert (level, "is damaged" in text) == (Level.FAIL, True)


def test_menus_are_read_and_somebody_must_speak_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = tmp_path / "good.vxml"
    good.write_text("<vxml version='2.1'><form/></vxml>")
    settings = Settings(menu=(Menu(name="good", document=str(good), callers=("*@pbx",)),))
    (tmp_path / "espeak-ng").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(menus(Settings())) == []
    assert [(each.level, each.text) for each in menus(settings)] == [(Level.OK, "1 can be read and spoken")]
    good.write_text("<vxml/>")
    (tmp_path / "espeak-ng").unlink()
    assert [each.level for each in menus(settings)] == [Level.FAIL, Level.WARN]
