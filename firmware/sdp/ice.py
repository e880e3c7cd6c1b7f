"""ICE in a session description (RFC 8445, RFC 8839 §4 and §5): who checks, under which credentials, and which addresses there are.

A lite agent has one candidate, the address of the description itself, and only answers checks. A full agent makes checks of its own, and
has a candidate for each address of the machine and one for where a STUN server sees it. Either way there is one component: RTP and RTCP
must share the port (RFC 5761), or ICE is left out of our answer, which means the plain rules of RFC 3264.
"""

from __future__ import annotations

import string
from enum import Enum
from typing import Final, NamedTuple

from firmware.kind import kind
from firmware.sdp.address import is_group, is_ipv4, is_ipv6, is_null
from firmware.sdp.description import Attribute, MediaDescription, SessionDescription

ICE_CHARS: Final = frozenset(string.ascii_letters + string.digits + "+/")  # RFC 8839 §5.4
UFRAG_MIN, PWD_MIN, LENGTH_MAX = 4, 22, 256
CANDIDATES_MAX: Final = 16  # a phone in four networks has eight; more would be a way to let us knock at strangers' doors
PRIORITY_MAX: Final = 2**31 - 1  # RFC 8839 §5.1
HOSTS_MAX: Final = 6  # of our own: each makes every description 60 octets longer, and a board has cable, radio and both families
NO_PORT: Final = 9  # the port of "discard": the address is not known yet (RFC 8840 §4.1.1)
COMPONENT: Final = "1"  # of RTP; with one port there is no other


class Kind(Enum):
    """How a candidate was found; the value is its `typ` (RFC 8839 §5.1)."""

    HOST = "host"
    SERVER_REFLEXIVE = "srflx"
    PEER_REFLEXIVE = "prflx"
    RELAYED = "relay"


PREFERENCE: Final = {Kind.HOST: 126, Kind.PEER_REFLEXIVE: 110, Kind.SERVER_REFLEXIVE: 100, Kind.RELAYED: 0}  # RFC 8445 §5.1.2.2


def priority(kind: Kind, place: int = 0) -> int:
    """RFC 8445 §5.1.2.1 for component 1; `place`: of the candidate among ours of this kind, the best first."""
    return PREFERENCE[kind] << 24 | (65_535 - place) << 8 | 255


@kind
class Candidate(NamedTuple):
    """An address where sound may arrive. `foundation` is equal where the same network would decide alike (RFC 8445 §5.1.1.3)."""

    kind: Kind
    host: str
    port: int
    priority: int
    foundation: str


@kind
class IceCredentials(NamedTuple):
    """Name and password of one side for its checks; short-lived, and worth what the signalling is."""

    ufrag: str
    pwd: str

    def __repr__(self) -> str:
        """Without the password."""
        return f"IceCredentials({self.ufrag})"

    def __str__(self) -> str:
        return repr(self)


@kind
class IceSession(NamedTuple):
    """Both sides' credentials, when both do ICE; and when we make checks, with which addresses and who nominates (RFC 8445 §6.1.1)."""

    ours: IceCredentials
    theirs: IceCredentials
    is_lite: bool = True  # we are
    is_controlling: bool = False
    local: tuple[Candidate, ...] = ()
    remote: tuple[Candidate, ...] = ()


def ice_session(
    ours: IceCredentials, description: SessionDescription, media: MediaDescription, *, is_lite: bool, is_offerer: bool
) -> IceSession | None:
    """What `media` of the other side's description agrees with us on; None when it does no ICE, or what it says is unusable.

    Without `local`, which only our own description has.
    """
    ufrag = media.attribute("ice-ufrag") or description.attribute("ice-ufrag") or ""
    pwd = media.attribute("ice-pwd") or description.attribute("ice-pwd") or ""
    theirs_lite = description.attribute("ice-lite") is not None
    is_told = media.attribute("candidate") is not None or _will_tell(description, media)
    if (is_lite and theirs_lite) or not is_told or is_mismatch(description, media):
        # Two lite agents make no checks (RFC 8445 §6.1.1): the addresses of the descriptions are what there is.
        return None
    if not (UFRAG_MIN <= len(ufrag) <= LENGTH_MAX and PWD_MIN <= len(pwd) <= LENGTH_MAX and ICE_CHARS.issuperset(ufrag + pwd)):
        return None
    theirs = IceCredentials(ufrag, pwd)
    if is_lite:
        return IceSession(ours, theirs)
    # RFC 8445 §6.1.1: of two full agents the one that offered first controls, of a full and a lite one the full.
    return IceSession(ours, theirs, is_lite=False, is_controlling=is_offerer or theirs_lite, remote=candidates_of(media))


def is_mismatch(description: SessionDescription, media: MediaDescription) -> bool:
    """Whether the line has candidates and its own address is none of them: somebody on the way has changed it, and wants the sound there.

    RFC 8839 §4.2.5: then there is no ICE. That the address is not known yet says the null address, or port 9.
    """
    connection = description.connection_of(media)
    stated = [known for known in (_parsed(value) for name, value in media.attributes if name == "candidate") if known is not None]
    if not stated or connection is None or _is_unknown(description, media):
        return False
    return not any(port == media.port and host.lower() == connection.host.lower() for _, host, port, *_ in stated)


def _is_unknown(description: SessionDescription, media: MediaDescription) -> bool:
    connection = description.connection_of(media)
    return connection is None or is_null(connection.host) or media.port == NO_PORT


def _will_tell(description: SessionDescription, media: MediaDescription) -> bool:
    """Whether the other side names its candidates later (RFC 8840 §4.1). We take none so, but from where its checks come we see."""
    options = media.attribute("ice-options") or description.attribute("ice-options") or ""
    return "trickle" in options.split() and _is_unknown(description, media)


def candidates_of(media: MediaDescription) -> tuple[Candidate, ...]:
    """Those of the other side that we can check: UDP, numeric, to one station; at most CANDIDATES_MAX, the best first."""
    found: dict[tuple[str, int], Candidate] = {}
    for name, value in media.attributes:
        read = _parsed(value) if name == "candidate" else None
        if read is None:
            continue
        kind, host, port, rank, foundation = read
        if kind is None or not (is_ipv4(host) or is_ipv6(host)) or is_group(host) or is_null(host):
            continue  # names: browsers make up ".local" ones, that nobody learns their address; their checks will show it
        host = _as_written(host)
        known = found.get((host, port))
        if known is None or known.priority < rank:
            found[host, port] = Candidate(kind, host, port, rank, foundation)
    return tuple(sorted(found.values(), key=lambda candidate: -candidate.priority)[:CANDIDATES_MAX])


def local_candidates(
    host: str, port: int, mapped: tuple[str, int] | None, others: tuple[str, ...] = (), relayed: tuple[str, int] | None = None
) -> tuple[Candidate, ...]:
    """Ours: the port under `host`, which our description states, and under `others`; where a STUN server sees it if that is elsewhere
    (RFC 8445 §5.1.3: no redundant ones); and what a TURN server passes on."""
    hosts = (host, *_alternating([other for other in dict.fromkeys(others) if other != host], first_ipv6=":" not in host))[:HOSTS_MAX]
    own = [Candidate(Kind.HOST, each, port, priority(Kind.HOST, place), str(place + 1)) for place, each in enumerate(hosts)]
    if mapped is not None and mapped not in [(each.host, each.port) for each in own]:
        own.append(Candidate(Kind.SERVER_REFLEXIVE, *mapped, priority(Kind.SERVER_REFLEXIVE), str(len(own) + 1)))
    if relayed is not None:
        own.append(Candidate(Kind.RELAYED, *relayed, priority(Kind.RELAYED), str(len(own) + 1)))
    return tuple(own)


def _alternating(hosts: list[str], *, first_ipv6: bool) -> list[str]:
    """RFC 8421 §4: of IPv4 and IPv6 neither waits for all checks of the other to fail."""
    sixes, fours = [host for host in hosts if ":" in host], [host for host in hosts if ":" not in host]
    one, two = (sixes, fours) if first_ipv6 else (fours, sixes)
    both = [each for pair in zip(one, two, strict=False) for each in pair]
    return both + one[len(two) :] + two[len(one) :]


def ice_attributes(ours: IceCredentials, candidates: tuple[Candidate, ...]) -> tuple[Attribute, ...]:
    """What our line says: credentials and candidates (RFC 8839 §5.1, §5.4). The first candidate is the base of those that are no host's."""
    base = candidates[0]
    return (
        ("ice-ufrag", ours.ufrag),
        ("ice-pwd", ours.pwd),
        *[("candidate", _line(candidate, base)) for candidate in candidates],
    )


def _line(candidate: Candidate, base: Candidate) -> str:
    text = f"{candidate.foundation} {COMPONENT} UDP {candidate.priority} {candidate.host} {candidate.port} typ {candidate.kind.value}"
    # RFC 8839 §5.1: the related address of a reflexive candidate is its base; for diagnosis.
    return text if candidate.kind is Kind.HOST else f"{text} raddr {base.host} rport {base.port}"


def _parsed(value: str | None) -> tuple[Kind | None, str, int, int, str] | None:
    """Kind (None: of the future), host, port, priority and foundation of a UDP candidate of component 1 (RFC 8839 §5.1); else None."""
    fields = (value or "").split()
    if len(fields) < 8 or fields[1] != COMPONENT or fields[2].upper() != "UDP" or fields[6].lower() != "typ":
        return None
    foundation, rank, host, port = fields[0], _number(fields[3], PRIORITY_MAX), fields[4], _number(fields[5], 65_535)
    if rank is None or port is None or len(foundation) > 32:
        return None
    kind = next((kind for kind in Kind if kind.value == fields[7].lower()), None)
    return kind, host, port, rank, foundation


def _as_written(host: str) -> str:
    """As the system writes it, for comparisons (RFC 5952)."""
    if ":" not in host:
        return host
    from ipaddress import IPv6Address

    return str(IPv6Address(host))


def _number(text: str, most: int) -> int | None:
    value = int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else 0
    return value if 0 < value <= most else None
