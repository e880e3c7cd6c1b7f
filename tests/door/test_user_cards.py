"""Cards of users in the store: alone, together with a PIN, and held."""

from __future__ import annotations

from firmware.door.asking import ASK_LIMIT_S, PIN_LIMIT_S
from firmware.door.events import (
    AskId,
    CardHeld,
    CardHeldBy,
    CardRead,
    CardRefused,
    CodeFault,
    Grant,
    KeypadRefused,
    Play,
    Record,
    Sound,
    Unlocked,
    User,
    VerifyCard,
)
from tests.door.house import FRONT, only
from tests.door.test_users import ALWAYS, EVA, Store, keypad_refused, opened


def test_a_card_of_the_store_opens_the_lock_of_its_reader() -> None:
    news = Store().card(EVA)
    assert only(Unlocked, news) == Unlocked(lock=FRONT, duration_s=3.0, grant=Grant.CARD, who="Eva", party="reader wall")


def test_a_strange_card_counts_as_a_wrong_code_of_its_reader() -> None:
    store = Store()
    assert store.card(None) == (
        Record(record=CardRefused(reader="wall", who="", fault=CodeFault.WRONG, lockout_s=0.0)),
        Play(sound=Sound.WRONG),
    )
    assert store.door.guard.wrong["reader wall"].times == 1


def test_a_card_of_the_configuration_needs_no_store() -> None:
    assert opened(Store().tell(CardRead(reader="wall", card="0A1B2C"))) == [FRONT]


def test_a_card_that_needs_its_pin_waits_for_it() -> None:
    store = Store()
    both = EVA._replace(card_needs_pin=True)
    assert store.card(both) == (Play(sound=Sound.BEEP),)
    news = store.pin(both)
    assert only(Unlocked, news).grant is Grant.CARD_AND_PIN
    assert store.pin(both) == keypad_refused(CodeFault.NO_CARD, who="Eva"), "the card served once"


def test_the_pin_of_somebody_else_after_a_card_is_a_wrong_code() -> None:
    store = Store()
    store.card(EVA._replace(card_needs_pin=True))
    assert store.pin(User(name="Bob", rights=ALWAYS)) == keypad_refused(CodeFault.WRONG)


def test_a_card_waits_only_so_long_for_its_pin() -> None:
    store = Store()
    store.card(EVA._replace(card_needs_pin=True))
    assert store.wait(PIN_LIMIT_S) == (Play(sound=Sound.ERROR),)
    assert only(KeypadRefused, store.pin(EVA._replace(card_needs_pin=True))).fault is CodeFault.NO_CARD


def test_a_star_sends_a_waiting_card_away() -> None:
    store = Store()
    store.card(EVA._replace(card_needs_pin=True))
    store.keys("*")
    assert store.door.asking.shown == {}


def test_a_card_waits_at_the_keypads_of_its_own_lock_only() -> None:
    store = Store()
    store.card(EVA._replace(card_needs_pin=True))
    assert only(KeypadRefused, store.pin(EVA._replace(card_needs_pin=True), "side")).fault is CodeFault.NO_CARD


def test_a_known_card_that_is_held_is_written_down_with_its_owner() -> None:
    store = Store()
    assert store.tell(CardHeld(reader="wall", card="CAFE01")) == (VerifyCard(ask=AskId(1), card="CAFE01"),)
    assert store.answer(EVA) == (Record(record=CardHeldBy(reader="wall", who="Eva")),)
    assert store.tell(CardHeld(reader="wall", card="0A1B2C")) == (Record(record=CardHeldBy(reader="wall", who="blue")),)


def test_a_strange_card_that_is_held_means_nothing_and_is_no_second_guess() -> None:
    store = Store()
    store.tell(CardHeld(reader="wall", card="CAFE01"))
    assert store.answer(None) == ()
    store.tell(CardHeld(reader="wall", card="CAFE01"))
    assert store.wait(ASK_LIMIT_S) == ()
    assert store.door.guard.wrong == {}
    without = Store(users=0)
    assert without.tell(CardHeld(reader="wall", card="CAFE01")) == ()
