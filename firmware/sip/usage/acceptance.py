"""The two ends of a 2xx to INVITE: the answering side repeats it until the ACK comes, the asking side sends that ACK each time.

Both are the user's duty, not the transaction's, because several elements may answer (RFC 3261 §13.2.2.4, §13.3.1.4).
"""

from __future__ import annotations

from typing import Protocol

from firmware.sip.events import Hop, QueryId, Send
from firmware.sip.headers import Via
from firmware.sip.message import Request, Response
from firmware.sip.timers import T1_S, T2_S, TRANSACTION_LIFE_S
from firmware.sip.transaction.layer import ServerTransaction
from firmware.sip.uri import Uri
from firmware.sip.usage.endpoint import Endpoint


class AcceptanceUser(Protocol):
    """Who answered 2xx."""

    def receive_no_ack(self, now_s: float) -> None:
        """The ACK never came."""
        ...


class Acceptance:
    """Our 2xx on its way: sent at once, then after T1, 2*T1 … T2, until the ACK or for 64*T1 (§13.3.1.4), over any transport."""

    def __init__(self, endpoint: Endpoint, transaction: ServerTransaction, response: Response, user: AcceptanceUser) -> None:
        self.cseq = transaction.request.cseq.number
        self._endpoint = endpoint
        self._transaction = transaction
        self._response = response
        self._user = user
        self._interval_s = T1_S

    def begin(self, now_s: float) -> None:
        """Send it for the first time."""
        self._transaction.respond(self._response, now_s)
        self._endpoint.timers.set(self, "repeat", now_s + self._interval_s)
        self._endpoint.timers.set(self, "give up", now_s + TRANSACTION_LIFE_S)

    def stop(self) -> None:
        """The ACK came, or the call is over."""
        self._endpoint.timers.clear(self, "repeat")
        self._endpoint.timers.clear(self, "give up")

    def handle_timer(self, name: str, now_s: float) -> None:
        """Repeat, or give up."""
        if name == "repeat":
            self._transaction.respond(self._response, now_s)
            self._interval_s = min(2 * self._interval_s, T2_S)
            self._endpoint.timers.set(self, "repeat", now_s + self._interval_s)
        else:
            self.stop()
            self._user.receive_no_ack(now_s)


class Acknowledgement:
    """Our ACK of one 2xx; `send` it again for each repetition of the 2xx (§13.2.2.4). It is no transaction and has no outcome."""

    def __init__(self, endpoint: Endpoint, ack: Request, uri: Uri) -> None:
        self._endpoint = endpoint
        self._ack = ack
        self._uri = uri
        self._query: QueryId | None = None
        self._wire: Send | None = None

    def send(self, now_s: float, hop: Hop | None = None) -> None:
        """Send it: over `hop` if the caller knows the way, else as soon as the next hop is found."""
        if self._wire is None and hop is not None:
            self._wire = self._routed(hop)
        if self._wire is not None:
            self._endpoint.emit(self._wire)
        elif self._query is None:
            self._query = self._endpoint.locate(self._uri, self, now_s)

    def receive_hops(self, hops: tuple[Hop, ...], failure: str, now_s: float) -> None:
        """The answer of the look-up. Without a hop there is no ACK; the next 2xx asks anew."""
        self._query = None
        if hops:
            self._wire = self._routed(hops[0])
            self._endpoint.emit(self._wire)

    def _routed(self, hop: Hop) -> Send:
        # §17.1.1.3: the ACK of a 2xx has a branch of its own.
        params = (("branch", self._endpoint.ids.branch()), ("rport", None))
        via = Via(hop.transport.value, hop.local_host, hop.local_port, params)
        return Send(hop=hop, data=self._ack.prepending("Via", str(via)).to_bytes())
