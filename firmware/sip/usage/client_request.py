"""One request of ours from wish to outcome: what RFC 3261 §8.1 asks of every client.

    Locating --hops--> Trying --final response / no hop left--> Done
        ^                 |
        +---too large-----+   (and Trying again, on the next hop or with credentials)

The user composes the request anew for each attempt, with a new sequence number and the addresses of that attempt's hop.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple, Protocol

from firmware.kind import kind
from firmware.sdp.media_session import NoCommonMedia
from firmware.sip.events import Hop, QueryId, Transport
from firmware.sip.fields import DATAGRAM_BYTES_MAX
from firmware.sip.header_lines import Headers
from firmware.sip.headers import Via
from firmware.sip.message import Request, Response
from firmware.sip.timers import TRANSACTION_LIFE_S
from firmware.sip.transaction.actions import Failure
from firmware.sip.transaction.invite_client import make_cancel
from firmware.sip.transaction.layer import ClientTransaction
from firmware.sip.uri import Uri
from firmware.sip.usage.credentials import answer_challenge, learn_nonce, standing_credentials
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint

HOPS_MAX = 8  # tried for one request: at 32 s each a user has long gone
HOP_PATIENCE_S = 4.0  # how long a hop may stay silent while there is another: a server says 100 within 0.2 s (§17.2.1), and people wait
TCP_PATIENCE_S = 2.0  # how long one may that is asked for the size of a request alone: the second SYN goes after 1 s (RFC 6298 §2)
CHALLENGES_MAX = 3  # 401 by the server after 407 by the proxy, once more for a stale nonce


class RequestUser(Protocol):
    """Who wants the request made."""

    def compose(self, hop: Hop) -> Request:
        """The request for this hop, without Via and credentials."""
        ...

    def receive_provisional(self, response: Response, now_s: float) -> None:
        """A provisional response above 100."""
        ...

    def receive_final(self, request: Request, response: Response, source: Hop, now_s: float) -> None:
        """The final response to `request`; for INVITE also each further 2xx."""
        ...

    def receive_none(self, status: int, text: str, now_s: float) -> None:
        """No response: 408 when nobody answered, 503 when nobody could be reached (§8.1.3.1), 488 when nothing could be offered."""
        ...


@kind
class Locating(NamedTuple):
    """Waiting for hops; `fallback` are the UDP hops of a request that is looking for TCP because of its size."""

    query: QueryId
    fallback: tuple[Hop, ...]


@kind
class Trying(NamedTuple):
    """Waiting for the response of one hop."""

    transaction: ClientTransaction
    hops_left: tuple[Hop, ...]


@kind
class Done(NamedTuple):
    """There is an outcome. `transaction` lives on when it may bring further 2xx."""


State = Locating | Trying | Done


class Cancelling(Enum):
    """Whether the request is to be taken back."""

    NO = "no"
    WANTED = "as soon as a provisional response comes"
    SENT = "CANCEL is on its way"


class ClientRequest:
    """The request; begin it with `begin`. The user is told of exactly one outcome, unless it calls `abandon`."""

    def __init__(
        self,
        endpoint: Endpoint,
        user: RequestUser,
        knowledge: AccountKnowledge | None,
        *,
        is_proven: bool = True,
        shorten: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_proven`: see TransactionLayer.request. `shorten` lets the user compose in fewer octets; False when it cannot."""
        self._endpoint = endpoint
        self._user = user
        self._knowledge = knowledge
        self._state: State = Done()
        self._uri = Uri("sip")
        self._credentials: Headers = ()
        self._is_standing = False  # whether they answer a challenge of an earlier request
        self._patience_s: float | None = None
        self._challenges = 0
        self._cancelling = Cancelling.NO
        self._cancel_reason: str | None = None
        self._is_large = False
        self._has_moved = False  # to the account's other proxy
        self._is_last = False
        self._is_proven = is_proven
        self._shorten = shorten

    @property
    def is_done(self) -> bool:
        """Whether the outcome is known."""
        return isinstance(self._state, Done)

    @property
    def request(self) -> Request | None:
        """The request as it was last sent, None before and when it is done."""
        return self._state.transaction.request if isinstance(self._state, Trying) else None

    @property
    def credentials(self) -> Headers:
        """The Authorization headers of the last attempt: the ACK of a 2xx repeats them (§13.2.2.4)."""
        return self._credentials

    @property
    def _may_retry(self) -> bool:
        return self._cancelling is Cancelling.NO and not self._is_last

    def begin(self, uri: Uri, now_s: float, *, hop: Hop | None = None, patience_s: float | None = None) -> None:
        """Send it towards `uri`: the first route or the Request-URI (§8.1.2). `hop` spares the look-up when it is known.

        `patience_s`: how long the last hop may stay silent; None: as long as the transaction does.
        """
        self._patience_s = patience_s
        self._uri = uri
        if hop is None:
            self._state = Locating(self._endpoint.locate(uri, self, now_s), ())
        else:
            self._try((hop,), now_s)

    def abandon(self) -> None:
        """Forget everything; no outcome will be told."""
        match self._state:
            case Locating(query=query):
                self._endpoint.withdraw(query)
            case Trying(transaction=transaction):
                transaction.abandon()
            case Done():
                pass
        self._finish()

    def conclude(self) -> None:
        """No further attempt: what is not sent yet never will be, and has no outcome; what is sent only waits for its response.

        For requests that would follow the BYE of their dialog with a higher number, and so make the BYE stale (§12.2.2).
        """
        self._is_last = True
        if isinstance(self._state, Locating):
            self.abandon()

    def cancel(self, reason: str | None, now_s: float) -> None:
        """Take an INVITE back (§9.1), with this Reason. Whatever final response still comes is told as usual."""
        if self._cancelling is not Cancelling.NO:
            return
        match self._state:
            case Locating(query=query):
                self._endpoint.withdraw(query)
                self._finish()
                self._user.receive_none(487, "cancelled before it was sent", now_s)
            case Trying(transaction=transaction):
                self._cancelling, self._cancel_reason = Cancelling.WANTED, reason
                # §9.1: without a provisional response the CANCEL must wait for one.
                if transaction.is_provisional:
                    self._send_cancel(transaction, now_s)
            case Done():
                pass

    # --- what comes back

    def receive_hops(self, hops: tuple[Hop, ...], failure: str, now_s: float) -> None:
        """The answer of the name look-up."""
        assert isinstance(self._state, Locating), "only an open question is answered"
        if self._knowledge is not None and self._knowledge.owns_uri(self._uri):
            self._knowledge.learn_hosts(hops)
        fallback = self._state.fallback
        if not hops and not fallback:
            self._finish()
            self._user.receive_none(503, failure or f"no address found for {self._uri.host}", now_s)
            return
        # §18.1.1: when TCP is refused the large request goes over UDP after all.
        self._try((*hops[:HOPS_MAX], *fallback), now_s)

    def receive_response(self, transaction: ClientTransaction, response: Response, source: Hop, now_s: float) -> None:
        """A response from the transaction."""
        state = self._state
        self._endpoint.timers.clear(self, "silent")
        if not isinstance(state, Trying):
            # RFC 6026 §7.2: further 2xx to an INVITE, from this or another fork.
            self._user.receive_final(transaction.request, response, source, now_s)
        elif response.status < 200:
            if self._cancelling is Cancelling.WANTED:
                self._send_cancel(transaction, now_s)
            if response.status > 100 and self._cancelling is Cancelling.NO:
                self._user.receive_provisional(response, now_s)
        elif not self._may_retry or not self._try_again(state, response, source, now_s):
            if self._knowledge is not None and response.status < 300:
                learn_nonce(self._knowledge, transaction.request, response)
            self._finish()
            self._user.receive_final(transaction.request, response, source, now_s)

    def receive_failure(self, transaction: ClientTransaction, failure: Failure, now_s: float) -> None:
        """The transaction ended without a response."""
        if not isinstance(self._state, Trying):
            return
        hops = self._state.hops_left
        if hops and self._may_retry:
            # RFC 3263 §4.3: after a time-out or a transport failure the next hop is tried with a new transaction.
            self._try(hops, now_s)
            return
        other = self._other_edge(transaction)
        if other is not None and self._knowledge is not None:
            # RFC 5626 §4.3: when the flow has failed, another is used; a CANCEL or a dialog of its own never moves.
            self._has_moved = True
            self._knowledge.edge = self._uri = other
            self._state = Locating(self._endpoint.locate(other, self, now_s), ())
            return
        self._finish()
        # §8.1.3.1: a time-out counts as 408, a transport error as 503.
        if failure is Failure.TIMEOUT:
            self._user.receive_none(408, f"no answer from {transaction.hop.host}", now_s)
        else:
            why = f": {transaction.trouble}" if transaction.trouble else ""
            self._user.receive_none(503, f"{transaction.hop.host} cannot be reached{why}", now_s)

    def handle_timer(self, name: str, now_s: float) -> None:
        """The hop is silent for too long; or §9.1: 64*T1 after the CANCEL without a final response the request counts as cancelled."""
        if name == "silent":
            self._give_up_hop(now_s)
        elif isinstance(self._state, Trying):
            self._state.transaction.abandon()
            self._finish()
            self._user.receive_none(408, "cancelled without an answer", now_s)

    # --- attempts

    def _give_up_hop(self, now_s: float) -> None:
        """RFC 3263 §4.3 lets the transaction time out first; after 32 s nobody stands at the door any more, and no server needs 4."""
        if isinstance(self._state, Trying) and self._may_retry:
            transaction = self._state.transaction
            transaction.abandon()
            if self._is_large and transaction.hop.transport is Transport.TCP:
                # §18.1.1: UDP is next, and not the other addresses of a peer that is silent over TCP.
                over_udp = tuple(hop for hop in self._state.hops_left if hop.transport is Transport.UDP)
                self._state = self._state._replace(hops_left=over_udp)
                for hop in over_udp:
                    self._endpoint.without_tcp.note(hop, now_s)
            self.receive_failure(transaction, Failure.TIMEOUT, now_s)

    def _other_edge(self, transaction: ClientTransaction) -> Uri | None:
        """The account's other proxy, when the request goes over one of two that stand; a REGISTER is about its own flow alone."""
        if self._knowledge is None or self._has_moved or not self._may_retry or transaction.request.method == "REGISTER":
            return None
        edges = self._knowledge.edges
        return next((edge for edge in edges if edge != self._uri), None) if self._uri in edges else None

    def _try(self, hops: tuple[Hop, ...], now_s: float) -> None:
        hop, *rest = hops
        endpoint = self._endpoint
        try:
            request = self._user.compose(hop)
        except NoCommonMedia as error:
            # Our own offer may not be made over this hop: keys would be read on the way.
            self._finish()
            self._user.receive_none(488, str(error), now_s)
            return
        request = self._addressed(request, hop)
        if hop.transport is Transport.UDP and not self._is_large and len(request.to_bytes()) > DATAGRAM_BYTES_MAX:
            if self._shorten():
                self._try(hops, now_s)
                return
            # §18.1.1: such a request must go over a congestion controlled transport.
            self._is_large = True
            if not endpoint.without_tcp.has(hop, now_s):
                self._state = Locating(endpoint.locate(self._uri, self, now_s, Transport.TCP), hops)
                return
        if endpoint.layer.is_full:
            self._finish()
            self._user.receive_none(503, "too many requests at once", now_s)
            return
        transaction = endpoint.layer.request(request, hop, self, now_s, is_proven=self._is_proven)
        self._state = Trying(transaction, tuple(rest))
        patience_s = HOP_PATIENCE_S if rest or self._other_edge(transaction) is not None else self._patience_s
        if self._is_large and rest and hop.transport is Transport.TCP:
            patience_s = TCP_PATIENCE_S
        if patience_s is not None:
            endpoint.timers.set(self, "silent", now_s + patience_s)

    def _addressed(self, request: Request, hop: Hop) -> Request:
        """With the credentials that are known to be wanted, and where the response shall come (§8.1.1.7)."""
        endpoint = self._endpoint
        if self._knowledge is not None and (self._is_standing or not self._credentials):
            self._credentials = standing_credentials(endpoint.ids, self._knowledge, request, self._uri, hop)
            self._is_standing = bool(self._credentials)
        for name, value in self._credentials:
            request = request.adding(name, value)
        params: tuple[tuple[str, str | None], ...] = (("branch", endpoint.ids.branch()), ("rport", None))
        if hop.transport is Transport.TLS and endpoint.settings.proves_itself:
            # RFC 5923 §8.1: "alias" asks the other side to send its requests over this connection as well.
            params = (*params, ("alias", None))
        return request.prepending("Via", str(Via(hop.transport.value, hop.local_host, hop.local_port, params)))

    def _try_again(self, state: Trying, response: Response, source: Hop, now_s: float) -> bool:
        hop = state.transaction.hop
        if response.status in (401, 407) and self._knowledge is not None and self._challenges < CHALLENGES_MAX:
            # §22.2: a challenge is answered once; the retry keeps Call-ID, From and To, and raises CSeq.
            credentials = answer_challenge(
                self._endpoint.ids,
                self._knowledge,
                state.transaction.request,
                response,
                self._uri,
                hop,
                was_standing=self._is_standing,
            )
            if credentials is not None:
                self._challenges += 1
                self._is_standing = False
                self._credentials = credentials
                self._try((hop, *state.hops_left), now_s)
                return True
        if response.status == 503 and state.hops_left:
            # RFC 3263 §4.3: 503 means that this server is out of order; the next one is tried.
            self._try(state.hops_left, now_s)
            return True
        return False

    def _send_cancel(self, transaction: ClientTransaction, now_s: float) -> None:
        self._cancelling = Cancelling.SENT
        self._endpoint.timers.set(self, "cancelled", now_s + TRANSACTION_LIFE_S)
        if not self._endpoint.layer.is_full:
            cancel = make_cancel(transaction.request, self._cancel_reason)
            self._endpoint.layer.request(cancel, transaction.hop, UNATTENDED, now_s)

    def _finish(self) -> None:
        self._state = Done()
        for name in ("cancelled", "silent"):
            self._endpoint.timers.clear(self, name)


class Unattended:
    """Sends requests whose outcome nobody needs: CANCEL, whose effect shows in the INVITE's own response (§9.1)."""

    def receive_response(self, transaction: ClientTransaction, response: Response, source: Hop, now_s: float) -> None:
        """Nothing follows from it."""

    def receive_failure(self, transaction: ClientTransaction, failure: Failure, now_s: float) -> None:
        """Nothing follows from it."""


UNATTENDED = Unattended()
