"""Transfers and conferences: who else shall be at the other end of a call, or beside it (RFC 3515, RFC 3891, RFC 4579).

A transfer gives the door's call another leg: the new one bears the old one's name at the door and takes over when it is answered. Digits of
the new party count only when the configuration lists it; else its sound runs under a name that the door does not know.

A conference is several answered legs of one conversation at the door, whose streams the engine mixes. Then a REFER does not move its sender
elsewhere, but asks for somebody more.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from firmware.app.leg import Leg
from firmware.app.legs import Legs
from firmware.door import events as door
from firmware.errors import MediaError
from firmware.sip import events as sip
from firmware.sip.names import TransferKey
from firmware.sip.replaces import Join
from firmware.sip.uri import Uri

log = logging.getLogger("portero.calls")

WISHES_MAX = 8  # REFERs that wait for the door's word; as many as the user agent keeps
STATUS_NO_CALL = 480  # §21.4.18: we call nobody just because somebody says so
STATUS_NOT_THERE = 404  # §21.4.5
STATUS_NO_RESOURCES = 500  # RFC 3261 §21.5.1: we cannot take the call for a reason of our own


def address_of(uri: Uri) -> str:
    """A party as the configuration lists it: user@host in lower case; a port or parameter more is nobody else."""
    return f"{uri.user_text}@{uri.host}".lower()


class Transfers:
    """What other sides, servers and the door want of the parties of calls. Belongs to the event loop."""

    def __init__(self, legs: Legs, *, listed: Mapping[str, str], targets: Mapping[str, str]) -> None:
        """`listed`: targets of the configuration by address; `targets`: the same by their whole URI."""
        self._legs = legs
        self._listed = listed
        self._targets = targets
        self._moves = 0
        self._asked = 0
        self._wishes: dict[door.CallName, TransferKey] = {}  # REFERs that become a call as soon as the door wants it
        self._joins: dict[door.CallName, Join] = {}  # conversations elsewhere that a call of this name shall enter
        self._conference: tuple[door.CallName, ...] = ()

    # --- what the door wants ----------------------------------------------------------------------------------------------

    def joining(self, dialog: Join) -> str:
        """A name for the call that shall enter the conversation of that dialog elsewhere; only the newest such wish counts."""
        self._asked += 1
        name = f"join-{self._asked}"
        self._joins = {door.CallName(f"{name}.1"): dialog}
        return name

    def pop_join(self, call: door.CallName) -> Join | None:
        """The conversation elsewhere that this call is placed for."""
        return self._joins.pop(call, None)

    def pop_wish(self, call: door.CallName) -> TransferKey | None:
        """The REFER that this call is placed for."""
        return self._wishes.pop(call, None)

    def confer(self, calls: tuple[door.CallName, ...]) -> None:
        """These calls are one conversation: the other sides are told, and the engine mixes."""
        self._conference = calls
        self._tell_focus()
        self._legs.media.confer(joined=bool(calls))

    def _tell_focus(self) -> None:
        known = {leg.name: leg.key for leg in self._legs.living if leg.follows is None}
        self._legs.command(sip.Confer(calls=tuple(known.get(name, sip.CallKey(name)) for name in self._conference)))

    # --- what other sides ask for -----------------------------------------------------------------------------------------

    def requested(self, event: sip.TransferRequested) -> None:
        """The other side wants us to talk to somebody else; who may wish that, the user agent's settings have said."""
        old = self._legs.get(event.call)
        if old is None or not old.answered or old.ended_by_us or not old.may_be_handed_on or self._legs.successor(old) is not None:
            self._legs.command(sip.RefuseTransfer(transfer=event.transfer))
        elif old.name in self._conference:
            self._bring(event.transfer, event.target, by=old.name)
        else:
            self._move(event, old)

    def _move(self, event: sip.TransferRequested, old: Leg) -> None:
        self._moves += 1
        key = sip.CallKey(f"{old.name}-moved-{self._moves}")
        is_listed = address_of(event.target) in self._listed
        leg = Leg(key, incoming=False, account=old.account, follows=old, party=event.target, is_listed=is_listed)
        try:
            media = self._legs.local_media(leg)
        except MediaError as error:
            log.error("call %s cannot be transferred: %s", old.name, error)
            self._legs.command(sip.RefuseTransfer(transfer=event.transfer, status=STATUS_NO_RESOURCES))
            return
        log.info("call %s is transferred to %s", old.name, event.target)
        self._legs.add(leg)
        self._legs.command(sip.AcceptTransfer(transfer=event.transfer, call=key, media=media))

    def referred(self, event: sip.ReferRequested) -> None:
        """Somebody asks us, outside of any call, to call a third one: into the conversation, if there is one."""
        current = self._legs.current
        if current is None or not current.answered:
            self._legs.command(sip.RefuseTransfer(transfer=event.transfer, status=STATUS_NO_CALL))
        else:
            self._bring(event.transfer, event.target, by=address_of(event.referrer.uri))

    def dismiss(self, event: sip.DismissalRequested) -> None:
        """Somebody wants one of a conversation of several to be hung up on; nobody else is ended this way."""
        address = address_of(event.target)
        leg = next((leg for leg in self._legs.living if leg.name in self._conference and leg.address == address), None)
        if leg is None:
            self._legs.command(sip.RefuseTransfer(transfer=event.transfer, status=STATUS_NOT_THERE))
            return
        self._legs.tell(door.Dismiss(call=door.CallName(leg.name), by="a party"))
        self._legs.command(sip.ObeyDismissal(transfer=event.transfer))

    def _bring(self, transfer: TransferKey, target: Uri, *, by: str) -> None:
        """Let the door decide; if it says nothing, the user agent declines the wish after a while."""
        self._asked += 1
        name = door.CallName(f"asked-{self._asked}")
        self._wishes = {**dict(list(self._wishes.items())[1 - WISHES_MAX :]), name: transfer}
        self._legs.tell(door.Bring(target=self._targets.get(str(target), str(target)), by=by, call=name))

    def replacing(self, event: sip.IncomingCall, old: Leg) -> None:
        """A call takes the place of one of ours (RFC 3891): it is answered for the door, which goes on with its call."""
        party = (event.asserted or event.caller).uri
        is_listed = event.asserted is not None and address_of(party) in self._listed
        leg = self._legs.add(Leg(event.call, incoming=True, account=event.account, follows=old, party=party, is_listed=is_listed))
        try:
            media = self._legs.local_media(leg)
        except MediaError as error:
            log.error("call %s cannot be taken over: %s", old.name, error)
            self._legs.end(leg, status=STATUS_NO_RESOURCES)
            return
        self._legs.command(sip.Answer(call=leg.key, media=media, by_itself=True))

    # --- what becomes of it -----------------------------------------------------------------------------------------------

    def take_over(self, leg: Leg, old: Leg) -> None:
        """The new leg is answered: the old one ends, and its sound before the new one's begins."""
        leg.follows = None
        leg.progressed = leg.answered = True
        if old.encrypted and not leg.encrypted:
            leg.sound = str(leg.key)  # the door takes the call for an encrypted one: digits of a plain leg are not for it
        if self._legs.get(old.key) is not None:
            self._legs.end(old)
        if leg.session is not None and not leg.streaming:
            self._legs.start_sound(leg, leg.session)
        if leg.name in self._conference:
            self._tell_focus()
        if leg.party is not None:
            self.changed(leg, leg.party)

    def failed(self, leg: Leg, old: Leg) -> None:
        """The new leg has ended. The door's call goes on with the old one, or ends with the new one when the old one is gone."""
        if self._legs.get(old.key) is None and not leg.ended_by_us:
            self._legs.moved(leg, door.Stage.ENDED, "the transfer failed")

    def progress(self, leg: Leg, event: sip.TransferProgress) -> None:
        """What becomes of a transfer that we asked for."""
        if event.is_done and event.status < 300:
            # RFC 5589 §6.1: the transferor leaves when it knows that the transfer worked.
            self._legs.end(leg)
            self._legs.moved(leg, door.Stage.ENDED, "transferred")

    def changed(self, leg: Leg, uri: Uri) -> None:
        """Somebody else is at the other end of this leg now."""
        address = address_of(uri)
        self._legs.tell(door.PartyChanged(call=door.CallName(leg.name), party=self._listed.get(address, address)))
