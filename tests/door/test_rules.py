"""Rules: what sets them off, under which condition, what they do, and that no circle of them goes round for ever."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.config.reactions import DEEDS, SOUNDS, TRIGGERS
from firmware.door.directory import CallKind, Deed, Do, Route, Rule, Trigger, Watch
from firmware.door.events import (
    CallName,
    CardHeld,
    CardRead,
    ContactChanged,
    DoorForced,
    Effect,
    End,
    Grant,
    HealthChanged,
    Input,
    KeyPressed,
    LockMode,
    LockModeChanged,
    Message,
    OpenLock,
    Outcome,
    PictureTaken,
    Play,
    Press,
    Pressed,
    PressEnded,
    PressId,
    RelayMoved,
    Request,
    Ring,
    RuleRan,
    RuleStopped,
    SetLockMode,
    Sound,
    Stage,
    Start,
    Unlock,
    Unlocked,
)
from firmware.door.ruling import RUNS_PER_MINUTE, WAITING_MAX
from firmware.door.schedule import Profile, Span, When
from firmware.door.state import Calling, Idle
from tests.door.house import DIRECTORY, FRONT, GARAGE, HOUSE, OFFICE, Scene, only, records
from tests.searching import examples

NIGHT = Profile(name="night", spans=(Span(days=frozenset(range(8)), begin_min=1320, end_min=360),))
BEEP = (Do(what=Deed.PLAY, name="beep"),)


def ruled(*rules: Rule, wall: str | None = None) -> Scene:
    directory = DIRECTORY._replace(
        rules=rules,
        profiles={"night": NIGHT},
        watches={"leaf": Watch(lock=FRONT, open_limit_s=10.0)},
        tampers=frozenset({"case"}),
    )
    return Scene(directory, wall=wall)


def on(trigger: Trigger, subject: str = "", *deeds: Do, name: str = "r", when: When | None = None, state: CallKind | None = None) -> Rule:
    return Rule(name=name, on=trigger, subject=subject, deeds=deeds or BEEP, when=when, state=state)


def ran(effects: tuple[Effect, ...]) -> list[str]:
    return [record.rule for record in records(effects) if isinstance(record, RuleRan)]


def test_the_words_of_the_configuration_are_those_of_the_door() -> None:
    assert [trigger.value for trigger in Trigger] == list(TRIGGERS)
    assert [deed.value for deed in Deed] == list(DEEDS)
    assert {Sound(sound) for sound in SOUNDS} == set(Sound) - {Sound.RINGBACK, Sound.SILENCE}


@pytest.mark.parametrize(
    ("trigger", "subject", "inputs"),
    [
        (Trigger.PRESSED, "house", (Press(button=HOUSE),)),
        (Trigger.PICTURED, "house", (PictureTaken(file="a.jpg", press=PressId(1), button=HOUSE),)),
        (Trigger.OPENED, "front", (OpenLock(lock=FRONT, by="web"),)),
        (Trigger.OPENED, "front", (SetLockMode(lock=FRONT, mode=LockMode.HELD, by="web"),)),
        (Trigger.SHUT, "front", (RelayMoved(lock=FRONT, closed=False),)),
        (Trigger.REFUSED, "", (CardRead(reader="wall", card="DEAD"),)),
        (Trigger.REFUSED, "", tuple(KeyPressed(keypad="wall", key=key) for key in "1234#")),
        (Trigger.CARD_HELD, "wall", (CardHeld(reader="wall", card="0A1B2C"),)),
        (Trigger.ACTIVE, "leaf", (ContactChanged(contact="leaf", active=True),)),
        (Trigger.INACTIVE, "leaf", (ContactChanged(contact="leaf", active=False),)),
        (Trigger.FORCED, "leaf", (ContactChanged(contact="leaf", active=False), ContactChanged(contact="leaf", active=True))),
        (Trigger.TAMPERED, "case", (ContactChanged(contact="case", active=True),)),
        (Trigger.FAILED, "account pbx", (HealthChanged(part="account pbx", working=False, detail=""),)),
        (Trigger.WORKS, "account pbx", (HealthChanged(part="account pbx", working=True, detail=""),)),
    ],
)
def test_what_sets_a_rule_off(trigger: Trigger, subject: str, inputs: tuple[Input, ...]) -> None:
    for named in {subject, ""}:
        scene = ruled(on(trigger, named))
        assert [name for given in inputs for name in ran(scene.tell(given))] == ["r"]
    if subject:
        scene = ruled(on(trigger, "somebody else"))
        assert [name for given in inputs for name in ran(scene.tell(given))] == []


def test_calls_set_rules_off_from_their_answer_to_their_end() -> None:
    scene = ruled(on(Trigger.ANSWERED, "anna", name="answered"), on(Trigger.ENDED, "anna", name="ended"), on(Trigger.UNANSWERED))
    scene.press()
    assert ran(scene.moved("p1.1", Stage.ANSWERED)) == ["answered"]
    assert ran(scene.moved("p1.1", Stage.ENDED)) == ["ended"]
    scene.press(OFFICE)
    assert ran(scene.moved("p2.1", Stage.BUSY)) == ["r"]


def test_a_door_that_stands_open_and_a_profile_set_rules_off_in_time() -> None:
    scene = ruled(
        on(Trigger.OPEN_TOO_LONG, "leaf", name="open"),
        on(Trigger.BEGINS, "night", name="begins"),
        on(Trigger.ENDS, "night", name="ends"),
        wall="2026-01-05 21:59",
    )
    assert ran(scene.tell(Start())) == []
    scene.tell(ContactChanged(contact="leaf", active=True))
    assert ran(scene.wait(30.0)) == ["open"]
    assert ran(scene.wait(30.0)) == ["begins"]
    assert ran(scene.wait(8 * 3600.0)) == ["ends"]


def test_a_relay_that_closes_and_a_press_that_is_answered_set_no_rule_off() -> None:
    scene = ruled(on(Trigger.SHUT), on(Trigger.UNANSWERED))
    assert ran(scene.tell(RelayMoved(lock=FRONT, closed=True))) == []
    scene.talk_with_anna()
    news = scene.moved("p1.1", Stage.ENDED)
    assert only(PressEnded, news).outcome is Outcome.ANSWERED
    assert ran(news) == []


def test_a_rule_holds_back_outside_of_its_profile_and_while_the_clock_is_not_set() -> None:
    rule = on(Trigger.PRESSED, when=When(profile="night"))
    assert ran(ruled(rule, wall="2026-01-05 23:00").press()) == ["r"]
    assert ran(ruled(rule, wall="2026-01-05 12:00").press()) == []
    assert ran(ruled(rule).press()) == []


def test_a_rule_looks_at_what_the_line_does() -> None:
    scene = ruled(*(on(Trigger.ACTIVE, state=state, name=state.value) for state in CallKind))

    def active() -> list[str]:
        return ran(scene.tell(ContactChanged(contact="other", active=True)))

    assert active() == ["idle"]
    scene.called("desk@pbx")
    assert active() == ["offered"]
    scene.moved("in", Stage.ENDED)
    scene.press()
    assert active() == ["calling"]
    scene.moved("p1.1", Stage.ANSWERED)
    assert active() == ["talking"]


def test_a_rule_comes_after_what_set_it_off_and_says_so() -> None:
    deeds = (Do(what=Deed.REQUEST, name="hook"), Do(what=Deed.OPEN, name="garage"))
    news = ruled(on(Trigger.PRESSED, "house", *deeds)).press()
    written = records(news)
    assert isinstance(written[0], Pressed)
    assert only(RuleRan, news) == RuleRan(rule="r", cause="Pressed")
    assert only(Request, news) == Request(hook="hook", rule="r", cause=Pressed(press=PressId(1), button=HOUSE))
    assert (only(Unlocked, news).grant, only(Unlocked, news).who) == (Grant.RULE, "r")
    assert only(Unlock, news).lock == GARAGE


def test_locks_are_held_locked_and_given_back() -> None:
    deeds = tuple(Do(what=what, name="front") for what in (Deed.HOLD, Deed.LOCK, Deed.NORMAL))
    news = ruled(on(Trigger.PRESSED, "house", *deeds)).press()
    changes = [record for record in records(news) if isinstance(record, LockModeChanged)]
    assert [change.mode for change in changes] == [LockMode.HELD, LockMode.LOCKED, LockMode.NORMAL]
    assert {change.by for change in changes} == {"rule r"}


def test_a_door_contact_can_ring_somebody() -> None:
    scene = ruled(on(Trigger.FORCED, "leaf", Do(what=Deed.CALL, name="bob")))
    scene.tell(ContactChanged(contact="leaf", active=False))
    news = scene.tell(ContactChanged(contact="leaf", active=True))
    assert isinstance(only(DoorForced, news), DoorForced)
    assert only(Ring, news).call == "d1.1"


def test_a_rule_waits_and_goes_on_where_it_stopped() -> None:
    deeds = (*BEEP, Do(what=Deed.WAIT, seconds=5.0), Do(what=Deed.HANG_UP), Do(what=Deed.PLAY, name="opened"))
    scene = ruled(on(Trigger.ANSWERED, "", *deeds))
    scene.press()
    assert Play(sound=Sound.BEEP) in scene.moved("p1.1", Stage.ANSWERED)
    assert scene.wait(4.9) == ()
    news = scene.wait(0.1)
    assert only(End, news).call == CallName("p1.1")
    assert news[-1] == Play(sound=Sound.OPENED)
    assert scene.door.call == Idle()
    assert scene.door.running == ()


def test_a_rule_that_waits_last_is_over_after_its_wait() -> None:
    scene = ruled(on(Trigger.PRESSED, "", Do(what=Deed.WAIT, seconds=1.0)))
    scene.press()
    assert [running.next_deed for running in scene.door.running] == [1]
    assert scene.wait(1.0) == ()
    assert len(scene.door.running) == 0


def test_what_a_rule_brings_about_sets_off_another_that_stands_before_it() -> None:
    scene = ruled(on(Trigger.OPENED, "garage", name="second"), on(Trigger.PRESSED, "", Do(what=Deed.OPEN, name="garage"), name="first"))
    assert ran(scene.press()) == ["first", "second"]


def test_a_circle_of_rules_ends_and_says_so_once() -> None:
    there = on(Trigger.OPENED, "front", Do(what=Deed.OPEN, name="garage"), name="there")
    back = on(Trigger.OPENED, "garage", Do(what=Deed.OPEN, name="front"), name="back")
    scene = ruled(there, back)
    news = scene.tell(OpenLock(lock=FRONT, by="web"))
    assert ran(news).count("there") == ran(news).count("back") == RUNS_PER_MINUTE
    assert only(RuleStopped, news).rule == "there"
    again = scene.tell(OpenLock(lock=FRONT, by="web"))
    assert ran(again) == []
    assert not any(isinstance(record, RuleStopped) for record in records(again))
    scene.wait(60.0)
    assert ran(scene.tell(OpenLock(lock=FRONT, by="web"))).count("there") == RUNS_PER_MINUTE


def test_a_circle_over_time_ends_as_well() -> None:
    rule = on(Trigger.OPENED, "front", Do(what=Deed.WAIT, seconds=5.0), Do(what=Deed.OPEN, name="front"))
    scene = ruled(rule)
    scene.tell(OpenLock(lock=FRONT, by="web"))
    news = scene.wait(59.0)
    assert len(ran(news)) == RUNS_PER_MINUTE - 1
    assert only(RuleStopped, news).rule == "r"
    assert scene.wait(600.0) == ()


def test_rules_that_wait_are_bounded() -> None:
    rules = tuple(on(Trigger.PRESSED, "", Do(what=Deed.WAIT, seconds=5.0), name=f"r{number}") for number in range(WAITING_MAX + 1))
    scene = ruled(*rules)
    assert only(RuleStopped, scene.press()) == RuleStopped(rule=f"r{WAITING_MAX}", why=f"{WAITING_MAX} rules wait already")
    assert len(scene.door.running) == WAITING_MAX


def test_a_rule_opens_no_lock_that_is_locked() -> None:
    scene = ruled(on(Trigger.PRESSED, "", Do(what=Deed.OPEN, name="front")))
    scene.tell(SetLockMode(lock=FRONT, mode=LockMode.LOCKED, by="web"))
    assert not any(isinstance(effect, Unlock) for effect in scene.press())


def test_no_sound_of_a_rule_drowns_the_ringing() -> None:
    news = ruled(on(Trigger.PRESSED)).press()
    assert [effect.sound for effect in news if isinstance(effect, Play)] == [Sound.RINGBACK]


NAMES = st.sampled_from(["front", "garage"])
RULES = st.lists(
    st.builds(
        on,
        st.sampled_from([Trigger.OPENED, Trigger.SHUT, Trigger.PRESSED, Trigger.ENDED, Trigger.UNANSWERED, Trigger.REFUSED]),
        st.just(""),
        st.builds(Do, what=st.sampled_from([Deed.OPEN, Deed.HOLD, Deed.LOCK, Deed.NORMAL]), name=NAMES),
        st.one_of(
            st.builds(Do, what=st.just(Deed.CALL), name=st.sampled_from(["anna", "bob"])),
            st.builds(Do, what=st.just(Deed.WAIT), seconds=st.sampled_from([0.1, 3.0])),
            st.just(Do(what=Deed.HANG_UP)),
        ),
        st.builds(Do, what=st.just(Deed.OPEN), name=NAMES),
        name=st.sampled_from(["a", "b", "c", "d"]),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda rule: rule.name,
)


@settings(max_examples=examples(60))
@given(rules=RULES, inputs=st.lists(st.sampled_from(["press", "open", "busy", "card", "wait"]), max_size=12))
def test_no_set_of_rules_runs_more_often_than_it_may(rules: list[Rule], inputs: list[str]) -> None:
    scene = ruled(*rules)
    begun: dict[str, list[float]] = {rule.name: [] for rule in rules}
    for each in inputs:
        match each:
            case "press":
                news = scene.press()
            case "open":
                news = scene.tell(OpenLock(lock=FRONT, by="web"))
            case "busy":
                calling = scene.door.call
                legs = calling.legs if isinstance(calling, Calling) else ()
                news = scene.moved(legs[0].call if legs else "p0.0", Stage.BUSY)
            case "card":
                news = scene.tell(CardRead(reader="wall", card="DEAD"))
            case _:
                news = scene.wait(7.0)
        for name in ran(news):
            begun[name].append(scene.now_s)
            # What ran within a wait is taken to have run at its end, up to 7 s late.
            assert sum(scene.now_s - at_s < 53.0 for at_s in begun[name]) <= RUNS_PER_MINUTE
        assert len(scene.door.running) <= WAITING_MAX
        assert len(scene.door.ran) <= (RUNS_PER_MINUTE + 1) * len(rules)


# --- messages ----------------------------------------------------------------------------------------------------------------


def write_to(name: str) -> Do:
    return Do(what=Deed.MESSAGE, name=name, text="Somebody rings")


def test_a_message_takes_the_first_way_that_is_not_known_to_be_broken() -> None:
    scene = ruled(on(Trigger.PRESSED, "", write_to("anna"), write_to("sip:x@192.0.2.9")))
    first, second = (effect for effect in scene.press() if isinstance(effect, Message))
    assert first == Message(uri="sip:anna@pbx", account="pbx", text="Somebody rings")
    assert second == Message(uri="sip:x@192.0.2.9", account=None, text="Somebody rings")
    spare = Route(uri="sip:anna@192.0.2.7", account=None)
    anna = DIRECTORY.targets["anna"]._replace(fallbacks=(spare,))
    scene.door = scene.door._replace(directory=scene.door.directory._replace(targets={"anna": anna}))
    scene.tell(HealthChanged(part="account pbx", working=False, detail=""))
    assert [effect.uri for effect in scene.press(OFFICE) if isinstance(effect, Message)] == [spare.uri, "sip:x@192.0.2.9"]
    scene.door = scene.door._replace(directory=scene.door.directory._replace(targets=DIRECTORY.targets))
    scene.tell(Press(button=OFFICE))
    assert [effect.uri for effect in scene.heard if isinstance(effect, Message)] == ["sip:anna@pbx", "sip:x@192.0.2.9"], "no other way"
