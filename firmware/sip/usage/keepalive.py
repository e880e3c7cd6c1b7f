"""Keeping a flow open, and noticing that it is dead (RFC 5626 §3.5, §4.4).

Over a connection: a double CRLF, which the other side answers with a single one; the shell closes the connection when it does not. Over
UDP either a CRLF that only keeps a NAT open and is never answered, or a STUN Binding request (§3.5.2): its answer tells that the server
lives and under which address it sees us, and a change of that address means that the NAT has forgotten us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from firmware.sip.events import Hop, Send
from firmware.sip.settings import KeepAliveWay
from firmware.sip.usage.endpoint import Endpoint

if TYPE_CHECKING:
    from firmware.stun.attributes import Address

PING = b"\r\n\r\n"  # RFC 5626 §3.5.1
UDP_GAP_S = (24.0, 29.0)  # §4.4.2: when nobody says otherwise, by chance between 24 and 29 seconds
STREAM_GAP_S = (95.0, 120.0)  # §4.4.1: "between 95 and 120 seconds"
PART_OF_FLOW_TIMER = 0.8  # §4.4: a Flow-Timer is undercut, by up to a fifth
RTO_S = 0.5  # RFC 8489 §6.2.1: the first wait for an answer; it doubles with each repetition …
REPETITIONS_MAX = 4  # … of which RFC 8489 has seven, 39.5 s in all: after 15.5 s nobody at the door waits for a NAT any more


class FlowUser(Protocol):
    """Whose flow it is."""

    def flow_failed(self, now_s: float) -> None:
        """It is dead (§4.4.2: no answer, or another mapped address)."""
        ...


class Asking(NamedTuple):
    """A Binding request without answer yet."""

    transaction_id: bytes
    repetitions: int


class KeepAlive:
    """The signs of life on one flow; `start` when it is bound, `stop` when it is not."""

    def __init__(self, endpoint: Endpoint, user: FlowUser) -> None:
        self._endpoint = endpoint
        self._user = user
        self._hop: Hop | None = None
        self._gap_s = (0.0, 0.0)
        self._asks = False
        self._asking: Asking | None = None
        self._mapped: Address | None = None

    def start(self, hop: Hop, now_s: float, *, way: KeepAliveWay, gap_s: float, flow_timer_s: int | None, is_outbound: bool) -> None:
        """Begin. `gap_s` is the owner's wish, 0 for none; a registrar that keeps flows (`is_outbound`, or a Flow-Timer) gets its own."""
        wanted = is_outbound or flow_timer_s is not None
        if hop.transport.reliable and not wanted:
            return  # who does not know the CRLF would not answer it, and lose us
        if gap_s <= 0 and not wanted:
            return
        self._hop = hop
        self._asks = not hop.transport.reliable and (is_outbound or way is KeepAliveWay.STUN)
        if flow_timer_s is not None and flow_timer_s > 0:
            self._gap_s = (PART_OF_FLOW_TIMER * flow_timer_s, float(flow_timer_s))
        elif gap_s > 0:
            self._gap_s = (gap_s, gap_s)
        else:
            self._gap_s = STREAM_GAP_S if hop.transport.reliable else UDP_GAP_S
        self._wait(now_s)

    def stop(self) -> None:
        """No more of them. What was learned of our mapped address is void."""
        self._hop = self._asking = self._mapped = None
        for name in ("keepalive", "stun"):
            self._endpoint.timers.clear(self, name)

    def handle_timer(self, name: str, now_s: float) -> None:
        """The next sign of life is due, or a Binding request has no answer yet."""
        if self._hop is None:
            return
        if name == "stun":
            self._repeat(now_s)
        elif self._asks:
            self._ask(now_s)
        else:
            self._endpoint.emit(Send(hop=self._hop, data=PING))
            self._wait(now_s)

    def receive(self, data: bytes, source: Hop, now_s: float) -> bool:
        """A STUN message; whether it was the answer to our question."""
        from firmware.stun.binding import parse_response

        response = parse_response(data)
        if response is None or self._asking is None or response.transaction_id != self._asking.transaction_id:
            return False
        if self._hop is None or (source.host, source.port) != (self._hop.host, self._hop.port):
            return False
        self._asking = None
        self._endpoint.timers.clear(self, "stun")
        # §4.4.2: "If the XOR-MAPPED-ADDRESS … changes, the UA MUST treat this event as a failure on the flow." An error is a sign of life.
        before, self._mapped = self._mapped, response.mapped or self._mapped
        if before is not None and self._mapped != before:
            self._user.flow_failed(now_s)
        else:
            self._wait(now_s)
        return True

    def _wait(self, now_s: float) -> None:
        first_s, last_s = self._gap_s
        self._endpoint.timers.set(self, "keepalive", now_s + first_s + (last_s - first_s) * self._endpoint.ids.fraction())

    def _ask(self, now_s: float) -> None:
        ids = self._endpoint.ids
        self._asking = Asking(b"".join([ids.uint32().to_bytes(4, "big") for _ in range(3)]), 0)
        self._send(now_s)

    def _repeat(self, now_s: float) -> None:
        if self._asking is None:
            return
        if self._asking.repetitions >= REPETITIONS_MAX:
            self._asking = None
            # §4.4.2: "if a STUN Binding response is not received … the UA MUST declare the flow dead."
            self._user.flow_failed(now_s)
            return
        self._asking = self._asking._replace(repetitions=self._asking.repetitions + 1)
        self._send(now_s)

    def _send(self, now_s: float) -> None:
        from firmware.stun.binding import binding_request

        assert self._hop is not None, "questions are asked on a flow"
        assert self._asking is not None, "a question is sent"
        self._endpoint.emit(Send(hop=self._hop, data=binding_request(self._asking.transaction_id)))
        self._endpoint.timers.set(self, "stun", now_s + RTO_S * 2.0**self._asking.repetitions)
