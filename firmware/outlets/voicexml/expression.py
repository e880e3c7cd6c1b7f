"""Conditions and values: a small piece of ECMAScript (ECMA-262), read by our own parser. Nothing is ever handed to an interpreter.

Literals, variables with dots, `! - + < <= > >= == != && ||` and parentheses. No assignment, no call, no loop: an expression ends after as
many steps as it has signs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import isnan
from typing import Final

from firmware.outlets.voicexml.faults import SEMANTIC, Thrown

LENGTH_MAX: Final = 512  # characters of one expression; a condition has twenty
DEPTH_MAX: Final = 32  # of parentheses and signs before a value
TEXT_MAX: Final = 4096  # characters of a value: joining a text to itself doubles it

Value = bool | int | float | str | None
"""None is `undefined`, and `null` as well: no document here could tell them apart."""
Lookup = Callable[[str], Value]
"""The value of a variable by its name. Raises Thrown for one that was not declared."""

TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<name>[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)|(?P<sign>===|!==|==|!=|<=|>=|&&|\|\||[-+!<>()]))",
    re.ASCII,
)
NAME: Final = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)
WORDS: Final[dict[str, Value]] = {"true": True, "false": False, "null": None, "undefined": None}
# By rising strength; all of them bind to the left (ECMA-262 §13).
STRENGTH: Final = {
    "||": 1, "&&": 2, "==": 3, "!=": 3, "===": 3, "!==": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the expression."""

    value: Value


@dataclass(frozen=True, slots=True)
class Variable:
    """A name, with its dots."""

    name: str


@dataclass(frozen=True, slots=True)
class Unary:
    """`!` or `-` before a value."""

    sign: str
    of: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Two values and the sign between them."""

    sign: str
    left: Expression
    right: Expression


Expression = Literal | Variable | Unary | Binary


class ExpressionError(ValueError):
    """A text that is no expression, or one that is more than this small piece of the language."""


def parse(text: str) -> Expression:
    """Read an expression. Raises ExpressionError, which says where."""
    if len(text) > LENGTH_MAX:
        raise ExpressionError(f"an expression of {len(text)} characters; at most {LENGTH_MAX} are read")
    reader = _Reader(text)
    found = reader.binary(1, 0)
    if reader.sign or reader.kind:
        raise reader.wrong()
    return found


class _Reader:
    """The token in hand and the rest: `kind` is '' at the end, `sign` the sign in hand, '' for a value."""

    def __init__(self, text: str) -> None:
        self._text = text.rstrip()
        self._at = self._next = 0
        self.kind = self.sign = self._token = ""
        self._advance()

    def wrong(self) -> ExpressionError:
        rest = self._text[self._at : self._at + 20].strip()
        return ExpressionError(f"not understood at {rest!r}" if rest else "the expression ends too early")

    def _advance(self) -> None:
        self._at = self._next
        if self._next == len(self._text):
            self.kind = self.sign = self._token = ""
            return
        found = TOKEN.match(self._text, self._next)
        if found is None:
            raise self.wrong()
        self.kind = found.lastgroup or ""
        self._token = found[self.kind]
        self.sign = self._token if self.kind == "sign" else ""
        self._next = found.end()

    def binary(self, weakest: int, depth: int) -> Expression:
        """Everything that binds at least as strongly as `weakest`."""
        left = self._single(depth)
        while (strength := STRENGTH.get(self.sign, 0)) >= weakest:
            sign = self.sign
            self._advance()
            left = Binary(sign, left, self.binary(strength + 1, depth + 1))
        return left

    def _single(self, depth: int) -> Expression:
        if depth > DEPTH_MAX:
            raise ExpressionError(f"more than {DEPTH_MAX} levels deep")
        kind, token, sign = self.kind, self._token, self.sign
        if not kind or sign not in ("", "(", "!", "-"):
            raise self.wrong()
        self._advance()
        if sign == "(":
            inner = self.binary(1, depth + 1)
            if self.sign != ")":
                raise self.wrong()
            self._advance()
            return inner
        if sign:
            return Unary(sign, self._single(depth + 1))
        if kind == "number":
            return Literal(float(token) if "." in token else int(token))
        if kind == "text":
            return Literal(re.sub(r"\\(.)", lambda escaped: {"n": "\n", "t": "\t"}.get(escaped[1], escaped[1]), token[1:-1]))
        return Literal(WORDS[token]) if token in WORDS else Variable(token)


def evaluate(expression: Expression, lookup: Lookup) -> Value:
    """The value. Raises Thrown (error.semantic) for a variable that is not there, or a text beyond TEXT_MAX."""
    match expression:
        case Literal(value=value):
            return value
        case Variable(name=name):
            return lookup(name)
        case Unary(sign="!", of=of):
            return not truth(evaluate(of, lookup))
        case Unary(of=of):
            return -_number(evaluate(of, lookup))
        case Binary(sign="&&" | "||" as sign, left=left, right=right):
            value = evaluate(left, lookup)
            return evaluate(right, lookup) if truth(value) is (sign == "&&") else value
        case Binary(sign=sign, left=left, right=right):
            return _joined(sign, evaluate(left, lookup), evaluate(right, lookup))


def _joined(sign: str, left: Value, right: Value) -> Value:
    match sign:
        case "==":
            return equal(left, right)
        case "!=":
            return not equal(left, right)
        case "===" | "!==":
            same = isinstance(left, bool) is isinstance(right, bool) and isinstance(left, str) is isinstance(right, str) and left == right
            return same is (sign == "===")
        case "+" if isinstance(left, str) or isinstance(right, str):
            text = as_text(left) + as_text(right)
            if len(text) > TEXT_MAX:
                raise Thrown(SEMANTIC, f"a text of more than {TEXT_MAX} characters")
            return text
        case "+":
            return _number(left) + _number(right)
        case "-":
            return _number(left) - _number(right)
        case _:
            return _ordered(sign, left, right)


def _ordered(sign: str, left: Value, right: Value) -> bool:
    """ECMA-262 §7.2.13: texts by their characters, everything else as numbers; nothing compares with what is no number."""
    if isinstance(left, str) and isinstance(right, str):
        below, same = left < right, left == right
    else:
        one, other = _number(left), _number(right)
        if isnan(one) or isnan(other):
            return False
        below, same = one < other, one == other
    return {"<": below, "<=": below or same, ">": not below and not same, ">=": not below}[sign]


def equal(left: Value, right: Value) -> bool:
    """`==` of ECMA-262 §7.2.14: a key "1" is the number 1."""
    if left is None or right is None:
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    return _number(left) == _number(right)


def truth(value: Value) -> bool:
    """Whether a condition holds (ECMA-262 §7.1.2)."""
    return bool(value) and not (isinstance(value, float) and isnan(value))


def as_text(value: Value) -> str:
    """How a value is said, sent or joined to a text (ECMA-262 §7.1.17)."""
    match value:
        case None:
            return "undefined"
        case bool():
            return "true" if value else "false"
        case float() if abs(value) < 1e21 and value.is_integer():
            return str(int(value))
        case float() if isnan(value):
            return "NaN"
        case _:
            return str(value)


def _number(value: Value) -> int | float:
    match value:
        case None:
            return float("nan")
        case str():
            text = value.strip()
            if not text:
                return 0
            return float(text) if re.fullmatch(r"[-+]?\d+(?:\.\d+)?", text, re.ASCII) else float("nan")
        case _:
            return value
