"""INVITE with Replaces or Join: which of our calls it means, and whether its sender may (RFC 3891 §3, RFC 3911 §4)."""

from __future__ import annotations

from firmware.errors import RemoteProtocolError
from firmware.sip.message import Request, Response, make_response
from firmware.sip.replaces import join, replaces
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.usage.caller import NO_TAKEOVER, Takeover
from firmware.sip.usage.early_dialog import EarlyDialog
from firmware.sip.usage.endpoint import Endpoint
from firmware.sip.usage.refer import may_steer
from firmware.sip.usage.session import Session


def takeover_of(endpoint: Endpoint, transaction: ServerTransaction) -> Takeover | Response:
    """The leg that the INVITE wants to replace or join, or the response that refuses it."""
    request = transaction.request
    try:
        replaced, joined = replaces(request), join(request)
    except RemoteProtocolError as error:
        return make_response(request, error.status)
    if replaced is None and joined is None:
        return NO_TAKEOVER
    if replaced is not None and joined is not None:
        # RFC 3911 §4: a request that bears both is malformed.
        return make_response(request, 400)
    wanted = replaced or joined
    assert wanted is not None, "one of them is there"
    owner = endpoint.dialogs.get((wanted.call_id, wanted.to_tag, wanted.from_tag))
    if not isinstance(owner, Session | EarlyDialog):
        # RFC 3891 §3: no dialog matches, or an early one that the other side began: 481.
        return make_response(request, 481)
    if not may_steer(endpoint, owner.knowledge, transaction.source):
        # RFC 3891 §8: only who is allowed to may take over a call.
        return make_response(request, 403)
    if isinstance(owner, EarlyDialog):
        # RFC 3911 §4: nothing can be joined before it is answered.
        return make_response(request, 481) if replaced is None else Takeover(replaces=owner.call)
    return _of_session(request, owner, is_early_only=replaced is not None and replaced.early_only, is_join=joined is not None)


def _of_session(request: Request, session: Session, *, is_early_only: bool, is_join: bool) -> Takeover | Response:
    if session.is_over:
        # RFC 3891 §3: the dialog was terminated already: 603.
        return make_response(request, 603)
    if is_early_only:
        # RFC 3891 §3: early-only does not match an answered call: 486.
        return make_response(request, 486)
    return Takeover(joins=session.key) if is_join else Takeover(replaces=session.key)
