"""A network in memory for agents of ICE: addresses, translators between them, loss; its clock is turned by hand."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from firmware.ice.agent import Effect, IceAgent, NoConsent, NoWay, Send, Use
from firmware.ice.pair import Relay
from firmware.sdp.ice import Candidate, IceCredentials, IceSession, Kind, local_candidates
from firmware.stun.attributes import Address

DELAY_S = 0.01


class Translator(NamedTuple):
    """What stands between a host and the rest: seen from outside it is `public`; who was not written to may not come in."""

    inside: str
    public: Address
    is_symmetric: bool = False  # another port for each other side: what a STUN server saw is of no use


class Side:
    """An agent, or a lite one as a function of datagrams, at its address."""

    def __init__(self, address: Address, handle: Callable[[bytes, Address, float], list[Effect]]) -> None:
        self.address = address
        self.handle = handle
        self.used: list[Use] = []
        self.has_no_way = False
        self.lost_at_s: list[float] = []


class Network:
    """Carries datagrams between the sides until nothing moves or the time is over."""

    def __init__(self, *, seed: int = 1, loss: float = 0.0) -> None:
        self.now = 0.0
        self.sides: dict[Address, Side] = {}
        self.translators: dict[Address, Translator] = {}  # by the inner address
        self.closed: set[Address] = set()  # a firewall: nothing arrives there
        self.carried: list[tuple[Address, Address, bytes]] = []
        self._inner: dict[Address, tuple[Address, set[Address]]] = {}  # public -> inner, and whom it has written to
        self._flying: list[tuple[float, int, Address, Address, bytes]] = []
        self._order = count()
        self._chance = random.Random(seed)
        self._loss = loss

    def place(self, side: Side, translator: Translator | None = None) -> None:
        self.sides[side.address] = side
        if translator is not None:
            self.translators[side.address] = translator

    def do(self, side: Side, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(datagram, to):
                    self._send(side.address, to, datagram)
                case Use():
                    side.used.append(effect)
                case NoWay():
                    side.has_no_way = True
                case NoConsent():
                    side.lost_at_s.append(self.now)

    def _send(self, source: Address, to: Address, datagram: bytes) -> None:
        translator = self.translators.get(source)
        if translator is not None:
            host, port = translator.public
            public = (host, port + sum(map(ord, str(to))) % 1000) if translator.is_symmetric else (host, port)
            self._inner.setdefault(public, (source, set()))[1].add(to)
            source = public
        self.carried.append((source, to, datagram))
        if self._chance.random() >= self._loss:
            heapq.heappush(self._flying, (self.now + DELAY_S, next(self._order), source, to, datagram))

    def run(self, agents: dict[Address, IceAgent], until_s: float) -> None:
        """Everything that happens until then."""
        while True:
            due = [(deadline, address) for address, agent in agents.items() if (deadline := agent.next_deadline()) is not None]
            timer = min(due, default=(until_s + 1, ("", 0)))
            arrival = self._flying[0][0] if self._flying else until_s + 1
            if min(timer[0], arrival) > until_s:
                self.now = until_s
                return
            if arrival <= timer[0]:
                self.now, _, source, to, datagram = heapq.heappop(self._flying)
                self._arrive(source, to, datagram)
            else:
                self.now = max(self.now, timer[0])
                side, agent = self.sides[timer[1]], agents[timer[1]]
                agent.handle_timer(self.now)
                self.do(side, agent.take_effects())

    def _arrive(self, source: Address, to: Address, datagram: bytes) -> None:
        if to in self._inner:
            inner, known = self._inner[to]
            if source not in known:
                return  # nobody inside has written there
            to = inner
        elif to in self.translators:
            return  # a private address from outside
        side = self.sides.get(to)
        if side is not None and to not in self.closed:
            self.do(side, side.handle(datagram, source, self.now))


def credentials(name: str) -> IceCredentials:
    return IceCredentials(name, name * 6)


def sessions(
    door: tuple[Candidate, ...], phone: tuple[Candidate, ...], *, door_controls: bool = True, phone_controls: bool | None = None
) -> tuple[IceSession, IceSession]:
    """Both sides' view of one stream."""
    ours, theirs = credentials("door"), credentials("phone")
    other = not door_controls if phone_controls is None else phone_controls
    return (
        IceSession(ours, theirs, is_lite=False, is_controlling=door_controls, local=door, remote=phone),
        IceSession(theirs, ours, is_lite=False, is_controlling=other, local=phone, remote=door),
    )


def agent_of(session: IceSession, seed: int, relay: Relay | None = None) -> IceAgent:
    chance = random.Random(seed)
    return IceAgent(
        session,
        transaction_id=lambda: chance.randbytes(12),
        tie_breaker=lambda: chance.getrandbits(64),
        chance=chance.random,
        relay=relay,
    )


def side_of(address: Address, agent: IceAgent) -> Side:
    def handle(datagram: bytes, source: Address, now: float) -> list[Effect]:
        agent.receive(datagram, source, now)
        return agent.take_effects()

    return Side(address, handle)


def host(address: Address, mapped: Address | None = None) -> tuple[Candidate, ...]:
    return local_candidates(*address, mapped)


def relayed(address: Address) -> Candidate:
    return Candidate(Kind.RELAYED, *address, 16_777_215, "relay")
