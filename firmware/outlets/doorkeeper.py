"""Looks at passwords and tokens, and stops whoever guesses: the same growing lock-out as for codes at the door, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from firmware.door.access import Guard
from firmware.door.directory import Limits
from firmware.door.events import LoginRefused
from firmware.errors import LoginError
from firmware.outlets.logins import PASSWORD_LENGTH_MAX, Login, Logins, password_fits

TRIES_MAX: Final = 4  # passwords that wait for their scrypt: more at once are no people
NAME_SHOWN_MAX: Final = 32  # of a claimed name, in the journal
ROWS_AT_ONCE: Final = (
    10  # of refused logins in the journal, and then one in ROW_EVERY_S: who has a network of addresses has one lock-out each,
)
ROW_EVERY_S: Final = 10.0  # and must not drive out with his own rows what stands in the journal


class LockedOutError(LoginError):
    """Nothing is looked at before `for_s` have passed."""

    def __init__(self, for_s: float) -> None:
        super().__init__(f"after wrong tries nothing is accepted for {for_s:.0f} s")
        self.for_s = for_s


class Doorkeeper:
    """Belongs to the event loop; scrypt runs on a thread, one at a time."""

    def __init__(self, logins: Logins, limits: Limits, clock_s: Callable[[], float], tell: Callable[[LoginRefused], None]) -> None:
        """`limits` are those of the door's codes; `clock_s` is monotonic; `tell` hears of every wrong try."""
        self.logins = logins
        self._limits = limits
        # Wrong tokens of all together lock nobody out: none is guessed, and machines must not suffer from a stranger's tries.
        self._token_limits = limits._replace(wrong_limit_global=1 << 30)
        self._clock_s = clock_s
        self._tell = tell
        self._passwords = Guard()
        self._tokens = Guard()
        self._rows_left, self._rows_at_s, self._unrecorded = float(ROWS_AT_ONCE), clock_s(), 0
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    async def by_password(self, name: str, password: str, source: str) -> Login | None:
        """Whoever proves this password, or None. Raises LockedOutError unlooked, and LoginError when logins cannot be read."""
        self._refuse_locked(self._passwords, source)
        if self._waiting >= TRIES_MAX:
            raise LockedOutError(1.0)
        self._waiting += 1
        try:
            async with self._turn:
                self._refuse_locked(self._passwords, source)  # others may have failed meanwhile
                login = self.logins.all().get(name)
                if not await asyncio.to_thread(password_fits, login, password[: PASSWORD_LENGTH_MAX + 1]):
                    login = None
        finally:
            self._waiting -= 1
        if login is not None:
            self._passwords = self._passwords.after_right(source)
            return login
        self._passwords = self._passwords.after_wrong(source, self._limits, self._clock_s())
        self._refused(name, source, self._passwords)
        return None

    def by_token(self, token: str, source: str) -> Login | None:
        """Whose token this is, or None. Raises as `by_password`."""
        self._refuse_locked(self._tokens, source)
        login = self.logins.of_token(token)
        if login is None:
            self._tokens = self._tokens.after_wrong(source, self._token_limits, self._clock_s())
            self._refused("", source, self._tokens)
        return login

    def _refuse_locked(self, guard: Guard, source: str) -> None:
        for_s = guard.locked_for_s(source, self._clock_s())
        if for_s > 0:
            raise LockedOutError(for_s)

    def _refused(self, who: str, source: str, guard: Guard) -> None:
        """Have it written down, or only count it."""
        now_s = self._clock_s()
        self._rows_left = min(float(ROWS_AT_ONCE), self._rows_left + (now_s - self._rows_at_s) / ROW_EVERY_S)
        self._rows_at_s = now_s
        if self._rows_left < 1:
            self._unrecorded += 1
            return
        self._rows_left -= 1
        earlier, self._unrecorded = self._unrecorded, 0
        shown = "".join(sign if sign.isprintable() else "?" for sign in who[:NAME_SHOWN_MAX])
        lockout_s = max(0.0, guard.locked_for_s(source, now_s))
        self._tell(LoginRefused(outlet="web", who=shown, source=source, lockout_s=round(lockout_s, 1), unrecorded=earlier))
