"""When a lock's relay may be closed: pure arithmetic on monotonic nanoseconds, shared by the wired and the simulated board.

A closing ends at its own time or at the relay's maximum, whichever comes first. A pulse during a closing moves the end, never the
beginning, so no number of pulses carries one closing past the maximum. Closings less than `REST_NS` apart count as one: otherwise
a caller that repeats its pulse could keep a strike energised for ever with gaps too short to notice.

                 pulse                              until reached, release
    Resting ------------------> Closed ------------------------------------> Resting
       |  ^ too soon after the     | pulse: until = min(now + duration, since + maximum)
       +--+ maximum: ignored       +--> Closed

    Resting, Closed --hold--> Held --release--> Resting          Held alone has no end; whoever may ask for it is not decided here

A relay that may be held bears any closing, so a hold counts for no maximum: what follows it begins anew when the hold is let go.
"""

from __future__ import annotations

from typing import NamedTuple

# Long enough for a strike to fall and for a person to notice; short enough that a second code entered after an opening still opens.
REST_NS = 1_000_000_000


class Resting(NamedTuple):
    """The contact is open. `since_ns` and `let_go_ns` are the beginning and end of the last closing."""

    since_ns: int
    let_go_ns: int


class Closed(NamedTuple):
    """The contact is closed from `since_ns`, counted with closings that follow each other within the rest, until `until_ns`."""

    since_ns: int
    until_ns: int


class Held(NamedTuple):
    """The contact is closed until somebody lets it go."""


RelayState = Resting | Closed | Held

# The clock is never negative, so a relay that was never closed has always rested long enough.
NEVER_CLOSED = Resting(since_ns=-REST_NS, let_go_ns=-REST_NS)


def pulse(state: RelayState, now_ns: int, duration_ns: int, max_ns: int) -> RelayState:
    """The state after a request to be closed for `duration_ns` from now. Both durations are above zero."""
    assert duration_ns > 0
    assert max_ns > 0
    if isinstance(state, Held):
        return state
    first_ns = _first_ns(state, now_ns)
    limit_ns = first_ns + max_ns
    if now_ns >= limit_ns:
        return release(state, now_ns)
    return Closed(since_ns=first_ns, until_ns=min(now_ns + duration_ns, limit_ns))


def extend(state: RelayState, now_ns: int, duration_ns: int, max_ns: int) -> RelayState:
    """As `pulse`, but a closing that would last longer anyhow is not cut short: a person who leaves shuts the door on nobody."""
    if isinstance(state, Closed):
        duration_ns = max(duration_ns, state.until_ns - now_ns)
    return pulse(state, now_ns, duration_ns, max_ns)


def hold() -> RelayState:
    """The state after a request to stay closed, from any other. Also a relay that rests after its maximum holds: a hold knows none."""
    return Held()


def expire(state: RelayState, now_ns: int) -> RelayState:
    """The state when time has come to `now_ns`."""
    if isinstance(state, Closed) and now_ns >= state.until_ns:
        return release(state, now_ns)
    return state


def release(state: RelayState, now_ns: int) -> RelayState:
    """The state after a request to let go now."""
    if isinstance(state, Resting):
        return state
    since_ns = now_ns if isinstance(state, Held) else state.since_ns
    return Resting(since_ns=since_ns, let_go_ns=now_ns)


def deadline_ns(state: RelayState) -> int | None:
    """When `expire` must be called, or None."""
    return state.until_ns if isinstance(state, Closed) else None


def _first_ns(state: Resting | Closed, now_ns: int) -> int:
    """When the closing began that one beginning now would belong to."""
    rested = isinstance(state, Resting) and now_ns - state.let_go_ns >= REST_NS
    return now_ns if rested else state.since_ns
