"""Secrets: how they are written in the configuration, and a type that never shows them.

A secret stands inline (`password = "…"`), in a file that only its owner reads (`password_file = "/etc/portero/password"`), or in a
systemd credential (`password_credential = "pbx"`, with `LoadCredential=pbx:…` in the unit).
"""

from __future__ import annotations

from hmac import compare_digest

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
