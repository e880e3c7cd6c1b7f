"""The lines of the control socket: what a request is, and how values of the program become JSON."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.app.control.protocol import (
    ARGS_MAX,
    ControlError,
    Request,
    as_json,
    error_line,
    event_line,
    parse_request,
    reply_line,
    request_line,
)
from firmware.door import events as door
from firmware.media import events as media


class Colour(Enum):
    DARK_RED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    colour: Colour
    secret: str = field(repr=False)
    marks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Worded:
    number: int

    def __str__(self) -> str:
        return f"sip:{self.number}"


@given(verb=st.text(max_size=20), args=st.lists(st.text(max_size=10), max_size=ARGS_MAX))
def test_what_the_client_writes_the_server_reads(verb: str, args: list[str]) -> None:
    line = request_line(verb, tuple(args))
    assert line.count(b"\n") == 1
    assert parse_request(line) == Request(verb=verb, args=tuple(args), id=None)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"press front",
        b"[]",
        b"null",
        b"{}",
        b'{"verb": 7}',
        b'{"verb": "press", "args": "front"}',
        b'{"verb": "press", "args": [1]}',
        b'{"verb": "press", "args": [%s]}' % b",".join([b'"x"'] * (ARGS_MAX + 1)),
        b'{"verb": "press", "id": [1]}',
        b'{"verb": "press", "id": true}',
        b'{"verb": "\xff"}',
        b"[" * 2000,
    ],
)
def test_anything_but_a_request_is_refused_by_name(line: bytes) -> None:
    with pytest.raises(ControlError) as caught:
        parse_request(line)
    assert caught.value.code == "bad_request"


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(line: bytes) -> None:
    with suppress(ControlError):
        parse_request(line)


def test_replies_carry_the_clients_mark() -> None:
    assert json.loads(reply_line(7, {"a": 1})) == {"id": 7, "ok": True, "result": {"a": 1}}
    assert json.loads(error_line("x", ControlError("not_found", "no such"))) == {
        "id": "x",
        "ok": False,
        "error": "not_found",
        "text": "no such",
    }


def test_an_event_is_named_after_its_type_and_leaves_hidden_fields_out() -> None:
    line = event_line(Lamp(colour=Colour.DARK_RED, secret="1234", marks=(1, 2)), at_s=1.5)
    assert json.loads(line) == {
        "event": "Lamp",
        "room": Lamp.__module__.partition(".")[0],
        "at_s": 1.5,
        "colour": "dark_red",
        "marks": [1, 2],
    }


def test_events_of_one_name_are_told_apart_by_their_room() -> None:
    heard = media.DigitHeard(call="c", digit="1", duration_ms=100, at_ns=5), door.Press(button=door.ButtonName("front"))
    assert [json.loads(event_line(event, at_s=0.0))["room"] for event in heard] == ["media", "door"]


def test_a_value_with_words_of_its_own_is_shown_by_them() -> None:
    assert as_json({"to": Worded(number=7), "body": b"a\xff", 3: {None}}) == {"to": "sip:7", "body": "a\\xff", "3": [None]}


def test_nesting_ends_in_text_not_in_a_recursion() -> None:
    value: object = 1
    for _ in range(100):
        value = [value]
    assert json.dumps(as_json(value)).count("[") < 200
