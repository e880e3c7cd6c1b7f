from __future__ import annotations

import pytest

from firmware.door.directory import AutoAnswer
from firmware.door.events import (
    Accept,
    Answered,
    Bring,
    CallEnded,
    CallName,
    CallReceived,
    CallTurnedAway,
    Effect,
    End,
    EndReason,
    IncomingCall,
    Offer,
    Operate,
    Outcome,
    Play,
    PressEnded,
    Record,
    Refusal,
    Refuse,
    Ring,
    Sound,
    Stage,
    Verb,
)
from firmware.door.state import OFFER, Calling, Idle, Offered, Talking
from tests.door.house import DIRECTORY, Scene, only, records

IN = CallName("in")


@pytest.mark.parametrize("caller", ["desk@pbx", "anybody@10.0.0.1", "@10.0.0.1"])
def test_a_listed_caller_is_offered(caller: str) -> None:
    scene = Scene()
    assert scene.called(caller) == (Record(record=CallReceived(call=IN, caller=caller, refusal=None)), Offer(call=IN))
    assert isinstance(scene.door.call, Offered)


@pytest.mark.parametrize("caller", ["desk@evil", "other@pbx", "desk@pbx@evil", "", "desk"])
def test_a_stranger_is_refused(caller: str) -> None:
    scene = Scene()
    assert only(Refuse, scene.called(caller)) == Refuse(call=IN, refusal=Refusal.FORBIDDEN)
    assert scene.door.call == Idle()


def test_the_refusals_are_the_status_codes_of_the_rfc() -> None:
    assert [(refusal.name, refusal.value) for refusal in Refusal] == [
        ("BUSY", 486),
        ("FORBIDDEN", 403),
        ("UNANSWERED", 480),
        ("OVERLOADED", 503),
    ]


def test_nobody_is_listed_until_somebody_is_written_down() -> None:
    scene = Scene(DIRECTORY._replace(allow=()))
    assert only(Refuse, scene.called("desk@pbx")).refusal is Refusal.FORBIDDEN


def test_a_second_call_is_refused_as_busy() -> None:
    scene = Scene()
    scene.talk_with_anna()
    assert only(Refuse, scene.called("desk@pbx")) == Refuse(call=IN, refusal=Refusal.BUSY)
    assert isinstance(scene.door.call, Talking)


def test_a_flood_of_refused_calls_does_not_fill_the_journal() -> None:
    scene = Scene()
    assert len(records(scene.called("evil@evil"))) == 1
    for _ in range(50):
        assert scene.called("evil@evil") == (Refuse(call=IN, refusal=Refusal.FORBIDDEN),)
    scene.wait(10.0)
    assert only(CallReceived, scene.called("evil@evil")).unrecorded == 50
    scene.wait(10.0)
    assert only(CallReceived, scene.called("evil@evil")).unrecorded == 0


def test_calls_that_came_too_many_at_once_stand_in_the_journal_with_their_number() -> None:
    scene = Scene()
    first = scene.tell(CallTurnedAway(caller="evil@evil"))
    assert first == (Record(record=CallReceived(call=CallName(""), caller="evil@evil", refusal=Refusal.OVERLOADED)),)
    for _ in range(50):
        assert scene.tell(CallTurnedAway(caller="evil@evil")) == ()
    scene.wait(10.0)
    later = only(CallReceived, scene.tell(CallTurnedAway(caller="shy@evil", is_private=True)))
    assert (later.caller, later.unrecorded) == ("anonymous", 50)


@pytest.mark.parametrize(
    ("policy", "wants", "accepted"),
    [
        (AutoAnswer.NEVER, True, False),
        (AutoAnswer.ON_REQUEST, False, False),
        (AutoAnswer.ON_REQUEST, True, True),
        (AutoAnswer.ALWAYS, False, True),
    ],
)
def test_a_call_is_answered_by_itself_only_when_configured_so(policy: AutoAnswer, *, wants: bool, accepted: bool) -> None:
    scene = Scene(DIRECTORY._replace(auto_answer=policy))
    news = scene.called("desk@pbx", wants_auto_answer=wants)
    assert (Accept(call=IN, by_itself=True) in news) is accepted
    assert (Play(sound=Sound.BEEP) in news) is accepted, "whoever stands at the panel hears that somebody listens"
    assert (Offer(call=IN) in news) is not accepted


@pytest.mark.parametrize("policy", [AutoAnswer.ALWAYS, AutoAnswer.ON_REQUEST])
def test_who_announces_is_heard_and_does_not_hear_and_nobody_comes_in(policy: AutoAnswer) -> None:
    house = DIRECTORY._replace(auto_answer=policy, announces=True, conference_for=("*@*",))
    scene = Scene(house)
    news = scene.called("desk@pbx", wants_auto_answer=True)
    assert Accept(call=IN, by_itself=True, announces=True) in news
    assert Play(sound=Sound.BEEP) in news
    scene.moved(IN, Stage.ANSWERED)
    other = IncomingCall(call=CallName("in-2"), caller="desk@pbx", wants_auto_answer=False)
    for coming in (other._replace(joins=IN), other._replace(wants_in=True)):
        assert Refuse(call=other.call, refusal=Refusal.BUSY) in scene.tell(coming)
    scene.tell(Bring(target="anna", by="ctl", call=CallName("asked-1")))
    assert not any(isinstance(effect, Ring) for effect in scene.heard)


def test_a_call_that_an_operator_answers_is_no_announcement() -> None:
    scene = Scene(DIRECTORY._replace(announces=True))
    scene.called("desk@pbx")
    assert scene.tell(Operate(verb=Verb.ANSWER)) == (Accept(call=IN),)


def test_an_operator_answers() -> None:
    scene = Scene()
    scene.called("desk@pbx")
    assert scene.tell(Operate(verb=Verb.ANSWER)) == (Accept(call=IN),)
    assert scene.tell(Operate(verb=Verb.ANSWER)) == (), "once"
    assert scene.moved(IN, Stage.ANSWERED) == (Record(record=Answered(call=IN, party="desk@pbx")),)
    assert isinstance(scene.door.call, Talking)


def test_a_caller_may_ring_or_send_media_without_effect() -> None:
    scene = Scene()
    scene.called("desk@pbx")
    assert scene.moved(IN, Stage.RINGING) == ()
    assert scene.moved(IN, Stage.EARLY_MEDIA) == ()
    assert scene.moved("other", Stage.ENDED) == ()
    assert isinstance(scene.door.call, Offered)


def test_a_caller_gives_up() -> None:
    scene = Scene()
    scene.called("desk@pbx")
    over = CallEnded(call=IN, party="desk@pbx", reason=Stage.ENDED, talked_s=0.0, detail="487")
    assert scene.moved(IN, Stage.ENDED, "487") == (Record(record=over),)
    assert scene.door.call == Idle()
    assert scene.timers == {}


def test_nobody_takes_the_call_in_time() -> None:
    scene = Scene()
    scene.called("desk@pbx")
    news = scene.wait(60.0)
    assert only(Refuse, news) == Refuse(call=IN, refusal=Refusal.UNANSWERED)
    assert only(CallEnded, news).reason is EndReason.RING_LIMIT


def test_a_call_that_was_accepted_and_never_came_up_is_hung_up() -> None:
    scene = Scene(DIRECTORY._replace(auto_answer=AutoAnswer.ALWAYS))
    scene.called("desk@pbx")
    assert only(End, scene.wait(60.0)) == End(call=IN, reason=EndReason.RING_LIMIT)


@pytest.mark.parametrize(("verb", "reason"), [(Verb.HANG_UP, EndReason.HUNG_UP), (Verb.STOP, EndReason.STOPPED)])
def test_an_operator_refuses(verb: Verb, reason: EndReason) -> None:
    scene = Scene()
    scene.called("desk@pbx")
    news = scene.tell(Operate(verb=verb))
    assert only(Refuse, news).refusal is Refusal.BUSY
    assert only(CallEnded, news).reason is reason


def test_a_visitor_comes_before_a_caller_who_waits() -> None:
    scene = Scene()
    scene.called("desk@pbx")
    news = scene.press()
    assert only(Refuse, news) == Refuse(call=IN, refusal=Refusal.BUSY)
    assert [effect.call for effect in news if isinstance(effect, Ring)] == ["p1.1", "p1.2"]
    assert isinstance(scene.door.call, Calling)


def test_a_visitor_does_not_break_a_call_that_is_coming_up() -> None:
    scene = Scene(DIRECTORY._replace(auto_answer=AutoAnswer.ALWAYS))
    scene.called("desk@pbx")
    assert only(PressEnded, scene.press()).outcome is Outcome.IGNORED


def test_an_incoming_call_has_no_press_to_end() -> None:
    scene = Scene(DIRECTORY._replace(auto_answer=AutoAnswer.ALWAYS))
    scene.called("desk@pbx")
    scene.moved(IN, Stage.ANSWERED)
    assert records(scene.moved(IN, Stage.ENDED)) == [CallEnded(call=IN, party="desk@pbx", reason=Stage.ENDED, talked_s=0.0)]


def test_two_callers_at_once_get_one_line() -> None:
    scene = Scene()
    scene.called("desk@pbx")
    second = IncomingCall(call=CallName("in2"), caller="desk@pbx", wants_auto_answer=False)
    assert only(Refuse, scene.tell(second)) == Refuse(call=CallName("in2"), refusal=Refusal.BUSY)


ON_REQUEST = DIRECTORY._replace(auto_answer=AutoAnswer.ON_REQUEST)


def wish(scene: Scene, caller: str = "desk@pbx", *, after_s: float = 0.0, insists: bool = False) -> tuple[Effect, ...]:
    return scene.tell(IncomingCall(call=IN, caller=caller, wants_auto_answer=True, answer_after_s=after_s, insists=insists))


def test_a_call_that_wants_it_later_rings_until_then() -> None:
    scene = Scene(ON_REQUEST)
    assert only(Offer, wish(scene, after_s=5.0)).call == IN
    assert scene.wait(4.9) == ()
    assert scene.wait(0.2) == (Accept(call=IN, by_itself=True), Play(sound=Sound.BEEP))
    assert scene.timers.keys() == {OFFER}


def test_an_operator_may_be_quicker_than_the_callers_wish() -> None:
    scene = Scene(ON_REQUEST)
    wish(scene, after_s=5.0)
    assert only(Accept, scene.tell(Operate(verb=Verb.ANSWER))).call == IN
    assert scene.wait(6.0) == ()


def test_only_the_wishes_of_those_who_may_are_heard() -> None:
    scene = Scene(ON_REQUEST._replace(auto_answer_for=("desk@pbx",)))
    assert only(Offer, wish(scene, "other@10.0.0.1")).call == IN
    scene.tell(Operate(verb=Verb.HANG_UP))
    assert only(Accept, wish(scene)).call == IN


def test_who_requires_to_be_answered_and_will_not_be_is_refused() -> None:
    scene = Scene()
    assert only(Refuse, wish(scene, insists=True)).refusal is Refusal.FORBIDDEN
    taken = Scene(ON_REQUEST)
    assert only(Accept, wish(taken, insists=True)).call == IN


def test_a_caller_who_wants_to_stay_unknown_has_no_name_in_the_journal() -> None:
    scene = Scene()
    received = scene.tell(IncomingCall(call=IN, caller="desk@pbx", wants_auto_answer=False, is_private=True, diverted_by="pbx@pbx"))
    assert only(CallReceived, received) == CallReceived(call=IN, caller="anonymous", refusal=None, diverted_by="pbx@pbx")
    scene.tell(Operate(verb=Verb.ANSWER))
    assert only(Answered, scene.moved("in", Stage.ANSWERED)).party == "anonymous"
