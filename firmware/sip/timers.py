"""Every timer of RFC 3261 (table 4) and RFC 6026 in one table, and the queue that keeps running ones in order.

A timer is data: a machine names it and says after how many seconds; the queue remembers who asked. Setting a timer
again replaces it. Nothing here reads a clock.
"""

from __future__ import annotations

from enum import Enum
from heapq import heapify, heappop, heappush
from typing import NamedTuple, Protocol

T1_S = 0.5  # estimate of the round trip (§17.1.1.1)
T2_S = 4.0  # longest gap between retransmissions of a non-INVITE request or an INVITE response (§17.1.2.2)
T4_S = 5.0  # longest time a message stays in the network (§17.1.2.2)
PATIENT_MAX = 32  # finished transactions that may lie about so: an idle device has fewer, and a busy one is awake and needs its memory
PATIENCE_S = 60.0  # how long a finished transaction may lie about: its table has a limit of its own
TRANSACTION_LIFE_S = 64 * T1_S  # after which a transaction without an answer is given up (§17.1.1.2)


class Timer(Enum):
    """The timers of RFC 3261 table 4 by letter; L and M are those of RFC 6026 §8.1."""

    A = "retransmit INVITE"
    B = "give up INVITE"
    D = "absorb retransmitted refusals of our INVITE"
    E = "retransmit non-INVITE request"
    F = "give up non-INVITE request"
    G = "retransmit refusal of INVITE"
    H = "give up waiting for ACK"
    I = "absorb retransmitted ACK"  # noqa: E741 - the RFC's own letter
    J = "absorb retransmitted non-INVITE request"
    K = "absorb retransmitted non-INVITE response"
    L = "absorb retransmitted INVITE after 2xx"
    M = "wait for 2xx of other forks"


class Delay(NamedTuple):
    """First duration of a timer over an unreliable and over a reliable transport; None: not used there."""

    unreliable_s: float
    reliable_s: float | None


TABLE: dict[Timer, Delay] = {
    Timer.A: Delay(T1_S, None),
    Timer.B: Delay(TRANSACTION_LIFE_S, TRANSACTION_LIFE_S),
    Timer.D: Delay(32.0, 0.0),
    Timer.E: Delay(T1_S, None),
    Timer.F: Delay(TRANSACTION_LIFE_S, TRANSACTION_LIFE_S),
    Timer.G: Delay(T1_S, None),
    Timer.H: Delay(TRANSACTION_LIFE_S, TRANSACTION_LIFE_S),
    Timer.I: Delay(T4_S, 0.0),
    Timer.J: Delay(TRANSACTION_LIFE_S, 0.0),
    Timer.K: Delay(T4_S, 0.0),
    Timer.L: Delay(TRANSACTION_LIFE_S, TRANSACTION_LIFE_S),
    Timer.M: Delay(TRANSACTION_LIFE_S, TRANSACTION_LIFE_S),
}


def delay_s(timer: Timer, *, reliable: bool) -> float | None:
    """First duration of `timer`; None when that transport does without it."""
    row = TABLE[timer]
    return row.reliable_s if reliable else row.unreliable_s


class TimerOwner(Protocol):
    """Whoever sets timers; identity tells owners apart, the name tells the owner's timers apart."""

    def handle_timer(self, name: str, now_s: float) -> None:
        """The timer `name` is due."""
        ...


class TimerQueue:
    """Running timers in order of time; equal times fire in the order in which they were set.

    Bounded by its owners: each sets a fixed number of names, and their tables have limits. Cleared entries stay in the
    heap until they surface or until they outnumber the running ones, so that every operation is O(log n); they hold no owner, or a call
    that has ended would stay in memory until the longest of its timers would have come.

    A patient timer only tidies up. It goes with whatever wakes the program next and wakes it by itself only `PATIENCE_S` late:
    an idle device sleeps through the ends of its finished transactions. Beyond `PATIENT_MAX` of them there is no patience.
    """

    def __init__(self) -> None:
        self._strict: list[Entry] = []
        self._patient: list[Entry] = []
        self._running: dict[tuple[TimerOwner, str], int] = {}
        self._owners: dict[int, tuple[TimerOwner, str]] = {}  # of the running ones, by serial number
        self._serial = 0

    def __len__(self) -> int:
        return len(self._running)

    def set(self, owner: TimerOwner, name: str, at_s: float, *, patient: bool = False) -> None:
        """Start or replace the owner's timer `name`."""
        self._serial = serial = self._serial + 1
        timer = (owner, name)
        replaced = self._running.get(timer)
        if replaced is not None:
            del self._owners[replaced]
        self._running[timer] = serial
        self._owners[serial] = timer
        heap = self._patient if patient else self._strict
        heappush(heap, (at_s, serial))
        if len(heap) > 64 + 2 * len(self._running):
            heap[:] = [entry for entry in heap if entry[1] in self._owners]
            heapify(heap)

    def clear(self, owner: TimerOwner, name: str) -> None:
        """Stop the timer if it runs."""
        serial = self._running.pop((owner, name), None)
        if serial is not None:
            del self._owners[serial]

    def is_set(self, owner: TimerOwner, name: str) -> bool:
        """Whether the timer runs."""
        return (owner, name) in self._running

    def next_deadline(self) -> float | None:
        """When to wake up next; None when no timer runs."""
        strict, patient = self._first(self._strict), self._first(self._patient)
        if patient is None:
            return strict
        late_s = patient if len(self._patient) > PATIENT_MAX else patient + PATIENCE_S
        return late_s if strict is None else min(strict, late_s)

    def pop_due(self, now_s: float) -> tuple[TimerOwner, str] | None:
        """The next timer that is due, removed from the queue; None when there is none."""
        heap = self._strict
        at_s = self._first(heap)
        if at_s is None or at_s > now_s:
            heap = self._patient
            at_s = self._first(heap)
            if at_s is None or at_s > now_s:
                return None
        _, serial = heappop(heap)
        timer = self._owners.pop(serial)
        del self._running[timer]
        return timer

    def _first(self, heap: list[Entry]) -> float | None:
        while heap and heap[0][1] not in self._owners:
            heappop(heap)
        return heap[0][0] if heap else None


Entry = tuple[float, int]  # due at, serial number
