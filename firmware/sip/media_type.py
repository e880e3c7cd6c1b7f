"""Media types: Content-Type and Accept (RFC 3261 §20.1, §20.15)."""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar
from firmware.sip.grammar import Parameters


class MediaType(NamedTuple):
    """A media type or, in Accept, a range such as `text/*`; both names in lower case."""

    kind: str
    subtype: str
    params: Parameters = ()

    @classmethod
    def parse(cls, value: str) -> MediaType:
        """Read one value. Raises RemoteProtocolError."""
        head, semicolon, rest = value.partition(";")
        kind, _, subtype = head.partition("/")
        kind, subtype = kind.strip(grammar.WHITESPACE), subtype.strip(grammar.WHITESPACE)
        if not grammar.is_token(kind) or not grammar.is_token(subtype):
            raise RemoteProtocolError(f"not a media type: {value[:80]!r}")
        return cls(kind.lower(), subtype.lower(), grammar.parameters(semicolon + rest))

    def __str__(self) -> str:
        return f"{self.kind}/{self.subtype}{grammar.joined(self.params)}"

    def param(self, name: str) -> str | None:
        """The value of a parameter such as `boundary`, None when absent."""
        return grammar.find(self.params, name)

    def covers(self, other: MediaType) -> bool:
        """Whether this range holds `other` (`*/*`, `text/*`, or the very type); parameters do not count."""
        return self.kind in ("*", other.kind) and self.subtype in ("*", other.subtype)
