"""SIP over TCP (RFC 3261 §18): connections that others opened to us and that we opened, reused while they last (§18, RFC 5626 §4.4.1)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from typing import Final

from firmware.errors import RemoteProtocolError
from firmware.net.sockets import family_of, is_wildcard, prepare_stream, without_zone
from firmware.sip.events import FlowClosed, FlowId, Hop, Input, Received, SendFailed, Transport
from firmware.sip.framing import KeepAlive, StreamFramer

ACCEPTED_MAX: Final = 64  # connections that others opened: a proxy needs one or two, an installation of direct phones some dozens
ACCEPTED_PER_SOURCE_MAX: Final = 16  # so that one machine cannot take all of them
OPENED_MAX: Final = 16  # connections that we opened: accounts, outbound proxies and direct targets of one station
WAITING_MAX_BYTES: Final = (
    65_536  # what may wait for a connection that is being opened, or that the peer does not read: some forty messages
)
CONNECT_MAX_S: Final = 4.0  # a second server is to take over within five seconds
FIRST_MESSAGE_MAX_S: Final = 30.0  # whoever connects has something to say
UNFINISHED_MAX_S: Final = 10.0  # one message takes a round trip; who trickles it byte by byte only holds our memory
IDLE_MAX_S: Final = 3600.0  # an accepted connection without a word for an hour; registrations and keep-alives speak more often
CLOSE_MAX_S: Final = 1.0  # how long close() waits for what is still to be sent


class TcpTransport:
    """Listens on bound sockets, opens connections on demand. `deliver` gets Received, SendFailed and FlowClosed.

    `bind_host`, unless a wildcard, is also where our own connections start; `admit` says whether a source is to be heard.
    """

    transport = Transport.TCP  # what the hops of its connections say

    def __init__(
        self,
        listeners: dict[int, socket.socket],
        *,
        port: int,
        bind_host: str,
        dscp: int,
        admit: Callable[[str], bool],
        deliver: Callable[[Input], None],
    ) -> None:
        self.port = port
        self.dscp = dscp
        self.admit = admit
        self.deliver = deliver
        self._listeners = listeners
        self._local_address = None if is_wildcard(bind_host) else (bind_host, 0)
        self._servers: list[asyncio.Server] = []
        self._flows: dict[FlowId, Connection] = {}
        self._opened: dict[tuple[str, int], Connection] = {}  # by where we connected to, for reuse
        self._opening: dict[tuple[str, int], _Opening] = {}
        self._last_flow = 0
        self.loop = asyncio.get_running_loop()

    async def start(self) -> None:
        """Begin to accept."""
        for listener in self._listeners.values():
            self._servers.append(await self.loop.create_server(lambda: Connection(self, opened_to=None), sock=listener))

    def send(self, hop: Hop, data: bytes) -> None:
        """Send on the connection that `hop` names, or on one to its host and port, opened if there is none. Failures become SendFailed."""
        connection = self._opened.get((hop.host, hop.port)) if hop.flow is None else self._flows.get(hop.flow)
        if connection is not None:
            connection.send(hop, data)
        elif hop.flow is not None:
            # RFC 3261 §18.2.2: the sender may then open a connection to where the Via points; only the agent knows that.
            self.deliver(SendFailed(hop=hop, reason="the connection is closed"))
        else:
            self._open(hop, data)

    async def close(self) -> None:
        """Send what is still buffered, for a second at most, then close everything."""
        for server in self._servers:
            server.close()
        openings = [opening.task for opening in self._opening.values()]
        for task in openings:
            task.cancel()
        await asyncio.gather(*openings, return_exceptions=True)
        self._opening.clear()  # a task that never began could not do so itself
        connections = tuple(self._flows.values())
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

    # --- what connections tell ---------------------------------------------------------------------------------------

    def admit_connection(self, connection: Connection, source: str) -> FlowId | None:
        """A number for a connection that has just been made; None when there are too many."""
        if connection.opened_to is None:
            accepted = [other.peer[0] for other in self._flows.values() if other.opened_to is None]
            if len(accepted) >= ACCEPTED_MAX or accepted.count(source) >= ACCEPTED_PER_SOURCE_MAX:
                return None
        self._last_flow += 1
        flow = FlowId(self._last_flow)
        self._flows[flow] = connection
        if connection.opened_to is not None:
            self._opened[connection.opened_to] = connection
        return flow

    def forget(self, flow: FlowId, connection: Connection) -> None:
        """A connection has ended."""
        self._flows.pop(flow, None)
        if connection.opened_to is not None and self._opened.get(connection.opened_to) is connection:
            del self._opened[connection.opened_to]

    # --- opening -----------------------------------------------------------------------------------------------------

    def _open(self, hop: Hop, data: bytes) -> None:
        key = (hop.host, hop.port)
        opening = self._opening.get(key)
        if opening is not None:
            if not opening.add(hop, data):
                self.deliver(SendFailed(hop=hop, reason="too much is waiting for the connection"))
            return
        if len(self._opened) + len(self._opening) >= OPENED_MAX:
            self.deliver(SendFailed(hop=hop, reason=f"{OPENED_MAX} connections are open already"))
            return
        opening = self._opening[key] = _Opening(self.loop.create_task(self._connect(key)))
        opening.add(hop, data)

    async def _connect(self, key: tuple[str, int]) -> None:
        """Open a connection and send what waits for it; its failure is told once for each hop."""
        connection = Connection(self, opened_to=key)
        reason = ""
        try:
            async with asyncio.timeout(CONNECT_MAX_S):
                await self.loop.create_connection(
                    lambda: connection, *key, family=family_of(key[0]), flags=socket.AI_NUMERICHOST, local_addr=self._local_address
                )
        except TimeoutError:
            reason = f"no connection within {CONNECT_MAX_S:.0f} s"
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
        finally:
            opening = self._opening.pop(key)
        if reason:
            for hop in dict.fromkeys(hop for hop, _ in opening.waiting):
                self.deliver(SendFailed(hop=hop, reason=reason))
        else:
            for hop, data in opening.waiting:
                connection.send(hop, data)


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


class Connection(asyncio.Protocol):
    """One connection, from its first octet to its FlowClosed. `opened_to` is set when we opened it."""

    def __init__(self, owner: TcpTransport, *, opened_to: tuple[str, int] | None) -> None:
        self.opened_to = opened_to
        self.peer: tuple[str, int] = ("", 0)
        self.gone = asyncio.Event()
        self._owner = owner
        self._framer = StreamFramer()
        self._wire: asyncio.Transport | None = None
        self._hop: Hop | None = None  # as the agent sees the other end; None before and after its life
        self._unanswered: Hop | None = None  # sent without a flow, and not a word received since
        self._patience: asyncio.TimerHandle | None = None
        self._heard_at_s: float | None = None  # the last octet
        self._unfinished_at_s: float | None = None  # the first octet of the message that is not yet whole
        self._made_at_s = owner.loop.time()

    # --- asyncio calls these -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is up: number it, or refuse it when there are too many."""
        assert isinstance(transport, asyncio.Transport)
        self._wire = transport
        peer, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        sock = transport.get_extra_info("socket")
        if not peer or not local or sock is None:
            transport.abort()  # gone before it was looked at
            return
        self.peer = (str(peer[0]), int(peer[1]))
        flow = self._owner.admit_connection(self, self.peer[0])
        if flow is None:
            transport.abort()
            return
        prepare_stream(sock, self._owner.dscp)
        self._hop = Hop(
            transport=self._owner.transport,
            host=self.peer[0],
            port=self.peer[1],
            local_host=without_zone(str(local[0])),
            local_port=self._owner.port,  # where we can be reached, not where this connection happens to start
            flow=flow,
        )
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Cut messages out; whoever breaks the framing or trickles loses the connection."""
        if self._hop is None:
            return
        self._unanswered = None
        self._heard_at_s = self._owner.loop.time()
        try:
            items = self._framer.feed(data)
        except RemoteProtocolError:
            self.abort()
            return
        for item in items:
            if isinstance(item, KeepAlive):
                self._answer(item)
            elif self._owner.admit(self.peer[0]) and self._hop is not None:
                self._owner.deliver(Received(data=item, source=self._hop))
        if self._framer.lost:
            self.close()
        else:
            self._watch(unfinished=self._framer.pending > 0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the agent, once."""
        if self._patience is not None:
            self._patience.cancel()
        hop, self._hop = self._hop, None
        self.gone.set()
        if hop is not None and hop.flow is not None:
            self._owner.forget(hop.flow, self)
            if self._unanswered is not None:
                # Who sent without naming a flow never learned its number, and would wait for an answer in vain.
                self._owner.deliver(SendFailed(hop=self._unanswered, reason="the connection was closed without an answer"))
            self._owner.deliver(FlowClosed(flow=hop.flow))

    # --- the transport calls these -----------------------------------------------------------------------------------

    def send(self, hop: Hop, data: bytes) -> None:
        """Write one message; a peer that does not read loses the connection."""
        if self._wire is None or self._wire.is_closing():
            self._owner.deliver(SendFailed(hop=hop, reason="the connection is closed"))
            return
        if self._wire.get_write_buffer_size() + len(data) > WAITING_MAX_BYTES:
            self._owner.deliver(SendFailed(hop=hop, reason="the other side does not read"))
            self.abort()
            return
        if hop.flow is None:
            self._unanswered = hop
        self._wire.write(data)

    def close(self) -> None:
        """Send what is buffered, then close."""
        if self._wire is not None:
            self._wire.close()

    def abort(self) -> None:
        """Close at once."""
        if self._wire is not None:
            self._wire.abort()

    # --- patience ----------------------------------------------------------------------------------------------------

    def _answer(self, item: KeepAlive) -> None:
        # RFC 5626 §4.4.1: a double CRLF is answered with a single one.
        if item is KeepAlive.PING and self._wire is not None and self._wire.get_write_buffer_size() < WAITING_MAX_BYTES:
            self._wire.write(KeepAlive.PONG.value)

    def _watch(self, *, unfinished: bool) -> None:
        """After each piece: time runs from the FIRST octet of an unfinished message, not from the last."""
        if not unfinished:
            self._unfinished_at_s = None
        elif self._unfinished_at_s is None:
            self._unfinished_at_s = self._heard_at_s
            self._arm()

    def _deadline_s(self) -> float | None:
        """When our patience with the other side ends; None: never."""
        if self._unfinished_at_s is not None:
            return self._unfinished_at_s + UNFINISHED_MAX_S
        if self.opened_to is not None:
            return None  # it carries our registration: how long it lives is the agent's affair
        return self._made_at_s + FIRST_MESSAGE_MAX_S if self._heard_at_s is None else self._heard_at_s + IDLE_MAX_S

    def _arm(self) -> None:
        """One timer, moved only when the deadline comes nearer; one that fires too early looks again."""
        if self._patience is not None:
            self._patience.cancel()
        deadline_s = self._deadline_s()
        self._patience = None if deadline_s is None else self._owner.loop.call_at(deadline_s, self._lose_patience)

    def _lose_patience(self) -> None:
        deadline_s = self._deadline_s()
        if deadline_s is not None and self._owner.loop.time() >= deadline_s:
            self.abort()
        else:
            self._arm()
