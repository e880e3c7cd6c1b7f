"""The binding that one flow of an account wants at its registrar: what REGISTER says of it, and what the registrar holds (RFC 3261 §10)."""

from __future__ import annotations

from firmware.sip.events import Hop
from firmware.sip.headers import NameAddr
from firmware.sip.message import Request
from firmware.sip.outbound import with_instance
from firmware.sip.uri import Uri
from firmware.sip.usage.addressing import common_headers, registered_uri, route_over
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint


class Binding:
    """One binding: the account's only one, or that of its flow `number` through the proxy `edge`.

    `asks_flow`: whether it is to be bound to the flow itself (RFC 5626). `held` is what the registrar holds of us, None while nothing;
    `asked_host` is where the last REGISTER went.
    """

    def __init__(self, endpoint: Endpoint, knowledge: AccountKnowledge, edge: Uri | None, number: int) -> None:
        account = knowledge.account
        self.registrar = account.registrar
        self.expires_s = account.expires_s
        self.held: Uri | None = None
        self.asked_host = ""
        self._written: Uri | None = None  # what the last REGISTER asked for
        self._endpoint = endpoint
        self._knowledge = knowledge
        self._edge = edge
        self._number = number
        self.asks_flow = self.may_ask_flow
        self._call_id = endpoint.ids.call_id()  # §10.2.4: all registrations of a client use the same Call-ID …
        self._tag = endpoint.ids.tag()
        self._cseq = 0  # … and CSeq rises by one with each

    @property
    def may_ask_flow(self) -> bool:
        """Whether the settings want flows kept; that takes a name of the device (RFC 5626 §4.1)."""
        return self._knowledge.account.wants_outbound and bool(self._endpoint.settings.instance)

    @property
    def next_hop(self) -> Uri:
        """Whither REGISTER goes first."""
        return self.registrar if self._edge is None else self._edge

    def request(self, hop: Hop, *, is_removal: bool) -> Request:
        """The REGISTER for one attempt (§10.2): Request-URI is the domain of the registrar, To and From the address of record."""
        self._cseq += 1
        self.asked_host = hop.host
        account = self._knowledge.account
        self._written = registered_uri(self._endpoint, hop, self._knowledge)
        own, extensions = self._own_contact(self._written)
        contacts = [("Contact", f"{own.with_param('expires', str(0 if is_removal else self.expires_s))}")]
        # A flow has its name in reg-id: its binding is replaced by that name, and §6 of RFC 5626 allows it no Contact beside it.
        if self.held is not None and not self.asks_flow and not self.held.equivalent(self._written):
            # §10.2.2: the binding of our old address is removed in the same request.
            contacts.append(("Contact", f"<{self.held}>;expires=0"))
        headers = (
            ("Max-Forwards", "70"),
            *route_over(self._edge),
            ("From", f"<{account.aor}>;tag={self._tag}"),
            ("To", f"<{account.aor}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            *contacts,
            ("Supported", extensions),  # RFC 3327 §5.1: proxies on the way may add Path
            *common_headers(self._endpoint),
        )
        return Request("REGISTER", Uri(self.registrar.scheme, host=self.registrar.host, port=self.registrar.port), headers)

    def accepted(self) -> Uri:
        """The registrar has said 2xx: it holds what the last REGISTER asked for."""
        assert self._written is not None, "an answer follows a request"
        self.held = self._written
        return self._written

    def _own_contact(self, uri: Uri) -> tuple[NameAddr, str]:
        """Our Contact, and the extensions that we understand: with a lasting name of the device, and that of the flow."""
        urn = self._endpoint.settings.instance
        extensions = ["path"]
        if self.asks_flow:
            extensions.append("outbound")  # RFC 5626 §4.2.1
        if self._knowledge.account.wants_gruu and urn:
            extensions.append("gruu")  # RFC 5627 §4.1: a device that says who it is gets an address of its own
        own = NameAddr("", uri)
        if len(extensions) > 1:
            own = with_instance(own, urn, self._number if self.asks_flow else None)
        return own, ", ".join(extensions)
