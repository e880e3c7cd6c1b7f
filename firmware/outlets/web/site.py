"""Which path is answered by whom, and who may ask: tokens for machines, a session for the page."""

from __future__ import annotations

from typing import Final, Protocol

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


class Service(Protocol):
    """Something with a path of its own, for whoever shows a token; which right each request takes, it knows itself."""

    def description(self, request: Request) -> Response:
        """What it is, for everybody."""
        ...

    async def answer(self, request: Request, login: Login) -> Response:
        """The answer to a POST."""
        ...


class Site:
    """Everything that the web server serves."""

    def __init__(self, house: House, keeper: Doorkeeper, page: Page, metrics: MetricsPage, *, metrics_open: bool) -> None:
        self._house = house
        self._keeper = keeper
        self._api = Api(house)
        self._page = page
        self._metrics = metrics
        self._metrics_open = metrics_open
        self._services: dict[str, Service] = {}

    def add(self, path: str, service: Service) -> None:
        """Let a further service answer at `path`."""
        self._services[path] = service

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
        if path in self._services:
            service = self._services[path]
            if request.method != "POST":
                return service.description(request)
            login = self._known(request)
            return login if isinstance(login, Response) else await service.answer(request, login)
        if path.startswith(API):
            found = self._api.route(request.method, path.removeprefix(API))
            if isinstance(found, Response):
                return found
            login = self._unless(request, found.may)
            return login if isinstance(login, Response) else await found.run(request, login)
        return await self._page.answer(request)

    def _unless(self, request: Request, may: May) -> Login | Response:
        """Whoever asks and has the right, or the refusal (RFC 6750 §3.1)."""
        login = self._known(request)
        if isinstance(login, Response) or may in login.may:
            return login
        challenge = f'Bearer realm="door", error="insufficient_scope", scope="{may.value}"'
        return problem(403, f"{login.name} may not {may.value}", ("WWW-Authenticate", challenge))

    def _known(self, request: Request) -> Login | Response:
        """Whose token is shown. A cookie counts for nothing here: no other site can make a browser ask."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return problem(401, "show a token: Authorization: Bearer …", ("WWW-Authenticate", 'Bearer realm="door"'))
        login = self._keeper.by_token(token.strip(), request.source)
        if login is None:
            return problem(401, "this token is not known", ("WWW-Authenticate", 'Bearer realm="door", error="invalid_token"'))
        return login

    async def _health(self, request: Request) -> Response:
        """For load balancers and watchdogs, who know nothing: whether the door works, and no word more."""
        if request.method not in ("GET", "HEAD"):
            return problem(405, "only GET", ("Allow", "GET, HEAD"))
        status = await self._house.perform("status", by="web")
        ill = isinstance(status, dict) and bool(status.get("health"))
        return json_response({"status": "ill" if ill else "ok"}, 503 if ill else 200)
