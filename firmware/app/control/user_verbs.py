"""Verbs for the store of users: `portero users` without a shell, for those outlets that may."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from firmware.app.control.protocol import ControlError, Json
from firmware.app.control.verbs import SignedVerb, Verb
from firmware.app.station import Station
from firmware.errors import UsersError

if TYPE_CHECKING:
    from firmware.app.users.person import Person

PAGE: Final = 100  # users in one answer
VALUES_MAX: Final = 15  # as many words as a request may have, less the name


async def _list(station: Station, args: tuple[str, ...]) -> Json:
    """A page of users, by name, from the one behind `args[0]` on. Digits are told nowhere."""
    if not Path(station.settings.users.path).exists():
        return []
    after = args[0] if args else ""
    try:
        people = await station.clerk.work(lambda store: list(store.people(after=after, limit=PAGE)))
    except UsersError as error:
        raise ControlError("not_now", str(error)) from error
    return [_shown(person) for person in people]


async def _set(station: Station, args: tuple[str, ...], by: str) -> Json:
    """Add a user, or change one, by KEY=VALUE."""
    name, values = args[0], args[1:]
    from firmware.app.users.editing import change
    from firmware.app.users.store import UserStore

    def work(store: UserStore) -> Person | None:
        store.apply([change(store, station.settings, name, values, new=store.named(name) is None)])
        return store.named(name)

    try:
        person = await station.clerk.work(work, create=True)
        await station.clerk.reload(by=f"{by}: {name}")
    except UsersError as error:
        raise ControlError("bad_argument", str(error)) from error
    return None if person is None else _shown(person)


async def _remove(station: Station, args: tuple[str, ...], by: str) -> Json:
    try:
        removed = await station.clerk.work(lambda store: store.remove(args))
        if not removed:
            raise ControlError("not_found", f"there is no user {args[0]!r}")
        await station.clerk.reload(by=f"{by}: {args[0]}")
    except UsersError as error:
        raise ControlError("not_now", str(error)) from error
    return {"removed": args[0]}


def _shown(person: Person) -> Json:
    from firmware.app.users.form import time_text

    return {
        "name": person.name,
        "groups": list(person.groups),
        "locks": None if person.locks is None else list(person.locks),
        "profile": person.profile,
        "cards": list(person.cards),
        "card_needs_pin": person.card_needs_pin,
        "valid_from": time_text(person.valid_from) or None,
        "valid_until": time_text(person.valid_until) or None,
        "uses_left": person.uses_left,
        "secrets": {kind.value: seal.digits for kind, seal in person.secrets.items()},
    }


USER_VERBS: dict[str, Verb | SignedVerb] = {
    "users-list": Verb("[AFTER]", 0, 1, _list),
    "users-set": SignedVerb("NAME KEY=VALUE …", 1, 1 + VALUES_MAX, _set),
    "users-remove": SignedVerb("NAME", 1, 1, _remove),
}
