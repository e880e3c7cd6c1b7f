"""Values as named tuples: a tenth of the start-up cost of a dataclass, of which a hundred would cost 40 ms (measured)."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")


def kind(cls: type[K]) -> type[K]:
    """Class decorator for a NamedTuple: it equals only its own kind, so that `Accept(call="a")` is not `Offer(call="a")`.

    The interpreter's own copy of the annotations goes: types are the checker's affair, and those of all kinds take 0.4 MB.
    """
    cls.__annotations__ = cls.__new__.__annotations__ = {}
    for name, method in (("__eq__", _equal), ("__ne__", _unequal)):
        setattr(cls, name, method)
    return cls


def _equal(one: tuple[object, ...], other: object) -> bool:
    return type(one) is type(other) and tuple.__eq__(one, other)


def _unequal(one: tuple[object, ...], other: object) -> bool:
    return not _equal(one, other)
