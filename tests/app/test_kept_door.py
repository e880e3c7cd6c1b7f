"""What of the door outlives the process, and how time works on it meanwhile."""

from __future__ import annotations

import pytest

from firmware.app.kept_door import kept_text, start_from
from firmware.door.contacts import BLOCK_S
from firmware.door.events import KeptWrong, LockMode, LockName, Start

START = Start(
    modes={LockName("gate"): LockMode.HELD, LockName("door"): LockMode.LOCKED},
    quiet=frozenset({"anna"}),
    blocked_for_s=900.0,
    wrong=(KeptWrong(source="bob", times=3, ago_s=5.0, for_s=60.0),),
)


def test_what_was_kept_comes_back() -> None:
    assert start_from(kept_text(START), 0.0) == START


def test_time_that_has_passed_is_taken_from_a_block() -> None:
    assert start_from(kept_text(START), 600.0).blocked_for_s == 300.0
    assert start_from(kept_text(START), 1000.0).blocked_for_s == 0.0


def test_a_clock_that_went_back_shortens_no_block_and_stretches_it_to_no_more_than_a_whole_one() -> None:
    assert start_from(kept_text(START), -50_000.0).blocked_for_s == 900.0
    assert start_from(kept_text(START._replace(blocked_for_s=1e9)), 0.0).blocked_for_s == BLOCK_S


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"modes": 5}', '{"modes": {"a": "ajar"}, "quiet": [], "blocked_for_s": 0}'])
def test_a_text_that_says_nothing_is_a_fresh_start(text: str) -> None:
    assert start_from(text, 0.0) == Start()
