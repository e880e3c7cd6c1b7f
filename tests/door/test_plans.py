"""Ringing plans: rounds one after the other, other ways to the same person, deputies, do-not-disturb, and the chime at the end."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.door.directory import Chime, Directory, Plan, Round, Route, Target
from firmware.door.events import (
    CallEnded,
    CallMoved,
    CallName,
    CallPlaced,
    Dial,
    Effect,
    End,
    EndReason,
    HealthChanged,
    Outcome,
    PartySkipped,
    Play,
    PressEnded,
    QuietChanged,
    Record,
    Ring,
    SetQuiet,
    Sound,
    Stage,
    Start,
)
from firmware.door.schedule import Profile, Span, When
from firmware.door.state import Idle, Talking
from tests.door.house import ANNA, BOB, CLARA, DIRECTORY, HOUSE, Scene, only, records
from tests.searching import examples

NIGHT = Profile(name="night", spans=(Span(days=frozenset(range(8)), begin_min=1320, end_min=360),))
DAY = "2026-01-05 12:00"
EVENING = "2026-01-05 21:59:50"
OVER = [Stage.BUSY, Stage.REFUSED, Stage.NO_ANSWER, Stage.UNREACHABLE, Stage.ENDED, Stage.LOST]


def planned(*rounds: Round, chime: Chime = Chime.NEVER, people: Mapping[str, Target] = MappingProxyType({}), **more: Target) -> Directory:
    plan: Plan = rounds
    return DIRECTORY._replace(
        buttons={HOUSE: plan},
        plans={"family": plan},
        targets={**DIRECTORY.targets, **people, **more},
        profiles={"night": NIGHT},
        chime=chime,
    )


def rung(effects: tuple[Effect, ...]) -> list[tuple[str, str, str | None]]:
    return [(effect.call, effect.uri, effect.account) for effect in effects if isinstance(effect, Ring)]


def names(effects: tuple[Effect, ...]) -> list[str]:
    return [effect.uri.removeprefix("sip:").partition("@")[0] for effect in effects if isinstance(effect, Ring)]


# --- rounds ------------------------------------------------------------------------------------------------------------------


def test_the_next_round_rings_when_the_time_of_the_first_is_over() -> None:
    scene = Scene(planned(Round(targets=(ANNA, BOB), ring_s=20.0), Round(targets=(CLARA,))))
    assert names(scene.press()) == ["anna", "bob"]
    assert scene.wait(19.9) == ()
    news = scene.wait(0.1)
    assert [record.party for record in records(news) if isinstance(record, CallEnded)] == ["anna", "bob"]
    assert [effect.reason for effect in news if isinstance(effect, End)] == [EndReason.RING_LIMIT] * 2
    assert rung(news) == [("p1.3", "sip:clara@pbx", "pbx")]
    assert news[-1] == Play(sound=Sound.RINGBACK)
    assert only(PressEnded, scene.wait(60.0)).outcome is Outcome.NO_ANSWER
    assert scene.timers == {}


def test_the_next_round_rings_at_once_when_nobody_of_the_first_can_be_reached_any_more() -> None:
    scene = Scene(planned(Round(targets=(ANNA, BOB)), Round(targets=(CLARA,))))
    scene.press()
    assert names(scene.moved("p1.1", Stage.REFUSED)) == []
    assert names(scene.moved("p1.2", Stage.BUSY)) == ["clara"]
    scene.moved("p1.3", Stage.ANSWERED)
    assert isinstance(scene.door.call, Talking)


def test_an_answer_to_a_round_that_is_over_talks_to_nobody() -> None:
    scene = Scene(planned(Round(targets=(ANNA,), ring_s=20.0), Round(targets=(CLARA,))))
    scene.press()
    scene.wait(20.0)
    assert scene.moved("p1.1", Stage.ANSWERED) == (End(call=CallName("p1.1"), reason=EndReason.UNKNOWN),)


def test_a_press_ends_as_the_best_news_of_all_rounds_says() -> None:
    scene = Scene(planned(Round(targets=(ANNA,)), Round(targets=(CLARA,))))
    scene.press()
    scene.moved("p1.1", Stage.BUSY)
    ended = scene.moved("p1.2", Stage.UNREACHABLE, "no route")
    assert only(PressEnded, ended) == PressEnded(press=1, outcome=Outcome.BUSY, detail="no route")  # type: ignore[arg-type]  # the number is a PressId


def test_a_round_rings_only_within_its_profile() -> None:
    plan = planned(Round(targets=(ANNA,), when=When(profile="night")), Round(targets=(BOB,), when=When(profile="night", negated=True)))
    assert names(Scene(plan, wall=DAY).press()) == ["bob"]
    assert names(Scene(plan, wall="2026-01-05 23:00").press()) == ["anna"]


def test_while_the_clock_is_not_set_every_round_rings() -> None:
    scene = Scene(
        planned(Round(targets=(ANNA,), when=When(profile="night")), Round(targets=(BOB,), when=When(profile="night", negated=True)))
    )
    assert names(scene.press()) == ["anna"]
    assert names(scene.moved("p1.1", Stage.BUSY)) == ["bob"]


def test_a_round_that_has_begun_rings_on_into_another_profile_and_the_next_is_judged_when_it_begins() -> None:
    not_at_night = When(profile="night", negated=True)
    plan = planned(
        Round(targets=(ANNA,), ring_s=30.0, when=not_at_night), Round(targets=(BOB,), when=not_at_night), Round(targets=(CLARA,))
    )
    scene = Scene(plan, wall=EVENING)
    scene.press()
    assert not [effect for effect in scene.wait(29.0) if isinstance(effect, End)]
    assert names(scene.wait(1.0)) == ["clara"]


def test_when_nobody_is_to_be_rung_the_press_says_so() -> None:
    scene = Scene(planned(Round(targets=(ANNA,), when=When(profile="night"))), wall=DAY)
    news = scene.press()
    assert only(PressEnded, news).outcome is Outcome.NOBODY
    assert news[-1] == Play(sound=Sound.ERROR)
    assert scene.door.call == Idle()


# --- other ways --------------------------------------------------------------------------------------------------------------

WAYS = ANNA._replace(fallbacks=(Route(uri="sip:anna@pbx", account="backup"), Route(uri="sip:anna@192.0.2.7", account=None)))


def test_the_fall_back_chain_ends_in_the_chime_and_the_journal() -> None:
    scene = Scene(planned(Round(targets=(WAYS,)), chime=Chime.UNREACHABLE))
    assert rung(scene.press()) == [("p1.1", "sip:anna@pbx", "pbx")]
    assert rung(scene.moved("p1.1", Stage.UNREACHABLE)) == [("p1.2", "sip:anna@pbx", "backup")]
    assert rung(scene.moved("p1.2", Stage.LOST)) == [("p1.3", "sip:anna@192.0.2.7", None)]
    news = scene.moved("p1.3", Stage.UNREACHABLE)
    assert only(PressEnded, news).outcome is Outcome.UNREACHABLE
    assert news[-1] == Play(sound=Sound.CHIME)


@pytest.mark.parametrize("stage", [Stage.BUSY, Stage.REFUSED, Stage.ENDED])
def test_a_person_who_was_reached_is_not_rung_by_another_way(stage: Stage) -> None:
    scene = Scene(planned(Round(targets=(WAYS,))))
    scene.press()
    assert rung(scene.moved("p1.1", stage)) == []
    assert scene.door.call == Idle()


def test_no_answer_before_any_ringing_is_the_fault_of_the_way() -> None:
    scene = Scene(planned(Round(targets=(WAYS,))))
    scene.press()
    assert rung(scene.moved("p1.1", Stage.NO_ANSWER, "480")) == [("p1.2", "sip:anna@pbx", "backup")]
    scene.moved("p1.2", Stage.RINGING)
    assert rung(scene.moved("p1.2", Stage.NO_ANSWER)) == []


def test_a_way_without_any_sign_of_ringing_is_helped_by_the_next() -> None:
    scene = Scene(planned(Round(targets=(WAYS, BOB))))
    scene.press()
    assert rung(scene.wait(4.9)) == []
    assert rung(scene.wait(0.1)) == [("p1.3", "sip:anna@pbx", "backup")]
    scene.moved("p1.3", Stage.RINGING)
    assert scene.wait(30.0) == ()
    answered = scene.moved("p1.1", Stage.ANSWERED)
    assert {effect.call for effect in answered if isinstance(effect, End)} == {"p1.2", "p1.3"}


@pytest.mark.parametrize("stage", [Stage.RINGING, Stage.EARLY_MEDIA])
def test_a_way_that_rings_needs_no_help(stage: Stage) -> None:
    scene = Scene(planned(Round(targets=(WAYS,))))
    scene.press()
    scene.moved("p1.1", stage)
    assert scene.wait(30.0) == ()


def test_what_the_visitor_hears_of_one_phone_is_not_drowned_by_our_ringback() -> None:
    scene = Scene(planned(Round(targets=(BOB, WAYS))))
    scene.press()
    scene.moved("p1.1", Stage.EARLY_MEDIA)
    news = scene.wait(5.0)
    assert len(rung(news)) == 1
    assert not any(isinstance(effect, Play) for effect in news)


def test_an_account_that_does_not_work_is_no_way_until_it_works_again() -> None:
    scene = Scene(planned(Round(targets=(WAYS,))))
    scene.tell(HealthChanged(part="account pbx", working=False, detail="503"))
    assert rung(scene.press()) == [("p1.1", "sip:anna@pbx", "backup")]
    scene.tell(HealthChanged(part="account pbx", working=True, detail="registered"))
    scene.tell(HealthChanged(part="sound", working=False, detail="unplugged"))
    scene.moved("p1.1", Stage.BUSY)
    assert rung(scene.press()) == [("p2.1", "sip:anna@pbx", "pbx")]


def test_when_no_account_works_the_only_way_is_tried_all_the_same() -> None:
    scene = Scene(planned(Round(targets=(ANNA,))))
    scene.tell(HealthChanged(part="account pbx", working=False, detail="503"))
    assert rung(scene.press()) == [("p1.1", "sip:anna@pbx", "pbx")]


# --- deputies and peace ------------------------------------------------------------------------------------------------------

DEPUTISED = BOB._replace(deputy="clara")


@pytest.mark.parametrize("stage", OVER)
def test_a_deputy_rings_for_who_is_busy_away_or_unreachable_but_not_for_who_declines(stage: Stage) -> None:
    scene = Scene(planned(Round(targets=(DEPUTISED,)), bob=DEPUTISED))
    scene.press()
    assert names(scene.moved("p1.1", stage)) == ([] if stage in (Stage.REFUSED, Stage.ENDED) else ["clara"])


def test_a_deputy_who_rings_already_is_not_rung_twice() -> None:
    scene = Scene(planned(Round(targets=(DEPUTISED, CLARA)), bob=DEPUTISED))
    scene.press()
    assert names(scene.moved("p1.1", Stage.BUSY)) == []


def test_deputies_of_each_other_end() -> None:
    anna, bob = ANNA._replace(deputy="bob"), BOB._replace(deputy="anna")
    scene = Scene(planned(Round(targets=(anna,)), anna=anna, bob=bob))
    scene.press()
    assert names(scene.moved("p1.1", Stage.BUSY)) == ["bob"]
    assert only(PressEnded, scene.moved("p1.2", Stage.BUSY)).outcome is Outcome.BUSY


def test_no_deputy_while_another_way_to_the_same_person_rings() -> None:
    both = WAYS._replace(deputy="clara")
    scene = Scene(planned(Round(targets=(both,)), anna=both))
    scene.press()
    scene.wait(5.0)
    assert names(scene.moved("p1.1", Stage.UNREACHABLE)) == []
    scene.moved("p1.2", Stage.RINGING)
    assert names(scene.moved("p1.2", Stage.BUSY)) == ["clara"]


def test_who_is_not_to_be_disturbed_is_skipped_and_the_journal_says_so() -> None:
    scene = Scene(planned(Round(targets=(ANNA, DEPUTISED)), bob=DEPUTISED))
    assert scene.tell(SetQuiet(target="bob", quiet=True, by="ctl")) == (Record(record=QuietChanged(target="bob", quiet=True, by="ctl")),)
    assert scene.tell(SetQuiet(target="bob", quiet=True, by="ctl")) == ()
    news = scene.press()
    assert names(news) == ["anna", "clara"]
    assert only(PartySkipped, news) == PartySkipped(press=1, party="bob", deputy="clara")  # type: ignore[arg-type]  # the number is a PressId
    scene.moved("p1.1", Stage.ANSWERED)
    scene.moved("p1.1", Stage.ENDED)
    scene.tell(SetQuiet(target="bob", quiet=False, by="ctl"))
    assert names(scene.press()) == ["anna", "bob"]


def test_a_quiet_deputy_is_left_alone_too() -> None:
    scene = Scene(planned(Round(targets=(ANNA, DEPUTISED)), bob=DEPUTISED))
    scene.tell(SetQuiet(target="clara", quiet=True, by="ctl"))
    scene.press()
    assert names(scene.moved("p1.2", Stage.BUSY)) == []
    scene.tell(SetQuiet(target="bob", quiet=True, by="ctl"))
    scene.moved("p1.1", Stage.BUSY)
    news = scene.press()
    assert names(news) == ["anna"]
    assert [record.party for record in records(news) if isinstance(record, PartySkipped)] == ["bob", "clara"]


def test_a_profile_keeps_somebody_undisturbed_and_an_unset_clock_does_not() -> None:
    sleeper = BOB._replace(quiet_when=When(profile="night"))
    plan = planned(Round(targets=(sleeper,)), bob=sleeper)
    assert names(Scene(plan, wall="2026-01-05 23:00").press()) == []
    assert names(Scene(plan, wall=DAY).press()) == ["bob"]
    assert names(Scene(plan).press()) == ["bob"]


def test_peace_outlives_a_restart_for_those_who_are_still_listed() -> None:
    scene = Scene(planned(Round(targets=(ANNA,))))
    scene.tell(Start(quiet=frozenset({"anna", "gone"})))
    assert scene.door.quiet == {"anna"}


def test_an_operator_disturbs_whom_he_names_and_nobody_else() -> None:
    scene = Scene(planned(Round(targets=(ANNA,)), bob=DEPUTISED))
    scene.tell(SetQuiet(target="bob", quiet=True, by="ctl"))
    assert names(scene.tell(Dial(target="bob", by="ctl"))) == ["bob"]
    news = scene.moved("d1.1", Stage.BUSY)
    assert names(news) == []
    assert scene.door.call == Idle()


def test_a_plan_can_be_called_by_its_name() -> None:
    scene = Scene(planned(Round(targets=(ANNA,), ring_s=10.0), Round(targets=(BOB,))))
    news = scene.tell(Dial(target="family", by="rule r"))
    assert only(CallPlaced, news) == CallPlaced(call=CallName("d1.1"), press=None, party="anna")
    assert names(scene.wait(10.0)) == ["bob"]


# --- the chime ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chime", "stage", "expected"),
    [
        (Chime.NEVER, Stage.UNREACHABLE, Sound.ERROR),
        (Chime.UNREACHABLE, Stage.UNREACHABLE, Sound.CHIME),
        (Chime.UNREACHABLE, Stage.BUSY, Sound.ERROR),
        (Chime.UNANSWERED, Stage.BUSY, Sound.CHIME),
    ],
)
def test_the_panel_chimes_in_place_of_the_phones(chime: Chime, stage: Stage, expected: Sound) -> None:
    scene = Scene(planned(Round(targets=(ANNA,)), chime=chime))
    scene.press()
    assert only(Play, scene.moved("p1.1", stage)).sound is expected


def test_a_bell_that_nobody_answers_in_time_chimes_when_asked_to() -> None:
    for chime, expected in ((Chime.UNREACHABLE, Sound.NOBODY), (Chime.UNANSWERED, Sound.CHIME)):
        scene = Scene(planned(Round(targets=(ANNA,)), chime=chime))
        scene.press()
        assert only(Play, scene.wait(60.0)).sound is expected


# --- any plan, any order -----------------------------------------------------------------------------------------------------

PEOPLE = ("anna", "bob", "clara")


@settings(max_examples=examples(60))
@given(data=st.data())
def test_every_plan_ends_with_one_outcome_whatever_the_phones_do(data: st.DataObject) -> None:
    """Against plain promises: one outcome, one end a leg, nobody quiet is rung, and it ends by itself."""
    deputies = {name: data.draw(st.sampled_from([None, *(other for other in PEOPLE if other != name)])) for name in PEOPLE}
    people = {
        each.name: each._replace(deputy=deputies[each.name], fallbacks=WAYS.fallbacks[: data.draw(st.integers(0, 2))])
        for each in (ANNA, BOB, CLARA)
    }
    groups = data.draw(st.lists(st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True), min_size=1, max_size=4))
    scene = Scene(planned(*(Round(targets=tuple(people[name] for name in group), ring_s=20.0) for group in groups), people=people))
    quiet = data.draw(st.frozensets(st.sampled_from(PEOPLE)))
    scene.tell(Start(quiet=quiet))
    news = list(scene.press())
    placed: dict[str, str] = {}
    for _ in range(40):
        for effect in news:
            if isinstance(effect, Record) and isinstance(effect.record, CallPlaced):
                assert effect.record.call not in placed, "a leg has a name of its own"
                assert effect.record.party not in quiet, "nobody is disturbed who does not want to be"
                placed[effect.record.call] = effect.record.party
            elif isinstance(effect, Record) and isinstance(effect.record, CallEnded):
                assert placed.pop(effect.record.call) == effect.record.party, "a leg ends once"
        if any(isinstance(record, PressEnded) for record in records(news)):
            break
        assert not isinstance(scene.door.call, Idle)
        if data.draw(st.booleans()):
            leg = data.draw(st.sampled_from(sorted(placed)))
            stage = data.draw(st.sampled_from([*OVER, Stage.RINGING]))
            news = list(scene.tell(CallMoved(call=CallName(leg), stage=stage)))
        else:
            news = list(scene.wait(data.draw(st.sampled_from([1.0, 5.0, 20.0]))))
    else:
        news = list(scene.wait(200.0))
        assert [type(record) for record in records(news)].count(PressEnded) == 1, "a plan ends by itself"
    assert scene.door.call == Idle()
    assert scene.timers.keys() <= {"minute"}
