"""Header names and the typed header values that messages are made of: Via, NameAddr, CSeq.

Every value has `parse` (RemoteProtocolError and nothing else), `__str__` (what goes on the wire), and for list headers `parse_list`.
They are NamedTuples for the reason given in `uri`.
"""

from __future__ import annotations

from typing import NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.kind import kind
from firmware.sip import grammar
from firmware.sip.grammar import Parameters
from firmware.sip.uri import Uri

CSEQ_MAX = 2**31 - 1  # "MUST be less than 2**31" (RFC 3261 §8.1.1.5)
DELTA_SECONDS_MAX = 2**32 - 1  # the range of Expires and its kin (RFC 3261 §20.19); larger values count as this one

_NAMES = (
    "Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Answer-Mode Authentication-Info "
    "Authorization Call-ID Call-Info Contact Content-Disposition Content-Encoding Content-ID Content-Language Content-Length Content-Type "
    "CSeq Date Diversion Error-Info Event Expires Flow-Timer From History-Info Identity In-Reply-To Join Max-Forwards MIME-Version "
    "Min-Expires Min-SE Organization P-Asserted-Identity P-Associated-URI P-Called-Party-ID P-Preferred-Identity Path Priority "
    "Priv-Answer-Mode Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route Refer-Sub Refer-To "
    "Referred-By Reject-Contact Remote-Party-ID Replaces Reply-To Request-Disposition Require Retry-After Route RSeq Server "
    "Service-Route Session-Expires SIP-ETag SIP-If-Match Subject Subscription-State Supported Target-Dialog Timestamp To Unsupported "
    "User-Agent Via Warning WWW-Authenticate X-RTP-Stat"
)
# Compact forms (RFC 3261 §7.3.3, and the registry's later ones).
_COMPACT = (
    "a=Accept-Contact b=Referred-By c=Content-Type d=Request-Disposition e=Content-Encoding f=From i=Call-ID j=Reject-Contact k=Supported "
    "l=Content-Length m=Contact o=Event r=Refer-To s=Subject t=To u=Allow-Events v=Via x=Session-Expires y=Identity"
)
CANONICAL: dict[str, str] = {form: name for name in _NAMES.split() for form in (name, name.lower())}
CANONICAL |= dict([pair.split("=") for pair in _COMPACT.split()])
# Those that are written. Not that of Via: a proxy sets its own in full above ours, and user agents are out there that copy into a response
# only those with the first one's spelling (SIPp's [last_Via:]), so that it never comes back to us.
COMPACT: dict[str, str] = {name: form for form, name in [pair.split("=") for pair in _COMPACT.split()] if name != "Via"}

# Headers whose value is a comma list (RFC 3261 §7.3.1, §20). Authentication headers hold commas but are none.
_LISTS = (
    "Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Call-Info Contact Content-Encoding "
    "Content-Language Diversion Error-Info History-Info In-Reply-To P-Asserted-Identity P-Associated-URI P-Preferred-Identity Path "
    "Proxy-Require Reason Record-Route Remote-Party-ID Require Route Service-Route Supported Unsupported Via Warning"
)
LIST_HEADERS = frozenset(_LISTS.split())


def canonical(name: str) -> str:
    """The one spelling under which this program keeps a header: compact forms expanded, case settled (RFC 3261 §7.3.1, §7.3.3)."""
    found = CANONICAL.get(name) or CANONICAL.get(name.lower())
    return found or "-".join([part.capitalize() for part in name.split("-")])


_COMMON_TRANSPORTS = frozenset(("UDP", "TCP", "TLS", "WS", "WSS", "SCTP"))  # those that need no look at their characters


@kind
class Via(NamedTuple):
    """One Via value (RFC 3261 §20.42); `transport` in upper case, `host` without brackets."""

    transport: str
    host: str
    port: int | None = None
    params: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one value."""
        head, semicolon, params = text.partition(";")
        protocol, _, sent_by = head.partition(" ")
        transport = protocol[8:]
        if protocol[:8] != "SIP/2.0/" or transport not in _COMMON_TRANSPORTS:
            transport, sent_by = _spaced_protocol(head)
        host, colon, port_text = sent_by.partition(":")
        if not host or host.strip(grammar.HOSTNAME):
            host, port = grammar.host_port(sent_by.strip(grammar.WHITESPACE))  # an IPv6 reference, white space, or nonsense
        else:
            port = grammar.port(port_text.strip(grammar.WHITESPACE)) if colon else None
        return cls(transport.upper(), host, port, grammar.parameters(semicolon + params))

    @classmethod
    def parse_list(cls, text: str) -> tuple[Via, ...]:
        """Read a comma list."""
        return tuple([cls.parse(part) for part in grammar.split_list(text)])

    def __str__(self) -> str:
        at = grammar.bracketed(self.host)
        if self.port is not None:
            at = f"{at}:{self.port}"
        return f"SIP/2.0/{self.transport} {at}{grammar.joined(self.params)}"

    def param(self, name: str) -> str | None:
        """The value of a parameter, '' for one without value, None when absent."""
        return grammar.find(self.params, name)

    def with_param(self, name: str, value: str | None) -> Via:
        """The same Via with that parameter set."""
        return Via(self.transport, self.host, self.port, grammar.replaced(self.params, name, value))

    @property
    def branch(self) -> str | None:
        """The transaction's id at this hop; None from an RFC 2543 element."""
        return self.param("branch") or None

    @property
    def received(self) -> str | None:
        """The source address the next element saw, without brackets (RFC 3261 §18.2.1, RFC 5118 §4.5)."""
        value = self.param("received")
        return value.strip("[]") if value else None

    @property
    def rport(self) -> int | None:
        """The source port the next element saw (RFC 3581 §4); 0 for the bare request to be told, None when absent or nonsense."""
        value = self.param("rport")
        if value is None:
            return None
        return int(value) if 0 < len(value) <= 5 and not value.strip(grammar.DIGITS) and int(value) < 65536 else 0


def _spaced_protocol(head: str) -> tuple[str, str]:
    """Transport and the rest of `SIP / 2.0 / UDP host`: white space may stand round the slashes (RFC 3261 §25.1)."""
    parts = head.replace("\t", " ").split("/", 2)
    if len(parts) != 3 or parts[0].strip(" ").upper() != "SIP" or parts[1].strip(" ") != "2.0":
        raise RemoteProtocolError(f"not a Via: {head[:80]!r}")
    transport, _, sent_by = parts[2].lstrip(" ").partition(" ")
    if not grammar.is_token(transport):
        raise RemoteProtocolError(f"not a Via: {head[:80]!r}")
    return transport, sent_by


@kind
class NameAddr(NamedTuple):
    """A URI with display name and header parameters: From, To, Contact, Route … (RFC 3261 §20.10). `display` is unquoted, '' for none."""

    display: str
    uri: Uri
    params: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Read one value in either form, `"Name" <uri>;params` or `uri;params`."""
        display = ""
        if text[:1] == '"':
            end = text.find('"', 1) + 1 if "\\" not in text else grammar.quoted_end(text)
            if not end:
                raise RemoteProtocolError(f"display name without its end: {text[:80]!r}")
            display = grammar.unquote(text[:end])
            text = text[end:].lstrip(grammar.WHITESPACE)
            if text[:1] != "<":
                raise RemoteProtocolError(f"display name without a URI: {text[:80]!r}")
        before, bracket, after = text.partition("<")
        if not bracket or ";" in before:  # no display name holds a bare semicolon: that bracket is inside a quoted parameter
            # "If the URI contains a comma, question mark or semicolon, the URI MUST be enclosed in angle brackets" (RFC 3261 §20):
            # so here a semicolon begins the header's parameters, and a question mark is an error.
            uri_text, semicolon, params = text.partition(";")
            uri_text = uri_text.rstrip(grammar.WHITESPACE)
            if "?" in uri_text:
                raise RemoteProtocolError(f"URI with headers outside angle brackets: {uri_text[:80]!r}")
            return cls("", Uri.parse(uri_text), grammar.parameters(semicolon + params))
        if before:
            display = _bare_display(before)
        uri_text, closing, rest = after.partition(">")
        if not closing:
            raise RemoteProtocolError(f"angle bracket without its end: {text[:80]!r}")
        return cls(display, Uri.parse(uri_text), grammar.parameters(rest.lstrip(grammar.WHITESPACE)) if rest else ())

    @classmethod
    def parse_list(cls, text: str) -> tuple[NameAddr, ...]:
        """Read a comma list."""
        return tuple([cls.parse(part) for part in grammar.split_list(text)])

    def __str__(self) -> str:
        display = f"{grammar.quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{grammar.joined(self.params)}"

    def param(self, name: str) -> str | None:
        """The value of a header parameter, '' for one without value, None when absent."""
        return grammar.find(self.params, name)

    def with_param(self, name: str, value: str | None) -> NameAddr:
        """The same value with that header parameter set."""
        return NameAddr(self.display, self.uri, grammar.replaced(self.params, name, value))

    @property
    def tag(self) -> str | None:
        """The tag (RFC 3261 §19.3), None when absent."""
        return self.param("tag")

    def with_tag(self, tag: str) -> NameAddr:
        """The same value with this tag."""
        return self.with_param("tag", tag)


def _bare_display(text: str) -> str:
    """A display name without quotes. The grammar wants tokens; names beyond ASCII and with `@` or `()` are common and harmless."""
    display = text.strip(grammar.WHITESPACE)
    if any(mark in display for mark in '",;>\\'):
        raise RemoteProtocolError(f"display name needs quotes: {display[:80]!r}")
    return display


@kind
class CSeq(NamedTuple):
    """Sequence number and method (RFC 3261 §20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Read the value."""
        parts = text.split()
        if len(parts) != 2 or not grammar.is_token(parts[1]):
            raise RemoteProtocolError(f"not a CSeq: {text[:80]!r}")
        number = grammar.number(parts[0], "CSeq")
        if number > CSEQ_MAX:
            raise RemoteProtocolError(f"CSeq beyond 2**31: {parts[0][:40]}")
        return cls(number, parts[1])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
