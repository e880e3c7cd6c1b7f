"""A program that was held up: what it takes up late opens nothing."""

from __future__ import annotations

from firmware.door.asking import ASK_LIMIT_S
from firmware.door.events import AskId, CodeFault, KeyPressed, Play, Sound, Spend, Spent
from tests.door.test_users import EVA, Store, keypad_refused


def test_an_answer_that_is_taken_up_before_the_timer_that_came_first_is_late_all_the_same() -> None:
    store = Store()
    store.keys("583216#")
    store.now_s += ASK_LIMIT_S
    assert store.answer(EVA) == keypad_refused(CodeFault.UNCHECKED)
    store.keys("583216#")
    asked = store.answer(EVA._replace(uses_left=1))
    assert asked == (Spend(ask=AskId(2), user="Eva"),)
    store.now_s += ASK_LIMIT_S
    assert store.tell(Spent(ask=AskId(2), done=True)) == keypad_refused(CodeFault.UNCHECKED)


def test_a_key_that_is_taken_up_late_ends_what_was_typed() -> None:
    store = Store()
    store.keys("5832")
    assert store.tell(KeyPressed(keypad="pad", key="1", late=True)) == ()
    assert store.keys("16#") == (Play(sound=Sound.ERROR),), "too few digits are left for a PIN"
