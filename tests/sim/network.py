"""User agents joined in memory under a clock in the test's hand, with loss, duplication, delay and so reordering, all from one seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Protocol

from firmware.ids import SeededIds
from firmware.sdp.codec import PCMA, PCMU, TELEPHONE_EVENT
from firmware.sdp.media_session import LocalMedia
from firmware.sip.agent import Agent, AgentSettings
from firmware.sip.events import (
    Command,
    Effect,
    Event,
    Hop,
    Input,
    Locate,
    Located,
    Received,
    Send,
    SendFailed,
    Transport,
)

SIP_PORT = 5060


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How bad the network is: chances per datagram, delay bounds in seconds. Different delays reorder."""

    loss: float = 0.0
    duplication: float = 0.0
    delay_min_s: float = 0.001
    delay_max_s: float = 0.001
    locate_max_s: float = 0.0  # how long a name look-up may take; 0: answered at once


CLEAR = Weather()


class UserAgent(Protocol):
    """What the network asks of whoever sits at an address: the five verbs of an agent."""

    def receive(self, event: Input, now_s: float) -> None: ...
    def command(self, command: Command, now_s: float) -> None: ...
    def handle_timer(self, now_s: float) -> None: ...
    def next_deadline(self) -> float | None: ...
    def take_effects(self) -> tuple[Effect, ...]: ...
    def census(self) -> dict[str, int]: ...


@dataclass(slots=True)
class Node:
    """One agent at one address, and what happened there."""

    host: str
    agent: UserAgent
    events: list[tuple[float, Event]] = field(default_factory=list)
    on_event: Callable[[Event], None] | None = None
    is_down: bool = False

    def told(self, kind: type[Event]) -> list[Event]:
        """The events of one kind."""
        return [event for _, event in self.events if isinstance(event, kind)]


@dataclass(frozen=True, slots=True)
class Passage:
    """One datagram as the ladder shows it."""

    at_s: float
    source: str
    target: str
    data: bytes
    fate: str

    def __str__(self) -> str:
        lines = self.data.decode(errors="replace").split("\r\n")
        start = lines[0].removesuffix(" SIP/2.0").removeprefix("SIP/2.0 ")
        cseq = next((line[6:] for line in lines if line.startswith("CSeq:")), "")
        return f"{self.at_s:10.4f}  {self.source:>10} -> {self.target:<10} {self.fate:<9} {start[:60]}  ({cseq})"


class World:
    """All nodes, one clock, one queue of things to come."""

    def __init__(self, seed: int, weather: Weather = CLEAR) -> None:
        self.random = random.Random(seed)
        self.weather = weather
        self.now_s = 1000.0
        self.nodes: dict[str, Node] = {}
        self.names: dict[str, tuple[str, ...]] = {}  # a host name, and the addresses behind it
        self.refuses = True  # whether an address without a listener says so (ICMP), or swallows what is sent there
        self.wakes: Counter[str] = Counter()  # how often each node's shell had something to do
        self.ladder: list[Passage] = []
        self._serial = 0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []

    def add(self, host: str, settings: AgentSettings | None = None) -> Node:
        """A new agent at `host`."""
        return self.place(host, Agent(settings or AgentSettings(), SeededIds(self.random.getrandbits(32)), self.now_s))

    def place(self, host: str, agent: UserAgent) -> Node:
        """Whatever has the verbs of an agent, at `host`."""
        node = self.nodes[host] = Node(host, agent)
        return node

    def at(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do something later."""
        self._serial += 1
        heappush(self._queue, (self.now_s + delay_s, self._serial, action))

    def command(self, node: Node, command: Command) -> None:
        """Let the program behind a node want something."""
        node.agent.command(command, self.now_s)
        self.flush(node)

    def feed(self, node: Node, event: Input) -> None:
        """Let a node's network hear something."""
        self.wakes[node.host] += 1
        node.agent.receive(event, self.now_s)
        self.flush(node)

    def flush(self, node: Node) -> None:
        """Carry out a node's effects."""
        while effects := node.agent.take_effects():
            for effect in effects:
                match effect:
                    case Send():
                        self._send(node, effect)
                    case Locate():
                        self._answer(node, self._locate(node, effect))
                    case _:
                        node.events.append((self.now_s, effect))
                        if node.on_event is not None:
                            node.on_event(effect)

    def _answer(self, node: Node, located: Located) -> None:
        if self.weather.locate_max_s == 0:
            node.agent.receive(located, self.now_s)
        else:
            self.at(self.random.uniform(0, self.weather.locate_max_s), lambda: self.feed(node, located))

    def run(self, until_s: float | None = None) -> None:
        """Let time pass: until nothing is left to happen, or until the clock shows `until_s`."""
        while True:
            event_s = self._queue[0][0] if self._queue else None
            timer_s, node = self._next_timer()
            times = [time_s for time_s in (event_s, timer_s) if time_s is not None]
            if not times or (until_s is not None and min(times) > until_s):
                if until_s is not None:
                    self.now_s = max(self.now_s, until_s)
                return
            self.now_s = max(self.now_s, min(times))
            if event_s is not None and event_s <= self.now_s:
                heappop(self._queue)[2]()
            elif node is not None:
                self.wakes[node.host] += 1
                node.agent.handle_timer(self.now_s)
                self.flush(node)

    def _next_timer(self) -> tuple[float | None, Node | None]:
        first_s: float | None = None
        first: Node | None = None
        for node in self.nodes.values():
            deadline_s = node.agent.next_deadline()
            if deadline_s is not None and (first_s is None or deadline_s < first_s):
                first_s, first = deadline_s, node
        return first_s, first

    def _locate(self, node: Node, locate: Locate) -> Located:
        port = locate.uri.port or SIP_PORT
        transport = locate.transport or Transport.UDP
        hops = [
            Hop(transport=transport, host=host, port=port, local_host=node.host, local_port=SIP_PORT)
            for host in self.names.get(locate.uri.host, (locate.uri.host,))
        ]
        return Located(query=locate.query, hops=tuple(hops))

    def _send(self, node: Node, send: Send) -> None:
        weather, chance = self.weather, self.random
        if node.is_down:
            return  # whose power is off sends nothing, whatever its timers say
        copies = 0 if chance.random() < weather.loss else 2 if chance.random() < weather.duplication else 1
        self.ladder.append(Passage(self.now_s, node.host, send.hop.host, send.data, ("lost", "", "twice")[copies]))
        target = self.nodes.get(send.hop.host) if send.hop.transport is Transport.UDP else None
        if target is None or target.is_down:
            if self.refuses or send.hop.transport is not Transport.UDP:
                self.at(0.001, lambda: self.feed(node, SendFailed(hop=send.hop, reason="refused")))
            return
        source = Hop(transport=send.hop.transport, host=node.host, port=SIP_PORT, local_host=target.host, local_port=SIP_PORT)
        for _ in range(copies):
            self.at(chance.uniform(weather.delay_min_s, weather.delay_max_s), lambda: self._arrive(target, send.data, source))

    def _arrive(self, target: Node, data: bytes, source: Hop) -> None:
        if not target.is_down:
            self.feed(target, Received(data=data, source=source))


def media(port: int, session_id: int = 1) -> LocalMedia:
    """The media of a simulated side."""
    return LocalMedia(rtp_port=port, codecs=(PCMU, PCMA, TELEPHONE_EVENT), session_id=session_id)
