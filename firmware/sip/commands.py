"""Command: what the program wants of the user agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from firmware.kind import kind
from firmware.sdp.direction import Direction
from firmware.sdp.media_session import LocalMedia
from firmware.sip.headers import NameAddr
from firmware.sip.names import AccountName, CallKey, Reason
from firmware.sip.notices import NoticeCommand
from firmware.sip.transfer_events import TransferCommand
from firmware.sip.uri import Uri

if TYPE_CHECKING:  # only for annotations: most starts never see a value of these
    from firmware.sip.replaces import Join, Replaces


@kind
class Register(NamedTuple):
    """Begin to keep the account registered (RFC 3261 §10)."""

    account: AccountName


@kind
class Unregister(NamedTuple):
    """Remove the account's binding and stop refreshing it."""

    account: AccountName


@kind
class Invite(NamedTuple):
    """Place a call. `account` None: a direct call without a registrar. `offerless`: the other side makes the offer, our ACK the answer.

    `replaces` and `join` name a dialog at the target that this call shall take over or enter (RFC 3891, RFC 3911); `referred_by` says who
    asked for the call (RFC 3892). `display_name`: whom the other side may show as called (RFC 3261 §8.1.1.2).
    """

    call: CallKey
    target: Uri
    account: AccountName | None
    media: LocalMedia
    offerless: bool = False
    replaces: Replaces | None = None
    join: Join | None = None
    referred_by: NameAddr | None = None
    display_name: str = ""


@kind
class Ring(NamedTuple):
    """Answer 180 to an incoming call."""

    call: CallKey


@kind
class Progress(NamedTuple):
    """Answer 183 (or another provisional status) with our side of the media: sound flows before the call is answered."""

    call: CallKey
    media: LocalMedia
    status: int = 183


@kind
class Answer(NamedTuple):
    """Answer 200 to an incoming call. An unusable offer ends the call with 488 (RFC 3261 §13.3.1.3).

    `by_itself`: no person has decided so; a caller that asked how (RFC 5373) is told. `direction`: which way media flows in this call.
    """

    call: CallKey
    media: LocalMedia
    by_itself: bool = False
    direction: Direction = Direction.SENDRECV


@kind
class HangUp(NamedTuple):
    """End the leg in whatever state it is: CANCEL, BYE, or refuse an unanswered incoming call with `status`."""

    call: CallKey
    reason: Reason | None = None
    status: int = 603


@kind
class Hold(NamedTuple):
    """Offer sendonly (RFC 3264 §8.4)."""

    call: CallKey


@kind
class Resume(NamedTuple):
    """Offer sendrecv again."""

    call: CallKey


@kind
class Reinvite(NamedTuple):
    """Offer anew inside the call; `media` replaces the local address, port or codecs when given, else the offer is repeated."""

    call: CallKey
    media: LocalMedia | None = None


@kind
class Update(NamedTuple):
    """Offer anew by UPDATE (RFC 3311), which may also be done before the call is answered; `media` as in Reinvite."""

    call: CallKey
    media: LocalMedia | None = None


@kind
class SendInfo(NamedTuple):
    """An INFO request inside the call (RFC 6086), such as an `application/dtmf-relay` body."""

    call: CallKey
    content_type: str
    body: bytes


@kind
class Confer(NamedTuple):
    """These calls are one conference from now on, and we are its focus (RFC 4579); none: there is no conference.

    The program mixes them; here every other side is told (isfocus), and who subscribes hears who takes part (RFC 4575). Calls that are yet
    to be placed or answered may be among them.
    """

    calls: tuple[CallKey, ...]


@kind
class QueryOptions(NamedTuple):
    """Ask a neighbour for its capabilities (RFC 3261 §11); the answer comes as OptionsAnswered with the same key."""

    key: str
    target: Uri
    account: AccountName | None = None


CallCommand = Invite | Ring | Progress | Answer | HangUp | Hold | Resume | Reinvite | Update | SendInfo
Command = Register | Unregister | CallCommand | Confer | TransferCommand | QueryOptions | NoticeCommand
