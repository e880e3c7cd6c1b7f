"""Requests and responses: bytes to frozen values and back (RFC 3261 §7), and the answer to a request (§8.2.6).

`parse_message` checks all that every user agent must understand, so that afterwards the typed properties of those headers cannot fail.
"""

from __future__ import annotations

from typing import NamedTuple, Self

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar
from firmware.sip.fields import HeaderFields, lenient_list
from firmware.sip.header_lines import Headers, read_head, salvaged, unfolded_lines
from firmware.sip.headers import NameAddr, Via
from firmware.sip.status import REASONS
from firmware.sip.uri import Uri


class Limits(NamedTuple):
    """What one message may cost us before it is refused."""

    message_bytes: int = 65535  # no UDP datagram is larger, and nothing this program says over a stream needs to be
    head_bytes: int = 32768  # start line and headers: RFC 4475's "longreq" has 3.4 kB
    header_lines: int = 256  # a request through ten proxies has forty
    vias: int = 70  # the recommended first Max-Forwards (RFC 3261 §8.1.1.6): no request can pass more hops


LIMITS = Limits()

# Every method of the IANA registry: a request with another one is answered 501 even when it is broken elsewhere (RFC 4475 §3.1.2.18).
_REGISTERED = "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE"
METHODS = frozenset(_REGISTERED.split())

# Header fields that stand once at most; twice, nobody can say which one counts (RFC 4475 §3.3.8).
_SINGLE = frozenset(("Call-ID", "Content-Type", "CSeq", "Expires", "From", "Max-Forwards", "To"))


class Request(HeaderFields):
    """A request (RFC 3261 §7.1)."""

    method: str
    uri: Uri

    def __init__(self, method: str, uri: Uri, headers: Headers = (), body: bytes = b"") -> None:
        values = self.__dict__
        values["method"] = method
        values["uri"] = uri
        values["headers"] = headers
        values["body"] = body

    def _start(self) -> tuple[object, ...]:
        return (self.method, self.uri)

    def _line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"

    def _copy(self, headers: Headers) -> Self:
        return type(self)(self.method, self.uri, headers, self.body)


class Response(HeaderFields):
    """A response (RFC 3261 §7.2)."""

    status: int
    reason: str

    def __init__(self, status: int, reason: str, headers: Headers = (), body: bytes = b"") -> None:
        values = self.__dict__
        values["status"] = status
        values["reason"] = reason
        values["headers"] = headers
        values["body"] = body

    def _start(self) -> tuple[object, ...]:
        return (self.status, self.reason)

    def _line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"

    def _copy(self, headers: Headers) -> Self:
        return type(self)(self.status, self.reason, headers, self.body)

    def _read_contacts(self, lines: list[str]) -> tuple[NameAddr, ...]:
        # The answer to a REGISTER lists the bindings of every other device; what one of them calls itself must not cost us ours.
        found = []
        for text in [value for line in lines for value in lenient_list(line)]:
            try:
                found.append(NameAddr.parse(text))
            except RemoteProtocolError:
                continue
        return tuple(found)


Message = Request | Response


class MalformedRequest(RemoteProtocolError):  # noqa: N818 (it names what arrived)
    """A broken request that can still be answered: `make_response(error.reply_to, error.status, to_tag=…)`.

    `reply_to` holds the header lines as received, unchecked: only `get` and `headers` are safe on it, its typed properties may raise.
    `via` is its topmost Via when that one is sound; else answer to where the request came from.
    """

    def __init__(self, what: str, *, status: int, reply_to: Request, via: Via | None) -> None:
        super().__init__(what, status=status)
        self.reply_to = reply_to
        self.via = via


def parse_message(data: bytes, *, limits: Limits = LIMITS) -> Message:
    """Read one datagram, or one message that the framer cut out of a stream; line ends in front of it do not count (RFC 3261 §7.5).

    Raises MalformedRequest for a broken request that can be answered, RemoteProtocolError for what must be dropped.
    """
    if data[:1] == b"\r":
        data = data.lstrip(b"\r\n")
    if len(data) > limits.message_bytes:
        raise RemoteProtocolError(f"message of {len(data)} bytes", status=513)
    end = data.find(b"\r\n\r\n")
    head = data[:end] if end >= 0 else data
    if len(head) > limits.head_bytes:
        raise RemoteProtocolError(f"header section of {len(head)} bytes", status=513)
    try:
        if end < 0:
            raise RemoteProtocolError("header section without its end")
        start, headers, lengths = read_head(head, limits.header_lines)
        message = _start_line(start, headers, _body(data[end + 4 :], lengths))
        _check(message, limits)
        return message
    except RemoteProtocolError as error:
        raise _answerable(error, head, limits) from None


def _start_line(line: str, headers: Headers, body: bytes) -> Message:
    first, _, rest = line.partition(" ")
    second, _, third = rest.partition(" ")
    if third == "SIP/2.0":
        if not grammar.is_token(first):
            raise RemoteProtocolError(f"not a method: {first[:40]!r}")
        uri = Uri.parse(second)
        if uri.headers:
            # RFC 3261 §19.1.1: headers have no place in a Request-URI; obeyed, they would let a link write headers of ours.
            raise RemoteProtocolError("Request-URI with headers")
        return Request(first, uri, headers, body)
    if first == "SIP/2.0":
        if len(second) != 3 or second.strip(grammar.DIGITS) or not 100 <= int(second) <= 699:
            raise RemoteProtocolError(f"not a status code: {second[:40]!r}")
        return Response(int(second), third, headers, body)
    if _is_version(third) or _is_version(first):
        raise RemoteProtocolError("not SIP 2.0", status=505)
    raise RemoteProtocolError(f"neither request nor response: {line[:80]!r}")


def _is_version(text: str) -> bool:
    name, _, number = text.partition("/")
    return name.upper() == "SIP" and bool(number) and not number.strip(grammar.DIGITS + ".")


def _check(message: Message, limits: Limits) -> None:
    """Parse what no user agent can do without, once and for all."""
    lines = message.lines_by_name
    for name, values in lines.items():
        if len(values) > 1 and name in _SINGLE:
            raise RemoteProtocolError(f"{name} more than once")
    if not 0 < len(message.vias) <= limits.vias:
        raise RemoteProtocolError(f"{len(message.vias)} Via values")
    cseq = message.cseq
    _ = message.from_, message.to, message.call_id, message.contacts, message.max_forwards
    if "Route" in lines or "Record-Route" in lines:
        _ = message.routes, message.record_routes
    if isinstance(message, Request) and cseq.method != message.method:
        # "the method part of CSeq MUST match that of the request" (RFC 3261 §8.1.1.5); 501 is the better answer when the method is unknown.
        raise RemoteProtocolError("CSeq names another method", status=400 if message.method in METHODS else 501)


def _body(rest: bytes, lengths: list[str]) -> bytes:
    """As much as Content-Length says (RFC 3261 §18.3): octets behind it go, missing ones are an error, and without it all is body."""
    if not lengths:
        return rest
    if len(lengths) > 1:
        raise RemoteProtocolError("Content-Length more than once")  # nobody can know how much to read (RFC 4475 §3.3.9)
    length = grammar.number(lengths[0], "Content-Length")
    if length > len(rest):
        raise RemoteProtocolError(f"Content-Length {lengths[0][:20]} but {len(rest)} octets of body")
    return rest[:length]


_ECHOED = frozenset(("Via", "From", "To", "Call-ID", "CSeq"))


def _answerable(error: RemoteProtocolError, head: bytes, limits: Limits) -> RemoteProtocolError:
    """The error as MalformedRequest when the broken thing is a request, is no ACK, and names the hop that waits for an answer."""
    lines = unfolded_lines(head)
    method, _, rest = lines[0].partition(" ")
    if not grammar.is_token(method) or method == "ACK" or "SIP/" not in rest.upper():
        return error
    headers = salvaged(lines, _ECHOED, limits.header_lines)
    if all(name != "Via" for name, _ in headers):
        return error
    reply_to = Request(method, Uri("sip", host="invalid"), headers)
    try:
        via: Via | None = reply_to.via
    except RemoteProtocolError:
        via = None
    return MalformedRequest(str(error), status=error.status, reply_to=reply_to, via=via)


def make_response(
    request: Request, status: int, reason: str | None = None, *, to_tag: str | None = None, headers: Headers = (), body: bytes = b""
) -> Response:
    """The answer to `request` (RFC 3261 §8.2.6): Via, From, To, Call-ID and CSeq as received, then `headers`.

    `to_tag` is added when To has no tag yet; leave it None for 100. `reason` None takes the usual phrase.
    """
    assert 100 <= status <= 699, status
    lines: list[tuple[str, str]] = []
    for name, value in request.headers:
        if name == "To" and to_tag and _lacks_tag(request):
            lines.append((name, f"{value};tag={to_tag}"))
        elif name in _ECHOED or (name == "Timestamp" and status == 100):
            lines.append((name, value))
    return Response(status, REASONS.get(status, "Unknown") if reason is None else reason, (*lines, *headers), body)


def _lacks_tag(request: Request) -> bool:
    try:
        return request.to_tag is None
    except RemoteProtocolError:
        return False  # a To that nobody can read is echoed as it is
