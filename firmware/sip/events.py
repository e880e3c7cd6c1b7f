"""What crosses the user agent's border, under one roof: Input, Command (`commands`), Effect, Event.

    shell --Input--> Agent --Effect--> shell          program --Command--> Agent --Event--> program

An Event travels inside the effect list, in order with the sends around it. Times are monotonic seconds.
"""

# ruff: noqa: I001 -- sorting would give each name that is exported again an import of its own

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from firmware.kind import kind
from firmware.sdp.media_session import MediaSession
from firmware.sip.commands import (
    Answer as Answer,
    CallCommand as CallCommand,
    Command as Command,
    Confer as Confer,
    HangUp as HangUp,
    Hold as Hold,
    Invite as Invite,
    Progress as Progress,
    QueryOptions as QueryOptions,
    Register as Register,
    Reinvite as Reinvite,
    Resume as Resume,
    Ring as Ring,
    SendInfo as SendInfo,
    Unregister as Unregister,
    Update as Update,
)
from firmware.sip.headers import NameAddr
from firmware.sip.names import (
    AccountName as AccountName,
    CallKey as CallKey,
    FlowId as FlowId,
    Hop as Hop,
    QueryId as QueryId,
    Reason as Reason,
    Transport as Transport,
)
from firmware.sip.notices import NoticeEvent
from firmware.sip.transfer_events import (
    AcceptTransfer as AcceptTransfer,
    AttendedTransfer as AttendedTransfer,
    DismissalRequested as DismissalRequested,
    ObeyDismissal as ObeyDismissal,
    Refer as Refer,
    ReferProgress as ReferProgress,
    ReferRequested as ReferRequested,
    RefuseTransfer as RefuseTransfer,
    Transfer as Transfer,
    TransferEvent,
    TransferProgress as TransferProgress,
    TransferRequested as TransferRequested,
)
from firmware.sip.uri import Uri

if TYPE_CHECKING:  # only for annotations: most starts never see a value of these
    from firmware.sip.auto_answer import AutoAnswer
    from firmware.sip.diversion import Diversion

NO_ADDRESS = NameAddr("", Uri("sip"))  # of a value that tells nobody's

# --- Input: from the shell -------------------------------------------------------------------------------------------


@kind
class Received(NamedTuple):
    """One datagram, or one message that `framing` cut out of a stream."""

    data: bytes
    source: Hop


@kind
class Located(NamedTuple):
    """The answer to a Locate: hops in the order in which to try them (RFC 3263 §4); without any, `failure` says why."""

    query: QueryId
    hops: tuple[Hop, ...]
    failure: str = ""


@kind
class SendFailed(NamedTuple):
    """What was sent to `hop` was not delivered (ICMP error, refused connection). Every transaction on it is told (RFC 3261 §8.1.3.1).

    `is_refusal`: somebody is there, but the handshake fails; that takes a person, and time alone mends nothing.
    """

    hop: Hop
    reason: str
    is_refusal: bool = False


@kind
class FlowClosed(NamedTuple):
    """The connection `flow` is gone."""

    flow: FlowId


@kind
class NetworkChanged(NamedTuple):
    """An address appeared, vanished or changed: register again at once."""


Input = Received | Located | SendFailed | FlowClosed | NetworkChanged


# --- Effect: to the shell --------------------------------------------------------------------------------------------


@kind
class Send(NamedTuple):
    """Put these bytes on this hop."""

    hop: Hop
    data: bytes


@kind
class Locate(NamedTuple):
    """Find the hops to `uri` (RFC 3263 §4); `transport` forces one, as for a request too large for UDP (RFC 3261 §18.1.1)."""

    query: QueryId
    uri: Uri
    transport: Transport | None = None


# --- Event: to the program -------------------------------------------------------------------------------------------


@kind
class Registered(NamedTuple):
    """The account is bound until `expires_s` from now; refreshed by itself. `gruu`: the address of this device that the registrar made."""

    account: AccountName
    contact: Uri
    expires_s: int
    gruu: Uri | None = None


@kind
class RegistrationFailed(NamedTuple):
    """The account is not bound. `status` 0: no answer. `detail` says in plain words what to do.

    `retry_in_s` is long when a human must act first (wrong password, forbidden), None when a human must also ask again.
    """

    account: AccountName
    status: int
    detail: str
    retry_in_s: float | None


@kind
class Unregistered(NamedTuple):
    """The account's binding was removed because we asked for it."""

    account: AccountName


@kind
class IncomingCall(NamedTuple):
    """An INVITE outside a dialog reached us; nothing has been answered but 100. Answer with Ring, Progress, Answer or HangUp under `call`.

    `asserted` is who the caller is according to a server that we trust (RFC 3325), None when no such server says so; `is_private`: the
    caller wants no name shown or stored. `diversions` tells who sent the call on to us, the last first. `replaces`: our leg whose place
    the call takes as soon as it is answered; `joins`: our leg whose conversation it wants to enter. Both passed the policy already.
    `is_authenticated`: the caller has proved a password of ours under the user name of `caller`. `is_conference`: the conference's own URI
    was dialled.
    """

    call: CallKey
    caller: NameAddr
    called: Uri
    source: Hop
    account: AccountName | None
    has_offer: bool
    asserted: NameAddr | None = None
    is_private: bool = False
    auto_answer: AutoAnswer | None = None
    diversions: tuple[Diversion, ...] = ()
    referred_by: NameAddr | None = None
    replaces: CallKey | None = None
    joins: CallKey | None = None
    is_authenticated: bool = False
    is_conference: bool = False


@kind
class CallTurnedAway(NamedTuple):
    """Somebody called while as many calls were open as we keep, and was answered 503: no call has begun (RFC 3261 §21.5.4)."""

    caller: NameAddr
    is_private: bool


@kind
class CallProgress(NamedTuple):
    """A provisional response (101-199) to our INVITE."""

    call: CallKey
    status: int
    text: str


@kind
class CallAnswered(NamedTuple):
    """The call is up: our INVITE got its first 2xx, or our 200 got its ACK. `remote` is the other side as the dialog knows it.

    `local` is ours, `call_id` what others know the call by, `local_host` our address in it.
    `is_encrypted`: so is its sound, and the signalling that agreed on it, as far as we see it: to the next hop.
    """

    call: CallKey
    remote: NameAddr
    local: NameAddr = NO_ADDRESS
    call_id: str = ""
    local_host: str = ""
    account: AccountName | None = None
    is_encrypted: bool = False


@kind
class MediaAgreed(NamedTuple):
    """Offer and answer have met; also after each re-INVITE. `early`: in a provisional response, before the 200."""

    call: CallKey
    session: MediaSession
    early: bool


class EndCause(Enum):
    """Who or what ended a call leg."""

    LOCAL = "we hung up or cancelled"
    REMOTE = "the other side hung up or cancelled"
    REFUSED = "the other side refused"
    TIMEOUT = "no answer from the network"
    UNREACHABLE = "no way to the target"
    INCOMPATIBLE = "no common media"
    FAILED = "the protocol was broken"
    REPLACED = "another call took its place"


@kind
class CallEnded(NamedTuple):
    """The leg is over; sent exactly once for each leg. `status` is the SIP code that ended it, 0 when there was none."""

    call: CallKey
    cause: EndCause
    status: int
    text: str


@kind
class RemoteChanged(NamedTuple):
    """Someone else is at the other end now, as its From says (RFC 4916), for instance after a transfer by a server."""

    call: CallKey
    remote: NameAddr


@kind
class InfoReceived(NamedTuple):
    """An INFO inside a call whose content type we know; the body is for the program to decode."""

    call: CallKey
    content_type: str
    body: bytes


@kind
class RequestDone(NamedTuple):
    """The outcome of Hold, Resume, Reinvite (method INVITE), Update or SendInfo; `status` 408, 503: no answer came, 500: not even asked."""

    call: CallKey
    method: str
    status: int


@kind
class OptionsAnswered(NamedTuple):
    """The final answer to QueryOptions; `status` 408 or 503 when none came (RFC 3261 §8.1.3.1)."""

    key: str
    status: int
    text: str


Event = (
    Registered
    | RegistrationFailed
    | Unregistered
    | IncomingCall
    | CallTurnedAway
    | CallProgress
    | CallAnswered
    | MediaAgreed
    | CallEnded
    | RemoteChanged
    | InfoReceived
    | RequestDone
    | OptionsAnswered
    | TransferEvent
    | NoticeEvent
)
Effect = Send | Locate | Event
