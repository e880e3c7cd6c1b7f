"""Variables and where they live: session, document, dialog, and the anonymous scope of what is executed (VoiceXML 2.0 §5.1.2).

Names are kept whole, with their dots: `code$.utterance` is a variable of its own. The session's cannot be changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from firmware.outlets.voicexml.expression import Expression, Value, as_text, evaluate, truth
from firmware.outlets.voicexml.faults import SEMANTIC, Thrown

VARIABLES_MAX: Final = 256  # in all scopes together
ALIASES: Final = {"application": "document"}  # without a root document they are the same


class Scopes:
    """The scopes of one session, the innermost last."""

    def __init__(self, session: Mapping[str, Value]) -> None:
        self._session = dict(session)
        self._document: dict[str, Value] = {}
        self._dialog: dict[str, Value] = {}
        self._local: dict[str, Value] = {}

    def enter_document(self) -> None:
        self._document = {}
        self.enter_dialog()

    def enter_dialog(self) -> None:
        self._dialog = {}
        self.enter_content()

    def enter_content(self, **variables: Value) -> None:
        """A new anonymous scope: of a block, a filled or a catch."""
        self._local = dict(variables)

    def declare(self, name: str, value: Value, *, scope: str = "local") -> None:
        """A variable is there from now on. Raises Thrown when there are too many."""
        if sum(map(len, (self._document, self._dialog, self._local))) >= VARIABLES_MAX:
            raise Thrown(SEMANTIC, f"more than {VARIABLES_MAX} variables")
        {"local": self._local, "dialog": self._dialog, "document": self._document}[scope][name] = value

    def assign(self, name: str, value: Value) -> None:
        """Change a variable where it was declared. Raises Thrown for one that was not (§5.3.2)."""
        for scope in (self._local, self._dialog, self._document):
            if name in scope:
                scope[name] = value
                return
        raise Thrown(SEMANTIC, f"the variable {name} was not declared")

    def lookup(self, name: str) -> Value:
        """The value of a variable. Raises Thrown for one that was not declared."""
        first, _, rest = name.partition(".")
        named = {"session": self._session, "document": self._document, "dialog": self._dialog}.get(ALIASES.get(first, first))
        if named is not None and rest in named:
            return named[rest]
        for scope in (self._local, self._dialog, self._document):
            if name in scope:
                return scope[name]
        raise Thrown(SEMANTIC, f"the variable {name[:60]} was not declared")

    def value(self, expression: Expression | None) -> Value:
        """What it evaluates to; undefined without one. Raises Thrown."""
        return None if expression is None else evaluate(expression, self.lookup)

    def holds(self, condition: Expression | None) -> bool:
        """Whether a condition holds; one that is not given does. Raises Thrown."""
        return condition is None or truth(self.value(condition))

    def text(self, expression: Expression) -> str:
        """The value as text. Raises Thrown, for an undefined one as well."""
        value = self.value(expression)
        if value is None:
            raise Thrown(SEMANTIC, "a value is undefined where a text is needed")
        return as_text(value)
