from __future__ import annotations

import pytest

from firmware.door.directory import Key
from firmware.door.events import (
    CallEnded,
    CallName,
    CodeFault,
    CodeRefused,
    Dial,
    DigitHeard,
    DigitWay,
    Effect,
    End,
    EndReason,
    Grant,
    LampRole,
    Light,
    OpenLock,
    Operate,
    Outcome,
    Play,
    PressEnded,
    PressId,
    Record,
    SetTimer,
    Sound,
    Stage,
    TimerFired,
    Unlock,
    Unlocked,
    Verb,
)
from firmware.door.state import DIGITS, TALK, WARNING, Idle, Talking
from firmware.door.talking import EXTENSIONS_MAX
from tests.door.house import DIRECTORY, FRONT, GARAGE, Scene, only, with_limits

CALL = CallName("p1.1")


def refused(fault: CodeFault, lockout_s: float = 0.0, party: str = "anna") -> tuple[Effect, ...]:
    return (Record(record=CodeRefused(call=CALL, party=party, fault=fault, lockout_s=lockout_s)), Play(sound=Sound.WRONG))


def talking(scene: Scene) -> Talking:
    assert isinstance(scene.door.call, Talking)
    return scene.door.call


def test_a_beep_warns_ten_seconds_before_the_end() -> None:
    scene = Scene()
    scene.talk_with_anna()
    assert scene.wait(109.9) == ()
    assert scene.wait(0.1) == (Play(sound=Sound.BEEP),)
    news = scene.wait(10.0)
    assert only(CallEnded, news) == CallEnded(call=CALL, party="anna", reason=EndReason.TALK_LIMIT, talked_s=120.0)
    assert only(PressEnded, news).outcome is Outcome.ANSWERED
    assert news[-2:] == (End(call=CALL, reason=EndReason.TALK_LIMIT), Play(sound=Sound.ENDED))
    assert scene.timers == {}


def test_a_talk_shorter_than_the_warning_is_warned_at_once() -> None:
    scene = Scene(with_limits(talk_limit_s=8.0))
    scene.talk_with_anna()
    assert scene.wait(0.0) == (Play(sound=Sound.BEEP),)


def test_the_hash_key_begins_the_limit_anew_with_its_warning() -> None:
    scene = Scene()
    scene.talk_with_anna()
    scene.wait(115.0)
    assert scene.type("#") == ()
    assert scene.timers[TALK] == scene.now_s + 120.0
    assert scene.timers[WARNING] == scene.now_s + 110.0


def test_a_phone_that_repeats_the_hash_key_for_ever_holds_the_line_for_a_bounded_time() -> None:
    scene = Scene()
    scene.talk_with_anna()
    assert scene.type("#" * EXTENSIONS_MAX) == ()
    limit = scene.timers[TALK]
    assert scene.type("#") == (Play(sound=Sound.ERROR),)
    assert scene.timers[TALK] == limit


def test_the_other_side_hangs_up() -> None:
    scene = Scene()
    scene.talk_with_anna()
    scene.wait(20.0)
    assert scene.moved(CALL, Stage.ENDED, "BYE") == (
        Record(record=CallEnded(call=CALL, party="anna", reason=Stage.ENDED, talked_s=20.0, detail="BYE")),
        Record(record=PressEnded(press=PressId(1), outcome=Outcome.ANSWERED)),
        Play(sound=Sound.ENDED),
    )
    assert scene.door.call == Idle()


@pytest.mark.parametrize("stage", [Stage.RINGING, Stage.EARLY_MEDIA, Stage.ANSWERED])
def test_a_late_response_does_not_disturb_the_call(stage: Stage) -> None:
    scene = Scene()
    scene.talk_with_anna()
    assert scene.moved(CALL, stage) == ()
    assert scene.moved("p1.2", Stage.ENDED) == ()
    assert talking(scene).leg.call == CALL


@pytest.mark.parametrize(("verb", "reason"), [(Verb.HANG_UP, EndReason.HUNG_UP), (Verb.STOP, EndReason.STOPPED)])
def test_an_operator_hangs_up(verb: Verb, reason: EndReason) -> None:
    scene = Scene()
    scene.talk_with_anna()
    news = scene.tell(Operate(verb=verb))
    assert only(End, news).reason is reason
    assert only(PressEnded, news).outcome is Outcome.ANSWERED


def test_an_operator_has_nothing_to_answer_while_talking() -> None:
    scene = Scene()
    scene.talk_with_anna()
    assert scene.tell(Operate(verb=Verb.ANSWER)) == ()


def test_a_code_opens_with_its_last_digit_and_the_record_comes_first() -> None:
    scene = Scene()
    scene.talk_with_anna()
    assert scene.type("5832") == ()
    assert scene.type("1") == (
        Record(record=Unlocked(lock=FRONT, duration_s=3.0, grant=Grant.CODE, who="family", party="anna", call=CALL)),
        Unlock(lock=FRONT, duration_s=3.0),
        Play(sound=Sound.OPENED),
    )
    assert Light(lamp=LampRole.OPEN, on=True) in scene.heard


def test_the_call_ends_some_seconds_after_the_opening_with_the_outcome_opened() -> None:
    scene = Scene()
    scene.talk_with_anna()
    scene.type("58321")
    assert scene.wait(3.0) == ()
    assert Light(lamp=LampRole.OPEN, on=False) in scene.heard
    news = scene.wait(2.0)
    assert only(PressEnded, news).outcome is Outcome.OPENED
    assert only(End, news).reason is EndReason.DOOR_OPENED


def test_the_call_goes_on_after_the_opening_when_configured_so() -> None:
    scene = Scene(with_limits(hangup_after_open_s=None))
    scene.talk_with_anna()
    scene.type("58321")
    assert scene.wait(60.0) == ()
    assert only(PressEnded, scene.moved(CALL, Stage.ENDED)).outcome is Outcome.OPENED


def test_a_hang_up_at_once_after_the_opening_is_a_number_like_any_other() -> None:
    scene = Scene(with_limits(hangup_after_open_s=0.0))
    scene.talk_with_anna()
    scene.type("58321")
    assert only(End, scene.wait(0.0)).reason is EndReason.DOOR_OPENED


def test_a_code_may_open_several_locks() -> None:
    scene = Scene()
    scene.talk_with_anna()
    news = scene.type("903817")
    assert [effect for effect in news if isinstance(effect, Unlock)] == [
        Unlock(lock=FRONT, duration_s=3.0),
        Unlock(lock=GARAGE, duration_s=1.0),
    ]
    assert news.count(Play(sound=Sound.OPENED)) == 1


def test_a_code_opens_only_the_locks_that_this_party_may_open() -> None:
    scene = Scene()
    scene.press()
    scene.moved("p1.2", Stage.ANSWERED)
    assert only(Unlock, scene.type("903817", call="p1.2")).lock == FRONT
    assert only(CodeRefused, scene.type("7744", call="p1.2")).fault is CodeFault.NOT_ALLOWED


def test_a_right_code_that_is_not_for_this_party_is_no_wrong_code() -> None:
    scene = Scene()
    scene.press()
    scene.moved("p1.2", Stage.ANSWERED)
    for _ in range(5):
        assert only(CodeRefused, scene.type("7744", call="p1.2")).lockout_s == 0.0
    assert only(Unlock, scene.type("58321", call="p1.2")).lock == FRONT


def test_no_code_counts_in_a_call_with_a_stranger() -> None:
    scene = Scene()
    scene.tell(Dial(target="sip:stranger@10.9.9.9", by="ctl"))
    scene.moved("d1.1", Stage.ANSWERED)
    news = scene.type("5832", call="d1.1")
    assert only(CodeRefused, news).fault is CodeFault.NOT_ALLOWED
    assert scene.type("1", call="d1.1") == ()
    assert scene.door.locks == {}


def test_no_code_counts_before_the_call_is_up_or_in_another_call() -> None:
    scene = Scene()
    scene.press()
    assert scene.type("58321") == ()
    scene.moved(CALL, Stage.ANSWERED)
    assert scene.type("58321", call="p1.2") == ()
    assert scene.door.locks == {}


def test_no_code_exists_unless_configured() -> None:
    scene = Scene(DIRECTORY._replace(codes=()))
    scene.talk_with_anna()
    for code in ("0000", "1234", "58321", "2023", "#", "*"):
        scene.type(code)
    assert scene.type("1*") == ()
    assert scene.door.locks == {}
    assert scene.door.guard.wrong == {}


def test_a_wrong_code_is_refused_at_the_longest_length() -> None:
    scene = Scene()
    scene.talk_with_anna()
    assert scene.type("11111") == ()
    assert scene.type("1") == refused(CodeFault.WRONG)
    assert scene.type("58321")[-1] == Play(sound=Sound.OPENED), "and what follows begins anew"


@pytest.mark.parametrize("end", ["#", "*"])
def test_an_end_mark_makes_a_shorter_wrong_code_count(end: str) -> None:
    scene = Scene()
    scene.talk_with_anna()
    assert scene.type("1111" + end) == refused(CodeFault.WRONG)


@pytest.mark.parametrize("end", ["#", "*"])
def test_too_few_digits_were_never_compared_and_cost_nothing(end: str) -> None:
    scene = Scene()
    scene.talk_with_anna()
    assert scene.type("111" + end) == ()
    assert scene.door.guard.wrong == {}
    assert talking(scene).pad.digits == ""


def test_the_star_key_drops_a_typing_error() -> None:
    scene = Scene()
    scene.talk_with_anna()
    assert scene.type("59*") == ()
    assert only(Unlock, scene.type("58321")).lock == FRONT


def test_the_hash_key_after_digits_does_not_extend_the_talk() -> None:
    scene = Scene()
    scene.talk_with_anna()
    before = scene.timers[TALK]
    scene.type("12#")
    assert scene.timers[TALK] == before


def test_a_pause_drops_what_was_typed() -> None:
    scene = Scene()
    scene.talk_with_anna()
    scene.type("583")
    assert scene.wait(4.0) == ()
    assert scene.type("21") == ()
    assert scene.door.locks == {}


def test_a_pause_after_a_whole_guess_counts_as_a_wrong_code() -> None:
    scene = Scene()
    scene.talk_with_anna()
    scene.type("1111")
    assert scene.wait(4.0) == refused(CodeFault.WRONG)


def test_hanging_up_after_a_whole_guess_counts_as_a_wrong_code() -> None:
    scene = Scene()
    scene.talk_with_anna()
    scene.type("1111")
    news = scene.moved(CALL, Stage.ENDED)
    assert only(CodeRefused, news).fault is CodeFault.WRONG
    assert Play(sound=Sound.WRONG) not in news
    assert scene.door.guard.wrong["anna"].times == 1


def test_guessing_is_locked_out_for_a_growing_time() -> None:
    scene = Scene(with_limits(wrong_limit_global=100))
    scene.talk_with_anna()
    assert only(CodeRefused, scene.type("111111")).lockout_s == 0.0
    assert only(CodeRefused, scene.type("111112")).lockout_s == 0.0
    assert only(CodeRefused, scene.type("111113")).lockout_s == 30.0
    locked_out = only(CodeRefused, scene.type("5832"))
    assert locked_out.fault is CodeFault.LOCKED_OUT
    assert locked_out.lockout_s == pytest.approx(28.8)
    assert scene.door.locks == {}
    scene.wait(30.0)
    assert only(CodeRefused, scene.type("111114")).lockout_s == 60.0
    scene.wait(60.0)
    assert only(Unlock, scene.type("58321")).lock == FRONT


def test_a_lock_out_ends_and_the_next_wrong_code_doubles_it_up_to_the_maximum() -> None:
    scene = Scene(with_limits(wrong_limit_global=100, talk_limit_s=10_000.0))
    scene.talk_with_anna()
    scene.type("111111")
    scene.type("111111")
    lockouts = []
    for _ in range(5):
        lockouts.append(only(CodeRefused, scene.type("111111")).lockout_s)
        scene.wait(lockouts[-1])
    assert lockouts == [30.0, 60.0, 120.0, 240.0, 240.0]


def test_wrong_codes_of_several_parties_together_lock_everybody_out() -> None:
    scene = Scene()
    for press, party in enumerate(("1", "2", "1", "2"), 1):
        scene.press()
        call = f"p{press}.{party}"
        scene.moved(call, Stage.ANSWERED)
        assert only(CodeRefused, scene.type("111111", call=call)).lockout_s == 0.0
        scene.moved(call, Stage.ENDED)
    scene.press()
    scene.moved("p5.1", Stage.ANSWERED)
    assert only(CodeRefused, scene.type("111111", call="p5.1")).lockout_s == 30.0
    scene.moved("p5.1", Stage.ENDED)
    scene.press()
    scene.moved("p6.2", Stage.ANSWERED)
    assert only(CodeRefused, scene.type("5832", call="p6.2")).fault is CodeFault.LOCKED_OUT


def test_one_digit_that_comes_by_two_ways_counts_once() -> None:
    scene = Scene()
    scene.talk_with_anna()
    for digit in "774":
        scene.type(digit)
        scene.type(digit, way=DigitWay.INFO)
    assert talking(scene).pad.digits == "774"
    assert only(Unlock, scene.type("4")).lock == GARAGE


def test_a_digit_by_another_way_after_the_window_is_another_stroke() -> None:
    scene = Scene()
    scene.talk_with_anna()
    scene.type("7")
    scene.wait(1.1)
    scene.type("7", way=DigitWay.INFO)
    assert talking(scene).pad.digits == "77"


def test_the_second_way_of_a_hash_does_not_extend_twice() -> None:
    scene = Scene()
    scene.talk_with_anna()
    scene.type("#")
    scene.type("#", way=DigitWay.INFO)
    assert talking(scene).extensions == 1


def test_the_second_way_of_the_last_digit_does_not_begin_a_new_code() -> None:
    scene = Scene()
    scene.talk_with_anna()
    scene.type("58321")
    assert scene.type("1", way=DigitWay.INFO) == ()
    assert talking(scene).pad.digits == ""


def test_a_stale_timer_does_nothing() -> None:
    scene = Scene()
    for key in (TALK, DIGITS, WARNING):
        assert scene.tell(TimerFired(key=key)) == ()
    scene.talk_with_anna()
    scene.type("5")
    scene.type("*")
    assert scene.tell(TimerFired(key=DIGITS)) == ()


def test_a_timer_that_fires_too_early_is_set_again() -> None:
    scene = Scene()
    scene.talk_with_anna()
    at_s = scene.timers[TALK]
    scene.tell(TimerFired(key=TALK))
    assert scene.heard == [SetTimer(key=TALK, at_s=at_s)]
    assert talking(scene).leg.call == CALL


def test_an_opening_by_an_operator_during_a_call_counts_for_its_press() -> None:
    scene = Scene()
    scene.talk_with_anna()
    assert scene.tell(OpenLock(lock=FRONT, by="web")) == (
        Record(record=Unlocked(lock=FRONT, duration_s=3.0, grant=Grant.OPERATOR, who="web")),
        Unlock(lock=FRONT, duration_s=3.0),
        Play(sound=Sound.OPENED),
    )
    assert only(PressEnded, scene.wait(5.0)).outcome is Outcome.OPENED


def test_a_letter_key_is_a_digit_of_a_code() -> None:
    scene = Scene(DIRECTORY._replace(codes=(Key(name="military", secret="A5B7", locks=frozenset({GARAGE})),)))
    scene.talk_with_anna()
    assert only(Unlock, scene.type("A5B7")).lock == GARAGE


@pytest.mark.parametrize("event", ["E", "!", "", "58", "٣"])
def test_what_is_no_key_of_a_telephone_changes_nothing(event: str) -> None:
    scene = Scene()
    scene.talk_with_anna()
    scene.type("5832")
    before = scene.door
    assert scene.tell(DigitHeard(call=CALL, digit=event, way=DigitWay.RTP)) == ()
    assert scene.door == before
    assert only(Unlock, scene.type("1")).lock == FRONT
