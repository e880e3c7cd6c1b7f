"""Ports for announcements to many: RTP to a group of the network, without signalling and without reports (RFC 1112, RFC 3376, RFC 3810).

Loudspeakers and phones call it multicast paging: whoever has joined the group hears what anybody sends there.
"""

from __future__ import annotations

import socket
import struct
from typing import Final, NamedTuple

from firmware.errors import MediaError
from firmware.media.session import DSCP_EXPEDITED, MediaPort, prepare

HOPS: Final = 1  # an announcement stays in the house: routers do not pass it on (RFC 1112 §6.1)
IP_MULTICAST_ALL: Final = 49  # linux/in.h; the socket module does not name it


class Group(NamedTuple):
    """Address and port of the group; the interface by name, '' where the kernel's routes decide; our address on it, '' for any."""

    host: str
    port: int
    interface: str = ""
    local: str = ""


def join(group: Group, *, dscp: int = DSCP_EXPEDITED) -> MediaPort:
    """A port that hears the group, and nothing else that comes to the same number. Raises MediaError."""
    try:
        opened = _socket(group)
        try:
            prepare(opened, dscp)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # other programs of this machine may hear it as well
            if opened.family == socket.AF_INET6:
                opened.bind((group.host, group.port, 0, _index(group)))
                request = socket.inet_pton(socket.AF_INET6, group.host) + struct.pack("@I", _index(group))
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
            else:
                opened.bind((group.host, group.port))
                # Without this, Linux also gives us groups of the same number that other programs have joined.
                opened.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group.host) + _on(group))
        except OSError:
            opened.close()
            raise
    except OSError as error:
        raise MediaError(f"the group {group.host} cannot be joined{_where(group)}: {error.strerror or error}") from error
    return MediaPort(opened, None)


def open_sender(group: Group, ports: range, *, loop: bool, dscp: int = DSCP_EXPEDITED) -> MediaPort:
    """A port that sends to the group, from a free one of `ports`; with `loop` members on this machine hear it too. Raises MediaError."""
    failure = "all are taken"
    for number in ports:
        try:
            opened = _socket(group)
            try:
                prepare(opened, dscp)
                if opened.family == socket.AF_INET6:
                    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, _index(group))
                    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, HOPS)
                    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, loop)
                else:
                    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes(4) + _on(group))
                    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, HOPS)
                    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, loop)
                opened.bind((group.local, number))
            except OSError:
                opened.close()
                raise
        except OSError as error:
            failure = error.strerror or str(error)
            continue
        return MediaPort(opened, None)
    raise MediaError(f"no port for the group {group.host}{_where(group)} in {ports.start}-{ports.stop - 1}: {failure}")


def _socket(group: Group) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in group.host else socket.AF_INET, socket.SOCK_DGRAM)


def _index(group: Group) -> int:
    return socket.if_nametoindex(group.interface) if group.interface else 0


def _on(group: Group) -> bytes:
    """The rest of struct ip_mreqn: our address and the interface's index (ip(7)); the index wins where both are given."""
    return socket.inet_aton(group.local or "0.0.0.0") + struct.pack("@i", _index(group))  # noqa: S104 -- no address of ours: the routes decide


def _where(group: Group) -> str:
    return f" on {group.interface or group.local}" if group.interface or group.local else ""
