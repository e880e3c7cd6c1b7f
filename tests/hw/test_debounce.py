"""The debounce against examples and against a second, slow implementation that looks at the line every millisecond."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hw import debounce
from hw.debounce import Edge, EdgeKind, Line, Phase, Timing

MS = 1_000_000
BUTTON = Timing(debounce_ns=30 * MS, min_active_ns=0, stuck_ns=None)
SLOW = Timing(debounce_ns=30 * MS, min_active_ns=100 * MS, stuck_ns=None)
WATCHED = Timing(debounce_ns=30 * MS, min_active_ns=0, stuck_ns=1000 * MS)


def play(
    changes_ms: list[tuple[int, bool]], timing: Timing, *, until_ms: int, first: bool = False, press: bool = True
) -> list[tuple[str, int]]:
    """Feed levels at their times, then let time come to `until_ms`; what was meant, with times in ms."""
    line = debounce.begin(first, 0, press=press)
    edges: list[Edge] = []
    for at_ms, level in changes_ms:
        line, more = debounce.sample(line, level, at_ms * MS, timing)
        edges += more
    line, more = debounce.advance(line, until_ms * MS, timing)
    return [(edge.kind.value, edge.at_ns // MS) for edge in [*edges, *more]]


def test_a_clean_press_is_reported_with_the_times_of_its_edges() -> None:
    assert play([(100, True), (300, False)], BUTTON, until_ms=1000) == [("active", 100), ("inactive", 300)]


def test_bounce_at_both_ends_makes_one_press_from_its_last_bounce() -> None:
    bounces = [(100, True), (102, False), (103, True), (107, False), (108, True), (300, False), (301, True), (304, False)]
    assert play(bounces, BUTTON, until_ms=1000) == [("active", 108), ("inactive", 304)]


def test_a_spike_shorter_than_the_debounce_is_nothing() -> None:
    assert play([(100, True), (129, False)], BUTTON, until_ms=1000) == []


def test_a_drop_out_while_held_does_not_end_the_press() -> None:
    assert play([(100, True), (200, False), (220, True), (400, False)], BUTTON, until_ms=1000) == [("active", 100), ("inactive", 400)]


def test_nothing_is_reported_before_the_level_has_lasted() -> None:
    assert play([(100, True)], BUTTON, until_ms=129) == []
    assert play([(100, True)], BUTTON, until_ms=130) == [("active", 100)]


def test_a_press_shorter_than_the_minimum_is_not_reported_though_it_settled() -> None:
    assert play([(100, True), (190, False)], SLOW, until_ms=1000) == []


def test_a_press_that_ends_just_before_the_minimum_is_not_reported_though_its_release_settles_after() -> None:
    assert play([(100, True), (199, False)], SLOW, until_ms=1000) == []


def test_a_drop_out_at_the_minimum_only_delays_the_report() -> None:
    assert play([(100, True), (195, False), (205, True)], SLOW, until_ms=1000) == [("active", 100)]


def test_a_button_that_stays_active_is_stuck_once_and_free_when_released() -> None:
    edges = play([(100, True), (5000, False)], WATCHED, until_ms=9000)
    assert edges == [("active", 100), ("stuck", 1100), ("freed", 5000), ("inactive", 5000)]


def test_a_button_held_at_the_start_never_rings_but_may_be_stuck() -> None:
    assert play([(500, False), (600, True)], WATCHED, until_ms=700, first=True) == [("active", 600)]
    assert play([(5000, False)], WATCHED, until_ms=9000, first=True) == [("stuck", 1000), ("freed", 5000)]
    assert play([], BUTTON, until_ms=9000, first=True) == []


def test_a_contact_active_at_the_start_reports_its_end() -> None:
    assert play([(500, False)], BUTTON, until_ms=700, first=True, press=False) == [("inactive", 500)]


def test_a_time_before_the_last_change_counts_as_that_time() -> None:
    line = debounce.begin(False, 0, press=True)  # noqa: FBT003 (the level is the argument)
    line, _ = debounce.sample(line, True, 100 * MS, BUTTON)  # noqa: FBT003 (the level is the argument)
    line, _ = debounce.sample(line, False, 90 * MS, BUTTON)  # noqa: FBT003 (the level is the argument)
    assert line == Line(level=False, level_since_ns=100 * MS, phase=Phase.IDLE, phase_since_ns=0)


def test_the_same_level_again_does_not_start_the_wait_anew() -> None:
    assert play([(100, True), (120, True)], BUTTON, until_ms=130) == [("active", 100)]


def slow_model(levels: list[bool], timing: Timing) -> list[tuple[str, int]]:
    """The rules once more, millisecond by millisecond, from the whole recording: runs of settled level, then judgement of each run."""
    debounce_ms, minimum_ms = timing.debounce_ns // MS, timing.min_active_ns // MS
    runs: list[tuple[bool, int]] = [(levels[0], 0)]  # settled level and where it began
    began = 0
    for now in range(1, len(levels)):
        if now - began >= debounce_ms and levels[now - 1] != runs[-1][0]:
            runs.append((levels[now - 1], began))
        if levels[now] != levels[now - 1]:
            began = now
    edges: list[tuple[str, int]] = []
    ends = [start for _, start in runs[1:]]
    for index, (level, start) in enumerate(runs):
        if not level or index == 0:
            continue
        # The report waits for a moment at or after the minimum until which the line is active; a release that began earlier leaves none.
        told_from = start + max(minimum_ms, debounce_ms) - 1
        if index < len(ends):
            told = any(levels[told_from : ends[index]])
            edges += [("active", start), ("inactive", ends[index])] if told else []
        elif any(levels[told_from:]):
            edges.append(("active", start))
    return edges


runs_ms = st.lists(st.integers(1, 60) | st.integers(1, 4) | st.sampled_from([29, 30, 31, 99, 100, 101]), max_size=30)


@given(runs_ms, st.sampled_from([BUTTON, SLOW]))
def test_it_agrees_with_the_slow_model_on_any_recording(runs: list[int], timing: Timing) -> None:
    levels = [False] * 50
    for index, run in enumerate(runs):
        levels += [index % 2 == 0] * run
    levels += [levels[-1]] * 200  # all is settled and judged at the end
    changes = [(now, levels[now]) for now in range(1, len(levels)) if levels[now] != levels[now - 1]]
    assert play(changes, timing, until_ms=len(levels) - 1) == slow_model(levels, timing)


@given(st.lists(st.tuples(st.integers(1, 400), st.booleans()), max_size=40), st.booleans(), st.booleans())
def test_edges_alternate_in_order_of_time_and_end_with_silence(steps: list[tuple[int, bool]], first: bool, press: bool) -> None:
    timing = WATCHED._replace(stuck_ns=300 * MS)
    line = debounce.begin(first, 0, press=press)
    edges: list[Edge] = []
    now_ns = 0
    for pause_ms, level in steps:
        now_ns += pause_ms * MS
        line, more = debounce.sample(line, level, now_ns, timing)
        edges += more
    line, more = debounce.advance(line, now_ns + 10_000 * MS, timing)
    edges += more
    assert [edge.at_ns for edge in edges] == sorted(edge.at_ns for edge in edges)
    active = first and not press
    stuck = False
    for edge in edges:
        match edge.kind:
            case EdgeKind.ACTIVE | EdgeKind.INACTIVE:
                assert active != (edge.kind is EdgeKind.ACTIVE)
                active = not active
            case EdgeKind.STUCK | EdgeKind.FREED:
                assert stuck != (edge.kind is EdgeKind.STUCK)
                stuck = not stuck
    assert debounce.deadline_ns(line, timing) is None
    assert line.settled == line.level


@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=20))
def test_looking_more_often_changes_nothing(steps: list[tuple[int, bool]]) -> None:
    def run(*, patient: bool) -> list[Edge]:
        line = debounce.begin(False, 0, press=True)  # noqa: FBT003 (the level is the argument)
        edges: list[Edge] = []
        now_ms = 0
        for pause_ms, level in steps:
            for step_ms in range(now_ms, now_ms + pause_ms) if not patient else ():
                line, more = debounce.advance(line, step_ms * MS, SLOW)
                edges += more
            now_ms += pause_ms
            line, more = debounce.sample(line, level, now_ms * MS, SLOW)
            edges += more
        line, more = debounce.advance(line, (now_ms + 500) * MS, SLOW)
        return [*edges, *more]

    assert run(patient=True) == run(patient=False)
