"""A visitor at a keypad in front of a menu: how it begins, whose the keys are, whom it rings, what ends it, and that it opens nothing."""

from __future__ import annotations

import pytest

from firmware.door.directory import Menu
from firmware.door.events import (
    AskId,
    ButtonName,
    CallName,
    CallPlaced,
    CardRead,
    CodeFault,
    Effect,
    Grant,
    IncomingCall,
    KeypadRefused,
    KeyPressed,
    LockName,
    MenuBegun,
    MenuKey,
    MenuOver,
    Offer,
    OpenByMenu,
    Operate,
    Outcome,
    Place,
    Play,
    Press,
    Pressed,
    PressEnded,
    PressId,
    Record,
    Right,
    Ring,
    SetQuiet,
    Sound,
    Stage,
    StartMenu,
    StopMenu,
    Unlocked,
    User,
    UsersChanged,
    Verb,
    Verified,
    VerifyDigits,
)
from firmware.door.visit import BEGUN_MAX, BEGUN_S
from tests.door.house import DIRECTORY, FRONT, GARAGE, LIMITS, Scene, only, records

V1 = CallName("v1")
INFO = ButtonName("info")
GUIDED = DIRECTORY._replace(
    keypads={"pad": FRONT, "garage-pad": GARAGE},
    menus={
        "callers": Menu(callers=("desk@pbx",)),
        "flats": Menu(callers=(), opens=frozenset({FRONT}), keypad="pad", rings=frozenset({"anna", "clara"})),
    },
    menu_buttons={INFO: "flats"},
)
START = StartMenu(call=V1, menu="flats", keypad="pad")
PIN = "4711"


def key(scene: Scene, keys: str, keypad: str = "pad") -> tuple[Effect, ...]:
    """Type keys, 0.3 s each, and return what the last one brought."""
    news: tuple[Effect, ...] = ()
    for each in keys:
        scene.now_s += 0.3
        news = scene.tell(KeyPressed(keypad=keypad, key=each))
    return news


def guided(keys: str = "#") -> Scene:
    """A visitor hears the menu; the store of users knows PINs."""
    scene = Scene(GUIDED)
    scene.tell(UsersChanged(users=1, pin_digits=4, code_digits=0))
    key(scene, keys)
    return scene


def stopped(effects: tuple[Effect, ...], call: CallName = V1) -> bool:
    return StopMenu(call=call) in effects


def test_the_hash_key_before_any_digit_begins_the_menu_of_its_keypad() -> None:
    scene = Scene(GUIDED)
    assert key(scene, "#") == (Record(record=MenuBegun(call=V1, menu="flats", keypad="pad")), Play(sound=Sound.BEEP), START)
    assert key(Scene(GUIDED), "#", "garage-pad") == (), "this one has none"
    assert key(Scene(GUIDED), "1#")[-1:] == (Play(sound=Sound.ERROR),), "digits were typed: that was a PIN"


def test_a_card_that_waits_for_its_pin_is_no_beginning() -> None:
    scene = Scene(GUIDED._replace(readers={"wall": FRONT}))
    scene.tell(UsersChanged(users=1, pin_digits=4, code_digits=0))
    scene.tell(CardRead(reader="wall", card="C0FFEE"))
    owner = User(name="nora", rights=(Right(locks=None, profile=None),), card_needs_pin=True)
    scene.tell(Verified(ask=AskId(1), user=owner, duress=False, at_s=0.0))
    assert key(scene, "#") == ()


def test_keys_are_the_menus_and_never_those_of_a_pin() -> None:
    scene = guided()
    assert [key(scene, each) for each in "12*#A"] == [(MenuKey(call=V1, key=each),) for each in "12*#A"]
    assert key(scene, "?") == ()
    assert not scene.door.asking.typed
    assert not scene.door.guard.wrong


def test_keys_of_another_keypad_stay_what_they_are() -> None:
    scene = guided()
    key(scene, PIN, "garage-pad")
    asked = only(VerifyDigits, key(scene, "#", "garage-pad"))
    assert (asked.place, asked.digits) == (Place.KEYPAD, PIN)


def test_who_types_nothing_has_gone_and_each_key_begins_the_time_anew() -> None:
    scene = guided()
    assert scene.wait(LIMITS.menu_silence_s - 1) == ()
    key(scene, "1")
    assert scene.wait(LIMITS.menu_silence_s - 1) == ()
    assert stopped(scene.wait(2))
    assert key(scene, "1") == (), "digits are a PIN's again"
    assert scene.door.asking.typed


def test_a_key_of_long_ago_ends_it() -> None:
    assert stopped(guided().tell(KeyPressed(keypad="pad", key="1", late=True)))


def test_a_choice_rings_and_is_written_down_as_a_press() -> None:
    scene = guided()
    rung = scene.tell(MenuOver(call=V1, talks=False, rings="anna"))
    assert stopped(rung)
    assert records(rung)[:2] == [
        Pressed(press=PressId(1), button=ButtonName("flats")),
        CallPlaced(call=CallName("p1.1"), press=PressId(1), party="anna"),
    ]
    assert only(Ring, rung).uri == "sip:anna@pbx"
    assert only(Play, rung).sound is Sound.RINGBACK
    scene.moved("p1.1", Stage.ANSWERED)
    assert scene.door.visit is None


def test_who_is_not_to_be_disturbed_is_not_rung_by_a_menu_either() -> None:
    scene = guided()
    scene.tell(SetQuiet(target="clara", quiet=True, by="test"))
    rung = scene.tell(MenuOver(call=V1, talks=False, rings="clara"))
    assert only(PressEnded, rung).outcome is Outcome.NOBODY


@pytest.mark.parametrize("rings", ["", "bob", "nobody"])
def test_a_menu_rings_nobody_whom_it_may_not(rings: str) -> None:
    scene = guided()
    assert scene.tell(MenuOver(call=V1, talks=True, rings=rings)) == (StopMenu(call=V1),)
    assert scene.tell(MenuOver(call=V1, talks=False, rings="anna")) == (), "that menu is over"


def test_a_press_wins_and_rings_at_once() -> None:
    scene = guided()
    pressed = scene.press()
    assert stopped(pressed)
    assert [each.uri for each in pressed if isinstance(each, Ring)] == ["sip:anna@pbx", "sip:bob@pbx"]
    assert scene.door.visit is None


def test_a_call_that_comes_in_wins() -> None:
    scene = guided()
    called = scene.tell(IncomingCall(call=CallName("in"), caller="desk@pbx", wants_auto_answer=False, authenticated=False))
    assert stopped(called)
    refused = Scene(GUIDED)
    key(refused, "#")
    unknown = refused.tell(IncomingCall(call=CallName("in"), caller="x@evil", wants_auto_answer=False, authenticated=False))
    assert not stopped(unknown), "nobody lets strangers end what a visitor hears"
    assert not [each for each in unknown if isinstance(each, Offer)]


def test_beside_a_call_none_begins() -> None:
    scene = Scene(GUIDED)
    scene.press()
    assert key(scene, "#") == (), "phones ring: not even a sound disturbs that"
    scene.moved("p1.1", Stage.ANSWERED)
    assert key(scene, "#") == (Play(sound=Sound.ERROR),)
    assert scene.door.visit is None


def test_who_plays_with_the_key_is_not_heard_for_a_while() -> None:
    scene = Scene(GUIDED)
    for number in range(BEGUN_MAX):
        assert only(StartMenu, key(scene, "#")).call == f"v{number + 1}"
        scene.tell(MenuOver(call=CallName(f"v{number + 1}"), talks=False))
    assert key(scene, "#") == (Play(sound=Sound.ERROR),)
    scene.wait(BEGUN_S)
    assert only(StartMenu, key(scene, "#")).menu == "flats"
    assert len(scene.door.begun_at_s) <= BEGUN_MAX


def test_a_button_may_begin_a_menu_and_its_press_has_one_outcome() -> None:
    scene = Scene(GUIDED)
    pressed = scene.press(INFO)
    assert records(pressed)[:2] == [Pressed(press=PressId(1), button=INFO), PressEnded(press=PressId(1), outcome=Outcome.MENU)]
    assert only(StartMenu, pressed) == START
    again = scene.press(INFO)
    assert stopped(again)
    assert only(StartMenu, again).call == "v2"
    scene.press()
    beside = scene.tell(Press(button=INFO))
    assert only(PressEnded, beside).outcome is Outcome.IGNORED
    assert not [each for each in beside if isinstance(each, StartMenu)]


def test_a_button_that_is_pressed_again_and_again_is_written_down_each_time() -> None:
    scene = Scene(GUIDED)
    outcomes = [only(PressEnded, scene.press(INFO)).outcome for _ in range(BEGUN_MAX + 1)]
    assert outcomes == [*[Outcome.MENU] * BEGUN_MAX, Outcome.IGNORED]


# --- opening ---------------------------------------------------------------------------------------------------------------


def wish(scene: Scene, code: str, lock: str = "") -> tuple[Effect, ...]:
    return scene.tell(OpenByMenu(call=V1, lock=LockName(lock), code=code))


def test_a_visitor_opens_nothing_without_a_pin_whatever_the_menu_may_open_for_callers() -> None:
    scene = guided()
    refused = wish(scene, "", "front")
    assert only(KeypadRefused, refused) == KeypadRefused(keypad="pad", who="", fault=CodeFault.NOT_ALLOWED, lockout_s=0.0)
    assert not scene.door.locks
    assert scene.door.visit is not None


def test_a_pin_counts_as_if_it_were_typed_at_the_keypad_and_an_opening_ends_the_menu() -> None:
    scene = guided()
    asked = only(VerifyDigits, wish(scene, PIN, "front"))
    assert (asked.place, asked.digits) == (Place.KEYPAD, PIN)
    nora = User(name="nora", rights=(Right(locks=None, profile=None),))
    opened = scene.tell(Verified(ask=asked.ask, user=nora, duress=False, at_s=0.0))
    assert only(Unlocked, opened)._replace(duration_s=0.0) == Unlocked(
        lock=FRONT, duration_s=0.0, grant=Grant.PIN, who="nora", party="keypad pad", call=None
    )
    assert stopped(opened)


@pytest.mark.parametrize(("code", "lock", "fault"), [(PIN, "garage", CodeFault.NOT_ALLOWED), ("471", "", CodeFault.WRONG)])
def test_the_lock_is_that_of_the_keypad_and_a_few_digits_are_no_guess(code: str, lock: str, fault: CodeFault) -> None:
    scene = guided()
    assert only(KeypadRefused, wish(scene, code, lock)).fault is fault
    assert not scene.door.guard.wrong


def test_guesses_through_a_menu_lock_the_keypad_out() -> None:
    scene = guided()
    for _ in range(LIMITS.wrong_limit):
        asked = only(VerifyDigits, wish(scene, PIN))
        refused = scene.tell(Verified(ask=asked.ask, user=None, duress=False, at_s=0.0))
        assert only(KeypadRefused, refused).fault is CodeFault.WRONG
    assert only(KeypadRefused, wish(scene, PIN)).fault is CodeFault.LOCKED_OUT
    scene.tell(MenuOver(call=V1, talks=False))
    assert only(KeypadRefused, key(scene, f"{PIN}#")).fault is CodeFault.LOCKED_OUT, "at the keypad as well"


def test_without_users_a_pin_is_a_guess() -> None:
    scene = Scene(GUIDED)
    key(scene, "#")
    assert only(KeypadRefused, wish(scene, PIN)).fault is CodeFault.WRONG
    assert scene.door.guard.wrong


def test_an_operator_who_hangs_up_ends_it() -> None:
    assert stopped(guided().tell(Operate(verb=Verb.HANG_UP)))
