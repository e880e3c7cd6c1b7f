"""The station as outlets see it (`outlets.seam`): the control verbs, the journal's rows, the stream of records."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Final

from firmware.app.control.protocol import ControlError, Request
from firmware.app.control.user_verbs import USER_VERBS
from firmware.app.control.verbs import VERBS, perform
from firmware.app.journal.store import Entry
from firmware.app.station import Station
from firmware.door.events import DoorRecord, LoginRefused
from firmware.errors import JournalError
from firmware.outlets.seam import Json, KeptPicture, Names, Refused, Row, Subscriber, part

# What outlets may ask for. Everything else of `portero ctl` stays with whoever has a shell on the device.
OFFERED: Final = ("status", "press", "flat", "call", "hangup", "lock", "dnd")


class StationHouse:
    """Belongs to the event loop."""

    def __init__(self, station: Station) -> None:
        settings = station.settings
        self._station = station
        self._verbs = {name: VERBS[name] for name in OFFERED} | USER_VERBS
        self.names = Names(
            station=settings.station.name,
            locks=tuple(lock.name for lock in settings.lock),
            held=tuple(lock.name for lock in settings.lock if lock.may_hold),
            buttons=tuple(button.name for button in settings.button),
            targets=tuple(target.name for target in settings.target),
            keypads=settings.flats.keypads,
            flats=tuple((flat.number, flat.name) for flat in settings.flat),
            contacts=tuple((contact.name, contact.kind) for contact in settings.contact),
            sees=settings.camera.source != "none" and settings.camera.snapshot != "never",
        )

    async def perform(self, verb: str, *args: str, by: str) -> Json:
        """As `portero ctl VERB ARGS`. Raises Refused."""
        try:
            result = await perform(self._station, self._verbs, Request(verb=verb, args=args, by=by))
        except ControlError as error:
            raise Refused(error.code, str(error)) from error
        if verb == "lock" and (fault := part(result, "fault")) is not None:  # written down, and told, but nothing opened
            raise Refused("not_now", f"the lock {args[0]} stays shut: {str(fault).replace('_', ' ')}")
        return result

    async def rows(self, *, before: int | None = None, kinds: tuple[str, ...] = (), limit: int) -> tuple[Row, ...]:
        """Rows of the journal, the newest first. Raises Refused."""
        upper = 1 << 62 if before is None else before
        try:
            entries = await self._station.journal.query(before=upper, kinds=kinds, newest_first=True, limit=limit)
        except JournalError as error:
            raise Refused("not_now", str(error)) from error
        return tuple(map(_row, entries))

    def pictures(self, most: int) -> tuple[KeptPicture, ...]:
        """The newest pictures of rings, the newest first."""
        if not self.names.sees:
            return ()
        from firmware.app.ring_pictures import kept

        return tuple(KeptPicture(*each) for each in kept(Path(self._station.settings.camera.path), most))

    async def picture(self, file: str) -> bytes:
        """The JPEG of this name. Raises Refused."""
        if self.names.sees:
            from firmware.app.ring_pictures import read

            found = await asyncio.to_thread(read, Path(self._station.settings.camera.path), file)
            if found is not None:
                return found
        raise Refused("not_found", "there is no such picture")

    async def follow(self, after: int | None) -> AsyncGenerator[Row, None]:
        """Each new row; ends when the journal cannot be read."""
        try:
            if after is None:
                newest = await self._station.journal.query(newest_first=True, limit=1)
                after = newest[0].id if newest else 0
            entries = self._station.journal.follow(after=after)
            try:
                async for entry in entries:
                    yield _row(entry)
            finally:
                await entries.aclose()
        except JournalError:
            return

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Tell of each record, with the wall clock's time."""

        def observer(_at_s: float, event: object) -> None:
            if isinstance(event, DoorRecord):
                subscriber(time.time(), event)

        return self._station.observers.add(observer)

    def tell(self, record: LoginRefused) -> None:
        self._station.inbox.put(record)


def _row(entry: Entry) -> Row:
    return Row(id=entry.id, at_s=entry.at_s, kind=entry.kind, fields=json.loads(entry.body))
