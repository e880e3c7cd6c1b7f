"""Keeping one account registered (RFC 3261 §10): refresh, refusal, back-off, and the way back after an outage.

Idle --Register--> Registering --200--> Bound --refresh due, registrar lost--> Registering
                      |   ^
                      v   | retry due, sign of life, network changed
                    Waiting                       any --Unregister--> Removing --> Idle
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.sip.events import FlowId, Hop, Registered, RegistrationFailed, Unregistered
from firmware.sip.headers import NameAddr
from firmware.sip.message import Request, Response
from firmware.sip.outbound import instance, pub_gruu, service_routes, with_instance
from firmware.sip.uri import Uri
from firmware.sip.usage.addressing import common_headers, edge_route, registered_uri
from firmware.sip.usage.client_request import ClientRequest
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.knocking import Knocking
from firmware.sip.usage.liveness import Liveness

REFRESH_FRACTION = 0.75  # of the granted time: leaves a quarter of it to get over an outage before calls stop coming in
QUICK_RETRY_MAX_S = 4.0  # so that a registrar that was restarted is found within 5 s of its return …
QUICK_FOR_S = 120.0  # … during the two minutes that a restart takes at most; after that the gap doubles, and knocks tell of its return
RETRY_MAX_S = 60.0  # the longest gap after an outage
REFUSED_RETRY_S = 300.0  # after a wrong password: slow enough for the guards that ban addresses after five failures in ten minutes
RETRY_AFTER_MAX_S = 300.0  # a registrar may ask for patience, but not take the door out of service for a day
SILENCE_MAX_S = 4.0  # how long a registrar is waited for while another could be asked, so that a backup has us within 5 s
EXPIRES_MAX_S = 86_400  # nobody needs to be asked less often than daily
ADJUSTMENTS_MAX = 4  # 423, 3xx and changes of our public address in a row

_ADVICE = {
    401: "wrong user name or password",
    407: "wrong user name or password",
    403: "the registrar forbids this account; check user name, password and domain",
    404: "the registrar does not know this address; check user name and domain",
    416: "the registrar does not understand this address; check the domain",
    423: "the registrar wants a longer registration time than can be asked for",
}


class Idle(NamedTuple):
    """Not wanted."""


class Registering(NamedTuple):
    """REGISTER is on its way."""

    request: ClientRequest


class Bound(NamedTuple):
    """Registered over this hop."""

    hop: Hop
    flow: FlowId | None


class Waiting(NamedTuple):
    """Failed; the timer `retry` runs. `is_refused`: only a human can help."""

    since_s: float
    is_refused: bool


class Removing(NamedTuple):
    """The REGISTER that removes our binding is on its way."""

    request: ClientRequest


State = Idle | Registering | Bound | Waiting | Removing
IDLE = Idle()


class Registration:
    """The registration of one account."""

    def __init__(self, endpoint: Endpoint, knowledge: AccountKnowledge) -> None:
        self._endpoint = endpoint
        self._knowledge = knowledge
        self._account = knowledge.account
        self._state: State = IDLE
        self._call_id = endpoint.ids.call_id()  # §10.2.4: all registrations of a client use the same Call-ID …
        self._tag = endpoint.ids.tag()
        self._cseq = 0  # … and CSeq rises by one with each
        self._expires_s = self._account.expires_s
        self._registrar = self._account.registrar
        self._untried = self._account.backups  # registrars that have not been asked since the last that answered
        self._contact: Uri | None = None  # what the registrar holds of us
        self._composed: Uri | None = None
        self._adjustments = 0
        self._failing_since_s: float | None = None
        self._failures = 0
        self._liveness = Liveness(endpoint, knowledge, self)
        self._knocking = Knocking(endpoint, knowledge)

    # --- what the program and the network ask for

    def register(self, now_s: float) -> None:
        """Begin to keep the account registered; at once, also when it is bound or waiting."""
        self._stop()
        self._failing_since_s, self._failures = None, 0
        self._send_first(now_s)

    def unregister(self, now_s: float) -> None:
        """Remove the binding (§10.2.2)."""
        self._stop()
        if self._contact is None:
            self._forget()
            return
        request = ClientRequest(self._endpoint, self, self._knowledge)
        self._state = Removing(request)
        request.begin(self._next_hop(), now_s)

    def network_changed(self, now_s: float) -> None:
        """Our addresses changed: what was learned is void, register at once."""
        self._knowledge.public = self._knowledge.gruu = None
        match self._state:
            case Idle() | Removing():
                pass
            case Registering() | Bound() | Waiting():
                self.register(now_s)

    def sign_of_life(self, host: str, now_s: float) -> None:
        """Something came from `host`: when it is the registrar that we wait for, try again now, at most once a second."""
        match self._state:
            case Waiting(since_s=since_s, is_refused=False) if host in self._knowledge.hosts and now_s >= since_s + 1.0:
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

    def registrar_lost(self, now_s: float) -> None:
        """The registrar went away while we were bound: it may have lost its table, so register again until it answers."""
        if isinstance(self._state, Bound):
            self._stop()
            self._send_first(now_s)

    @property
    def bound_contact(self) -> Uri | None:
        """What the registrar should hold of us, None while we are not registered."""
        return self._contact if isinstance(self._state, Bound) else None

    def handle_timer(self, name: str, now_s: float) -> None:
        """Refresh, retry, or the NAT binding's next sign of life."""
        if name == "keepalive":
            self._keep_alive(now_s)
            return
        self._stop()
        self._send_first(now_s)

    # --- the request

    def compose(self, hop: Hop) -> Request:
        """The REGISTER for one attempt (§10.2): Request-URI is the domain of the registrar, To and From the address of record."""
        self._cseq += 1
        account = self._account
        self._composed = registered_uri(self._endpoint, hop, self._knowledge)
        expires_s = 0 if isinstance(self._state, Removing) else self._expires_s
        own, extensions = NameAddr("", self._composed), "path"
        if account.wants_gruu and self._endpoint.settings.instance:
            # RFC 5627 §4.1, RFC 5626 §4.1: a device that says who it is gets an address of its own.
            own, extensions = with_instance(own, self._endpoint.settings.instance), "path, gruu"
        contacts = [("Contact", f"{own.with_param('expires', str(expires_s))}")]
        if self._contact is not None and not self._contact.equivalent(self._composed):
            # §10.2.2: the binding of our old address is removed in the same request.
            contacts.append(("Contact", f"<{self._contact}>;expires=0"))
        headers = (
            ("Max-Forwards", "70"),
            *edge_route(self._knowledge),
            ("From", f"<{account.aor}>;tag={self._tag}"),
            ("To", f"<{account.aor}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            *contacts,
            ("Supported", extensions),  # RFC 3327 §5.1: proxies on the way may add Path
            *common_headers(self._endpoint),
        )
        registrar = self._registrar
        return Request("REGISTER", Uri(registrar.scheme, host=registrar.host, port=registrar.port), headers)

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
            retry_s = self._backoff_s(now_s)
            self._wait(0, text, retry_s, now_s, is_refused=False)
            if retry_s > QUICK_RETRY_MAX_S:
                self._knocking.begin(self._next_hop(), now_s)

    # --- outcomes

    def _bound(self, response: Response, source: Hop, now_s: float) -> None:
        assert self._composed is not None, "an answer follows a request"
        self._contact = self._composed
        self._failing_since_s, self._failures = None, 0
        self._state = Bound(source, source.flow)
        if self._learned_address(response, source) and self._adjust():
            # RFC 3581 §9: the registrar sees us under another address; calls must be sent there.
            self._send(now_s)
            return
        self._adjustments = 0
        self._untried = self._account.backups
        self._learn_ways(response)
        granted_s = self._granted_s(response)
        jitter = 1 - 0.1 * self._endpoint.ids.fraction()
        self._endpoint.timers.set(self, "refresh", now_s + max(1.0, granted_s * REFRESH_FRACTION * jitter))
        if self._account.keepalive_s > 0 and not source.transport.reliable:
            self._endpoint.timers.set(self, "keepalive", now_s + self._account.keepalive_s)
        self._liveness.watch(source, now_s, lists_us=any(contact.uri.equivalent(self._contact) for contact in response.contacts))
        self._endpoint.emit(Registered(account=self._account.name, contact=self._contact, expires_s=granted_s))

    def _granted_s(self, response: Response) -> int:
        """§10.2.4: the time in the `expires` of our own Contact, else in Expires, else what we asked for."""
        for contact in response.contacts:
            text = contact.param("expires") or ""
            if (
                self._contact is not None
                and contact.uri.equivalent(self._contact)
                and text.isascii()
                and text.isdecimal()
                and len(text) < 10
            ):
                return min(int(text), EXPIRES_MAX_S)
        return min(self._expires_s if response.expires is None else response.expires, EXPIRES_MAX_S)

    def _learn_ways(self, response: Response) -> None:
        """How the registrar wants to be used from now on: itself, its Service-Route (RFC 3608 §5), our GRUU (RFC 5627 §4.2)."""
        knowledge = self._knowledge
        knowledge.registrar = self._registrar
        try:
            knowledge.service_routes = service_routes(response)
        except RemoteProtocolError:
            knowledge.service_routes = ()
        own = [contact for contact in response.contacts if self._contact is not None and contact.uri.equivalent(self._contact)]
        same = [contact for contact in own if instance(contact) == self._endpoint.settings.instance]
        knowledge.gruu = pub_gruu(same[0]) if same and self._account.wants_gruu else None

    def _learned_address(self, response: Response, source: Hop) -> bool:
        """Note under which address the registrar sees us (RFC 3581); True when that differs from what we told it."""
        via = response.via
        if source.transport.reliable or not via.rport:
            return False
        seen = (via.received or via.host, via.rport)
        public = None if seen == (via.host, source.local_port) else seen
        if public == self._knowledge.public:
            return False
        self._knowledge.public = public
        return True

    def _adjusted(self, response: Response, now_s: float) -> bool:
        """Whether the answer only asks for another request, which has then been sent."""
        status = response.status
        if (
            status == 423
            and response.min_expires is not None
            and self._expires_s < response.min_expires <= EXPIRES_MAX_S
            and self._adjust()
        ):
            # §10.2.8: register again with at least Min-Expires.
            self._expires_s = response.min_expires
            self._send(now_s)
            return True
        if 300 <= status < 400 and response.contacts and response.contacts[0].uri.is_sip and self._adjust():
            # §8.1.3.4: a redirected REGISTER goes to the contact that is named.
            self._registrar = response.contacts[0].uri.without_headers()
            self._send(now_s)
            return True
        return False

    def _adjust(self) -> bool:
        self._adjustments += 1
        return self._adjustments <= ADJUSTMENTS_MAX

    def _refused(self, response: Response, now_s: float) -> None:
        status = response.status
        advice = _ADVICE.get(status)
        text = f"{status} {response.reason}" if advice is None else f"{status} {response.reason}: {advice}"
        asked = response.get("Retry-After") or ""
        seconds = asked.partition(";")[0].partition("(")[0].strip()
        if status >= 500 and self._sent_to_backup(now_s):
            return
        if seconds.isascii() and seconds.isdecimal() and len(seconds) < 10:
            # §20.33: the registrar says when to come back.
            self._wait(status, text, min(float(seconds), RETRY_AFTER_MAX_S), now_s, is_refused=False)
        elif status >= 500:
            self._wait(status, text, self._backoff_s(now_s), now_s, is_refused=False)
        else:
            self._wait(status, text, REFUSED_RETRY_S, now_s, is_refused=True)

    def _wait(self, status: int, detail: str, retry_s: float, now_s: float, *, is_refused: bool) -> None:
        self._stop()
        self._adjustments = 0
        self._registrar = self._account.registrar
        self._state = Waiting(now_s, is_refused)
        self._endpoint.timers.set(self, "retry", now_s + retry_s)
        self._endpoint.emit(RegistrationFailed(account=self._account.name, status=status, detail=detail, retry_in_s=retry_s))

    def _backoff_s(self, now_s: float) -> float:
        """1, 2, 4, 4 … s for two minutes, then doubling to 60 s, each shortened by up to a quarter by chance."""
        if self._failing_since_s is None:
            self._failing_since_s = now_s
        limit_s = QUICK_RETRY_MAX_S if now_s - self._failing_since_s < QUICK_FOR_S else RETRY_MAX_S
        if limit_s == RETRY_MAX_S and self._failures > 6:
            gap_s = min(QUICK_RETRY_MAX_S * 2.0 ** min(self._failures - 6, 10), limit_s)
        else:
            gap_s = min(2.0 ** min(self._failures, 6), limit_s)
        self._failures += 1
        return gap_s * (1 - 0.25 * self._endpoint.ids.fraction())

    # --- the rest

    def _send_first(self, now_s: float) -> None:
        """Ask the registrar that is preferred, whichever it was that answered last."""
        self._registrar, self._untried = self._account.registrar, self._account.backups
        self._send(now_s)

    def _sent_to_backup(self, now_s: float) -> bool:
        """Whether the next registrar is being asked, because this one does not answer."""
        if not self._untried:
            return False
        self._registrar, *left = self._untried
        self._untried = tuple(left)
        self._send(now_s)
        return True

    def _send(self, now_s: float) -> None:
        request = ClientRequest(self._endpoint, self, self._knowledge)
        self._state = Registering(request)
        self._knowledge.registrar = self._registrar  # whose challenges are the account's own
        request.begin(self._next_hop(), now_s, patience_s=SILENCE_MAX_S if self._account.backups else None)

    def _next_hop(self) -> Uri:
        proxy = self._account.outbound_proxy
        return self._registrar if proxy is None else proxy

    def _keep_alive(self, now_s: float) -> None:
        if isinstance(self._state, Bound):
            self._liveness.send_keepalive(self._state.hop)
            self._endpoint.timers.set(self, "keepalive", now_s + self._account.keepalive_s)

    def _stop(self) -> None:
        """Leave the present state: nothing of it keeps running."""
        match self._state:
            case Registering(request=request) | Removing(request=request):
                request.abandon()
            case Bound():
                self._liveness.stop()
            case Waiting():
                self._knocking.stop()
            case Idle():
                pass
        for name in ("refresh", "keepalive", "retry"):
            self._endpoint.timers.clear(self, name)

    def _forget(self) -> None:
        self._contact = None
        self._state = IDLE
        self._endpoint.emit(Unregistered(account=self._account.name))
