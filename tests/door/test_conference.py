"""A call of several parties: who comes in, whose digits count, who leaves, and what is left then."""

from __future__ import annotations

import pytest

from firmware.door.conference import PARTIES_MAX
from firmware.door.directory import AutoAnswer
from firmware.door.events import (
    Accept,
    Answered,
    Bring,
    CallEnded,
    CallName,
    CallPlaced,
    CallReceived,
    CodeRefused,
    Confer,
    DigitHeard,
    DigitWay,
    Dismiss,
    Effect,
    End,
    EndReason,
    HealthChanged,
    IncomingCall,
    Operate,
    Outcome,
    PartyChanged,
    Play,
    Press,
    PressEnded,
    Record,
    Refusal,
    Refuse,
    Ring,
    Ringing,
    Sound,
    Stage,
    Unlocked,
    Verb,
)
from firmware.door.state import ASKED, TALK, Idle, Talking
from tests.door.house import DIRECTORY, FRONT, GARAGE, HOUSE, Scene, only, records, with_limits

FIRST, SECOND, THIRD = CallName("p1.1"), CallName("d1.1"), CallName("d2.1")


def bring(scene: Scene, target: str, call: str = "") -> tuple[Effect, ...]:
    return scene.tell(Bring(target=target, by="ctl", call=CallName(call)))


def three(scene: Scene) -> None:
    """Anna answers the bell, and Bob is called in."""
    scene.talk_with_anna()
    bring(scene, "bob")
    scene.moved(SECOND, Stage.ANSWERED)


def parties(scene: Scene) -> set[str]:
    assert isinstance(scene.door.call, Talking)
    return {party.leg.party.name for party in scene.door.call.parties}


def join(scene: Scene, caller: str, joins: str = FIRST, call: str = "in") -> tuple[Effect, ...]:
    return scene.tell(IncomingCall(call=CallName(call), caller=caller, wants_auto_answer=False, joins=CallName(joins)))


def test_a_target_is_called_in_and_talks_when_it_answers() -> None:
    scene = Scene()
    scene.talk_with_anna()
    placed = (
        Record(record=CallPlaced(call=SECOND, press=None, party="bob")),
        Confer(calls=(FIRST, SECOND)),  # before the call is placed: its INVITE says already that it leads into a conference
        Ring(call=SECOND, uri="sip:bob@pbx", account="pbx"),
    )
    assert bring(scene, "bob") == placed
    assert records(scene.moved(SECOND, Stage.RINGING)) == [Ringing(call=SECOND, party="bob")]
    assert scene.moved(SECOND, Stage.RINGING) == ()
    assert scene.moved(SECOND, Stage.EARLY_MEDIA) == ()
    assert parties(scene) == {"anna"}
    assert scene.moved(SECOND, Stage.ANSWERED) == (Record(record=Answered(call=SECOND, party="bob")),)
    assert parties(scene) == {"anna", "bob"}


def test_the_digits_of_each_party_open_what_that_party_may() -> None:
    scene = Scene()
    three(scene)
    assert only(Unlocked, scene.type("58321", call=SECOND)).party == "bob"
    refused = only(CodeRefused, scene.type("7744", call=SECOND))  # the garage is not Bob's
    assert (refused.call, refused.party) == (SECOND, "bob")
    opened = only(Unlocked, scene.type("7744", call=FIRST))
    assert (opened.lock, opened.party, opened.call) == (GARAGE, "anna", FIRST)


def test_digits_of_two_parties_do_not_mix() -> None:
    scene = Scene()
    three(scene)
    for first, second in zip("58321", "58321", strict=True):
        for call, digit in ((FIRST, first), (SECOND, second)):
            scene.tell(DigitHeard(call=call, digit=digit, way=DigitWay.RTP))
    assert [record.party for record in records(scene.news()) if isinstance(record, Unlocked)] == ["bob"]
    assert scene.door.locks.keys() == {FRONT}


def test_what_one_party_left_unfinished_is_dropped_after_its_own_pause() -> None:
    scene = Scene()
    three(scene)
    scene.type("5832", call=FIRST)
    scene.now_s += 2.0
    scene.type("77", call=SECOND)
    scene.wait(1.5)
    assert isinstance(scene.door.call, Talking)
    assert sorted(party.pad.digits for party in scene.door.call.parties) == ["", "77"]
    scene.wait(4.0)
    assert all(party.pad.digits == "" for party in scene.door.call.parties)


def test_the_call_goes_on_with_the_others_when_one_leaves_and_ends_with_the_last() -> None:
    scene = Scene()
    three(scene)
    scene.wait(30.0)
    gone = scene.moved(FIRST, Stage.ENDED)
    assert records(gone) == [CallEnded(call=FIRST, party="anna", reason=Stage.ENDED, talked_s=30.0)]
    assert gone[-1] == Confer(calls=())
    assert parties(scene) == {"bob"}
    last = scene.moved(SECOND, Stage.ENDED)
    assert only(PressEnded, last).outcome is Outcome.ANSWERED
    assert scene.door.call == Idle()


def test_our_end_of_the_call_ends_every_leg_once() -> None:
    scene = Scene()
    three(scene)
    bring(scene, "clara")
    over = scene.tell(Operate(verb=Verb.HANG_UP))
    assert {effect.call for effect in over if isinstance(effect, End)} == {FIRST, SECOND, THIRD}
    assert len([record for record in records(over) if isinstance(record, CallEnded)]) == 3
    assert over[-1] == Confer(calls=())
    assert scene.timers == {}


def test_limits_are_those_of_the_call_and_any_party_extends_it() -> None:
    scene = Scene()
    three(scene)
    scene.wait(100.0)
    scene.type("#", call=SECOND)
    assert scene.timers[TALK] == scene.now_s + 120.0
    ended = scene.wait(120.0)
    assert {effect.reason for effect in ended if isinstance(effect, End)} == {EndReason.TALK_LIMIT}


def test_an_opening_by_any_party_ends_the_call_for_all() -> None:
    scene = Scene()
    three(scene)
    scene.type("58321", call=SECOND)
    ended = scene.wait(5.0)
    assert {effect.call for effect in ended if isinstance(effect, End)} == {FIRST, SECOND}
    assert only(PressEnded, ended).outcome is Outcome.OPENED


def test_who_does_not_come_leaves_the_others_alone() -> None:
    scene = Scene()
    scene.talk_with_anna()
    bring(scene, "bob")
    refused = scene.moved(SECOND, Stage.BUSY, "486 Busy Here")
    assert records(refused) == [CallEnded(call=SECOND, party="bob", reason=Stage.BUSY, talked_s=0.0, detail="486 Busy Here")]
    assert refused[-1] == Confer(calls=())
    assert parties(scene) == {"anna"}
    assert ASKED not in scene.timers


def test_who_rings_for_too_long_is_given_up() -> None:
    scene = Scene(with_limits(talk_limit_s=300.0))
    scene.talk_with_anna()
    bring(scene, "bob")
    news = scene.wait(60.0)
    assert only(CallEnded, news) == CallEnded(call=SECOND, party="bob", reason=EndReason.RING_LIMIT, talked_s=0.0)
    assert only(End, news).call == SECOND
    assert parties(scene) == {"anna"}


def test_the_end_of_the_only_party_ends_the_ringing_for_it() -> None:
    scene = Scene()
    scene.talk_with_anna()
    bring(scene, "bob")
    news = scene.moved(FIRST, Stage.ENDED)
    assert only(End, news) == End(call=SECOND, reason=EndReason.CANCELLED)
    assert scene.door.call == Idle()


def test_nobody_is_called_in_twice_or_without_a_call_or_beyond_the_room() -> None:
    scene = Scene()
    assert bring(scene, "bob") == ()
    scene.talk_with_anna()
    assert bring(scene, "anna") == ()
    for number in range(PARTIES_MAX - 1):
        assert bring(scene, f"sip:{number}@phone") != ()
    assert bring(scene, "bob") == ()


def test_a_leg_may_be_named_by_whoever_asks() -> None:
    scene = Scene()
    scene.talk_with_anna()
    assert only(Ring, bring(scene, "sip:eve@phone", call="asked-1")) == Ring(call=CallName("asked-1"), uri="sip:eve@phone", account=None)
    scene.moved("asked-1", Stage.ANSWERED)
    assert only(CodeRefused, scene.type("5832", call="asked-1")).party == "sip:eve@phone"  # a stranger talks and opens nothing


def test_a_caller_on_the_list_joins_with_a_beep_and_a_stranger_does_not() -> None:
    scene = Scene()
    scene.talk_with_anna()
    assert only(Refuse, join(scene, "evil@evil", call="in-0")).refusal is Refusal.FORBIDDEN
    taken = join(scene, "desk@pbx")
    assert only(CallReceived, taken).refusal is None
    assert taken[1:] == (Confer(calls=(FIRST, CallName("in"))), Accept(call=CallName("in"), by_itself=True), Play(sound=Sound.BEEP))
    scene.moved("in", Stage.ANSWERED)
    assert parties(scene) == {"anna", "desk@pbx"}
    assert only(Refuse, join(scene, "desk@pbx", joins="p9.9", call="in-2")).refusal is Refusal.BUSY  # that conversation is none of ours


def dial_in(scene: Scene, caller: str = "desk@pbx") -> tuple[Effect, ...]:
    return scene.tell(IncomingCall(call=CallName("in"), caller=caller, wants_auto_answer=False, wants_in=True))


DIALLED = DIRECTORY._replace(allow=("desk@pbx", "lobby@pbx"), conference_for=("desk@pbx", "evil@evil"))


def test_who_may_dials_into_the_conversation_that_is_up() -> None:
    scene = Scene(DIALLED)
    scene.talk_with_anna()
    taken = dial_in(scene)
    assert only(CallReceived, taken).refusal is None
    assert taken[1:] == (Confer(calls=(FIRST, CallName("in"))), Accept(call=CallName("in"), by_itself=True), Play(sound=Sound.BEEP))
    scene.moved("in", Stage.ANSWERED)
    assert parties(scene) == {"anna", "desk@pbx"}


@pytest.mark.parametrize(
    ("caller", "allowed"), [("desk@pbx", Refusal.UNANSWERED), ("lobby@pbx", Refusal.FORBIDDEN), ("evil@evil", Refusal.FORBIDDEN)]
)
def test_without_a_conversation_the_address_rings_nothing(caller: str, allowed: Refusal) -> None:
    scene = Scene(DIALLED._replace(auto_answer=AutoAnswer.ALWAYS))
    assert only(Refuse, dial_in(scene, caller)).refusal is allowed
    assert scene.door.call == Idle()
    scene.press()
    assert only(Refuse, dial_in(scene, caller)).refusal is allowed  # the phones ring for somebody else


def test_one_who_dials_into_a_full_conversation_is_busy() -> None:
    scene = Scene(DIALLED)
    three(scene)
    bring(scene, "clara")
    assert only(Refuse, dial_in(scene)).refusal is Refusal.BUSY


def test_an_operator_shows_one_party_out_but_not_the_only_one() -> None:
    scene = Scene()
    three(scene)
    out = scene.tell(Dismiss(call=FIRST, by="ctl"))
    assert only(End, out) == End(call=FIRST, reason=EndReason.HUNG_UP)
    assert parties(scene) == {"bob"}
    assert scene.tell(Dismiss(call=SECOND, by="ctl")) == ()
    bring(scene, "clara")
    assert only(End, scene.tell(Dismiss(call=THIRD, by="ctl"))).call == THIRD
    assert scene.tell(Dismiss(call=THIRD, by="ctl")) == ()


def test_a_press_during_a_conference_is_written_down_and_ignored() -> None:
    scene = Scene()
    three(scene)
    assert only(PressEnded, scene.tell(Press(button=HOUSE))).outcome is Outcome.IGNORED


def test_an_unreachable_guest_is_tried_by_its_next_way() -> None:
    scene = Scene(DIRECTORY._replace(targets={**DIRECTORY.targets, "bob": DIRECTORY.targets["bob"]._replace(fallbacks=(_DIRECT,))}))
    scene.talk_with_anna()
    bring(scene, "bob")
    again = scene.moved(SECOND, Stage.UNREACHABLE)
    assert only(Ring, again) == Ring(call=THIRD, uri="sip:bob@10.0.0.7", account=None)
    scene.moved(THIRD, Stage.ANSWERED)
    assert parties(scene) == {"anna", "bob"}


def test_a_guest_whose_account_is_down_is_called_by_another_way_at_once() -> None:
    scene = Scene(DIRECTORY._replace(targets={**DIRECTORY.targets, "bob": DIRECTORY.targets["bob"]._replace(fallbacks=(_DIRECT,))}))
    scene.talk_with_anna()
    scene.tell(HealthChanged(part="account pbx", working=False, detail="gone"))
    assert only(Ring, bring(scene, "bob")).uri == "sip:bob@10.0.0.7"


_DIRECT = DIRECTORY.targets["bob"].routes[0]._replace(uri="sip:bob@10.0.0.7", account=None)


# --- a party that was handed on ----------------------------------------------------------------------------------------------


def test_who_takes_over_a_call_may_open_what_both_may_and_begins_a_code_anew() -> None:
    scene = Scene()
    scene.talk_with_anna()
    scene.type("583")
    changed = PartyChanged(call=FIRST, party="bob")
    assert records(scene.tell(changed)) == [changed]
    assert scene.type("21") == ()
    scene.wait(5.0)
    assert only(Unlocked, scene.type("58321")).party == "bob"
    assert only(CodeRefused, scene.type("7744")).party == "bob"  # the garage was Anna's
    assert scene.tell(changed) == (), "that is no news"
    scene.tell(PartyChanged(call=FIRST, party="anna"))
    assert only(CodeRefused, scene.type("7744")).party == "anna", "what was lost does not come back by a name"


def test_a_change_of_a_call_that_is_not_up_says_nothing() -> None:
    scene = Scene()
    assert scene.tell(PartyChanged(call=FIRST, party="bob")) == ()
    assert scene.tell(Dismiss(call=FIRST, by="ctl")) == ()
    scene.talk_with_anna()
    assert scene.tell(PartyChanged(call=THIRD, party="bob")) == ()


def test_each_who_is_called_in_has_a_time_of_its_own() -> None:
    scene = Scene()
    scene.talk_with_anna()
    bring(scene, "bob")
    scene.wait(20.0)
    bring(scene, "clara")
    ended = [record.call for record in records(scene.wait(40.0)) if isinstance(record, CallEnded)]
    assert ended == [SECOND]
    assert [record.call for record in records(scene.wait(20.0)) if isinstance(record, CallEnded)] == [THIRD]


def test_a_phone_that_nobody_called_is_ended_when_it_answers() -> None:
    scene = Scene()
    scene.talk_with_anna()
    assert scene.moved("p9.1", Stage.ANSWERED) == (End(call=CallName("p9.1"), reason=EndReason.UNKNOWN),)
