"""Listeners of asyncio's: those who came in are kept, and none is lost who comes in while the listener is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Survive(Protocol):
    """Awaits a step of ours, and notes it when it fails by a fault of ours."""

    def __call__(self, what: str, step: Awaitable[None], /) -> Awaitable[bool]: ...


class Listener:
    """One TCP port, and the conversations of at most `clients_max` who came in there. Belongs to the event loop."""

    def __init__(self, clients_max: int) -> None:
        self._clients_max = clients_max
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.Future[bool], asyncio.StreamWriter] = {}

    @property
    def port(self) -> int:
        assert self._server is not None, "nobody listens yet"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def is_full(self) -> bool:
        """Whether nobody else may come in now."""
        return len(self._clients) >= self._clients_max

    async def start(self, accept: Accept, host: str, port: int, *, read_bytes: int) -> None:
        """Listen at `host` ('': every address); `accept` gets each reader, of at most `read_bytes` in advance, and its writer.

        Raises OSError when the port is taken.
        """
        self._server = await asyncio.start_server(accept, host or None, port, limit=read_bytes, backlog=self._clients_max)

    def keep(self, conversation: Awaitable[bool], writer: asyncio.StreamWriter, gone: Callable[[], None] = lambda: None) -> None:
        """Carry it out; the connection ends with it, and then `gone` is called."""

        def ended(task: asyncio.Future[bool]) -> None:
            writer = self._clients.pop(task)  # kept until it is over: asyncio complains of a writer that goes before its connection
            writer.transport.abort()
            gone()

        task = asyncio.ensure_future(conversation)
        self._clients[task] = writer
        task.add_done_callback(ended)

    async def close(self) -> None:
        """Stop listening, and drop every client."""
        if self._server is None:
            return
        server, self._server = self._server, None
        await stop_listening((server,))
        clients = tuple(self._clients)
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await asyncio.sleep(0)


async def stop_listening(servers: Iterable[asyncio.Server]) -> None:
    """Accept no more, and close; who came in last is a client when this returns.

    asyncio loses the socket of whoever is accepted in the turn in which a server is closed: so the listeners are no longer looked at
    first, and that turn passes.
    """
    loop = asyncio.get_running_loop()
    servers = tuple(servers)
    for server in servers:
        for listener in server.sockets:
            loop.remove_reader(listener)
    await asyncio.sleep(0)
    for server in servers:
        server.close()
    await asyncio.sleep(0)
