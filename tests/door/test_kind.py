from __future__ import annotations

from firmware.door.events import Accept, CallName, Offer
from firmware.door.state import Idle

CALL = CallName("in")


def test_values_of_two_kinds_differ_though_their_fields_agree() -> None:
    accept: object = Accept(call=CALL)
    offer: object = Offer(call=CALL)
    assert accept != offer
    assert not accept == offer  # noqa: SIM201 - both operators are meant
    assert accept != (CALL,)


def test_values_of_one_kind_are_equal_by_their_fields() -> None:
    assert Accept(call=CALL) == Accept(call=CALL)
    assert not Accept(call=CALL) != Accept(call=CALL)  # noqa: SIM202 - both operators are meant
    assert Accept(call=CALL) != Accept(call=CallName("other"))
    assert Idle() == Idle()
    assert len({Accept(call=CALL), Accept(call=CALL)}) == 1


def test_a_kind_keeps_its_fields_and_none_of_the_annotations_that_only_the_checker_reads() -> None:
    assert Accept._fields == ("call",)
    assert Accept.__annotations__ == {}
    assert Accept.__new__.__annotations__ == {}
