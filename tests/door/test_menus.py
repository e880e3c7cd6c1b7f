"""Menus in a call: who gets one, whose the digits are, what opens, how it ends."""

from __future__ import annotations

import pytest

from firmware.door.directory import Directory, Menu
from firmware.door.events import (
    Accept,
    Admit,
    Admitted,
    Answered,
    AskId,
    Bring,
    CallEnded,
    CallName,
    CallReceived,
    CodeFault,
    CodeRefused,
    DigitWay,
    End,
    EndReason,
    Grant,
    IncomingCall,
    LockName,
    MenuKey,
    MenuOver,
    Offer,
    OpenByMenu,
    OpeningRefused,
    Outcome,
    PartyChanged,
    Place,
    Play,
    PressEnded,
    Record,
    Refusal,
    Refuse,
    Right,
    Ring,
    Sound,
    Stage,
    StartMenu,
    StopMenu,
    Unlock,
    Unlocked,
    User,
    UsersChanged,
    Verified,
    VerifyDigits,
)
from firmware.door.state import WARNING, Idle, Talking
from tests.door.house import ANNA, DIRECTORY, FRONT, GARAGE, LIMITS, Scene, only, records

IN = CallName("in")
MENUS = DIRECTORY._replace(
    incoming_locks=frozenset({FRONT, GARAGE}),
    menus={"house": Menu(callers=("desk@pbx",), opens=frozenset({GARAGE})), "other": Menu(callers=("*@pbx", "*@10.0.0.1"))},
)


def in_menu(directory: Directory = MENUS, *, authenticated: bool = True, caller: str = "desk@pbx") -> Scene:
    """A caller hears a menu."""
    scene = Scene(directory)
    scene.called(caller, authenticated=authenticated)
    scene.moved("in", Stage.ANSWERED)
    return scene


def wish(scene: Scene, lock: str, code: str = "") -> tuple[object, ...]:
    return scene.tell(OpenByMenu(call=IN, lock=LockName(lock), code=code))


def test_a_listed_caller_is_answered_apart_from_the_panel_and_its_menu_begins_when_the_call_is_up() -> None:
    scene = Scene(MENUS)
    answered = scene.called("desk@pbx", authenticated=True)
    assert only(CallReceived, answered).refusal is None
    assert only(Accept, answered) == Accept(call=IN, by_itself=True, apart=True)
    assert not [each for each in answered if isinstance(each, Play | Offer | StartMenu)]
    up = scene.moved("in", Stage.ANSWERED)
    assert only(StartMenu, up) == StartMenu(call=IN, menu="house")
    assert only(Answered, up).menu == "house", "the journal tells who was answered by what"
    assert WARNING not in scene.timers, "nobody at the panel has to be warned"


def test_each_caller_gets_the_first_menu_that_names_him_and_nobody_else_any() -> None:
    assert (MENUS.menu_for("desk@pbx"), MENUS.menu_for("x@10.0.0.1"), MENUS.menu_for("x@elsewhere")) == ("house", "other", "")
    scene = Scene(MENUS._replace(allow=("*@*",)))
    assert only(Offer, scene.called("x@elsewhere")) == Offer(call=IN)


def test_a_menu_is_not_for_who_may_not_call_nor_for_who_wants_no_name() -> None:
    refused = Scene(MENUS._replace(allow=())).called("desk@pbx", authenticated=True)
    assert only(Refuse, refused).refusal is Refusal.FORBIDDEN
    shy = IncomingCall(call=IN, caller="desk@pbx", wants_auto_answer=False, authenticated=True, is_private=True)
    assert only(Offer, Scene(MENUS).tell(shy)) == Offer(call=IN)


def test_digits_are_the_menus_once_a_stroke_and_never_those_of_a_code() -> None:
    scene = in_menu()
    assert scene.type("5", "in") == (MenuKey(call=IN, key="5"),)
    assert scene.type("5", "in", DigitWay.INFO) == (), "the same stroke by another way"
    assert [scene.type(digit, "in") for digit in "8321"] == [(MenuKey(call=IN, key=digit),) for digit in "8321"]
    assert scene.type("#", "in") == (MenuKey(call=IN, key="#"),)
    assert scene.wait(LIMITS.digit_limit_s + 1) == (), "nothing was typed that could be given up as a wrong code"
    assert not scene.door.locks
    assert not scene.door.guard.wrong


def test_without_a_menu_the_same_digits_are_a_code() -> None:
    scene = in_menu()
    scene.tell(MenuOver(call=IN, talks=True))
    assert only(Unlocked, scene.type("58321", "in")).grant is Grant.CODE


def test_a_menu_opens_without_a_code_what_it_may_and_the_caller_may() -> None:
    opened = wish(in_menu(), "garage")
    assert only(Unlocked, opened)._replace(duration_s=0.0) == Unlocked(
        lock=GARAGE, duration_s=0.0, grant=Grant.MENU, who="house", party="desk@pbx", call=IN
    )
    assert only(Unlock, opened).lock == GARAGE


@pytest.mark.parametrize(
    ("lock", "authenticated", "caller"),
    [
        ("front", True, "desk@pbx"),
        ("garage", False, "desk@pbx"),
        ("garage", True, "x@10.0.0.1"),
        ("", True, "desk@pbx"),
        ("attic", True, "desk@pbx"),
    ],
    ids=["not the menu's lock", "caller has proved nothing", "menu that opens nothing", "no lock named", "no such lock"],
)
def test_everything_else_needs_a_code(lock: str, caller: str, *, authenticated: bool) -> None:
    scene = in_menu(authenticated=authenticated, caller=caller)
    assert only(CodeRefused, wish(scene, lock)).fault is CodeFault.NOT_ALLOWED
    assert not scene.door.locks


@pytest.mark.parametrize(("lock", "opens"), [("front", [FRONT]), ("", [FRONT, GARAGE]), ("garage", [GARAGE])])
def test_a_code_opens_what_is_wished_of_its_locks(lock: str, opens: list[LockName]) -> None:
    done = wish(in_menu(), lock, "903817")
    assert [(record.lock, record.grant, record.who) for record in records(done) if isinstance(record, Unlocked)] == [  # type: ignore[arg-type]
        (each, Grant.CODE, "both") for each in opens
    ]


def test_a_code_for_another_lock_is_refused_and_is_no_wrong_code() -> None:
    scene = in_menu()
    assert only(CodeRefused, wish(scene, "garage", "58321")).fault is CodeFault.NOT_ALLOWED
    assert not scene.door.guard.wrong


def test_wrong_codes_lock_the_caller_out_of_everything_that_a_menu_opens() -> None:
    scene = in_menu()
    for _ in range(LIMITS.wrong_limit):
        refused = wish(scene, "front", "000000")
        assert only(CodeRefused, refused).fault is CodeFault.WRONG
        assert not [each for each in refused if isinstance(each, Play)], "the panel does not sound for what a menu refuses"
    assert only(CodeRefused, wish(scene, "front", "58321")).fault is CodeFault.LOCKED_OUT
    assert only(CodeRefused, wish(scene, "garage")).fault is CodeFault.LOCKED_OUT
    scene.wait(LIMITS.lockout_s + 1)
    assert only(Unlocked, wish(scene, "front", "58321")).lock == FRONT


def test_the_store_of_users_is_asked_for_a_code_that_is_nobodys_here() -> None:
    scene = in_menu()
    scene.tell(UsersChanged(users=1, pin_digits=0, code_digits=6))
    question = only(VerifyDigits, wish(scene, "front", "246810"))
    assert (question.place, question.digits) == (Place.CALL, "246810")
    user = User(name="eve", rights=(Right(locks=None, profile=None),))
    opened = scene.tell(Verified(ask=AskId(question.ask), user=user, duress=False, at_s=0.0))
    assert [record.lock for record in records(opened) if isinstance(record, Unlocked)] == [FRONT], "the one that was wished"


def test_a_lock_that_asks_for_encryption_stays_shut_in_a_plain_call() -> None:
    locks = {**MENUS.locks, GARAGE: MENUS.locks[GARAGE]._replace(secure_only=True)}
    scene = in_menu(MENUS._replace(locks=locks))
    assert only(OpeningRefused, wish(scene, "garage")).grant is Grant.MENU
    assert not scene.door.locks


def test_a_wish_for_a_call_without_a_menu_does_nothing() -> None:
    scene = Scene(MENUS)
    assert wish(scene, "garage") == ()
    assert scene.tell(MenuOver(call=IN, talks=True)) == ()
    scene.talk_with_anna()
    assert scene.tell(OpenByMenu(call=CallName("p1.1"), lock=GARAGE)) == ()
    assert scene.tell(MenuOver(call=CallName("p1.1"), talks=False)) == ()


def test_the_digits_of_a_wish_are_not_shown() -> None:
    given = OpenByMenu(call=IN, lock=FRONT, code="58321")
    assert "58321" not in repr(given) + str(given)


def test_a_menu_that_is_over_hangs_up() -> None:
    scene = in_menu()
    ended = scene.tell(MenuOver(call=IN, talks=False))
    assert only(CallEnded, ended).reason is EndReason.HUNG_UP
    assert only(End, ended) == End(call=IN, reason=EndReason.HUNG_UP)
    assert only(StopMenu, ended) == StopMenu(call=IN)


def test_or_its_caller_is_connected_with_the_panel_which_beeps() -> None:
    scene = in_menu()
    scene.wait(50.0)
    connected = scene.tell(MenuOver(call=IN, talks=True))
    written = Record(record=Admitted(call=IN, party="desk@pbx", menu="house"))
    assert connected == (written, Admit(call=IN), Play(sound=Sound.BEEP), StopMenu(call=IN))
    scene.wait(LIMITS.talk_limit_s - 1)
    assert isinstance(scene.door.call, Talking), "the talk has its whole time"
    assert only(End, scene.wait(1.0)).reason is EndReason.TALK_LIMIT


def test_a_caller_who_hangs_up_ends_it() -> None:
    assert StopMenu(call=IN) in in_menu().moved("in", Stage.ENDED)


@pytest.mark.parametrize("is_up", [True, False], ids=["while the menu speaks", "before the call is up"])
def test_a_visitor_at_the_door_comes_before_a_menu(*, is_up: bool) -> None:
    scene = in_menu() if is_up else Scene(MENUS)
    if not is_up:
        scene.called("desk@pbx")
    pressed = scene.press()
    assert only(End, pressed) == End(call=IN, reason=EndReason.REPLACED)
    assert [each.uri for each in pressed if isinstance(each, Ring)] == ["sip:anna@pbx", "sip:bob@pbx"]
    assert [each for each in pressed if isinstance(each, Play)] == [Play(sound=Sound.RINGBACK)]
    assert not [record for record in records(pressed) if isinstance(record, PressEnded)]
    assert only(PressEnded, scene.moved("p1.1", Stage.BUSY) + scene.moved("p1.2", Stage.BUSY)).outcome is Outcome.BUSY


def test_nobody_enters_a_menu_of_somebody_else() -> None:
    scene = in_menu(MENUS._replace(conference_for=("*@10.0.0.1",)))
    for joins, wants_in in ((IN, False), (CallName(""), True)):
        call = IncomingCall(call=CallName("in2"), caller="x@10.0.0.1", wants_auto_answer=False, joins=joins, wants_in=wants_in)
        assert only(Refuse, scene.tell(call)).refusal is Refusal.BUSY
        scene.wait(10.0)
    assert scene.tell(Bring(target="bob", by="operator")) == ()


def test_a_caller_who_hands_his_phone_on_ends_it() -> None:
    scene = in_menu()
    assert only(CallEnded, scene.tell(PartyChanged(call=IN, party=ANNA.name))).reason is EndReason.HUNG_UP
    assert scene.door.call == Idle()
