"""firmware/app/call_figures.py: a call's times and sound in one row."""

from __future__ import annotations

from firmware.app.call_figures import CALLS_MAX, CallFigures
from firmware.door import events as door
from firmware.media import events as media
from firmware.media.quality import DelayHistory, QualityRecord, measured
from tests.media.samples import NOTHING_COUNTED, NOTHING_HEARD, session

PRESS, CALL = door.PressId(7), door.CallName("p7.1")


def quality(call: str = "p7.1") -> QualityRecord:
    stats = NOTHING_COUNTED._replace(packets_expected=200, packets_received=190, packets_lost=10, remote_packets_lost=0, packets_sent=200)
    return measured(
        call,
        session(),
        stats,
        DelayHistory(100),
        (NOTHING_HEARD._replace(burst_ms=120), None),
        ssrc=1,
        duration_ms=4000,
        card_ms=20.0,
        late_periods=1,
        overruns=0,
        underruns=2,
        echo=None,
    )


def test_times_run_from_the_press_and_from_the_call() -> None:
    figures = CallFigures()
    figures.note(door.Pressed(press=PRESS, button=door.ButtonName("bell")), 10.0)
    figures.note(door.CallPlaced(call=CALL, press=PRESS, party="anna"), 10.25)
    figures.note(door.Ringing(call=CALL, party="anna"), 10.5)
    figures.note(media.FirstAudio(call=CALL, at_ns=0), 14.0)
    figures.note(media.FirstAudio(call=CALL, at_ns=0), 15.0)  # after a re-INVITE: not the first any more
    row = figures.measured(quality())
    assert (row.set_up_ms, row.press_to_audio_ms) == (250, 4000)
    assert (row.codec, row.encryption, row.loss_percent, row.burst_ms, row.glitches) == ("PCMU", "", 5.0, 120, 3)
    assert row.heard < 4.0 < 4.3 < (row.sent or 0)


def test_a_call_without_a_press_or_sound_has_no_times() -> None:
    figures = CallFigures()
    figures.note(door.CallPlaced(call=CALL, press=None, party="anna"), 1.0)
    row = figures.measured(quality()._replace(mos_sent=None))
    assert (row.set_up_ms, row.press_to_audio_ms, row.sent) == (None, None, None)
    assert figures.measured(quality("unknown")).set_up_ms is None


def test_that_consent_was_lost_is_kept_with_how_it_sounded() -> None:
    figures = CallFigures()
    figures.note(door.CallPlaced(call=CALL, press=None, party="anna"), 1.0)
    figures.note(media.ConsentLost(call=CALL, at_ns=0), 40.0)
    assert figures.measured(quality()).consent_lost
    assert not figures.measured(quality()).consent_lost


def test_what_is_remembered_is_bounded() -> None:
    figures = CallFigures()
    for number in range(CALLS_MAX + 1):
        figures.note(door.CallPlaced(call=door.CallName(f"c{number}"), press=None, party="anna"), 1.0)
        figures.note(door.Ringing(call=door.CallName(f"c{number}"), party="anna"), 2.0)
    assert figures.measured(quality("c0")).set_up_ms is None
    assert figures.measured(quality("c1")).set_up_ms == 1000
