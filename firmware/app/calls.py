"""Call legs: the door's words on one side, the user agent's commands and events on the other.

A leg begins with the door's Ring or the agent's IncomingCall and ends with the agent's CallEnded, once. `legs` keeps those that live,
`leg_media` their sound, `transfers` who else is to be at the other end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType

from firmware.app.call_stages import NO_SOUND, reason_header, stage_of_end
from firmware.app.leg import Leg
from firmware.app.leg_media import LegMedia
from firmware.app.legs import Legs
from firmware.app.transfers import STATUS_NO_RESOURCES, Transfers, address_of
from firmware.door import events as door
from firmware.errors import MediaError, RemoteProtocolError
from firmware.sdp.direction import Direction
from firmware.sdp.media_session import MediaSession
from firmware.sip import events as sip
from firmware.sip.notices import CallOrdered
from firmware.sip.replaces import Join
from firmware.sip.uri import Uri

log = logging.getLogger("portero.calls")


class Calls:
    """Every leg of the station. Single-threaded: belongs to the event loop."""

    def __init__(
        self,
        *,
        command: Callable[[sip.Command], None],
        tell: Callable[[door.Input], None],
        media: LegMedia,
        listed: Mapping[str, str] = MappingProxyType({}),
        targets: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`listed`: the targets of the configuration by address, user@host in lower case: their digits count after a transfer as well.

        `targets`: the same by their whole URI: who is called so is that target.
        """
        self._command = command
        self._tell = tell
        self._legs = Legs(command=command, tell=tell, media=media)
        self._transfers = Transfers(self._legs, listed=listed, targets=targets)

    @property
    def legs(self) -> tuple[Leg, ...]:
        return self._legs.all

    @property
    def current(self) -> Leg | None:
        """The leg that an operator means: the answered one, else the first that lives."""
        return self._legs.current

    # --- what the door wants ------------------------------------------------------------------------------------------

    def ring(self, effect: door.Ring) -> None:
        """Place a call. What keeps it from being placed is told to the door as an unreachable phone."""
        leg = Leg(sip.CallKey(effect.call), incoming=False, account=effect.account)
        try:
            target = Uri.parse(effect.uri)
            media = self._legs.local_media(leg)
        except (MediaError, RemoteProtocolError) as error:
            log.error("call %s cannot be placed: %s", effect.call, error)
            self._legs.moved(leg, door.Stage.UNREACHABLE, str(error))
            return
        self._legs.add(leg)
        account = None if effect.account is None else sip.AccountName(effect.account)
        join = self._transfers.pop_join(effect.call)
        wish = self._transfers.pop_wish(effect.call)
        if wish is not None:
            self._command(sip.AcceptTransfer(transfer=wish, call=leg.key, media=media))
            return
        self._command(sip.Invite(call=leg.key, target=target, account=account, media=media, join=join, display_name=effect.flat))

    def end(self, effect: door.End) -> None:
        """End a leg in any state; one that has ended already is no error, both sides may hang up at once."""
        for leg in self._legs.named(effect.call):
            self._legs.end(leg, reason=reason_header(effect.reason))

    def offer(self, effect: door.Offer) -> None:
        """Tell a caller that it rings."""
        if self._legs.get(effect.call) is not None:
            self._command(sip.Ring(call=sip.CallKey(effect.call)))

    def progress(self, leg: Leg) -> None:
        """Let sound flow before a waiting call is answered (183), because an operator wants it. Raises MediaError."""
        self._command(sip.Progress(call=leg.key, media=self._legs.local_media(leg)))

    def accept(self, effect: door.Accept) -> None:
        """Answer a call; one that cannot be heard is refused."""
        leg = self._legs.get(effect.call)
        if leg is None:
            return  # its caller gave up meanwhile, and the door is being told
        try:
            media = self._legs.local_media(leg)
        except MediaError as error:
            log.error("call %s cannot be answered: %s", effect.call, error)
            self._legs.end(leg, status=STATUS_NO_RESOURCES)
            self._legs.moved(leg, door.Stage.LOST, str(error))
            return
        leg.apart, leg.announces = effect.apart, effect.announces
        if effect.announces:
            # No port for a picture, and nothing of the sound leaves: what is not sent, nobody can hear or see.
            media = media._replace(video=None)
        direction = Direction.RECVONLY if effect.announces else Direction.SENDRECV
        self._command(sip.Answer(call=leg.key, media=media, by_itself=effect.by_itself, direction=direction))

    def admit(self, effect: door.Admit) -> None:
        """The call is heard at the panel from now on, and the panel is heard and seen in it."""
        leg = next((leg for leg in self._legs.named(effect.call) if leg.streaming), None)
        if leg is not None and leg.session is not None:  # else it is over meanwhile, and the door is being told
            self._legs.admit(leg, leg.session)

    def refuse(self, effect: door.Refuse) -> None:
        """Turn a caller away with the status of the refusal."""
        leg = self._legs.get(effect.call)
        if leg is not None:
            self._legs.end(leg, status=effect.refusal.value)

    def joining(self, dialog: Join) -> str:
        """A name for the call that shall enter the conversation of that dialog elsewhere; only the newest such wish counts."""
        return self._transfers.joining(dialog)

    def confer(self, effect: door.Confer) -> None:
        """These calls are one conversation: the other sides are told, and the engine mixes."""
        self._transfers.confer(effect.calls)

    # --- what the user agent tells --------------------------------------------------------------------------------------

    def on_event(self, event: sip.Event) -> None:
        """Take one event of the agent; those that are not about a leg are ignored."""
        match event:
            case sip.IncomingCall():
                self._incoming(event)
            case sip.CallTurnedAway(caller=caller, is_private=is_private):
                self._tell(door.CallTurnedAway(caller=address_of(caller.uri), is_private=is_private))
            case sip.TransferRequested():
                self._transfers.requested(event)
            case sip.ReferRequested():
                self._transfers.referred(event)
            case sip.DismissalRequested():
                self._transfers.dismiss(event)
            case sip.CallEnded(call=call) if leg := self._legs.pop(call):
                self._ended(leg, event)
            case (
                sip.CallProgress(call=call)
                | sip.MediaAgreed(call=call)
                | sip.CallAnswered(call=call)
                | CallOrdered(call=call)
                | sip.RemoteChanged(call=call)
                | sip.TransferProgress(call=call)
            ) if leg := self._legs.get(call):
                self._on_leg(leg, event)
            case _:
                pass

    def _on_leg(
        self,
        leg: Leg,
        event: sip.CallProgress | sip.MediaAgreed | sip.CallAnswered | CallOrdered | sip.RemoteChanged | sip.TransferProgress,
    ) -> None:
        match event:
            case sip.CallProgress(status=status):
                if status == 180 and not leg.progressed:
                    leg.progressed = True
                    self._legs.moved(leg, door.Stage.RINGING)
            case sip.MediaAgreed(session=session, early=early):
                self._agreed(leg, session, early=early)
            case sip.CallAnswered(remote=remote, is_encrypted=encrypted):
                leg.address = address_of(remote.uri)
                leg.encrypted = encrypted
                self._answered(leg)
            case CallOrdered(order=order):
                self._ordered(leg, order)
            case sip.RemoteChanged(remote=remote):
                if leg.address != address_of(remote.uri):
                    leg.address = address_of(remote.uri)
                    self._transfers.changed(leg, remote.uri)
            case sip.TransferProgress():
                self._transfers.progress(leg, event)

    def lost(self, call: str) -> None:
        """A leg's sound has died: end it. The door learns it from the same media event."""
        for leg in self._legs.all:
            if leg.sound == call and leg.streaming:
                self._legs.end(leg, reason=NO_SOUND)

    def digits_of(self, call: sip.CallKey) -> door.CallName:
        """The call at the door that digits of this leg are for."""
        leg = self._legs.get(call)
        return door.CallName(str(call) if leg is None else leg.sound)

    def _incoming(self, event: sip.IncomingCall) -> None:
        replaced = None if event.replaces is None else self._legs.get(event.replaces)
        if replaced is not None and replaced.answered and not replaced.ended_by_us and replaced.may_be_handed_on:
            self._transfers.replacing(event, replaced)
            return
        joined = None if event.joins is None else self._legs.get(event.joins)
        leg = self._legs.add(Leg(event.call, incoming=True, account=event.account))
        leg.proved = event.asserted is not None or event.is_authenticated
        wish = event.auto_answer
        # From is written by whoever sends it; what a trusted server asserts is as good as proved (RFC 3325 §5).
        uri = (event.asserted or event.caller).uri
        self._tell(
            door.IncomingCall(
                call=door.CallName(event.call),
                caller=address_of(uri),
                wants_auto_answer=wish is not None,
                authenticated=leg.proved,
                joins=door.CallName("" if joined is None else joined.name),
                answer_after_s=0.0 if wish is None else float(wish.delay_s),
                insists=wish is not None and wish.is_required,
                diverted_by=address_of(event.diversions[0].address.uri) if event.diversions else "",
                is_private=event.is_private,
                wants_in=event.is_conference,
            )
        )

    def _agreed(self, leg: Leg, session: MediaSession, *, early: bool) -> None:
        leg.session = session
        if leg.streaming:
            relatch, leg.early = leg.early and not early, early
            self._legs.update_sound(leg, session, relatch=relatch)
        elif leg.follows is None and not leg.ended_by_us and not (early and any(other.streaming for other in self._legs.all)):
            # Of several phones that send sound before they answer, the visitor hears the first.
            leg.early = early
            if self._legs.start_sound(leg, session) and early:
                self._legs.moved(leg, door.Stage.EARLY_MEDIA)

    def _answered(self, leg: Leg) -> None:
        if leg.follows is not None:
            self._transfers.take_over(leg, leg.follows)
            return
        leg.answered = True
        leg.early = False
        if leg.session is not None and not leg.streaming and not leg.ended_by_us:
            self._legs.start_sound(leg, leg.session)
        self._legs.moved(leg, door.Stage.ANSWERED, encrypted=leg.encrypted)

    def _ordered(self, leg: Leg, order: str) -> None:
        """The PBX's desk has clicked: hold, or talk, which answers what rings and resumes what is held."""
        if order == "talk" and leg.incoming and not leg.answered:
            self._tell(door.Operate(verb=door.Verb.ANSWER))
        elif leg.answered:
            self._command(sip.Hold(call=leg.key) if order == "hold" else sip.Resume(call=leg.key))

    def _ended(self, leg: Leg, event: sip.CallEnded) -> None:
        self._legs.media.silence(leg)
        if leg.follows is not None:
            self._transfers.failed(leg, leg.follows)
        elif not leg.ended_by_us and self._legs.successor(leg) is None:
            detail = f"{event.status} {event.text}".strip() if event.status else event.text
            stage = stage_of_end(event, answered=leg.answered, incoming=leg.incoming, rang=leg.progressed)
            self._legs.moved(leg, stage, detail)
