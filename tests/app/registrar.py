"""A registrar of a few lines on a loopback UDP socket, for the life of a binding: it grants, refuses or is silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from firmware.sip.message import Request, make_response, parse_message


class Registrar(asyncio.DatagramProtocol):
    """`status` is what it answers, 0 nothing. `asked` are the expiries of the REGISTERs that came, in order."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[str] = []
        self._changed = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def port(self) -> int:
        assert self._transport is not None
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if not data.strip():
            return
        request = parse_message(data)
        assert isinstance(request, Request)
        if request.method == "REGISTER":
            self.asked.append(_expires(request))
            self._changed.set()
        if self.status and self._transport is not None:
            response = make_response(request, self.status, to_tag="registrar")
            if request.method == "REGISTER" and self.status == 200 and _expires(request) != "0":
                response = response.with_header("Contact", str(request.contacts[0]))
            self._transport.sendto(response.to_bytes(), addr)

    async def until(self, times: int) -> None:
        async with asyncio.timeout(60):
            while len(self.asked) < times:
                self._changed.clear()
                await self._changed.wait()


def _expires(request: Request) -> str:
    """What the binding asks for: the Contact's parameter, else the header (RFC 3261 §10.2.1.1)."""
    params = dict(request.contacts[0].params) if request.contacts else {}
    return params.get("expires") or request.get("Expires") or ""


@asynccontextmanager
async def registrar() -> AsyncIterator[Registrar]:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Registrar, local_addr=("127.0.0.1", 0))
    try:
        yield protocol
    finally:
        transport.close()
