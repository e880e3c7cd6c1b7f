"""Typed values out of a message: leniently, where a value only informs, or strictly, where acting on half of it would be wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from firmware.errors import RemoteProtocolError
from firmware.sip.fields import HeaderFields
from firmware.sip.grammar import LIST_ITEMS_MAX

_T = TypeVar("_T")


def readable(message: HeaderFields, name: str, parse: Callable[[str], _T]) -> tuple[_T, ...]:
    """Every value of the header that can be read, in order; malformed ones (RFC 3261 §8.2) and those beyond the limit are passed over."""
    found: list[_T] = []
    for text in message.get_all(name)[:LIST_ITEMS_MAX]:
        try:
            found.append(parse(text))
        except RemoteProtocolError:
            continue
    return tuple(found)


def first(message: HeaderFields, name: str, parse: Callable[[str], _T]) -> _T | None:
    """The first value of the header; None when it is absent or malformed."""
    found = readable(message, name, parse)
    return found[0] if found else None


def sole(message: HeaderFields, name: str, parse: Callable[[str], _T]) -> _T | None:
    """The one value of a header that must not stand twice, None when absent. Raises RemoteProtocolError when malformed or repeated."""
    values = message.get_all(name)
    if len(values) > 1:
        raise RemoteProtocolError(f"{name} more than once")
    return parse(values[0]) if values else None
