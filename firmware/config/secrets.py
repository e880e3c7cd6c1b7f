"""Secrets: how they are written in the configuration, and a type that never shows them.

A secret stands inline (`password = "…"`), in a file that only its owner reads (`password_file = "/etc/portero/password"`), or in a
systemd credential (`password_credential = "pbx"`, with `LoadCredential=pbx:…` in the unit).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from firmware.errors import ConfigError
from firmware.hashes import compare_digest

SECRET_BYTES_MAX = 1024  # a password or a code, not a document: a wrong path must not be read into memory whole


class Secret:
    """A text that shows itself only to `reveal()`: never through `str`, `repr`, a format string or a log line."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)


def read_secret(path: Path) -> Secret:
    """The text of a secret file without its last line end. Raises ConfigError, which names the remedy, when it is no such file."""
    try:
        # Not blocking: a pipe in place of the file must not hold up the start.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigError(f"{path} is not a file; name a file that holds only the secret")
            if status.st_mode & stat.S_IRWXO:
                raise ConfigError(f"{path} is open to every user of this machine; run: chmod o-rwx {path}")
            data = file.read(SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); check that it exists and belongs to the service's user") from error
    return _secret_of(path, data)


def _secret_of(path: Path, data: bytes) -> Secret:
    if len(data) > SECRET_BYTES_MAX:
        raise ConfigError(f"{path} is longer than {SECRET_BYTES_MAX} bytes; name a file that holds only the secret")
    try:
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a text; write the secret in UTF-8") from error
    if not text or not text.isprintable():
        raise ConfigError(f"{path} does not hold exactly one line of text; write the secret into it, and nothing else")
    return Secret(text)


def read_credential(name: str, directory: str | None) -> Secret:
    """The systemd credential `name` from `directory` ($CREDENTIALS_DIRECTORY, systemd.exec(5)). Raises ConfigError with the remedy."""
    if not directory:
        raise ConfigError(f"there is no credential {name!r} outside the service; it needs LoadCredential={name}:/path in the unit")
    if not name or "/" in name or name.startswith("."):
        raise ConfigError(f"{name!r} is no name of a credential; give the name that LoadCredential= defines")
    return read_secret(Path(directory) / name)
