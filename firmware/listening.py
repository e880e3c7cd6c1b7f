"""How a listener of asyncio's is closed without losing whoever comes in at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


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
