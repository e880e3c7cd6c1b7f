"""firmware/net/flood.py: who is let in."""

from __future__ import annotations

import pytest

from firmware.net.flood import EXPECTED_MAX, SOURCES_MAX, FloodGate, FloodLimits

LIMITS = FloodLimits(source_per_s=2.0, source_burst=4.0, total_per_s=10.0, total_burst=20.0)


def test_a_burst_is_let_in_and_what_exceeds_it_is_not() -> None:
    gate = FloodGate(LIMITS)
    assert [gate.admit("a", 0.0) for _ in range(6)] == [True] * 4 + [False] * 2
    assert gate.refused == 2


def test_room_grows_back_with_time_up_to_the_burst() -> None:
    gate = FloodGate(LIMITS)
    for _ in range(4):
        gate.admit("a", 0.0)
    assert [gate.admit("a", 1.0) for _ in range(3)] == [True, True, False]
    assert [gate.admit("a", 1000.0) for _ in range(5)] == [True] * 4 + [False]


def test_one_source_takes_nothing_from_another() -> None:
    gate = FloodGate(LIMITS)
    for _ in range(100):
        gate.admit("a", 0.0)
    assert gate.admit("b", 0.0)


def test_forged_sources_meet_the_limit_for_all() -> None:
    gate = FloodGate(LIMITS)
    admitted = sum(gate.admit(f"10.0.{n // 256}.{n % 256}", 0.0) for n in range(1000))
    assert admitted == 20
    assert gate.admit("new", 1.0)


def test_forged_sources_take_nothing_from_those_whom_we_look_for() -> None:
    gate = FloodGate(LIMITS)
    gate.expect("server")
    for n in range(1000):
        gate.admit(f"10.0.{n // 256}.{n % 256}", 0.0)
    assert not gate.admit("stranger", 0.0)
    assert [gate.admit("server", 0.0) for _ in range(6)] == [True] * 4 + [False] * 2  # its own limit holds


def test_those_whom_we_look_for_meet_a_limit_for_all_too_and_the_latest_are_kept() -> None:
    gate = FloodGate(LIMITS)
    for n in range(EXPECTED_MAX + 1):
        gate.expect(f"s{n}")
    for n in range(1000):
        gate.admit(f"10.0.{n // 256}.{n % 256}", 0.0)
    assert not gate.admit("s0", 0.0), "pushed out by those that were looked for after it"
    assert sum(gate.admit(f"s{n}", 0.0) for n in range(1, EXPECTED_MAX + 1)) == 20


def test_the_memory_of_sources_is_bounded_and_forgets_the_most_silent() -> None:
    gate = FloodGate(LIMITS._replace(total_per_s=1e9, total_burst=1e9))
    for _ in range(4):
        gate.admit("talker", 0.0)
    gate.admit("silent", 0.0)
    for n in range(SOURCES_MAX - 1):
        gate.admit(f"s{n}", 0.0)
        gate.admit("talker", 0.0)
    assert not gate.admit("talker", 0.0)
    assert gate.admit("silent", 0.0)


@pytest.mark.parametrize("name", FloodLimits._fields)
def test_the_limits_leave_room_for_fifty_calls_at_once(name: str) -> None:
    assert getattr(FloodLimits(), name) >= 50 * 3  # INVITE, ACK, BYE
