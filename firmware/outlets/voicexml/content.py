"""XML -> what is said and what is executed: prompts (VoiceXML 2.0 §4.1, SSML 1.0 as far as words go) and executable content (§5.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from firmware.outlets.voicexml.attributes import (
    checked_name,
    count_of,
    expression_of,
    name_of,
    names_of,
    said_or_computed,
    time_of,
    truth_of,
    words,
    wrong,
)
from firmware.outlets.voicexml.dialogs import (
    Assign,
    Clear,
    Content,
    Goto,
    If,
    Leave,
    Log,
    Pause,
    PlayFile,
    Prompt,
    Reprompt,
    SayValue,
    Speech,
    Statement,
    Submit,
    Throw,
    Unsupported,
    Var,
)
from firmware.outlets.voicexml.expression import Expression
from firmware.sip.body.xml_document import Mixed

# How something is to be spoken: the words count, the manner does not.
MANNERS: Final = frozenset({"p", "s", "paragraph", "sentence", "emphasis", "prosody", "voice", "say-as", "phoneme"})
SILENT: Final = frozenset({"mark", "meta", "metadata", "desc", "lexicon"})
SPOKEN: Final = MANNERS | SILENT | {"audio", "value", "break", "sub", "enumerate"}
BREAK_S: Final = 0.75  # without a time: a pause between sentences
BREAK_S_MAX: Final = 10.0
STRENGTHS: Final = {"none": 0.0, "x-weak": 0.1, "weak": 0.25, "medium": BREAK_S, "strong": 1.0, "x-strong": 1.5}


def speech(parts: Iterable[str | Mixed], within: Mixed) -> Speech:
    """Text and the elements of speech among it. Raises DocumentError."""
    said: list[Speech] = []
    for part in parts:
        if isinstance(part, str):
            said.append(words(part))
        elif part.name in MANNERS:
            said.append(speech(part.content, part))
        elif part.name not in SILENT:
            said.append(_spoken(part, within))
    return tuple(each for some in said for each in some)


def _spoken(element: Mixed, within: Mixed) -> Speech:
    match element.name:
        case "sub":
            return words(element.attribute("alias") or "")
        case "break":
            strength = element.attribute("strength") or "medium"
            asked_s = time_of(element, "time")
            if asked_s is None and strength not in STRENGTHS:
                raise wrong(element, f'strength="{strength[:20]}" is none of {", ".join(STRENGTHS)}')
            return (Pause(STRENGTHS[strength] if asked_s is None else min(asked_s, BREAK_S_MAX)),)
        case "value":
            expr = expression_of(element)
            if expr is None:
                raise wrong(element, "expr is missing")
            return (SayValue(expr),)
        case "audio":
            return (PlayFile(said_or_computed(element, "src", "expr"), speech(element.content, element)),)
        case "prompt" | "block" | "field" | "form":
            raise wrong(element, f"this cannot stand in <{within.name[:40]}>")
        case name:
            return (Unsupported(line=element.line, name=name[:40]),)


def prompt(element: Mixed) -> Prompt:
    """A `<prompt>` element. Raises DocumentError."""
    return Prompt(
        line=element.line,
        speech=speech(element.content, element),
        bargein=truth_of(element, "bargein"),
        timeout_s=time_of(element, "timeout"),
        count=count_of(element),
        cond=expression_of(element, "cond"),
    )


def content(element: Mixed) -> Content:
    """Everything in the element, as executable content. Raises DocumentError."""
    return _executed(element.content, element)


def _executed(parts: Iterable[str | Mixed], within: Mixed) -> Content:
    done: list[Statement] = []
    said: list[str | Mixed] = []  # text and audio in a row are one prompt

    def close() -> None:
        spoken = speech(said, within)
        if spoken:
            line = next((part.line for part in said if not isinstance(part, str)), within.line)
            done.append(Prompt(line=line, speech=spoken))
        said.clear()

    for part in parts:
        if isinstance(part, str) or part.name in SPOKEN:
            said.append(part)
        else:
            close()
            done.append(_statement(part))
    close()
    return tuple(done)


def _statement(element: Mixed) -> Statement:
    read = STATEMENTS.get(element.name)
    return Unsupported(line=element.line, name=element.name[:40]) if read is None else read(element)


def variable(element: Mixed) -> Var:
    """A `<var>` element. Raises DocumentError."""
    return Var(line=element.line, name=name_of(element), expr=expression_of(element))


def _assign(element: Mixed) -> Assign:
    name = (element.attribute("name") or "").removeprefix("dialog.").removeprefix("document.")
    return Assign(line=element.line, name=checked_name(element, name), expr=_needed(element, "expr"))


def _clear(element: Mixed) -> Clear:
    return Clear(line=element.line, names=names_of(element) or ())


def _if(element: Mixed) -> If:
    branches: list[tuple[Expression | None, Content]] = []
    cond: Expression | None = _needed(element, "cond")
    parts: list[str | Mixed] = []
    for part in element.content:
        if isinstance(part, str) or part.name not in ("elseif", "else"):
            parts.append(part)
            continue
        if cond is None:
            raise wrong(part, "nothing may follow <else>")
        branches.append((cond, _executed(parts, element)))
        cond = _needed(part, "cond") if part.name == "elseif" else None
        parts = []
    branches.append((cond, _executed(parts, element)))
    return If(line=element.line, branches=tuple(branches))


def goto(element: Mixed) -> Goto:
    """A `<goto>`. Raises DocumentError."""
    is_item = element.attribute("nextitem") is not None or element.attribute("expritem") is not None
    names = ("nextitem", "expritem") if is_item else ("next", "expr")
    if is_item and (element.attribute("next") is not None or element.attribute("expr") is not None):
        raise wrong(element, "give exactly one of next, expr, nextitem and expritem")
    return Goto(line=element.line, target=said_or_computed(element, *names), is_item=is_item)


def _submit(element: Mixed) -> Submit:
    method = (element.attribute("method") or "get").lower()
    if method not in ("get", "post"):
        raise wrong(element, f'method="{method[:20]}" is neither get nor post')
    if (element.attribute("enctype") or "application/x-www-form-urlencoded") != "application/x-www-form-urlencoded":
        raise wrong(element, "only application/x-www-form-urlencoded is sent")
    target = said_or_computed(element, "next", "expr")
    return Submit(line=element.line, target=target, names=names_of(element), method="post" if method == "post" else "get")


def throw(element: Mixed) -> Throw:
    """A `<throw>`, or a `<choice>` that throws. Raises DocumentError."""
    has_message = element.attribute("message") is not None or element.attribute("messageexpr") is not None
    return Throw(
        line=element.line,
        event=said_or_computed(element, "event", "eventexpr"),
        message=said_or_computed(element, "message", "messageexpr") if has_message else None,
    )


def _log(element: Mixed) -> Log:
    expr = expression_of(element)
    return Log(line=element.line, speech=(*speech(element.content, element), *(() if expr is None else (SayValue(expr),))))


def _needed(element: Mixed, name: str) -> Expression:
    found = expression_of(element, name)
    if found is None:
        raise wrong(element, f"{name} is missing")
    return found


STATEMENTS: Final[dict[str, Callable[[Mixed], Statement]]] = {
    "prompt": prompt,
    "var": variable,
    "assign": _assign,
    "clear": _clear,
    "if": _if,
    "goto": goto,
    "submit": _submit,
    "throw": throw,
    "exit": lambda element: Leave(line=element.line),
    "disconnect": lambda element: Leave(line=element.line),
    "reprompt": lambda element: Reprompt(line=element.line),
    "log": _log,
}
