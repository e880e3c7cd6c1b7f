"""The living legs of the station, and what may be done to any one of them: begin its sound, end it, tell the door of its stage."""

from __future__ import annotations

import logging
from collections.abc import Callable

from firmware.app.call_stages import NO_SOUND
from firmware.app.leg import Leg
from firmware.app.leg_media import LegMedia
from firmware.door import events as door
from firmware.errors import MediaError
from firmware.sdp.media_session import LocalMedia, MediaSession
from firmware.sip import events as sip

log = logging.getLogger("portero.calls")


class Legs:
    """A table of legs by the user agent's key. The door may have a leg under another name: that of the call which it carries on."""

    def __init__(self, *, command: Callable[[sip.Command], None], tell: Callable[[door.Input], None], media: LegMedia) -> None:
        self.command = command
        self.tell = tell
        self.media = media
        self._legs: dict[sip.CallKey, Leg] = {}

    @property
    def all(self) -> tuple[Leg, ...]:
        return tuple(self._legs.values())

    @property
    def living(self) -> tuple[Leg, ...]:
        """Those that we have not ended."""
        return tuple([leg for leg in self._legs.values() if not leg.ended_by_us])

    @property
    def current(self) -> Leg | None:
        """The leg that an operator means: the answered one, else the first that lives."""
        return next((leg for leg in self.living if leg.answered), next(iter(self.living), None))

    def get(self, key: str) -> Leg | None:
        return self._legs.get(sip.CallKey(key))

    def add(self, leg: Leg) -> Leg:
        self._legs[leg.key] = leg
        return leg

    def pop(self, key: sip.CallKey) -> Leg | None:
        return self._legs.pop(key, None)

    def named(self, name: str) -> tuple[Leg, ...]:
        """The legs of the door's call of that name."""
        return tuple([leg for leg in self._legs.values() if leg.name == name])

    def successor(self, old: Leg) -> Leg | None:
        """The leg that shall take this one's place."""
        return next((leg for leg in self.living if leg.follows is old), None)

    def moved(self, leg: Leg, stage: door.Stage, detail: str = "", *, encrypted: bool = False) -> None:
        """Tell the door of the leg's stage."""
        self.tell(door.CallMoved(call=door.CallName(leg.name), stage=stage, detail=detail, encrypted=encrypted))

    def end(self, leg: Leg, *, reason: sip.Reason | None = None, status: int = 603) -> None:
        """Hang up, or refuse with `status`. Sound stops with the decision to end, not with the other side's consent to it."""
        if not leg.ended_by_us:
            leg.ended_by_us = True
            self.command(sip.HangUp(call=leg.key, reason=reason, status=status))
            self.media.silence(leg)

    # --- sound ------------------------------------------------------------------------------------------------------------

    def local_media(self, leg: Leg) -> LocalMedia:
        """What we can do in this leg. Raises MediaError."""
        return self.media.local(leg)

    def start_sound(self, leg: Leg, session: MediaSession) -> bool:
        """Whether it is heard now."""
        return self._guarded(leg, lambda: self.media.start(leg, session))

    def update_sound(self, leg: Leg, session: MediaSession, *, relatch: bool) -> None:
        self._guarded(leg, lambda: self.media.update(leg, session, relatch=relatch))

    def admit(self, leg: Leg, session: MediaSession) -> None:
        leg.apart = False
        self._guarded(leg, lambda: self.media.admit(leg, session))

    def _guarded(self, leg: Leg, step: Callable[[], bool | None]) -> bool:
        """Whether the step was taken. A leg whose sound cannot be had is of no use to a visitor: it ends."""
        try:
            return step() is not False
        except MediaError as error:
            log.error("call %s has no sound: %s", leg.key, error)
            self.end(leg, reason=NO_SOUND)
            self.moved(leg, door.Stage.LOST, str(error))
            return False
