"""The echo canceller in simulated rooms, in virtual time: floors of attenuation, and of what is left of the visitor."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from firmware.media.binding import NARROW_HZ, EchoMode, EchoSettings, EchoState, Pump
from firmware.media.echo_canceller import EchoCanceller
from tests.bench.audio.speech import read_wav
from tests.bench.echo import rooms
from tests.bench.echo.rooms import NEAR_DB, Floats, Recording, Scene
from tests.bench.echo.score import Figures, Samples, figures, session
from tests.native.speech import speech

FULL = EchoSettings(mode=EchoMode.CANCEL, suppress_noise=True)


@cache
def spoken() -> tuple[Floats, Floats]:
    signal = np.array(speech(26), dtype=np.float64) / 32768
    return session(signal[: 14 * NARROW_HZ], signal[14 * NARROW_HZ :], NARROW_HZ)


def recorded(scene: Scene) -> Recording:
    return rooms.record(scene, *spoken(), NARROW_HZ)


def cancelled(canceller: EchoCanceller, recording: Recording, period: int = 160) -> Samples:
    out = [
        canceller.run(recording.far[at : at + period].tobytes(), recording.microphone[at : at + period].tobytes())
        for at in range(0, len(recording.far) - period + 1, period)
    ]
    return np.frombuffer(b"".join(out), dtype=np.int16)


def judged(scene: Scene, settings: EchoSettings = FULL) -> tuple[Figures, EchoCanceller]:
    recording = recorded(scene)
    canceller = EchoCanceller(settings, rate_hz=NARROW_HZ)
    return figures(recording, cancelled(canceller, recording), NARROW_HZ), canceller


@pytest.mark.parametrize("place", rooms.PLACES, ids=lambda place: place.name)
def test_echo_is_gone_from_the_first_words_on_and_the_visitor_stays(place: rooms.Place) -> None:
    found, canceller = judged(Scene(name="", place=place))
    assert found.converged_s is not None
    assert found.converged_s <= 1.5, found
    assert min(found.first_db, found.settled_db, found.after_both_db, found.late_db) > 24, found
    assert found.near_loss_db > -6, found
    assert found.delay_ms < 12, found
    stats = canceller.stats()
    assert stats.state is EchoState.CONVERGED
    assert stats.delay_ms in (40.0, 50.0)


def test_loud_bent_loudspeaker_is_held_back() -> None:
    found, _ = judged(Scene(name="", place=rooms.PORCH, echo_over_near_db=10, bend=0.8))
    assert min(found.first_db, found.settled_db, found.late_db) > 24, found


def test_cards_with_different_clocks_do_not_let_the_echo_through() -> None:
    found, _ = judged(Scene(name="", place=rooms.PORCH, drift_ppm=100))
    assert min(found.first_db, found.settled_db, found.late_db) > 24, found


def test_moved_door_leaf_is_learned_again() -> None:
    found, _ = judged(Scene(name="", place=rooms.PORCH, moved_at_s=30))
    assert found.after_both_db > 20, found
    assert found.late_db > 24, found


def test_delay_is_followed_when_the_card_repairs_an_underrun() -> None:
    found, canceller = judged(Scene(name="", place=rooms.PORCH, jumped_at_s=30, jump_ms=20))
    assert found.late_db > 24, found
    stats = canceller.stats()
    assert stats.delay_moves == 1
    assert stats.delay_ms in (60.0, 70.0)


def test_half_duplex_shuts_the_microphone_while_the_far_side_speaks() -> None:
    found, canceller = judged(Scene(name="", place=rooms.PORCH), EchoSettings(mode=EchoMode.HALF_DUPLEX))
    assert found.settled_db > 24, found
    assert found.near_loss_db < -15, found
    assert canceller.stats().state is EchoState.HELD


def heard_without_echo(visitor: Floats) -> Recording:
    """The far side speaks all the time, and nothing of it reaches the microphone: a visitor and a quiet street alone."""
    far, _ = spoken()
    street = rooms.street_noise(len(far), np.random.default_rng(1)) * 10 ** (-60 / 20)
    near = rooms.to_int16(visitor)
    return Recording(far=rooms.to_int16(far), microphone=rooms.to_int16(visitor + street), near=near, echo=np.zeros_like(near))


def visitor_all_the_time() -> Floats:
    """Another voice than the far side's, at its usual level."""
    voice = read_wav(Path("firmware/demo/speech/visitor.wav")).astype(np.float64) / 32768
    long = np.resize(voice, len(spoken()[0]))
    return np.asarray(long * 10 ** (NEAR_DB / 20) / np.sqrt(np.mean(long**2)))


def gain_db(out: Samples, visitor: Samples, begin_s: int, end_s: int) -> float:
    """How much of the visitor is in `out`, which comes a step later."""
    step = NARROW_HZ // 100
    there = visitor[begin_s * NARROW_HZ : end_s * NARROW_HZ].astype(np.float64)
    here = out[begin_s * NARROW_HZ + step : end_s * NARROW_HZ + step].astype(np.float64)
    return 20 * float(np.log10(max(1e-3, float(there @ here) / float(there @ there))))


def test_without_any_echo_path_both_may_speak_after_some_seconds() -> None:
    """A handset, a loudspeaker that is turned off: nothing would ever be learned, and nothing has to be held back."""
    recording = heard_without_echo(visitor_all_the_time())
    canceller = EchoCanceller(FULL, rate_hz=NARROW_HZ)
    out = cancelled(canceller, recording)
    assert gain_db(out, recording.near, 0, 3) < -6, "one at a time while nothing is known"
    assert gain_db(out, recording.near, 27, 38) > -1.5
    assert canceller.stats().state is EchoState.CLEAR


def test_steady_noise_is_no_echo() -> None:
    recording = heard_without_echo(np.zeros(len(spoken()[0])))
    canceller = EchoCanceller(FULL, rate_hz=NARROW_HZ)
    cancelled(canceller, recording)
    assert canceller.stats().state is EchoState.CLEAR


@pytest.mark.parametrize("appears_s", [10, 120])
def test_echo_that_appears_late_is_held_back_at_once_and_learned(appears_s: int) -> None:
    """Somebody turns the loudspeaker up in the middle of a call."""
    with_echo = recorded(Scene(name="", place=rooms.PORCH))
    # The far side alone: it speaks once more, for as long as nothing is heard of it.
    far, echo = (each[: 12 * NARROW_HZ] for each in (with_echo.far, with_echo.microphone))
    street = rooms.to_int16(rooms.street_noise(appears_s * NARROW_HZ, np.random.default_rng(1)) * 10 ** (-65 / 20))
    canceller = EchoCanceller(FULL, rate_hz=NARROW_HZ)
    cancelled(canceller, Recording(far=np.resize(far, appears_s * NARROW_HZ), microphone=street, near=street, echo=street))
    assert canceller.stats().state is EchoState.CLEAR
    out = cancelled(canceller, Recording(far=far, microphone=echo, near=echo, echo=echo))
    assert canceller.stats().state is EchoState.CONVERGED
    assert power_db(echo[4000:]) - power_db(out[4000:]) > 24, "half a second after its beginning nothing is left of it"


@pytest.mark.parametrize("bend", [0.3, 1.0])
@pytest.mark.parametrize("echo_over_near_db", [-20, 12])
def test_weak_and_overdriven_echoes_are_no_silence(echo_over_near_db: float, bend: float) -> None:
    """An echo 20 dB below the visitor's voice, and one of a loudspeaker that is driven to its limit: found, and taken away."""
    recording = recorded(Scene(name="", place=rooms.PORCH, echo_over_near_db=echo_over_near_db, bend=bend))
    canceller = EchoCanceller(FULL, rate_hz=NARROW_HZ)
    out = cancelled(canceller, recording)
    left_db = power_db(out[3 * NARROW_HZ : 12 * NARROW_HZ])
    assert left_db < max(power_db(recording.microphone[3 * NARROW_HZ : 12 * NARROW_HZ]) - 24, -62)
    assert canceller.stats().state is EchoState.CONVERGED


def test_echo_that_drives_the_microphone_to_full_scale_is_held_back() -> None:
    found, canceller = judged(Scene(name="", place=rooms.PORCH, echo_over_near_db=24))
    assert min(found.settled_db, found.after_both_db, found.late_db) > 35, found
    assert canceller.stats().state is EchoState.HELD


@pytest.mark.parametrize("seed", [3, 5, 7])
def test_echo_in_a_street_that_nearly_drowns_it_is_found(seed: int) -> None:
    found, canceller = judged(Scene(name="", place=rooms.STAIRCASE, noise_db=-30, echo_over_near_db=-4, seed=seed))
    assert min(found.settled_db, found.after_both_db, found.late_db) > 12, found
    assert canceller.stats().delay_ms in (40.0, 50.0)


@pytest.mark.parametrize("back_db", [-10, 10])
def test_far_side_that_gives_back_what_it_hears_does_not_howl(back_db: float) -> None:
    """A phone on a table, as loud as this panel: each hears itself in the other, 150 ms later."""
    canceller = EchoCanceller(FULL, rate_hz=NARROW_HZ)
    room = np.concatenate([np.zeros(360), 3 * rooms.impulse_response(rooms.PORCH, NARROW_HZ)[:1000]])
    far, _ = spoken()
    period, late = 160, 1200
    said, sent = np.zeros(12 * NARROW_HZ), np.zeros(12 * NARROW_HZ)
    for at in range(0, len(said), period):
        back = sent[at - late : at - late + period] * 10 ** (back_db / 20) if at >= late else 0.0
        said[at : at + period] = np.clip(far[at : at + period] + back, -1, 1)
        begin = max(0, at - len(room) + 1)
        heard = np.convolve(said[begin : at + period], room)[at - begin : at - begin + period]
        out = canceller.run(rooms.to_int16(said[at : at + period]).tobytes(), rooms.to_int16(heard).tobytes())
        sent[at : at + period] = np.frombuffer(out, dtype=np.int16) / 32768
    assert np.mean(sent**2) < 1e-4 * np.mean(said**2)


@pytest.mark.parametrize(("delay_ms", "state"), [(350, EchoState.CONVERGED), (600, EchoState.HELD)])
def test_late_echo_is_learned_or_at_least_held_back(delay_ms: float, state: EchoState) -> None:
    """Later than any delay that is compared, it still has the rhythm of the far side: one at a time, and for as long as it is late."""
    recording = recorded(Scene(name="", place=rooms.PORCH, delay_ms=delay_ms))
    canceller = EchoCanceller(FULL, rate_hz=NARROW_HZ)
    out = cancelled(canceller, recording)
    assert canceller.stats().state is state
    late = slice(28 * NARROW_HZ, 38 * NARROW_HZ)
    assert power_db(recording.microphone[late]) - power_db(out[late]) > 24


def power_db(samples: Samples) -> float:
    """Mean power, in decibels below full scale."""
    return 10 * float(np.log10(np.mean(samples.astype(np.float64) ** 2) / 32768**2 + 1e-12))


def test_noise_of_the_street_is_taken_down_without_an_echo() -> None:
    noise = rooms.to_int16(rooms.street_noise(10 * NARROW_HZ, np.random.default_rng(2)) * 10 ** (-45 / 20))
    silence = np.zeros_like(noise)
    canceller = EchoCanceller(EchoSettings(suppress_noise=True), rate_hz=NARROW_HZ)
    out = cancelled(canceller, Recording(far=silence, microphone=noise, near=silence, echo=silence))
    before, after = (float(np.mean(each[5 * NARROW_HZ :].astype(np.float64) ** 2)) for each in (noise, out))
    assert 8 < 10 * np.log10(before / after) < 20
    assert -48 < canceller.stats().noise_db < -42


def test_canceller_that_is_off_changes_nothing() -> None:
    canceller = EchoCanceller(EchoSettings(), rate_hz=NARROW_HZ)
    near = np.arange(160, dtype=np.int16).tobytes()
    assert canceller.run(bytes(320), near) == near


def test_unequal_periods_and_unknown_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="echo canceller"):
        EchoCanceller(FULL, rate_hz=44_100)
    with pytest.raises(ValueError, match="two equal periods"):
        EchoCanceller(FULL).run(bytes(320), bytes(160))


def test_pump_tells_what_its_canceller_knows() -> None:
    pump = Pump(rate_hz=16_000, period_samples=320, seed=1, echo=FULL)
    pump.period(0, 0, bytes(640))
    pump.disturbed()
    stats = pump.echo_stats()
    assert stats.state is EchoState.IDLE
    assert stats.delay_ms is None
