"""One connection of a stream transport: its layers, its hop, and our patience with whoever is at the other end."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Protocol

from firmware.net.layers import Layers
from firmware.net.sockets import prepare_stream, without_zone
from firmware.sip.events import FlowClosed, FlowId, Hop, Input, Received, SendFailed, Transport
from firmware.sip.framing import KeepAlive

# What may wait for a connection that is being opened, or that the peer does not read: some forty messages.
WAITING_MAX_BYTES: Final = 65_536
FIRST_MESSAGE_MAX_S: Final = 30.0  # whoever connects has something to say
UNFINISHED_MAX_S: Final = 10.0  # one message, or a handshake, takes a few round trips; who trickles it byte by byte only holds our memory
IDLE_MAX_S: Final = 3600.0  # an accepted connection without a word for an hour; registrations and keep-alives speak more often
PONG_MAX_S: Final = 10.0  # RFC 5626 §4.4.1: "if a pong is not received within 10 seconds … the client MUST treat the flow as failed"

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """What a connection needs of its transport."""

    @property
    def transport(self) -> Transport: ...
    @property
    def port(self) -> int: ...
    @property
    def dscp(self) -> int: ...
    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    def admit(self, source: str, /) -> bool: ...
    def deliver(self, news: Input, /) -> None: ...
    def admit_connection(self, connection: Connection) -> FlowId | None: ...
    def use(self, connection: Connection) -> None: ...
    def forget(self, flow: FlowId, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """One connection, from its first octet to its FlowClosed. `opened_to` is the hop for which we opened it, None when it was opened to us.

    `established` becomes '' when messages can be exchanged, or the reason why they never will.
    """

    def __init__(self, owner: Owner, layers: Layers, *, opened_to: Hop | None) -> None:
        self.opened_to = opened_to
        self.peer: tuple[str, int] = ("", 0)
        self.gone = asyncio.Event()
        self.established: asyncio.Future[str] = owner.loop.create_future()
        self._owner = owner
        self._layers = layers
        self._wire: asyncio.Transport | None = None
        self._hop: Hop | None = None  # as the agent sees the other end; None before and after its life
        self._unanswered: Hop | None = None  # sent without a flow, and not a word received since
        self._failure = "the connection was closed without an answer"
        self._patience: asyncio.TimerHandle | None = None
        self._heard_at_s: float | None = None  # the last octet
        self._pinged_at_s: float | None = None  # our keep-alive, and not an octet since
        self._unfinished_at_s: float | None = None  # the first octet of the message that is not yet whole
        self._made_at_s = owner.loop.time()

    @property
    def is_ready(self) -> bool:
        """Whether messages can be exchanged."""
        return self.established.done() and not self.established.result() and not self.gone.is_set()

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
        flow = self._owner.admit_connection(self)
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
            domain="" if self.opened_to is None else self.opened_to.domain,
        )
        self._write(self._layers.begin())
        self._look_whether_ready()
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Hand out whole messages; whoever breaks the framing, fails the handshake or trickles loses the connection."""
        if self._hop is None:
            return
        self._unanswered = self._pinged_at_s = None
        self._heard_at_s = self._owner.loop.time()
        taken = self._layers.receive(data)
        self._write(taken.reply)
        self._look_whether_ready()
        for message in taken.messages:
            if self._owner.admit(self.peer[0]) and self._hop is not None:  # delivering may have closed us
                self._owner.deliver(Received(data=message, source=self._hop))
        if taken.failure:
            self._fail(taken.failure)
        else:
            self._watch(unfinished=self._layers.pending)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the agent, once."""
        if self._patience is not None:
            self._patience.cancel()
        hop, self._hop = self._hop, None
        self.gone.set()
        told = self.established.done() and not self.established.result()
        self._settle("the connection was closed during the handshake")
        if hop is None or hop.flow is None:
            return
        self._owner.forget(hop.flow, self)
        if not told:
            return  # the agent never heard of it
        if self._unanswered is not None:
            # Who sent without naming a flow never learned its number, and would wait for an answer in vain.
            self._owner.deliver(SendFailed(hop=self._unanswered, reason=self._failure))
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
        if data == KeepAlive.PING.value and self._pinged_at_s is None:
            self._pinged_at_s = self._owner.loop.time()
            self._arm()
        self._wire.write(self._layers.send(data))

    def close(self) -> None:
        """Send what is buffered, say goodbye, then close."""
        if self._wire is not None and not self._wire.is_closing():
            self._write(self._layers.end())
            self._wire.close()

    def abort(self) -> None:
        """Close at once."""
        if self._wire is not None:
            self._wire.abort()

    # --- beginning and end -------------------------------------------------------------------------------------------

    def _look_whether_ready(self) -> None:
        if self._layers.ready and not self.established.done():
            self._owner.use(self)
            self._settle("")

    def _settle(self, outcome: str) -> None:
        if not self.established.done():
            self.established.set_result(outcome)

    def _fail(self, reason: str) -> None:
        if not self.established.done() and self.opened_to is None:
            _log.info("%s from %s is refused: %s", self._owner.transport.value, self.peer[0], reason)
        self._failure = reason
        self._settle(reason)
        self.close()

    def _write(self, data: bytes) -> None:
        # Handshakes and keep-alives of somebody who does not read are not piled up.
        if data and self._wire is not None and self._wire.get_write_buffer_size() < WAITING_MAX_BYTES:
            self._wire.write(data)

    # --- patience ----------------------------------------------------------------------------------------------------

    def _watch(self, *, unfinished: bool) -> None:
        """After each piece: time runs from the FIRST octet of an unfinished message, not from the last."""
        if not unfinished:
            self._unfinished_at_s = None
        elif self._unfinished_at_s is None:
            self._unfinished_at_s = self._heard_at_s
            self._arm()

    def _deadline_s(self) -> float | None:
        """When our patience with the other side ends; None: never."""
        if self._pinged_at_s is not None:
            return self._pinged_at_s + PONG_MAX_S
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
            self._failure = "the other side has fallen silent"
            self.abort()
        else:
            self._arm()
