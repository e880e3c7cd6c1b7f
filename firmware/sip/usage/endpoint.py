"""What every usage of this user agent shares: identifiers, timers, transactions, name look-ups, dialogs, and the way out for effects."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from firmware.ids import IdSource
from firmware.sip.auth import Challenge
from firmware.sip.events import AccountName, CallKey, Effect, EndCause, Hop, Locate, Located, QueryId, Reason, Transport
from firmware.sip.headers import NameAddr
from firmware.sip.message import Request
from firmware.sip.names import TransferKey
from firmware.sip.settings import Account, AgentSettings, CallHabits
from firmware.sip.timers import TimerQueue
from firmware.sip.transaction.layer import ServerTransaction, ServerUser, TransactionLayer
from firmware.sip.transaction.matching import ServerKey
from firmware.sip.uri import Uri
from firmware.sip.usage.dialog import Dialog, DialogId
from firmware.sip.usage.large_requests import WithoutTcp

if TYPE_CHECKING:
    from firmware.sip.usage.referral import Referral

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REFER, SUBSCRIBE, NOTIFY, MESSAGE"
LOCATE_MAX_S = 32.0  # as long as a request may wait for its response; the resolver's own patience is shorter
HOSTS_MAX = 16  # numeric addresses remembered of one account's servers
KNOWN_METHODS = frozenset(ALLOW.split(", "))


class Proof(NamedTuple):
    """A challenge that we answered, and how often we have used its nonce."""

    challenge: Challenge
    uses: int


ProofKey = tuple[bool, str]  # whether for REGISTER, whose realm and nonces are its own; and the header that bears the answer


class LocateUser(Protocol):
    """Who asked for hops."""

    def receive_hops(self, hops: tuple[Hop, ...], failure: str, now_s: float) -> None:
        """The look-up has ended; no hops when nothing was found."""
        ...


class DialogUser(Protocol):
    """Who owns a dialog."""

    def receive_request(self, transaction: ServerTransaction, now_s: float) -> None:
        """A request inside the dialog, to be answered."""
        ...

    def receive_ack(self, ack: Request, now_s: float) -> None:
        """The ACK of a 2xx."""
        ...


class Cancellable(Protocol):
    """Who has not yet answered an INVITE."""

    @property
    def dialog(self) -> Dialog:
        """The early dialog."""
        ...

    def receive_cancel(self, cancel: Request, now_s: float) -> None:
        """The caller gave up."""
        ...


class Leg(Protocol):
    """A call leg that the program knows under its key."""

    def hang_up(self, reason: Reason | None, status: int, now_s: float, cause: EndCause = EndCause.LOCAL) -> None:
        """End it, whatever its state."""
        ...


class AccountKnowledge:
    """What was learned about an account while running: where it really lives, and whose challenges are its own."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.realm = account.realm
        self.hosts: frozenset[str] = frozenset()  # numeric addresses of its registrar and proxy
        self.registrar = account.registrar  # the one that holds us, or will be asked next
        self.service_routes: tuple[NameAddr, ...] = ()  # the way that it wants our requests to take (RFC 3608)
        self.gruu: Uri | None = None  # an address of this device that works from everywhere (RFC 5627) …
        self.temporary_gruu: Uri | None = None  # … and one that does not tell whose it is
        self.edge = account.outbound_proxy  # the proxy over which requests go: that of a flow that stands …
        self.edges: tuple[Uri, ...] = ()  # … and those of all that do
        self.is_flow_kept = False  # whether the registrar keeps that flow (RFC 5626)
        self.proofs: dict[ProofKey, Proof] = {}  # challenges that were answered and may be answered again
        self.public: tuple[str, int] | None = None  # our address as the registrar sees it, when it differs from our own (RFC 3581)

    def owns_uri(self, uri: Uri) -> bool:
        """Whether requests to this URI go to the account's own servers."""
        account = self.account
        proxies = [proxy for proxy in (account.outbound_proxy, account.second_proxy) if proxy is not None]
        own = (*proxies, self.registrar, account.registrar, *account.backups, account.aor)
        return uri.host.lower() in [server.host.lower() for server in (*own, *[route.uri for route in self.service_routes])]

    def forget_addresses(self) -> None:
        """Our own addresses have changed: what was learned of them is void."""
        self.public = self.gruu = self.temporary_gruu = None

    def learn_hosts(self, hops: tuple[Hop, ...]) -> None:
        """The addresses found for a URI of the account; a few of the latest are kept."""
        known = [host for host in self.hosts if all(host != hop.host for hop in hops)]
        self.hosts = frozenset([hop.host for hop in hops][:HOSTS_MAX] + known[:HOSTS_MAX])


class Endpoint:
    """Shared services. Nothing in here decides anything about SIP."""

    def __init__(self, settings: AgentSettings, ids: IdSource, user: ServerUser) -> None:
        self.settings = settings
        self.ids = ids
        self.timers = TimerQueue()
        self.layer = TransactionLayer(self.timers, self.emit, user)
        self.accounts = {account.name: AccountKnowledge(account) for account in settings.accounts}
        self.dialogs: dict[DialogId, DialogUser] = {}
        self.calls: dict[CallKey, Leg] = {}
        self.focus: tuple[CallKey, ...] = ()  # calls that are one conference of ours; the program says which
        self.unanswered: dict[ServerKey, Cancellable] = {}
        self.without_tcp = WithoutTcp()
        self._effects: list[Effect] = []
        self._queries: dict[QueryId, LocateUser] = {}
        self.transfers: dict[TransferKey, Referral] = {}
        self._query_serial = 0
        self._serial = 0

    def emit(self, effect: Effect) -> None:
        """Queue an effect for the shell."""
        self._effects.append(effect)

    def take_effects(self) -> tuple[Effect, ...]:
        """All effects since the last time, in order."""
        effects, self._effects = tuple(self._effects), []
        return effects

    def next_serial(self) -> int:
        """A number that was never given before."""
        self._serial += 1
        return self._serial

    def locate(self, uri: Uri, user: LocateUser, now_s: float, transport: Transport | None = None) -> QueryId:
        """Ask for the hops to `uri`; the answer comes by `user.receive_hops`. Each user has one question open at most."""
        self._query_serial += 1
        query = QueryId(self._query_serial)
        self._queries[query] = user
        self.timers.set(self, str(query), now_s + LOCATE_MAX_S)
        self.emit(Locate(query=query, uri=uri, transport=transport))
        return query

    def located(self, located: Located, now_s: float) -> None:
        """The shell's answer to a Locate; late answers to withdrawn questions are dropped."""
        user = self._queries.pop(located.query, None)
        if user is not None:
            self.timers.clear(self, str(located.query))
            user.receive_hops(located.hops, located.failure, now_s)

    def withdraw(self, query: QueryId) -> None:
        """The answer is not wanted any more."""
        self._queries.pop(query, None)
        self.timers.clear(self, str(query))

    def handle_timer(self, name: str, now_s: float) -> None:
        """A look-up has taken too long; whoever asked goes on without it."""
        self.located(Located(query=QueryId(int(name)), hops=(), failure="the name look-up took too long"), now_s)

    def knowledge(self, account: AccountName | None) -> AccountKnowledge | None:
        """The account of that name, None for a direct call."""
        return None if account is None else self.accounts[account]

    def habits(self, knowledge: AccountKnowledge | None) -> CallHabits:
        """How calls over that account are made."""
        return self.settings.habits if knowledge is None else knowledge.account.habits

    def is_server(self, host: str) -> bool:
        """Whether the address is that of a registrar or proxy of any account."""
        return any(host in knowledge.hosts for knowledge in self.accounts.values())

    def census(self) -> dict[str, int]:
        """How many of each thing are kept."""
        return {
            "calls": len(self.calls),
            "dialogs": len(self.dialogs),
            "unanswered": len(self.unanswered),
            "transfers": len(self.transfers),
            "look-ups": len(self._queries),
            "transactions": len(self.layer),
            "timers": len(self.timers),
        }
