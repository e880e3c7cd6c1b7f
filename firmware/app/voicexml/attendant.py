"""The attendant: begins a menu when the door says so, hands it the keys of caller or visitor, and tells the door when it is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from firmware.app.bridge_door import MenuEffect
from firmware.app.voicexml.documents import Library
from firmware.app.voicexml.platform import CallPlatform
from firmware.app.voicexml.session import Session
from firmware.app.voicexml.visitor import VisitorPlatform
from firmware.app.voicexml.voice import Voice
from firmware.config.schema import Menu
from firmware.door import events as door
from firmware.outlets.voicexml.expression import Value
from firmware.outlets.voicexml.signals import KeyHeard

if TYPE_CHECKING:
    from firmware.app.station import Station

log: Final = logging.getLogger("portero.voicexml")

PARTING_S: Final = 10.0  # how long a document may still submit after its caller or visitor has gone


class Attendant:
    """Belongs to the event loop. `obey` takes the door's words."""

    def __init__(self, station: Station) -> None:
        settings = station.settings
        wanted = settings.voicexml
        self._station = station
        self._menus = {menu.name: menu for menu in settings.menu}
        self._libraries = {menu.name: Library(wanted, menu.document, settings.station.user_agent) for menu in settings.menu}
        self._voice = Voice(Path(wanted.speech), Path(wanted.recordings), wanted.language)
        self._sessions: dict[str, Session] = {}
        self._limits: dict[str, asyncio.TimerHandle] = {}

    def obey(self, effect: MenuEffect) -> None:
        """Do what the door wants."""
        match effect:
            case door.StartMenu():
                self._start(effect)
            case door.MenuKey(call=call, key=key) if session := self._sessions.get(call):
                session.receive(KeyHeard(key))
            case door.StopMenu(call=call) if session := self._sessions.get(call):
                self._limit(call, PARTING_S)
                session.hung_up()
            case door.MenuKey() | door.StopMenu():
                pass  # its last word is said

    def close(self) -> None:
        """The station stops."""
        for call in tuple(self._sessions):
            self._forget(call)

    def _start(self, effect: door.StartMenu) -> None:
        call, menu = effect.call, self._menus[effect.menu]
        library = self._libraries[menu.name]
        platform = self._platform(effect, menu, library)
        session: dict[str, Value] = {
            "connection.remote.uri": f"sip:{platform.caller}" if platform.caller else "",
            "connection.local.uri": self._station.settings.station.name,
            "connection.protocol.name": "" if effect.keypad else "sip",
            "connection.protocol.version": "" if effect.keypad else "2.0",
            "portero.menu": menu.name,
            "portero.keypad": effect.keypad,
            "portero.proved": platform.is_proved,
        }
        log.info("%s hears the menu %s", f"a visitor at keypad {effect.keypad}" if effect.keypad else f"call {call}", menu.name)
        begun = Session(menu.name, session, platform, self._survive, lambda talks: self._over(call, platform, talks=talks))
        self._sessions[call] = begun
        self._limit(call, self._station.settings.voicexml.session_s)
        begun.start(library.start)

    def _platform(self, effect: door.StartMenu, menu: Menu, library: Library) -> CallPlatform | VisitorPlatform:
        if effect.keypad:
            return VisitorPlatform(self._station, menu, effect, library, self._voice)
        return CallPlatform(self._station, menu, effect.call, library, self._voice)

    async def _survive(self, work: Awaitable[None]) -> bool:
        # A document that a house got wrong must not cost it its door.
        return await self._station.supervisor.survive("menu", work, is_vital=False)

    def _limit(self, call: door.CallName, seconds: float) -> None:
        before = self._limits.pop(call, None)
        if before is not None:
            before.cancel()
        self._limits[call] = self._station.loop.call_later(seconds, self._too_long, call)

    def _too_long(self, call: door.CallName) -> None:
        log.warning("%s was in its menu for too long", call)
        self._forget(call)
        self._station.inbox.put(door.MenuOver(call=call, talks=False))

    def _over(self, call: door.CallName, platform: CallPlatform | VisitorPlatform, *, talks: bool) -> None:
        self._forget(call)
        for given in (door.MenuOver(call=call, talks=talks, rings=platform.rings), *platform.then):
            self._station.inbox.put(given)

    def _forget(self, call: str) -> None:
        limit = self._limits.pop(call, None)
        if limit is not None:
            limit.cancel()
        session = self._sessions.pop(call, None)
        if session is not None:
            session.close()
