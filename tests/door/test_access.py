from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from firmware.door.access import (
    EVERYBODY,
    FORGET_AFTER_S,
    HEARD_MAX,
    SAME_DIGIT_WINDOW_S,
    SECRET_LENGTH_MAX,
    SOURCES_MAX,
    Guard,
    Pad,
    find,
    same_stroke,
    strike,
)
from firmware.door.directory import Key
from firmware.door.events import DigitWay
from tests.door.house import DIRECTORY, FRONT, LIMITS
from tests.searching import examples

SOURCES = ("anna", "bob", "reader wall")


def heard(pad: Pad, digit: str, way: DigitWay, at_s: float) -> Pad:
    known = same_stroke(pad, digit, way, at_s)
    return strike(pad, digit, way, at_s) if known is None else known


@given(
    digits=st.text("0123456789*#", min_size=1, max_size=12),
    gap_s=st.floats(0.05, 2.0),
    delay_s=st.floats(0.0, SAME_DIGIT_WINDOW_S * 0.99),
    ways=st.permutations(list(DigitWay)),
    twice=st.booleans(),
)
def test_each_stroke_counts_once_whichever_ways_it_takes(
    digits: str, gap_s: float, delay_s: float, ways: list[DigitWay], *, twice: bool
) -> None:
    arrivals = [(number * gap_s, 0, digit, ways[0]) for number, digit in enumerate(digits)]
    if twice:
        arrivals += [(number * gap_s + delay_s, 1, digit, ways[1]) for number, digit in enumerate(digits)]
    pad = Pad()
    for at_s, _, digit, way in sorted(arrivals, key=lambda arrival: arrival[:2]):
        pad = heard(pad, digit, way, at_s)
    assert pad.digits == digits


def test_three_ways_of_one_stroke_count_once() -> None:
    pad = Pad()
    for way in DigitWay:
        pad = heard(pad, "5", way, 10.0)
    assert pad.digits == "5"


def test_a_key_that_is_held_down_counts_once_though_one_way_tells_its_begin_and_the_other_its_end() -> None:
    pad = strike(Pad(), "5", DigitWay.INFO, 10.0)
    again = same_stroke(pad, "5", DigitWay.RTP, 14.0, held_s=4.0)
    assert again is not None
    assert again.digits == "5"
    late = same_stroke(again, "5", DigitWay.TONE, 14.1, held_s=0.1)  # of the same stroke: it ended at 14.0
    assert late is not None
    assert same_stroke(pad, "5", DigitWay.RTP, 14.0, held_s=0.1) is None  # without the length it is another one


def test_what_is_remembered_of_strokes_is_bounded() -> None:
    pad = Pad()
    for _ in range(10 * HEARD_MAX):
        pad = heard(pad, "5", DigitWay.RTP, 10.0)
    assert len(pad.heard) == HEARD_MAX
    assert heard(pad, "5", DigitWay.RTP, 20.0).heard == (("5", 20.0, 20.0, frozenset({DigitWay.RTP})),)


@given(
    codes=st.lists(st.text("0123456789ABCD", min_size=1, max_size=SECRET_LENGTH_MAX), unique=True),
    typed=st.text("0123456789ABCD", max_size=40),
)
def test_a_key_is_found_when_and_only_when_it_is_typed_whole(codes: list[str], typed: str) -> None:
    keys = [Key(name=code, secret=code, locks=frozenset({FRONT})) for code in codes]
    found = find(keys, typed)
    assert (found.name if found else None) == (typed if typed in codes else None)
    for code in codes:
        match = find(keys, code)
        assert match is not None
        assert match.name == code


def test_the_longest_secret_does_not_open_to_what_only_begins_like_it() -> None:
    key = Key(name="long", secret="7" * SECRET_LENGTH_MAX, locks=frozenset({FRONT}))
    assert find([key], "7" * SECRET_LENGTH_MAX) is key
    assert find([key], "7" * (SECRET_LENGTH_MAX + 1)) is None
    assert find([key], "7" * (SECRET_LENGTH_MAX + 1) + "8") is None


def test_a_key_does_not_show_its_secret() -> None:
    assert "58321" not in repr(DIRECTORY)
    assert repr(DIRECTORY.codes[0]) == str(DIRECTORY.codes[0]) == "Key(name='family')"


def test_a_day_without_a_wrong_code_forgives() -> None:
    guard = Guard()
    for _ in range(LIMITS.wrong_limit):
        guard = guard.after_wrong("anna", LIMITS, 0.0)
    guard = guard.after_wrong("anna", LIMITS, FORGET_AFTER_S)
    assert guard.wrong["anna"].times == 1
    assert guard.locked_for_s("anna", FORGET_AFTER_S) == 0.0


def test_sources_are_bounded_and_forgetting_one_leaves_the_global_count() -> None:
    guard = Guard()
    for number in range(SOURCES_MAX + 50):
        guard = guard.after_wrong(f"caller {number}", LIMITS, float(number))
    assert len(guard.wrong) == SOURCES_MAX
    assert guard.wrong[EVERYBODY].times == SOURCES_MAX + 50
    assert "caller 0" not in guard.wrong
    assert f"caller {SOURCES_MAX + 49}" in guard.wrong


def test_the_longest_series_of_wrong_codes_does_not_exceed_the_maximum() -> None:
    guard = Guard()
    for _ in range(2000):
        guard = guard.after_wrong("anna", LIMITS, 0.0)
    assert guard.locked_for_s("anna", 0.0) == LIMITS.lockout_max_s


def test_a_right_code_without_wrong_ones_changes_nothing() -> None:
    guard = Guard().after_wrong("bob", LIMITS, 0.0)
    assert guard.after_right("anna") is guard


class GuardMachine(RuleBasedStateMachine):
    """The guard against the plain list of what happened."""

    def __init__(self) -> None:
        super().__init__()
        self.guard = Guard()
        self.now_s = 0.0
        self.limits = LIMITS._replace(wrong_limit=2, wrong_limit_global=4)
        self.wrong: list[str] = []  # sources of wrong codes that still count
        self.until_s = dict.fromkeys((*SOURCES, EVERYBODY), 0.0)

    @rule(seconds=st.floats(0.0, 100.0))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(source=st.sampled_from(SOURCES))
    def type_wrong(self, source: str) -> None:
        self.guard = self.guard.after_wrong(source, self.limits, self.now_s)
        self.wrong.append(source)
        for name, count, limit in ((source, self.wrong.count(source), 2), (EVERYBODY, len(self.wrong), 4)):
            self.until_s[name] = self.now_s + (min(30.0 * 2 ** (count - limit), 240.0) if count >= limit else 0.0)

    @rule(source=st.sampled_from(SOURCES))
    def type_right(self, source: str) -> None:
        self.guard = self.guard.after_right(source)
        if source in self.wrong:
            self.wrong = [other for other in self.wrong if other != source]
            self.until_s[source] = 0.0
            if not self.wrong:
                self.until_s[EVERYBODY] = 0.0

    @rule(source=st.sampled_from(SOURCES))
    def ask(self, source: str) -> None:
        expected_s = max(self.until_s[source], self.until_s[EVERYBODY]) - self.now_s
        assert max(0.0, self.guard.locked_for_s(source, self.now_s)) == pytest.approx(max(0.0, expected_s))


TestGuard = GuardMachine.TestCase
TestGuard.settings = settings(max_examples=examples(40), stateful_step_count=40)
