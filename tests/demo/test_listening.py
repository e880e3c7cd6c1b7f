"""Speech that arrived is found, whatever happened to it on the way; speech that did not is not."""

from __future__ import annotations

from array import array
from random import Random

import pytest

from firmware.demo.evidence import DOOR, PHONE
from firmware.demo.listening import correlation, find_again, loudness
from tests.demo.samples import shifted, speech


def test_the_same_speech_is_found_at_its_exact_delay() -> None:
    found = find_again(speech(), shifted(speech(), 61))
    assert found.similarity == pytest.approx(1.0, abs=1e-6)
    assert found.delay_samples == pytest.approx(61 * 8)
    assert found.stretches >= 10


def test_quieter_and_noisy_speech_is_the_same_speech() -> None:
    noise = Random(4)
    quieter = array("h", (sample // 3 + noise.randint(-100, 100) for sample in shifted(speech(), 120)))
    found = find_again(speech(), quieter)
    assert found.similarity > 0.95
    assert found.delay_samples == pytest.approx(120 * 8, abs=2)


def test_another_recording_is_not_the_same_speech() -> None:
    found = find_again(speech(DOOR), speech(PHONE) + speech(PHONE))
    assert found.similarity < 0.3
    assert found.delay_samples is None


def test_half_of_the_speech_lost_halves_the_likeness() -> None:
    heard = shifted(speech(), 40)
    middle = len(heard) // 2
    heard[middle:] = array("h", bytes(2 * (len(heard) - middle)))
    assert 0.3 < find_again(speech(), heard).similarity < 0.7


@pytest.mark.parametrize("heard", [array("h"), array("h", bytes(200)), array("h", bytes(200_000))])
def test_silence_holds_no_speech(heard: array[int]) -> None:
    found = find_again(speech(), heard)
    assert found.similarity == pytest.approx(0.0, abs=1e-9)
    assert found.delay_samples is None


@pytest.mark.parametrize("said", [array("h"), array("h", bytes(200_000))])
def test_where_nothing_was_said_nothing_is_found(said: array[int]) -> None:
    assert find_again(said, speech()) == (0.0, None, 0)


def test_correlation_ignores_level_and_offset() -> None:
    one = array("h", [0, 100, -100, 300, -200])
    assert correlation(one, array("h", [value // 2 + 1000 for value in one])) == pytest.approx(1.0)
    assert correlation(one, array("h", [-value for value in one])) == pytest.approx(-1.0)
    assert correlation(one, array("h", [7] * 5)) == 0.0
    assert correlation(one, one[:4]) == 0.0


def test_loudness_is_the_mean_of_each_ten_milliseconds() -> None:
    assert loudness(array("h", [100, -300] * 40 + [0] * 80 + [9] * 10)) == [200.0, 0.0]
