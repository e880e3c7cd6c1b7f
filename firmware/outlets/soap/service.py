"""The door as a SOAP service, described by `door.wsdl`. The same verbs, tokens and rights as the HTTP API; docs/web.md."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from firmware.outlets.logins import Login, May
from firmware.outlets.seam import House, Json, Refused, part, table
from firmware.outlets.soap.envelope import DOOR, MEDIA_TYPE, Call, SoapFault, answer, call_of, fault, value
from firmware.outlets.web.message import Request, Response, problem
from firmware.sip.body.xml_document import Element

ROWS_MAX, ROWS = 200, 50
NUMBER_MAX: Final = (1 << 62) - 1
HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")


class Operation(NamedTuple):
    """Which right it takes, and what answers it."""

    may: May
    run: Callable[[Call, str], Awaitable[tuple[Element, ...]]]


class SoapService:
    """Belongs to the event loop."""

    def __init__(self, house: House, *, is_secure: bool) -> None:
        self._house = house
        self._scheme = "https" if is_secure else "http"
        self._operations = {
            "GetStatus": Operation(May.SEE, self._status),
            "Ring": Operation(May.RING, self._ring),
            "HangUp": Operation(May.RING, self._hang_up),
            "OpenLock": Operation(May.OPEN, self._open),
            "ReadLog": Operation(May.SEE, self._log),
        }

    def description(self, request: Request) -> Response:
        """The WSDL, with the address under which it was asked for."""
        if request.method not in ("GET", "HEAD") or "wsdl" not in request.query:
            return problem(405, "GET /soap?wsdl describes what POST /soap does", ("Allow", "GET, HEAD, POST"))
        host = request.headers.get("host", "")
        if not HOST.fullmatch(host):
            return problem(400, "the Host header names no host")
        return Response(200, _wsdl().replace("{location}", f"{self._scheme}://{host}/soap").encode(), "text/xml; charset=utf-8")

    async def answer(self, request: Request, login: Login) -> Response:
        """The answer to an envelope of somebody whose token is known. Every refusal is a fault."""
        try:
            if request.media_type != MEDIA_TYPE:
                raise SoapFault("Sender", f"send {MEDIA_TYPE}")
            call = call_of(request.body)
            operation = self._operations.get(call.operation)
            if operation is None:
                raise SoapFault("Sender", f"there is no operation {call.operation[:40]!r}; see /soap?wsdl")
            if operation.may not in login.may:
                raise SoapFault("Sender", f"{login.name} may not {operation.may.value}")
            parts = await operation.run(call, f"soap {login.name}")
            return Response(200, answer(call.operation, *parts), f"{MEDIA_TYPE}; charset=utf-8")
        except Refused as error:
            wrong = SoapFault("Receiver" if error.code in ("failed", "not_now") else "Sender", str(error))
            return Response(wrong.status, fault(wrong), f"{MEDIA_TYPE}; charset=utf-8")
        except SoapFault as error:
            return Response(error.status, fault(error), f"{MEDIA_TYPE}; charset=utf-8")

    async def _status(self, _call: Call, by: str) -> tuple[Element, ...]:
        status = await self._house.perform("status", by=by)
        party = part(status, "call", "party")
        return (
            value("station", self._house.names.station),
            value("state", str(part(status, "call", "state"))),
            *((value("party", party),) if isinstance(party, str) else ()),
            value("uptimeSeconds", _float(part(status, "uptime_s"))),
            *(
                _group("account", name=name, registered=part(each, "registered") is True, detail=str(part(each, "detail")))
                for name, each in table(status, "accounts").items()
            ),
            *(
                _group("lock", name=name, open=part(status, "locks", name) is True, mode=str(part(status, "modes", name) or "normal"))
                for name in self._house.names.locks
            ),
            *(_group("ill", part=name, detail=str(detail)) for name, detail in table(status, "health").items()),
        )

    async def _ring(self, call: Call, by: str) -> tuple[Element, ...]:
        pressed = await self._house.perform("press", _argument(call, "button"), by=by)
        return (value("press", _whole(part(pressed, "press"))),)

    async def _hang_up(self, _call: Call, by: str) -> tuple[Element, ...]:
        return (value("reason", str(part(await self._house.perform("hangup", by=by), "reason"))),)

    async def _open(self, call: Call, by: str) -> tuple[Element, ...]:
        opened = await self._house.perform("lock", _argument(call, "lock"), "open", by=by)
        return value("lock", str(part(opened, "lock"))), value("seconds", _float(part(opened, "duration_s"))), value("who", by)

    async def _log(self, call: Call, _by: str) -> tuple[Element, ...]:
        limit = _number(call, "limit", ROWS, ROWS_MAX)
        rows = await self._house.rows(before=_number(call, "before", NUMBER_MAX, NUMBER_MAX), limit=limit)
        found = tuple(
            _group(
                "row",
                number=row.id,
                at=datetime.fromtimestamp(row.at_s, UTC).isoformat(timespec="milliseconds"),
                kind=row.kind,
                record=json.dumps(row.fields, ensure_ascii=False),
            )
            for row in rows
        )
        return (*found, value("next", rows[-1].id)) if len(rows) == limit else found


def _group(element: str, /, **values: str | float | bool) -> Element:
    return Element(DOOR, element, children=tuple(value(key, content) for key, content in values.items()))


def _argument(call: Call, name: str) -> str:
    found = call.arguments.get(name, "")
    if not found:
        raise SoapFault("Sender", f"{call.operation} needs {name}")
    return found


def _number(call: Call, name: str, default: int, largest: int) -> int:
    text = call.arguments.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 1 <= int(text) <= largest):
        raise SoapFault("Sender", f"{name} is a number from 1 to {largest}")
    return int(text)


def _float(found: Json) -> float:
    return round(float(found), 3) if isinstance(found, int | float) else 0.0


def _whole(found: Json) -> int:
    return found if isinstance(found, int) else 0


@cache
def _wsdl() -> str:
    return (Path(__file__).parent / "door.wsdl").read_text(encoding="utf-8")
