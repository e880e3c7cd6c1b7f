"""The jitter buffer and the playout chain in virtual time, through the binding."""

from __future__ import annotations

import random
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.media.binding import (
    Frame,
    GetResult,
    JitterPacket,
    MediaCodec,
    PutResult,
    decode_g711,
    encode_g711,
    sequence_before,
    sequence_distance,
    timestamp_difference,
)
from firmware.media.playout import JitterBuffer, Playout
from tests.native.speech import speech
from tests.searching import examples

MS = 1_000_000
FRAME = 160


def packet(index: int, arrival_ms: float, *, first_timestamp: int = 0, first_sequence: int = 0, ssrc: int = 1) -> JitterPacket:
    return JitterPacket(
        sequence=(first_sequence + index) % 2**16,
        timestamp=(first_timestamp + index * FRAME) % 2**32,
        payload=index.to_bytes(4, "big") * 40,
        arrival_ns=round(arrival_ms * MS),
        ssrc=ssrc,
    )


def run(arrivals: list[tuple[float, int]], frames: int, *, first_timestamp: int = 0, first_sequence: int = 0) -> list[Frame]:
    """Put each packet at its arrival (milliseconds, index) and get one frame every 20 ms."""
    buffer, pending, got = JitterBuffer(), sorted(arrivals), []
    for tick in range(frames):
        while pending and pending[0][0] <= tick * 20:
            at_ms, index = pending.pop(0)
            p = packet(index, at_ms, first_timestamp=first_timestamp, first_sequence=first_sequence)
            buffer.put(p._replace(drained_ns=tick * 20 * MS))
        got.append(buffer.get())
    return got


def played(frames: list[Frame]) -> list[int]:
    return [int.from_bytes(f.payload[:4], "big") for f in frames if f.result is GetResult.FRAME]


@given(st.integers(0, 2**16 - 1), st.integers(0, 2**15 - 1))
def test_sequence_numbers_keep_their_order_anywhere_on_the_circle(start: int, ahead: int) -> None:
    later = (start + ahead) % 2**16
    assert sequence_distance(later, start) == ahead
    assert sequence_before(start, later) == (ahead > 0)
    assert not sequence_before(later, start)


@given(st.integers(0, 2**32 - 1), st.integers(-(2**31), 2**31 - 1))
def test_timestamp_differences_are_signed_anywhere_on_the_circle(start: int, difference: int) -> None:
    assert timestamp_difference((start + difference) % 2**32, start) == difference


@settings(max_examples=examples(60))
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1), st.integers(0, 2**32), st.integers(0, 120))
def test_jittered_packets_play_in_order_and_at_most_once(first_timestamp: int, first_sequence: int, seed: int, jitter_ms: int) -> None:
    chance = random.Random(seed)
    arrivals = [(20 * i + chance.uniform(0, jitter_ms), i) for i in range(200)]
    arrivals += chance.sample(arrivals, 20)  # duplicates
    order = played(run(arrivals, 240, first_timestamp=first_timestamp, first_sequence=first_sequence))
    assert order == sorted(set(order))
    assert len(order) > 140  # the worst draws of 120 ms of jitter, a buffer that must learn them and no stretching lose a quarter


def test_without_jitter_every_packet_is_played_across_both_wraps() -> None:
    frames = run([(20 * i, i) for i in range(300)], 310, first_timestamp=2**32 - 1000, first_sequence=2**16 - 5)
    assert played(frames) == list(range(300))


def test_the_delay_follows_the_network_up_and_comes_back() -> None:
    playout, delays = Playout(), []
    for tick in range(3000):
        late_ms = 80 * (tick % 3 == 0) if 500 <= tick < 1000 else 0
        p = JitterPacket(tick, tick * FRAME, b"\xff" * FRAME, (20 * tick + late_ms) * MS, (20 * tick + late_ms) * MS)
        playout.put(p)
        playout.render(FRAME)
        delays.append(playout.stats().delay_target_ms)
    assert max(delays[:490]) == 20
    assert max(delays[500:1010]) >= 80
    assert delays[-1] == 20


def test_a_stray_packet_out_of_the_past_is_late_and_not_played() -> None:
    buffer = JitterBuffer()
    for i in range(10):
        if i != 4:
            buffer.put(packet(i, 20 * i))
        buffer.get()
    for _ in range(3):
        buffer.get()
    buffer.put(packet(11, 220))
    assert buffer.put(packet(4, 240)) is PutResult.LATE
    assert buffer.stats().late == 1


def test_a_new_source_starts_over() -> None:
    buffer = JitterBuffer()
    buffer.put(packet(0, 0))
    assert buffer.put(packet(0, 20, first_timestamp=12345, ssrc=2)) is PutResult.RESTARTED
    assert buffer.stats().waiting_packets == 1


def test_a_caller_that_lies_is_told() -> None:
    buffer = JitterBuffer()
    with pytest.raises(ValueError, match="out of range"):
        buffer.put(packet(0, 0)._replace(payload=b""))
    with pytest.raises(ValueError, match="out of range"):
        buffer.put(packet(0, 10)._replace(drained_ns=0))
    with pytest.raises(ValueError, match="out of range"):
        JitterBuffer(delay_min_ms=300, delay_max_ms=200)
    with pytest.raises(ValueError, match="out of range"):
        Playout().put(JitterPacket(0, 0, b"\0" * 160, 0, payload_type=18))


@pytest.mark.parametrize("codec", [MediaCodec.PCMU, MediaCodec.PCMA])
def test_g711_costs_little_of_real_speech(codec: MediaCodec) -> None:
    samples = speech()
    back = array("h", decode_g711(codec, encode_g711(codec, samples.tobytes())))
    noise = sum((a - b) ** 2 for a, b in zip(samples, back, strict=True))
    signal = sum(a * a for a in samples)
    assert signal > 1000 * noise  # 30 dB, both laws give about 37


def play_speech(lost: set[int], *, rate: float = 1.0, repeats: int = 1, delay_min_ms: int = 20) -> tuple[array[int], Playout]:
    """The speech through a playout chain; `rate` is the sender's clock against ours."""
    samples = speech() * repeats
    octets = encode_g711(MediaCodec.PCMU, samples.tobytes())
    playout, heard, sent = Playout(delay_min_ms=delay_min_ms), array("h"), 0
    for tick in range(int(len(octets) / FRAME / max(rate, 1.0))):  # a fast sender is done before we are
        while sent * 20 / rate <= tick * 20 and (sent + 1) * FRAME <= len(octets):
            if sent not in lost:
                arrival_ns = round(sent * 20 / rate * MS)
                playout.put(JitterPacket(sent, sent * FRAME, octets[sent * FRAME : (sent + 1) * FRAME], arrival_ns, tick * 20 * MS))
            sent += 1
        heard.frombytes(playout.render(FRAME))
    return heard, playout


def test_speech_without_loss_comes_out_as_it_went_in() -> None:
    heard, playout = play_speech(set(), delay_min_ms=30)  # as long as the first packets wait: nothing is to be cut
    stats = playout.stats()
    sent = array("h", decode_g711(MediaCodec.PCMU, encode_g711(MediaCodec.PCMU, speech().tobytes())))
    assert stats.samples_concealed == stats.samples_removed == stats.samples_inserted == 0
    lead = len(heard) - stats.samples_played
    first = next(i for i in range(lead, lead + 480) if heard[i : i + 4000] == sent[:4000])
    assert heard[first:] == sent[: len(heard) - first]


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
def test_packets_of_any_length_play_without_a_gap(ptime_ms: int) -> None:
    octets = encode_g711(MediaCodec.PCMU, speech().tobytes())
    playout, heard, size = Playout(), array("h"), 8 * ptime_ms
    for tick in range(300):  # periods of 10 ms
        if tick * 10 % ptime_ms == 0:
            i = tick * 10 // ptime_ms
            playout.put(JitterPacket(i, i * size, octets[i * size : (i + 1) * size], tick * 10 * MS))
        heard.frombytes(playout.render(80))
    stats = playout.stats()
    assert stats.samples_concealed == stats.packets_late == stats.packets_discarded == 0
    sent = array("h", decode_g711(MediaCodec.PCMU, octets))
    lead = len(heard) - stats.samples_played
    assert any(heard[i : i + 8000] == sent[:8000] for i in range(lead, lead + 480))


def test_the_codec_may_change_between_two_packets() -> None:
    samples = speech()
    playout, heard = Playout(), array("h")
    for i in range(100):
        codec = MediaCodec.PCMA if i % 7 > 3 else MediaCodec.PCMU
        piece = samples[i * FRAME : (i + 1) * FRAME].tobytes()
        playout.put(JitterPacket(i, i * FRAME, encode_g711(codec, piece), 20 * i * MS, payload_type=8 * codec))
        heard.frombytes(playout.render(FRAME))
    lead = next(i for i in range(800) if sum(abs(a - b) for a, b in zip(heard[i : i + 8000], samples, strict=False)) < 8000 * 60)
    assert lead <= 480


def test_a_gap_is_not_counted_into_the_delay_before_it_ends() -> None:
    playout = Playout()
    for i in range(50):
        playout.put(JitterPacket(i, i * FRAME, b"\xff" * FRAME, 20 * i * MS))
        playout.render(FRAME)
    before_ms = playout.stats().delay_ms
    for _ in range(10):
        playout.render(FRAME)
    assert playout.stats().delay_ms == pytest.approx(before_ms, abs=0.01)
    playout.put(JitterPacket(50, 50 * FRAME, b"\xff" * FRAME, 1200 * MS))
    playout.render(FRAME)
    assert playout.stats().delay_ms == pytest.approx(200, abs=20)


def test_what_the_first_packets_waited_too_long_is_cut_out_of_a_pause() -> None:
    heard, playout = play_speech(set())
    stats = playout.stats()
    assert 0 < stats.samples_removed <= 80
    assert stats.samples_inserted == stats.samples_concealed == 0
    sent = array("h", decode_g711(MediaCodec.PCMU, encode_g711(MediaCodec.PCMU, speech().tobytes())))
    before = next(i for i in range(480) if heard[i : i + 400] == sent[:400])
    assert heard[-8000:] == sent[len(heard) - 8000 - before + stats.samples_removed :][:8000]


def error(heard: array[int], sent: array[int], shift: int) -> float:
    """Error over signal of what was heard `shift` samples after it was said."""
    pairs = [(heard[i], sent[i - shift]) for i in range(8000, len(heard))]
    return sum((a - b) ** 2 for a, b in pairs) / sum(b * b for _, b in pairs)


def test_single_losses_are_bridged_from_both_sides() -> None:
    """After the first loss the buffer keeps the packet behind a hole at hand; the error is then far below that of silence."""
    lost = set(range(30, 380, 10))
    heard, playout = play_speech(lost, delay_min_ms=30)
    sent = array("h", decode_g711(MediaCodec.PCMU, encode_g711(MediaCodec.PCMU, speech().tobytes())))
    shift = next(i for i in range(480) if heard[i : i + 400] == sent[:400])
    assert playout.stats().samples_inserted == playout.stats().samples_removed == 0
    silenced = array("h", [0 if i // FRAME in lost else v for i, v in enumerate(sent)])
    assert error(heard, sent, shift) < 0.4 * error(silenced, sent, 0)


def test_lost_speech_is_concealed_and_counted() -> None:
    lost = set(range(20, 400, 20))
    _, playout = play_speech(lost)
    stats = playout.stats()
    assert stats.samples_concealed >= 0.9 * FRAME * sum(1 for i in lost if i * FRAME < len(speech()) - 800)
    assert stats.samples_concealed < 2.5 * FRAME * len(lost)


@pytest.mark.parametrize("rate", [1.002, 0.998])
def test_a_drifting_sender_is_followed_by_stretching(rate: float) -> None:
    heard, playout = play_speech(set(), rate=rate, repeats=5)
    stats = playout.stats()
    assert stats.packets_discarded == stats.packets_late == 0
    assert 0 < stats.delay_ms < 60
    drift = abs(1 - rate) * len(heard)
    changed = stats.samples_removed if rate > 1 else stats.samples_inserted
    # The delay may wander by 30 ms between its bounds before anything must be done.
    assert changed > drift - 240 * 1.5
    assert stats.samples_concealed < 800
