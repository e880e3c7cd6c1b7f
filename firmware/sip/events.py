"""The closed unions that cross the user agent's border: Input, Command, Effect, Event.

    shell --Input--> Agent --Effect--> shell          program --Command--> Agent --Event--> program

An Event travels inside the effect list, in order with the sends around it. Times are monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NewType

from firmware.sdp.offer_answer import LocalMedia, MediaSession
from firmware.sip.grammar import quote
from firmware.sip.headers import NameAddr
from firmware.sip.uri import Uri

CallKey = NewType("CallKey", str)  # the program's own handle for one call leg, chosen by whoever starts the leg
AccountName = NewType("AccountName", str)  # the account's name in the configuration
QueryId = NewType("QueryId", int)  # ties a Located to its Locate
FlowId = NewType("FlowId", int)  # one connection of a stream transport


class Transport(Enum):
    """How messages travel; `via` is the token of the Via header, `param` that of the URI's transport parameter (RFC 3261 §18, §19.1.1)."""

    UDP = "UDP"
    TCP = "TCP"
    TLS = "TLS"
    SCTP = "SCTP"
    WS = "WS"
    WSS = "WSS"

    @property
    def reliable(self) -> bool:
        return self is not Transport.UDP


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One way to a neighbour: numeric addresses of both ends; `flow` names the connection when there is one.

    `local_host` and `local_port` are what a Via or Contact may state for it; never a wildcard.
    """

    transport: Transport
    host: str
    port: int
    local_host: str
    local_port: int
    flow: FlowId | None = None


# --- Input: from the shell -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One datagram, or one message that `framing` cut out of a stream."""

    data: bytes
    source: Hop


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The answer to a Locate: hops in the order in which to try them (RFC 3263 §4); without any, `failure` says why."""

    query: QueryId
    hops: tuple[Hop, ...]
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFailed:
    """What was sent to `hop` was not delivered (ICMP error, refused connection). Every transaction on it is told (RFC 3261 §8.1.3.1)."""

    hop: Hop
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowClosed:
    """The connection `flow` is gone."""

    flow: FlowId


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkChanged:
    """An address appeared, vanished or changed: register again at once."""


Input = Received | Located | SendFailed | FlowClosed | NetworkChanged


# --- Command: from the program ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Begin to keep the account registered (RFC 3261 §10)."""

    account: AccountName


@dataclass(frozen=True, slots=True, kw_only=True)
class Unregister:
    """Remove the account's binding and stop refreshing it."""

    account: AccountName


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A Reason header value (RFC 3326): protocol `SIP` or `Q.850`."""

    protocol: str
    cause: int
    text: str

    def __str__(self) -> str:
        return f"{self.protocol};cause={self.cause};text={quote(self.text)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """Place a call. `account` None: a direct call without a registrar. `offerless`: the other side makes the offer, our ACK the answer."""

    call: CallKey
    target: Uri
    account: AccountName | None
    media: LocalMedia
    offerless: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """Answer 180 to an incoming call."""

    call: CallKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer 200 to an incoming call. An unusable offer ends the call with 488 (RFC 3261 §13.3.1.3)."""

    call: CallKey
    media: LocalMedia


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """End the leg in whatever state it is: CANCEL, BYE, or refuse an unanswered incoming call with `status`."""

    call: CallKey
    reason: Reason | None = None
    status: int = 603


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Offer sendonly (RFC 3264 §8.4)."""

    call: CallKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Offer sendrecv again."""

    call: CallKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Reinvite:
    """Offer anew inside the call; `media` replaces the local address, port or codecs when given, else the offer is repeated."""

    call: CallKey
    media: LocalMedia | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendInfo:
    """An INFO request inside the call (RFC 6086), such as an `application/dtmf-relay` body."""

    call: CallKey
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryOptions:
    """Ask a neighbour for its capabilities (RFC 3261 §11); the answer comes as OptionsAnswered with the same key."""

    key: str
    target: Uri
    account: AccountName | None = None


Command = Register | Unregister | Invite | Ring | Answer | HangUp | Hold | Resume | Reinvite | SendInfo | QueryOptions


# --- Effect: to the shell --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Put these bytes on this hop."""

    hop: Hop
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Locate:
    """Find the hops to `uri` (RFC 3263 §4); `transport` forces one, as for a request too large for UDP (RFC 3261 §18.1.1)."""

    query: QueryId
    uri: Uri
    transport: Transport | None = None


# --- Event: to the program -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The account is bound until `expires_s` from now; refreshed by itself."""

    account: AccountName
    contact: Uri
    expires_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationFailed:
    """The account is not bound. `status` 0: no answer. `detail` says in plain words what to do.

    `retry_in_s` is long when a human must act first (wrong password, forbidden), None when a human must also ask again.
    """

    account: AccountName
    status: int
    detail: str
    retry_in_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unregistered:
    """The account's binding was removed because we asked for it."""

    account: AccountName


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingCall:
    """An INVITE outside a dialog reached us; nothing has been answered but 100. Answer with Ring, Answer or HangUp under `call`."""

    call: CallKey
    caller: NameAddr
    called: Uri
    source: Hop
    account: AccountName | None
    has_offer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallProgress:
    """A provisional response (101-199) to our INVITE."""

    call: CallKey
    status: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered:
    """The call is up: our INVITE got its first 2xx, or our 200 got its ACK. `remote` is the other side as the dialog knows it."""

    call: CallKey
    remote: NameAddr


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaAgreed:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """The leg is over; sent exactly once for each leg. `status` is the SIP code that ended it, 0 when there was none."""

    call: CallKey
    cause: EndCause
    status: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InfoReceived:
    """An INFO inside a call whose content type we know; the body is for the program to decode."""

    call: CallKey
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDone:
    """The outcome of Hold, Resume, Reinvite (method INVITE) or SendInfo; `status` 408 or 503: no answer came, 500: not even asked."""

    call: CallKey
    method: str
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionsAnswered:
    """The final answer to QueryOptions; `status` 408 or 503 when none came (RFC 3261 §8.1.3.1)."""

    key: str
    status: int
    text: str


Event = (
    Registered
    | RegistrationFailed
    | Unregistered
    | IncomingCall
    | CallProgress
    | CallAnswered
    | MediaAgreed
    | CallEnded
    | InfoReceived
    | RequestDone
    | OptionsAnswered
)
Effect = Send | Locate | Event
