"""Noticing that the registrar restarted, although our registration still looks valid.

A registrar that keeps its table in memory forgets us when it restarts, and nothing tells us over UDP. Short of asking every few seconds,
which would wake the board all day, there are two ways, and `watch` takes the better one that works:

1. A sentinel: one idle TCP connection to the registrar. When its process ends, the kernel closes the connection, and we register again
   at once. Costs no wake-up. A registrar that closes idle connections by itself causes one registration each time; if that
   happens too often, or TCP is refused, the second way is taken.
2. A probe every `probe_s` (10 s: with its answer 0.2 wake-ups a second). It notices every outage that lasts longer than the gap, by the
   error or by the answer that comes late, and a restart between two probes as well, because it asks what the registrar holds of us: a
   REGISTER without Contact (RFC 3261 §10.2.3) changes nothing and is answered with all bindings. A server that does not list us as we
   are, or does not take the question, is asked for its OPTIONS instead. Each call that we place asks at once: whoever is called may want
   to call back, and the board is awake.

A registration over a connection needs neither: its own connection is the sentinel. `probe_s` 0 switches both off.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from firmware.sip.events import FlowId, Hop, Transport
from firmware.sip.message import Request, Response
from firmware.sip.uri import Uri
from firmware.sip.usage.addressing import common_headers, edge_route, first_hop, own_address, preloaded_route
from firmware.sip.usage.client_request import ClientRequest
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint

SHORT_LIFE_S = 60.0  # a sentinel that is closed sooner was closed for idleness, not by a restart …
SHORT_LIVES_MAX = 3  # … if it happens this often in a row
SLOW_ANSWER_S = 1.0  # a probe answered later was repeated at least twice: the registrar may have been away, and have forgotten us
MISSES_MAX = 2  # we were gone, registered again, and are gone once more: such a list says nothing of us
HURRY_GAP_S = 1.0  # a press that rings eight phones asks once
SENTINEL_AGAIN_S = 3600.0  # after which a connection is tried again where none could be had


class LivenessUser(Protocol):
    """Who wants to know."""

    @property
    def bound_contact(self) -> Uri | None:
        """What the registrar should hold of us."""
        ...

    def registrar_lost(self, now_s: float) -> None:
        """The registrar was away."""
        ...


class Way(Enum):
    """How the registrar is watched."""

    NONE = "not at all"
    OPENING = "the sentinel is being opened"
    SENTINEL = "by a connection"
    PROBE = "by asking it"


class Liveness:
    """The watch over one registrar while we are bound there."""

    def __init__(self, endpoint: Endpoint, knowledge: AccountKnowledge, user: LivenessUser) -> None:
        self._endpoint = endpoint
        self._knowledge = knowledge
        self._user = user
        self._way = Way.NONE
        self._flow: FlowId | None = None
        self._opened_s = 0.0
        self._short_lives = 0
        self._sentinel_again_s = 0.0
        self._request: ClientRequest | None = None
        self._call_id = endpoint.ids.call_id()
        self._tag = endpoint.ids.tag()
        self._cseq = 0
        self._hop: Hop | None = None
        self._asked_s = 0.0
        self._asks_bindings = False
        self._misses = 0  # questions in a row that did not find us

    def watch(self, hop: Hop, now_s: float, *, lists_us: bool) -> None:
        """Begin to watch the registrar that is bound over `hop`; `lists_us`: its answer has our Contact as we wrote it."""
        self._hop = hop
        self._asks_bindings = lists_us and self._misses < MISSES_MAX
        if self._knowledge.account.probe_s <= 0 or hop.transport.reliable or self._way is not Way.NONE:
            return
        if self._flow is not None:
            self._way = Way.SENTINEL
        elif now_s < self._sentinel_again_s:
            self._begin_probing(now_s)
        else:
            self._way = Way.OPENING
            self._opened_s = now_s
            self._ask(
                Hop(transport=Transport.TCP, host=hop.host, port=hop.port, local_host=hop.local_host, local_port=hop.local_port), now_s
            )

    def stop(self) -> None:
        """No longer bound; an open connection stays for the next time."""
        self._way = Way.NONE
        self._endpoint.timers.clear(self, "probe")
        if self._request is not None:
            self._request.abandon()
            self._request = None

    def flow_closed(self, flow: FlowId, now_s: float) -> None:
        """A connection is gone; if it was the sentinel, the registrar restarted, or is tired of idle connections."""
        if flow != self._flow:
            return
        self._flow = None
        self._short_lives = self._short_lives + 1 if now_s - self._opened_s < SHORT_LIFE_S else 0
        if self._short_lives >= SHORT_LIVES_MAX:
            self._give_up_sentinel(now_s)
        if self._way is Way.SENTINEL:
            self._user.registrar_lost(now_s)

    def handle_timer(self, name: str, now_s: float) -> None:
        """The next probe is due."""
        assert name == "probe", name
        if self._hop is not None:
            self._ask(self._hop, now_s)

    def hurry(self, now_s: float) -> None:
        """Something happens, so that it matters now whether the registrar knows us: the next probe comes at once."""
        if self._way is Way.PROBE and self._request is None and self._hop is not None and now_s >= self._asked_s + HURRY_GAP_S:
            self._endpoint.timers.clear(self, "probe")
            self._ask(self._hop, now_s)

    def compose(self, hop: Hop) -> Request:
        """OPTIONS to the registrar (RFC 3261 §11.1), or the question what it holds of us (§10.2.3)."""
        self._cseq += 1
        knowledge = self._knowledge
        account, registrar = knowledge.account, knowledge.registrar
        asks = self._asks_bindings and self._way is Way.PROBE
        headers = (
            ("Max-Forwards", "70"),
            *(edge_route(knowledge) if asks else preloaded_route(knowledge)),
            ("From", str(own_address(self._endpoint, hop, knowledge).with_tag(self._tag))),
            ("To", f"<{account.aor if asks else account.registrar}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} {'REGISTER' if asks else 'OPTIONS'}"),
            *common_headers(self._endpoint),
        )
        if asks:
            return Request("REGISTER", Uri(registrar.scheme, host=registrar.host, port=registrar.port), headers)
        return Request("OPTIONS", account.registrar.without_headers(), headers)

    def receive_provisional(self, response: Response, now_s: float) -> None:
        """Nothing follows from it."""

    def receive_final(self, request: Request, response: Response, source: Hop, now_s: float) -> None:
        """Any answer at all is a sign of life; a late one is the sign of a return."""
        self._request = None
        if self._way is Way.PROBE and (now_s - self._asked_s > SLOW_ANSWER_S or self._is_gone(request, response)):
            self._user.registrar_lost(now_s)
            return
        if self._way is Way.OPENING and source.flow is not None:
            self._way, self._flow = Way.SENTINEL, source.flow
        else:
            self._begin_probing(now_s)

    def receive_none(self, status: int, text: str, now_s: float) -> None:
        """No answer: over TCP it only means that there is no TCP; else the registrar is away."""
        self._request = None
        if self._way is Way.OPENING:
            self._give_up_sentinel(now_s)
            self._begin_probing(now_s)
        elif self._way is Way.PROBE:
            self._user.registrar_lost(now_s)

    def _is_gone(self, request: Request, response: Response) -> bool:
        """Whether the registrar says that it holds nothing of us. Who refuses the question, or misses us always, is asked no more."""
        contact = self._user.bound_contact
        if request.method != "REGISTER" or contact is None:
            return False
        if response.status < 300 and any(held.uri.equivalent(contact) for held in response.contacts):
            self._misses = 0
            return False
        self._misses = self._misses + 1 if response.status < 300 else MISSES_MAX
        self._asks_bindings = self._misses < MISSES_MAX
        return self._asks_bindings

    def _give_up_sentinel(self, now_s: float) -> None:
        self._short_lives = 0
        self._sentinel_again_s = now_s + SENTINEL_AGAIN_S

    def _begin_probing(self, now_s: float) -> None:
        self._way = Way.PROBE
        self._endpoint.timers.set(self, "probe", now_s + self._knowledge.account.probe_s)

    def _ask(self, hop: Hop, now_s: float) -> None:
        self._asked_s = now_s
        knowledge = self._knowledge
        asks = self._asks_bindings and self._way is Way.PROBE
        # OPTIONS without the account: its answer matters, not its permission, so a challenge is answer enough.
        self._request = ClientRequest(self._endpoint, self, knowledge if asks else None)
        self._request.begin(knowledge.registrar if asks else first_hop(knowledge.account.registrar, knowledge), now_s, hop=hop)
