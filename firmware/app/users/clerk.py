"""The store of users at the daemon's side: one thread that looks, hashes and spends, so that the event loop never waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from firmware.door import events as door
from firmware.errors import UsersError

if TYPE_CHECKING:
    from firmware.app.users.person import Person
    from firmware.app.users.store import UserStore

log = logging.getLogger("portero.users")

T = TypeVar("T")


class Clerk:
    """Answers the door's questions. Their number is bounded by the door, which asks ASKS_MAX at a time."""

    def __init__(
        self,
        path: Path,
        key_path: Path,
        *,
        groups: Mapping[str, door.Right],
        clock: Callable[[], float],
        tell: Callable[[door.Input], object],
    ) -> None:
        """`groups` are those of the configuration; `clock` gives seconds since 1970; `tell` takes the answers."""
        self._path = path
        self._key_path = key_path
        self._groups = groups
        self._clock = clock
        self._tell = tell
        self._store: UserStore | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="users")

    async def reload(self, by: str = "") -> door.UsersChanged:
        """Open the store, or look at it again, and tell the door who changed it. Without a store there are no users. Raises UsersError."""
        changed = (await asyncio.get_running_loop().run_in_executor(self._thread, self._looked))._replace(by=by)
        self._tell(changed)
        return changed

    async def work(self, deed: Callable[[UserStore], T], *, create: bool = False) -> T:
        """Let an administrator look into the store, or change it; with `create` there is one afterwards. Raises UsersError."""

        def done() -> T:
            if self._store is None:
                from firmware.app.users.store import UserStore

                self._store = UserStore(self._path, self._key_path, create=create)
            return deed(self._store)

        return await asyncio.get_running_loop().run_in_executor(self._thread, done)

    def ask(self, question: door.Question) -> None:
        """Must be called on the event loop; the answer comes through `tell`."""
        asyncio.get_running_loop().run_in_executor(self._thread, self._answer, question).add_done_callback(self._answered)

    async def close(self) -> None:
        """Wait for what is being answered, and close the store."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._closed)
        self._thread.shutdown()

    def _answered(self, answer: asyncio.Future[door.Input]) -> None:
        if not answer.cancelled():
            self._tell(answer.result())

    # --- in the thread ----------------------------------------------------------------------------------------------------

    def _looked(self) -> door.UsersChanged:
        self._closed()
        if not self._path.exists():
            return door.UsersChanged(users=0, pin_digits=0, code_digits=0)
        from firmware.app.users.store import UserStore  # loads OpenSSL: only stations with users pay for it

        self._store = UserStore(self._path, self._key_path)
        return door.UsersChanged(*self._store.summary())

    def _closed(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _answer(self, question: door.Question) -> door.Input:
        try:
            return self._asked(question)
        except UsersError as error:
            log.error("%s", error)
            return door.NotVerified(ask=question.ask, detail=str(error))

    def _asked(self, question: door.Question) -> door.Input:
        if self._store is None:
            raise UsersError(f"{self._path}: there is no store of users")
        from firmware.app.users.seal import SecretKind

        match question:
            case door.VerifyDigits(ask=ask, place=place, digits=digits):
                kind = SecretKind.PIN if place is door.Place.KEYPAD else SecretKind.CODE
                found = self._store.by_digits(digits, (kind, SecretKind.DURESS))
                if found is None:
                    return self._verified(ask, None)
                person, kind = found
                return self._verified(ask, person, duress=kind is SecretKind.DURESS)
            case door.VerifyCard(ask=ask, card=card):
                return self._verified(ask, self._store.by_card(card))
            case door.Spend(ask=ask, user=user):
                return door.Spent(ask=ask, done=self._store.spend(user))

    def _verified(self, ask: door.AskId, person: Person | None, *, duress: bool = False) -> door.Verified:
        user = None if person is None else user_of(person, self._groups)
        return door.Verified(ask=ask, user=user, duress=duress, at_s=self._clock())


def user_of(person: Person, groups: Mapping[str, door.Right]) -> door.User:
    """What the door must know of a user. A group that the configuration no longer has gives nothing."""
    own = door.Right(locks=None if person.locks is None else frozenset(map(door.LockName, person.locks)), profile=person.profile)
    return door.User(
        name=person.name,
        rights=(own, *(groups[name] for name in person.groups if name in groups)),
        valid_from_s=person.valid_from,
        valid_until_s=person.valid_until,
        uses_left=person.uses_left,
        card_needs_pin=person.card_needs_pin,
    )
