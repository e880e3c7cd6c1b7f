"""Who stands in the store of users of the simulated house: each with the rights that the witness knows."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from firmware.app.users.form import sealed
from firmware.app.users.person import Person
from firmware.app.users.seal import SecretKind
from firmware.app.users.store import UserStore


class Tenant(NamedTuple):
    """`uses`: how often in all, None: as often as wanted. With `needs_card` neither the card nor the PIN opens alone."""

    pin: str
    card: str
    uses: int | None = None
    needs_card: bool = False


TENANTS: Final[Mapping[str, Tenant]] = {
    "eva": Tenant(pin="583216", card="CAFE01"),
    "guest": Tenant(pin="740931", card="CAFE02", uses=2),
    "safe": Tenant(pin="926583", card="CAFE03", needs_card=True),
}


def move_in(folder: Path) -> None:
    """Write the store, once in the life of a house. Three hashes at their full price."""
    with contextlib.closing(UserStore(folder / "users.db", folder / "users.key", create=True)) as store:
        changes = []
        for name, tenant in TENANTS.items():
            person = Person(name=name, locks=None, cards=(tenant.card,), uses_left=tenant.uses, card_needs_pin=tenant.needs_card)
            changes.append(sealed(person, ((SecretKind.PIN, store.sealer.seals(tenant.pin)),)))
        store.apply(changes)
