"""The echo canceller in simulated rooms, in virtual time: floors of attenuation, and of what is left of the visitor."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from firmware.media.binding import NARROW_HZ, EchoMode, EchoSettings, EchoState, Pump
from firmware.media.echo_canceller import EchoCanceller
from tests.bench.echo import rooms
from tests.bench.echo.rooms import Floats, Recording, Scene
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


def test_canceller_without_any_echo_path_falls_back_to_half_duplex() -> None:
    """The microphone hears another room: nothing of the loudspeaker in it can be learned."""
    recording = recorded(Scene(name="", place=rooms.PORCH, seed=3))
    other = np.random.default_rng(1).normal(0, 300, len(recording.far)).astype(np.int16)
    canceller = EchoCanceller(FULL, rate_hz=NARROW_HZ)
    cancelled(canceller, Recording(far=recording.far, microphone=other, near=other, echo=other))
    assert canceller.stats().state is EchoState.HELD


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
