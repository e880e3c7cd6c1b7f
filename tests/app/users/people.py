"""A store of users for tests: with the hash at its cheapest, because what it costs is the benchmark's business."""

from __future__ import annotations

from pathlib import Path

from firmware.app.users.form import sealed
from firmware.app.users.person import Person
from firmware.app.users.seal import SecretKind
from firmware.app.users.store import Change, UserStore


def opened(folder: Path) -> UserStore:
    return UserStore(folder / "users.db", folder / "users.key", create=True)


def change(store: UserStore, person: Person, **digits: str) -> Change:
    """This person with these secrets: `pin="583216"`."""
    return sealed(person, tuple((SecretKind(kind), store.sealer.seals(typed)) for kind, typed in digits.items()))
