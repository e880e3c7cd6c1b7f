"""The HTTP API, version 1: JSON over the verbs of `portero ctl`. Described in docs/web.md."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, NamedTuple

from firmware.outlets.logins import Login, May
from firmware.outlets.seam import House, Json, Refused, Row, part
from firmware.outlets.web.message import EventStream, Request, Response, json_response, problem

ROWS_MAX: Final = 200  # of one page of the log
ROWS: Final = 50
ROW_MAX: Final = (1 << 62) - 1
KEYS_MAX: Final = 15  # of a user: there are eleven
LOCK_ACTIONS: Final = ("open", "hold", "lock", "normal")


class Route(NamedTuple):
    """What answers a path, and which right it takes."""

    may: May
    run: Callable[[Request, Login], Awaitable[Response | EventStream]]


class Api:
    """Routes, each with what it does at the house."""

    def __init__(self, house: House) -> None:
        self._house = house

    def route(self, method: str, path: str) -> Route | Response:
        """Who answers, or why nobody does. `path` is without the prefix of the API."""
        methods = self._methods(path.rstrip("/").split("/"))
        if not methods:
            return problem(404, "there is nothing of this name; see docs/web.md")
        route = methods.get("GET" if method == "HEAD" else method)
        return problem(405, f"give {' or '.join(methods)}", ("Allow", ", ".join(methods))) if route is None else route

    def _methods(self, path: list[str]) -> dict[str, Route]:
        match path:
            case ["status"]:
                return {"GET": Route(May.SEE, self._status)}
            case ["log"]:
                return {"GET": Route(May.SEE, self._log)}
            case ["events"]:
                return {"GET": Route(May.SEE, self._events)}
            case ["calls"]:
                return {
                    "GET": Route(May.SEE, self._calls),
                    "POST": Route(May.RING, self._call),
                    "DELETE": Route(May.RING, lambda _request, login: self._done(login, "hangup")),
                }
            case ["buttons", name, "press"]:
                return {"POST": Route(May.RING, lambda _request, login: self._done(login, "press", name))}
            case ["flats"]:
                return {"GET": Route(May.SEE, self._flats)}
            case ["flats", number, "ring"]:
                return {"POST": Route(May.RING, lambda _request, login: self._done(login, "flat", number))}
            case ["locks"]:
                return {"GET": Route(May.SEE, self._locks)}
            case ["locks", name, action] if action in LOCK_ACTIONS:
                return {"POST": Route(May.OPEN, lambda _request, login: self._done(login, "lock", name, action))}
            case ["pictures"]:
                return {"GET": Route(May.SEE, self._pictures)}
            case ["pictures", name]:
                return {"GET": Route(May.SEE, lambda _request, _login: self._picture(name))}
            case ["users"]:
                return {"GET": Route(May.USERS, self._users)}
            case ["users", name]:
                return {
                    "PUT": Route(May.USERS, lambda request, login: self._done(login, "users-set", name, *_values(request))),
                    "DELETE": Route(May.USERS, lambda _request, login: self._done(login, "users-remove", name)),
                }
            case _:
                return {}

    async def _done(self, login: Login, verb: str, *args: str) -> Response:
        return json_response(await self._house.perform(verb, *args, by=f"web {login.name}"))

    async def _status(self, _request: Request, login: Login) -> Response:
        return await self._done(login, "status")

    async def _locks(self, _request: Request, login: Login) -> Response:
        status = await self._house.perform("status", by=f"web {login.name}")
        names = self._house.names
        return json_response(
            [
                {
                    "name": name,
                    "open": part(status, "locks", name),
                    "mode": part(status, "modes", name) or "normal",
                    "may_hold": name in names.held,
                }
                for name in names.locks
            ]
        )

    async def _flats(self, request: Request, _login: Login) -> Response:
        """A page of flats in the order of the configuration; `after` is how many came before."""
        first = _number(request, "after", 0, ROW_MAX, least=0)
        flats = self._house.names.flats[first : first + ROWS_MAX]
        more = first + len(flats) < len(self._house.names.flats)
        shown: list[Json] = [{"number": number, "name": name} for number, name in flats]
        return json_response({"flats": shown, "next": first + len(flats) if more else None})

    async def _calls(self, _request: Request, login: Login) -> Response:
        """The call in progress, and how the last ones ended and sounded."""
        status = await self._house.perform("status", by=f"web {login.name}")
        last = await self._house.rows(kinds=("CallEnded", "CallMeasured"), limit=ROWS)
        return json_response({"call": part(status, "call"), "legs": part(status, "legs"), "last": [in_json(row) for row in last]})

    async def _call(self, request: Request, login: Login) -> Response:
        """Call a target of the configuration: a token must not ring any number in the world at the house's cost."""
        target = part(_body(request), "target")
        if not isinstance(target, str) or target not in self._house.names.targets:
            raise Refused("not_found", f"give a target of the configuration: {', '.join(self._house.names.targets) or 'there is none'}")
        return await self._done(login, "call", target)

    async def _log(self, request: Request, _login: Login) -> Response:
        """A page of the journal, the newest row first; `next` is the `before` of the page after it."""
        limit = _number(request, "limit", ROWS, ROWS_MAX)
        before = _number(request, "before", ROW_MAX, ROW_MAX)
        kinds = tuple(kind for kind in request.query.get("kind", "").split(",") if kind)
        rows = await self._house.rows(before=before, kinds=kinds, limit=limit)
        return json_response({"rows": [in_json(row) for row in rows], "next": rows[-1].id if len(rows) == limit else None})

    async def _pictures(self, request: Request, _login: Login) -> Response:
        """The pictures of the last rings, the newest first; each is fetched under its name."""
        limit = _number(request, "limit", ROWS, ROWS_MAX)
        return json_response([{"file": each.file, "at_s": each.at_s} for each in self._house.pictures(limit)])

    async def _picture(self, name: str) -> Response:
        return Response(200, await self._house.picture(name), "image/jpeg")

    async def _users(self, request: Request, login: Login) -> Response:
        """A page of users; `after` is the last name of the page before."""
        after = request.query.get("after", "")
        return await self._done(login, "users-list", *((after,) if after else ()))

    async def _events(self, request: Request, _login: Login) -> EventStream:
        return stream(self._house, request)


def stream(house: House, request: Request) -> EventStream:
    """The journal's rows as they come; a client that was away says which it saw last (HTML, §9.2.4)."""
    last = request.headers.get("last-event-id", "")
    after = int(last) if last.isascii() and last.isdecimal() and len(last) < 19 else None
    return EventStream(_events_of(house, after))


async def _events_of(house: House, after: int | None) -> AsyncGenerator[bytes, None]:
    rows = house.follow(after)
    try:
        async for row in rows:
            yield f"id: {row.id}\ndata: {json.dumps(in_json(row), ensure_ascii=False)}\n\n".encode()
    finally:
        await rows.aclose()


def in_json(row: Row) -> Json:
    """A row as the API tells it."""
    return {"row": row.id, "at_s": round(row.at_s, 3), "event": row.kind, "record": row.fields}


def _body(request: Request) -> Json:
    """The JSON in a request. Raises Refused."""
    try:
        value: Json = json.loads(request.body)
    except (ValueError, RecursionError):
        raise Refused("bad_argument", "the body is not JSON") from None
    return value


def _values(request: Request) -> list[str]:
    """The keys of a user, as `portero users` writes them. Raises Refused."""
    body = _body(request)
    if not isinstance(body, dict) or len(body) > KEYS_MAX:
        raise Refused("bad_argument", "give an object with the keys of `portero users`")
    return [f"{key}={_written(key, value)}" for key, value in body.items()]


def _written(key: str, value: Json) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | str():
            return str(value)
        case list() if all(isinstance(each, str) for each in value):
            return " ".join(map(str, value))
        case _:
            raise Refused("bad_argument", f"{key} is a text, a whole number, true, false, null or a list of texts")


def _number(request: Request, name: str, default: int, largest: int, least: int = 1) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= largest):
        raise Refused("bad_argument", f"{name} is a number from {least} to {largest}")
    return int(text)
