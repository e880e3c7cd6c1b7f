"""The registrations of one account: one, or, where the registrar keeps flows, one over each of its two proxies (RFC 5626 §4.2).

The account is registered while any flow stands. Requests of ours take the first that does; calls come in over whichever the registrar
chooses. A registrar, or a first hop, that knows nothing of flows gets one registration, and the second proxy is tried when the first fails.
"""

from __future__ import annotations

from firmware.sip.events import FlowId, Hop, Registered, RegistrationFailed, Unregistered
from firmware.sip.uri import Uri
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint
from firmware.sip.usage.registration import Registration


class Flows:
    """All of an account's registrations, as one."""

    def __init__(self, endpoint: Endpoint, knowledge: AccountKnowledge) -> None:
        account = knowledge.account
        edges = (account.outbound_proxy, *([] if account.second_proxy is None else [account.second_proxy]))
        self._endpoint = endpoint
        self._knowledge = knowledge
        self._is_wanted = False
        self._flows = tuple(Registration(endpoint, knowledge, self, edge, number) for number, edge in enumerate(edges, 1))

    # --- what the program and the network ask for

    def register(self, now_s: float) -> None:
        """Begin to keep the account registered; at once. The second flow follows when the first has shown that flows are kept."""
        self._is_wanted = True
        self._flows[0].register(now_s)

    def unregister(self, now_s: float) -> None:
        """Remove every binding (§10.2.2)."""
        self._is_wanted = False
        for flow in self._flows:
            flow.unregister(now_s)

    def network_changed(self, now_s: float) -> None:
        """Our addresses changed: what was learned is void, register at once."""
        self._knowledge.forget_addresses()
        for flow in self._flows:
            flow.network_changed(now_s)

    def sign_of_life(self, host: str, now_s: float) -> None:
        """Something came from `host`."""
        for flow in self._flows:
            flow.sign_of_life(host, now_s)

    def hop_lost(self, hop: Hop, now_s: float) -> None:
        """What was sent to `hop` did not arrive."""
        for flow in self._flows:
            flow.hop_lost(hop, now_s)

    def hop_refused(self, hop: Hop) -> None:
        """Somebody is there whose handshake fails."""
        for flow in self._flows:
            flow.hop_refused(hop)

    def flow_closed(self, flow: FlowId, now_s: float) -> None:
        """A connection is gone."""
        for each in self._flows:
            each.flow_closed(flow, now_s)

    def call_placed(self, now_s: float) -> None:
        """A call goes out over the account."""
        for flow in self._flows:
            flow.call_placed(now_s)

    def receive_stun(self, data: bytes, source: Hop, now_s: float) -> None:
        """The answer to a keep-alive, perhaps."""
        any(flow.receive_stun(data, source, now_s) for flow in self._flows)

    def registrar_lost(self, now_s: float) -> None:
        """The registrar may have lost its table."""
        for flow in self._flows:
            flow.registrar_lost(now_s)

    @property
    def bound_contact(self) -> Uri | None:
        """What the registrar should hold of us, None while we are not registered."""
        return next((flow.bound_contact for flow in self._flows if flow.bound_contact is not None), None)

    # --- what the flows tell

    def is_carried(self, flow: Registration) -> bool:
        """Whether another flow of the account stands."""
        return any(other.is_bound for other in self._flows if other is not flow)

    def flow_bound(self, flow: Registration, news: Registered, now_s: float) -> None:
        """A flow stands."""
        self._choose()
        self._endpoint.emit(news)
        others = [other for other in self._flows if other is not flow]
        for other in others:
            if flow.keeps_flows and self._is_wanted:
                other.begin(now_s)
            elif not flow.keeps_flows:
                # One contact, one binding: a second REGISTER would only push the first aside.
                other.rest()

    def flow_failed(self, flow: Registration, news: RegistrationFailed, now_s: float) -> None:
        """A flow does not stand. The account has failed only when none does; then the other is tried, unless we were refused."""
        self._choose()
        if self.is_carried(flow):
            return
        self._endpoint.emit(news)
        is_away = news.status == 0 or news.status >= 500
        for other in self._flows:
            if self._is_wanted and is_away:
                other.begin(now_s)

    def flow_removed(self, flow: Registration) -> None:
        """A binding is removed; the account's last one ends it."""
        if all(not other.is_active for other in self._flows):
            self._endpoint.emit(Unregistered(account=self._knowledge.account.name))

    def _choose(self) -> None:
        """Requests of ours take the first flow that stands."""
        knowledge, standing = self._knowledge, [flow for flow in self._flows if flow.is_bound]
        knowledge.edges = tuple([flow.edge for flow in standing if flow.edge is not None])
        knowledge.edge = (standing or self._flows)[0].edge
        knowledge.is_flow_kept = bool(standing) and standing[0].keeps_flows
