"""Answers as files: `portero.toml` and the secrets beside it, written together and checked before anything is replaced."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from firmware.app.setup.answers import Answers
from firmware.config.load import load
from firmware.config.problems import ConfigErrors
from firmware.errors import ConfigError

SERVICE: Final = "portero"  # the user that the service runs as
PASSWORD, CODE = "password", "code"
BEFORE: Final = ".before"  # after the name of a file that was replaced


def document(answers: Answers) -> str:
    """The text of `portero.toml`."""
    return "\n".join(_lines(answers)) + "\n"


def _lines(answers: Answers) -> Iterator[str]:
    yield "# Made by `portero setup`. Every key that there is: portero.example.toml; mistakes are found by: portero check"
    yield from ("", "[station]", f"name = {_text(answers.name)}")
    if answers.server:
        yield from ("", "[[account]]", 'name = "server"', f"uri = {_text(f'sip:{answers.user}@{answers.server}')}")
        if answers.password:
            yield f"password_file = {_text(PASSWORD)}"
    for phone in answers.phones:
        yield from ("", "[[target]]", f"name = {_text(phone.name)}", f"uri = {_text(phone.uri)}")
        if answers.server and phone.uri.endswith(f"@{answers.server}"):
            yield 'account = "server"'
    yield from ("", "[[button]]", 'name = "bell"', f"targets = [{', '.join(_text(phone.name) for phone in answers.phones)}]")
    if answers.button_gpio is not None:
        yield f"gpio = {answers.button_gpio}  # between this pin and ground"
    if answers.relay_gpio is not None:
        yield from ("", "[[lock]]", 'name = "door"', f"gpio = {answers.relay_gpio}")
        if answers.relay_active_low:
            yield "active_high = false"
        if answers.code:
            yield from ("", "[[code]]", 'name = "family"', f"code_file = {_text(CODE)}")
    if answers.sound not in ("", "default"):
        yield from ("", "[audio]", f"device = {_text(answers.sound)}")


def _text(text: str) -> str:
    """A basic string of TOML: JSON escapes what it escapes in the same way."""
    return json.dumps(text, ensure_ascii=False)


def write(config: Path, answers: Answers) -> tuple[str, ...]:
    """Write the files and return warnings; what they replace is kept with BEFORE at its name. Raises ConfigError."""
    try:
        config.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".setup-", dir=config.parent) as fresh:
            return _written(config, Path(fresh), answers)
    except OSError as error:
        remedy = "run it as root: sudo portero setup" if isinstance(error, PermissionError) else "check the directory and its space"
        raise ConfigError(f"{config} cannot be written ({error.strerror}); {remedy}") from error


def _written(config: Path, fresh: Path, answers: Answers) -> tuple[str, ...]:
    files = {config.name: document(answers)}
    files |= {
        name: f"{secret}\n"
        for name, secret in ((PASSWORD, answers.password), (CODE, answers.code))
        if f'_file = "{name}"' in files[config.name]
    }
    for name, text in files.items():
        _write(fresh / name, text, 0o640 if name == config.name else 0o600, config.parent.stat().st_gid)
    try:
        warnings = load(fresh / config.name, outside_service=True).warnings
    except ConfigErrors as errors:
        raise ConfigError(str(errors).replace(f"{fresh}/", "")) from errors
    for name in sorted(files, key=lambda name: name == config.name):  # what it names is there before it is
        place = config.with_name(name)
        if place.exists():
            place.replace(place.with_name(name + BEFORE))
        (fresh / name).replace(place)
    return warnings


def _write(path: Path, text: str, mode: int, group: int) -> None:
    """A secret is its service's alone; the configuration may be read by the group of its directory."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    if os.geteuid() == 0:
        if mode == 0o600 and _is_known(SERVICE):
            shutil.chown(path, SERVICE, SERVICE)
        else:
            os.chown(path, 0, group)


def _is_known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
