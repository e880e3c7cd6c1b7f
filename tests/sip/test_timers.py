"""The table of timers and the queue: RFC 3261 table 4, RFC 6026."""

from __future__ import annotations

import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.sip.timers import PATIENCE_S, PATIENT_MAX, Timer, TimerQueue, delay_s


class Owner:
    def handle_timer(self, name: str, now_s: float) -> None:
        raise AssertionError("the queue only hands timers out")


@pytest.mark.parametrize(
    ("timer", "unreliable_s", "reliable_s"),
    [
        (Timer.A, 0.5, None),
        (Timer.B, 32.0, 32.0),
        (Timer.D, 32.0, 0.0),
        (Timer.E, 0.5, None),
        (Timer.F, 32.0, 32.0),
        (Timer.G, 0.5, None),
        (Timer.H, 32.0, 32.0),
        (Timer.I, 5.0, 0.0),
        (Timer.J, 32.0, 0.0),
        (Timer.K, 5.0, 0.0),
        (Timer.L, 32.0, 32.0),
        (Timer.M, 32.0, 32.0),
    ],
)
def test_each_timer_lasts_as_the_table_says(timer: Timer, unreliable_s: float, reliable_s: float | None) -> None:
    assert delay_s(timer, reliable=False) == unreliable_s
    assert delay_s(timer, reliable=True) == reliable_s


def test_timers_come_out_in_order_of_time_then_of_setting() -> None:
    queue, one, two = TimerQueue(), Owner(), Owner()
    queue.set(one, "late", 3.0)
    queue.set(two, "x", 1.0)
    queue.set(one, "x", 1.0)
    assert [queue.pop_due(5.0) for _ in range(4)] == [(two, "x"), (one, "x"), (one, "late"), None]


def test_setting_a_timer_again_replaces_it() -> None:
    queue, owner = TimerQueue(), Owner()
    queue.set(owner, "x", 1.0)
    queue.set(owner, "x", 2.0)
    assert queue.next_deadline() == 2.0
    assert queue.pop_due(1.5) is None
    assert len(queue) == 1


def test_a_cleared_timer_never_comes() -> None:
    queue, owner = TimerQueue(), Owner()
    queue.set(owner, "x", 1.0)
    queue.clear(owner, "x")
    queue.clear(owner, "never set")
    assert queue.next_deadline() is None
    assert queue.pop_due(9.0) is None
    assert len(queue) == 0


def test_nothing_is_due_before_its_time() -> None:
    queue, owner = TimerQueue(), Owner()
    queue.set(owner, "x", 1.0)
    assert queue.pop_due(0.999) is None
    assert queue.pop_due(1.0) == (owner, "x")


def test_a_patient_timer_wakes_nobody_but_goes_with_whatever_wakes_next() -> None:
    queue, owner = TimerQueue(), Owner()
    queue.set(owner, "tidy", 1.0, patient=True)
    assert queue.next_deadline() == 1.0 + PATIENCE_S
    queue.set(owner, "work", 5.0)
    assert queue.next_deadline() == 5.0
    assert [queue.pop_due(5.0), queue.pop_due(5.0)] == [(owner, "work"), (owner, "tidy")]


def test_many_finished_transactions_are_tidied_up_at_once() -> None:
    queue = TimerQueue()
    owners = [Owner() for _ in range(PATIENT_MAX + 1)]
    for number, owner in enumerate(owners):
        queue.set(owner, "tidy", 1.0 + number, patient=True)
    assert queue.next_deadline() == 1.0
    assert queue.pop_due(1.0) == (owners[0], "tidy")
    assert queue.next_deadline() == 2.0 + PATIENCE_S  # few again: they may wait


def test_a_timer_may_change_between_patient_and_strict() -> None:
    queue, owner = TimerQueue(), Owner()
    queue.set(owner, "x", 1.0, patient=True)
    queue.set(owner, "x", 2.0)
    assert queue.next_deadline() == 2.0
    assert queue.pop_due(2.0) == (owner, "x")
    assert queue.pop_due(99.0) is None


def test_timers_that_are_set_and_cleared_all_day_do_not_pile_up() -> None:
    queue, owner = TimerQueue(), Owner()
    for turn in range(10_000):
        queue.set(owner, "x", 1e6 + turn)
    assert len(queue._strict) < 100


@pytest.mark.parametrize("again", [False, True])
def test_who_has_cleared_or_replaced_his_timers_is_not_held_by_them(again: bool) -> None:
    queue, owner = TimerQueue(), Owner()
    queue.set(owner, "x", 1e6)
    if again:
        queue.set(owner, "x", 2e6)
    queue.clear(owner, "x")
    held = weakref.ref(owner)
    del owner
    assert held() is None
    assert queue.next_deadline() is None


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 100), st.booleans(), st.booleans())))
def test_the_queue_agrees_with_a_plain_dictionary(steps: list[tuple[str, float, bool, bool]]) -> None:
    queue, owner = TimerQueue(), Owner()
    expected: dict[str, float] = {}
    for name, at_s, patient, clears in steps:
        if clears:
            queue.clear(owner, name)
            expected.pop(name, None)
        else:
            queue.set(owner, name, at_s, patient=patient)
            expected[name] = at_s
    assert len(queue) == len(expected)
    due = set()
    while (entry := queue.pop_due(50.0)) is not None:
        due.add(entry[1])
    assert due == {name for name, at_s in expected.items() if at_s <= 50.0}
