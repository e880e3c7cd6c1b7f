"""Replaces, Join and Target-Dialog: headers that name a dialog elsewhere (RFC 3891, RFC 3911, RFC 4538).

Tags are named as the header names them, from the side of whoever is to act: `to_tag` is the tag of the party that receives the header,
so the first three fields of Replaces and Join are Call-ID, local tag and remote tag there. The tag `0` also means a dialog whose peer
gave none (RFC 3891 §3).
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.kind import kind
from firmware.sip import grammar
from firmware.sip.fields import HeaderFields
from firmware.sip.grammar import Parameters
from firmware.sip.header_values import sole
from firmware.sip.uri import Uri


@kind
class Replaces(NamedTuple):
    """Replaces: the new call takes the place of this dialog; `early_only` when it must not be confirmed yet (RFC 3891 §6.1)."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Replaces:
        """Read the value. Raises RemoteProtocolError."""
        call_id, params = _dialog(text)
        return cls(call_id, _tag(params, "to-tag"), _tag(params, "from-tag"), grammar.find(params, "early-only") is not None)

    def __str__(self) -> str:
        return _written(self.call_id, "to-tag", self.to_tag, "from-tag", self.from_tag) + (";early-only" if self.early_only else "")


@kind
class Join(NamedTuple):
    """Join: the new call enters the conversation of this dialog (RFC 3911 §7.1)."""

    call_id: str
    to_tag: str
    from_tag: str

    @classmethod
    def parse(cls, text: str) -> Join:
        """Read the value. Raises RemoteProtocolError."""
        call_id, params = _dialog(text)
        return cls(call_id, _tag(params, "to-tag"), _tag(params, "from-tag"))

    def __str__(self) -> str:
        return _written(self.call_id, "to-tag", self.to_tag, "from-tag", self.from_tag)


@kind
class TargetDialog(NamedTuple):
    """Target-Dialog: the sender knows this dialog, which may authorize the request (RFC 4538). Local and remote are the receiver's."""

    call_id: str
    local_tag: str
    remote_tag: str

    @classmethod
    def parse(cls, text: str) -> TargetDialog:
        """Read the value. Raises RemoteProtocolError."""
        call_id, params = _dialog(text)
        return cls(call_id, _tag(params, "local-tag"), _tag(params, "remote-tag"))

    def __str__(self) -> str:
        return _written(self.call_id, "local-tag", self.local_tag, "remote-tag", self.remote_tag)


def replaces(message: HeaderFields) -> Replaces | None:
    """The Replaces of an INVITE, None when absent.

    Raises RemoteProtocolError when malformed or repeated: such a request is rejected with 400 (RFC 3891 §3).
    """
    return sole(message, "Replaces", Replaces.parse)


def join(message: HeaderFields) -> Join | None:
    """The Join of an INVITE, None when absent. Raises RemoteProtocolError when malformed or repeated (RFC 3911 §4)."""
    return sole(message, "Join", Join.parse)


def target_dialog(message: HeaderFields) -> TargetDialog | None:
    """The Target-Dialog of a request, None when absent. Raises RemoteProtocolError when malformed or repeated."""
    return sole(message, "Target-Dialog", TargetDialog.parse)


def replaces_in(uri: Uri) -> Replaces | None:
    """The Replaces that a Refer-To URI asks to put into the INVITE, None when absent (RFC 3891 §4). Raises RemoteProtocolError."""
    text = uri.header("replaces")
    return None if text is None else Replaces.parse(text)


def join_in(uri: Uri) -> Join | None:
    """The Join that a Refer-To URI asks to put into the INVITE, None when absent (RFC 3911 §5). Raises RemoteProtocolError."""
    text = uri.header("join")
    return None if text is None else Join.parse(text)


def _dialog(text: str) -> tuple[str, Parameters]:
    call_id, semicolon, params = text.partition(";")
    call_id = call_id.strip(grammar.WHITESPACE)
    if not _is_call_id(call_id):
        raise RemoteProtocolError(f"not a Call-ID: {call_id[:80]!r}")
    return call_id, grammar.parameters(semicolon + params)


def _tag(params: Parameters, name: str) -> str:
    # "A Replaces header field MUST contain exactly one to-tag and exactly one from-tag" (RFC 3891 §6.1); the others say the same.
    values = [value for key, value in params if key.lower() == name]
    tag = values[0] if len(values) == 1 else None
    if not tag or tag.strip(grammar.GENERIC_VALUE):
        raise RemoteProtocolError(f"not exactly one {name}")
    return tag


def _is_call_id(text: str) -> bool:
    left, at, right = text.partition("@")
    return bool(left) and not left.strip(grammar.WORD) and bool(right) == bool(at) and not right.strip(grammar.WORD)


def _written(call_id: str, first_name: str, first: str, second_name: str, second: str) -> str:
    assert _is_call_id(call_id), call_id
    for tag in (first, second):
        assert tag, "an empty tag cannot be written"
        assert not tag.strip(grammar.GENERIC_VALUE), tag
    return f"{call_id};{first_name}={first};{second_name}={second}"
