"""What requests and responses share: header lines in wire order, and their typed values, each parsed once.

Header fields that are not needed to process a request are read leniently: "a UAS … MUST ignore any malformed header fields that are not
necessary for processing requests" (RFC 3261 §8.2); their properties give None or nothing when the value is malformed. The others (Via,
From, To, Call-ID, CSeq, Max-Forwards, Contact, Route, Record-Route) raise RemoteProtocolError, but never on a message that
`parse_message` has let through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, Self, TypeVar, overload

from firmware.errors import LocalProtocolError, RemoteProtocolError
from firmware.sip import grammar
from firmware.sip.header_lines import Headers
from firmware.sip.headers import COMPACT, DELTA_SECONDS_MAX, LIST_HEADERS, CSeq, NameAddr, Via, canonical

DATAGRAM_BYTES_MAX = 1300  # RFC 3261 §18.1.1: "if the request is within 200 bytes of the path MTU, or larger than 1300 bytes"

_T_co = TypeVar("_T_co", covariant=True)
_Value = TypeVar("_Value", Via, NameAddr)


class _Once(Generic[_T_co]):
    """A property computed at its first use and then kept in the instance (functools.cached_property without the lock of Python 3.11)."""

    def __init__(self, compute: Callable[[HeaderFields], _T_co]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type[object], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type[object]) -> Self: ...
    @overload
    def __get__(self, instance: HeaderFields, owner: type[object]) -> _T_co: ...
    def __get__(self, instance: HeaderFields | None, owner: type[object]) -> Self | _T_co:
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._compute(instance)
        return value


def _parsed(kind: type[_Value], lines: Iterable[str]) -> tuple[_Value, ...]:
    out: list[_Value] = []
    for line in lines:
        if "," in line:
            out += kind.parse_list(line)
        else:
            out.append(kind.parse(line))
    return tuple(out)


def lenient_list(line: str) -> list[str]:
    """The values of a comma list without the empty ones; a line that cannot be taken apart is one value."""
    try:
        return [value for value in grammar.split_outside(line, ",") if value]
    except RemoteProtocolError:
        return [line]


class HeaderFields:
    """What requests and responses share. Immutable: `with_header` and its kin give a new message."""

    headers: Headers
    body: bytes

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("messages are immutable")

    def _start(self) -> tuple[object, ...]:
        raise AssertionError("a message is a Request or a Response")

    def _line(self) -> str:
        raise AssertionError("a message is a Request or a Response")

    def _copy(self, headers: Headers) -> Self:
        raise AssertionError("a message is a Request or a Response")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HeaderFields):
            return NotImplemented
        return self._start() == other._start() and self.headers == other.headers and self.body == other.body

    def __hash__(self) -> int:
        return hash((self._start(), self.headers, self.body))

    def __repr__(self) -> str:
        # Neither headers nor body: an Authorization or a door code in an INFO must not reach a log by way of a repr.
        return f"<{self._line()}: {len(self.headers)} header lines, {len(self.body)} bytes of body>"

    # --- headers as text

    @_Once
    def lines_by_name(self) -> dict[str, list[str]]:
        """The lines of each header in order, by canonical name. Not to be changed by the reader."""
        index: dict[str, list[str]] = {}
        for name, value in self.headers:
            if name in index:
                index[name].append(value)
            else:
                index[name] = [value]
        return index

    def get(self, name: str) -> str | None:
        """The first line of the header as text, None when absent."""
        lines = self.lines_by_name.get(name) or self.lines_by_name.get(canonical(name))
        return lines[0] if lines else None

    def get_all(self, name: str) -> tuple[str, ...]:
        """Every value of the header in order, comma lists taken apart where the header is a list.

        Never raises: empty values are passed over, and a line that cannot be taken apart is one value.
        """
        name = canonical(name)
        lines = self.lines_by_name.get(name)
        if lines is None:
            return ()
        if name not in LIST_HEADERS:
            return tuple(lines)
        return tuple([value for line in lines for value in lenient_list(line)])

    def get_lines(self, name: str) -> tuple[str, ...]:
        """Every line of the header as text, in order; comma lists left whole."""
        return tuple(self.lines_by_name.get(canonical(name), ()))

    def with_header(self, name: str, value: str) -> Self:
        """The message with `value` as the only line of this header, in the place of its first line or else at the end."""
        name, out, done = canonical(name), [], False
        for key, old in self.headers:
            if key != name:
                out.append((key, old))
            elif not done:
                out.append((key, value))
                done = True
        if not done:
            out.append((name, value))
        return self._copy(tuple(out))

    def adding(self, name: str, value: str) -> Self:
        """The message with one more line at the end."""
        return self._copy((*self.headers, (canonical(name), value)))

    def prepending(self, name: str, value: str) -> Self:
        """The message with one more line in front of all others."""
        return self._copy(((canonical(name), value), *self.headers))

    def with_vias(self, vias: tuple[Via, ...]) -> Self:
        """The message with these Via values, a line each, in the place of its first; what else was read of it stays read."""
        lines = [str(via) for via in vias]
        first = next(at for at, (name, _) in enumerate(self.headers) if name == "Via")
        headers = [pair for pair in self.headers if pair[0] != "Via"]
        headers[first:first] = [("Via", line) for line in lines]
        message = self._copy(tuple(headers))
        index = self.lines_by_name | {"Via": lines}
        message.__dict__.update(self.__dict__ | {"headers": message.headers, "vias": vias, "lines_by_name": index})
        return message

    def without(self, name: str) -> Self:
        """The message without any line of this header."""
        name = canonical(name)
        return self._copy(tuple([pair for pair in self.headers if pair[0] != name]))

    # --- headers that every message has

    @_Once
    def vias(self) -> tuple[Via, ...]:
        """Every Via, the topmost first."""
        return _parsed(Via, self.lines_by_name.get("Via", ()))

    @property
    def via(self) -> Via:
        """The topmost Via."""
        vias = self.vias
        if not vias:
            raise RemoteProtocolError("Via is missing")
        return vias[0]

    @_Once
    def from_(self) -> NameAddr:
        """From."""
        return NameAddr.parse(self._required("From"))

    @_Once
    def to(self) -> NameAddr:
        """To."""
        return NameAddr.parse(self._required("To"))

    @_Once
    def to_tag(self) -> str | None:
        """The tag of To: a request without one is outside of any dialog (RFC 3261 §12.2.2)."""
        return self.to.tag

    @_Once
    def call_id(self) -> str:
        """Call-ID: one word, or two round an @ (RFC 3261 §25.1)."""
        value = self._required("Call-ID")
        first, at, second = value.partition("@")
        if not first or first.strip(grammar.WORD) or (at and not second) or second.strip(grammar.WORD):
            raise RemoteProtocolError(f"not a Call-ID: {value[:80]!r}")
        return value

    @_Once
    def cseq(self) -> CSeq:
        """CSeq."""
        return CSeq.parse(self._required("CSeq"))

    def _required(self, name: str) -> str:
        lines = self.lines_by_name.get(name)
        if lines is None:
            raise RemoteProtocolError(f"{name} is missing")
        return lines[0]

    # --- headers that many messages have

    @_Once
    def contacts(self) -> tuple[NameAddr, ...]:
        """Every Contact; empty for none and for the star of a REGISTER (RFC 3261 §10.2.2)."""
        return self._read_contacts([line for line in self.lines_by_name.get("Contact", ()) if line != "*"])

    def _read_contacts(self, lines: list[str]) -> tuple[NameAddr, ...]:
        return _parsed(NameAddr, lines)

    @_Once
    def routes(self) -> tuple[NameAddr, ...]:
        """Every Route, the next hop first."""
        return _parsed(NameAddr, self.lines_by_name.get("Route", ()))

    @_Once
    def record_routes(self) -> tuple[NameAddr, ...]:
        """Every Record-Route in the order of the message."""
        return _parsed(NameAddr, self.lines_by_name.get("Record-Route", ()))

    @_Once
    def max_forwards(self) -> int | None:
        """Max-Forwards, at most 255; None when absent (RFC 2543 elements omit it)."""
        value = self.get("Max-Forwards")
        return None if value is None else min(grammar.number(value, "Max-Forwards"), 255)

    @_Once
    def expires(self) -> int | None:
        """Expires in seconds, None when absent or malformed."""
        return self._seconds("Expires")

    @_Once
    def min_expires(self) -> int | None:
        """Min-Expires in seconds, None when absent or malformed."""
        return self._seconds("Min-Expires")

    @_Once
    def retry_after(self) -> int | None:
        """Retry-After in seconds without its comment and parameters, None when absent or malformed (RFC 3261 §20.33)."""
        return self._seconds("Retry-After")

    def _seconds(self, name: str) -> int | None:
        value = (self.get(name) or "").partition(";")[0].partition("(")[0].strip(grammar.WHITESPACE)
        if not value or value.strip(grammar.DIGITS) or len(value) > grammar.NUMBER_DIGITS_MAX:
            return None
        return min(int(value), DELTA_SECONDS_MAX)

    @_Once
    def content_type(self) -> str | None:
        """The media type in lower case without parameters (`application/sdp`), None when absent."""
        value = self.get("Content-Type")
        if value is None:
            return None
        kind, _, subtype = value.partition(";")[0].partition("/")
        return f"{kind.strip(grammar.WHITESPACE)}/{subtype.strip(grammar.WHITESPACE)}".lower()

    # --- bytes

    def to_bytes(self) -> bytes:
        """The message as it goes on the wire, Content-Length computed and last. Raises LocalProtocolError when a value holds CR or LF.

        §7.3.3: header names have an abbreviated form for "when messages would otherwise become too large". It is taken where it makes a
        message fit a datagram, and nowhere else: not every peer has met it.
        """
        written = self._written({})
        if len(written) <= DATAGRAM_BYTES_MAX:
            return written
        shorter = self._written(COMPACT)
        return shorter if len(shorter) <= DATAGRAM_BYTES_MAX else written

    def _written(self, forms: Mapping[str, str]) -> bytes:
        lines = [self._line()]
        lines += [f"{forms.get(name, name)}: {value}" for name, value in self.headers if name != "Content-Length"]
        lines.append(f"{forms.get('Content-Length', 'Content-Length')}: {len(self.body)}\r\n\r\n")
        text = "\r\n".join(lines)
        # No value may end its line: that would let whoever chose it add headers of his own.
        if text.count("\n") != len(lines) + 1 or text.count("\r") != len(lines) + 1:
            raise LocalProtocolError(f"a header value holds a line end: {text[:200]!r}")
        try:
            return text.encode() + self.body
        except UnicodeEncodeError as error:
            raise LocalProtocolError(f"a header value that is no text: {text[error.start : error.start + 20]!r}") from None
