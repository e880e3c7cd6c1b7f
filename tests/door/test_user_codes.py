"""Codes of users in the store, typed in a call."""

from __future__ import annotations

import pytest

from firmware.door.events import (
    AskId,
    CallName,
    CodeFault,
    CodeRefused,
    Grant,
    Place,
    Play,
    Record,
    Sound,
    Spent,
    Stage,
    Unlocked,
    UsersChanged,
    VerifyDigits,
)
from tests.door.house import DIRECTORY, FRONT, GARAGE, OFFICE, only, records
from tests.door.test_users import EVA, HOUSE, Store, opened


def test_a_code_of_a_user_is_complete_with_the_length_of_the_longest() -> None:
    store = Store()
    store.talk_with_anna()
    assert store.type("58321") == ()
    assert store.type("6") == (VerifyDigits(ask=AskId(1), place=Place.CALL, digits="583216"),)
    news = store.answer(EVA)
    assert [record.lock for record in records(news) if isinstance(record, Unlocked)] == [FRONT, GARAGE]
    unlocked = records(news)[0]
    assert isinstance(unlocked, Unlocked)
    assert (unlocked.grant, unlocked.who, unlocked.party, unlocked.call) == (Grant.CODE, "Eva", "anna", "p1.1")


def test_a_shorter_code_is_complete_with_the_hash() -> None:
    store = Store()
    store.talk_with_anna()
    assert store.type("5832#") == (VerifyDigits(ask=AskId(1), place=Place.CALL, digits="5832"),)


def test_too_few_digits_before_the_hash_are_dropped() -> None:
    store = Store()
    store.talk_with_anna()
    assert store.type("583#") == ()
    assert store.door.guard.wrong == {}


def test_a_code_of_a_user_opens_only_what_the_party_may_open() -> None:
    store = Store()
    store.press()
    store.moved("p1.2", Stage.ANSWERED)
    store.type("583216", "p1.2")
    assert opened(store.answer(EVA)) == [FRONT]


def test_a_party_without_locks_is_not_even_asked_for() -> None:
    store = Store()
    store.press(OFFICE)
    store.moved("p1.1", Stage.ANSWERED)
    for digits in ("583216", "5832#"):
        refused = only(CodeRefused, store.type(digits))
        assert refused.fault is CodeFault.NOT_ALLOWED


def test_a_wrong_code_in_a_call_counts_against_its_party() -> None:
    store = Store()
    store.talk_with_anna()
    store.type("583216")
    assert store.answer(None) == (
        Record(record=CodeRefused(call=CallName("p1.1"), party="anna", fault=CodeFault.WRONG, lockout_s=0.0)),
        Play(sound=Sound.WRONG),
    )


@pytest.mark.parametrize("uses_left", [None, 1])
def test_a_call_that_ends_before_the_answer_opens_nothing(uses_left: int | None) -> None:
    store = Store()
    store.talk_with_anna()
    store.type("583216")
    if uses_left is not None:
        store.answer(EVA._replace(uses_left=uses_left))
    store.moved("p1.1", Stage.ENDED)
    news = store.answer(EVA) if uses_left is None else store.tell(Spent(ask=AskId(1), done=True))
    assert only(CodeRefused, news).fault is CodeFault.NOT_ALLOWED
    assert opened(news) == []


def test_a_code_of_the_configuration_still_opens_at_its_last_digit() -> None:
    store = Store()
    store.door = store.door._replace(directory=HOUSE._replace(codes=DIRECTORY.codes))
    store.talk_with_anna()
    assert opened(store.type("58321")) == [FRONT]


def test_what_is_known_of_the_store_is_written_down() -> None:
    changed = UsersChanged(users=7, pin_digits=4, code_digits=0)
    assert Store().tell(changed) == (Record(record=changed),)
