"""Who guesses at passwords and tokens: what is written down of it, and what is only counted."""

from __future__ import annotations

from pathlib import Path

from firmware.door.events import LoginRefused
from firmware.outlets.doorkeeper import ROW_EVERY_S, ROWS_AT_ONCE, Doorkeeper
from firmware.outlets.logins import Logins
from tests.door.house import LIMITS


def test_a_network_of_guessers_does_not_drive_the_journal_out(tmp_path: Path) -> None:
    """Each address has a lock-out of its own, and IPv6 gives anybody as many addresses as he likes."""
    told: list[LoginRefused] = []
    now_s = [0.0]
    keeper = Doorkeeper(Logins(tmp_path / "logins"), LIMITS, lambda: now_s[0], told.append)
    for number in range(1000):
        assert keeper.by_token("a guess", f"2001:db8::{number:x}") is None
    assert [each.unrecorded for each in told] == [0] * ROWS_AT_ONCE
    now_s[0] = ROW_EVERY_S
    for _ in range(2):
        assert keeper.by_token("a guess", "2001:db8::ffff") is None
    assert [each.unrecorded for each in told[ROWS_AT_ONCE:]] == [1000 - ROWS_AT_ONCE]
    now_s[0] += 100 * ROW_EVERY_S
    assert keeper.by_token("a guess", "2001:db8::fffe") is None
    assert told[-1].unrecorded == 1
