"""Reason and Warning: why something happened, in words and codes (RFC 3326, RFC 3261 §20.43). Read leniently: they only inform."""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.kind import kind
from firmware.sip import grammar
from firmware.sip.fields import HeaderFields
from firmware.sip.message import Response

CODE_PLAIN_WORDS = 399
WORDS_MAX = 120  # what a line of a journal holds beside the rest


@kind
class ReasonValue(NamedTuple):
    """One Reason: `protocol` is `SIP` or `Q.850` or another token, `cause` None when not given."""

    protocol: str
    cause: int | None = None
    text: str = ""

    @classmethod
    def parse(cls, value: str) -> ReasonValue:
        """Read one value. Raises RemoteProtocolError."""
        protocol, semicolon, rest = value.partition(";")
        protocol = protocol.strip(grammar.WHITESPACE)
        if not grammar.is_token(protocol):
            raise RemoteProtocolError(f"not a Reason: {value[:80]!r}")
        params = grammar.parameters(semicolon + rest)
        cause = grammar.find(params, "cause")
        return cls(protocol, None if cause is None else grammar.number(cause, "cause"), grammar.find(params, "text") or "")

    def __str__(self) -> str:
        cause = "" if self.cause is None else f";cause={self.cause}"
        return f"{self.protocol}{cause}" + (f";text={grammar.quote(self.text)}" if self.text else "")


@kind
class WarningValue(NamedTuple):
    """One Warning: three-digit code, the host or pseudonym that adds it, text."""

    code: int
    agent: str
    text: str

    @classmethod
    def parse(cls, value: str) -> WarningValue:
        """Read one value. Raises RemoteProtocolError."""
        code, _, rest = value.partition(" ")
        agent, _, text = rest.lstrip(grammar.WHITESPACE).partition(" ")
        text = text.strip(grammar.WHITESPACE)
        if len(code) != 3 or code.strip(grammar.DIGITS) or not agent or text[:1] != '"' or grammar.quoted_end(text) != len(text):
            raise RemoteProtocolError(f"not a Warning: {value[:80]!r}")
        return cls(int(code), agent, grammar.unquote(text))

    def __str__(self) -> str:
        return f"{self.code:03d} {self.agent} {grammar.quote(self.text)}"


def media_warning(why: str) -> WarningValue:
    """What explains a 488 of ours (§13.3.1.3: it "SHOULD include a Warning header field value explaining why the offer was rejected").

    399 is the code for plain words, which no machine acts upon. The agent is a pseudonym: what we are called is the settings' business.
    """
    return WarningValue(CODE_PLAIN_WORDS, "door", _for_people(why))


def explained(response: Response) -> str:
    """Why a request of ours was refused, in the other side's words: its reason phrase, and the first Warning that says more."""
    said = next((_for_people(warning.text) for warning in warnings(response) if warning.text), "")
    return f"{response.reason}: {said}" if said else response.reason


def _for_people(text: str) -> str:
    return "".join([char for char in text if char.isprintable()])[:WORDS_MAX]


def warnings(message: HeaderFields) -> tuple[WarningValue, ...]:
    """The Warnings of a message; malformed ones are passed over."""
    found = []
    for value in message.get_all("Warning"):
        try:
            found.append(WarningValue.parse(value))
        except RemoteProtocolError:
            continue
    return tuple(found)
