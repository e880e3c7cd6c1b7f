"""Three user agents and a transfer between them, in good weather and bad: who talks to whom in the end (RFC 5589)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware.sip.agent import AgentSettings
from firmware.sip.events import (
    AcceptTransfer,
    Answer,
    AttendedTransfer,
    CallAnswered,
    CallEnded,
    CallKey,
    EndCause,
    Event,
    HangUp,
    IncomingCall,
    Invite,
    Transfer,
    TransferProgress,
    TransferRequested,
)
from firmware.sip.settings import ReferPolicy
from firmware.sip.uri import Uri
from tests.sim.network import CLEAR, Node, Weather, World, media

SETTINGS = AgentSettings(refer=ReferPolicy.CALL)
BAD = Weather(loss=0.1, duplication=0.2, delay_min_s=0.001, delay_max_s=0.4)
FIRST, SECOND, MOVED = CallKey("first"), CallKey("second"), CallKey("moved")


class Trio:
    """Anna calls Bob, and Carol where she needs to; Bob and Carol answer at once and obey transfers."""

    def __init__(self, seed: int, weather: Weather) -> None:
        self.world = World(seed, weather)
        self.anna = self.world.add("10.0.0.1", SETTINGS)
        self.bob = self.world.add("10.0.0.2", SETTINGS)
        self.carol = self.world.add("10.0.0.3", SETTINGS)
        for node in (self.bob, self.carol):
            node.on_event = self._obey(node)
        self.anna.on_event = self._end_when_moved

    def call(self, key: CallKey, callee: Node) -> None:
        target = Uri.parse(f"sip:x@{callee.host}")
        self.world.command(self.anna, Invite(call=key, target=target, account=None, media=media(5000)))
        self.run(30)

    def run(self, seconds: float) -> None:
        self.world.run(self.world.now_s + seconds)

    def living(self, node: Node) -> set[CallKey]:
        """The answered legs of a node that have not ended."""
        up = {event.call for _, event in node.events if isinstance(event, CallAnswered)}
        return up - {event.call for _, event in node.events if isinstance(event, CallEnded)}

    def outcome(self) -> list[int]:
        return [event.status for _, event in self.anna.events if isinstance(event, TransferProgress) and event.is_done]

    def end(self) -> None:
        for node in (self.bob, self.carol):
            for key in sorted(self.living(node)):
                self.world.command(node, HangUp(call=key))
        self.world.run()
        for node in self.world.nodes.values():
            assert not any(node.agent.census().values()), node.host

    def _obey(self, node: Node) -> Callable[[Event], None]:
        def told(event: Event) -> None:
            match event:
                case IncomingCall(call=call):
                    self.world.at(0.01, lambda: self.world.command(node, Answer(call=call, media=media(4000))))
                case TransferRequested(transfer=transfer):
                    accept = AcceptTransfer(transfer=transfer, call=MOVED, media=media(4100))
                    self.world.at(0.01, lambda: self.world.command(node, accept))
                case _:
                    pass

        return told

    def _end_when_moved(self, event: Event) -> None:
        if isinstance(event, TransferProgress) and event.is_done and event.status < 300:
            self.world.at(0.01, lambda: self.world.command(self.anna, HangUp(call=FIRST)))


@pytest.mark.parametrize("weather", [CLEAR, BAD], ids=["clear", "bad"])
@pytest.mark.parametrize("seed", range(8))
def test_a_blind_transfer_connects_the_other_two(seed: int, weather: Weather) -> None:
    trio = Trio(seed, weather)
    trio.call(FIRST, trio.bob)
    trio.world.command(trio.anna, Transfer(call=FIRST, target=Uri.parse(f"sip:x@{trio.carol.host}")))
    trio.run(60)
    assert trio.outcome() == [200]
    assert trio.living(trio.anna) == set()
    assert trio.living(trio.bob) == {MOVED}
    assert len(trio.living(trio.carol)) == 1
    trio.end()


@pytest.mark.parametrize("weather", [CLEAR, BAD], ids=["clear", "bad"])
@pytest.mark.parametrize("seed", range(8))
def test_an_attended_transfer_takes_the_place_of_the_second_call(seed: int, weather: Weather) -> None:
    trio = Trio(seed, weather)
    trio.call(FIRST, trio.bob)
    trio.call(SECOND, trio.carol)
    trio.world.command(trio.anna, AttendedTransfer(call=FIRST, other=SECOND))
    trio.run(60)
    assert trio.outcome() == [200]
    assert trio.living(trio.anna) == set()
    assert trio.living(trio.bob) == {MOVED}
    assert [event.cause for _, event in trio.carol.events if isinstance(event, CallEnded)] == [EndCause.REPLACED]
    assert len(trio.living(trio.carol)) == 1
    trio.end()


def test_a_transfer_to_nobody_leaves_the_call_where_it_was() -> None:
    trio = Trio(1, CLEAR)
    trio.call(FIRST, trio.bob)
    trio.world.command(trio.anna, Transfer(call=FIRST, target=Uri.parse("sip:x@10.0.0.99")))
    trio.run(60)
    assert trio.outcome() == [503]
    assert trio.living(trio.anna) == {FIRST}
    trio.end()
