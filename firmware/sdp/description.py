"""A session description as a value: what stands on the wire between `v=0` and the last `a=` line (RFC 8866 §5).

The reader forgives what real peers get wrong and what does no harm: bare LF, missing s= or t= lines, lines out of order inside a
section, letters that it does not know, spaces in the user name, an m= line without formats. It refuses what it cannot mean: no v=0,
no usable o= line, numbers and ports that are none.
The writer emits the RFC's order, so `parse(x.to_bytes()) == x` for every value built within the grammar.

The values are NamedTuples for the reason given in firmware/sip/uri.py: a frozen dataclass costs 0.7 ms of start-up.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from firmware.errors import RemoteProtocolError
from firmware.kind import kind

SIZE_MAX_BYTES: Final = 16_384  # browsers with a dozen ICE candidates and video send about 6 kB; nobody honest needs more than twice that
LINES_MAX: Final = 512  # the same reasoning at a mean line of 32 bytes
MEDIA_MAX: Final = 32  # an answer repeats every m= line: keeps what we send back in proportion to what came
VERSION_MAX: Final = 2**64 - 1  # RFC 8866 §5.2: numeric strings of NTP size; also keeps integers from growing without end

Attribute = tuple[str, str | None]  # ('rtpmap', '0 PCMU/8000'), or ('sendrecv', None) for a property attribute (RFC 8866 §5.13)
Line = tuple[str, str]  # (type letter, value)


@kind
class Origin(NamedTuple):
    """The o= line (RFC 8866 §5.2): who made the description, and which edition of it this is."""

    session_id: int
    version: int
    host: str
    username: str = "-"
    network: str = "IN"
    family: str = "IP4"

    def __str__(self) -> str:
        return f"{self.username} {self.session_id} {self.version} {self.network} {self.family} {self.host}"


@kind
class Connection(NamedTuple):
    """A c= line (RFC 8866 §5.7). `host` is as written, without the `/ttl/count` of a multicast group, which is in `scope`."""

    host: str
    network: str = "IN"
    family: str = "IP4"
    scope: str = ""

    def __str__(self) -> str:
        return f"{self.network} {self.family} {self.host}{'/' if self.scope else ''}{self.scope}"


@kind
class MediaDescription(NamedTuple):
    """One m= line with all that belongs to it (RFC 8866 §5.14). Port 0 means refused or removed (RFC 3264 §6, §8.2)."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    port_count: int = 1
    title: str | None = None
    connections: tuple[Connection, ...] = ()
    bandwidths: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()

    def attribute(self, name: str) -> str | None:
        """The first value of attribute `name`: '' for a property attribute, None when absent."""
        return _attribute(self.attributes, name)

    def attribute_values(self, name: str) -> tuple[str, ...]:
        """Every value of attribute `name`, in order."""
        return tuple(value or "" for key, value in self.attributes if key == name)

    def lines(self) -> list[str]:
        """The lines on the wire, without their line ends."""
        count = f"/{self.port_count}" if self.port_count != 1 else ""
        out = [" ".join((f"m={self.kind}", f"{self.port}{count}", self.protocol, *self.formats))]
        if self.title is not None:
            out.append(f"i={self.title}")
        out += [f"c={connection}" for connection in self.connections]
        out += [f"b={bandwidth}" for bandwidth in self.bandwidths]
        out += [_attribute_line(attribute) for attribute in self.attributes]
        return out


@kind
class SessionDescription(NamedTuple):
    """A whole session description. `about` keeps the i= u= e= p= lines, `times` the t= r= z= lines, as written."""

    origin: Origin
    name: str = "-"
    about: tuple[Line, ...] = ()
    connection: Connection | None = None
    bandwidths: tuple[str, ...] = ()
    times: tuple[Line, ...] = (("t", "0 0"),)
    attributes: tuple[Attribute, ...] = ()
    media: tuple[MediaDescription, ...] = ()

    def attribute(self, name: str) -> str | None:
        """The first session-level value of attribute `name`: '' for a property attribute, None when absent."""
        return _attribute(self.attributes, name)

    def connection_of(self, media: MediaDescription) -> Connection | None:
        """Where `media` is received: its own c= line, else the session's (RFC 8866 §5.7)."""
        return media.connections[0] if media.connections else self.connection

    def to_bytes(self) -> bytes:
        """The wire form in the RFC's order (RFC 8866 §5), CRLF at each line's end."""
        out = ["v=0", f"o={self.origin}", f"s={self.name}"]
        out += [f"{letter}={value}" for letter, value in self.about]
        if self.connection is not None:
            out.append(f"c={self.connection}")
        out += [f"b={bandwidth}" for bandwidth in self.bandwidths]
        out += [f"{letter}={value}" for letter, value in self.times]
        out += [_attribute_line(attribute) for attribute in self.attributes]
        for media in self.media:
            out += media.lines()
        return ("\r\n".join(out) + "\r\n").encode("utf-8", "surrogateescape")


def _attribute(attributes: tuple[Attribute, ...], name: str) -> str | None:
    return next((value or "" for key, value in attributes if key == name), None)


def _attribute_line(attribute: Attribute) -> str:
    name, value = attribute
    return f"a={name}" if value is None else f"a={name}:{value}"


def parse(data: bytes) -> SessionDescription:
    """Read a session description.

    Raises RemoteProtocolError when it is too large, is no session description, or a line that we need cannot be understood.
    """
    sections = _sections(_lines(data))
    head = sections[0]
    if not head or head[0][0] != "v" or head[0][1].strip() != "0":
        raise RemoteProtocolError("a session description begins with v=0 (RFC 8866 §5.1)")
    return SessionDescription(
        origin=_origin(_only(head, "o")),
        name=next((value for letter, value in head if letter == "s"), "-"),
        about=tuple(line for line in head if line[0] in "iuep"),
        connection=next((_connection(value) for letter, value in head if letter == "c"), None),
        bandwidths=tuple(value for letter, value in head if letter == "b"),
        times=tuple(line for line in head if line[0] in "trz") or (("t", "0 0"),),
        attributes=tuple(_parse_attribute(value) for letter, value in head if letter == "a"),
        media=tuple(_media(section) for section in sections[1:]),
    )


def _lines(data: bytes) -> list[Line]:
    if len(data) > SIZE_MAX_BYTES:
        raise RemoteProtocolError(f"session description of {len(data)} bytes; at most {SIZE_MAX_BYTES} are read", status=413)
    # Text fields may be in any charset (RFC 8866 §4.5): surrogates carry foreign bytes through unharmed.
    text = data.decode("utf-8", "surrogateescape")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if len(lines) > LINES_MAX:
        raise RemoteProtocolError(f"session description of {len(lines)} lines; at most {LINES_MAX} are read", status=413)
    out: list[Line] = []
    for line in lines:
        if not line.strip():
            continue  # blank lines, as at the end of some bodies, mean nothing
        letter, equals, value = line[:1], line[1:2], line[2:]
        if equals != "=" or not letter.isascii() or not letter.isalpha() or "\r" in value or "\0" in value:
            raise RemoteProtocolError("a line of a session description is no <type>=<value> (RFC 8866 §5)")
        out.append((letter, value))
    return out


def _sections(lines: list[Line]) -> list[list[Line]]:
    sections: list[list[Line]] = [[]]
    for line in lines:
        if line[0] == "m":
            if len(sections) > MEDIA_MAX:
                raise RemoteProtocolError(f"more than {MEDIA_MAX} m= lines", status=413)
            sections.append([])
        sections[-1].append(line)
    return sections


def _only(lines: list[Line], wanted: str) -> str:
    values = [value for letter, value in lines if letter == wanted]
    if len(values) != 1:
        raise RemoteProtocolError(f"{len(values)} {wanted}= lines where one is required (RFC 8866 §5)")
    return values[0]


def _origin(text: str) -> Origin:
    fields = text.rsplit(None, 5)  # from the right, since some gateways write spaces into their user name
    # Others write none at all; the five fields that follow are enough to know the session.
    if len(fields) == 5:
        fields.insert(0, "-")
    if len(fields) != 6:
        raise RemoteProtocolError("an o= line has six fields (RFC 8866 §5.2)")
    username, session_id, version, network, family, host = fields
    return Origin(
        username=username,
        session_id=_number(session_id, VERSION_MAX, "session id"),
        version=_number(version, VERSION_MAX, "session version"),
        network=network,
        family=family,
        host=host,
    )


def _connection(text: str) -> Connection:
    fields = text.split()
    if len(fields) != 3:
        raise RemoteProtocolError("a c= line has three fields (RFC 8866 §5.7)")
    host, _, scope = fields[2].partition("/")
    if not host:
        raise RemoteProtocolError("a c= line without an address (RFC 8866 §5.7)")
    return Connection(network=fields[0], family=fields[1], host=host, scope=scope)


def _media(section: list[Line]) -> MediaDescription:
    fields = section[0][1].split()
    if len(fields) < 3:
        raise RemoteProtocolError("an m= line has a kind, a port and a protocol (RFC 8866 §5.14)")
    port, slash, count = fields[1].partition("/")
    rest = section[1:]
    return MediaDescription(
        kind=fields[0],
        port=_number(port, 65_535, "port"),
        port_count=_number(count, 65_535, "number of ports") if slash else 1,
        protocol=fields[2],
        formats=tuple(fields[3:]),
        title=next((value for letter, value in rest if letter == "i"), None),
        connections=tuple(_connection(value) for letter, value in rest if letter == "c"),
        bandwidths=tuple(value for letter, value in rest if letter == "b"),
        attributes=tuple(_parse_attribute(value) for letter, value in rest if letter == "a"),
    )


def _parse_attribute(text: str) -> Attribute:
    name, colon, value = text.partition(":")
    return (name.strip(), value if colon else None)


def _number(text: str, most: int, what: str) -> int:
    # `isdecimal` alone would let other scripts' digits through, and int() rejects very long strings with another exception.
    if not (text.isascii() and text.isdecimal()) or len(text) > 20 or int(text) > most:
        raise RemoteProtocolError(f"the {what} is not a number up to {most} (RFC 8866 §9)")
    return int(text)
