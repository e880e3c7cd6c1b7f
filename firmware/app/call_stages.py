"""How the end of a SIP call reads at the door, and how the door's reasons read in SIP."""

from __future__ import annotations

from firmware.door.events import EndReason, Stage
from firmware.sip.events import CallEnded, EndCause, Reason

BUSY = frozenset({486, 600})  # RFC 3261 §21.4.24, §21.6.1
NO_ANSWER = frozenset({408, 480, 487})  # §21.4.9: not in time; §21.4.18: not at the phone; §21.4.25: ended while it rang
NOBODY_THERE = frozenset({404, 410, 416, 484, 485, 604})  # the address is wrong
NOT_LET_THROUGH = frozenset({401, 403, 407})  # §21.4.2, §21.4.4: a server's word, which people do not say: another way may get there
CAUSE_NORMAL_CLEARING = 16  # ITU-T Q.850 §2.2.7
NO_SOUND = Reason(protocol="Q.850", cause=41, text="no sound")  # 41: temporary failure


def stage_of_end(event: CallEnded, *, answered: bool, incoming: bool, rang: bool) -> Stage:
    """What the end of a leg, not asked for by the door, means to the door."""
    if answered:
        return Stage.ENDED if event.cause in (EndCause.REMOTE, EndCause.LOCAL, EndCause.REPLACED) else Stage.LOST
    if incoming:
        return Stage.ENDED
    match event.cause:
        case EndCause.REFUSED:
            return _stage_of_status(event.status, rang=rang)
        case EndCause.INCOMPATIBLE:
            return Stage.REFUSED
        case EndCause.TIMEOUT:
            return Stage.NO_ANSWER if rang else Stage.UNREACHABLE
        case EndCause.UNREACHABLE | EndCause.FAILED:
            return Stage.UNREACHABLE
        case EndCause.LOCAL | EndCause.REMOTE | EndCause.REPLACED:
            return Stage.ENDED


def _stage_of_status(status: int, *, rang: bool) -> Stage:
    if status in BUSY:
        return Stage.BUSY
    if status in NO_ANSWER:
        return Stage.NO_ANSWER
    if status in NOT_LET_THROUGH and not rang:
        return Stage.UNREACHABLE
    if status in NOBODY_THERE or 500 <= status <= 599:
        return Stage.UNREACHABLE
    return Stage.REFUSED


def reason_header(reason: EndReason) -> Reason:
    """The Reason (RFC 3326) of our CANCEL or BYE.

    Only an answer elsewhere has a meaning that phones act upon: they do not show a missed call then. For the rest the text is for
    whoever reads a trace.
    """
    if reason is EndReason.COMPLETED_ELSEWHERE:
        return Reason(protocol="SIP", cause=200, text=reason.value)
    return Reason(protocol="Q.850", cause=CAUSE_NORMAL_CLEARING, text=reason.value)
