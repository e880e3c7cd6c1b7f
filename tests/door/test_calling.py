from __future__ import annotations

import pytest

from firmware.door.events import (
    Answered,
    ButtonName,
    CallEnded,
    CallName,
    CallPlaced,
    Dial,
    Effect,
    End,
    EndReason,
    LampRole,
    Light,
    Operate,
    Outcome,
    Play,
    Pressed,
    PressEnded,
    PressId,
    Record,
    Ring,
    Ringing,
    SetTimer,
    Sound,
    Stage,
    Verb,
)
from firmware.door.state import RING, Calling, Idle, Talking
from tests.door.house import DIRECTORY, HOUSE, OFFICE, Scene, only, records

P1 = PressId(1)
P2 = PressId(2)
FIRST = CallName("p1.1")
SECOND = CallName("p1.2")


def outcome(effects: tuple[Effect, ...]) -> Outcome:
    return only(PressEnded, effects).outcome


def test_a_press_is_written_down_before_anything_else_and_rings_every_target() -> None:
    scene = Scene()
    assert scene.press() == (
        Record(record=Pressed(press=P1, button=HOUSE)),
        Record(record=CallPlaced(call=FIRST, press=P1, party="anna")),
        Record(record=CallPlaced(call=SECOND, press=P1, party="bob")),
        Ring(call=FIRST, uri="sip:anna@pbx", account="pbx"),
        Ring(call=SECOND, uri="sip:bob@pbx", account="pbx"),
        Play(sound=Sound.RINGBACK),
    )
    assert Light(lamp=LampRole.RING, on=True) in scene.heard
    assert SetTimer(key=RING, at_s=1060.0) in scene.heard


def test_the_first_answer_wins_and_the_others_learn_that_it_was_completed_elsewhere() -> None:
    scene = Scene()
    scene.press()
    assert scene.moved(SECOND, Stage.ANSWERED) == (
        Record(record=Answered(call=SECOND, party="bob")),
        Record(record=CallEnded(call=FIRST, party="anna", reason=EndReason.COMPLETED_ELSEWHERE, talked_s=0.0)),
        End(call=FIRST, reason=EndReason.COMPLETED_ELSEWHERE),
        Play(sound=Sound.SPEAK),
    )
    assert EndReason.COMPLETED_ELSEWHERE.value == "Call completed elsewhere"
    assert isinstance(scene.door.call, Talking)
    assert [effect for effect in scene.heard if isinstance(effect, Light)] == [
        Light(lamp=LampRole.RING, on=False),
        Light(lamp=LampRole.TALK, on=True),
    ]
    assert RING not in scene.timers


def test_an_answer_that_crossed_the_cancel_is_hung_up() -> None:
    scene = Scene()
    scene.press()
    scene.moved(SECOND, Stage.ANSWERED)
    assert scene.moved(FIRST, Stage.ANSWERED) == (End(call=FIRST, reason=EndReason.UNKNOWN),)
    assert isinstance(scene.door.call, Talking)
    assert scene.door.call.leg.call == SECOND


@pytest.mark.parametrize("stage", [Stage.RINGING, Stage.ENDED, Stage.BUSY])
def test_news_of_a_leg_that_was_given_up_changes_nothing(stage: Stage) -> None:
    scene = Scene()
    assert scene.moved("p9.9", stage) == ()
    scene.press()
    assert scene.moved("p9.9", stage) == ()
    assert isinstance(scene.door.call, Calling)


def test_a_phone_that_says_twice_that_it_rings_is_written_down_once() -> None:
    scene = Scene()
    scene.press()
    assert scene.moved(FIRST, Stage.RINGING) == (Record(record=Ringing(call=FIRST, party="anna")),)
    assert scene.moved(FIRST, Stage.RINGING) == ()
    assert scene.moved(SECOND, Stage.RINGING) == (Record(record=Ringing(call=SECOND, party="bob")),)


def test_the_ringback_stops_for_early_media() -> None:
    scene = Scene()
    scene.press()
    assert scene.moved(FIRST, Stage.EARLY_MEDIA) == (Play(sound=Sound.SILENCE),)


def test_nobody_answers_within_the_ring_limit() -> None:
    scene = Scene()
    scene.press()
    assert scene.wait(59.9) == ()
    assert scene.wait(0.1) == (
        Record(record=CallEnded(call=FIRST, party="anna", reason=EndReason.RING_LIMIT, talked_s=0.0)),
        Record(record=CallEnded(call=SECOND, party="bob", reason=EndReason.RING_LIMIT, talked_s=0.0)),
        End(call=FIRST, reason=EndReason.RING_LIMIT),
        End(call=SECOND, reason=EndReason.RING_LIMIT),
        Record(record=PressEnded(press=P1, outcome=Outcome.NO_ANSWER, detail="ring limit reached")),
        Play(sound=Sound.NOBODY),
    )
    assert scene.timers == {}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Stage.BUSY, Stage.UNREACHABLE, Outcome.BUSY),
        (Stage.UNREACHABLE, Stage.BUSY, Outcome.BUSY),
        (Stage.NO_ANSWER, Stage.REFUSED, Outcome.REFUSED),
        (Stage.UNREACHABLE, Stage.NO_ANSWER, Outcome.NO_ANSWER),
        (Stage.UNREACHABLE, Stage.LOST, Outcome.UNREACHABLE),
        (Stage.ENDED, Stage.UNREACHABLE, Outcome.UNREACHABLE),
    ],
)
def test_a_press_ends_when_the_last_phone_is_out(first: Stage, second: Stage, expected: Outcome) -> None:
    scene = Scene()
    scene.press()
    assert scene.moved(FIRST, first, "one") == (
        Record(record=CallEnded(call=FIRST, party="anna", reason=first, talked_s=0.0, detail="one")),
    )
    news = scene.moved(SECOND, second, "two")
    assert news[0] == Record(record=CallEnded(call=SECOND, party="bob", reason=second, talked_s=0.0, detail="two"))
    assert news[1] == Record(record=PressEnded(press=P1, outcome=expected, detail="two"))
    assert news[2:] == (Play(sound=Sound.ERROR),)
    assert scene.door.call == Idle()


def test_a_second_press_while_it_rings_is_ignored_but_written_down() -> None:
    scene = Scene()
    scene.press()
    assert records(scene.press()) == [
        Pressed(press=P2, button=HOUSE),
        PressEnded(press=P2, outcome=Outcome.IGNORED, detail="it rings already"),
    ]
    assert isinstance(scene.door.call, Calling)
    assert scene.door.call.press == P1


def test_a_second_press_hangs_up_when_configured_so() -> None:
    scene = Scene(DIRECTORY._replace(second_press_hangs_up=True))
    scene.press()
    news = scene.press()
    assert records(news)[:3] == [
        Pressed(press=P2, button=HOUSE),
        PressEnded(press=P2, outcome=Outcome.HUNG_UP),
        PressEnded(press=P1, outcome=Outcome.CANCELLED, detail="cancelled"),
    ]
    assert [effect.call for effect in news if isinstance(effect, End)] == [FIRST, SECOND]
    assert scene.door.call == Idle()


def test_press_cancel_press_in_one_instant_rings_anew() -> None:
    scene = Scene(DIRECTORY._replace(second_press_hangs_up=True))
    scene.press()
    scene.press()
    news = scene.press()
    assert [effect.call for effect in news if isinstance(effect, Ring)] == ["p3.1", "p3.2"]
    assert scene.moved(FIRST, Stage.ENDED) == (), "the end of the first round does not touch the second"
    assert isinstance(scene.door.call, Calling)


def test_another_button_replaces_the_ringing_one() -> None:
    scene = Scene()
    scene.press()
    news = scene.press(OFFICE)
    assert records(news)[0] == Pressed(press=P2, button=OFFICE)
    assert only(PressEnded, news) == PressEnded(press=P1, outcome=Outcome.REPLACED, detail="replaced")
    assert only(Ring, news) == Ring(call=CallName("p2.1"), uri="sip:clara@pbx", account="pbx")
    assert scene.timers == {RING: 1060.0}


def test_a_press_while_somebody_talks_is_ignored_but_written_down() -> None:
    scene = Scene()
    scene.talk_with_anna()
    assert records(scene.press(OFFICE)) == [
        Pressed(press=P2, button=OFFICE),
        PressEnded(press=P2, outcome=Outcome.IGNORED, detail="a call is in progress"),
    ]


def test_a_button_that_was_never_configured_is_our_own_error() -> None:
    with pytest.raises(KeyError):
        Scene().press(ButtonName("nothing"))


def test_an_operator_calls_a_listed_target() -> None:
    scene = Scene()
    assert scene.tell(Dial(target="bob", by="ctl")) == (
        Record(record=CallPlaced(call=CallName("d1.1"), press=None, party="bob")),
        Ring(call=CallName("d1.1"), uri="sip:bob@pbx", account="pbx"),
        Play(sound=Sound.RINGBACK),
    )
    assert scene.moved("d1.1", Stage.BUSY) == (
        Record(record=CallEnded(call=CallName("d1.1"), party="bob", reason=Stage.BUSY, talked_s=0.0)),
        Play(sound=Sound.ERROR),
    )


def test_an_operator_calls_a_stranger_directly() -> None:
    assert only(Ring, Scene().tell(Dial(target="sip:x@10.0.0.9", by="ctl"))) == Ring(
        call=CallName("d1.1"), uri="sip:x@10.0.0.9", account=None
    )


def test_an_operator_call_waits_for_no_other_and_gets_a_name_of_its_own() -> None:
    scene = Scene()
    scene.press()
    assert scene.tell(Dial(target="bob", by="ctl")) == ()
    scene.tell(Operate(verb=Verb.HANG_UP))
    scene.tell(Dial(target="bob", by="ctl"))
    scene.tell(Operate(verb=Verb.HANG_UP))
    assert only(Ring, scene.tell(Dial(target="bob", by="ctl"))).call == "d2.1"


@pytest.mark.parametrize(
    ("verb", "expected", "reason"),
    [(Verb.HANG_UP, Outcome.CANCELLED, EndReason.CANCELLED), (Verb.STOP, Outcome.INTERRUPTED, EndReason.STOPPED)],
)
def test_an_operator_ends_the_ringing(verb: Verb, expected: Outcome, reason: EndReason) -> None:
    scene = Scene()
    scene.press()
    news = scene.tell(Operate(verb=verb))
    assert outcome(news) is expected
    assert [effect for effect in news if isinstance(effect, End)] == [End(call=FIRST, reason=reason), End(call=SECOND, reason=reason)]
    assert scene.door.call == Idle()


@pytest.mark.parametrize("verb", list(Verb))
def test_an_operator_has_nothing_to_do_at_an_idle_door(verb: Verb) -> None:
    scene = Scene()
    assert scene.tell(Operate(verb=verb)) == ()


def test_an_operator_cannot_answer_a_call_that_goes_out() -> None:
    scene = Scene()
    scene.press()
    assert scene.tell(Operate(verb=Verb.ANSWER)) == ()
    assert isinstance(scene.door.call, Calling)
