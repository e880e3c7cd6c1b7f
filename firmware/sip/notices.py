"""Commands and events of what is said without a call: messages, subscriptions, publications, presence, orders of the registrar.

They belong to the unions of `events`. `key` is the program's own handle, chosen by whoever gives the command.
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.kind import kind
from firmware.sip.headers import NameAddr
from firmware.sip.names import AccountName, CallKey, Hop
from firmware.sip.uri import Uri

# --- Command ---------------------------------------------------------------------------------------------------------


@kind
class SendMessage(NamedTuple):
    """An instant message (RFC 3428); the outcome comes as RequestAnswered with the same key."""

    key: str
    target: Uri
    body: bytes
    account: AccountName | None = None
    content_type: str = "text/plain;charset=UTF-8"


@kind
class Subscribe(NamedTuple):
    """Watch a resource (RFC 6665): refreshed and renewed until Unsubscribe, or until the other side ends it for good.

    `accept` are the body types that can be read; empty: those that the package defines.
    """

    key: str
    target: Uri
    package: str
    account: AccountName | None = None
    accept: tuple[str, ...] = ()
    expires_s: int = 3600


@kind
class Unsubscribe(NamedTuple):
    """End what Subscribe began."""

    key: str


@kind
class Publish(NamedTuple):
    """Tell a server our state of a package (RFC 3903), and keep it there; with a key in use it replaces what was told.

    `expires_s` None: tell it once and keep nothing, as a quality report is (RFC 6035). Each answer comes as RequestAnswered.
    """

    key: str
    target: Uri
    package: str
    content_type: str
    body: bytes
    account: AccountName | None = None
    expires_s: int | None = 3600


@kind
class Unpublish(NamedTuple):
    """Take back what Publish told."""

    key: str


@kind
class SetPresence(NamedTuple):
    """What those who subscribe to our presence are told (RFC 3856); that we are on the phone they are told by themselves."""

    is_open: bool
    note: str = ""


@kind
class TellQuality(NamedTuple):
    """A report on how a call sounded (`vq-rtcpxr`), for those who subscribe to them (RFC 6035)."""

    body: bytes


NoticeCommand = SendMessage | Subscribe | Unsubscribe | Publish | Unpublish | SetPresence | TellQuality


# --- Event -----------------------------------------------------------------------------------------------------------


@kind
class MessageReceived(NamedTuple):
    """A MESSAGE from somebody whom the settings allow. `is_authenticated`: the sender has proved a password of ours."""

    sender: NameAddr
    source: Hop
    account: AccountName | None
    content_type: str
    body: bytes
    is_authenticated: bool


@kind
class PeerComposing(NamedTuple):
    """Somebody who may write to us is writing, or has ceased to (RFC 3994); `is_active` holds for `refresh_s` unless it is said again."""

    sender: NameAddr
    account: AccountName | None
    is_active: bool
    refresh_s: int


@kind
class RequestAnswered(NamedTuple):
    """The final answer to a SendMessage or to any PUBLISH under `key`; `status` 408 or 503 when none came (RFC 3261 §8.1.3.1)."""

    key: str
    method: str
    status: int
    text: str


@kind
class SubscriptionChanged(NamedTuple):
    """How a subscription of ours stands: `pending`, `active`, `waiting` (asked for again by itself, in `retry_in_s`) or `terminated`."""

    key: str
    state: str
    reason: str = ""
    retry_in_s: float | None = None


@kind
class Notified(NamedTuple):
    """What a NOTIFY of our subscription told; `body` b"" when it told the subscription's state alone."""

    key: str
    package: str
    content_type: str
    body: bytes


@kind
class WatcherChanged(NamedTuple):
    """Somebody began or ceased to watch us."""

    package: str
    watcher: NameAddr
    is_watching: bool


@kind
class ResyncRequested(NamedTuple):
    """The account's registrar asks us to read our settings anew (`Event: check-sync`); we have registered again already."""

    account: AccountName
    reboot: bool


@kind
class MailboxTold(NamedTuple):
    """The account's server tells unasked what waits in its mailbox (RFC 3842); `body` as it came."""

    account: AccountName
    content_type: str
    body: bytes


@kind
class CallOrdered(NamedTuple):
    """The account's server asks for `talk` (answer, or resume) or `hold` in a call: what a click on a PBX's desk does."""

    call: CallKey
    order: str


NoticeEvent = (
    MessageReceived
    | PeerComposing
    | RequestAnswered
    | SubscriptionChanged
    | Notified
    | WatcherChanged
    | ResyncRequested
    | MailboxTold
    | CallOrdered
)
