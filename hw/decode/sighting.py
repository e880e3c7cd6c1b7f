"""What a decoder makes of bytes and edges, and what is asked of every decoder of a serial line."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol


class Kind(Enum):
    CARD = "card"
    KEY = "key"
    BROKEN = "broken"
    ANSWERS = "answers"


class Sighting(NamedTuple):
    """One thing seen.

    CARD: `text` is the number in upper-case hexadecimal, seen now (not: new; see `hw.decode.presence`); `bits` as in `hw.api.CardRead`;
    `random`: the card makes up another number each time, as telephones do.
    KEY: `text` is one of `0`-`9`, `*`, `#`, `A`-`D`. BROKEN: something came that cannot be used; `text` says what in a few words.
    ANSWERS: a device that can be asked has answered; `text` is empty.
    """

    kind: Kind
    text: str
    bits: int | None = None
    random: bool = False


def card(number: str, bits: int | None = None, *, random: bool = False) -> Sighting:
    return Sighting(Kind.CARD, number, bits, random)


def key(name: str) -> Sighting:
    return Sighting(Kind.KEY, name)


def broken(why: str) -> Sighting:
    return Sighting(Kind.BROKEN, why)


class Decoder(Protocol):
    """A machine at a serial line. Nothing that a line can carry raises.

    The caller sends `take_output()` after making one and after every other call, and calls `expire` when `deadline_ns()` has come. Times
    are monotonic nanoseconds.
    """

    def feed(self, data: bytes, now_ns: int) -> tuple[Sighting, ...]:
        """What ends in `data`, which came at `now_ns`."""
        ...

    def deadline_ns(self) -> int | None: ...

    def expire(self, now_ns: int) -> tuple[Sighting, ...]:
        """Do what is due at `now_ns`, which may be nothing."""
        ...

    def take_output(self) -> bytes:
        """What is to be sent now, once."""
        ...


class Listener:
    """The half of `Decoder` that a device which only talks leaves empty."""

    def deadline_ns(self) -> int | None:
        return None

    def expire(self, now_ns: int) -> tuple[Sighting, ...]:
        return ()

    def take_output(self) -> bytes:
        return b""
