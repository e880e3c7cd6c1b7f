"""firmware/ice/agent.py with a relay: it is taken when nothing else leads to the other side, and only then (RFC 8445 §5.1.2.2, §6.1.2)."""

from __future__ import annotations

from collections.abc import Callable

from firmware.ice.agent import PAIRS_MAX, RELAYED_MAX, Effect, Send
from firmware.ice.pair import PairState
from firmware.sdp.ice import Candidate, Kind, local_candidates
from firmware.stun.attributes import Address, mapped_address
from firmware.stun.message import BINDING_SUCCESS, parse
from tests.ice.network import Side, agent_of, host, sessions, side_of
from tests.ice.talk import DOOR, Talk, final

PHONE = ("203.0.113.9", 4000)
RELAYED = ("198.51.100.200", 50_000)


class MemoryRelay:
    """Entrances on the door's own machine, and the relayed address; both ends of it in the network in memory."""

    def __init__(self, talk: Talk) -> None:
        self.relayed: Address | None = RELAYED
        self._talk = talk
        self._entrances: dict[Address, Side] = {}
        self._peers: dict[Address, Address] = {}
        self.outer = Side(RELAYED, self._from_outside)
        talk.net.place(self.outer)
        self.carried = 0

    def entrance(self, peer: Address) -> Address | None:
        if self.relayed is None:
            return None
        if peer not in self._entrances:
            address = ("127.0.0.1", 30_000 + len(self._entrances))
            self._peers[address] = peer
            self._entrances[peer] = Side(address, self._passing(peer))
            self._talk.net.place(self._entrances[peer])
        return self._entrances[peer].address

    def peer(self, source: Address) -> Address | None:
        return self._peers.get(source)

    def _passing(self, peer: Address) -> Callable[[bytes, Address, float], list[Effect]]:
        def handle(datagram: bytes, source: Address, _now: float) -> list[Effect]:
            assert source == DOOR
            self.carried += 1
            self._talk.net.do(self.outer, [Send(datagram, peer)])
            return []

        return handle

    def _from_outside(self, datagram: bytes, source: Address, _now: float) -> list[Effect]:
        entrance = self.entrance(source)
        assert entrance is not None
        self.carried += 1
        self._talk.net.do(self._entrances[source], [Send(datagram, DOOR)])
        return []


def relayed_talk(phone: tuple[Candidate, ...], *, cut: bool, door_controls: bool = True) -> tuple[Talk, MemoryRelay]:
    """`cut`: no packet passes between the two directly."""
    ours = local_candidates(*DOOR, None, (), RELAYED)
    door, other = sessions(ours, phone, door_controls=door_controls)
    talk = Talk(door, other)
    relay = MemoryRelay(talk)
    talk.agents[DOOR] = agent_of(door, 1, relay)
    talk.door = side_of(DOOR, talk.agents[DOOR])
    talk.net.place(talk.door)
    if cut:
        between = {(DOOR, PHONE), (PHONE, DOOR)}
        send = talk.net._send

        def lossy(source: Address, to: Address, datagram: bytes) -> None:
            if (source, to) not in between:
                send(source, to, datagram)

        talk.net._send = lossy  # type: ignore[method-assign]
    return talk, relay


def test_the_relay_is_the_way_when_there_is_no_other() -> None:
    for door_controls in (True, False):
        talk, relay = relayed_talk(host(PHONE), cut=True, door_controls=door_controls)
        talk.begin(until_s=50)
        assert final(talk.door) == [relay.entrance(PHONE)]
        assert final(talk.phone) == [RELAYED]
        selected = talk.agents[DOOR].selected
        assert selected is not None
        assert (selected.host, selected.port) == PHONE


def test_a_direct_way_is_better_than_the_relay() -> None:
    talk, _ = relayed_talk(host(PHONE), cut=False)
    talk.begin(until_s=10)
    assert (final(talk.door), final(talk.phone)) == ([PHONE], [DOOR])


def test_consent_is_asked_for_through_the_relay() -> None:
    talk, relay = relayed_talk(host(PHONE), cut=True)
    talk.begin(until_s=50)
    before = relay.carried
    talk.net.run(talk.agents, 110)
    assert relay.carried - before >= 40  # a question and its answer every six seconds at least, both ways
    assert not talk.door.lost_at_s
    assert not talk.phone.lost_at_s
    relay.outer.handle = lambda _datagram, _source, _now: []
    talk.net.run(talk.agents, 200)
    assert talk.door.lost_at_s


def test_the_other_side_is_told_its_own_address_and_not_that_of_an_entrance() -> None:
    talk, _ = relayed_talk(host(PHONE), cut=True)
    heard: list[Address] = []
    handle = talk.phone.handle

    def watching(datagram: bytes, source: Address, now: float) -> list[Effect]:
        read = parse(datagram)
        if read is not None and read.kind == BINDING_SUCCESS:
            seen = mapped_address(read.attributes, read.transaction_id)
            assert seen is not None
            heard.append(seen)
        return handle(datagram, source, now)

    talk.phone.handle = watching
    talk.begin(until_s=50)
    assert heard
    assert set(heard) == {PHONE}


def test_what_is_private_to_the_other_side_is_not_looked_for_through_the_relay() -> None:
    private = Candidate(Kind.HOST, "10.0.0.7", 4000, 2_000_000_000, "p")
    talk, _ = relayed_talk((private, *host(PHONE)), cut=True)
    pairs = [(pair.remote.host, pair.local.kind) for pair in talk.agents[DOOR]._pairs if pair.local is not None]
    assert pairs == [("10.0.0.7", Kind.HOST), (PHONE[0], Kind.HOST), (PHONE[0], Kind.RELAYED)]


def test_the_same_candidate_by_two_ways_is_two_foundations() -> None:
    talk, _ = relayed_talk(host(PHONE), cut=True)
    assert [pair.state for pair in talk.agents[DOOR]._pairs] == [PairState.WAITING, PairState.WAITING]


def test_not_every_one_of_many_candidates_is_looked_for_through_the_relay() -> None:
    many = tuple(Candidate(Kind.HOST, "203.0.113.9", 4000 + n, 2_000_000 - n, str(n)) for n in range(16))
    talk, _ = relayed_talk(many, cut=True)
    kinds = [pair.local.kind for pair in talk.agents[DOOR]._pairs if pair.local is not None]
    assert (kinds.count(Kind.HOST), kinds.count(Kind.RELAYED)) == (16, RELAYED_MAX)
    assert len(kinds) < PAIRS_MAX
