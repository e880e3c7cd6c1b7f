"""What a menu can have done in a call at this door: speech in, keys are the door's; opening, ringing and calling by the door's own words.

- `portero:open`: a lock, with a code or, where the configuration says so, without
- `portero:ring`: whether the bell rings at the caller's own phone, told and set
- `portero:status`: what is open, and whether the station is well
- `portero:panel`, as a transfer's destination: the caller talks to whoever stands there
- `portero:TARGET`, likewise: a target of `calls` is called in (bridge), or the caller is sent there (REFER)
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from firmware.app.beside import beside
from firmware.app.voicexml.documents import Library, Wanted
from firmware.app.voicexml.keeping import keep
from firmware.app.voicexml.opening import DECIDED_S_MAX, wish
from firmware.app.voicexml.voice import Voice, silence
from firmware.app.wiring.accounts import listed_addresses
from firmware.config.schema import Menu, Settings, Target
from firmware.door import events as door
from firmware.door.state import leg_in_talk
from firmware.errors import MediaError
from firmware.media.events import SoundEnded
from firmware.media.tones import BEEP, CALL_RATE_HZ, Prompt
from firmware.outlets.voicexml import faults
from firmware.outlets.voicexml.expression import Value, truth
from firmware.outlets.voicexml.faults import Thrown
from firmware.outlets.voicexml.signals import Done, Fetch, Utterances
from firmware.sip import events as sip
from firmware.sip.uri import Uri

if TYPE_CHECKING:
    from firmware.app.leg import Leg
    from firmware.app.station import Station

MOVED_S_MAX: Final = 60.0  # the target rings, and a person decides
FIRST_S: Final = 0.3  # before the first word: the way of the sound may not be open yet
LATE_S: Final = 1.0  # after the time of what plays: its end was not told, because the panel's own sounds took its place
NO_RESOURCE: Final = "error.noresource"
CALL_FAILED: Final = {486: "busy", 600: "busy", 408: "noanswer", 480: "noanswer", 487: "noanswer"}  # §2.3.7.2; others are "unknown"


class CallPlatform:
    """Belongs to the event loop and to one call."""

    def __init__(self, station: Station, menu: Menu, call: door.CallName, library: Library, voice: Voice) -> None:
        self._station = station
        self._menu = menu
        self._call = call
        self._library = library
        self._voice = voice
        self._says = 0
        self.rings = ""  # at the panel: a caller rings nobody
        self.then: list[door.Input] = []  # to be told to the door when the caller has left the menu

    @property
    def leg(self) -> Leg | None:
        """The call's leg, None when it is gone."""
        return next((leg for leg in self._station.calls.legs if leg.name == self._call and not leg.ended_by_us), None)

    @property
    def caller(self) -> str:
        """Who calls, user@host, as the door knows it."""
        leg = leg_in_talk(self._station.bridge.state, self._call)
        return "" if leg is None else leg.party.name

    @property
    def is_proved(self) -> bool:
        """Whether the caller has proved to be that."""
        leg = self.leg
        return leg is not None and leg.proved

    async def load(self, wanted: Fetch) -> tuple[str, bytes]:
        """As `Library.load`."""
        return await beside("menu", lambda: self._library.load(Wanted(wanted.url, wanted.method, wanted.fields)))

    # --- sound --------------------------------------------------------------------------------------------------------------

    async def say(self, utterances: Utterances) -> None:
        """Until it was heard. Raises MediaError."""
        samples = await beside("speech", lambda: self._voice.samples(utterances, self._library.load))
        leg = self.leg
        if leg is None or not leg.streaming or not samples:
            return
        self._says += 1
        prompt = Prompt(f"{self._call} says {self._says}", (silence(FIRST_S) if self._says == 1 else b"") + samples)
        self._station.sound.engine.play(prompt, to_speaker=False, to_call=leg.sound)
        played_s = len(prompt.samples) / 2 / CALL_RATE_HZ
        await self._station.wait_for(lambda event: isinstance(event, SoundEnded) and event.name == prompt.name, played_s + LATE_S)

    def hush(self) -> None:
        if self._station.sound.running:
            self._station.sound.engine.stop_playing()

    async def record(self, name: str, seconds_max: float, *, beep: bool, enough: asyncio.Event) -> Done:
        """As `Session` wants it. Raises Thrown."""
        leg = self.leg
        if leg is None or not leg.streaming:
            raise Thrown(NO_RESOURCE, "the call has no sound")
        if self._station.settings.recording.calls != "never":
            raise Thrown(NO_RESOURCE, "calls are recorded as a whole here (recording.calls)")
        if beep:
            self._station.sound.engine.play(BEEP, to_speaker=False, to_call=leg.sound)
        try:
            return await keep(self._station.sound, self._station.settings.voicexml.recordings, name, seconds_max, enough)
        except MediaError as error:
            raise Thrown(NO_RESOURCE, str(error)) from error

    # --- objects ------------------------------------------------------------------------------------------------------------

    async def ask(self, classid: str, params: dict[str, Value]) -> Done:
        """Raises Thrown: for an object that is not there, or parameters that say nothing."""
        match classid:
            case "portero:open":
                return await wish(self._station, self._call, params, self._is_word)
            case "portero:ring":
                return await self._ring(params)
            case "portero:status":
                return self._status()
            case _:
                raise Thrown(faults.UNSUPPORTED_OBJECT, f"there is no object {classid[:60]!r}")

    def _is_word(self, event: object) -> bool:
        return isinstance(event, door.Unlocked | door.OpeningRefused | door.CodeRefused) and event.call == self._call

    async def _ring(self, params: dict[str, Value]) -> Done:
        """Tell, or set, whether the bell rings at the caller's own phone. Who has not proved to be that target is nobody's business."""
        own = listed_addresses(self._station.settings).get(self.caller) if self.is_proved else None
        if own is None:
            raise Thrown(faults.NO_AUTHORIZATION, "the caller is no proven target")
        if "on" in params:
            quiet = not truth(params["on"])
            if (own in self._station.bridge.state.quiet) is not quiet:
                self._station.inbox.put(door.SetQuiet(target=own, quiet=quiet, by=f"menu {self._menu.name}"))
                await self._station.wait_for(lambda event: isinstance(event, door.QuietChanged) and event.target == own, DECIDED_S_MAX)
        return Done("off" if own in self._station.bridge.state.quiet else "on")

    def _status(self) -> Done:
        state, health = self._station.bridge.state, self._station.health
        stand_open = sorted(state.locks.keys() | state.held)
        return Done(
            "well" if not health else "ill",
            (("open", ", ".join(stand_open)), ("wrong", ", ".join(sorted(health))), ("registered", self._is_registered())),
        )

    def _is_registered(self) -> bool:
        return all(each.working for each in self._station.line.registrations.values())

    # --- transfers ----------------------------------------------------------------------------------------------------------

    async def connect(self, dest: str, *, is_bridge: bool) -> bool:
        """Only to targets that the menu may call. Raises Thrown."""
        target = target_of(self._station.settings, self._menu, dest)
        if is_bridge:
            self.then.append(door.Bring(target=target.name, by=f"menu {self._menu.name}"))
            return True
        await self._send_to(Uri.parse(target.uri))
        return False

    async def _send_to(self, target: Uri) -> None:
        """Ask the caller's phone to call there (REFER). Raises Thrown when it does not come to that."""
        leg = self.leg
        if leg is None:
            raise Thrown(faults.HANG_UP, "the caller has gone")
        self._station.line.command(sip.Transfer(call=leg.key, target=target))
        done = await self._station.wait_for(
            lambda event: isinstance(event, sip.TransferProgress) and event.call == leg.key and event.is_done, MOVED_S_MAX
        )
        if not isinstance(done, sip.TransferProgress) or done.status >= 300:
            status = done.status if isinstance(done, sip.TransferProgress) else 0
            raise Thrown("error.connection.noroute", f"the caller was not transferred ({CALL_FAILED.get(status, status or 'no outcome')})")


def target_of(settings: Settings, menu: Menu, dest: str) -> Target:
    """Whom a transfer means. Raises Thrown when there is nobody of that name, or none whom the menu may call."""
    name = dest.removeprefix("portero:")
    target = next((each for each in settings.target if name in (each.name, each.uri)), None)
    if target is None:
        raise Thrown(faults.BAD_DESTINATION, f"there is no target {name[:60]!r}")
    if target.name not in menu.calls:
        raise Thrown(faults.NO_AUTHORIZATION, f"the menu may not call {target.name}")
    return target
