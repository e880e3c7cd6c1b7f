"""What the attributes of VoiceXML's elements hold: times, counts, truth, names, expressions. Each mistake names line and element."""

from __future__ import annotations

import re
from typing import Final

from firmware.outlets.voicexml.dialogs import Say
from firmware.outlets.voicexml.expression import NAME, Expression, ExpressionError, Literal, parse
from firmware.outlets.voicexml.faults import DocumentError
from firmware.sip.body.xml_document import Mixed

NAME_LENGTH_MAX: Final = 64
COUNT_MAX: Final = 100
SECONDS_MAX: Final = 3600.0
TIME: Final = re.compile(r"\+?(\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})(ms|s)", re.ASCII)


def wrong(element: Mixed, what: str) -> DocumentError:
    """The error to raise about this element."""
    return DocumentError(element.line, element.name[:40], what)


def seconds(text: str) -> float | None:
    """A time as CSS2 writes it (VoiceXML 2.0 §6.5), in seconds; None for a text that is none, or too long."""
    found = TIME.fullmatch(text.strip())
    if found is None:
        return None
    value = float(found[1]) / (1000 if found[2] == "ms" else 1)
    return value if value <= SECONDS_MAX else None


def time_of(element: Mixed, name: str) -> float | None:
    """The attribute as a time, None when absent. Raises DocumentError."""
    text = element.attribute(name)
    if text is None:
        return None
    value = seconds(text)
    if value is None:
        raise wrong(element, f'{name}="{text[:20]}" is no time such as 5s or 500ms, up to an hour')
    return value


def count_of(element: Mixed) -> int:
    """The attribute `count`, 1 when absent. Raises DocumentError."""
    text = element.attribute("count") or "1"
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= COUNT_MAX:
        raise wrong(element, f'count="{text[:20]}" is no number from 1 to {COUNT_MAX}')
    return int(text)


def truth_of(element: Mixed, name: str) -> bool | None:
    """The attribute as true or false, None when absent. Raises DocumentError."""
    text = element.attribute(name)
    if text not in (None, "true", "false"):
        raise wrong(element, f'{name}="{text[:20]}" is neither true nor false')
    return None if text is None else text == "true"


def name_of(element: Mixed, attribute: str = "name") -> str:
    """The name of a variable that must be there. Raises DocumentError."""
    text = element.attribute(attribute) or ""
    if not text:
        raise wrong(element, f"{attribute} is missing")
    return checked_name(element, text)


def checked_name(element: Mixed, text: str) -> str:
    """`text` as the name of a variable. Raises DocumentError."""
    if len(text) > NAME_LENGTH_MAX or not NAME.fullmatch(text) or "$" in text:
        raise wrong(element, f"{text[:40]!r} is no name of a variable")
    return text


def names_of(element: Mixed, attribute: str = "namelist") -> tuple[str, ...] | None:
    """A list of variables, None when absent. Raises DocumentError."""
    text = element.attribute(attribute)
    return None if text is None else tuple(checked_name(element, each) for each in text.split())


def expression_of(element: Mixed, name: str = "expr") -> Expression | None:
    """The attribute as an expression, None when absent. Raises DocumentError."""
    text = element.attribute(name)
    if text is None:
        return None
    try:
        return parse(text)
    except ExpressionError as error:
        raise wrong(element, f'{name}="{text[:60]}": {error}') from None


def said_or_computed(element: Mixed, plain: str, computed: str) -> Expression:
    """What stands in one of two attributes, as it is or to be evaluated; exactly one must be there (§5.3.7). Raises DocumentError."""
    text = element.attribute(plain)
    expression = expression_of(element, computed)
    if (text is None) is (expression is None):
        raise wrong(element, f"give exactly one of {plain} and {computed}")
    return Literal(text) if expression is None else expression


def words(text: str) -> tuple[Say, ...]:
    """Text as it is said: white space is a single blank, and nothing but white space is nothing."""
    said = " ".join(text.split())
    return (Say(said),) if said else ()
