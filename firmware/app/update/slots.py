"""Which root slot boots: the file `slots.env` on the boot partition, which U-Boot's script reads, and changes at the boots of a new system.

    order=b a
    left_a=9
    left_b=3

The first slot of `order` that has tries left is started. One that proved itself has CONFIRMED tries, and keeps them; any other loses one
with each boot. A slot with none is left alone. A file that cannot be read means to U-Boot: a, then b, three tries each.

The file keeps its length, and is written over its own sector of the card: a power cut leaves the text of before or that of afterwards, and
nothing else of the file system changes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from firmware.errors import UpdateError

Slot = Literal["a", "b"]
SLOTS: tuple[Slot, ...] = get_args(Slot)
CONFIRMED = 9
TRIES = 3  # of a new system: a supply that fails during its first boot is not its fault
FILE_BYTES_MAX = 512  # one sector


class Slots(NamedTuple):
    """`order`: the slots, the wanted one first. `left`: the tries of a and of b."""

    order: tuple[Slot, Slot] = ("a", "b")
    left: tuple[int, int] = (TRIES, TRIES)

    def tries(self, slot: Slot) -> int:
        """How often `slot` may still be started."""
        return self.left[SLOTS.index(slot)]

    def is_confirmed(self, slot: Slot) -> bool:
        """Whether `slot` proved itself."""
        return self.tries(slot) >= CONFIRMED

    @property
    def primary(self) -> Slot | None:
        """The slot that boots next; None: none has tries left, and U-Boot begins anew with all."""
        return next((slot for slot in self.order if self.tries(slot) > 0), None)

    def with_tries(self, slot: Slot, tries: int) -> Slots:
        """The same with so many tries of `slot`."""
        a, b = self.left
        return self._replace(left=(tries, b) if slot == "a" else (a, tries))

    def with_primary(self, slot: Slot) -> Slots:
        """`slot` boots next: one that proved itself as it is, any other on trial."""
        after = self._replace(order=("a", "b") if slot == "a" else ("b", "a"))
        return after if after.is_confirmed(slot) else after.with_tries(slot, TRIES)

    def with_state(self, slot: Slot, *, good: bool) -> Slots:
        """`slot` has proved itself, or shall not be started any more. A bad one stands last as well, should its tries come back."""
        if good:
            return self.with_tries(slot, CONFIRMED)
        return self._replace(order=(other(slot), slot)).with_tries(slot, 0)

    def __str__(self) -> str:
        return f"order={self.order[0]} {self.order[1]}\nleft_a={self.left[0]}\nleft_b={self.left[1]}\n"


def other(slot: Slot) -> Slot:
    """The slot beside this one."""
    return "b" if slot == "a" else "a"


def slot_named(name: str) -> Slot:
    """The slot of this name. Raises UpdateError."""
    for slot in SLOTS:
        if slot == name:
            return slot
    raise UpdateError(f"{name!r} is no slot; there are a and b")


def parse(text: str) -> Slots:
    """What U-Boot would read: what is missing or broken has its default, each line for itself."""
    found = dict(line.split("=", 1) for line in text.replace("\0", "\n").splitlines() if "=" in line)
    wanted = [slot for name in found.get("order", "").split() for slot in SLOTS if slot == name]
    order: tuple[Slot, Slot] = ("b", "a") if wanted[:1] == ["b"] else ("a", "b")
    return Slots(order, (_tries(found.get("left_a", "")), _tries(found.get("left_b", ""))))


def _tries(text: str) -> int:
    text = text.strip()
    return int(text) if text in tuple("0123456789") else TRIES


def read_slots(file: Path) -> Slots:
    """The file's contents; those of a fresh card when it is missing or no text."""
    try:
        with file.open("rb") as handle:
            return parse(handle.read(FILE_BYTES_MAX).decode("ascii", "replace"))
    except FileNotFoundError:
        return Slots()
    except OSError as error:
        raise UpdateError(f"{file} cannot be read: {error.strerror}") from error


def write_slots(file: Path, slots: Slots) -> None:
    """Write the file in place, durably. The boot partition is writable. Raises UpdateError."""
    text = str(slots).encode()
    try:
        with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b", buffering=0) as handle:
            size = os.fstat(handle.fileno()).st_size
            if size - len(text) > 1:  # `#` begins a comment: an empty line would end U-Boot's reading
                text += b"#" * (size - len(text) - 1) + b"\n"
            elif size > len(text):  # the zero byte that U-Boot writes at the end
                text += b"\0"
            handle.write(text[:FILE_BYTES_MAX])
            os.fsync(handle.fileno())
    except OSError as error:
        raise UpdateError(f"{file} cannot be written: {error.strerror}") from error
