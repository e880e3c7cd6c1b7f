"""The relay's arithmetic: no order of requests carries a closing past its maximum."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hw import relay_timer
from hw.relay_timer import NEVER_CLOSED, REST_NS, Closed, Held, RelayState, Resting

S = 1_000_000_000
MAX = 10 * S


def test_a_pulse_closes_for_its_time() -> None:
    closed = relay_timer.pulse(NEVER_CLOSED, 0, 3 * S, MAX)
    assert closed == Closed(since_ns=0, until_ns=3 * S)
    assert relay_timer.deadline_ns(closed) == 3 * S
    assert relay_timer.expire(closed, 3 * S - 1) == closed
    assert relay_timer.expire(closed, 3 * S) == Resting(since_ns=0, let_go_ns=3 * S)


def test_a_long_pulse_ends_at_the_maximum() -> None:
    assert relay_timer.pulse(NEVER_CLOSED, S, 3600 * S, MAX) == Closed(since_ns=S, until_ns=S + MAX)


def test_a_further_pulse_moves_the_end_within_the_maximum() -> None:
    closed = relay_timer.pulse(NEVER_CLOSED, 0, 3 * S, MAX)
    assert relay_timer.pulse(closed, 2 * S, 3 * S, MAX) == Closed(since_ns=0, until_ns=5 * S)
    assert relay_timer.pulse(closed, 2 * S, 9 * S, MAX) == Closed(since_ns=0, until_ns=MAX)


def test_a_shorter_further_pulse_ends_the_closing_earlier() -> None:
    closed = relay_timer.pulse(NEVER_CLOSED, 0, 8 * S, MAX)
    assert relay_timer.pulse(closed, S, S, MAX) == Closed(since_ns=0, until_ns=2 * S)


def test_a_pulse_at_the_maximum_lets_go_and_is_ignored_until_the_relay_has_rested() -> None:
    closed = relay_timer.pulse(NEVER_CLOSED, 0, MAX, MAX)
    resting = relay_timer.pulse(closed, MAX, S, MAX)
    assert resting == Resting(since_ns=0, let_go_ns=MAX)
    assert relay_timer.pulse(resting, MAX + REST_NS - 1, S, MAX) == resting
    assert relay_timer.pulse(resting, MAX + REST_NS, S, MAX) == Closed(since_ns=MAX + REST_NS, until_ns=MAX + REST_NS + S)


def test_closings_that_follow_each_other_at_once_count_as_one() -> None:
    resting = relay_timer.release(relay_timer.pulse(NEVER_CLOSED, 0, 9 * S, MAX), 9 * S)
    assert relay_timer.pulse(resting, 9 * S + 1, 5 * S, MAX) == Closed(since_ns=0, until_ns=MAX)


def test_release_is_allowed_in_any_state_and_open_relays_have_no_deadline() -> None:
    assert relay_timer.release(NEVER_CLOSED, 5) == NEVER_CLOSED
    assert relay_timer.expire(NEVER_CLOSED, 5) == NEVER_CLOSED
    assert relay_timer.deadline_ns(NEVER_CLOSED) is None


def test_extending_moves_the_end_later_only_and_within_the_maximum() -> None:
    closed = relay_timer.extend(NEVER_CLOSED, 0, 8 * S, MAX)
    assert closed == Closed(since_ns=0, until_ns=8 * S)
    assert relay_timer.extend(closed, S, S, MAX) == closed
    assert relay_timer.extend(closed, S, 8 * S, MAX) == Closed(since_ns=0, until_ns=9 * S)
    assert relay_timer.extend(closed, S, 80 * S, MAX) == Closed(since_ns=0, until_ns=MAX)


def test_a_hold_has_no_end_of_its_own() -> None:
    held = relay_timer.hold()
    assert held == Held()
    assert relay_timer.deadline_ns(held) is None
    assert relay_timer.expire(held, 10**18) == held
    assert relay_timer.pulse(held, 6, S, MAX) == held
    assert relay_timer.extend(held, 6, S, MAX) == held
    assert relay_timer.release(held, 9) == Resting(since_ns=9, let_go_ns=9)


def test_a_pulse_at_once_after_a_hold_of_any_length_closes() -> None:
    # A relay that may be held bears any closing: its hold uses up nothing of the maximum of the pulse that follows.
    for held_ns in (1, MAX, 100 * MAX):
        resting = relay_timer.release(relay_timer.hold(), held_ns)
        assert relay_timer.pulse(resting, held_ns + 1, S, MAX) == Closed(since_ns=held_ns, until_ns=held_ns + 1 + S)
        assert relay_timer.extend(resting, held_ns + 1, S, MAX) == Closed(since_ns=held_ns, until_ns=held_ns + 1 + S)


def test_pulses_after_a_hold_have_one_maximum_together() -> None:
    resting = relay_timer.release(relay_timer.hold(), 2 * MAX)
    closed = relay_timer.pulse(resting, 2 * MAX + 1, 3 * MAX, MAX)
    assert closed == Closed(since_ns=2 * MAX, until_ns=3 * MAX)


requests = st.lists(
    st.tuples(st.integers(1, 3 * S), st.sampled_from(["pulse", "extend", "release", "nothing"]), st.integers(1, 20 * S)),
    min_size=1,
    max_size=60,
)


@given(requests, st.integers(1, MAX))
def test_no_order_of_requests_keeps_a_relay_closed_past_its_maximum(steps: list[tuple[int, str, int]], max_ns: int) -> None:
    state: RelayState = NEVER_CLOSED
    now_ns = 0
    first_closed_ns: int | None = None  # of closings less than a rest apart
    last_open_ns = -REST_NS

    def enter(new: RelayState, at_ns: int) -> None:
        nonlocal state, first_closed_ns, last_open_ns
        if isinstance(new, Closed) and isinstance(state, Resting):
            if first_closed_ns is None or at_ns - last_open_ns >= REST_NS:
                first_closed_ns = at_ns
        elif isinstance(new, Resting) and isinstance(state, Closed):
            assert first_closed_ns is not None
            assert at_ns - first_closed_ns <= max_ns
            last_open_ns = at_ns
        state = new

    for pause_ns, verb, duration_ns in steps:
        now_ns += pause_ns
        while (at_ns := relay_timer.deadline_ns(state)) is not None and at_ns <= now_ns:
            enter(relay_timer.expire(state, at_ns), at_ns)
        if verb == "pulse":
            enter(relay_timer.pulse(state, now_ns, duration_ns, max_ns), now_ns)
        elif verb == "extend":
            enter(relay_timer.extend(state, now_ns, duration_ns, max_ns), now_ns)
        elif verb == "release":
            enter(relay_timer.release(state, now_ns), now_ns)
    final_ns = relay_timer.deadline_ns(state)
    assert final_ns is None or (first_closed_ns is not None and final_ns <= first_closed_ns + max_ns)
