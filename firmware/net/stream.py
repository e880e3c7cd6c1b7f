"""SIP over connections (RFC 3261 §18): those that others opened to us and those that we opened, reused while they last (RFC 5626 §4.4.1).

What runs on a connection, from bare framing to WebSocket over TLS, is a matter of its layers.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import weakref
from collections.abc import Callable, Iterator
from typing import Final

from firmware.listening import stop_listening
from firmware.net.connection import WAITING_MAX_BYTES, Connection
from firmware.net.layers import Layers, PlainLayers
from firmware.net.sockets import family_of, is_wildcard
from firmware.sip.events import FlowId, Hop, Input, SendFailed, Transport

ACCEPTED_MAX: Final = 64  # connections that others opened: a proxy needs one or two, an installation of direct phones some dozens
ACCEPTED_PER_SOURCE_MAX: Final = 16  # so that one machine cannot take all of them
OPENED_MAX: Final = 16  # connections that we opened: accounts, outbound proxies and direct targets of one station
CONNECT_MAX_S: Final = 4.0  # handshakes included; a second server is to take over within five seconds
CLOSE_MAX_S: Final = 1.0  # how long close() waits for what is still to be sent

# Whither a connection leads. The domain belongs to it: a certificate that is good for one name says nothing of another (RFC 5923 §7.1).
Goal = tuple[str, int, str]


class StreamTransport:
    """Listens on bound sockets, opens connections on demand. `deliver` gets Received, SendFailed and FlowClosed.

    `accepting` and `opening` make the layers of a connection to us and of one to a hop; `port` is what our Via and Contact state.
    `bind_host`, unless a wildcard, is also where our own connections start; `admit` says whether a source is to be heard. `protocol` is
    that of our own sockets, 0 for TCP; `flows` gives the numbers of connections, which are the agent's for all transports together.
    `reuses_accepted`: whether requests of ours may take a connection that the other side opened; not where it has proven nothing over TLS
    (RFC 5923 §7).
    """

    def __init__(
        self,
        listeners: dict[int, socket.socket],
        *,
        transport: Transport = Transport.TCP,
        port: int,
        bind_host: str,
        dscp: int,
        admit: Callable[[str], bool],
        deliver: Callable[[Input], None],
        accepting: Callable[[], Layers] = PlainLayers,
        opening: Callable[[Hop], Layers] = lambda hop: PlainLayers(),
        protocol: int = 0,
        flows: Iterator[int] | None = None,
        reuses_accepted: bool = True,
    ) -> None:
        self.transport = transport
        self.port = port
        self.dscp = dscp
        self.admit = admit
        self.deliver = deliver
        self._accepting = accepting
        self._make_layers = opening
        self._protocol = protocol
        self._flow_numbers = itertools.count(1) if flows is None else flows
        self._reuses_accepted = reuses_accepted
        self._listeners = listeners
        self._local_address = None if is_wildcard(bind_host) else (bind_host, 0)
        self._servers: list[asyncio.Server] = []
        self._closing = False
        self._accepted: weakref.WeakSet[Connection] = weakref.WeakSet()  # also those that nobody has admitted yet
        self._flows: dict[FlowId, Connection] = {}
        self._opened: dict[Goal, Connection] = {}  # for reuse
        self._opening: dict[Goal, _Opening] = {}
        self.loop = asyncio.get_running_loop()

    async def start(self) -> None:
        """Begin to accept."""
        for listener in self._listeners.values():
            self._servers.append(await self.loop.create_server(self._accept, sock=listener))

    def send(self, hop: Hop, data: bytes) -> None:
        """Send on the connection that `hop` names, or on one to its host and port, opened if there is none. Failures become SendFailed."""
        connection = self._reusable(hop) if hop.flow is None else self._flows.get(hop.flow)
        if connection is not None:
            connection.send(hop, data)
        elif hop.flow is not None:
            # RFC 3261 §18.2.2: the sender may then open a connection to where the Via points; only the agent knows that.
            self.deliver(SendFailed(hop=hop, reason="the connection is closed"))
        else:
            self._open(hop, data)

    async def close(self) -> None:
        """Send what is still buffered, for a second at most, then close everything."""
        self._closing = True
        await stop_listening(self._servers)
        openings = [opening.task for opening in self._opening.values()]
        for task in openings:
            task.cancel()
        await asyncio.gather(*openings, return_exceptions=True)
        self._opening.clear()  # a task that never began could not do so itself
        connections = {*self._flows.values(), *self._accepted}
        for connection in connections:
            connection.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_MAX_S):
                for connection in connections:
                    await connection.gone.wait()
        for connection in connections:
            connection.abort()
        for connection in connections:
            await connection.gone.wait()

    def _accept(self) -> Connection:
        connection = Connection(self, self._accepting(), opened_to=None)
        self._accepted.add(connection)
        return connection

    def _reusable(self, hop: Hop) -> Connection | None:
        """An open connection that leads where the hop does."""
        connection = self._opened.get(_goal(hop))
        if connection is None and hop.domain in ("", hop.host):
            # Proxies record their numeric address in routes. That claims no identity but the server's there, which has proven another.
            connection = next((opened for goal, opened in self._opened.items() if goal[:2] == (hop.host, hop.port)), None)
            if connection is None and self._reuses_accepted:
                # RFC 5923 §4: a connection serves requests both ways. Phones that only ever connect name its far end as their Contact.
                there = (hop.host, hop.port)
                accepted = (each for each in self._flows.values() if each.opened_to is None and each.peer == there)
                connection = next((each for each in accepted if each.is_ready), None)
        return connection

    # --- what connections tell ---------------------------------------------------------------------------------------

    def admit_connection(self, connection: Connection) -> FlowId | None:
        """A number for a connection that has just been made; None when there are too many, or we are closing."""
        if self._closing:
            return None
        if connection.opened_to is None:
            accepted = [other.peer[0] for other in self._flows.values() if other.opened_to is None]
            if len(accepted) >= ACCEPTED_MAX or accepted.count(connection.peer[0]) >= ACCEPTED_PER_SOURCE_MAX:
                return None
        flow = FlowId(next(self._flow_numbers))
        self._flows[flow] = connection
        return flow

    def use(self, connection: Connection) -> None:
        """A connection is ready for messages."""
        if connection.opened_to is not None:
            self._opened[_goal(connection.opened_to)] = connection

    def forget(self, flow: FlowId, connection: Connection) -> None:
        """A connection has ended."""
        self._flows.pop(flow, None)
        if connection.opened_to is not None and self._opened.get(_goal(connection.opened_to)) is connection:
            del self._opened[_goal(connection.opened_to)]

    # --- opening -----------------------------------------------------------------------------------------------------

    def _open(self, hop: Hop, data: bytes) -> None:
        opening = self._opening.get(_goal(hop))
        if opening is not None:
            if not opening.add(hop, data):
                self.deliver(SendFailed(hop=hop, reason="too much is waiting for the connection"))
            return
        if len(self._opened) + len(self._opening) >= OPENED_MAX:
            self.deliver(SendFailed(hop=hop, reason=f"{OPENED_MAX} connections are open already"))
            return
        opening = self._opening[_goal(hop)] = _Opening(self.loop.create_task(self._connect(hop)))
        opening.add(hop, data)

    async def _connect(self, hop: Hop) -> None:
        """Open a connection and send what waits for it; its failure is told once for each hop."""
        connection = Connection(self, self._make_layers(hop), opened_to=hop)
        is_refusal = False
        try:
            async with asyncio.timeout(CONNECT_MAX_S):
                await self._reach(connection, hop)
                reason = await connection.established
                is_refusal = bool(reason)
        except TimeoutError:
            reason = f"no connection within {CONNECT_MAX_S:.0f} s"
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
        finally:
            opening = self._opening.pop(_goal(hop))
            if not connection.established.done():
                connection.abort()
        if reason:
            for waiting in dict.fromkeys(waiting for waiting, _ in opening.waiting):
                self.deliver(SendFailed(hop=waiting, reason=reason, is_refusal=is_refusal))
        else:
            for waiting, data in opening.waiting:
                connection.send(waiting, data)

    async def _reach(self, connection: Connection, hop: Hop) -> None:
        family = family_of(hop.host)
        if not self._protocol:
            await self.loop.create_connection(
                lambda: connection, hop.host, hop.port, family=family, flags=socket.AI_NUMERICHOST, local_addr=self._local_address
            )
            return
        with contextlib.ExitStack() as undo:
            sock = undo.enter_context(socket.socket(family, socket.SOCK_STREAM, self._protocol))
            sock.settimeout(0)
            if self._local_address is not None:
                sock.bind(self._local_address)
            await self.loop.sock_connect(sock, (hop.host, hop.port))
            await self.loop.create_connection(lambda: connection, sock=sock)
            undo.pop_all()  # the connection closes it


class _Opening:
    """A connection on its way, and what waits for it."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task
        self.waiting: list[tuple[Hop, bytes]] = []
        self._bytes = 0

    def add(self, hop: Hop, data: bytes) -> bool:
        """Let a message wait; False when too much does."""
        if self._bytes + len(data) > WAITING_MAX_BYTES:
            return False
        self._bytes += len(data)
        self.waiting.append((hop, data))
        return True


def _goal(hop: Hop) -> Goal:
    return hop.host, hop.port, hop.domain
