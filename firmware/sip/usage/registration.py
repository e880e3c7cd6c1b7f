"""Keeping one account registered (RFC 3261 §10): refresh, refusal, back-off, and the way back after an outage.

Its states are those of `registration_state`; `binding` writes the request, and what an answer says is read in `registrar_answer`.
"""

from __future__ import annotations

from typing import Protocol

from firmware.sip.events import FlowId, Hop, Registered, RegistrationFailed
from firmware.sip.message import Request, Response
from firmware.sip.outbound import flow_timer_s
from firmware.sip.uri import Uri
from firmware.sip.usage.backoff import QUICK_RETRY_MAX_S, Backoff, Lives
from firmware.sip.usage.binding import Binding
from firmware.sip.usage.client_request import ClientRequest
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.keepalive import KeepAlive
from firmware.sip.usage.knocking import Knocking
from firmware.sip.usage.liveness import Liveness
from firmware.sip.usage.registrar_answer import (
    EXPIRES_MAX_S,
    granted_s,
    keeps_flows,
    learn_address,
    learn_ways,
    refusal_text,
    wanted_patience_s,
)
from firmware.sip.usage.registration_state import IDLE, Bound, Idle, Registering, Removing, State, Waiting

REFRESH_FRACTION = 0.75  # of the granted time: leaves a quarter of it to get over an outage before calls stop coming in
REFUSED_RETRY_S = 300.0  # after a wrong password: slow enough for the guards that ban addresses after five failures in ten minutes
SILENCE_MAX_S = 4.0  # how long a registrar is waited for while another could be asked, so that a backup has us within 5 s
ADJUSTMENTS_MAX = 4  # 423, 3xx and changes of our public address in a row


class Keeper(Protocol):
    """Who holds the flows of an account together."""

    def is_carried(self, flow: Registration, /) -> bool:
        """Whether another flow of the account stands."""
        ...

    def flow_bound(self, flow: Registration, news: Registered, now_s: float, /) -> None:
        """It is bound, for the first time or anew."""
        ...

    def flow_failed(self, flow: Registration, news: RegistrationFailed, now_s: float, /) -> None:
        """It is not; it tries again by itself."""
        ...

    def flow_removed(self, flow: Registration, /) -> None:
        """Its binding has been removed, or there was none."""
        ...


class Registration:
    """One registration of an account: its only one, or that over the flow `number` through the proxy `edge`."""

    def __init__(self, endpoint: Endpoint, knowledge: AccountKnowledge, keeper: Keeper, edge: Uri | None, number: int) -> None:
        self.edge = edge
        self._endpoint = endpoint
        self._knowledge = knowledge
        self._keeper = keeper
        self._account = knowledge.account
        self._binding = Binding(endpoint, knowledge, edge, number)
        self._are_flows_kept = False
        self._state: State = IDLE
        self._untried = self._account.backups  # registrars that have not been asked since the last that answered
        self._adjustments = 0
        self._lives = Lives()
        self._is_lost = False  # bound, and lost again so soon that the next REGISTER waits
        self._backoff = Backoff(endpoint.ids)
        self._keepalive = KeepAlive(endpoint, self)
        self._liveness = Liveness(endpoint, knowledge, self)
        self._knocking = Knocking(endpoint, knowledge)

    # --- what the program and the network ask for

    def register(self, now_s: float) -> None:
        """Begin to keep the account registered; at once, also when it is bound or waiting.

        §10.2: no REGISTER follows another that is not answered yet: whatever it was asked for, the one on its way serves.
        """
        if not isinstance(self._state, Registering):
            self._register_anew(now_s)

    def _register_anew(self, now_s: float) -> None:
        self._stop()
        self._backoff.reset()
        self._binding.asks_flow = self._binding.may_ask_flow
        self._send_first(now_s)

    def begin(self, now_s: float) -> None:
        """As `register`, unless that has been done already."""
        if isinstance(self._state, Idle):
            self.register(now_s)

    def rest(self) -> None:
        """Stop without a word to the registrar: what it holds of us came over another flow."""
        self._stop()
        self._binding.held = None
        self._state = IDLE

    @property
    def is_bound(self) -> bool:
        """Whether it stands."""
        return isinstance(self._state, Bound)

    @property
    def is_active(self) -> bool:
        """Whether it stands, or tries to, or is being removed."""
        return not isinstance(self._state, Idle)

    @property
    def keeps_flows(self) -> bool:
        """Whether the registrar has said that it keeps flows (RFC 5626 §6)."""
        return self._are_flows_kept

    def unregister(self, now_s: float) -> None:
        """Remove the binding (§10.2.2)."""
        self._stop()
        if self._binding.held is None:
            self._forget()
            return
        request = ClientRequest(self._endpoint, self, self._knowledge)
        self._state = Removing(request)
        request.begin(self._binding.next_hop, now_s)

    def network_changed(self, now_s: float) -> None:
        """Our addresses changed: register at once."""
        match self._state:
            case Idle() | Removing():
                pass
            case Registering() | Bound() | Waiting():
                # Also in place of a REGISTER that is on its way: its answer would come to where we are no more.
                self._register_anew(now_s)

    def sign_of_life(self, host: str, now_s: float) -> None:
        """Something came from `host`: when it is the registrar that we wait for, try again now, at most once a second."""
        # While another flow carries the account, only this flow's own server counts: the other's answers say nothing of it.
        own = (self._binding.asked_host,) if self._keeper.is_carried(self) else self._knowledge.hosts
        match self._state:
            case Waiting(since_s=since_s, is_refused=False) if host in own and now_s >= since_s + 1.0:
                self._stop()
                self._send_first(now_s)
            case _:
                pass

    def hop_lost(self, hop: Hop, now_s: float) -> None:
        """What was sent to `hop` did not arrive: if the registrar is there, it is down and may forget us."""
        match self._state:
            case Bound(hop=bound) if (bound.transport, bound.host, bound.port) == (hop.transport, hop.host, hop.port):
                self.registrar_lost(now_s)
            case _:
                pass

    def hop_refused(self, hop: Hop) -> None:
        """Somebody is there whose handshake fails: to knock again every few seconds would not mend that."""
        if isinstance(self._state, Waiting) and hop.host in self._knowledge.hosts:
            self._knocking.stop()

    def flow_closed(self, flow: FlowId, now_s: float) -> None:
        """The connection is gone: with it the way on which calls come in, or the sign that the registrar restarted."""
        match self._state:
            case Bound(flow=bound) if bound == flow:
                self.registrar_lost(now_s)
            case _:
                self._liveness.flow_closed(flow, now_s)

    def flow_failed(self, now_s: float) -> None:
        """The keep-alive says that the flow is dead (RFC 5626 §4.4.2)."""
        self.registrar_lost(now_s)

    def call_placed(self, now_s: float) -> None:
        """A call goes out over the account."""
        self._liveness.hurry(now_s)

    def receive_stun(self, data: bytes, source: Hop, now_s: float) -> bool:
        """Whether that was the answer to our keep-alive."""
        return self._keepalive.receive(data, source, now_s)

    def registrar_lost(self, now_s: float) -> None:
        """The registrar went away while we were bound: it may have lost its table, so register again until it answers."""
        if not isinstance(self._state, Bound) or self._is_lost:
            return
        gap_s = self._lives.end(now_s)
        if gap_s > 0:
            self._is_lost = True
            self._endpoint.timers.set(self, "refresh", now_s + gap_s)
        else:
            self._stop()
            self._send_first(now_s)

    @property
    def bound_contact(self) -> Uri | None:
        """What the registrar should hold of us, None while we are not registered."""
        return self._binding.held if isinstance(self._state, Bound) else None

    def handle_timer(self, name: str, now_s: float) -> None:
        """A refresh, or another attempt, is due."""
        assert name in ("refresh", "retry"), name
        self._stop()
        self._send_first(now_s)

    # --- the request

    def compose(self, hop: Hop) -> Request:
        """The REGISTER for one attempt."""
        return self._binding.request(hop, is_removal=isinstance(self._state, Removing))

    def receive_provisional(self, response: Response, now_s: float) -> None:
        """Nothing follows from it."""

    def receive_final(self, request: Request, response: Response, source: Hop, now_s: float) -> None:
        """The registrar's answer."""
        if isinstance(self._state, Removing):
            self._forget()
        elif response.status < 300:
            self._bound(response, source, now_s)
        elif not self._adjusted(response, now_s):
            self._refused(response, now_s)

    def receive_none(self, status: int, text: str, now_s: float) -> None:
        """No answer."""
        if isinstance(self._state, Removing):
            self._forget()
        elif not self._sent_to_backup(now_s):
            is_carried = self._keeper.is_carried(self)
            retry_s = self._backoff.next_s(now_s, is_carried=is_carried)
            self._wait(0, text, retry_s, now_s, is_refused=False)
            if retry_s > QUICK_RETRY_MAX_S and not is_carried:
                self._knocking.begin(self._binding.next_hop, now_s)

    # --- outcomes

    def _bound(self, response: Response, source: Hop, now_s: float) -> None:
        contact = self._binding.accepted()
        expires_s = granted_s(response, contact, self._binding.expires_s)
        if expires_s == 0:
            # Who keeps us for no time at all does not keep us; to ask again at once, each time, would help nobody.
            self._binding.held = None
            retry_s = self._backoff.next_s(now_s, is_carried=self._keeper.is_carried(self))
            self._wait(response.status, "the registrar says yes, and keeps us for no time at all", retry_s, now_s, is_refused=True)
            return
        self._lives.begin(now_s)
        self._backoff.reset()
        self._state = Bound(source, source.flow)
        self._are_flows_kept = self._binding.asks_flow and keeps_flows(response)
        if not self._are_flows_kept and learn_address(self._knowledge, response, source) and self._adjust():
            # RFC 3581 §9: the registrar sees us under another address; calls must be sent there.
            self._send(now_s)
            return
        self._adjustments = 0
        self._untried = self._account.backups
        self._knowledge.registrar = self._binding.registrar
        learn_ways(self._knowledge, response, contact, self._endpoint.settings.instance)
        jitter = 1 - 0.1 * self._endpoint.ids.fraction()
        self._endpoint.timers.set(self, "refresh", now_s + max(1.0, expires_s * REFRESH_FRACTION * jitter))
        self._keepalive.start(
            source,
            now_s,
            way=self._account.keepalive,
            gap_s=self._account.keepalive_s,
            flow_timer_s=flow_timer_s(response),
            is_outbound=self._are_flows_kept,
        )
        self._liveness.watch(source, now_s, lists_us=any(held.uri.equivalent(contact) for held in response.contacts))
        news = Registered(account=self._account.name, contact=contact, expires_s=expires_s, gruu=self._knowledge.gruu)
        self._keeper.flow_bound(self, news, now_s)

    def _adjusted(self, response: Response, now_s: float) -> bool:
        """Whether the answer only asks for another request, which has then been sent."""
        status = response.status
        if (
            status == 423
            and response.min_expires is not None
            and self._binding.expires_s < response.min_expires <= EXPIRES_MAX_S
            and self._adjust()
        ):
            # §10.2.8: register again with at least Min-Expires.
            self._binding.expires_s = response.min_expires
            self._send(now_s)
            return True
        if status == 439 and self._binding.asks_flow and self._adjust():
            # RFC 5626 §4.2.1: the first hop keeps no flows; without the flow's name it may be an ordinary registration.
            self._binding.asks_flow = False
            self._send(now_s)
            return True
        if 300 <= status < 400 and response.contacts and response.contacts[0].uri.is_sip and self._adjust():
            # §8.1.3.4: a redirected REGISTER goes to the contact that is named.
            self._binding.registrar = response.contacts[0].uri.without_headers()
            self._send(now_s)
            return True
        return False

    def _adjust(self) -> bool:
        self._adjustments += 1
        return self._adjustments <= ADJUSTMENTS_MAX

    def _refused(self, response: Response, now_s: float) -> None:
        status, text, asked_s = response.status, refusal_text(response), wanted_patience_s(response)
        if status >= 500 and self._sent_to_backup(now_s):
            return
        if asked_s is not None or status >= 500:
            # Who asks for no patience at all, again and again, gets ours.
            own_s = self._backoff.next_s(now_s, is_carried=self._keeper.is_carried(self))
            self._wait(status, text, max(asked_s or 0.0, own_s), now_s, is_refused=False)
        else:
            self._wait(status, text, REFUSED_RETRY_S, now_s, is_refused=True)

    def _wait(self, status: int, detail: str, retry_s: float, now_s: float, *, is_refused: bool) -> None:
        self._stop()
        self._adjustments = 0
        self._binding.registrar = self._account.registrar
        self._state = Waiting(now_s, is_refused)
        self._endpoint.timers.set(self, "retry", now_s + retry_s)
        news = RegistrationFailed(account=self._account.name, status=status, detail=detail, retry_in_s=retry_s)
        self._keeper.flow_failed(self, news, now_s)

    # --- the rest

    def _send_first(self, now_s: float) -> None:
        """Ask the registrar that is preferred, whichever it was that answered last."""
        self._binding.registrar, self._untried = self._account.registrar, self._account.backups
        self._send(now_s)

    def _sent_to_backup(self, now_s: float) -> bool:
        """Whether the next registrar is being asked, because this one does not answer."""
        if not self._untried:
            return False
        self._binding.registrar, *left = self._untried
        self._untried = tuple(left)
        self._send(now_s)
        return True

    def _send(self, now_s: float) -> None:
        request = ClientRequest(self._endpoint, self, self._knowledge)
        self._state = Registering(request)
        self._knowledge.registrar = self._binding.registrar  # whose challenges are the account's own
        request.begin(self._binding.next_hop, now_s, patience_s=SILENCE_MAX_S if self._account.backups else None)

    def _stop(self) -> None:
        """Leave the present state: nothing of it keeps running."""
        match self._state:
            case Registering(request=request) | Removing(request=request):
                request.abandon()
            case Bound():
                self._liveness.stop()
                self._keepalive.stop()
            case Waiting():
                self._knocking.stop()
            case Idle():
                pass
        self._is_lost = False
        for name in ("refresh", "retry"):
            self._endpoint.timers.clear(self, name)

    def _forget(self) -> None:
        self._binding.held = None
        self._state = IDLE
        self._keeper.flow_removed(self)
