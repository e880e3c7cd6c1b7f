"""Who is logged in at the web page: a random name in a cookie, and what stands behind it, in memory alone."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final, NamedTuple

from firmware.hashes import compare_digest
from firmware.outlets.logins import Login

SESSIONS_MAX: Final = 32  # the one that was silent longest makes room
IDLE_S_MAX: Final = 3600.0
LIFE_S_MAX: Final = 43_200.0  # half a day: a lost telephone is no key for ever


class Session(NamedTuple):
    """One browser. `form_key` stands in its forms, where no other site can know it."""

    login: Login
    form_key: str
    since_s: float
    seen_s: float

    def wrote(self, form_key: str) -> bool:
        """Whether a form came from a page of ours."""
        return compare_digest(self.form_key.encode(), form_key.encode())


class Sessions:
    """Belongs to the event loop. `clock_s` is monotonic."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._sessions: dict[str, Session] = {}  # in the order in which they were seen last

    def begin(self, login: Login) -> str:
        """A new session; returns the cookie's value, 256 random bits."""
        while len(self._sessions) >= SESSIONS_MAX:
            del self._sessions[next(iter(self._sessions))]
        now_s, cookie = self._clock_s(), secrets.token_urlsafe(32)
        self._sessions[cookie] = Session(login=login, form_key=secrets.token_urlsafe(16), since_s=now_s, seen_s=now_s)
        return cookie

    def of(self, cookie: str) -> Session | None:
        """The session behind a cookie, which counts as seen now."""
        session = self._sessions.pop(cookie, None)
        now_s = self._clock_s()
        if session is None or now_s - session.seen_s > IDLE_S_MAX or now_s - session.since_s > LIFE_S_MAX:
            return None
        self._sessions[cookie] = session._replace(seen_s=now_s)
        return session

    def end(self, cookie: str) -> None:
        self._sessions.pop(cookie, None)
