"""The transaction layer: every running transaction, the way of messages into and out of them (RFC 3261 §17).

Above it sit the transaction users: `ClientUser` for requests that we send, `ServerUser` (the agent) for those that come in.
Below it is `emit`, which takes what has to be sent. Users may start or answer transactions from inside their callbacks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from firmware.sip.events import FlowId, Hop, Send
from firmware.sip.headers import Via
from firmware.sip.message import Message, Request, Response, make_response
from firmware.sip.timers import Timer, TimerQueue
from firmware.sip.transaction import client, invite_client, invite_server, server
from firmware.sip.transaction.absorbing import Absorbing
from firmware.sip.transaction.actions import Action, Deliver, Expired, Fail, Failure, Start, Stop, Terminated, Transmit, Undeliverable
from firmware.sip.transaction.matching import ClientKey, MergeKey, ServerKey, client_key, merge_key, server_key

CLIENTS_MAX = 1024  # a door places few calls; each lives 32 s over UDP, and a burst of registrations and probes fits many times
SERVERS_MAX = 4096  # at 1 kB each 4 MB: absorbs 128 requests a second for the 32 s of timer J before the oldest answers are forgotten

# To an address that has proven nothing, and may be forged, nothing is repeated beyond three times what came from there: RFC 9000 §8
# has this bound against amplification; RFC 3261 §17.2.1 would repeat a refused INVITE eleven times.
UNPROVEN_FACTOR = 3
# … but what was granted, which takes a name that the owner has listed, survives two losses: a 2xx or reliable response, a NOTIFY, a BYE.
GRANTED_REPEATS_MAX = 2

# Timers that only tidy up: nobody outside notices when they are late.
_PATIENT = frozenset({Timer.D, Timer.I, Timer.J, Timer.K, Timer.L, Timer.M})


class ClientUser(Protocol):
    """Who sent a request and wants its outcome: any number of responses, or one failure."""

    def receive_response(self, transaction: ClientTransaction, response: Response, source: Hop, now_s: float) -> None:
        """A response came; after a final one only further 2xx to INVITE come."""
        ...

    def receive_failure(self, transaction: ClientTransaction, failure: Failure, now_s: float) -> None:
        """There will be no response."""
        ...


class ServerUser(Protocol):
    """Who answers requests."""

    def receive_request(self, transaction: ServerTransaction, now_s: float) -> None:
        """A new request came, merged ones sorted out; it must be answered through `transaction`."""
        ...

    def receive_ack(self, ack: Request, source: Hop, now_s: float) -> None:
        """An ACK came that belongs to no refusal: that of a 2xx."""
        ...


class ClientTransaction:
    """One request of ours on its way over one hop."""

    def __init__(self, layer: TransactionLayer, request: Request, hop: Hop, user: ClientUser, *, is_proven: bool) -> None:
        self.request = request
        self.hop = hop
        self.key: ClientKey = client_key(request)
        self._layer = layer
        self._user = user
        self._state: invite_client.State | client.State = Terminated()
        self._flow: FlowId | None = hop.flow
        self._copies_left: int | None = None if is_proven or hop.transport.reliable else 1 + GRANTED_REPEATS_MAX
        self.trouble = ""  # why the hop cannot be reached, in words for people

    @property
    def is_provisional(self) -> bool:
        """Whether a provisional but no final response has come: the time when CANCEL may be sent (RFC 3261 §9.1)."""
        return isinstance(self._state, (invite_client.Proceeding, client.Proceeding))

    @property
    def is_waiting(self) -> bool:
        """Whether no final response has come yet."""
        return isinstance(self._state, (invite_client.Calling, invite_client.Proceeding, client.Trying, client.Proceeding))

    def begin(self, now_s: float) -> None:
        """Send the request for the first time."""
        begin = invite_client.begin if self.request.method == "INVITE" else client.begin
        self._state, actions = begin(self.request, reliable=self.hop.transport.reliable)
        self._perform(actions, self.hop, now_s)

    def receive(self, response: Response, source: Hop, now_s: float) -> None:
        """A response that matches came from `source`."""
        self._flow = source.flow
        self._step(response, source, now_s)

    def handle_timer(self, name: str, now_s: float) -> None:
        """A timer of this transaction is due."""
        self._step(Expired(Timer[name]), self.hop, now_s)

    def undeliverable(self, now_s: float) -> None:
        """The hop cannot be reached."""
        self._step(Undeliverable(), self.hop, now_s)

    def abandon(self) -> None:
        """Forget the transaction: whatever still comes is stray (§9.1: a cancelled request whose final response never came)."""
        self._layer.forget_client(self)

    def uses_flow(self, flow: FlowId) -> bool:
        """Whether the transaction goes over this connection."""
        return self._flow == flow

    def _step(self, event: Response | Expired | Undeliverable, source: Hop, now_s: float) -> None:
        actions: tuple[Action, ...]
        state = self._state
        if isinstance(state, (client.Trying, client.Proceeding, client.Completed)):
            self._state, actions = client.handle(state, event)
        else:
            self._state, actions = invite_client.handle(state, event)
        self._perform(actions, source, now_s)

    def _perform(self, actions: tuple[Action, ...], source: Hop, now_s: float) -> None:
        if isinstance(self._state, Terminated):
            self._layer.forget_client(self)
        for action in actions:
            match action:
                case Transmit(message=message):
                    self._transmit(message)
                case Deliver(response=response):
                    self._user.receive_response(self, response, source, now_s)
                case Fail(failure=failure):
                    self._user.receive_failure(self, failure, now_s)
                case Start() | Stop():
                    self._layer.time(self, action, now_s)

    def _transmit(self, message: Message) -> None:
        if self._copies_left is not None:
            if self._copies_left == 0:
                return
            self._copies_left -= 1
        self._layer.transmit(self.hop, message.to_bytes())


class ServerTransaction:
    """One request that came in; `hop` is where its responses go."""

    def __init__(self, layer: TransactionLayer, request: Request, source: Hop, key: ServerKey) -> None:
        self.request = request
        self.source = source
        self.hop = response_hop(request.via, source)
        self.key = key
        self.is_authenticated = False  # whether the sender has proved a password of ours
        self._layer = layer
        self._credit: int | None = None  # octets that may still be sent; None: any number
        self._last: Message | None = None  # what was sent last, and how often again
        self._repeats = 0
        begin = invite_server.begin if request.method == "INVITE" else server.begin
        self._state: invite_server.State | server.State = begin(reliable=source.transport.reliable)[0]

    @property
    def is_open(self) -> bool:
        """Whether no final response has been given."""
        return isinstance(self._state, (invite_server.Proceeding, server.Trying))

    @property
    def has_accepted(self) -> bool:
        """Whether an INVITE was answered 2xx, so that its ACK belongs to the user."""
        return isinstance(self._state, invite_server.Accepted)

    def respond(self, response: Response, now_s: float) -> None:
        """Answer; for INVITE also each retransmission of a 2xx (RFC 3261 §13.3.1.4)."""
        self._step(response, now_s)

    @property
    def is_proven(self) -> bool:
        """Whether the sender is known to be where the request came from."""
        return self._credit is None

    def trust(self) -> None:
        """The sender has shown that it got what we sent there before."""
        self._credit = None

    def distrust(self) -> None:
        """Nobody vouches for the source: repeat nothing beyond what `UNPROVEN_FACTOR` allows. Connections prove their address."""
        if not self.source.transport.reliable:
            self._credit = UNPROVEN_FACTOR * len(self.request.to_bytes())

    def receive(self, request: Request, now_s: float) -> None:
        """A retransmission, or the ACK of a refusal."""
        if self._credit is not None:
            self._credit += UNPROVEN_FACTOR * len(request.to_bytes())
        self._step(request, now_s)

    def handle_timer(self, name: str, now_s: float) -> None:
        """A timer of this transaction is due."""
        self._step(Expired(Timer[name]), now_s)

    def undeliverable(self, now_s: float) -> None:
        """The hop cannot be reached."""
        self._step(Undeliverable(), now_s)

    def _step(self, event: Request | Response | Expired | Undeliverable, now_s: float) -> None:
        actions: tuple[Action, ...]
        state = self._state
        if isinstance(state, (server.Trying, server.Completed)):
            self._state, actions = server.handle(state, event)
        else:
            self._state, actions = invite_server.handle(state, event)
        if isinstance(self._state, Terminated):
            self._layer.forget_server(self)
        for action in actions:
            match action:
                case Transmit(message=message):
                    self._transmit(message)
                case Start() | Stop():
                    self._layer.time(self, action, now_s)
                case Fail() | Deliver():
                    # Nobody waits for this: after a refusal the leg is over, after a 2xx the session itself waits for the ACK.
                    pass

    def _transmit(self, message: Message) -> None:
        data = message.to_bytes()
        if self._credit is not None:
            self._repeats = self._repeats + 1 if message is self._last else 0
            self._last = message
            is_granted = isinstance(message, Response) and message.status < 300
            if self._repeats > (GRANTED_REPEATS_MAX if is_granted else 0) and len(data) > self._credit:
                return
            self._credit -= len(data)
        self._layer.transmit(self.hop, data)


def response_hop(via: Via, source: Hop) -> Hop:
    """Where responses go (§18.2.2, RFC 3581 §4): over the same connection, else to the source address, and there to the
    source port if `rport` asks for it, else to the port that Via states.

    Deviation: `maddr`, by which a request may send its response elsewhere, is not obeyed: it means groups that nobody calls a door by, and
    would let anybody have us answer to a third party.
    """

    if source.transport.reliable or via.rport is not None:
        return source
    port = via.port or 5060
    return (
        source
        if port == source.port
        else Hop(transport=source.transport, host=source.host, port=port, local_host=source.local_host, local_port=source.local_port)
    )


class TransactionLayer:
    """All running transactions. `emit` takes what is to be sent."""

    def __init__(self, timers: TimerQueue, emit: Callable[[Send], None], user: ServerUser) -> None:
        self._timers = timers
        self._emit = emit
        self._user = user
        self._clients: dict[ClientKey, ClientTransaction] = {}
        self._servers: dict[ServerKey, ServerTransaction] = {}
        self._merge: dict[MergeKey, ServerKey] = {}
        self._absorbing = Absorbing(timers, self._absorbed)
        self._timed: dict[ClientTransaction | ServerTransaction, set[Timer]] = {}

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers)

    @property
    def is_full(self) -> bool:
        """Whether no further request of ours can be sent now."""
        return len(self._clients) >= CLIENTS_MAX

    def request(self, request: Request, hop: Hop, user: ClientUser, now_s: float, *, is_proven: bool = True) -> ClientTransaction:
        """Send a request that has its Via already. The caller has looked at `is_full`.

        `is_proven` False: it goes where somebody said that they are, which nothing has shown yet; then it is hardly repeated.
        """
        assert not self.is_full, "the caller looks at is_full first"
        transaction = ClientTransaction(self, request, hop, user, is_proven=is_proven)
        self._clients[transaction.key] = transaction
        transaction.begin(now_s)
        return transaction

    def receive_response(self, response: Response, source: Hop, now_s: float) -> bool:
        """Give a response to its transaction; False when there is none (§17.1.3: stray).

        Deviation: §18.1.2 would have a response dropped whose Via names another host than we wrote. Translators that read SIP put theirs
        there and forget to put ours back; that it is ours, its branch proves, whose 80 random bits nobody guesses.
        """
        transaction = self._clients.get(client_key(response))
        if transaction is None:
            return False
        transaction.receive(response, source, now_s)
        return True

    def receive_request(self, request: Request, source: Hop, now_s: float) -> None:
        """Give a request to its transaction, or begin one."""
        key = server_key(request)
        transaction = self._servers.get(key)
        if transaction is not None and not (request.method == "ACK" and transaction.request.method != "INVITE"):
            if request.method == "ACK" and transaction.has_accepted:
                # RFC 6026 §7.1: an ACK in Accepted belongs to the user (peers that reuse the branch of the INVITE).
                self._user.receive_ack(request, source, now_s)
            else:
                transaction.receive(request, now_s)
            return
        if request.method == "ACK":
            self._user.receive_ack(request, source, now_s)
            return
        self._begin_server(request, source, key, now_s)

    def has(self, request: Request) -> bool:
        """Whether the request belongs to a transaction that runs: as repetition, ACK of a refusal, or CANCEL of an INVITE."""
        return server_key(request) in self._servers or (request.method == "CANCEL" and self.cancelled_by(request) is not None)

    def cancelled_by(self, cancel: Request) -> ServerTransaction | None:
        """The INVITE transaction that a CANCEL means (§9.2), None when there is none."""
        return self._servers.get(server_key(cancel, "INVITE"))

    def merged(self, request: Request, own: ServerKey) -> bool:
        """§8.2.2.2: whether the same request is being processed after coming another way."""
        other = self._merge.get(merge_key(request))
        return other is not None and other != own

    def undeliverable(self, hop: Hop, now_s: float, reason: str = "") -> None:
        """What was sent to `hop` did not arrive (§18.4, §8.1.3.1); `reason` in words, if known."""
        where = (hop.transport, hop.host, hop.port)
        for transaction in self._all():
            at = transaction.hop
            if (at.transport, at.host, at.port) == where:
                if isinstance(transaction, ClientTransaction):
                    transaction.trouble = reason
                transaction.undeliverable(now_s)

    def flow_closed(self, flow: FlowId, now_s: float) -> None:
        """The connection is gone: requests that wait on it will not be answered there."""
        for transaction in [entry for entry in self._clients.values() if entry.uses_flow(flow)]:
            transaction.undeliverable(now_s)

    # --- for the transactions

    def transmit(self, hop: Hop, data: bytes) -> None:
        """Put a message on a hop."""
        self._emit(Send(hop=hop, data=data))

    def time(self, transaction: ClientTransaction | ServerTransaction, action: Start | Stop, now_s: float) -> None:
        """Start or stop a timer of a transaction."""
        timer = action.timer
        if timer is Timer.J and isinstance(action, Start) and isinstance(transaction, ServerTransaction) and action.after_s:
            self._absorbing.add(transaction.key, now_s + action.after_s)  # all that are kept so long share one timer
            return
        running = self._timed.setdefault(transaction, set())
        if isinstance(action, Start):
            running.add(timer)
            self._timers.set(transaction, timer.name, now_s + action.after_s, patient=timer in _PATIENT)
        else:
            running.discard(timer)
            self._timers.clear(transaction, timer.name)

    def forget_client(self, transaction: ClientTransaction) -> None:
        """The transaction is over."""
        self._clients.pop(transaction.key, None)
        self._stop_timers(transaction)

    def forget_server(self, transaction: ServerTransaction) -> None:
        """The transaction is over."""
        self._servers.pop(transaction.key, None)
        self._absorbing.discard(transaction.key)
        merge = merge_key(transaction.request)
        if self._merge.get(merge) == transaction.key:
            del self._merge[merge]
        self._stop_timers(transaction)

    def _begin_server(self, request: Request, source: Hop, key: ServerKey, now_s: float) -> None:
        transaction = ServerTransaction(self, request, source, key)
        if len(self._servers) >= SERVERS_MAX and not self._make_room():
            # §21.5.4: overloaded; the answer is given without keeping state.
            busy = make_response(request, 503, headers=(("Retry-After", "5"),))
            self.transmit(transaction.hop, busy.to_bytes())
            return
        self._servers[key] = transaction
        if request.to_tag is None:
            self._merge.setdefault(merge_key(request), key)
        self._user.receive_request(transaction, now_s)

    def _make_room(self) -> bool:
        oldest = self._absorbing.oldest
        if oldest is None:
            return False
        self.forget_server(self._servers[oldest])
        return True

    def _absorbed(self, key: ServerKey, now_s: float) -> None:
        """Timer J of that transaction is due."""
        self._servers[key].handle_timer(Timer.J.name, now_s)

    def _all(self) -> list[ClientTransaction | ServerTransaction]:
        return [*self._clients.values(), *self._servers.values()]

    def _stop_timers(self, transaction: ClientTransaction | ServerTransaction) -> None:
        for timer in self._timed.pop(transaction, ()):
            self._timers.clear(transaction, timer.name)
