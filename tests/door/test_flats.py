"""Numbers of flats, dialled at a keypad: whom they ring, what keeps them apart from PINs, and that who dials has not guessed."""

from __future__ import annotations

import pytest

from firmware.door.directory import Dialling, Directory, Flat, Lock, Menu, Round
from firmware.door.events import (
    AskId,
    ButtonName,
    CallName,
    CallPlaced,
    CardRead,
    DialFlat,
    Effect,
    End,
    KeypadRefused,
    KeyPressed,
    LampRole,
    Light,
    MenuBegun,
    NumberUnknown,
    Operate,
    Outcome,
    Place,
    Play,
    Pressed,
    PressEnded,
    PressId,
    Record,
    Right,
    Ring,
    SetQuiet,
    Sound,
    Stage,
    User,
    UsersChanged,
    Verb,
    Verified,
    VerifyDigits,
)
from tests.door.house import ANNA, BOB, CLARA, DIRECTORY, FRONT, LIMITS, Scene, only, records

PAD = "pad"
PIN = "583216"
WEBER = Flat(number="12", name="Familie Weber", plan=(Round(targets=(ANNA, BOB)),))
SHOP = Flat(number="1204", name="", plan=(Round(targets=(CLARA,), ring_s=10.0), Round(targets=(ANNA,))))
DIALLED = DIRECTORY._replace(
    keypads={PAD: FRONT, "back": FRONT}, flats={flat.number: flat for flat in (WEBER, SHOP)}, dialling=Dialling(keypads=frozenset({PAD}))
)
UNKNOWN = (Record(record=NumberUnknown(keypad=PAD)), Play(sound=Sound.UNKNOWN))


def at(directory: Directory = DIALLED, **dialling: object) -> Scene:
    """A panel whose store of users knows PINs; `dialling` changes how numbers are dialled."""
    scene = Scene(directory._replace(dialling=directory.dialling._replace(**dialling)))  # type: ignore[arg-type]  # names of Dialling
    scene.tell(UsersChanged(users=1, pin_digits=6, code_digits=0))
    return scene


def key(scene: Scene, keys: str, keypad: str = PAD) -> tuple[Effect, ...]:
    """Type keys, 0.3 s each, and return what the last one brought."""
    news: tuple[Effect, ...] = ()
    for each in keys:
        scene.now_s += 0.3
        news = scene.tell(KeyPressed(keypad=keypad, key=each))
    return news


def card_shown(scene: Scene) -> None:
    """A card at the front door that opens with its PIN only."""
    scene.tell(CardRead(reader="wall", card="C0FFEE"))
    nora = User(name="nora", rights=(Right(locks=None, profile=None),), card_needs_pin=True)
    scene.tell(Verified(ask=AskId(1), user=nora, duress=False, at_s=0.0))


def asked(effects: tuple[Effect, ...]) -> str:
    """The digits of the one PIN that the store is asked for."""
    question = only(VerifyDigits, effects)
    assert question.place is Place.KEYPAD
    return question.digits


def test_a_number_and_the_call_key_ring_the_flat_as_a_button_would() -> None:
    scene = at()
    rung = key(scene, "12#")
    assert records(rung) == [
        Pressed(press=PressId(1), button=ButtonName(PAD), flat="12 Familie Weber"),
        CallPlaced(call=CallName("p1.1"), press=PressId(1), party="anna"),
        CallPlaced(call=CallName("p1.2"), press=PressId(1), party="bob"),
    ]
    assert [(each.uri, each.flat) for each in rung if isinstance(each, Ring)] == [
        ("sip:anna@pbx", "12 Familie Weber"),
        ("sip:bob@pbx", "12 Familie Weber"),
    ]
    scene.moved("p1.2", Stage.ANSWERED)
    assert only(PressEnded, scene.moved("p1.2", Stage.ENDED)).outcome is Outcome.ANSWERED


def test_a_flat_without_a_name_is_shown_by_its_number_and_its_plan_is_worked_off() -> None:
    scene = at()
    assert only(Ring, key(scene, "1204#")).flat == "1204"
    second = scene.wait(10.5)
    assert (only(Ring, second).uri, only(Ring, second).flat) == ("sip:anna@pbx", "1204")


def test_who_is_not_to_be_disturbed_is_not_dialled_either() -> None:
    scene = at()
    scene.tell(SetQuiet(target="anna", quiet=True, by="test"))
    assert only(Ring, key(scene, "12#")).uri == "sip:bob@pbx"


def test_a_number_that_no_flat_has_is_heard_and_seen_and_recorded_without_its_digits() -> None:
    scene = at()
    assert key(scene, "13#") == UNKNOWN
    assert Light(lamp=LampRole.REFUSED, on=True) in scene.heard
    assert scene.door.next_press == 1, "nobody was rung"


def test_numbers_that_no_flat_has_are_no_guesses_however_many() -> None:
    scene = at()
    for _ in range(LIMITS.wrong_limit_global + 5):
        assert key(scene, "999999#") == UNKNOWN
    assert not scene.door.guard.wrong
    assert asked(key(scene, f"*{PIN}#")) == PIN, "nobody is locked out"


def test_a_pin_typed_without_its_star_is_a_number_and_asked_of_nobody() -> None:
    scene = at()
    assert key(scene, f"{PIN}#") == UNKNOWN
    assert not scene.door.asking.asks


def test_what_follows_the_star_is_a_pin_though_a_flat_has_that_number() -> None:
    scene = at()
    assert asked(key(scene, "*1204#")) == "1204"


def test_wrong_pins_behind_the_star_lock_out_and_numbers_still_ring() -> None:
    scene = at()
    refused: tuple[Effect, ...] = ()
    for number in range(1, LIMITS.wrong_limit + 1):
        key(scene, f"*{PIN}#")
        refused = scene.tell(Verified(ask=AskId(number), user=None, duress=False, at_s=0.0))
    assert only(KeypadRefused, refused).lockout_s > 0
    assert only(Pressed, key(scene, "12#")).flat == "12 Familie Weber"


def test_the_star_takes_back_what_was_typed_and_a_second_one_begins_anew() -> None:
    scene = at()
    assert asked(key(scene, f"99*11*{PIN}#")) == PIN
    assert key(at(), "12*#") == (), "an empty PIN is nothing"
    assert only(Play, key(at(), "*12#")).sound is Sound.ERROR, "too short for a PIN, and no number"


def test_a_star_counts_for_one_pin_and_not_for_the_number_after_it() -> None:
    scene = at()
    key(scene, f"*{PIN}#")
    assert only(Pressed, key(scene, "12#")).flat == "12 Familie Weber"


def test_a_pause_after_the_star_forgets_it() -> None:
    scene = at()
    key(scene, "*")
    scene.wait(LIMITS.digit_limit_s + 0.1)
    assert only(Pressed, key(scene, "12#")).flat == "12 Familie Weber"


@pytest.mark.parametrize("star", ["", "*"])
def test_after_a_card_that_needs_its_pin_the_digits_are_that_pin(star: str) -> None:
    scene = at()
    card_shown(scene)
    assert asked(key(scene, f"{star}{PIN}#")) == PIN
    assert only(Pressed, key(scene, "12#")).flat, "it served for one PIN"


def test_a_keypad_where_nobody_dials_takes_pins_as_ever() -> None:
    scene = at()
    assert asked(key(scene, f"{PIN}#", "back")) == PIN
    assert only(Play, key(scene, "12#", "back")).sound is Sound.ERROR


def test_a_call_key_of_its_own_leaves_the_hash_to_pins() -> None:
    scene = at(call_key="A")
    assert asked(key(scene, "1204#")) == "1204"
    assert only(Pressed, key(scene, "1204A")).flat == "1204"
    assert key(at(call_key="A"), "*A") == (), "no number was typed"
    assert only(Pressed, key(at(call_key="A"), "99*12A")).flat == "12 Familie Weber"
    assert key(at(call_key="A"), "13A") == UNKNOWN


def test_after_a_card_a_call_key_of_its_own_still_calls() -> None:
    scene = at(call_key="A")
    card_shown(scene)
    assert only(Pressed, key(scene, "12A")).flat == "12 Familie Weber"


def test_a_pause_drops_a_number_unless_it_is_to_dial_it() -> None:
    scene = at()
    key(scene, "12")
    assert scene.wait(60) == ()
    assert key(scene, "#") == ()


def test_a_pause_dials_where_that_is_wished_and_never_a_pin() -> None:
    scene = at(after_s=3.0)
    key(scene, "12")
    assert scene.wait(2.9) == ()
    assert only(Pressed, scene.wait(0.2)).flat == "12 Familie Weber"
    pin = at(after_s=3.0)
    key(pin, f"*{PIN}")
    assert pin.wait(60) == ()
    wrong = at(after_s=3.0)
    key(wrong, "13")
    assert wrong.wait(3.1) == UNKNOWN


def test_a_program_that_ends_dials_nothing_any_more() -> None:
    scene = at(after_s=3.0)
    key(scene, "12")
    scene.tell(Operate(verb=Verb.STOP))
    assert scene.wait(60) == ()


def test_keys_of_long_ago_dial_nothing() -> None:
    scene = at()
    key(scene, "12")
    assert scene.tell(KeyPressed(keypad=PAD, key="#", late=True)) == ()
    assert key(scene, "#") == ()


def test_the_hash_alone_still_begins_the_menu_of_the_keypad() -> None:
    menu = Menu(callers=(), keypad=PAD, rings=frozenset({"anna"}))
    assert only(MenuBegun, key(at(DIALLED._replace(menus={"help": menu})), "#")).keypad == PAD


def test_the_same_number_again_while_it_rings_is_a_second_press() -> None:
    scene = at()
    key(scene, "12#")
    assert only(PressEnded, key(scene, "12#")).detail == "it rings already"
    hangs_up = at(DIALLED._replace(second_press_hangs_up=True))
    key(hangs_up, "12#")
    assert len([each for each in key(hangs_up, "12#") if isinstance(each, End)]) == 2


def test_another_number_or_a_button_replaces_what_rings() -> None:
    scene = at()
    key(scene, "12#")
    replaced = key(scene, "1204#")
    assert PressEnded(press=PressId(1), outcome=Outcome.REPLACED, detail="replaced") in records(replaced)
    assert only(Ring, replaced).uri == "sip:clara@pbx"
    assert all(each.flat == "" for each in scene.press() if isinstance(each, Ring))


def test_a_number_dialled_beside_a_conversation_is_ignored_and_written_down() -> None:
    scene = at()
    scene.talk_with_anna()
    assert only(PressEnded, key(scene, "1204#")).outcome is Outcome.IGNORED


def test_an_unknown_number_does_not_end_the_ringback_of_a_call() -> None:
    scene = at()
    scene.press()
    assert key(scene, "13#") == UNKNOWN[:1]


def test_somebody_may_dial_in_a_visitors_place() -> None:
    assert only(Pressed, at().tell(DialFlat(keypad=PAD, number="12"))) == Pressed(PressId(1), ButtonName(PAD), "12 Familie Weber")
    assert at().tell(DialFlat(keypad=PAD, number="13")) == UNKNOWN


def test_digits_without_end_are_kept_no_longer_than_the_longest_pin() -> None:
    scene = at()
    key(scene, "1" * 100)
    assert len(scene.door.asking.typed[PAD].digits) == 17
    assert key(scene, "#") == UNKNOWN


def test_a_pin_behind_the_star_opens() -> None:
    locked = DIALLED._replace(locks={FRONT: Lock(name=FRONT, pulse_s=3.0, max_closed_s=5.0)})
    scene = at(locked)
    key(scene, f"*{PIN}#")
    eva = User(name="eva", rights=(Right(locks=None, profile=None),))
    opened = scene.tell(Verified(ask=AskId(1), user=eva, duress=False, at_s=0.0))
    assert [type(each).__name__ for each in records(opened)] == ["Unlocked"]
