"""What a menu can have done for a visitor at the panel, who may be anybody: words from the speaker, keys from the keypad, and little else.

- `portero:open` with a code: the digits are a PIN, as if they had been typed at the keypad
- `portero:TARGET`, as a transfer's destination: a target of the menu's `calls` is rung

Nothing is recorded, no bell turned off, and nobody told how the station is: that is not for strangers.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from firmware.app.beside import beside
from firmware.app.voicexml.documents import Library, Wanted
from firmware.app.voicexml.opening import wish
from firmware.app.voicexml.platform import FIRST_S, LATE_S, NO_RESOURCE, target_of
from firmware.app.voicexml.voice import Voice, silence
from firmware.config.schema import Menu
from firmware.door import events as door
from firmware.media.events import SoundEnded
from firmware.media.tones import CALL_RATE_HZ, Prompt
from firmware.outlets.voicexml import faults
from firmware.outlets.voicexml.expression import Value
from firmware.outlets.voicexml.faults import Thrown
from firmware.outlets.voicexml.signals import Done, Fetch, Utterances

if TYPE_CHECKING:
    from firmware.app.station import Station


class VisitorPlatform:
    """Belongs to the event loop and to one visitor."""

    is_proved = False
    caller = ""

    def __init__(self, station: Station, menu: Menu, start: door.StartMenu, library: Library, voice: Voice) -> None:
        self._station = station
        self._menu = menu
        self._visit = start.call
        self._keypad = start.keypad
        self._library = library
        self._voice = voice
        self._says = 0
        self.rings = ""  # whom the visitor has chosen
        self.then: list[door.Input] = []

    async def load(self, wanted: Fetch) -> tuple[str, bytes]:
        """As `Library.load`."""
        return await beside("menu", lambda: self._library.load(Wanted(wanted.url, wanted.method, wanted.fields)))

    async def say(self, utterances: Utterances) -> None:
        """Until it was heard. Cancelled, it falls silent: whatever plays instead goes on. Raises MediaError."""
        samples = await beside("speech", lambda: self._voice.samples(utterances, self._library.load))
        if not samples:
            return
        self._says += 1
        prompt = Prompt(f"{self._visit} says {self._says}", (silence(FIRST_S) if self._says == 1 else b"") + samples)
        self._station.sound.engine.play(prompt)
        played_s = len(prompt.samples) / 2 / CALL_RATE_HZ
        try:
            await self._station.wait_for(lambda event: isinstance(event, SoundEnded) and event.name == prompt.name, played_s + LATE_S)
        except asyncio.CancelledError:
            self._station.sound.stop_prompt(prompt.name)
            raise

    def hush(self) -> None:
        """What is said ends with the work that says it."""

    async def record(self, name: str, seconds_max: float, *, beep: bool, enough: asyncio.Event) -> Done:
        """Raises Thrown."""
        raise Thrown(NO_RESOURCE, "nothing is recorded of a visitor")

    async def ask(self, classid: str, params: dict[str, Value]) -> Done:
        """Raises Thrown: for an object that is not there, or not for visitors."""
        match classid:
            case "portero:open":
                return await wish(self._station, self._visit, params, self._is_word)
            case "portero:ring" | "portero:status":
                raise Thrown(faults.NO_AUTHORIZATION, f"{classid} is not for visitors")
            case _:
                raise Thrown(faults.UNSUPPORTED_OBJECT, f"there is no object {classid[:60]!r}")

    def _is_word(self, event: object) -> bool:
        match event:
            case door.KeypadRefused(keypad=keypad):
                return keypad == self._keypad
            case door.Unlocked(grant=door.Grant.PIN, party=party) | door.OpeningRefused(grant=door.Grant.PIN, party=party):
                return party == f"keypad {self._keypad}"
            case _:
                return False

    async def connect(self, dest: str, *, is_bridge: bool) -> bool:
        """Whom the menu may call is rung when the menu is over: they talk at the panel, where the visitor stands. Raises Thrown."""
        self.rings = target_of(self._station.settings, self._menu, dest).name
        return False
