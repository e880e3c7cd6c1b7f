"""Executable content (VoiceXML 2.0 §5.3): done at once, up to the statement that leads elsewhere. What is said waits (§4.1.8)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urljoin

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
    Properties,
    Reprompt,
    Say,
    SayValue,
    Speech,
    Submit,
    Throw,
    Unsupported,
    Var,
)
from firmware.outlets.voicexml.expression import as_text
from firmware.outlets.voicexml.faults import BAD_FETCH, SEMANTIC, UNSUPPORTED, Thrown
from firmware.outlets.voicexml.scopes import Scopes
from firmware.outlets.voicexml.signals import Silence, Sound, Utterances, Words

UTTERANCES_MAX: Final = 64  # that wait to be played: several minutes of speech
WORDS_MAX: Final = 4096  # characters of them
PUNCTUATION: Final = tuple(".,;:!?")
LOG_LINES_MAX: Final = 32  # that wait to be written
LOG_LENGTH_MAX: Final = 200

Transition = Goto | Submit | Leave


class Executor:
    """Carries out content. `cleared` and `reprompts` are for the form to read and reset."""

    def __init__(self, scopes: Scopes) -> None:
        self.scopes = scopes
        self.url = ""  # of the document, for addresses that are relative
        self.language = ""
        self.cleared: list[tuple[str, ...]] = []
        self.reprompts = False
        self.bargein = True  # whether everything in the queue may be interrupted
        self.logged: list[str] = []
        self._queue: list[Words | Sound | Silence] = []

    def run(self, content: Content, properties: Properties) -> Transition | None:
        """Everything in order; the statement that leads elsewhere, if one is reached. Raises Thrown."""
        for each in content:
            match each:
                case Goto() | Submit() | Leave():
                    return each
                case If(branches=branches):
                    chosen = next((inner for cond, inner in branches if self.scopes.holds(cond)), ())
                    found = self.run(chosen, properties)
                    if found is not None:
                        return found
                case Prompt():
                    self.say(each, properties)
                case Var(name=name, expr=expr):
                    self.scopes.declare(name, self.scopes.value(expr))
                case Assign(name=name, expr=expr):
                    self.scopes.assign(name, self.scopes.value(expr))
                case Clear(names=names):
                    self.cleared.append(names)
                case Throw(event=event, message=message):
                    raise Thrown(self.scopes.text(event), "" if message is None else self.scopes.text(message))
                case Reprompt():
                    self.reprompts = True
                case Log(line=line, speech=speech):
                    self.log(f"line {line}: {' '.join(self._logged(speech))}")
                case Unsupported(line=line, name=name):
                    raise unsupported(name, line)
        return None

    def log(self, text: str) -> None:
        """A line of the document's own for the log."""
        if len(self.logged) < LOG_LINES_MAX:
            self.logged.append("".join(sign if sign.isprintable() else "?" for sign in text[:LOG_LENGTH_MAX]))

    def say(self, prompt: Prompt, properties: Properties) -> None:
        """Queue a prompt if its condition holds. Raises Thrown."""
        if not self.scopes.holds(prompt.cond):
            return
        may = properties.get("bargein", "true") != "false" if prompt.bargein is None else prompt.bargein
        self.bargein = self.bargein and may
        self._queue += self._utterances(prompt.speech)
        if len(self._queue) > UTTERANCES_MAX or sum(len(each.text) for each in self._queue if isinstance(each, Words)) > WORDS_MAX:
            self._queue.clear()
            raise Thrown(SEMANTIC, f"more than {UTTERANCES_MAX} pieces or {WORDS_MAX} characters wait to be spoken")

    def resolved(self, url: str) -> str:
        """An address as seen from the document (RFC 3986 §5). Raises Thrown for what is none, and for a file where a server sent it."""
        try:
            found = urljoin(self.url, url)
        except ValueError as error:
            raise Thrown(BAD_FETCH, f"{url[:80]!r} is no address: {error}") from None
        if found.lower().startswith("file:") and not self.url.lower().startswith("file:"):
            raise Thrown(BAD_FETCH, f"{url[:80]!r}: the document of a server reads no file")
        return found

    def take_queue(self) -> Utterances:
        """What waits to be played; it waits no more."""
        queue, self._queue, self.bargein = tuple(self._queue), [], True
        return queue

    def _utterances(self, speech: Speech) -> list[Words | Sound | Silence]:
        """Words in a row become one piece: a sentence with a value in its middle is spoken as one."""
        found: list[Words | Sound | Silence] = []
        for each in speech:
            made: Words | Sound | Silence
            match each:
                case Say(text=text):
                    made = Words(text, self.language)
                case SayValue(expr=expr):
                    made = Words(as_text(self.scopes.value(expr)), self.language)
                case PlayFile(src=src, otherwise=otherwise):
                    made = Sound(self.resolved(self.scopes.text(src)), tuple(self._utterances(otherwise)))
                case Pause(seconds=seconds):
                    made = Silence(seconds)
                case Unsupported(name=name, line=line):
                    raise unsupported(name, line)
            if isinstance(made, Words) and found and isinstance(last := found[-1], Words):
                blank = "" if made.text[:1] in PUNCTUATION else " "
                found[-1] = Words(f"{last.text}{blank}{made.text}", self.language)
            else:
                found.append(made)
        return found

    def _logged(self, speech: Speech) -> Iterable[str]:
        for each in speech:
            match each:
                case Say(text=text):
                    yield text
                case SayValue(expr=expr):
                    yield as_text(self.scopes.value(expr))
                case PlayFile() | Pause() | Unsupported():
                    pass


def unsupported(name: str, line: int) -> Thrown:
    """The event of an element that is not there (§5.2.6)."""
    return Thrown(f"{UNSUPPORTED}{name}", f"line {line}: <{name}> is not known here")
