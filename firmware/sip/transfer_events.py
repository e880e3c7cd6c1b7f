"""Commands and events of transfers (RFC 3515, RFC 5589): part of the unions in `events`.

Three parties: the transferor asks (REFER), the transferee obeys by placing a call, the transfer target is called.
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.kind import kind
from firmware.sdp.media_session import LocalMedia
from firmware.sip.headers import NameAddr
from firmware.sip.names import AccountName, CallKey, TransferKey
from firmware.sip.uri import Uri


@kind
class Transfer(NamedTuple):
    """Command: ask the other side of `call` to call `target` instead (blind transfer). TransferProgress tells how it goes.

    The call stays until somebody hangs up: RFC 5589 §6.1 leaves that to the transferor, once it knows that the transfer worked.
    `follow` False asks for no reports (RFC 4488).
    """

    call: CallKey
    target: Uri
    follow: bool = True


@kind
class AttendedTransfer(NamedTuple):
    """Command: ask the other side of `call` to take our place in `other`, an answered call of ours (RFC 5589 §7)."""

    call: CallKey
    other: CallKey


@kind
class AcceptTransfer(NamedTuple):
    """Command: obey a TransferRequested: place the wanted call under the key `call`. The transferor is told of its progress."""

    transfer: TransferKey
    call: CallKey
    media: LocalMedia


@kind
class RefuseTransfer(NamedTuple):
    """Command: do not obey a TransferRequested."""

    transfer: TransferKey
    status: int = 603


@kind
class TransferRequested(NamedTuple):
    """Event: the other side of `call` asks us to call `target`. Answer with AcceptTransfer or RefuseTransfer; unanswered it is refused.

    Whether such wishes are heard at all is the setting `refer`. `takes_over`: the new call shall replace or join one at the target.
    """

    call: CallKey
    transfer: TransferKey
    target: Uri
    referred_by: NameAddr | None
    takes_over: bool


@kind
class TransferProgress(NamedTuple):
    """Event: how the transfer goes that we asked the other side of `call` for: the status of its call to the target.

    With `is_done` it is the last: 2xx: it worked (202: accepted, and no reports will come); else the transfer failed and `call` goes on.
    """

    call: CallKey
    status: int
    text: str
    is_done: bool


@kind
class Refer(NamedTuple):
    """Command: ask `target`, with whom we need not talk, to call `refer_to`. ReferProgress tells how it goes, under the same key."""

    key: str
    target: Uri
    refer_to: Uri
    account: AccountName | None = None


@kind
class ReferRequested(NamedTuple):
    """Event: somebody asks us, outside of any call, to call `target`: to bring it into our conversation (RFC 4579 §5.6).

    Answer with AcceptTransfer or RefuseTransfer; unanswered it is refused. Whether such wishes are heard at all is the setting `refer`.
    """

    transfer: TransferKey
    target: Uri
    referrer: NameAddr
    account: AccountName | None


@kind
class DismissalRequested(NamedTuple):
    """Event: somebody asks us to hang up on `target`, who takes part in our conference (RFC 4579 §5.11: REFER with method=BYE).

    Answer with ObeyDismissal or RefuseTransfer; unanswered it is refused.
    """

    transfer: TransferKey
    target: Uri


@kind
class ObeyDismissal(NamedTuple):
    """Command: a DismissalRequested has been seen to; its sender is told so."""

    transfer: TransferKey


@kind
class ReferProgress(NamedTuple):
    """Event: how the call goes that we asked for by Refer; with `is_done` it is the last. 202: asked, and no reports will come."""

    key: str
    status: int
    text: str
    is_done: bool


TransferCommand = Transfer | AttendedTransfer | AcceptTransfer | ObeyDismissal | RefuseTransfer | Refer
TransferEvent = TransferRequested | TransferProgress | ReferRequested | DismissalRequested | ReferProgress
