"""Commands for a call leg, brought to whatever the leg is at that moment.

A command for a leg that has ended meanwhile, or that is not in the right state, is late and not wrong: where its outcome was promised it is
told as a failure, else it is dropped.
"""

from __future__ import annotations

from typing import assert_never

from firmware.sip.events import (
    AcceptTransfer,
    Answer,
    AttendedTransfer,
    CallEnded,
    CallKey,
    EndCause,
    HangUp,
    Hold,
    Invite,
    ObeyDismissal,
    Progress,
    RefuseTransfer,
    Reinvite,
    RequestDone,
    Resume,
    Ring,
    SendInfo,
    Transfer,
    TransferProgress,
    Update,
)
from firmware.sip.usage.endpoint import Endpoint
from firmware.sip.usage.incoming_call import UnansweredCall
from firmware.sip.usage.negotiation import Wish
from firmware.sip.usage.outgoing_call import OutgoingCall
from firmware.sip.usage.session import Session

Unanswered = Ring | Progress | Answer
Within = Hold | Resume | Reinvite | SendInfo | Transfer | AttendedTransfer
LegCommand = HangUp | Update | Unanswered | Within


def command_leg(endpoint: Endpoint, command: LegCommand, now_s: float) -> None:
    """Carry it out."""
    leg = endpoint.calls.get(command.call)
    match command:
        case HangUp(reason=reason, status=status):
            if leg is not None:
                leg.hang_up(reason, status, now_s)
        case Ring() | Progress() | Answer():
            if isinstance(leg, UnansweredCall):
                _command_unanswered(leg, command, now_s)
        case Update():
            _update(endpoint, command, now_s)
        case _:
            if isinstance(leg, Session):
                _command_session(endpoint, leg, command, now_s)
            else:
                _tell_late(endpoint, command)


def accept_transfer(endpoint: Endpoint, command: AcceptTransfer, now_s: float) -> None:
    """Place the call that the other side asks for; its end is told at once when the wish is out of date."""
    referral = endpoint.transfers.get(command.transfer)
    invite = None if referral is None or command.call in endpoint.calls else referral.accept(command, now_s)
    if referral is None or invite is None:
        endpoint.emit(CallEnded(call=command.call, cause=EndCause.FAILED, status=0, text="nobody asks for this transfer any more"))
        return
    call = place(endpoint, invite, now_s)
    if call is None:
        referral.call_failed(503, "too many calls", now_s)
    else:
        call.watch(referral)
        call.begin(now_s)


def obey_dismissal(endpoint: Endpoint, command: ObeyDismissal, now_s: float) -> None:
    """What the other side asked for is done."""
    referral = endpoint.transfers.get(command.transfer)
    if referral is not None:
        referral.obey(now_s)


def refuse_transfer(endpoint: Endpoint, command: RefuseTransfer, now_s: float) -> None:
    """Decline what the other side asks for."""
    referral = endpoint.transfers.get(command.transfer)
    if referral is not None:
        referral.refuse(command.status, now_s)


def place(endpoint: Endpoint, command: Invite, now_s: float) -> OutgoingCall | None:
    """The call, ready to begin; None, and its end is told, when there are too many."""
    if len(endpoint.calls) >= endpoint.settings.calls_max:
        endpoint.emit(CallEnded(call=command.call, cause=EndCause.FAILED, status=0, text="too many calls at once"))
        return None
    return OutgoingCall(endpoint, command, endpoint.knowledge(command.account))


def _command_unanswered(leg: UnansweredCall, command: Unanswered, now_s: float) -> None:
    match command:
        case Ring():
            leg.ring(now_s)
        case Progress(media=media, status=status):
            leg.progress(media, status, now_s)
        case Answer(media=media, by_itself=by_itself, direction=direction):
            leg.answer(Wish(media, direction), now_s, by_itself=by_itself)
        case _:
            assert_never(command)


def _command_session(endpoint: Endpoint, session: Session, command: Within, now_s: float) -> None:
    match command:
        case Hold():
            session.offers.hold(now_s)
        case Resume():
            session.offers.resume(now_s)
        case Reinvite(media=media):
            session.offers.reinvite(media, now_s)
        case SendInfo(content_type=content_type, body=body):
            session.infos.send(content_type, body, now_s)
        case Transfer():
            session.transfers.ask(command, now_s)
        case AttendedTransfer(other=other):
            session.transfers.ask_attended(command, _session(endpoint, other), now_s)
        case _:
            assert_never(command)


def _update(endpoint: Endpoint, command: Update, now_s: float) -> None:
    leg = endpoint.calls.get(command.call)
    if isinstance(leg, Session):
        leg.offers.update(command.media, now_s)
    elif not (isinstance(leg, OutgoingCall | UnansweredCall) and leg.update(command, now_s)):
        endpoint.emit(RequestDone(call=command.call, method="UPDATE", status=500))


def _session(endpoint: Endpoint, key: CallKey) -> Session | None:
    leg = endpoint.calls.get(key)
    return leg if isinstance(leg, Session) else None


def _tell_late(endpoint: Endpoint, command: Within) -> None:
    match command:
        case Transfer() | AttendedTransfer():
            endpoint.emit(TransferProgress(call=command.call, status=500, text="there is no such answered call", is_done=True))
        case SendInfo():
            endpoint.emit(RequestDone(call=command.call, method="INFO", status=500))
        case Hold() | Resume() | Reinvite():
            endpoint.emit(RequestDone(call=command.call, method="INVITE", status=500))
        case _:
            assert_never(command)
