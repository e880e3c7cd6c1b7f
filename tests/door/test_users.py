"""Users of the store at the door: PIN, code, card, card and PIN, windows, counted uses, duress, and everything that keeps a door shut."""

from __future__ import annotations

import pytest

from firmware.door.asking import ASK_LIMIT_S, ASKS_MAX, TYPED_MAX
from firmware.door.events import (
    AskId,
    CardRead,
    CardRefused,
    CodeFault,
    DuressUsed,
    Effect,
    Grant,
    KeepDoor,
    KeypadRefused,
    KeyPressed,
    LockName,
    NotVerified,
    Place,
    Play,
    Record,
    Right,
    Sound,
    Spend,
    Spent,
    Start,
    Unlock,
    Unlocked,
    User,
    UsersChanged,
    Verified,
    VerifyCard,
    VerifyDigits,
)
from firmware.door.machine import handle
from firmware.door.schedule import Profile, Span
from firmware.door.state import Door
from tests.door.house import DIRECTORY, FRONT, GARAGE, LIMITS, Scene, only

OFFICE_HOURS = Profile(name="office", spans=(Span(days=frozenset(range(5)), begin_min=9 * 60, end_min=17 * 60),))
BACK = GARAGE
HOUSE = DIRECTORY._replace(codes=(), cards=DIRECTORY.cards[:1], keypads={"pad": FRONT, "side": BACK}, profiles={"office": OFFICE_HOURS})
ALWAYS = (Right(locks=None, profile=None),)
EVA = User(name="Eva", rights=ALWAYS)
MONDAY_NOON = "2026-01-05 12:00"
NOON_S = 1_767_614_400.0


class Store(Scene):
    """A door with a store of users behind it, which answers when told to."""

    def __init__(self, *, wall: str | None = MONDAY_NOON, pin_digits: int = 6, users: int = 3) -> None:
        super().__init__(HOUSE, wall=wall)
        self.tell(UsersChanged(users=users, pin_digits=pin_digits, code_digits=6 if users else 0))

    def keys(self, keys: str, keypad: str = "pad") -> tuple[Effect, ...]:
        news: tuple[Effect, ...] = ()
        for key in keys:
            self.now_s += 0.3
            news = self.tell(KeyPressed(keypad=keypad, key=key))
        return news

    def answer(self, user: User | None, *, duress: bool = False, at_s: float = NOON_S) -> tuple[Effect, ...]:
        """The answer to the oldest question."""
        return self.tell(Verified(ask=min(self.door.asking.asks), user=user, duress=duress, at_s=at_s))

    def pin(self, user: User | None, keypad: str = "pad", *, duress: bool = False) -> tuple[Effect, ...]:
        self.keys("583216#", keypad)
        return self.answer(user, duress=duress)

    def card(self, user: User | None, reader: str = "wall") -> tuple[Effect, ...]:
        self.tell(CardRead(reader=reader, card="CAFE01"))
        return self.answer(user)


def opened(effects: tuple[Effect, ...]) -> list[LockName]:
    return [effect.lock for effect in effects if isinstance(effect, Unlock)]


def keypad_refused(fault: CodeFault, *, who: str = "", lockout_s: float = 0.0, keypad: str = "pad") -> tuple[Effect, ...]:
    return Record(record=KeypadRefused(keypad=keypad, who=who, fault=fault, lockout_s=lockout_s)), Play(sound=Sound.WRONG)


# --- keypad ------------------------------------------------------------------------------------------------------------------


def test_a_pin_is_asked_for_at_the_hash_and_opens_the_lock_of_its_keypad() -> None:
    store = Store()
    assert store.keys("583216") == ()
    assert store.keys("#") == (VerifyDigits(ask=AskId(1), place=Place.KEYPAD, digits="583216"),)
    news = store.answer(EVA)
    assert only(Unlocked, news) == Unlocked(lock=FRONT, duration_s=3.0, grant=Grant.PIN, who="Eva", party="keypad pad")
    assert opened(news) == [FRONT]
    assert news[-1] == Play(sound=Sound.OPENED)


def test_a_pin_at_a_reader_with_keys_opens_the_lock_of_the_reader() -> None:
    assert opened(Store().pin(EVA, "wall")) == [FRONT]


def test_a_star_clears_what_was_typed() -> None:
    store = Store()
    store.keys("99*")
    assert store.keys("583216#") == (VerifyDigits(ask=AskId(1), place=Place.KEYPAD, digits="583216"),)


def test_a_pause_clears_what_was_typed_and_is_no_guess() -> None:
    store = Store()
    store.keys("5832")
    assert store.wait(LIMITS.digit_limit_s) == ()
    assert store.keys("#") == ()
    assert store.door.guard.wrong == {}


def test_too_few_digits_are_heard_as_a_mistake_and_are_no_guess() -> None:
    store = Store()
    assert store.keys("583#") == (Play(sound=Sound.ERROR),)
    assert store.door.guard.wrong == {}


def test_a_key_that_no_keypad_has_means_nothing() -> None:
    store = Store()
    store.keys("583")
    assert store.keys("X") == ()
    store.keys("216")
    assert only(VerifyDigits, store.keys("#")).digits == "583216"


def test_more_digits_than_any_pin_has_are_a_wrong_code_without_a_question() -> None:
    store = Store()
    assert store.keys("1" * (TYPED_MAX + 5) + "#") == keypad_refused(CodeFault.WRONG)
    assert store.door.guard.wrong["keypad pad"].times == 1


def test_without_pins_in_the_store_every_pin_is_wrong() -> None:
    store = Store(pin_digits=0)
    assert store.keys("583216#") == keypad_refused(CodeFault.WRONG)


def test_a_question_does_not_show_the_digits() -> None:
    assert "583216" not in str(VerifyDigits(ask=AskId(1), place=Place.CALL, digits="583216"))
    assert "583216" not in repr(VerifyDigits(ask=AskId(1), place=Place.CALL, digits="583216"))


def test_a_keypad_that_was_not_configured_is_a_bug_of_ours() -> None:
    with pytest.raises(KeyError):
        Store().keys("1", "nowhere")


# --- wrong codes --------------------------------------------------------------------------------------------------------------


def test_wrong_pins_lock_the_keypad_out_without_further_questions() -> None:
    store = Store()
    assert store.pin(None) == keypad_refused(CodeFault.WRONG)
    store.pin(None)
    assert store.pin(None) == keypad_refused(CodeFault.WRONG, lockout_s=LIMITS.lockout_s)
    news = store.keys("583216#")
    refused = only(KeypadRefused, news)
    assert refused.fault is CodeFault.LOCKED_OUT
    assert not any(isinstance(effect, VerifyDigits) for effect in news)


def test_a_lock_out_that_begins_while_the_store_looks_keeps_the_door_shut() -> None:
    store = Store()
    for number in range(LIMITS.wrong_limit_global):  # others guess meanwhile, the last of them while the store looks
        if number == LIMITS.wrong_limit_global - 1:
            store.keys("583216#")
        store.tell(CardRead(reader="wall", card=f"DEAD{number:02}"))
        store.tell(Verified(ask=max(store.door.asking.asks), user=None, duress=False, at_s=NOON_S))
        store.now_s += LIMITS.lockout_max_s if number < LIMITS.wrong_limit_global - 1 else 0.0
    refused = only(KeypadRefused, store.answer(EVA))
    assert refused.fault is CodeFault.LOCKED_OUT
    assert refused.lockout_s > 0


def test_a_lock_out_survives_a_restart() -> None:
    store = Store()
    store.pin(None)
    store.pin(None)
    store.keys("583216#")
    store.tell(Verified(ask=AskId(3), user=None, duress=False, at_s=NOON_S))
    kept = only(KeepDoor, tuple(store.heard)).start
    after, _ = handle(Door(directory=HOUSE, next_press=1), kept, 5.0)
    assert after.guard.locked_for_s("keypad pad", 5.0) == LIMITS.lockout_s
    assert after.guard.locked_for_s("keypad pad", 5.0 + LIMITS.lockout_s) <= 0
    assert after.guard.wrong["keypad pad"].times == 3, "it goes on growing from there"


def test_a_fresh_start_has_nobody_locked_out() -> None:
    after, _ = handle(Door(directory=HOUSE, next_press=1), Start(), 5.0)
    assert after.guard.wrong == {}


def test_only_an_opening_ends_a_series_of_wrong_codes() -> None:
    store = Store()
    store.pin(None)
    store.pin(None)
    assert only(KeypadRefused, store.pin(EVA._replace(uses_left=0))).fault is CodeFault.USED_UP
    assert store.door.guard.wrong["keypad pad"].times == 2
    store.pin(EVA)
    assert store.door.guard.wrong == {}


# --- what a store can do wrong ------------------------------------------------------------------------------------------------


def test_a_source_has_one_question_at_a_time() -> None:
    store = Store()
    store.keys("583216#")
    assert store.keys("583217#") == keypad_refused(CodeFault.UNCHECKED)
    assert opened(store.answer(EVA)) == [FRONT]


def test_questions_are_bounded_over_all_sources() -> None:
    store = Store()
    store.door = store.door._replace(directory=HOUSE._replace(readers={f"r{number}": FRONT for number in range(ASKS_MAX + 1)}))
    for number in range(ASKS_MAX):
        assert only(VerifyCard, store.tell(CardRead(reader=f"r{number}", card="CAFE01"))).ask == number + 1
    assert only(CardRefused, store.tell(CardRead(reader=f"r{ASKS_MAX}", card="CAFE01"))).fault is CodeFault.UNCHECKED


def test_a_store_that_does_not_answer_leaves_the_door_shut() -> None:
    store = Store()
    store.keys("583216#")
    assert store.wait(ASK_LIMIT_S) == keypad_refused(CodeFault.UNCHECKED)
    assert store.tell(Verified(ask=AskId(1), user=EVA, duress=False, at_s=NOON_S)) == (), "too late"
    assert store.tell(Spent(ask=AskId(1), done=True)) == ()


def test_a_store_that_fails_leaves_the_door_shut() -> None:
    store = Store()
    store.keys("583216#")
    assert store.tell(NotVerified(ask=AskId(1), detail="the disk is gone")) == keypad_refused(CodeFault.UNCHECKED)
    assert store.tell(NotVerified(ask=AskId(1), detail="again")) == ()


def test_an_answer_of_the_wrong_kind_opens_nothing() -> None:
    store = Store()
    store.keys("583216#")
    assert store.tell(Spent(ask=AskId(1), done=True)) == ()
    store.answer(EVA._replace(uses_left=2))
    assert store.answer(EVA) == (), "the use must be written off first"


# --- who may when --------------------------------------------------------------------------------------------------------------


def test_a_user_opens_only_the_locks_that_he_has_a_right_to() -> None:
    user = User(name="Car", rights=(Right(locks=frozenset({GARAGE}), profile=None),))
    assert Store().pin(user) == keypad_refused(CodeFault.NOT_ALLOWED, who="Car")
    assert opened(Store().pin(user, "side")) == [GARAGE]


@pytest.mark.parametrize(
    ("wall", "may"),
    [
        (MONDAY_NOON, True),
        ("2026-01-05 08:59", False),
        ("2026-01-05 09:00", True),
        ("2026-01-05 17:00", False),
        ("2026-01-04 12:00", False),  # a Sunday
        (None, False),  # a clock that was never set
    ],
)
def test_a_right_within_a_profile_holds_at_its_times(wall: str | None, *, may: bool) -> None:
    user = User(name="Eva", rights=(Right(locks=None, profile="office"),))
    news = Store(wall=wall).pin(user)
    assert opened(news) == ([FRONT] if may else [])
    if not may:
        assert news == keypad_refused(CodeFault.NOT_NOW, who="Eva")


def test_a_profile_that_the_configuration_no_longer_has_gives_nothing() -> None:
    assert opened(Store().pin(User(name="Eva", rights=(Right(locks=None, profile="gone"),)))) == []


def test_rights_add_up() -> None:
    user = User(name="Eva", rights=(Right(locks=frozenset({GARAGE}), profile=None), Right(locks=frozenset({FRONT}), profile="office")))
    assert opened(Store().pin(user)) == [FRONT]


@pytest.mark.parametrize(
    ("from_s", "until_s", "may"),
    [
        (NOON_S, None, True),
        (NOON_S + 1, None, False),
        (None, NOON_S, False),
        (None, NOON_S + 1, True),
        (NOON_S - 1, NOON_S + 1, True),
    ],
)
def test_a_guest_may_open_from_the_first_second_until_before_the_last(from_s: float | None, until_s: float | None, *, may: bool) -> None:
    guest = EVA._replace(valid_from_s=from_s, valid_until_s=until_s)
    assert opened(Store().pin(guest)) == ([FRONT] if may else [])


def test_a_window_cannot_be_judged_by_a_clock_that_was_never_set() -> None:
    guest = EVA._replace(valid_until_s=NOON_S + 1)
    assert Store(wall=None).pin(guest) == keypad_refused(CodeFault.NOT_NOW, who="Eva")


# --- counted uses ---------------------------------------------------------------------------------------------------------------


def test_a_counted_use_is_written_off_before_the_door_opens() -> None:
    store = Store()
    once = EVA._replace(uses_left=1)
    assert store.pin(once) == (Spend(ask=AskId(1), user="Eva"),)
    assert opened(store.tell(Spent(ask=AskId(1), done=True))) == [FRONT]


def test_a_use_that_is_gone_meanwhile_opens_nothing() -> None:
    store = Store()
    store.pin(EVA._replace(uses_left=1))
    assert store.tell(Spent(ask=AskId(1), done=False)) == keypad_refused(CodeFault.USED_UP, who="Eva")


def test_a_use_that_cannot_be_written_off_opens_nothing() -> None:
    store = Store()
    store.pin(EVA._replace(uses_left=1))
    assert store.wait(ASK_LIMIT_S) == keypad_refused(CodeFault.UNCHECKED)


# --- duress -----------------------------------------------------------------------------------------------------------------------


def test_a_duress_code_opens_like_any_other_and_is_written_down() -> None:
    store, other = Store(), Store()
    under_duress, free = store.pin(EVA, duress=True), other.pin(EVA)
    assert under_duress[0] == Record(record=DuressUsed(who="Eva", at="keypad pad"))
    assert under_duress[1:] == free, "nothing at the door shows it"
