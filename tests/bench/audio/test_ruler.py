"""The ruler itself: delays that are known are found, and the networks are what they say."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.bench.audio.networks import CASES, GAP_AT_S, GAP_S, bursty_loss, drift, one_gap
from tests.bench.audio.pauses import noise_heard, onsets
from tests.bench.audio.real import played
from tests.bench.audio.replay import coded, replay
from tests.bench.audio.score import DelayLine, delay_line, part_of, recovery_s
from tests.bench.audio.senders import NOISE_TYPE, PACKET, Sent, comfort_noise, frozen, opus, silent, steady
from tests.bench.audio.speech import RATE_HZ, Clip, Samples
from tests.native.speech import speech


def said(seconds: int = 6) -> Samples:
    return np.array(speech(seconds), dtype=np.int16)


def test_a_constant_delay_is_found_in_every_window() -> None:
    heard = np.concatenate([np.zeros(417, dtype=np.int16), said()])
    line = delay_line(said(), heard)
    assert len(line.at_s) > 50
    inside = line.at_s > 0.2  # the first window looks back before the beginning
    assert np.allclose(line.delay_ms[inside], 417 * 1000 / RATE_HZ)


def test_a_delay_that_changes_is_found_before_and_after() -> None:
    middle = 3 * RATE_HZ
    heard = np.concatenate([np.zeros(160, dtype=np.int16), said()[:middle], np.zeros(800, dtype=np.int16), said()[middle:]])
    line = delay_line(said(), heard)
    assert line.delay_ms[0] == pytest.approx(20)
    assert line.delay_ms[-1] == pytest.approx(120)


def test_noise_is_not_taken_for_what_was_said() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 4 * RATE_HZ).astype(np.int16)
    assert len(delay_line(said(), noise).at_s) == 0


def test_recovery_counts_from_the_end_of_the_gap_to_the_last_window_away() -> None:
    at_s = np.arange(0.0, 20.0, 0.5)
    line = DelayLine(at_s=at_s, delay_ms=np.where((at_s > 10) & (at_s <= 13), 400.0, 40.0))
    assert recovery_s(line, 10.0) == pytest.approx(3.0)
    assert recovery_s(DelayLine(at_s=at_s, delay_ms=np.where(at_s > 10, 400.0, 40.0)), 10.0) is None


def test_a_gap_delivers_everything_at_its_end_in_order() -> None:
    arrivals = [at for at in one_gap(random.Random(0), 1000).arrival_s if at is not None]
    assert len(arrivals) == 1000
    assert arrivals == sorted(arrivals)
    assert not any(GAP_AT_S <= at < GAP_AT_S + GAP_S for at in arrivals)


def test_bursts_have_their_share_and_their_mean() -> None:
    lost = [at is None for at in bursty_loss(0.05, 3.0)(random.Random(0), 200_000).arrival_s]
    starts = sum(1 for before, now in zip([False, *lost], lost, strict=False) if now and not before)
    assert sum(lost) / len(lost) == pytest.approx(0.05, rel=0.1)
    assert sum(lost) / starts == pytest.approx(3.0, rel=0.1)


def test_a_detour_is_as_long_both_ways() -> None:
    late = [None if at is None else round(at - sent, 3) for at, sent in zip(*trace_of("80 ms longer"), strict=True)]
    assert late[:300] == [0.0] * 300
    assert late[300:600] == [0.08] * 300
    assert late[600:] == [0.0] * 300


def trace_of(name: str) -> tuple[tuple[float | None, ...], tuple[float, ...]]:
    trace = next(case for case in CASES if name in case.name).make(random.Random(3), 900)
    return trace.arrival_s, trace.sent_s


def test_long_stalls_hold_everything_for_their_length() -> None:
    arrival_s, _ = trace_of("stalls of 300 ms")
    known = [at for at in arrival_s if at is not None]
    silences = [after - before for before, after in pairwise(known) if after - before > 0.1]
    assert len(silences) == 3
    assert all(0.25 < silence < 0.33 for silence in silences)


def test_the_same_seed_gives_the_same_network() -> None:
    for case in CASES:
        assert case.make(random.Random(7), 500) == case.make(random.Random(7), 500)


def test_a_fast_sender_is_ahead_by_its_rate() -> None:
    assert drift(1.002)(random.Random(0), 1001).sent_s[1000] == pytest.approx(20 / 1.002)


def test_a_slow_sender_is_heard_to_the_end_of_its_own_time() -> None:
    line = DelayLine(at_s=np.arange(0.0, 20.0, 0.5), delay_ms=np.full(40, 50.0))
    clip = Clip(voice="", start=10 * RATE_HZ, stop=14 * RATE_HZ)
    for rate, begin_s, end_s in ((1.0, 10.05, 14.05), (0.8, 12.55, 17.55), (1.25, 8.05, 11.25)):
        heard = np.zeros(20 * RATE_HZ, dtype=np.int16)
        heard[[round(begin_s * RATE_HZ), round(end_s * RATE_HZ) - 1]] = 1
        part = part_of(clip, heard, line, rate)
        assert (part[0], part[-1]) == (1, 1)


def test_a_replay_of_a_clean_network_is_heard_whole() -> None:
    octets, sent = coded(said())
    heard = replay(octets, CASES[0].make(random.Random(0), len(octets) // 160))
    line = delay_line(sent, heard.samples)
    assert heard.stats.samples_concealed == 0
    assert float(np.ptp(line.delay_ms)) <= 10.0


def test_stamped_samples_are_laid_where_they_left_the_card(tmp_path: Path) -> None:
    samples = np.arange(1, 81, dtype=np.int16)
    head = np.array([[2, 1, 0, 80], [1, 1, 5_000_000_000, 0]], dtype=np.int64)
    log = tmp_path / "card.log"
    log.write_bytes(head[0].tobytes() + samples.tobytes() + head[1].tobytes())
    heard, underruns = played(log, 4_990_000_000, 400)
    assert underruns == 0
    assert heard[79:162].tolist() == [0, *range(1, 81), 0, 0]


def worded() -> tuple[Samples, Samples]:
    """A second of voice, two of nothing, a second of voice; and the same over noise."""
    voice = np.concatenate([said(1), np.zeros(2 * RATE_HZ, dtype=np.int16), said(1)])
    return voice, (voice + np.random.default_rng(2).normal(0, 60, len(voice))).astype(np.int16)


def test_a_sender_that_pauses_leaves_out_packets_and_counts_on_in_its_timestamps() -> None:
    always, pausing = steady(*worded()), silent(*worded())
    assert len(always.packets) == 200
    assert 100 <= len(pausing.packets) < 120
    assert pausing.packets == tuple(
        replace(packet, marker=packet.slot == 0 or not pausing.talks[packet.slot - 1])
        for packet in always.packets
        if pausing.talks[packet.slot]
    )
    assert [p.timestamp for p in frozen(*worded()).packets] == [k * PACKET for k in range(len(pausing.packets))]


def test_comfort_noise_says_how_loud_it_is() -> None:
    told = [p.payload for p in comfort_noise(*worded()).packets if p.payload_type == NOISE_TYPE]
    assert len(told) == 2  # as the pause begins, and a second later
    assert all(54 <= payload[0] <= 56 for payload in told)  # 60 of 32767


def test_a_pause_of_opus_is_as_many_small_packets_as_are_sent() -> None:
    voice, sound = worded()
    small = [sum(1 for p in opus(sent)(voice, sound).packets if len(p.payload) <= 2) for sent in (0, 1, 10**6)]
    assert small[0] == 0
    assert 1 <= small[1] < small[2]


def heard_with(noise_rms: float, lost: int = 0) -> tuple[Sent, Samples, DelayLine]:
    """What `silent` sent, heard 50 ms later, with noise in its pause and nothing of the first `lost` packets behind it."""
    sent = silent(*worded())
    heard = sent.sound.copy()
    noise = np.random.default_rng(3).normal(0, noise_rms, len(heard)).astype(np.int16)
    for k, talks in enumerate(sent.talks):
        if not talks or (k > 100 and not all(sent.talks[k - lost : k])):
            heard[k * PACKET : (k + 1) * PACKET] = noise[k * PACKET : (k + 1) * PACKET]
    late = np.concatenate([np.zeros(RATE_HZ // 20, dtype=np.int16), heard, np.zeros(RATE_HZ, dtype=np.int16)])
    return sent, late, delay_line(sent.sound, late)


def test_noise_is_measured_against_what_was_there() -> None:
    sent, heard, line = heard_with(60.0)
    levels, dead = noise_heard(sent.talks, sent.sound, heard, line)
    assert levels == [pytest.approx(0.0, abs=1.0)]
    assert dead == 0.0
    sent, heard, line = heard_with(2.0)
    levels, dead = noise_heard(sent.talks, sent.sound, heard, line)
    assert levels[0] < -20
    assert dead == 1.0


def test_a_first_syllable_that_is_cut_is_not_whole() -> None:
    sent, heard, _line = heard_with(60.0)
    assert onsets(sent.talks, sent.sound, heard) == [pytest.approx(1.0, abs=0.001)]
    sent, heard, _line = heard_with(60.0, lost=4)
    assert onsets(sent.talks, sent.sound, heard)[0] < 0.9
