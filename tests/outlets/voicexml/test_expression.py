"""Conditions: a small piece of ECMAScript, and nothing of the rest."""

from __future__ import annotations

from contextlib import suppress
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.outlets.voicexml.expression import (
    DEPTH_MAX,
    LENGTH_MAX,
    TEXT_MAX,
    ExpressionError,
    Value,
    as_text,
    evaluate,
    parse,
)
from firmware.outlets.voicexml.faults import Thrown

VARIABLES: dict[str, Value] = {"key": "1", "tries": 2, "open": True, "none": None, "code$.utterance": "1 2", "half": 0.5, "empty": ""}


def lookup(name: str) -> Value:
    if name not in VARIABLES:
        raise Thrown("error.semantic", name)
    return VARIABLES[name]


def value(text: str) -> Value:
    return evaluate(parse(text), lookup)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("'gate'", "gate"),
        ('"a \\"b\\" \\n"', 'a "b" \n'),
        ("12", 12),
        ("0.5", 0.5),
        ("-tries", -2),
        ("true", True),
        ("undefined", None),
        ("code$.utterance", "1 2"),
        ("key == 1", True),
        ("key === 1", False),
        ("key !== '1'", False),
        ("'1' != 1", False),
        ("none == null", True),
        ("none == false", False),
        ("open == 1", True),
        ("!open || tries > 1 && key == '1'", True),
        ("(!open || tries > 1) && key == '2'", False),
        ("none || 'nobody'", "nobody"),
        ("key && tries", 2),
        ("tries + 1", 3),
        ("tries + 1 - 4", -1),
        ("'code ' + tries + open", "code 2true"),
        ("'10' < '9'", True),
        ("'10' < 9", False),
        ("tries >= 2", True),
        ("tries <= 1.5", False),
        ("half > 'x'", False),
        ("half <= 'x'", False),
        ("!empty", True),
        ("!!key", True),
        ("none + 1 == none + 1", False),
    ],
)
def test_what_an_expression_is(text: str, result: Value) -> None:
    found = value(text)
    assert (found, type(found)) == (result, type(result))


@pytest.mark.parametrize(
    "text",
    ["", "1 +", "+ 1", "a b", "f(1)", "a = 1", "a[0]", "(1", "1)", "'open", "a..b", ".a", "1.", "a ? b : c", "a\nb", "{}", "a.1",
     "__import__('os')", "1e9", "a;b"],
)  # fmt: skip
def test_everything_else_is_no_expression(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_its_length_and_depth_are_bounded() -> None:
    assert value("(" * DEPTH_MAX + "1" + ")" * DEPTH_MAX) == 1
    for text in ("(" * (DEPTH_MAX + 1) + "1" + ")" * (DEPTH_MAX + 1), "!" * (DEPTH_MAX + 2) + "1", " " * LENGTH_MAX + "1"):
        with pytest.raises(ExpressionError):
            parse(text)


def test_a_long_chain_is_no_depth() -> None:
    assert value(" + ".join(["1"] * 120)) == 120


def test_a_variable_that_was_not_declared_is_an_event() -> None:
    with pytest.raises(Thrown, match=r"error\.semantic"):
        value("nowhere == 1")


def test_what_is_not_needed_is_not_looked_up() -> None:
    assert value("open || nowhere") is True
    assert value("none && nowhere") is None


def test_texts_do_not_grow_for_ever() -> None:
    VARIABLES["long"] = "x" * TEXT_MAX
    with pytest.raises(Thrown, match="characters"):
        value("long + 'y'")


@pytest.mark.parametrize(
    ("given_", "text"),
    [(None, "undefined"), (True, "true"), (False, "false"), (3.0, "3"), (2.5, "2.5"), (7, "7"), ("a", "a"),
     (float("nan"), "NaN"), (1e300, "1e+300")],
)  # fmt: skip
def test_values_as_text(given_: Value, text: str) -> None:
    assert as_text(given_) == text


def test_what_is_no_number_is_not_a_number() -> None:
    found = value("'x' - 1")
    assert isinstance(found, float)
    assert isnan(found)
    assert value("!('x' - 1)") is True


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        expression = parse(text)
    except ExpressionError:
        return
    with suppress(Thrown):
        evaluate(expression, lookup)
