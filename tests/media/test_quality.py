"""Against ITU-T G.107 (figures of the recommendation and of its reference values) and our own bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.media.core_values import EchoState, EchoStats
from firmware.media.quality import (
    HISTORY_SAMPLES_MAX,
    MOS_CEILING,
    MOS_FLOOR,
    DelayHistory,
    burst_ratio,
    delay_impairment,
    drift_ppm,
    echo_return_loss_db,
    equipment_impairment,
    measured,
    mos,
    mos_of_rating,
    percent,
)
from tests.media.samples import NOTHING_COUNTED, NOTHING_HEARD, session


def test_a_perfect_line_scores_what_g107_states_for_its_defaults() -> None:
    assert mos("PCMU", 0.0, 0.0) == pytest.approx(4.41, abs=0.005)


@pytest.mark.parametrize(
    ("rating", "score"), [(0.0, 1.0), (50.0, 2.58), (60.0, 3.10), (70.0, 3.60), (80.0, 4.02), (90.0, 4.34), (100.0, 4.5)]
)
def test_ratings_become_the_scores_of_g107_annex_b(rating: float, score: float) -> None:
    # G.107 table B.1: limits of the categories of speech transmission quality
    assert mos_of_rating(rating) == pytest.approx(score, abs=0.006)


def test_a_hundred_milliseconds_cost_nothing_and_more_costs_steadily() -> None:
    assert delay_impairment(100.0) == 0.0
    costs = [delay_impairment(ms) for ms in (100, 150, 200, 300, 400, 600)]
    assert costs == sorted(costs)
    assert costs[-1] > 20


def test_concealed_g711_bears_one_percent_of_loss_better_than_a_codec_that_nobody_knows() -> None:
    assert equipment_impairment("pcmu", 1.0) == pytest.approx(95 / 26.1)  # G.107 equation 7-29, G.113 Appendix I: Ie 0, Bpl 25.1
    assert equipment_impairment("PCMA", 1.0) < equipment_impairment("LPC", 1.0)


def test_bursty_loss_costs_more_than_random_loss() -> None:
    assert mos("PCMU", 3.0, 50.0, burst_ratio=2.0) < mos("PCMU", 3.0, 50.0)


@given(st.floats(0, 100), st.floats(0, 10_000), st.floats(1, 20))
def test_a_score_never_leaves_the_scale(loss_percent: float, delay_ms: float, burst_ratio: float) -> None:
    assert MOS_FLOOR <= mos("PCMU", loss_percent, delay_ms, burst_ratio) <= MOS_CEILING


@given(st.floats(0, 100), st.floats(0, 100))
def test_more_loss_never_sounds_better(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert mos("PCMU", high, 80.0) <= mos("PCMU", low, 80.0) + 1e-9


def test_a_history_holds_a_call_of_any_length_and_keeps_its_shape() -> None:
    history = DelayHistory(100)
    for step in range(36_000):  # an hour
        history.add(step / 1000)
    samples = history.samples_ms()
    assert HISTORY_SAMPLES_MAX // 2 < len(samples) <= HISTORY_SAMPLES_MAX
    assert history.interval_ms * len(samples) == pytest.approx(3_600_000, rel=0.01)
    assert samples == tuple(sorted(samples))
    assert samples[-1] == pytest.approx(36.0, rel=0.01)


def test_a_short_history_is_kept_as_it_is() -> None:
    history = DelayHistory(100)
    for delay_ms in (20.0, 20.04, 99.96, 7000.0, -3.0):
        history.add(delay_ms)
    assert history.samples_ms() == (20.0, 20.0, 100.0, 6553.5, 0.0)
    assert history.interval_ms == 100


def test_an_interval_without_a_measure_repeats_the_last_one() -> None:
    history = DelayHistory(100)
    history.repeat()
    history.add(31.4)
    history.repeat()
    assert history.samples_ms() == (0.0, 31.4, 31.4)


def test_percent_of_nothing_is_zero_and_more_than_all_is_all() -> None:
    assert percent(5, 0) == 0.0
    assert percent(1, 4) == 25.0
    assert percent(9, 4) == 100.0


def test_a_record_counts_late_packets_as_loss_for_the_ear_but_not_for_the_network() -> None:
    history = DelayHistory(100)
    for delay_ms in (40.0, 60.0):
        history.add(delay_ms)
    record = measured(
        "c1",
        session(),
        NOTHING_COUNTED._replace(
            packets_expected=100, packets_lost=2, packets_late=3, packets_sent=100, rtt_ms=10.0, samples_concealed=800
        ),
        history,
        (NOTHING_HEARD, None),
        ssrc=7,
        duration_ms=2000,
        card_ms=20.0,
        late_periods=1,
        overruns=0,
        underruns=2,
        echo=None,
    )
    assert record.loss_percent == 2.0
    assert record.mos_heard == pytest.approx(mos("PCMU", 5.0, record.mouth_to_ear_ms))
    assert record.mos_sent is None, "no report of the other side has arrived"
    assert record.mouth_to_ear_ms == 20 + 5 + 50 + 20
    assert (record.buffer_ms_mean, record.buffer_ms_max, record.concealed_ms) == (50.0, 60.0, 100)


def test_what_redundancy_brought_back_is_lost_for_the_network_but_not_for_the_ear() -> None:
    counted = NOTHING_COUNTED._replace(packets_expected=100, packets_lost=5, rate_hz=16_000, samples_recovered=4 * 320)
    record = measured(
        "c1", session(), counted, DelayHistory(100), (NOTHING_HEARD, None),
        ssrc=7, duration_ms=2000, card_ms=20.0, late_periods=0, overruns=0, underruns=0,
    )  # fmt: skip
    assert (record.loss_percent, record.recovered_ms) == (5.0, 80)
    assert record.mos_heard == pytest.approx(mos("PCMU", 1.0, record.mouth_to_ear_ms))


def test_losses_in_runs_count_more_than_each_by_itself_and_the_cards_reserve_is_delay() -> None:
    counted = NOTHING_COUNTED._replace(packets_expected=100, packets_lost=3, burst_ratio=2.5)
    record = measured(
        "c1", session(), counted, DelayHistory(100), (NOTHING_HEARD, None),
        ssrc=7, duration_ms=2000, card_ms=30.0, late_periods=0, overruns=0, underruns=0,
    )  # fmt: skip
    assert (record.burst_ratio, record.card_ms, record.mouth_to_ear_ms) == (2.5, 30.0, 50.0)
    assert record.mos_heard == pytest.approx(mos("PCMU", 3.0, 50.0, burst_ratio=2.5))
    assert record.mos_heard < mos("PCMU", 3.0, 50.0)


def test_what_the_other_side_heard_is_scored_by_its_extended_report_with_its_bursts() -> None:
    there = NOTHING_HEARD._replace(
        loss_percent=1.5, discard_percent=0.5, burst_ms=500, burst_loss_percent=40.0, gap_ms=9500, gap_loss_percent=0.0
    )
    counted = NOTHING_COUNTED._replace(packets_sent=1000, remote_packets_lost=900, remote_burst_ratio=8.0)
    record = measured(
        "c1", session(), counted, DelayHistory(100), (NOTHING_HEARD, there),
        ssrc=7, duration_ms=20_000, card_ms=20.0, late_periods=0, overruns=0, underruns=0,
    )  # fmt: skip
    # In the burst every lost packet is followed by a lost one in two of five cases: 0.98 / 0.6.
    assert burst_ratio(there) == pytest.approx(0.98 / 0.6)
    assert record.mos_sent == pytest.approx(mos("PCMU", 2.0, record.mouth_to_ear_ms, 0.98 / 0.6))


def test_without_an_extended_report_the_series_of_ordinary_ones_tells_of_bursts() -> None:
    counted = NOTHING_COUNTED._replace(packets_sent=1000, remote_packets_lost=30, remote_burst_ratio=2.5)
    record = measured(
        "c1", session(), counted, DelayHistory(100), (NOTHING_HEARD, None),
        ssrc=7, duration_ms=20_000, card_ms=20.0, late_periods=0, overruns=0, underruns=0,
    )  # fmt: skip
    assert record.mos_sent == pytest.approx(mos("PCMU", 3.0, record.mouth_to_ear_ms, 2.5))


@pytest.mark.parametrize(
    ("burst", "gap", "ratio"),
    [
        ((0, 0.0), (0, 0.0), 1.0),  # nothing was measured
        ((0, 0.0), (10_000, 0.0), 1.0),
        ((0, 0.0), (10_000, 5.0), 1.0),  # by chance
        ((10_000, 30.0), (0, 0.0), 1.0),
        ((1000, 100.0), (9000, 0.0), 8.0),  # one long hole
        ((500, 100.0), (0, 100.0), 1.0),  # nothing was heard at all
        ((2000, 50.0), (8000, 2.0), pytest.approx((1 - 0.116) / (1 - (1000 * 0.5 + 160 * 0.02) / 1160))),
    ],
)
def test_bursts_and_gaps_give_the_burst_ratio(burst: tuple[int, float], gap: tuple[int, float], ratio: float) -> None:
    told = NOTHING_HEARD._replace(burst_ms=burst[0], burst_loss_percent=burst[1], gap_ms=gap[0], gap_loss_percent=gap[1])
    assert burst_ratio(told) == ratio


@pytest.mark.parametrize(("heard", "remote"), [(True, 9), (False, None)])
def test_a_record_names_both_sources_once_the_other_was_heard(heard: bool, remote: int | None) -> None:
    record = measured(
        "c1", session(), NOTHING_COUNTED._replace(heard=heard), DelayHistory(100), (NOTHING_HEARD._replace(ssrc=9), None),
        ssrc=7, duration_ms=1, card_ms=20.0, late_periods=0, overruns=0, underruns=0,
    )  # fmt: skip
    assert (record.ssrc, record.remote_ssrc) == (7, remote)


def test_duplicates_do_not_make_the_loss_negative() -> None:
    # RFC 3550 §6.4.1: the cumulative loss may be negative when packets were duplicated
    record = measured(
        "c1",
        session(),
        NOTHING_COUNTED._replace(packets_expected=10, packets_lost=-3, packets_sent=10, remote_packets_lost=-1),
        DelayHistory(100),
        (NOTHING_HEARD, None),
        ssrc=7,
        duration_ms=1,
        card_ms=20.0,
        late_periods=0,
        overruns=0,
        underruns=0,
        echo=None,
    )
    assert (record.packets_lost, record.loss_percent, record.remote_loss_percent) == (0, 0.0, 0.0)
    assert record.mos_sent is not None


def test_the_echo_that_comes_back_is_lost_in_the_room_and_in_the_canceller() -> None:
    idle = EchoStats(EchoState.IDLE, None, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert echo_return_loss_db(None) is None
    assert echo_return_loss_db(idle) is None
    assert echo_return_loss_db(idle._replace(state=EchoState.CONVERGED, echo_loss_db=6.0, suppressed_db=34.5)) == 40.5


def test_the_drift_is_what_playing_had_to_cut_or_to_insert() -> None:
    minutes = NOTHING_COUNTED._replace(samples_played=5 * 60 * 8000)
    assert drift_ppm(minutes._replace(samples_removed=480)) == pytest.approx(200, abs=1)  # 60 ms of five minutes
    assert drift_ppm(minutes._replace(samples_inserted=480)) == pytest.approx(-200, abs=1)
    assert drift_ppm(NOTHING_COUNTED._replace(samples_played=10 * 8000, samples_removed=480)) is None  # too short to tell
