"""Knocking at a registrar that is away, so that its return, or the network's, is noticed within seconds however long it took.

REGISTER itself backs off to a minute: each one costs a server that starts a look into its database and, over UDP, eleven datagrams.
A knock is one OPTIONS (RFC 3261 §11), sent once and without a transaction. Whatever comes back proves that somebody is there again, and
REGISTER follows at once. Knocks are spread by chance, so that the doors of a street do not all fall upon a server in its first second.
"""

from __future__ import annotations

from firmware.sip.events import Hop, QueryId, Send
from firmware.sip.headers import Via
from firmware.sip.message import Request
from firmware.sip.uri import Uri
from firmware.sip.usage.addressing import common_headers, edge_route, own_address
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint

GAP_S = 3.0  # with a round trip and a REGISTER with its challenge behind it, all is well again within 5 s; shortened by up to a quarter
BREATH_S = 0.5  # after a look-up that took as long as the gap: a name server that is dead is asked again soon, and not all the time
HOPS_MAX = 2  # knocked at each time: a name with many addresses still names one service
NONE = QueryId(0)


class Knocking:
    """The knocks of one account: `begin` when its registrar is away, `stop` when it is not, or when it is no use."""

    def __init__(self, endpoint: Endpoint, knowledge: AccountKnowledge) -> None:
        self._endpoint = endpoint
        self._knowledge = knowledge
        self._uri = knowledge.registrar
        self._query = NONE
        self._call_id = endpoint.ids.call_id()
        self._tag = endpoint.ids.tag()
        self._cseq = 0
        self._since_s = 0.0  # when the last knock, or the look-up for it, began

    def begin(self, uri: Uri, now_s: float) -> None:
        """Knock where requests to `uri` go."""
        self._uri = uri
        self._since_s = now_s
        self._wait(now_s)

    def stop(self) -> None:
        """No more knocks."""
        self._endpoint.timers.clear(self, "knock")
        self._endpoint.withdraw(self._query)

    def handle_timer(self, name: str, now_s: float) -> None:
        """The next knock is due; the name is looked up each time, for the server may come back elsewhere."""
        assert name == "knock", name
        self._since_s = now_s
        self._query = self._endpoint.locate(self._uri, self, now_s)

    def receive_hops(self, hops: tuple[Hop, ...], failure: str, now_s: float) -> None:
        """The answer of the name look-up; without one there is nobody to knock at, this time."""
        if hops:
            self._knowledge.learn_hosts(hops)  # so that the answer counts as a sign of life
        for hop in hops[:HOPS_MAX]:
            self._endpoint.emit(Send(hop=hop, data=self._options(hop).to_bytes()))
        self._wait(now_s)

    def _wait(self, now_s: float) -> None:
        due_s = self._since_s + GAP_S * (1 - 0.25 * self._endpoint.ids.fraction())
        self._endpoint.timers.set(self, "knock", max(due_s, now_s + BREATH_S))

    def _options(self, hop: Hop) -> Request:
        self._cseq += 1
        registrar = self._knowledge.account.registrar
        via = Via(hop.transport.value, hop.local_host, hop.local_port, (("branch", self._endpoint.ids.branch()), ("rport", None)))
        headers = (
            ("Via", str(via)),
            ("Max-Forwards", "70"),
            *edge_route(self._knowledge),
            ("From", str(own_address(self._endpoint, hop, self._knowledge).with_tag(self._tag))),
            ("To", f"<{registrar}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} OPTIONS"),
            *common_headers(self._endpoint),
        )
        return Request("OPTIONS", registrar.without_headers(), headers)
