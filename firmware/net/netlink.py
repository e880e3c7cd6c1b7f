"""What the kernel says about addresses and links (rtnetlink(7)): bytes to values, and the memory that tells news from repetition. Pure.

An IPv6 router refreshes the lifetimes of our addresses every few minutes and each refresh looks like a new address; only what differs from
what was known counts as a change.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

GROUP_LINK: Final = 0x1
GROUP_IPV4_ADDRESS: Final = 0x10
GROUP_IPV6_ADDRESS: Final = 0x100
KNOWN_MAX: Final = 256  # addresses and links remembered; a board has a handful, a router with containers some dozens

_DONE, _NEW_LINK, _DELETE_LINK, _NEW_ADDRESS, _DELETE_ADDRESS, _GET_ADDRESS = 3, 16, 17, 20, 21, 22
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, interface
_LINK = struct.Struct("=BBHiII")  # ifinfomsg: family, padding, type, interface, flags, change mask
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_UNUSABLE = 0x40 | 0x08  # IFA_F_TENTATIVE: not yet proven unique; IFA_F_DADFAILED: proven not to be
_SCOPE_LINK = 253  # from here on an address is no one else's business: link-local, loopback
_LOWER_UP = 0x10000  # IFF_LOWER_UP: the cable is in, the radio is associated


class AddressSeen(NamedTuple):
    """An address of this machine that others can reach is there, or is no longer."""

    interface: int
    address: bytes
    present: bool


class LinkSeen(NamedTuple):
    """An interface has a carrier, or has none."""

    interface: int
    up: bool


class DumpEnd(NamedTuple):
    """All that was there at the start has been told."""


def dump_request() -> bytes:
    """Asks for every address of every family."""
    return _HEADER.pack(_HEADER.size + _ADDRESS.size, _GET_ADDRESS, _REQUEST_DUMP, 1, 0) + _ADDRESS.pack(0, 0, 0, 0, 0)


def parse(data: bytes) -> Iterator[AddressSeen | LinkSeen | DumpEnd]:
    """The messages of one datagram that matter to us. What is cut short ends the reading; the kernel does not cut."""
    for kind, body in _parts(data, _HEADER):
        match kind:
            case 3:  # NLMSG_DONE
                yield DumpEnd()
            case 20 | 21 if len(body) >= _ADDRESS.size:  # RTM_NEWADDR, RTM_DELADDR
                seen = _address(body, present=kind == _NEW_ADDRESS)
                if seen is not None:
                    yield seen
            case 16 | 17 if len(body) >= _LINK.size:  # RTM_NEWLINK, RTM_DELLINK
                _, _, _, interface, flags, _ = _LINK.unpack_from(body)
                yield LinkSeen(interface, kind == _NEW_LINK and bool(flags & _LOWER_UP))
            case _:
                pass


class NetworkMemory:
    """What is known of addresses and links."""

    def __init__(self) -> None:
        self._addresses: set[tuple[int, bytes]] = set()
        self._links: dict[int, bool] = {}
        self._complete = False  # before the end of the dump everything is new and nothing is news

    @property
    def addresses(self) -> tuple[bytes, ...]:
        """Those that others can reach, in the order in which interfaces and addresses were numbered, IPv4 before IPv6 on each."""
        order = sorted((interface, len(address), address) for interface, address in self._addresses)
        return tuple(dict.fromkeys(address for _, _, address in order))

    def learn(self, seen: AddressSeen | LinkSeen | DumpEnd) -> bool:
        """Take one message in. True when what others can reach has changed: an address came or went, or a carrier came back."""
        match seen:
            case DumpEnd():
                self._complete = True
                return False
            case AddressSeen():
                return self._learn_address(seen)
            case LinkSeen():
                before = self._links.get(seen.interface)
                if before is not None or len(self._links) < KNOWN_MAX:
                    self._links[seen.interface] = seen.up
                # A static address outlives its cable: when the cable is back, nothing but this says so.
                return seen.up and before is False

    def _learn_address(self, seen: AddressSeen) -> bool:
        key = (seen.interface, seen.address)
        if seen.present == (key in self._addresses):
            return False
        if not seen.present:
            self._addresses.discard(key)
        elif len(self._addresses) < KNOWN_MAX:
            self._addresses.add(key)
        return self._complete


def _address(body: bytes, *, present: bool) -> AddressSeen | None:
    _, _, flags, scope, interface = _ADDRESS.unpack_from(body)
    if scope >= _SCOPE_LINK:
        return None
    found = dict(_parts(body[_ADDRESS.size :], _ATTRIBUTE))
    address = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS)  # on point-to-point links IFA_ADDRESS is the other end
    if not address:
        return None
    wide = found.get(_IFA_FLAGS, b"")
    if len(wide) == 4:
        flags = int.from_bytes(wide, "little" if struct.pack("=H", 1)[0] else "big")
    return AddressSeen(interface, address, present and not flags & _UNUSABLE)


def _parts(data: bytes, header: struct.Struct) -> Iterator[tuple[int, bytes]]:
    """Type and content of each part; parts begin with their own length and are aligned to four octets (netlink(7))."""
    at = 0
    while len(data) - at >= header.size:
        length, kind = header.unpack_from(data, at)[:2]
        if not header.size <= length <= len(data) - at:
            return
        yield kind, data[at + header.size : at + length]
        at += (length + 3) & ~3
