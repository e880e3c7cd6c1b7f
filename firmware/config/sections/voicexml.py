"""Spoken menus for callers and visitors: [voicexml], [[menu]]; see docs/voicexml.md."""

# Without `from __future__ import annotations`: `load` reads the types themselves (see `schema`).

from typing import Annotated, NamedTuple

from firmware.config.checks import between
from firmware.config.sections.values import Name, Text


class VoiceXml(NamedTuple):
    """[voicexml]: what all menus have in common."""

    servers: tuple[Text, ...] = ()  # "https://menus.example": whence they may load and where they may send, besides their own server
    ca: Text | None = None  # whom we trust there, in PEM; None: the authorities that the system trusts
    fetch_s: Annotated[float, between(1, 30, "s")] = 5.0  # of one document or sound
    session_s: Annotated[float, between(10, 600, "s")] = 180.0  # of one caller or visitor
    silence_s: Annotated[float, between(10, 300, "s")] = 60.0  # a visitor who presses no key for so long has left the menu
    language: Text = "en"  # in which documents are spoken that do not say theirs (xml:lang)
    speech: Text = "/var/lib/portero/speech"  # where sentences are kept that espeak-ng has spoken
    recordings: Text = "/var/lib/portero/menu"  # where <record> keeps what callers say


class Menu(NamedTuple):
    """[[menu]]: a VoiceXML document that answers the calls of `callers`, and visitors at a keypad."""

    name: Name
    document: Text  # a file, or an https:// address
    callers: tuple[str, ...] = ()  # user@host, *@host, as in incoming.allow, where they must stand as well
    keypad: str | None = None  # whose `#` begins it for a visitor, and whose keys are its own then: a keypad, or a reader with keys
    opens: tuple[str, ...] = ()  # locks that it opens without a code, for callers whose name is proved (incoming.may_open)
    calls: tuple[str, ...] = ()  # targets that it may call in, or send the caller to, or ring for a visitor
