"""The PRACK of a provisional response that our 2xx to the same INVITE has overtaken (RFC 3262 §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware.errors import RemoteProtocolError
from firmware.sip.message import make_response
from firmware.sip.rack import rack
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.update import answer_update

if TYPE_CHECKING:
    from firmware.sip.usage.session import Session


def answer_late_prack(session: Session, transaction: ServerTransaction, now_s: float) -> None:
    """§3: after the final response the answering side "MUST be prepared to process PRACK requests for those outstanding responses".

    Only a response without a description can be overtaken; any other PRACK matches nothing, which is 481.
    """
    request = transaction.request
    try:
        is_expected = session.overtaken is not None and rack(request) == session.overtaken
    except RemoteProtocolError as error:
        transaction.respond(make_response(request, error.status), now_s)
        return
    if not is_expected:
        transaction.respond(make_response(request, 481), now_s)
        return
    session.overtaken = None
    if not request.body or session.is_over:
        transaction.respond(make_response(request, 200), now_s)
        return
    # §5: it may make a new offer; its 200 answers.
    response, is_new = answer_update(session, request, transaction.source, is_offered=False)
    transaction.respond(response, now_s)
    if is_new:
        session.tell_media()
