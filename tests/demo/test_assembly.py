"""From notes to evidence: times, order, lifelines, speech, and what is missing."""

from __future__ import annotations

import wave
from array import array
from pathlib import Path

import pytest

from firmware.demo.assembly import assemble
from firmware.demo.conductor import CODE, FRAMES, PICTURES, Notes
from firmware.demo.evidence import DOOR, PHONE
from firmware.demo.kamailio import KamailioServer
from firmware.demo.resident import Report
from firmware.demo.watched_board import WatchedBoard
from firmware.door.events import ButtonName, Outcome, PictureTaken, PressEnded, PressId
from firmware.media.events import DigitHeard, FirstAudio, QualityMeasured
from firmware.media.recorder import interleaved
from firmware.net.runner import TraceEntry
from firmware.sip.events import Hop, Transport
from hw.api import RelayEdge
from hw.microphone import Silence
from hw.settings import BoardSettings, LampSettings
from tests.demo.samples import evidence, message, shifted
from tests.demo.samples import speech as whole_speech

PRESS_S = 1000.0
COUNTED = {"packets": 9, "lost": 0, "pictures": 3, "decoded": 2}
HOP = Hop(transport=Transport.UDP, host="127.0.0.1", port=5070, local_host="127.0.0.1", local_port=5060)


def speech(of: str) -> array[int]:
    """One sentence: enough to be found again, quickly."""
    return whole_speech(of)[: 8000 * 2]


class Recorded:
    """Stands in for the door's recorder, of which only the beginning matters afterwards."""

    started_ns = int((PRESS_S + 1.0) * 1e9)


def record(path: Path, said: array[int], heard: array[int]) -> None:
    length = max(len(said), len(heard))
    sides = [side + array("h", bytes(2 * (length - len(side)))) for side in (said, heard)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(interleaved(sides[0].tobytes(), sides[1].tobytes()))


def traced(at_s: float, first: str, cseq: str, *, sent: bool) -> TraceEntry:
    return TraceEntry(at_s=PRESS_S + at_s, sent=sent, hop=HOP, data=message(0, "", "", first, cseq).text.encode())


def a_good_run(out: Path) -> Notes:
    """Everything happened; the phone's recording began 20 ms after the door's, each voice arrived 30 ms after it was said."""
    notes = Notes()
    notes.pressed_s = PRESS_S
    board = WatchedBoard(BoardSettings(lamps=(LampSettings(name="ring", gpio=1), LampSettings(name="talk", gpio=2))), microphone=Silence())
    notes.board = board
    notes.door_recorder = Recorded()  # type: ignore[assignment]  # only started_ns is read
    notes.trace = [
        traced(0.035, "INVITE sip:flat@127.0.0.1 SIP/2.0", "1 INVITE", sent=True),
        traced(0.040, "SIP/2.0 180 Ringing", "1 INVITE", sent=False),
        traced(1.0, "SIP/2.0 200 OK", "1 INVITE", sent=False),
        traced(9.0, "BYE sip:flat@127.0.0.1 SIP/2.0", "2 BYE", sent=True),
        traced(9.001, "SIP/2.0 200 OK", "2 BYE", sent=False),
    ]
    at_ns = int((PRESS_S + 5.0) * 1e9)
    quality = evidence().quality[DOOR]
    notes.events = [
        (PRESS_S + 0.05, PictureTaken(file="ring.jpg", press=PressId(1), button=ButtonName("front"))),
        (PRESS_S + 1.03, FirstAudio(call="c", at_ns=at_ns)),
        *(
            (PRESS_S + 4.0 + number / 10, DigitHeard(call="c", digit=digit, duration_ms=100, at_ns=at_ns))
            for number, digit in enumerate(CODE)
        ),
        (PRESS_S + 5.0, RelayEdge(relay="front", closed=True, at_ns=at_ns)),
        (PRESS_S + 8.0, RelayEdge(relay="front", closed=False, at_ns=at_ns)),
        (PRESS_S + 8.999, PressEnded(press=PressId(1), outcome=Outcome.OPENED)),
        (PRESS_S + 9.1, QualityMeasured(quality=quality, final=True, at_ns=at_ns)),
    ]
    notes.reports = [
        Report("first audio", int((PRESS_S + 1.06) * 1e9), {}),
        Report("first picture", int((PRESS_S + 1.08) * 1e9), {}),
        Report("digits", int((PRESS_S + 3.9) * 1e9), {"text": CODE}),
        Report("quality", at_ns, {"quality": {**quality._asdict(), "buffer_history_ms": [30.0, 31.0]}}),
        Report("pictures", at_ns, {"seen": COUNTED, "frames": [[int((PRESS_S + at_s) * 1e9), 4, 2] for at_s in (1.08, 2.08)]}),
        Report("recorded", at_ns, {"started_ns": Recorded.started_ns + 20_000_000}),
    ]
    (out / PICTURES).mkdir(exist_ok=True)
    (out / PICTURES / "ring.jpg").write_bytes(b"a picture")
    (out / FRAMES).write_bytes(b"a" * 12 + b"b" * 12)
    record(out / "door.wav", speech(DOOR), shifted(speech(PHONE), 50))
    record(out / "phone.wav", speech(PHONE), shifted(speech(DOOR), 10))
    return notes


def test_a_good_run_has_no_problem_and_its_steps_in_order(tmp_path: Path) -> None:
    found, remarks = assemble(a_good_run(tmp_path), tmp_path)
    assert found.problems == ()
    assert found.passed
    names = [step.name for step in found.steps]
    assert names[:4] == ["press", "INVITE", "180", "picture of the ring"]
    assert names[-2:] == ["ended", "BYE"], "they are told in the order in which they happened"
    assert found.at_ms("INVITE") == pytest.approx(35.0)
    assert found.at_ms("relay closed") == pytest.approx(5000.0)
    assert [round(note.at_ms) for note in remarks] == [1030, 4300, 5000, 8000]


def test_speech_is_compared_on_one_clock(tmp_path: Path) -> None:
    found, _ = assemble(a_good_run(tmp_path), tmp_path)
    assert [(voice.speaker, voice.listener) for voice in found.voices] == [(DOOR, PHONE), (PHONE, DOOR)]
    assert [voice.similarity for voice in found.voices] == pytest.approx([1.0, 1.0], abs=1e-6)
    assert [voice.delay_ms for voice in found.voices] == pytest.approx([30.0, 30.0])


def test_both_ends_have_their_quality(tmp_path: Path) -> None:
    found, _ = assemble(a_good_run(tmp_path), tmp_path)
    assert found.quality[PHONE].buffer_history_ms == (30.0, 31.0)
    assert found.quality[DOOR].packets_sent == 400


def test_pictures_are_taken_from_where_door_and_phone_have_left_them(tmp_path: Path) -> None:
    picture = assemble(a_good_run(tmp_path), tmp_path)[0].picture
    assert picture.ring == b"a picture"
    assert [round(each.at_ms) for each in picture.shown] == [1080, 2080]
    assert [each.frame.i420 for each in picture.shown] == [b"a" * 12, b"b" * 12]
    assert (picture.packets, picture.pictures, picture.decoded) == (9, 3, 2)
    assert not (tmp_path / FRAMES).exists()


def test_pictures_of_which_none_is_decoded_are_a_problem_unless_there_is_no_decoder(tmp_path: Path) -> None:
    notes = a_good_run(tmp_path)
    blank = Report("pictures", 0, {"seen": COUNTED, "frames": []})
    notes.reports = [blank if report.kind == "pictures" else report for report in notes.reports]
    assert assemble(notes, tmp_path)[0].problems == ("no picture of the camera could be decoded",)
    (tmp_path / FRAMES).touch()
    notes.reports.append(Report("no decoder", 0, {"text": "install it"}))
    assert assemble(notes, tmp_path)[0].passed


def test_with_a_server_both_traces_make_one_ladder_of_three(tmp_path: Path) -> None:
    notes = a_good_run(tmp_path)
    notes.pbx = KamailioServer({})
    notes.pbx.version = "kamailio (5.6.3)"
    invite = message(0, "", "", "INVITE sip:flat@127.0.0.1:9 SIP/2.0", "1 INVITE").text
    notes.reports.append(Report("sip", int((PRESS_S + 0.037) * 1e9), {"sent": False, "text": invite, "peer_port": 5060}))
    found, _ = assemble(notes, tmp_path)
    assert [(each.source, each.target) for each in found.messages[:3]] == [("door", "pbx"), ("pbx", "phone"), ("pbx", "door")]
    assert found.through == "kamailio (5.6.3)"
    assert found.passed


def test_keep_alives_are_no_messages(tmp_path: Path) -> None:
    notes = a_good_run(tmp_path)
    notes.trace.append(TraceEntry(at_s=PRESS_S, sent=True, hop=HOP, data=b"\r\n\r\n"))
    assert len(assemble(notes, tmp_path)[0].messages) == 5


def test_a_wrong_code_is_a_missing_digit(tmp_path: Path) -> None:
    notes = a_good_run(tmp_path)
    notes.events = [entry for entry in notes.events if not (isinstance(entry[1], DigitHeard) and entry[1].digit == CODE[0])]
    assert "step 'digit' is missing" in assemble(notes, tmp_path)[0].problems


def test_speech_that_did_not_arrive_is_a_problem(tmp_path: Path) -> None:
    notes = a_good_run(tmp_path)
    record(tmp_path / "phone.wav", speech(PHONE), array("h", bytes(100_000)))
    found, _ = assemble(notes, tmp_path)
    assert found.problems == ("what the door said was not found again at the phone: 0 % alike",)


def test_nothing_at_all_is_named_piece_by_piece(tmp_path: Path) -> None:
    notes = Notes()
    notes.board = WatchedBoard(BoardSettings(), microphone=Silence())
    notes.problems = ["the call did not end within 40 s"]
    found, remarks = assemble(notes, tmp_path)
    assert not found.passed
    assert found.problems[0] == "the call did not end within 40 s"
    assert "step 'INVITE' is missing" in found.problems
    assert "a recording is missing" in found.problems
    assert "a quality record is missing" in found.problems
    assert remarks == ()


def test_lamps_become_bars(tmp_path: Path) -> None:
    notes = a_good_run(tmp_path)
    assert notes.board is not None
    lamp = notes.board.lamp("ring")
    lamp.set(on=True, blink_period_s=0.5)
    lamp.set(on=True)
    lamp.set(on=False)
    spans = [span for span in assemble(notes, tmp_path)[0].spans if span.track == "Lamp “ring”"]
    assert len(spans) == 1
    assert spans[0].to_ms >= spans[0].from_ms


def test_digits_and_relay_become_bars(tmp_path: Path) -> None:
    spans = {span.track: span for span in assemble(a_good_run(tmp_path), tmp_path)[0].spans}
    assert spans["Digits"].label == CODE
    assert spans["Relay"].label == "closed for 3.00 s"
    assert spans["Relay"].to_ms - spans["Relay"].from_ms == pytest.approx(3000.0)
