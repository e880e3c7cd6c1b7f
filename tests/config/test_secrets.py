from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from firmware.config.secrets import SECRET_BYTES_MAX, Secret, read_credential, read_secret
from firmware.errors import ConfigError


def written(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_a_secret_shows_itself_to_reveal_alone(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret("open sesame")
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r", secret, {"password": secret})
    assert "sesame" not in f"{secret} {secret!r} {secret!s} {[secret]}" + caplog.text
    assert secret.reveal() == "open sesame"


def test_secrets_are_equal_by_their_text() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("ä") != Secret("a")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@pytest.mark.parametrize(
    ("data", "text"), [(b"hush\n", "hush"), (b"hush", "hush"), (b"hush\r\n", "hush"), ("grüß dich".encode(), "grüß dich")]
)
def test_a_file_holds_one_line(tmp_path: Path, data: bytes, text: str) -> None:
    assert read_secret(written(tmp_path / "s", data)).reveal() == text


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"", "does not hold exactly one line"),
        (b"\n", "does not hold exactly one line"),
        (b"one\ntwo\n", "does not hold exactly one line"),
        (b"\xff\xfe", "is not a text"),
        (b"x" * (SECRET_BYTES_MAX + 1), "is longer than"),
    ],
)
def test_a_file_that_is_no_secret_is_refused(tmp_path: Path, data: bytes, wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        read_secret(written(tmp_path / "s", data))


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o606, 0o602, 0o601])
def test_a_file_that_everybody_may_use_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigError, match="run: chmod o-rwx"):
        read_secret(written(tmp_path / "s", b"hush", mode))


def test_a_group_may_read(tmp_path: Path) -> None:
    assert read_secret(written(tmp_path / "s", b"hush", 0o640)).reveal() == "hush"


def test_a_file_that_is_missing_or_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(tmp_path)


@pytest.mark.timeout(60)
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ConfigError, match="is not a file"):
        read_secret(tmp_path / "pipe")


def test_a_credential_is_read_from_its_directory(tmp_path: Path) -> None:
    written(tmp_path / "pbx", b"hush\n", 0o400)
    assert read_credential("pbx", str(tmp_path)).reveal() == "hush"


def test_a_credential_outside_the_service_names_the_remedy() -> None:
    with pytest.raises(ConfigError, match="LoadCredential=pbx:"):
        read_credential("pbx", None)


@pytest.mark.parametrize("name", ["../pbx", "/etc/shadow", "", ".hidden"])
def test_a_credential_is_a_name_and_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="no name of a credential"):
        read_credential(name, str(tmp_path))
