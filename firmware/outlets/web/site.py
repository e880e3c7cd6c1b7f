"""Which path is answered by whom, and who may ask: tokens for machines, a session for the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from firmware.errors import LoginError
from firmware.outlets.doorkeeper import Doorkeeper, LockedOutError
from firmware.outlets.logins import Login, May
from firmware.outlets.seam import House, Refused
from firmware.outlets.web.api import Api
from firmware.outlets.web.message import EventStream, Request, Response, json_response, problem
from firmware.outlets.web.metrics_page import MetricsPage
from firmware.outlets.web.page import Page

API: Final = "/api/v1/"
# The door's words for why not (docs/ctl.md), as HTTP says them.
STATUSES: Final = {"not_found": 404, "bad_argument": 400, "not_now": 409, "failed": 502, "unknown_verb": 404, "forbidden": 403}

Handler = Callable[[Request], Awaitable[Response | EventStream]]


class Site:
    """Everything that the web server serves."""

    def __init__(self, house: House, keeper: Doorkeeper, page: Page, metrics: MetricsPage, *, metrics_open: bool) -> None:
        self._house = house
        self._keeper = keeper
        self._api = Api(house)
        self._page = page
        self._metrics = metrics
        self._metrics_open = metrics_open
        self._further: dict[str, tuple[May, Callable[[Request, Login], Awaitable[Response]]]] = {}

    def add(self, path: str, may: May, handler: Callable[[Request, Login], Awaitable[Response]]) -> None:
        """Let a further service answer `path` to whoever shows a token with this right."""
        self._further[path] = (may, handler)

    async def answer(self, request: Request) -> Response | EventStream:
        """The answer to any request. Never raises for what a request says."""
        try:
            return await self._routed(request)
        except Refused as error:
            return problem(STATUSES.get(error.code, 409), str(error), code=error.code)
        except LockedOutError as error:
            return problem(429, str(error), ("Retry-After", str(round(error.for_s) + 1)))
        except LoginError as error:
            return problem(503, str(error))

    async def _routed(self, request: Request) -> Response | EventStream:
        path = request.path
        if path == "/health":
            return await self._health(request)
        if path == "/metrics":
            if not self._metrics_open:
                refusal = self._unless(request, May.SEE)
                if isinstance(refusal, Response):
                    return refusal
            return await self._metrics.answer(request)
        if path in self._further:
            may, handler = self._further[path]
            login = self._unless(request, may)
            return login if isinstance(login, Response) else await handler(request, login)
        if path.startswith(API):
            found = self._api.route(request.method, path.removeprefix(API))
            if isinstance(found, Response):
                return found
            login = self._unless(request, found.may)
            return login if isinstance(login, Response) else await found.run(request, login)
        return await self._page.answer(request)

    def _unless(self, request: Request, may: May) -> Login | Response:
        """Whoever asks, or the refusal (RFC 6750 §3). A cookie counts for nothing here: no other site can make a browser ask."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return problem(401, "show a token: Authorization: Bearer …", ("WWW-Authenticate", 'Bearer realm="door"'))
        login = self._keeper.by_token(token.strip(), request.source)
        if login is None:
            return problem(401, "this token is not known", ("WWW-Authenticate", 'Bearer realm="door", error="invalid_token"'))
        if may not in login.may:
            challenge = f'Bearer realm="door", error="insufficient_scope", scope="{may.value}"'
            return problem(403, f"{login.name} may not {may.value}", ("WWW-Authenticate", challenge))
        return login

    async def _health(self, request: Request) -> Response:
        """For load balancers and watchdogs, who know nothing: whether the door works, and no word more."""
        if request.method not in ("GET", "HEAD"):
            return problem(405, "only GET", ("Allow", "GET, HEAD"))
        status = await self._house.perform("status", by="web")
        ill = isinstance(status, dict) and bool(status.get("health"))
        return json_response({"status": "ill" if ill else "ok"}, 503 if ill else 200)
