"""The ruler itself: what it finds of a voice that came through whole, torn, or not at all."""

from __future__ import annotations

import numpy as np

from firmware.demo.evidence import RATE_HZ
from firmware.demo.speaking import RESIDENT, VISITOR
from tests.appliance.hearing import share_found, voice

PERIOD = RATE_HZ // 50


def test_a_voice_is_found_whole_where_it_is_and_not_where_another_spoke() -> None:
    resident, visitor = voice(RESIDENT), voice(VISITOR)
    heard = np.concatenate([np.zeros(5000), -0.3 * visitor, np.zeros(3000)])
    assert share_found(visitor, heard) == 1.0
    assert share_found(resident, heard) < 0.1


def test_a_voice_of_which_two_periods_of_three_are_lost_is_not_found() -> None:
    visitor = voice(VISITOR)
    torn = visitor.copy()
    for at in range(0, len(torn), 3 * PERIOD):
        torn[at + PERIOD : at + 3 * PERIOD] = 0
    assert share_found(visitor, torn) < 0.1


def test_what_is_too_quiet_to_be_heard_is_not_found() -> None:
    visitor = voice(VISITOR)
    assert share_found(visitor, visitor * 0.001) == 0.0
    assert share_found(visitor, np.zeros(10)) == 0.0
