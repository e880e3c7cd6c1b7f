"""The web page: forms and links, made here as a whole; a small script only saves the reloading.

What a form asks for counts when three things fit: the session's cookie, which other sites' requests do not carry (SameSite=Strict), the
form's own key, and the origin where the browser tells it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from firmware.errors import LoginError
from firmware.outlets.doorkeeper import Doorkeeper, LockedOutError
from firmware.outlets.logins import May
from firmware.outlets.seam import House, Refused, part
from firmware.outlets.web import html
from firmware.outlets.web.api import stream
from firmware.outlets.web.message import EventStream, Request, Response
from firmware.outlets.web.sessions import LIFE_S_MAX, Session, Sessions
from firmware.outlets.web.words import Words, words_for

FILES: Final = {"/page.css": "text/css; charset=utf-8", "/page.js": "text/javascript; charset=utf-8", "/icon.svg": "image/svg+xml"}
HTML: Final = "text/html; charset=utf-8"
ROWS: Final = 20
CALLS: Final = 5
SHOWN: Final = 4  # pictures of rings
PICTURES: Final = "/pictures/"
# Forms of the page: which right, which verb of `portero ctl` and how many words behind it.
FORMS: Final = {
    "/press": (May.RING, "press", 1),
    "/flat": (May.RING, "flat", 1),
    "/call": (May.RING, "call", 1),
    "/hangup": (May.RING, "hangup", 0),
}


class Page:
    """Answers browsers. `is_secure`: they come over TLS, so the cookie may say so."""

    def __init__(self, house: House, keeper: Doorkeeper, sessions: Sessions, *, is_secure: bool) -> None:
        self._house = house
        self._keeper = keeper
        self._sessions = sessions
        self._is_secure = is_secure
        # RFC 6265bis §4.1.3.2: a browser takes `__Host-` only over TLS, for this host alone.
        self._cookie = "__Host-door" if is_secure else "door"

    async def answer(self, request: Request) -> Response | EventStream:
        """The answer to any request of a browser. Raises Refused and LoginError as the site's other parts do."""
        if request.path in FILES:
            return _file(request)
        if not any(not login.is_token for login in self._keeper.logins.all().values()):
            return Response(503, html.no_password(_words(request), self._house.names.station), HTML)
        cookie = request.cookie(self._cookie)
        session = self._sessions.of(cookie)
        if request.path == "/login":
            return await self._log_in(request)
        if session is None:
            return _to("/login") if request.method in ("GET", "HEAD") and request.path == "/" else self._wrong(request, 403, "log_in_first")
        if self._keeper.logins.all().get(session.login.name) != session.login:  # removed, or with another password or other rights
            self._sessions.end(cookie)
            return _to("/login")
        if request.method == "POST":
            return await self._posted(request, session, cookie)
        return await self._shown(request, session)

    async def _shown(self, request: Request, session: Session) -> Response | EventStream:
        if request.method not in ("GET", "HEAD"):
            return self._refused(request, 405, "Only GET and POST.")
        if May.SEE not in session.login.may:
            return self._refused(request, 403, f"{session.login.name} may see nothing here.")
        if request.path == "/events":
            return stream(self._house, request)
        if request.path.startswith(PICTURES):
            return Response(200, await self._house.picture(request.path.removeprefix(PICTURES)), "image/jpeg")
        if request.path != "/":
            return self._wrong(request, 404, "no_page")
        status = await self._house.perform("status", by=f"web {session.login.name}")
        words = _words(request)
        rows = await self._house.rows(kinds=words.kinds, limit=ROWS)
        calls = await self._house.rows(kinds=("CallMeasured",), limit=CALLS)
        pictures = self._house.pictures(SHOWN)
        resting = part(await self._house.perform("dnd", by=f"web {session.login.name}"), "quiet")
        quiet = frozenset(map(str, resting)) if isinstance(resting, list) else frozenset[str]()
        view = html.View(self._house.names, status, rows, calls, pictures, quiet, session.login, session.form_key, words)
        return Response(200, html.door(view), HTML)

    async def _log_in(self, request: Request) -> Response:
        if request.method != "POST":
            return Response(200, html.log_in(_words(request), self._house.names.station), HTML)
        form = request.form()
        if not self._is_from_here(request):
            return self._wrong(request, 403, "foreign_form")
        try:
            login = await self._keeper.by_password(form.get("name", ""), form.get("password", ""), request.source)
        except LockedOutError as error:
            return Response(
                429,
                html.log_in(_words(request), self._house.names.station, f"{error}."),
                HTML,
                (("Retry-After", str(round(error.for_s) + 1)),),
            )
        except LoginError as error:
            return self._refused(request, 503, str(error))
        if login is None:
            return Response(403, html.log_in(_words(request), self._house.names.station, _words(request)("wrong_login")), HTML)
        return _to("/", ("Set-Cookie", self._cookie_of(self._sessions.begin(login), LIFE_S_MAX)))

    async def _posted(self, request: Request, session: Session, cookie: str) -> Response:
        form = request.form()
        if not self._is_from_here(request) or not session.wrote(form.get("key", "")):
            return self._wrong(request, 403, "foreign_form")
        if request.path == "/logout":
            self._sessions.end(cookie)
            return _to("/login", ("Set-Cookie", self._cookie_of("", 0)))
        name = form.get("name", "")
        words: tuple[str, ...]
        if request.path == "/lock" and form.get("do") in ("open", "hold", "lock", "normal"):
            may, words = May.OPEN, ("lock", name, form["do"])
        elif request.path == "/quiet" and form.get("do") in ("on", "off"):
            may, words = May.RING, ("dnd", name, form["do"])
        elif request.path in FORMS:
            may, verb, count = FORMS[request.path]
            words = (verb, *(name,) * count)
            if verb == "call" and name not in self._house.names.targets:
                return self._wrong(request, 404, "no_target")
        else:
            return self._wrong(request, 404, "nothing_to_do")
        if may not in session.login.may:
            return self._refused(request, 403, f"{session.login.name} may not {may.value}.")
        try:
            await self._house.perform(*words, by=f"web {session.login.name}")
        except Refused as error:
            return self._refused(request, 409, f"{error}.")
        return _to("/")

    def _is_from_here(self, request: Request) -> bool:
        """Whether the browser, where it tells, tells of our own page (Fetch Metadata; RFC 6454 §7).

        Over plain HTTP a browser tells of the origin alone, and in front of us may be a proxy that has TLS.
        """
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        origin, host = request.headers.get("origin"), request.headers.get("host", "")
        ours = {f"https://{host}"} if self._is_secure else {f"https://{host}", f"http://{host}"}
        return origin is None or origin in ours

    def _cookie_of(self, value: str, life_s: float) -> str:
        secure = "; Secure" if self._is_secure else ""
        return f"{self._cookie}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life_s:.0f}{secure}"

    def _wrong(self, request: Request, status: int, key: str) -> Response:
        """Refuse in the browser's language."""
        return self._refused(request, status, _words(request)(key))

    def _refused(self, request: Request, status: int, text: str) -> Response:
        """Refuse in the words of whoever refused, which are English."""
        return Response(status, html.wrong(_words(request), self._house.names.station, text), HTML)


def _words(request: Request) -> Words:
    return words_for(request.headers.get("accept-language", ""))


def _to(path: str, *headers: tuple[str, str]) -> Response:
    """See other (RFC 9110 §15.4.4): the browser goes on with a GET, so that reloading repeats no order."""
    return Response(303, headers=(("Location", path), *headers))


def _file(request: Request) -> Response:
    return Response(200, _contents(request.path.removeprefix("/")), FILES[request.path])


@cache
def _contents(name: str) -> bytes:
    return (Path(__file__).parent / name).read_bytes()
