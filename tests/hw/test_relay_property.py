"""Any order of requests from anybody: the relay's promises, checked against the contact itself."""

from __future__ import annotations

import contextlib

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hw.api import HardwareError, HardwareEvent, RelayBlockedError, RelayEdge
from hw.relay import TimedRelay
from hw.relay_timer import REST_NS
from hw.settings import RelaySettings
from tests.searching import examples

S = 1_000_000_000
MAX_S = 10.0
SECONDS = st.floats(0.001, 30.0)


class RelayOnABench(RuleBasedStateMachine):
    """A relay that may not be held, its contact, and a keeper that is never late."""

    may_hold = False

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.contact = False
        self.events: list[RelayEdge] = []
        self.closed_since_ns: int | None = None  # of closings less than a rest apart
        self.opened_ns = -REST_NS
        self.gate = "anybody"
        self.held = False
        self.by_exit = False
        relay_settings = RelaySettings(name="lock", gpio=4, max_closed_s=MAX_S, may_hold=self.may_hold)
        self.relay = TimedRelay(relay_settings, drive=self.move, now_ns=lambda: self.now_ns)
        self.relay.attach(self.hear, guard=lambda: None, wake=lambda: None)

    def move(self, closed: bool) -> None:
        assert closed != self.contact
        self.contact = closed
        if closed and (self.closed_since_ns is None or self.now_ns - self.opened_ns >= REST_NS):
            self.closed_since_ns = self.now_ns
        if not closed:
            self.opened_ns = self.now_ns

    def hear(self, event: HardwareEvent) -> None:
        assert isinstance(event, RelayEdge)
        assert event.closed == self.contact, "told before it moved, or not what it did"
        assert event.by is None or event.closed
        self.by_exit = event.by is not None
        self.events.append(event)

    @rule(duration_s=SECONDS)
    def pulse(self, duration_s: float) -> None:
        refused = False
        try:
            self.relay.pulse(duration_s)
        except RelayBlockedError:
            refused = True
        assert refused == (self.gate != "anybody")

    @rule(duration_s=SECONDS)
    def somebody_leaves(self, duration_s: float) -> None:
        before_ns, was_closed = self.relay.deadline_ns(), self.contact
        refused = False
        try:
            self.relay.let_out(duration_s, "exit")
        except RelayBlockedError:
            refused = True
        assert refused == (self.gate == "nobody")
        after_ns = self.relay.deadline_ns()
        if was_closed and self.contact and before_ns is not None and after_ns is not None:
            assert after_ns >= before_ns, "somebody who leaves shut the door on others"

    @rule()
    def hold(self) -> None:
        with contextlib.suppress(HardwareError):
            self.relay.hold()
            self.held = True
            assert self.may_hold
            assert self.gate == "anybody"

    @rule()
    def release(self) -> None:
        self.relay.release()
        if self.held:
            self.closed_since_ns = None  # a hold counts for no maximum: what follows it begins anew
        self.held = False
        assert not self.contact

    @rule(exits=st.booleans())
    def block(self, exits: bool) -> None:
        self.relay.block(exits=exits)
        if self.held:
            self.closed_since_ns = None
        self.gate, self.held = "nobody" if exits else "exits", False
        assert not self.contact

    @rule()
    def unblock(self) -> None:
        before = self.contact
        self.relay.unblock()
        self.gate = "anybody"
        assert self.contact == before

    @rule(pause_s=st.floats(0.001, 15.0))
    def time_passes(self, pause_s: float) -> None:
        until_ns = self.now_ns + round(pause_s * 1e9)
        while (at_ns := self.relay.deadline_ns()) is not None and at_ns <= until_ns:
            self.now_ns = max(self.now_ns, at_ns)
            self.relay.expire(self.now_ns)
        self.now_ns = until_ns

    @invariant()
    def the_contact_is_what_the_relay_says(self) -> None:
        assert self.relay.closed == self.contact
        assert self.relay.blocked == (self.gate != "anybody")
        assert [event.closed for event in self.events] == [place % 2 == 0 for place in range(len(self.events))]

    @invariant()
    def nothing_is_closed_past_its_maximum_but_a_hold(self) -> None:
        if self.contact and not self.held:
            assert self.closed_since_ns is not None
            assert self.relay.deadline_ns() is not None
            assert self.now_ns - self.closed_since_ns < MAX_S * S
        assert self.held <= self.contact

    @invariant()
    def locked_stays_locked(self) -> None:
        if self.gate == "nobody":
            assert not self.contact
        if self.gate == "exits" and self.contact:
            assert self.by_exit


class HoldableRelayOnABench(RelayOnABench):
    """The same, where a hold is granted."""

    may_hold = True


RUNS = settings(max_examples=examples(30), stateful_step_count=40)
TestRelay = RelayOnABench.TestCase
TestRelay.settings = RUNS
TestHoldableRelay = HoldableRelayOnABench.TestCase
TestHoldableRelay.settings = RUNS
