"""The door as outlets see it: what they may ask for, and how they hear what happens.

`app.outlets` stands behind it with the verbs of `portero ctl`: an outlet has no logic of its own for what a door does.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple, Protocol

from firmware.door.events import DoorRecord, LoginRefused
from firmware.errors import PorteroError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Subscriber = Callable[[float, DoorRecord], None]  # seconds since 1970, and what happened


class Refused(PorteroError):  # noqa: N818 - the door's word: it is an answer, not a mistake
    """The door does not do it. `code` is one of the words in docs/ctl.md; the text is one sentence for a person."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Row(NamedTuple):
    """One row of the journal: its number, seconds since 1970, the record's name and fields."""

    id: int
    at_s: float
    kind: str
    fields: dict[str, Json]


class KeptPicture(NamedTuple):
    """A picture of a ring: its name, and seconds since 1970."""

    file: str
    at_s: float


class Names(NamedTuple):
    """What the configuration calls its things; `station` is the door's own name."""

    station: str
    locks: tuple[str, ...] = ()
    held: tuple[str, ...] = ()  # the locks that may be held open
    buttons: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    keypads: tuple[str, ...] = ()  # where visitors dial flats
    flats: tuple[tuple[str, str], ...] = ()  # with their numbers and names
    contacts: tuple[tuple[str, str], ...] = ()  # with their kinds
    sees: bool = False  # whether pictures of rings are kept


class House(Protocol):
    """A door at work. Belongs to the event loop."""

    @property
    def names(self) -> Names: ...

    async def perform(self, verb: str, *args: str, by: str) -> Json:
        """Do what `portero ctl VERB ARGS` does, and answer the same. `by` stands in the journal as who asked. Raises Refused."""
        ...

    async def rows(self, *, before: int | None = None, kinds: tuple[str, ...] = (), limit: int) -> tuple[Row, ...]:
        """Rows of the journal, the newest first. Raises Refused while it cannot be read."""
        ...

    def pictures(self, most: int) -> tuple[KeptPicture, ...]:
        """The newest pictures of rings, the newest first."""
        ...

    async def picture(self, file: str) -> bytes:
        """The JPEG of this name. Raises Refused."""
        ...

    def follow(self, after: int | None) -> AsyncGenerator[Row, None]:
        """Each new row of the journal once it is there, from the one behind `after` on. Whoever follows ends it with `aclose`."""
        ...

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Tell of each record as it happens; call the result to stop."""
        ...

    def tell(self, record: LoginRefused) -> None:
        """Let the door write this down."""
        ...


def part(value: Json, *keys: str) -> Json:
    """What stands in an answer under these keys, one inside the other; None where there is nothing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def table(value: Json, *keys: str) -> dict[str, Json]:
    """The same, where an object is expected."""
    found = part(value, *keys)
    return found if isinstance(found, dict) else {}
