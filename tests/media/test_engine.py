"""The engine as its callers see it: over real sockets on loopback, with a card whose periods pass when the test says so."""

from __future__ import annotations

import os
import time
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.errors import LocalProtocolError, MediaError
from firmware.media import tones
from firmware.media.desk import LINGER_PERIODS, DeskSettings
from firmware.media.engine import COMMANDS_MAX, EngineSettings
from firmware.media.events import DigitHeard, FirstAudio, QualityMeasured, SoundEnded, SoundFault, StreamFault, StreamSilent
from firmware.media.recorder import Recorder
from firmware.media.session import MediaPort, open_port
from firmware.sdp.codec_list import OPUS
from firmware.sdp.direction import Direction
from firmware.sdp.media_session import MediaSession
from tests.media.samples import session, without_digits
from tests.media.step_card import Bench
from tests.ports import TRIED, free_port


class Clock:
    """Stands in for the desk's `time`: real time, plus what the test adds."""

    def __init__(self) -> None:
        self.added_ns = 0

    def monotonic_ns(self) -> int:
        return time.monotonic_ns() + self.added_ns

    def time_ns(self) -> int:
        return time.time_ns() + self.added_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("firmware.media.desk.time", clock)
    return clock


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


class Pair:
    """Two engines that talk with each other."""

    def __init__(self) -> None:
        self.door, self.phone = Bench(seed=1), Bench(seed=2)
        self.door_port, self.phone_port = open_port("127.0.0.1", TRIED), open_port("127.0.0.1", TRIED)

    def start(self) -> None:
        self.door.engine.start("c", self.door_port, session(remote_port=self.phone_port.rtp_port))
        self.phone.engine.start("c", self.phone_port, session(remote_port=self.door_port.rtp_port))

    def step(self, periods: int) -> None:
        for _ in range(periods):
            self.door.card.step()
            self.phone.card.step()


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    pair.start()
    yield pair
    pair.door.close()
    pair.phone.close()


def wide(agreed: MediaSession) -> MediaSession:
    """The same session in Opus, with digits at its clock."""
    return agreed._replace(codec=OPUS, receive_codecs=(OPUS,), dtmf_receive=(), dtmf_agreed=False)


def test_a_call_in_wide_band_goes_through_a_refresh_and_a_change_to_telephone_quality() -> None:
    pair = Pair()
    pair.door.engine.start("c", pair.door_port, wide(session(remote_port=pair.phone_port.rtp_port)))
    pair.phone.engine.start("c", pair.phone_port, wide(session(remote_port=pair.door_port.rtp_port)))
    pair.door.card.microphone = array("h", [8000, -8000] * 80).tobytes()
    pair.step(20)
    pair.phone.engine.update("c", wide(session(remote_port=pair.door_port.rtp_port)))
    pair.step(20)
    assert pair.phone.of(FirstAudio) != []
    for bench, other in ((pair.door, pair.phone_port), (pair.phone, pair.door_port)):
        bench.engine.update("c", session(remote_port=other.rtp_port))
    pair.step(40)
    assert max(array("h", pair.phone.card.written[-1])) > 4000
    assert pair.phone.of(StreamFault) == pair.door.of(StreamFault) == []
    pair.door.close()
    pair.phone.close()
    (told,) = [event.quality for event in pair.phone.of(QualityMeasured) if event.final]
    assert (told.codec, told.packets_rejected) == ("PCMU", 0)


def lonely_port() -> tuple[MediaPort, int]:
    """A port of ours, and the number of one where nobody listens."""
    return open_port("127.0.0.1", TRIED), free_port()


def test_without_a_call_there_is_no_thread_and_no_open_microphone(bench: Bench) -> None:
    assert not bench.engine.running
    assert bench.engine.last_period_ns == 0
    assert bench.card.opens == 0
    bench.engine.stop_playing()
    bench.engine.record(None)
    assert not bench.engine.running, "nothing to stop is no reason to open the card"


def test_the_first_sound_opens_the_card_and_the_last_closes_it(bench: Bench) -> None:
    bench.engine.play(tones.BEEP)
    bench.until(lambda: bench.of(SoundEnded) != [])
    assert [event.name for event in bench.of(SoundEnded)] == ["beep"]
    assert bench.card.is_open
    bench.card.run_free()
    bench.engine.close()
    assert not bench.engine.running
    assert (bench.card.opens, bench.card.closes) == (1, 1)


def test_the_card_lingers_between_two_sounds(bench: Bench) -> None:
    bench.engine.play(tones.BEEP)
    bench.until(lambda: bench.of(SoundEnded) != [])
    bench.card.step(LINGER_PERIODS - 5)  # the event was told a period or two ago
    bench.engine.play(tones.BEEP)
    bench.until(lambda: len(bench.of(SoundEnded)) == 2)
    assert bench.card.opens == 1


def test_a_tone_reaches_the_speaker_and_stops_when_told(bench: Bench) -> None:
    bench.engine.play(tones.RINGBACK)
    bench.card.step(5)
    assert any(any(period) for period in bench.card.written)
    bench.engine.stop_playing()
    bench.card.step(2)
    assert not any(bench.card.written[-1])
    assert bench.of(SoundEnded) == [], "what was stopped did not end by itself"


def test_a_prompt_is_played_to_the_speaker(bench: Bench) -> None:
    bench.engine.play(tones.Prompt("welcome", array("h", [5000] * 800).tobytes()))
    bench.until(lambda: bench.of(SoundEnded) != [])
    assert b"".join(bench.card.written).count(array("h", [5000]).tobytes()) >= 700
    assert bench.of(SoundEnded)[0].name == "welcome"


def test_both_sides_hear_each_other(pair: Pair) -> None:
    pair.door.card.microphone = array("h", [8000, -8000] * 80).tobytes()
    pair.step(12)
    assert [event.call for event in pair.door.of(FirstAudio)] == ["c"]
    assert [event.call for event in pair.phone.of(FirstAudio)] == ["c"]
    loudest = max(max(array("h", period)) for period in pair.phone.card.written)
    assert 7000 < loudest < 9000


def test_digits_arrive_once_each_in_order(pair: Pair) -> None:
    pair.step(5)
    pair.phone.engine.send_digits("c", "47#", duration_ms=100, gap_ms=60)
    pair.step(40)
    assert [event.digit for event in pair.door.of(DigitHeard)] == ["4", "7", "#"]
    assert all(80 <= event.duration_ms <= 120 for event in pair.door.of(DigitHeard))


def test_stopping_tells_the_figures_and_closes_the_port(pair: Pair) -> None:
    pair.step(20)
    pair.door.engine.measure("c")
    pair.door.card.step(2)
    pair.door.engine.stop("c")
    pair.door.card.step(2)
    running, final = pair.door.of(QualityMeasured)
    assert (running.final, final.final) == (False, True)
    assert final.quality.call == "c"
    assert final.quality.packets_sent >= 18
    assert final.quality.packets_received >= 18
    assert final.quality.packets_lost == 0
    assert pair.door_port.rtp_fd == pair.door_port.rtcp_fd == -1
    pair.door.engine.stop("c")  # a second end is no news
    pair.door.card.step(2)
    assert len(pair.door.of(QualityMeasured)) == 2


def test_a_stream_has_a_canonical_name_through_every_agreement(pair: Pair) -> None:
    before = pair.door.engine.cname("c")
    assert len(before) == 16
    pair.door.engine.update("c", session(remote_port=pair.phone_port.rtp_port))
    assert pair.door.engine.cname("c") == before
    assert pair.phone.engine.cname("c") != before
    with pytest.raises(LocalProtocolError):
        pair.door.engine.cname("nobody")


def test_muted_we_say_nothing(pair: Pair) -> None:
    pair.door.card.microphone = array("h", [8000, -8000] * 80).tobytes()
    pair.step(10)
    pair.door.engine.mute("c", muted=True)
    pair.step(40)
    assert max(array("h", pair.phone.card.written[-1])) < 100


def test_a_hold_stops_our_packets_and_a_resume_brings_them_back(pair: Pair) -> None:
    pair.step(5)
    held = session(remote_port=pair.phone_port.rtp_port, direction=Direction.INACTIVE)
    pair.door.engine.update("c", held)
    pair.step(10)
    pair.door.engine.measure("c")
    pair.step(10)
    pair.door.engine.update("c", session(remote_port=pair.phone_port.rtp_port), relatch=True)
    pair.step(10)
    pair.door.engine.measure("c")
    pair.step(2)
    on_hold, resumed = (event.quality.packets_sent for event in pair.door.of(QualityMeasured))
    assert on_hold < 10
    assert resumed >= on_hold + 8


def test_a_recording_holds_both_sides(pair: Pair, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "door.wav")
    pair.door.card.microphone = array("h", [3000, -3000] * 80).tobytes()
    pair.phone.card.microphone = array("h", [6000, -6000] * 80).tobytes()
    pair.door.engine.record(recorder)
    pair.step(30)
    pair.door.engine.record(None)
    pair.door.card.step(2)
    recorder.wait(60.0)
    with wave.open(str(tmp_path / "door.wav")) as file:
        samples = array("h", file.readframes(file.getnframes()))
    assert len(samples) >= 2 * 28 * 160
    assert max(samples[0::2]) == 3000
    assert 5500 < max(samples[1::2]) < 6500


def test_the_last_sound_finishes_a_recording(pair: Pair, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "door.wav")
    pair.door.engine.record(recorder)
    pair.step(5)
    pair.door.close()
    recorder.wait(60.0)
    assert recorder.started_ns is not None


def test_a_silent_peer_is_told_once_for_each_silence(clock: Clock) -> None:
    bench = Bench(EngineSettings(realtime_priority=0, desk=DeskSettings(silent_after_s=20.0)))
    port, nowhere = lonely_port()
    bench.engine.start("c", port, session(remote_port=nowhere))
    bench.card.step(3)
    clock.added_ns += 10_000_000_000
    bench.card.step(3)
    assert bench.of(StreamSilent) == []
    clock.added_ns += 11_000_000_000
    bench.card.step(3)
    clock.added_ns += 11_000_000_000
    bench.card.step(3)
    (told,) = bench.of(StreamSilent)
    assert told.call == "c"
    assert 20.0 <= told.for_s < 33.0
    bench.close()


def test_a_phone_that_says_nothing_and_reports_that_it_hears_us_is_not_missed(clock: Clock) -> None:
    pair = Pair()
    listens = session(remote_port=pair.door_port.rtp_port, direction=Direction.RECVONLY)
    pair.door.engine.start("c", pair.door_port, session(remote_port=pair.phone_port.rtp_port), silent_after_s=20.0)
    pair.phone.engine.start("c", pair.phone_port, listens)
    for _ in range(60):
        clock.added_ns += 1_000_000_000
        pair.step(2)
    assert pair.door.of(StreamSilent) == []
    pair.phone.close()
    for _ in range(30):
        clock.added_ns += 1_000_000_000
        pair.door.card.step(2)
    (told,) = pair.door.of(StreamSilent)
    pair.door.close()
    assert 20.0 <= told.for_s < 23.0
    (measured,) = [event.quality for event in pair.door.of(QualityMeasured)]
    assert measured.packets_received == 0


def test_nobody_is_missed_while_the_session_lets_him_be_silent(clock: Clock) -> None:
    bench = Bench(EngineSettings(realtime_priority=0, desk=DeskSettings(silent_after_s=20.0)))
    port, nowhere = lonely_port()
    bench.engine.start("c", port, session(remote_port=nowhere, direction=Direction.SENDONLY))
    bench.card.step(3)
    clock.added_ns += 60_000_000_000
    bench.card.step(3)
    assert bench.of(StreamSilent) == []
    bench.close()


def test_late_periods_and_what_the_card_lost_are_counted(clock: Clock) -> None:
    bench = Bench()
    port, nowhere = lonely_port()
    bench.engine.start("c", port, session(remote_port=nowhere))
    bench.card.step(2)
    clock.added_ns += 10_000_000_000
    bench.card.underruns, bench.card.overruns = 3, 2
    bench.card.step(2)
    bench.engine.stop("c")
    bench.card.step(2)
    (measured,) = bench.of(QualityMeasured)
    assert measured.quality.late_periods >= 1
    assert 9_900 < measured.quality.late_ms_max < 20_000  # one period was that late, and waited for the test besides
    assert (measured.quality.underruns, measured.quality.overruns) == (3, 2)
    bench.close()


def test_a_missing_card_is_told_and_the_call_goes_on_in_silence() -> None:
    bench = Bench(missing=True)
    port, nowhere = lonely_port()
    bench.engine.start("c", port, session(remote_port=nowhere))
    bench.engine.stop("c")
    bench.engine.close()
    (fault,) = bench.of(SoundFault)
    assert not fault.working
    assert "not there" in fault.detail
    assert [event.quality.call for event in bench.of(QualityMeasured)] == ["c"]


def test_a_dead_port_is_a_fault_of_that_call_alone(bench: Bench) -> None:
    dead, nowhere = lonely_port()
    dead.close()
    bench.engine.start("c", dead, session(remote_port=nowhere))
    bench.card.step(2)
    (fault,) = bench.of(StreamFault)
    assert fault.call == "c"
    bench.engine.update("c", session(remote_port=nowhere))
    bench.engine.stop("c")
    bench.card.step(2)
    assert bench.of(QualityMeasured) == []


def test_more_digits_than_fit_are_a_fault_and_not_a_crash(pair: Pair) -> None:
    for _ in range(3):
        pair.door.engine.send_digits("c", "0" * 32)
    pair.step(2)
    assert pair.door.of(StreamFault) != []
    pair.step(2)


def test_what_a_caller_may_not_ask_is_refused_at_once(bench: Bench) -> None:
    port, nowhere = lonely_port()
    with pytest.raises(LocalProtocolError, match="has no stream"):
        bench.engine.update("c", session())
    with pytest.raises(LocalProtocolError, match="has no stream"):
        bench.engine.send_digits("c", "1")
    bench.engine.start("c", port, without_digits(session(remote_port=nowhere)))
    with pytest.raises(LocalProtocolError, match="has a stream"):
        bench.engine.start("c", port, session())
    with pytest.raises(LocalProtocolError, match="no telephone events"):
        bench.engine.send_digits("c", "1")


@pytest.mark.parametrize("digits", ["", "1 2", "x", "1" * 33, "é"])
def test_what_is_no_digit_is_refused(bench: Bench, digits: str) -> None:
    port, nowhere = lonely_port()
    bench.engine.start("c", port, session(remote_port=nowhere))
    with pytest.raises(LocalProtocolError, match="want 1 to 32"):
        bench.engine.send_digits("c", digits)


def test_a_codec_that_the_core_does_not_speak_leaves_the_port_to_its_owner(bench: Bench) -> None:
    port, nowhere = lonely_port()
    agreed = session(remote_port=nowhere)
    with pytest.raises(MediaError, match="G729"):
        bench.engine.start("c", port, agreed._replace(codec=agreed.codec._replace(name="G729")))
    assert port.rtp_fd >= 0
    assert not bench.engine.running
    port.close()


def test_no_more_streams_than_the_core_mixes(bench: Bench) -> None:
    port, nowhere = lonely_port()
    for number in range(4):
        bench.engine.start(f"c{number}", open_port("127.0.0.1", TRIED), session(remote_port=nowhere))
    with pytest.raises(MediaError, match="no more than 4"):
        bench.engine.start("c4", port, session(remote_port=nowhere))
    port.close()


def test_a_card_that_hangs_lets_commands_wait_up_to_a_limit(bench: Bench) -> None:
    bench.engine.play(tones.RINGBACK)
    bench.card.step(2)
    for _ in range(COMMANDS_MAX):
        bench.engine.play(tones.RINGBACK)
    with pytest.raises(MediaError, match="hangs"):
        bench.engine.play(tones.RINGBACK)
    bench.card.step(2)
    bench.engine.play(tones.RINGBACK)  # it moves again, and so do we


def test_the_heartbeat_moves_with_every_period(bench: Bench) -> None:
    bench.engine.play(tones.RINGBACK)
    bench.card.step(2)
    first = bench.engine.last_period_ns
    bench.card.step(1)
    assert bench.engine.last_period_ns > first > 0


def test_a_system_that_forbids_real_time_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "not allowed")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    bench = Bench(EngineSettings())
    bench.engine.play(tones.BEEP)
    bench.card.step(1)
    assert not bench.engine.realtime
    bench.close()


@pytest.mark.parametrize("allowed", [True, False])
def test_memory_is_locked_where_the_system_allows_it(monkeypatch: pytest.MonkeyPatch, allowed: bool) -> None:
    monkeypatch.setattr(os, "sched_setscheduler", lambda *_: None)
    monkeypatch.setattr("firmware.media.engine.lock_memory", lambda: allowed)
    bench = Bench(EngineSettings())
    bench.engine.play(tones.BEEP)
    bench.card.step(1)
    assert (bench.engine.realtime, bench.engine.memory_locked) == (True, allowed)
    bench.close()
