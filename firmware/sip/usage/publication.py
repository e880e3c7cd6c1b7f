"""PUBLISH: our state of an event package, kept at a server (RFC 3903 §4).

Idle --publish--> Sending --200 with SIP-ETag--> Held --refresh due, new state--> Sending      any --withdraw--> Removing --> Idle
"""

from __future__ import annotations

from enum import Enum

from firmware.errors import LocalProtocolError, RemoteProtocolError
from firmware.sip.entity_tag import entity_tag
from firmware.sip.events import Hop
from firmware.sip.message import Request, Response
from firmware.sip.notices import Publish, RequestAnswered
from firmware.sip.usage.addressing import common_headers, first_hop, own_address, preloaded_route, request_uri
from firmware.sip.usage.client_request import ClientRequest
from firmware.sip.usage.endpoint import AccountKnowledge, Endpoint

BODY_BYTES_MAX = 65_000  # what fits into one message
EXPIRES_MAX_S = 86_400  # nobody needs to be asked less often than daily
REFRESH_FRACTION = 0.75  # of the granted time
RETRY_S = 60.0  # after no answer or a server error: state that nobody can read now can wait a minute
RETRY_AFTER_MAX_S = 3600.0  # who asks for more patience than an hour is asked hourly
ADJUSTMENTS_MAX = 4  # 412 and 423 in a row


class Phase(Enum):
    """Where the publication stands."""

    IDLE = "nothing runs"
    SENDING = "PUBLISH is on its way"
    REMOVING = "the PUBLISH that removes it is on its way"


class Publication:
    """One publication under one key. Each answer is told to the program."""

    def __init__(self, endpoint: Endpoint, command: Publish, knowledge: AccountKnowledge | None) -> None:
        self._endpoint = endpoint
        self._command = command
        self._knowledge = knowledge
        self._uri = request_uri(command.target, knowledge) or command.target
        self._request = ClientRequest(endpoint, self, knowledge)
        self._phase = Phase.IDLE
        self._call_id = endpoint.ids.call_id()
        self._tag = endpoint.ids.tag()
        self._cseq = 0
        self._etag: str | None = None
        self._expires_s = command.expires_s
        self._sent_body: bytes | None = None  # the body of the PUBLISH on its way, None in a refresh
        self._held_body: bytes | None = None  # what the server holds
        self._adjustments = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is kept at the server and nothing runs."""
        timers = self._endpoint.timers
        return self._phase is Phase.IDLE and self._etag is None and not timers.is_set(self, "again")

    def publish(self, command: Publish, now_s: float) -> None:
        """Tell the state, or a new one in place of the old. While a PUBLISH runs, the newest state waits (§4: only one at a time)."""
        if len(command.body) > BODY_BYTES_MAX or not command.body:
            raise LocalProtocolError(f"a publication of {len(command.body)} bytes")
        self._command = command
        if self._phase is Phase.IDLE:
            self._send(now_s)

    def withdraw(self, now_s: float) -> None:
        """Remove it (§4.5)."""
        self._request.abandon()
        self._endpoint.timers.clear(self, "again")
        self._phase = Phase.IDLE
        if self._etag is None:
            return
        self._phase = Phase.REMOVING
        self._begin(now_s)

    def compose(self, hop: Hop) -> Request:
        """§4.2: a body creates or changes; without one, SIP-If-Match refreshes or, with Expires 0, removes."""
        self._cseq += 1
        etag = self._etag
        body = b"" if self._phase is Phase.REMOVING or (etag is not None and self._held_body == self._command.body) else self._command.body
        self._sent_body = body or None
        expires_s = 0 if self._phase is Phase.REMOVING else self._expires_s
        headers = (
            ("Max-Forwards", "70"),
            *preloaded_route(self._knowledge),
            ("From", str(own_address(self._endpoint, hop, self._knowledge).with_tag(self._tag))),
            ("To", f"<{self._uri}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} PUBLISH"),
            ("Event", self._command.package),
            *([] if expires_s is None else [("Expires", str(expires_s))]),
            *([] if etag is None else [("SIP-If-Match", etag)]),
            *common_headers(self._endpoint),
            *([("Content-Type", self._command.content_type)] if body else []),
        )
        return Request("PUBLISH", self._uri, headers, body)

    def receive_provisional(self, response: Response, now_s: float) -> None:
        """Nothing follows from it."""

    def receive_final(self, request: Request, response: Response, source: Hop, now_s: float) -> None:
        """The server's answer."""
        status = response.status
        removing = self._phase is Phase.REMOVING
        self._phase = Phase.IDLE
        if removing:
            self._etag = None
        elif status < 300:
            self._accepted(response, now_s)
        elif status == 412 and self._etag is not None and self._adjust():
            # §4.1: the server no longer knows the publication: make it anew, with its body.
            self._etag = self._held_body = None
            self._send(now_s)
            return
        elif status == 423 and response.min_expires is not None and self._may_extend(response.min_expires) and self._adjust():
            # §4.2: too brief: again with at least Min-Expires.
            self._expires_s = response.min_expires
            self._send(now_s)
            return
        else:
            self._etag = self._held_body = None
            if 500 <= status < 600 and self._expires_s is not None:
                # RFC 3261 §21.5.4: no further request for as long as Retry-After says.
                patience_s = max(RETRY_S, min(float(response.retry_after or 0), RETRY_AFTER_MAX_S))
                self._endpoint.timers.set(self, "again", now_s + patience_s)
        self._adjustments = 0
        self._tell(status, response.reason)

    def receive_none(self, status: int, text: str, now_s: float) -> None:
        """No answer."""
        removing = self._phase is Phase.REMOVING
        self._phase = Phase.IDLE
        if removing:
            self._etag = None
        elif self._expires_s is not None:
            self._endpoint.timers.set(self, "again", now_s + RETRY_S)
        self._tell(status, text)

    def handle_timer(self, name: str, now_s: float) -> None:
        """Time for a refresh, or to try again."""
        assert name == "again", name
        self._send(now_s)

    def _accepted(self, response: Response, now_s: float) -> None:
        if self._expires_s is None:
            return
        try:
            # §4.1: the tag is new with each answer, that of a refresh included.
            self._etag = entity_tag(response)
        except RemoteProtocolError:
            self._etag = None
        self._held_body = self._sent_body or self._held_body
        granted_s = min(self._expires_s if response.expires is None else response.expires, EXPIRES_MAX_S)
        self._endpoint.timers.set(self, "again", now_s + max(1.0, granted_s * REFRESH_FRACTION))
        if self._held_body != self._command.body:
            self._send(now_s)  # the state that has waited

    def _may_extend(self, least_s: int) -> bool:
        return self._expires_s is not None and self._expires_s < least_s <= EXPIRES_MAX_S

    def _adjust(self) -> bool:
        self._adjustments += 1
        return self._adjustments <= ADJUSTMENTS_MAX

    def _send(self, now_s: float) -> None:
        self._endpoint.timers.clear(self, "again")
        self._phase = Phase.SENDING
        self._begin(now_s)

    def _begin(self, now_s: float) -> None:
        self._request = ClientRequest(self._endpoint, self, self._knowledge)
        self._request.begin(first_hop(self._uri, self._knowledge), now_s)

    def _tell(self, status: int, text: str) -> None:
        self._endpoint.emit(RequestAnswered(key=self._command.key, method="PUBLISH", status=status, text=text))
