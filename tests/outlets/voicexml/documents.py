"""Documents of the tests, and what their dialogs do when they are run."""

from __future__ import annotations

from firmware.outlets.voicexml.dialogs import Document
from firmware.outlets.voicexml.document import read
from firmware.outlets.voicexml.expression import Value
from firmware.outlets.voicexml.form import Interpreter
from firmware.outlets.voicexml.signals import Effect, Input, KeyHeard, SetTimer, Silence, Sound, Speak, Spoken, TimeUp, Words

URL = "https://menus.example/house/menu.vxml"


def vxml(content: str) -> bytes:
    return f'<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml" xml:lang="en">\n{content}\n</vxml>'.encode()


def document(content: str) -> Document:
    return read(vxml(content))


class Run:
    """One caller: what came out, in order, and what was said, as words."""

    def __init__(self, content: str, **session: Value) -> None:
        self.interpreter = Interpreter(session)
        self._spoken = 0
        self.news = self._heard(self.interpreter.start(URL, vxml(content)))

    def tell(self, given: Input) -> tuple[Effect, ...]:
        self.news = self._heard(self.interpreter.receive(given))
        return self.news

    def _heard(self, effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
        self._spoken = next((each.number for each in effects if isinstance(each, Speak)), self._spoken)
        return effects

    def press(self, keys: str) -> tuple[Effect, ...]:
        """The keys one by one; what the last one brought."""
        for key in keys:
            self.tell(KeyHeard(key))
        return self.news

    def hears_out(self) -> tuple[Effect, ...]:
        """What was begun to be said is over."""
        return self.tell(Spoken(self._spoken))

    def waits(self) -> tuple[Effect, ...]:
        """Nothing comes for as long as was waited for."""
        if any(isinstance(each, Speak) for each in self.news):
            self.hears_out()
        assert any(isinstance(each, SetTimer) for each in self.news), f"no timer runs: {self.news}"
        return self.tell(TimeUp())

    @property
    def said(self) -> str:
        """What is being said, '' for nothing."""
        spoken = [each for each in self.news if isinstance(each, Speak)]
        return " ".join(_shown(piece) for each in spoken for piece in each.utterances)


def _shown(piece: Words | Sound | Silence) -> str:
    match piece:
        case Words(text=text):
            return text
        case Sound(url=url, otherwise=otherwise):
            return f"[{url}{''.join(' else ' + _shown(each) for each in otherwise)}]"
        case Silence(seconds=seconds):
            return f"({seconds:g} s)"
