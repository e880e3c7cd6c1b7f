"""Two agents of ICE that have exchanged descriptions, in the network in memory."""

from __future__ import annotations

from firmware.ice.agent import IceAgent
from firmware.sdp.ice import IceSession
from firmware.stun.attributes import Address
from tests.ice.network import Network, Side, agent_of, side_of

DOOR, PHONE = ("192.168.1.5", 10_000), ("10.0.0.7", 4000)


class Talk:
    """A door and a phone that have exchanged descriptions."""

    def __init__(self, door: IceSession, phone: IceSession, network: Network | None = None) -> None:
        self.net = network or Network()
        self.agents: dict[Address, IceAgent] = {}
        self.door = self._side(door, 1)
        self.phone = self._side(phone, 2)

    def _side(self, session: IceSession, seed: int) -> Side:
        address = session.local[0].host, session.local[0].port
        agent = self.agents[address] = agent_of(session, seed)
        side = side_of(address, agent)
        self.net.place(side)
        return side

    def begin(self, *, phone_after_s: float = 0.0, until_s: float = 5.0) -> None:
        self._start(self.door)
        if phone_after_s:
            self.net.run({DOOR: self.agents[DOOR]}, phone_after_s)
        self._start(self.phone)
        self.net.run(self.agents, until_s)

    def _start(self, side: Side) -> None:
        agent = self.agents[side.address]
        agent.start(self.net.now)
        self.net.do(side, agent.take_effects())


def final(side: Side) -> list[Address]:
    return [use.remote for use in side.used if use.is_final]
