"""A small registrar and forking proxy on our own transaction layer: the counterpart of the simulator, not a product.

Follows RFC 3261 §10.3 (registrar) and §16 (stateful proxy) as far as our side of the conversation needs it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware.errors import LocalProtocolError, RemoteProtocolError
from firmware.ids import SeededIds
from firmware.sip.auth import Authorization, Credentials, Verdict, make_challenge, make_nonce, verify
from firmware.sip.events import Command, Effect, Hop, Input, Received, Send, SendFailed, Transport
from firmware.sip.headers import NameAddr, Via
from firmware.sip.message import Request, Response, make_response, parse_message
from firmware.sip.timers import TRANSACTION_LIFE_S, TimerQueue
from firmware.sip.transaction.actions import Failure
from firmware.sip.transaction.invite_client import make_cancel
from firmware.sip.transaction.layer import ClientTransaction, ServerTransaction, TransactionLayer
from firmware.sip.uri import Uri

TIMER_C_S = 181.0  # RFC 3261 §16.6 item 11: more than three minutes
KEY = b"a key that only the simulated server knows"
HEADERS = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}


@dataclass(slots=True, kw_only=True)
class Policy:
    """What the server does; a test changes it in mid-flight."""

    realm: str = "door.example"
    secrets: dict[str, str] = field(default_factory=dict)  # by user name; empty: nobody is challenged
    challenge_invite: bool = True
    algorithm: str = "SHA-256"
    min_expires_s: int = 0
    expires_max_s: int = 3600
    record_route: bool = True
    redirects: dict[str, tuple[str, ...]] = field(default_factory=dict)  # user: contacts of the 302
    forks: dict[str, tuple[str, ...]] = field(default_factory=dict)  # user: where it rings, besides its bindings


class Forwarding:
    """One request on its way through the proxy, to one or more targets (§16.6, §16.7)."""

    def __init__(self, proxy: Proxy, upstream: ServerTransaction) -> None:
        self.proxy = proxy
        self.upstream = upstream
        self.branches: list[ClientTransaction] = []
        self.unsent_cancels: set[int] = set()
        self.refusals: list[Response] = []
        self.is_decided = False

    def begin(self, now_s: float) -> None:
        """§16.6 item 11: timer C ends the wait for final responses that were lost: who rings repeats them for 32 s at most."""
        if self.upstream.request.method == "INVITE":
            self.proxy.layer_timers.set(self, "C", now_s + TIMER_C_S)

    def handle_timer(self, name: str, now_s: float) -> None:
        """§16.8: CANCEL, and 64*T1 later (§9.1) each branch that is still silent counts as 408."""
        if name == "C":
            self.cancel(now_s)
            self.proxy.layer_timers.set(self, "cancelled", now_s + TRANSACTION_LIFE_S)
            return
        for branch in [branch for branch in self.branches if branch.is_waiting]:
            branch.abandon()
            self.receive_failure(branch, Failure.TIMEOUT, now_s)

    def receive_response(self, transaction: ClientTransaction, response: Response, source: Hop, now_s: float) -> None:
        if response.status == 100:
            self._cancel_late(transaction, now_s)
            return
        below = response.headers[1:]
        up = Response(response.status, response.reason, below, response.body)
        if response.status < 200:
            self._cancel_late(transaction, now_s)
            if not self.is_decided:
                self.upstream.respond(up, now_s)
        elif response.status < 300:
            # §16.7 item 5: every 2xx to INVITE goes up, and the other branches are cancelled (item 10).
            self.proxy.layer.transmit(self.upstream.hop, up.to_bytes()) if self.is_decided else self.upstream.respond(up, now_s)
            self.is_decided = True
            self.cancel(now_s)
        else:
            self.refusals.append(up)
            if response.status >= 600:
                self.cancel(now_s)
            self._settle(now_s)

    def receive_failure(self, transaction: ClientTransaction, failure: Failure, now_s: float) -> None:
        self.refusals.append(make_response(self.upstream.request, 408 if failure is Failure.TIMEOUT else 503, to_tag="proxy"))
        self._settle(now_s)

    def cancel(self, now_s: float) -> None:
        """Take back what still rings (§16.10); where nothing provisional came yet, when it comes."""
        for branch in self.branches:
            if branch.is_provisional:
                self._send_cancel(branch, now_s)
            elif branch.is_waiting:
                self.unsent_cancels.add(id(branch))

    def _cancel_late(self, branch: ClientTransaction, now_s: float) -> None:
        if id(branch) in self.unsent_cancels:
            self.unsent_cancels.discard(id(branch))
            self._send_cancel(branch, now_s)

    def _send_cancel(self, branch: ClientTransaction, now_s: float) -> None:
        self.proxy.layer.request(make_cancel(branch.request), branch.hop, self.proxy, now_s)

    def _settle(self, now_s: float) -> None:
        # §16.7 item 6: when every branch has refused, the best response goes up: 6xx first, else the lowest class.
        if self.is_decided or len(self.refusals) < len(self.branches):
            return
        self.is_decided = True
        best = min(self.refusals, key=lambda response: (response.status < 600, response.status))
        self.upstream.respond(best, now_s)


class Proxy:
    """The server. It has the verbs of an agent, so that the simulated network can hold it like one."""

    def __init__(self, seed: int, host: str, policy: Policy) -> None:
        self.policy = policy
        self.bindings: dict[str, dict[str, tuple[Uri, float]]] = {}  # user: contact text: contact, valid until
        self.layer_timers = TimerQueue()
        self.layer = TransactionLayer(self.layer_timers, self._emit, self)
        self.registers = 0
        self._ids = SeededIds(seed)
        self._host = host
        self._effects: list[Effect] = []
        self._forwardings: dict[tuple[str, ...], Forwarding] = {}
        self._now_s = 0.0

    # --- the verbs of an agent

    def receive(self, event: Input, now_s: float) -> None:
        self._now_s = now_s
        match event:
            case SendFailed(hop=hop):
                self.layer.undeliverable(hop, now_s)
            case Received(data=data, source=source):
                try:
                    message = parse_message(data)
                except RemoteProtocolError:
                    return
                if isinstance(message, Request):
                    self._receive_request(message, source, now_s)
                elif not self.layer.receive_response(message, source, now_s):
                    self._forward_stray(message)
            case _:
                pass

    def command(self, command: Command, now_s: float) -> None:
        raise LocalProtocolError("a proxy takes no commands")

    def handle_timer(self, now_s: float) -> None:
        while (due := self.layer_timers.pop_due(now_s)) is not None:
            due[0].handle_timer(due[1], now_s)

    def next_deadline(self) -> float | None:
        return self.layer_timers.next_deadline()

    def take_effects(self) -> tuple[Effect, ...]:
        effects, self._effects = tuple(self._effects), []
        return effects

    def census(self) -> dict[str, int]:
        return {"transactions": len(self.layer), "timers": len(self.layer_timers)}

    def restart(self) -> None:
        """Forget everything that was in memory."""
        self.__init__(self._ids.uint32(), self._host, self.policy)  # type: ignore[misc]  # a restarted process is a new object

    def _emit(self, send: Send) -> None:
        self._effects.append(send)

    # --- requests

    def _receive_request(self, request: Request, source: Hop, now_s: float) -> None:
        via = request.via
        if via.rport is not None:
            stamped = via.with_param("rport", str(source.port)).with_param("received", source.host)
            request = (
                Request(request.method, request.uri, (("Via", str(stamped)), *request.without("Via").headers), request.body)
                if len(request.vias) == 1
                else request
            )
        self.layer.receive_request(request, source, now_s)

    def receive_request(self, transaction: ServerTransaction, now_s: float) -> None:
        request = transaction.request
        if request.method == "CANCEL":
            cancelled = self.layer.cancelled_by(request)
            transaction.respond(make_response(request, 481 if cancelled is None else 200, to_tag="proxy"), now_s)
            if cancelled is not None and cancelled.key in self._forwardings:
                self._forwardings[cancelled.key].cancel(now_s)
        elif request.method == "REGISTER":
            self._register(transaction, now_s)
        elif (
            request.to.tag is None
            and request.method == "INVITE"
            and self.policy.challenge_invite
            and not self._admits(transaction, 407, now_s)
        ):
            return
        elif request.method == "OPTIONS" and request.uri.user is None:
            transaction.respond(make_response(request, 200, to_tag="proxy"), now_s)
        else:
            self._forward(transaction, now_s)

    def receive_ack(self, ack: Request, source: Hop, now_s: float) -> None:
        """The ACK of a 2xx passes without state."""
        targets = self._targets(ack)
        if targets:
            self._effects.append(Send(hop=self._hop(targets[0]), data=self._onward(ack, targets[0]).to_bytes()))

    def _admits(self, transaction: ServerTransaction, status: int, now_s: float) -> bool:
        """Whether the request proves a user; else the challenge has been sent."""
        policy, request = self.policy, transaction.request
        if not policy.secrets:
            return True
        asked, answered = HEADERS[status]
        stale = False
        value = request.get(answered)
        if value is not None:
            given = Authorization.parse(value)
            known = Credentials(given.username, policy.secrets.get(given.username, "no such user"), policy.realm)
            verdict = verify(given, known, request.method, Uri.parse(given.uri), request.body, key=KEY, now_s=now_s)
            if verdict is Verdict.GRANTED:
                return True
            stale = verdict is Verdict.STALE
        nonce = make_nonce(KEY, now_s, self._ids.nonce())
        challenge = make_challenge(policy.realm, nonce, algorithm=policy.algorithm, stale=stale)
        transaction.respond(make_response(request, status, to_tag="proxy", headers=((asked, challenge),)), now_s)
        return False

    def _register(self, transaction: ServerTransaction, now_s: float) -> None:
        self.registers += 1
        request = transaction.request
        if not self._admits(transaction, 401, now_s):
            return
        wished = [(contact, int(contact.param("expires") or request.expires or 3600)) for contact in request.contacts]
        if any(0 < expires_s < self.policy.min_expires_s for _, expires_s in wished):
            brief = make_response(request, 423, to_tag="proxy", headers=(("Min-Expires", str(self.policy.min_expires_s)),))
            transaction.respond(brief, now_s)
            return
        table = self.bindings.setdefault(request.to.uri.user or "", {})
        for contact, expires_s in wished:
            if expires_s == 0:
                table.pop(str(contact.uri), None)
            else:
                table[str(contact.uri)] = (contact.uri, now_s + min(expires_s, self.policy.expires_max_s))
        held = tuple(("Contact", f"<{uri}>;expires={round(until_s - now_s)}") for uri, until_s in table.values())
        transaction.respond(make_response(request, 200, to_tag="proxy", headers=held), now_s)

    def contacts(self, user: str, now_s: float) -> list[Uri]:
        """Where a user is bound now."""
        return [uri for uri, until_s in self.bindings.get(user, {}).values() if until_s > now_s]

    # --- forwarding

    def _forward(self, transaction: ServerTransaction, now_s: float) -> None:
        request = transaction.request
        redirected = self.policy.redirects.get(request.uri.user or "")
        if redirected is not None and request.to.tag is None:
            contacts = tuple(("Contact", f"<{contact}>") for contact in redirected)
            transaction.respond(make_response(request, 302, to_tag="proxy", headers=contacts), now_s)
            return
        targets = self._targets(request)
        if not targets:
            transaction.respond(make_response(request, 404, to_tag="proxy"), now_s)
            return
        if request.method == "INVITE":
            transaction.respond(make_response(request, 100), now_s)
        forwarding = self._forwardings[transaction.key] = Forwarding(self, transaction)
        onward = [(self._onward(request, target), self._hop(target)) for target in targets]
        forwarding.begin(now_s)
        forwarding.branches += [self.layer.request(copy, hop, forwarding, now_s) for copy, hop in onward]

    def _targets(self, request: Request) -> list[Uri]:
        uri = request.uri
        if uri.host not in (self._host, self.policy.realm):
            return [uri]
        user = uri.user or ""
        return self.contacts(user, self._now_s) + [Uri.parse(text) for text in self.policy.forks.get(user, ())]

    def _onward(self, request: Request, target: Uri) -> Request:
        """§16.6: Max-Forwards down, our Route off, Record-Route and Via on."""
        own = [route for route in request.routes if route.uri.host != self._host]
        headers = [pair for pair in request.without("Route").headers if pair[0] != "Max-Forwards"]
        headers += [("Route", str(route)) for route in own]
        if self.policy.record_route and request.method == "INVITE" and request.to.tag is None:
            headers.insert(0, ("Record-Route", str(NameAddr("", Uri("sip", host=self._host, port=5060).with_param("lr", None)))))
        via = Via("UDP", self._host, 5060, (("branch", self._ids.branch()),))
        forwards = (request.max_forwards or 70) - 1
        return Request(request.method, target, (("Via", str(via)), ("Max-Forwards", str(forwards)), *headers), request.body)

    def _hop(self, target: Uri) -> Hop:
        return Hop(transport=Transport.UDP, host=target.host, port=target.port or 5060, local_host=self._host, local_port=5060)

    def _forward_stray(self, response: Response) -> None:
        """§16.7 item 9: a 2xx whose transaction is over still goes up."""
        if 200 <= response.status < 300 and len(response.vias) > 1:
            via = response.vias[1]
            hop = Hop(
                transport=Transport.UDP,
                host=via.received or via.host,
                port=via.rport or via.port or 5060,
                local_host=self._host,
                local_port=5060,
            )
            up = response.without("Via")
            lines = tuple(("Via", str(value)) for value in response.vias[1:])
            self._effects.append(Send(hop=hop, data=Response(up.status, up.reason, (*lines, *up.headers), up.body).to_bytes()))

    def receive_response(self, transaction: ClientTransaction, response: Response, source: Hop, now_s: float) -> None:
        """The answer to a CANCEL of ours: nothing follows."""

    def receive_failure(self, transaction: ClientTransaction, failure: Failure, now_s: float) -> None:
        """No answer to a CANCEL of ours: nothing follows."""
