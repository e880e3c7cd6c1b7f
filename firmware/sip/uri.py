"""SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966), and any other scheme as opaque text.

Values of the message level are NamedTuples, not frozen dataclasses: equally immutable, but a message holds about twenty of them, and
each is built in 0.4 µs instead of 1.5 µs and defined in 0.1 ms of start-up instead of 0.8 ms.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.kind import kind
from firmware.sip import grammar
from firmware.sip.grammar import Parameters

URI_CHARS_MAX = 2048  # RFC 4475 §3.1.1.7 tortures with 400; a URI goes into every request of a dialog, several times
REMEMBERED_MAX = 64  # URIs that need no second reading …
REMEMBERED_CHARS_MAX = 128  # … unless they are longer than those of people and servers: 60 kB at most

_PLAIN_USER = grammar.UNRESERVED + "&=+$,;?/" + "#"  # the hash ought to be escaped, but dial strings carry it bare
_USER = _PLAIN_USER + "%"
_PASSWORD = grammar.UNRESERVED + "%&=+$,"
_PARAM = grammar.UNRESERVED + "%[]/:&+$"
_HEADER = grammar.UNRESERVED + "%[]/?:+$"
_SCHEME = grammar.ALPHANUM + "+-."


@kind
class Uri(NamedTuple):
    """A URI. `host` bears no brackets when it is an IPv6 address; `user` and the rest are as written, escapes included.

    A scheme other than sip, sips and tel leaves everything but `opaque` empty; a tel URI has its number in `user` and an empty `host`.
    """

    scheme: str
    user: str | None = None
    password: str | None = None
    host: str = ""
    port: int | None = None
    params: Parameters = ()
    headers: tuple[tuple[str, str], ...] = ()
    opaque: str = ""

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Read a URI without angle brackets. Raises RemoteProtocolError."""
        return _parsed(text) if len(text) <= REMEMBERED_CHARS_MAX else cls._parse(text)

    @classmethod
    def _parse(cls, text: str) -> Uri:
        scheme, colon, rest = text.partition(":")
        if not colon or not rest or len(text) > URI_CHARS_MAX:
            raise RemoteProtocolError(f"not a URI: {text[:80]!r}")
        if scheme not in ("sip", "sips"):
            scheme = scheme.lower()
            if scheme not in ("sip", "sips"):
                return _parse_other(scheme, rest)
        user: str | None = None
        password: str | None = None
        left, at, right = rest.partition("@")
        if at:
            rest = right
            if left and not left.strip(_PLAIN_USER):
                user = left
            else:
                user, password = _user_info(left)
        headers: tuple[tuple[str, str], ...] = ()
        if "?" in rest:
            rest, _, header_text = rest.partition("?")
            headers = _headers(header_text)
        hostport, semicolon, param_text = rest.partition(";")
        params = _params(param_text) if semicolon else ()
        host, colon, port_text = hostport.partition(":")
        if host.strip(grammar.HOSTNAME) or not host:
            host, port = grammar.host_port(hostport)  # an IPv6 reference, or nonsense
        else:
            port = grammar.port(port_text) if colon else None
        return cls(scheme, user, password, host, port, params, headers)

    def __str__(self) -> str:
        if self.scheme == "tel":
            return f"tel:{self.user}{grammar.joined(self.params)}"
        if self.opaque:
            return f"{self.scheme}:{self.opaque}"
        text = grammar.bracketed(self.host)
        if self.user is not None:
            text = f"{self.user}@{text}" if self.password is None else f"{self.user}:{self.password}@{text}"
        if self.port is not None:
            text += f":{self.port}"
        if self.params:
            text += grammar.joined(self.params)
        if self.headers:
            text += "?" + "&".join([f"{name}={value}" for name, value in self.headers])
        return f"{self.scheme}:{text}"

    def param(self, name: str) -> str | None:
        """The value of the parameter `name` (lower case) without escapes, '' for one without value, None when absent."""
        for key, value in self.params:
            if key == name or grammar.unescape(key).lower() == name:
                return "" if value is None else grammar.unescape(value)
        return None

    def with_param(self, name: str, value: str | None) -> Uri:
        """The same URI with that parameter set, as written (escape it before if it needs that); `value` None sets one without value."""
        return self._replace(params=grammar.replaced(self.params, name, value))

    def header(self, name: str) -> str | None:
        """The value of the ?header `name` (lower case) without escapes, None when absent."""
        for key, value in self.headers:
            if grammar.unescape(key).lower() == name:
                return grammar.unescape(value)
        return None

    def with_header(self, name: str, value: str) -> Uri:
        """The same URI with one more ?header, escaped here."""
        return self._replace(headers=(*self.headers, (name, grammar.escape(value))))

    def without_headers(self) -> Uri:
        """The same URI without its ?headers, as a Request-URI must be (RFC 3261 §19.1.1)."""
        return self._replace(headers=()) if self.headers else self

    @property
    def is_sip(self) -> bool:
        """Whether the scheme is one that this program can route: sip or sips."""
        return self.scheme in ("sip", "sips")

    @property
    def is_secure(self) -> bool:
        """Whether every hop to it must be encrypted (RFC 3261 §26.2.2)."""
        return self.scheme == "sips"

    @property
    def user_text(self) -> str:
        """The user part with its escapes resolved, '' when there is none."""
        return grammar.unescape(self.user or "")

    def equivalent(self, other: Uri) -> bool:
        """Whether both name the same resource (RFC 3261 §19.1.4)."""
        return (
            self.scheme == other.scheme
            and self.opaque == other.opaque
            and (self.user is None) == (other.user is None)
            and self.user_text == other.user_text
            and grammar.unescape(self.password or "") == grammar.unescape(other.password or "")
            and self.host.lower() == other.host.lower()
            # "A URI omitting any component with a default value will not match a URI explicitly containing that component".
            and self.port == other.port
            and _params_agree(self, other)
            and _comparable_headers(self) == _comparable_headers(other)
        )


@lru_cache(REMEMBERED_MAX)
def _parsed(text: str) -> Uri:
    """A door hears the same few URIs all day: its own, the server's, the residents'."""
    return Uri._parse(text)


def _params_agree(a: Uri, b: Uri) -> bool:
    # RFC 3261 §19.1.4: a parameter in both must match; user, ttl, method, maddr and transport never match when only one side has them.
    left, right = _comparable_params(a), _comparable_params(b)
    if any(left[name] != right[name] for name in left.keys() & right.keys()):
        return False
    return not (left.keys() ^ right.keys()) & {"user", "ttl", "method", "maddr", "transport"}


def _comparable_params(uri: Uri) -> dict[str, str]:
    return {grammar.unescape(name).lower(): grammar.unescape(value or "").lower() for name, value in uri.params}


def _comparable_headers(uri: Uri) -> list[tuple[str, str]]:
    return sorted((grammar.unescape(name).lower(), grammar.unescape(value)) for name, value in uri.headers)


def _user_info(text: str) -> tuple[str, str | None]:
    user, colon, password = text.partition(":")
    if not user or user.strip(_USER) or password.strip(_PASSWORD):
        raise RemoteProtocolError(f"not a user part: {text[:80]!r}")
    if "%" in text:
        grammar.check_escapes(text)
    return user, password if colon else None


def _params(text: str) -> Parameters:
    out: list[tuple[str, str | None]] = []
    for part in text.split(";"):
        if part == "lr":
            out.append(("lr", None))
            continue
        name, equals, value = part.partition("=")
        if not name or name.strip(_PARAM) or (equals and (not value or value.strip(_PARAM))):
            raise RemoteProtocolError(f"not a URI parameter: {part[:80]!r}")
        out.append((name, value if equals else None))
    if "%" in text:
        grammar.check_escapes(text)
    if len(out) > grammar.PARAMETERS_MAX:
        raise RemoteProtocolError("too many URI parameters")
    return tuple(out)


def _headers(text: str) -> tuple[tuple[str, str], ...]:
    out: list[tuple[str, str]] = []
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        if not name or not equals or name.strip(_HEADER) or value.strip(_HEADER):
            raise RemoteProtocolError(f"not a URI header: {part[:80]!r}")
        out.append((name, value))
    if "%" in text:
        grammar.check_escapes(text)
    if len(out) > grammar.PARAMETERS_MAX:
        raise RemoteProtocolError("too many URI headers")
    return tuple(out)


def _parse_other(scheme: str, rest: str) -> Uri:
    if not scheme or scheme.strip(_SCHEME) or not scheme[0].isalpha():
        raise RemoteProtocolError(f"not a URI scheme: {scheme[:80]!r}")
    if not rest.isascii() or not rest.isprintable() or " " in rest or "<" in rest or ">" in rest or '"' in rest:
        raise RemoteProtocolError(f"not a URI: {rest[:80]!r}")
    if scheme == "tel":
        number, semicolon, params = rest.partition(";")
        if not number or number.strip("+0123456789ABCDEFabcdef*#-.()"):
            raise RemoteProtocolError(f"not a telephone number: {rest[:80]!r}")
        return Uri("tel", number, params=_params(params) if semicolon else ())
    return Uri(scheme, opaque=rest)
