"""HTTP/1.1 (RFC 9112) between octets and requests: the only file that touches h11. Bytes in, bytes out.

h11 is strict about what begins and ends a message, and gives up on a head that grows beyond a limit; the body's limit is ours.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

import h11

from firmware.outlets.web.message import SAFE_HEADERS, Request, Response, fields

HEAD_BYTES_MAX: Final = 8192  # a browser's head has one, with a long token two
BODY_BYTES_MAX: Final = 16_384  # a form or a SOAP request has one
METHODS: Final = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"DELETE"})  # a CONNECT that is answered by a 2xx would end HTTP here
# RFC 9112 §6.1: who sends both may be about to smuggle a request past a proxy that reads the other one.
FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
ONCE: Final = frozenset({b"authorization", b"cookie", b"origin", b"content-type"})  # two of them would leave open which one counts


class BadRequestError(Exception):
    """What came is no request that is answered; `status` says so to the other side, and then the connection ends."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Exchange:
    """One connection's requests and answers, in turn."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._wire = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        self._head: h11.Request | None = None
        self._body = bytearray()

    def receive(self, data: bytes) -> None:
        """Take what arrived; empty: the other side has ended."""
        try:
            self._wire.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise BadRequestError(400, str(error)) from error

    def next(self) -> Request | None:
        """The next whole request, or None while there is none. Raises BadRequestError."""
        try:
            while True:
                event = self._wire.next_event()
                if isinstance(event, h11.Request):
                    self._head = _bounded(event)
                elif isinstance(event, h11.Data):
                    self._body += event.data
                    if len(self._body) > BODY_BYTES_MAX:
                        raise BadRequestError(413, f"at most {BODY_BYTES_MAX} bytes are taken")
                elif isinstance(event, h11.EndOfMessage):
                    return self._request()
                else:
                    return None
        except h11.RemoteProtocolError as error:
            raise BadRequestError(error.error_status_hint, str(error)) from error

    def invitation(self) -> bytes:
        """What encourages a client that waits before it sends its body (RFC 9110 §10.1.1); empty when none does."""
        if not self._wire.they_are_waiting_for_100_continue:
            return b""
        return self._wire.send(h11.InformationalResponse(status_code=100, headers=[])) or b""

    @property
    def is_over(self) -> bool:
        """Whether this connection carries no further request."""
        return self._wire.our_state is not h11.IDLE

    def answer(self, response: Response) -> bytes:
        """The octets of an answer; afterwards the next request may come, if both sides want that."""
        head = [("Content-Type", response.content_type), ("Content-Length", str(len(response.body))), *SAFE_HEADERS, *response.headers]
        octets = self._send(h11.Response(status_code=response.status, headers=head, reason=_reason(response.status)))
        if self._head is None or self._head.method != b"HEAD":
            octets += self._send(h11.Data(data=response.body))
        octets += self._send(h11.EndOfMessage())
        if self._wire.our_state is h11.DONE and self._wire.their_state is h11.DONE:
            self._wire.start_next_cycle()
            self._head = None  # what comes now may be no request, and is answered with a body then
        return octets

    def begin_stream(self) -> bytes:
        """The head of an answer that goes on until the connection ends."""
        head = [("Content-Type", "text/event-stream"), ("Connection", "close"), *SAFE_HEADERS]
        return self._send(h11.Response(status_code=200, headers=head))

    def more(self, piece: bytes) -> bytes:
        """A piece of that answer."""
        return self._send(h11.Data(data=piece))

    def farewell(self, error: BadRequestError) -> bytes:
        """The answer to what was no request; empty when an answer has begun already."""
        if self._wire.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return b""
        return self.answer(Response(error.status, f"{error}\n".encode(), headers=(("Connection", "close"),)))

    def _send(self, event: h11.Response | h11.Data | h11.EndOfMessage) -> bytes:
        return self._wire.send(event) or b""

    def _request(self) -> Request:
        head, body = self._head, bytes(self._body)
        assert head is not None, "h11 ends no message that did not begin"
        self._body.clear()
        headers: dict[str, str] = {}
        for name, value in head.headers:
            if name in ONCE and name.decode() in headers:
                raise BadRequestError(400, f"{name.decode()} stands twice")
            headers[name.decode()] = value.decode("latin-1")
        target, _, query = head.target.decode("ascii", "replace").partition("?")
        if not target.startswith("/"):
            raise BadRequestError(400, "only paths of this server are answered")
        return Request(
            method=head.method.decode("ascii", "replace"),
            path=unquote(target),
            source=self._source,
            query=fields(query),
            headers=headers,
            body=body,
        )


def _bounded(head: h11.Request) -> h11.Request:
    """Only what is answered here. h11 looks at the limit while a head is incomplete; one that comes at once may be longer."""
    if {name for name, _ in head.headers} >= FRAMING:
        raise BadRequestError(400, "Content-Length and Transfer-Encoding stand together")
    if head.method not in METHODS:
        raise BadRequestError(501, "this method is not known here")
    if len(head.target) + sum(len(name) + len(value) for name, value in head.headers) > HEAD_BYTES_MAX:
        raise BadRequestError(431, f"a head has at most {HEAD_BYTES_MAX} bytes")
    return head


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase
