"""Runs a user agent: bytes and time in, bytes and events out. The only clock of the agent is here, and it rings only when the agent asks.

Effects leave in the order in which the agent made them. An event handler may give a command, and a send may fail at once: the agent, which
is never in the middle of a step then, takes it in, and what follows from it queues behind the effects that are waiting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol, TypeVar

from firmware.ids import IdSource, SystemIds
from firmware.net.address_watch import AddressWatch
from firmware.net.carriers import Carriers
from firmware.net.flood import FloodGate, FloodLimits
from firmware.net.names import Names
from firmware.net.resolve import Resolver
from firmware.net.settings import StreamSettings
from firmware.net.sockets import is_wildcard, local_host_towards, without_zone
from firmware.net.system_names import SystemNames
from firmware.sip.events import Command, Effect, Event, Hop, Input, Locate, Located, NetworkChanged, Received, Send, SendFailed, Transport

LOOKUPS_MAX: Final = 32  # questions open at a time: every call and account of a station together ask for less

T = TypeVar("T")


class AgentPort(Protocol):
    """The five verbs of a sans-IO user agent. Times are monotonic seconds; effects wait until they are taken."""

    def receive(self, news: Input, now_s: float, /) -> None: ...

    def command(self, cmd: Command, now_s: float, /) -> None: ...

    def handle_timer(self, now_s: float, /) -> None: ...

    def next_deadline(self) -> float | None: ...

    def take_effects(self) -> tuple[Effect, ...]: ...


class TraceEntry(NamedTuple):
    """One message on the wire, for the ladder diagram and the log."""

    at_s: float
    sent: bool
    hop: Hop
    data: bytes


class Runner:
    """Connects `agent` to the network. Call `start` once inside a running loop, `close` at the end.

    `bind_host` '' means all addresses, IPv4 and IPv6; `sip_port` 0 any free port. `on_event` is called on the loop, may give commands, and
    must not raise; so is `on_trace`. `flood` None lets everything in. `name_servers`: addresses and ports of those to be asked instead of
    the machine's.
    """

    def __init__(
        self,
        agent: AgentPort,
        *,
        bind_host: str,
        sip_port: int,
        on_event: Callable[[Event], None],
        on_trace: Callable[[TraceEntry], None] | None = None,
        transports: tuple[Transport, ...] = (Transport.UDP, Transport.TCP),
        streams: StreamSettings = StreamSettings(),  # noqa: B008 # immutable
        dscp: int = 24,  # CS3, RFC 4594 §4.1
        flood: FloodLimits | None = FloodLimits(),  # noqa: B008 # immutable
        names: Names | None = None,
        name_servers: tuple[tuple[str, int], ...] = (),
        ids: IdSource | None = None,
        watch_addresses: bool = True,
    ) -> None:
        self._agent = agent
        self._bind_host = bind_host
        self._sip_port = sip_port
        self._on_event = on_event
        self._on_trace = on_trace
        self._transports = transports
        self._gate = None if flood is None else FloodGate(flood)
        self._names = names or SystemNames(name_servers)
        self._ids = ids or SystemIds()
        self._watch_addresses = watch_addresses
        self._carriers = Carriers(
            bind_host=bind_host, dscp=dscp, streams=streams, local_host=self._local_host, admit=self._admit, deliver=self._deliver
        )
        self._resolver: Resolver | None = None
        self._watch: AddressWatch | None = None
        self._lookups: set[asyncio.Task[None]] = set()
        self._effects: deque[Effect] = deque()
        self._carrying_out = False
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._armed_s: float | None = None

    @property
    def local_port(self) -> int:
        """The port of UDP and TCP; known after `start`."""
        return self._sip_port

    @property
    def ports(self) -> dict[Transport, int]:
        """The port of each open transport; known after `start`."""
        return self._carriers.ports

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of this machine, as far as others can reach them; known a moment after `start`."""
        return () if self._watch is None else self._watch.addresses

    @property
    def refused(self) -> int:
        """How many messages the flood gate has turned away."""
        return 0 if self._gate is None else self._gate.refused

    async def start(self) -> None:
        """Bind and begin to receive. Raises TransportError that names the address and the remedy."""
        self._loop = asyncio.get_running_loop()
        self._sip_port = await self._carriers.open(self._transports, self._sip_port)
        self._resolver = Resolver(
            self._names,
            ports=self._carriers.ports,
            local_host=self._local_host,
            fraction=self._ids.fraction,
            now_s=self._loop.time,
        )
        if self._watch_addresses:
            self._watch = AddressWatch(self.network_changed)
        self._carry_out()  # an agent may have something to say, or a deadline, from its start

    def command(self, cmd: Command) -> None:
        """Pass a command to the agent. What follows from it has happened on return; given from inside an event, soon after that.

        Raises LocalProtocolError as the agent does.
        """
        self._step(self._agent.command, cmd)

    def trace_to(self, on_trace: Callable[[TraceEntry], None] | None) -> None:
        """Show the messages there from now on, or to nobody."""
        self._on_trace = on_trace

    def network_changed(self) -> None:
        """Addresses have changed: forget what depended on them and tell the agent."""
        self._carriers.forget_routes()
        if self._resolver is not None:
            self._resolver.forget()
        self._deliver(NetworkChanged())

    async def close(self) -> None:
        """Send what the agent wants sent, then stop. To leave politely, give Unregister and HangUp before and wait for their events."""
        self._carry_out()
        self._closed = True
        if self._watch is not None:
            self._watch.close()
        for task in tuple(self._lookups):
            task.cancel()
        await asyncio.gather(*self._lookups, return_exceptions=True)
        await self._carriers.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- one step at a time ------------------------------------------------------------------------------------------

    def _deliver(self, news: Input) -> None:
        if isinstance(news, Received) and self._on_trace is not None:
            self._on_trace(TraceEntry(self._loop.time(), sent=False, hop=news.source, data=news.data))
        self._step(self._agent.receive, news)

    def _step(self, verb: Callable[[T, float], None], news: T) -> None:
        """Let the agent take `news`, then carry out its effects; those of a step within an effect come after all that are waiting."""
        if self._closed:
            return
        verb(news, self._loop.time())
        self._carry_out()

    def _carry_out(self) -> None:
        self._effects.extend(self._agent.take_effects())
        if self._carrying_out:
            return
        self._carrying_out = True
        try:
            while self._effects:
                effect = self._effects.popleft()
                if isinstance(effect, Send):
                    self._send(effect)
                elif isinstance(effect, Locate):
                    self._locate(effect)
                else:
                    self._on_event(effect)
        finally:
            self._carrying_out = False
            self._arm()

    def _send(self, send: Send) -> None:
        carrier = self._carriers.get(send.hop.transport)
        if carrier is None:
            self._deliver(SendFailed(hop=send.hop, reason=f"{send.hop.transport.value} is not switched on here"))
            return
        if self._on_trace is not None and not send.data.isspace():  # keep-alives are no messages
            self._on_trace(TraceEntry(self._loop.time(), sent=True, hop=send.hop, data=send.data))
        carrier.send(send.hop, send.data)

    # --- time --------------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """Keep one timer, at the agent's next deadline; it is touched only when that moves."""
        deadline_s = self._agent.next_deadline()
        if deadline_s == self._armed_s:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_s = deadline_s
        self._timer = None if deadline_s is None else self._loop.call_at(deadline_s, self._ring, deadline_s)

    def _ring(self, planned_s: float) -> None:
        self._timer = self._armed_s = None
        # The loop rings up to its clock's resolution too early; for the agent it is never earlier than it asked for.
        self._agent.handle_timer(max(self._loop.time(), planned_s))
        self._carry_out()

    # --- names and addresses -----------------------------------------------------------------------------------------

    def _locate(self, question: Locate) -> None:
        if len(self._lookups) >= LOOKUPS_MAX or self._resolver is None:
            self._deliver(Located(query=question.query, hops=(), failure="too many look-ups at a time"))
            return
        task = self._loop.create_task(self._look_up(self._resolver, question))
        self._lookups.add(task)
        task.add_done_callback(self._lookups.discard)

    async def _look_up(self, resolver: Resolver, question: Locate) -> None:
        located = await resolver.locate(question)
        if self._gate is not None:
            for hop in located.hops:
                self._gate.expect(hop.host)
        self._deliver(located)

    def _local_host(self, host: str) -> str:
        """Our own address towards `host`: the one we are bound to, else the one that the kernel would choose."""
        return local_host_towards(host) if is_wildcard(self._bind_host) else without_zone(self._bind_host)

    def _admit(self, source: str) -> bool:
        return self._gate is None or self._gate.admit(source, self._loop.time())
