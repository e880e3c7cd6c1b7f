"""Call legs: the door's words on one side, the user agent's commands and events on the other, and the sound that belongs to each leg.

A leg begins with the door's Ring or the agent's IncomingCall and ends with the agent's CallEnded, once. Its media port is opened before the
offer is made and handed to the sound engine with the first agreement; whoever owns it last closes it.

A transfer gives the door's call another leg: the new one bears the old one's name at the door and takes over when it is answered. Digits of
the new party count only when the configuration lists it; else its sound runs under a name that the door does not know.

A conference is several answered legs of one conversation at the door, whose streams the engine mixes. Then a REFER does not move its sender
elsewhere, but asks for somebody more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from firmware.app.call_stages import NO_SOUND, reason_header, stage_of_end
from firmware.app.leg import Leg
from firmware.door import events as door
from firmware.errors import MediaError, RemoteProtocolError
from firmware.media.session import MediaPort
from firmware.sdp.codec import Codec
from firmware.sdp.ice import IceCredentials
from firmware.sdp.offer_answer import LocalMedia, MediaSession
from firmware.sdp.protection import PLAIN, Protection
from firmware.sip import events as sip
from firmware.sip.names import TransferKey
from firmware.sip.notices import CallOrdered
from firmware.sip.replaces import Join
from firmware.sip.uri import Uri

if TYPE_CHECKING:  # few doors have a camera
    from firmware.sdp.video import LocalVideo

log = logging.getLogger("portero.calls")

WISHES_MAX = 8  # REFERs that wait for the door's word; as many as the user agent keeps
STATUS_NO_CALL = 480  # §21.4.18: we call nobody just because somebody says so
STATUS_NOT_THERE = 404  # §21.4.5
STATUS_NO_RESOURCES = 500  # RFC 3261 §21.5.1: we cannot take the call for a reason of our own


class CallSound(Protocol):
    """What a leg needs of the sound engine; `media.engine.Engine` has it."""

    def start(self, call: str, port: MediaPort, session: MediaSession) -> None: ...
    def update(self, call: str, session: MediaSession, *, relatch: bool = False) -> None: ...
    def stop(self, call: str) -> None: ...
    def confer(self, *, joined: bool) -> None: ...
    def keep_apart(self, call: str, *, apart: bool) -> None: ...


class CallPicture(Protocol):
    """What a leg needs of the camera; `app.pictures.Pictures` has it. Nothing is raised: a picture that is not to be had is no reason."""

    def open(self, leg: str, protection: Protection) -> LocalVideo | None: ...
    def show(self, leg: str, call: str, session: MediaSession) -> None: ...
    def stop(self, leg: str) -> None: ...


class Calls:
    """Every leg of the station. Single-threaded: belongs to the event loop."""

    def __init__(
        self,
        *,
        command: Callable[[sip.Command], None],
        tell: Callable[[door.Input], None],
        sound: CallSound,
        open_port: Callable[[], MediaPort],
        codecs: tuple[Codec, ...],
        ptime_ms: int,
        session_id: Callable[[], int],
        listed: Mapping[str, str] = MappingProxyType({}),
        targets: Mapping[str, str] = MappingProxyType({}),
        protection: Callable[[str | None], Protection] = lambda _account: PLAIN,
        rtcp_mux: bool = False,
        rtcp_xr: bool = False,
        ice: Callable[[], IceCredentials | None] = lambda: None,
        ice_lite: bool = True,
        picture: CallPicture | None = None,
    ) -> None:
        """`listed`: the targets of the configuration by address, user@host in lower case: their digits count after a transfer as well.

        `targets`: the same by their whole URI: who is called so is that target. `protection`: how sound may be encrypted in a call through
        that account, with keys for one leg.
        """
        self._command = command
        self._tell = tell
        self._sound = sound
        self._open_port = open_port
        self._codecs = codecs
        self._ptime_ms = ptime_ms
        self._session_id = session_id
        self._listed = listed
        self._targets = targets
        self._protection = protection
        self._rtcp_mux = rtcp_mux
        self._rtcp_xr = rtcp_xr
        self._ice = ice
        self._ice_lite = ice_lite
        self._picture = picture
        self._moves = 0
        self._asked = 0
        self._wishes: dict[door.CallName, TransferKey] = {}  # REFERs that become a call as soon as the door wants it
        self._joins: dict[door.CallName, Join] = {}  # conversations elsewhere that a call of this name shall enter
        self._conference: tuple[door.CallName, ...] = ()
        self._legs: dict[sip.CallKey, Leg] = {}

    @property
    def legs(self) -> tuple[Leg, ...]:
        return tuple(self._legs.values())

    @property
    def current(self) -> Leg | None:
        """The leg that an operator means: the answered one, else the first that lives."""
        living = [leg for leg in self._legs.values() if not leg.ended_by_us]
        return next((leg for leg in living if leg.answered), living[0] if living else None)

    # --- what the door wants ------------------------------------------------------------------------------------------

    def ring(self, effect: door.Ring) -> None:
        """Place a call. What keeps it from being placed is told to the door as an unreachable phone."""
        leg = Leg(sip.CallKey(effect.call), incoming=False, account=effect.account)
        try:
            target = Uri.parse(effect.uri)
            media = self._local_media(leg)
        except (MediaError, RemoteProtocolError) as error:
            log.error("call %s cannot be placed: %s", effect.call, error)
            self._moved(leg, door.Stage.UNREACHABLE, str(error))
            return
        self._legs[leg.key] = leg
        account = None if effect.account is None else sip.AccountName(effect.account)
        join = self._joins.pop(effect.call, None)
        wish = self._wishes.pop(effect.call, None)
        if wish is not None:
            self._command(sip.AcceptTransfer(transfer=wish, call=leg.key, media=media))
            return
        self._command(sip.Invite(call=leg.key, target=target, account=account, media=media, join=join))

    def end(self, effect: door.End) -> None:
        """End a leg in any state; one that has ended already is no error, both sides may hang up at once."""
        for leg in [leg for leg in self._legs.values() if leg.name == effect.call]:
            self._end_here(leg, reason=reason_header(effect.reason))

    def offer(self, effect: door.Offer) -> None:
        if sip.CallKey(effect.call) in self._legs:
            self._command(sip.Ring(call=sip.CallKey(effect.call)))

    def progress(self, leg: Leg) -> None:
        """Let sound flow before a waiting call is answered (183), because an operator wants it. Raises MediaError."""
        self._command(sip.Progress(call=leg.key, media=self._local_media(leg)))

    def accept(self, effect: door.Accept) -> None:
        leg = self._legs.get(sip.CallKey(effect.call))
        if leg is None:
            return  # its caller gave up meanwhile, and the door is being told
        try:
            media = self._local_media(leg)
        except MediaError as error:
            log.error("call %s cannot be answered: %s", effect.call, error)
            self._end_here(leg, status=STATUS_NO_RESOURCES)
            self._moved(leg, door.Stage.LOST, str(error))
            return
        leg.apart = effect.apart
        self._command(sip.Answer(call=leg.key, media=media, by_itself=effect.by_itself))

    def admit(self, effect: door.Admit) -> None:
        """The call is heard at the panel from now on, and the panel is heard and seen in it."""
        leg = next((leg for leg in self._legs.values() if leg.name == effect.call and leg.streaming), None)
        if leg is None or leg.session is None:
            return  # it is over meanwhile, and the door is being told
        leg.apart = False
        self._guard_sound(leg, lambda: self._sound.keep_apart(leg.sound, apart=False))
        self._show(leg, leg.session)

    def refuse(self, effect: door.Refuse) -> None:
        leg = self._legs.get(sip.CallKey(effect.call))
        if leg is not None:
            self._end_here(leg, status=effect.refusal.value)

    def joining(self, dialog: Join) -> str:
        """A name for the call that shall enter the conversation of that dialog elsewhere; only the newest such wish counts."""
        self._asked += 1
        name = f"join-{self._asked}"
        self._joins = {door.CallName(f"{name}.1"): dialog}
        return name

    def confer(self, effect: door.Confer) -> None:
        """These calls are one conversation: the other sides are told, and the engine mixes."""
        self._conference = effect.calls
        self._tell_focus()
        self._sound.confer(joined=bool(effect.calls))

    def _tell_focus(self) -> None:
        known = {leg.name: leg.key for leg in self._legs.values() if not leg.ended_by_us and leg.follows is None}
        self._command(sip.Confer(calls=tuple(known.get(name, sip.CallKey(name)) for name in self._conference)))

    # --- what the user agent tells --------------------------------------------------------------------------------------

    def on_event(self, event: sip.Event) -> None:
        """Take one event of the agent; those that are not about a leg are ignored."""
        match event:
            case sip.IncomingCall():
                self._incoming(event)
            case sip.CallTurnedAway(caller=caller, is_private=is_private):
                self._tell(door.CallTurnedAway(caller=_address(caller.uri), is_private=is_private))
            case sip.CallProgress(call=call, status=status) if leg := self._legs.get(call):
                if status == 180 and not leg.progressed:
                    leg.progressed = True
                    self._moved(leg, door.Stage.RINGING, "")
            case sip.MediaAgreed(call=call, session=session, early=early) if leg := self._legs.get(call):
                self._agreed(leg, session, early=early)
            case sip.CallAnswered(call=call, remote=remote, is_encrypted=encrypted) if leg := self._legs.get(call):
                leg.address = _address(remote.uri)
                leg.encrypted = encrypted
                self._answered(leg)
            case CallOrdered(call=call, order=order) if leg := self._legs.get(call):
                self._ordered(leg, order)
            case sip.CallEnded(call=call) if leg := self._legs.pop(call, None):
                self._ended(leg, event)
            case sip.TransferRequested():
                self._transfer(event)
            case sip.ReferRequested():
                self._referred(event)
            case sip.DismissalRequested(transfer=transfer, target=target):
                self._dismiss(transfer, _address(target))
            case sip.RemoteChanged(call=call, remote=remote) if (leg := self._legs.get(call)) and leg.address != _address(remote.uri):
                leg.address = _address(remote.uri)  # a port or parameter more is nobody else
                self._tell(self._changed(leg, remote.uri))
            case sip.TransferProgress(call=call, status=status, is_done=True) if (leg := self._legs.get(call)) and status < 300:
                # RFC 5589 §6.1: the transferor leaves when it knows that the transfer worked.
                self._end_here(leg)
                self._moved(leg, door.Stage.ENDED, "transferred")
            case _:
                pass

    def lost(self, call: str) -> None:
        """A leg's sound has died: end it. The door learns it from the same media event."""
        for leg in [leg for leg in self._legs.values() if leg.sound == call and leg.streaming]:
            self._end_here(leg, reason=NO_SOUND)

    def _ordered(self, leg: Leg, order: str) -> None:
        """The PBX's desk has clicked: hold, or talk, which answers what rings and resumes what is held."""
        if order == "talk" and leg.incoming and not leg.answered:
            self._tell(door.Operate(verb=door.Verb.ANSWER))
        elif leg.answered:
            self._command(sip.Hold(call=leg.key) if order == "hold" else sip.Resume(call=leg.key))

    def digits_of(self, call: sip.CallKey) -> door.CallName:
        """The call at the door that digits of this leg are for."""
        leg = self._legs.get(call)
        return door.CallName(str(call) if leg is None else leg.sound)

    # --- transfers ------------------------------------------------------------------------------------------------------

    def _transfer(self, event: sip.TransferRequested) -> None:
        """The other side wants us to talk to somebody else; who may wish that, the user agent's settings have said."""
        old = self._legs.get(event.call)
        # What is apart stays with the one who was answered.
        if old is None or not old.answered or old.ended_by_us or old.apart or self._successor(old) is not None:
            self._command(sip.RefuseTransfer(transfer=event.transfer))
            return
        if old.name in self._conference:
            self._bring(event.transfer, event.target, by=old.name)
            return
        self._moves += 1
        key = sip.CallKey(f"{old.name}-moved-{self._moves}")
        leg = Leg(
            key,
            incoming=False,
            account=old.account,
            follows=old,
            party=event.target,
            is_listed=_address(event.target) in self._listed,
        )
        try:
            media = self._local_media(leg)
        except MediaError as error:
            log.error("call %s cannot be transferred: %s", old.name, error)
            self._command(sip.RefuseTransfer(transfer=event.transfer, status=STATUS_NO_RESOURCES))
            return
        log.info("call %s is transferred to %s", old.name, event.target)
        self._legs[key] = leg
        self._command(sip.AcceptTransfer(transfer=event.transfer, call=key, media=media))

    def _referred(self, event: sip.ReferRequested) -> None:
        """Somebody asks us, outside of any call, to call a third one: into the conversation, if there is one."""
        if self.current is None or not self.current.answered:
            self._command(sip.RefuseTransfer(transfer=event.transfer, status=STATUS_NO_CALL))
        else:
            self._bring(event.transfer, event.target, by=_address(event.referrer.uri))

    def _dismiss(self, transfer: TransferKey, address: str) -> None:
        """Somebody wants one of a conversation of several to be hung up on; nobody else is ended this way."""
        legs = [leg for leg in self._legs.values() if leg.name in self._conference and not leg.ended_by_us]
        leg = next((leg for leg in legs if leg.address == address), None)
        if leg is None:
            self._command(sip.RefuseTransfer(transfer=transfer, status=STATUS_NOT_THERE))
            return
        self._tell(door.Dismiss(call=door.CallName(leg.name), by="a party"))
        self._command(sip.ObeyDismissal(transfer=transfer))

    def _bring(self, transfer: TransferKey, target: Uri, *, by: str) -> None:
        """Let the door decide; if it says nothing, the user agent declines the wish after a while."""
        self._asked += 1
        name = door.CallName(f"asked-{self._asked}")
        self._wishes = {**dict(list(self._wishes.items())[1 - WISHES_MAX :]), name: transfer}
        self._tell(door.Bring(target=self._targets.get(str(target), str(target)), by=by, call=name))

    def _changed(self, leg: Leg, uri: Uri) -> door.PartyChanged:
        """Somebody else is at the other end of this leg now."""
        address = _address(uri)
        return door.PartyChanged(call=door.CallName(leg.name), party=self._listed.get(address, address))

    def _replacing(self, event: sip.IncomingCall, old: Leg) -> None:
        """A call takes the place of one of ours (RFC 3891): it is answered for the door, which goes on with its call."""
        party = (event.asserted or event.caller).uri
        is_listed = event.asserted is not None and _address(party) in self._listed
        leg = self._legs[event.call] = Leg(event.call, incoming=True, account=event.account, follows=old, party=party, is_listed=is_listed)
        try:
            media = self._local_media(leg)
        except MediaError as error:
            log.error("call %s cannot be taken over: %s", old.name, error)
            self._end_here(leg, status=STATUS_NO_RESOURCES)
            return
        self._command(sip.Answer(call=leg.key, media=media, by_itself=True))

    def _successor(self, old: Leg) -> Leg | None:
        return next((leg for leg in self._legs.values() if leg.follows is old and not leg.ended_by_us), None)

    def _take_over(self, leg: Leg, old: Leg) -> None:
        """The new leg is answered: the old one ends, and its sound before the new one's begins."""
        leg.follows = None
        leg.progressed = leg.answered = True
        if old.encrypted and not leg.encrypted:
            leg.sound = str(leg.key)  # the door takes the call for an encrypted one: digits of a plain leg are not for it
        if old.key in self._legs:
            self._end_here(old)
        if leg.session is not None and not leg.streaming:
            self._start_sound(leg, leg.session)
        if leg.name in self._conference:
            self._tell_focus()
        if leg.party is not None:
            self._tell(self._changed(leg, leg.party))

    def _incoming(self, event: sip.IncomingCall) -> None:
        replaced = None if event.replaces is None else self._legs.get(event.replaces)
        if replaced is not None and replaced.answered and not replaced.ended_by_us and not replaced.apart:
            self._replacing(event, replaced)
            return
        joined = None if event.joins is None else self._legs.get(event.joins)
        leg = self._legs[event.call] = Leg(event.call, incoming=True, account=event.account)
        leg.proved = event.asserted is not None or event.is_authenticated
        wish = event.auto_answer
        # From is written by whoever sends it; what a trusted server asserts is as good as proved (RFC 3325 §5).
        uri = (event.asserted or event.caller).uri
        self._tell(
            door.IncomingCall(
                call=door.CallName(event.call),
                caller=_address(uri),
                wants_auto_answer=wish is not None,
                authenticated=leg.proved,
                joins=door.CallName("" if joined is None else joined.name),
                answer_after_s=0.0 if wish is None else float(wish.delay_s),
                insists=wish is not None and wish.is_required,
                diverted_by=_address(event.diversions[0].address.uri) if event.diversions else "",
                is_private=event.is_private,
                wants_in=event.is_conference,
            )
        )

    def _agreed(self, leg: Leg, session: MediaSession, *, early: bool) -> None:
        leg.session = session
        if leg.streaming:
            relatch, leg.early = leg.early and not early, early
            if self._guard_sound(leg, lambda: self._sound.update(leg.sound, session, relatch=relatch)):
                self._show(leg, session)
        elif leg.follows is None and not leg.ended_by_us and not (early and any(other.streaming for other in self._legs.values())):
            # Of several phones that send sound before they answer, the visitor hears the first.
            leg.early = early
            if self._start_sound(leg, session) and early:
                self._moved(leg, door.Stage.EARLY_MEDIA, "")

    def _answered(self, leg: Leg) -> None:
        if leg.follows is not None:
            self._take_over(leg, leg.follows)
            return
        leg.answered = True
        leg.early = False
        if leg.session is not None and not leg.streaming and not leg.ended_by_us:
            self._start_sound(leg, leg.session)
        self._moved(leg, door.Stage.ANSWERED, "", encrypted=leg.encrypted)

    def _ended(self, leg: Leg, event: sip.CallEnded) -> None:
        self._silence(leg)
        if leg.follows is not None:
            # The transfer failed. The door's call goes on with the old leg, or ends with the new one when the old one is gone.
            if leg.follows.key not in self._legs and not leg.ended_by_us:
                self._moved(leg, door.Stage.ENDED, "the transfer failed")
        elif not leg.ended_by_us and self._successor(leg) is None:
            detail = f"{event.status} {event.text}".strip() if event.status else event.text
            self._moved(leg, stage_of_end(event, answered=leg.answered, incoming=leg.incoming, rang=leg.progressed), detail)

    # --- sound ------------------------------------------------------------------------------------------------------------

    def _local_media(self, leg: Leg) -> LocalMedia:
        """Open the leg's port, and say what we can do there; the same again when it was said before. Raises MediaError."""
        if leg.media is None:
            leg.port = self._open_port()
            protection = self._protection(leg.account)
            leg.media = LocalMedia(
                rtp_port=leg.port.rtp_port,
                codecs=self._codecs,
                ptime_ms=self._ptime_ms,
                session_id=self._session_id(),
                protection=protection,
                rtcp_mux=self._rtcp_mux,
                rtcp_xr=self._rtcp_xr,
                ice=self._ice(),
                ice_lite=self._ice_lite,
                mapped=leg.port.mapped,
                hosts=leg.port.hosts,
                relayed=None if leg.port.relay is None else leg.port.relay.relayed,
                video=None if self._picture is None else self._picture.open(leg.key, protection),
            )
        return leg.media

    def _start_sound(self, leg: Leg, session: MediaSession) -> bool:
        port = leg.port
        if port is None:
            return False  # an INVITE without offer or an answer of the agent's own: nothing of ours listens
        if not self._guard_sound(leg, lambda: self._sound.start(leg.sound, port, session)):
            return False  # the port was still ours, and went with the leg
        leg.streaming, leg.port = True, None
        self._show(leg, session)
        return not leg.apart or self._guard_sound(leg, lambda: self._sound.keep_apart(leg.sound, apart=True))

    def _show(self, leg: Leg, session: MediaSession) -> None:
        if self._picture is not None and not leg.apart:
            self._picture.show(leg.key, leg.sound, session)

    def _guard_sound(self, leg: Leg, step: Callable[[], None]) -> bool:
        """A leg whose sound cannot be had is of no use to a visitor: it ends."""
        try:
            step()
        except MediaError as error:
            log.error("call %s has no sound: %s", leg.key, error)
            self._end_here(leg, reason=NO_SOUND)
            self._moved(leg, door.Stage.LOST, str(error))
            return False
        return True

    def _end_here(self, leg: Leg, *, reason: sip.Reason | None = None, status: int = 603) -> None:
        if not leg.ended_by_us:
            leg.ended_by_us = True
            self._command(sip.HangUp(call=leg.key, reason=reason, status=status))
            self._silence(leg)

    def _silence(self, leg: Leg) -> None:
        """Sound stops with the decision to end, not with the other side's consent to it."""
        if self._picture is not None:
            self._picture.stop(leg.key)
        if leg.streaming:
            leg.streaming = False
            self._sound.stop(leg.sound)
        if leg.port is not None:
            leg.port.close()
            leg.port = None

    def _moved(self, leg: Leg, stage: door.Stage, detail: str, *, encrypted: bool = False) -> None:
        self._tell(door.CallMoved(call=door.CallName(leg.name), stage=stage, detail=detail, encrypted=encrypted))


def _address(uri: Uri) -> str:
    return f"{uri.user_text}@{uri.host}".lower()
