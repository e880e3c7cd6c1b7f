from __future__ import annotations

import pickle
from typing import NamedTuple

import pytest

from firmware.door.events import ButtonName, CallName, Offer, Pressed, PressId
from firmware.door.state import Idle
from firmware.kind import kind

CALL = CallName("in")


@kind
class Call(NamedTuple):
    call: CallName


def test_values_of_two_kinds_differ_though_their_fields_agree() -> None:
    offer: object = Offer(call=CALL)
    other: object = Call(call=CALL)
    assert offer != other
    assert not offer == other  # noqa: SIM201 - both operators are meant
    assert offer != (CALL,)


def test_values_of_one_kind_are_equal_by_their_fields() -> None:
    assert Offer(call=CALL) == Offer(call=CALL)
    assert not Offer(call=CALL) != Offer(call=CALL)  # noqa: SIM202 - both operators are meant
    assert Offer(call=CALL) != Offer(call=CallName("other"))
    assert Idle() == Idle()
    assert len({Offer(call=CALL), Offer(call=CALL)}) == 1


def test_a_kind_keeps_its_fields_and_none_of_the_annotations_that_only_the_checker_reads() -> None:
    assert Offer._fields == ("call",)
    assert Offer.__annotations__ == {}
    assert Offer.__new__.__annotations__ == {}


def test_a_kind_does_what_a_named_tuple_does() -> None:
    pressed = Pressed(press=PressId(1), button=ButtonName("bell"))
    assert repr(pressed) == "Pressed(press=1, button='bell', flat='')"
    assert pressed._asdict() == {"press": 1, "button": "bell", "flat": ""}
    assert pressed._replace(press=PressId(2)) == Pressed._make([2, "bell", ""]) != pressed
    assert pickle.loads(pickle.dumps(pressed)) == pressed
    with pytest.raises(TypeError, match="Pressed has no field hour"):
        pressed._replace(hour=3)  # type: ignore[call-arg]  # what the checker refuses is refused at run time too
    with pytest.raises(TypeError, match="Pressed has 3 fields, 1 values are given"):
        Pressed._make([1])


def test_a_kind_keeps_what_it_defines_itself() -> None:
    @kind
    class Secret(NamedTuple):
        value: str

        def __repr__(self) -> str:
            return "Secret(…)"

    assert repr(Secret("1234")) == "Secret(…)"
