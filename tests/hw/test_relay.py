"""The relay's shell: what moves the contact, who hears of it, and what happens when the sink or the keeper fails."""

from __future__ import annotations

import pytest

from hw.api import HardwareError, HardwareEvent, RelayBlockedError, RelayEdge
from hw.relay import TimedRelay
from hw.settings import RelaySettings

S = 1_000_000_000


class Rig:
    """A relay on a bench: its contact, its clock and what it reports."""

    def __init__(self, *, attach: bool = True, may_hold: bool = False) -> None:
        self.now_ns = 0
        self.moves: list[bool] = []
        self.events: list[HardwareEvent] = []
        self.woken = 0
        settings = RelaySettings(name="door", gpio=4, max_closed_s=10.0, may_hold=may_hold)
        self.relay = TimedRelay(settings, drive=self.moves.append, now_ns=lambda: self.now_ns)
        if attach:
            self.relay.attach(self.events.append, guard=lambda: None, wake=self._wake)

    def _wake(self) -> None:
        self.woken += 1


def test_a_pulse_moves_the_contact_once_each_way_and_reports_both() -> None:
    rig = Rig()
    rig.relay.pulse(3.0)
    assert rig.moves == [True]
    assert rig.relay.deadline_ns() == 3 * S
    rig.now_ns = 3 * S
    rig.relay.expire(rig.now_ns)
    assert not rig.relay.closed
    assert rig.moves == [True, False]
    assert rig.events == [RelayEdge(relay="door", closed=True, at_ns=0), RelayEdge(relay="door", closed=False, at_ns=3 * S)]
    assert rig.woken == 1


def test_pulses_again_and_again_do_not_pass_the_maximum() -> None:
    rig = Rig()
    for rig.now_ns in range(0, 10 * S, S // 10):
        rig.relay.pulse(5.0)
    assert rig.relay.deadline_ns() == 10 * S
    rig.now_ns = 10 * S
    rig.relay.pulse(5.0)
    assert not rig.relay.closed
    assert rig.moves == [True, False]


def test_release_in_any_state_is_allowed() -> None:
    rig = Rig()
    rig.relay.release()
    rig.relay.pulse(1.0)
    rig.relay.release()
    rig.relay.release()
    assert rig.moves == [True, False]


def test_without_a_keeper_no_relay_closes() -> None:
    rig = Rig(attach=False)
    with pytest.raises(HardwareError, match="not started"):
        rig.relay.pulse(1.0)
    assert rig.moves == []
    rig.relay.release()


def test_a_dead_keeper_refuses_before_the_contact_moves() -> None:
    rig = Rig()

    def dead() -> None:
        raise HardwareError("dead")

    rig.relay.attach(rig.events.append, guard=dead, wake=lambda: None)
    with pytest.raises(HardwareError, match="dead"):
        rig.relay.pulse(1.0)
    assert rig.moves == []


def test_a_sink_that_fails_leaves_the_deadline_in_force() -> None:
    rig = Rig()

    def failing(_event: HardwareEvent) -> None:
        raise RuntimeError("sink")

    rig.relay.attach(failing, guard=lambda: None, wake=rig._wake)
    with pytest.raises(RuntimeError, match="sink"):
        rig.relay.pulse(1.0)
    assert rig.moves == [True]
    assert rig.woken == 1
    assert rig.relay.deadline_ns() == S


def test_a_sink_may_call_the_relay_that_calls_it() -> None:
    rig = Rig()

    def again(event: HardwareEvent) -> None:
        rig.events.append(event)
        if isinstance(event, RelayEdge) and event.closed:
            rig.relay.release()

    rig.relay.attach(again, guard=lambda: None, wake=lambda: None)
    rig.relay.pulse(1.0)
    assert rig.moves == [True, False]
    assert [event.closed for event in rig.events if isinstance(event, RelayEdge)] == [True, False]


def test_a_hold_that_was_granted_outlasts_the_maximum_until_it_is_released() -> None:
    rig = Rig(may_hold=True)
    rig.relay.hold()
    assert rig.relay.closed
    assert rig.relay.deadline_ns() is None
    rig.now_ns = 3600 * S
    rig.relay.expire(rig.now_ns)
    rig.relay.pulse(1.0)
    rig.relay.let_out(1.0, "exit")
    assert rig.moves == [True]
    rig.relay.release()
    assert rig.moves == [True, False]


def test_a_pulse_may_turn_into_a_hold() -> None:
    rig = Rig(may_hold=True)
    rig.relay.pulse(1.0)
    rig.relay.hold()
    rig.now_ns = 3600 * S
    rig.relay.expire(rig.now_ns)
    assert rig.moves == [True]


def test_a_hold_that_was_not_granted_is_refused_before_the_contact_moves() -> None:
    rig = Rig()
    with pytest.raises(HardwareError, match="may not be held"):
        rig.relay.hold()
    assert rig.moves == []


def test_nothing_is_held_that_nobody_would_release_at_the_end() -> None:
    rig = Rig(attach=False, may_hold=True)
    with pytest.raises(HardwareError, match="not started"):
        rig.relay.hold()
    assert rig.moves == []


@pytest.mark.parametrize("exits", [False, True])
def test_lock_wins_over_what_is_closed_and_over_every_later_request(exits: bool) -> None:
    for begin in ("pulse", "hold"):
        rig = Rig(may_hold=True)
        rig.relay.pulse(5.0) if begin == "pulse" else rig.relay.hold()
        rig.relay.block(exits=exits)
        assert rig.relay.blocked
        assert rig.moves == [True, False]
        with pytest.raises(RelayBlockedError, match="relay door is blocked"):
            rig.relay.pulse(1.0)
        with pytest.raises(RelayBlockedError, match="relay door is blocked"):
            rig.relay.hold()
        assert rig.moves == [True, False]


def test_a_block_may_let_people_out_and_tells_who_went() -> None:
    rig = Rig()
    rig.relay.block(exits=False)
    rig.relay.let_out(2.0, "exit")
    assert rig.events == [RelayEdge(relay="door", closed=True, at_ns=0, by="exit")]
    rig.now_ns = 2 * S
    rig.relay.expire(rig.now_ns)
    assert rig.events[1:] == [RelayEdge(relay="door", closed=False, at_ns=2 * S)]


def test_a_block_may_keep_everybody_in() -> None:
    rig = Rig()
    rig.relay.block(exits=True)
    with pytest.raises(RelayBlockedError, match="closes for nobody"):
        rig.relay.let_out(2.0, "exit")
    assert rig.moves == []


def test_a_relay_can_be_blocked_before_the_board_is_started() -> None:
    rig = Rig(attach=False)
    rig.relay.block(exits=True)
    rig.relay.attach(rig.events.append, guard=lambda: None, wake=rig._wake)
    with pytest.raises(RelayBlockedError):
        rig.relay.pulse(1.0)


def test_unblocking_closes_nothing_and_allows_everything() -> None:
    rig = Rig()
    rig.relay.block(exits=True)
    rig.relay.unblock()
    assert not rig.relay.blocked
    assert rig.moves == []
    rig.relay.pulse(1.0)
    assert rig.moves == [True]


def test_somebody_who_leaves_does_not_shut_the_door_on_others_and_obeys_the_maximum() -> None:
    rig = Rig()
    rig.relay.pulse(8.0)
    rig.relay.let_out(2.0, "exit")
    assert rig.relay.deadline_ns() == 8 * S
    rig.now_ns = 7 * S
    rig.relay.let_out(9.0, "exit")
    assert rig.relay.deadline_ns() == 10 * S
    assert [event.by for event in rig.events if isinstance(event, RelayEdge)] == [None]


def test_an_exit_that_comes_at_the_maximum_opens_and_closes_nothing() -> None:
    rig = Rig()
    rig.relay.pulse(10.0)
    rig.now_ns = 10 * S  # the keeper is about to come
    rig.relay.let_out(5.0, "exit")
    assert rig.events[1:] == [RelayEdge(relay="door", closed=False, at_ns=10 * S, by=None)]
