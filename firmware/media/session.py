"""The media port: the pair of sockets that one call's sound travels through, opened before the offer is made.

RTP has the even port, RTCP the next one (RFC 3550 §11). The sockets are created here and driven by the C pump alone; Python never
reads them. Every packet carries the kernel's receive time, so arrival is exact though the sockets are drained once a period.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from firmware.errors import MediaError
from firmware.media.core_values import RELAYED
from firmware.sdp.address import is_null

if TYPE_CHECKING:  # most doors have none
    from firmware.media.relay import Relay

SO_TIMESTAMPNS: Final = 35  # asm-generic/socket.h; the socket module does not name it
DSCP_EXPEDITED: Final = 46  # EF: conversational sound (RFC 4594 §4.1, RFC 3246)
PRIORITY_INTERACTIVE: Final = 6  # the highest that an unprivileged process may ask for (socket(7), SO_PRIORITY)
# Enough for a second of 20 ms packets from one sender and a flood to be dropped by the kernel, not to fill the memory.
RECEIVE_BUFFER_BYTES: Final = 65_536
DATAGRAM_MAX: Final = 1500  # no more fits through the networks there are; a longer one is cut, and then no STUN
ATTEMPTS_MAX: Final = 64  # a range with 64 occupied pairs in a row is misconfigured, not busy


class MediaPort:
    """A bound RTP/RTCP socket pair, non-blocking. Owned by whoever opened it until `Engine.start` takes it over."""

    def __init__(self, rtp: socket.socket, rtcp: socket.socket | None) -> None:
        """`rtcp` None: there are no reports."""
        self._rtp = rtp
        self._rtcp = rtcp
        self.rtp_port: int = rtp.getsockname()[1]
        self.family: socket.AddressFamily = rtp.family
        self.mapped: tuple[str, int] | None = None  # where a STUN server sees the RTP port, None: nobody has asked, or nobody answered
        self.relay: Relay | None = None  # an address on a server that passes on what is sent there; it goes with the port
        self.hosts: tuple[str, ...] = ()  # addresses of this machine under which the port is reached as well
        self._keeper: Callable[[], None] | None = None

    @property
    def rtp_fd(self) -> int:
        """The RTP socket's descriptor; -1 once closed."""
        return self._rtp.fileno()

    @property
    def rtcp_fd(self) -> int:
        """The RTCP socket's descriptor; -1 once closed, or without reports."""
        return -1 if self._rtcp is None else self._rtcp.fileno()

    @property
    def relay_fd(self) -> int | None:
        """The descriptor of the way to the relay; None when there is none."""
        return None if self.relay is None or self.relay.fd < 0 else self.relay.fd

    def send(self, datagram: bytes, to: tuple[str, int]) -> None:
        """Send what is no sound from the RTP port, or through the relay. What the system does not take is lost, as on every way."""
        if to[0] != RELAYED:
            self._send(self._rtp, datagram, to)
        elif self.relay is not None:
            self.relay.send(datagram, to)

    def send_report(self, datagram: bytes, to: tuple[str, int]) -> None:
        """The same from the RTCP port."""
        if self._rtcp is not None:
            self._send(self._rtcp, datagram, to)

    def receive(self) -> tuple[bytes, tuple[str, int]] | None:
        """What waits at the RTP port and who sent it; None when nothing does. While sound streams, the core alone reads."""
        return _received(self._rtp)

    def receive_report(self) -> tuple[bytes, tuple[str, int]] | None:
        """The same of the RTCP port."""
        return None if self._rtcp is None else _received(self._rtcp)

    def _send(self, opened: socket.socket, datagram: bytes, to: tuple[str, int]) -> None:
        host, port = to
        if is_null(host):
            return  # RFC 3264 §8.4: nothing is sent there; the kernel would take it for ourselves
        mapped = f"::ffff:{host}" if self.family == socket.AF_INET6 and ":" not in host else host
        with contextlib.suppress(OSError):
            opened.sendto(datagram, (mapped, port))

    def keep(self, keeper: Callable[[], None]) -> None:
        """Somebody reads the port until it is handed over or closed; then `keeper` is called, once, and must stop."""
        self._keeper = keeper

    def hand_over(self) -> None:
        """The core reads from now on."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper()

    def close(self) -> None:
        """Give both ports back. Allowed in any state."""
        self.hand_over()
        if self.relay is not None:
            self.relay.close()
        self._rtp.close()
        if self._rtcp is not None:
            self._rtcp.close()


def _received(opened: socket.socket) -> tuple[bytes, tuple[str, int]] | None:
    try:
        datagram, source = opened.recvfrom(DATAGRAM_MAX)
    except OSError:
        return None
    return datagram, (source[0].removeprefix("::ffff:"), source[1])


def open_port(bind_host: str, ports: range, *, dscp: int = DSCP_EXPEDITED) -> MediaPort:
    """A free even/odd pair within `ports`.

    `bind_host` is a numeric address, or '' for every interface in both families (one IPv6 socket that also speaks IPv4; IPv4 alone
    where the kernel has no IPv6). `dscp` marks what is sent (RFC 2474). The search begins at a random pair, so that stragglers of the
    last call do not meet the next one.
    Raises MediaError when no pair is free or the address is not ours.
    """
    pairs = range(ports.start + ports.start % 2, ports.stop - 1, 2)
    if not pairs:
        raise MediaError(f"the port range {ports.start}-{ports.stop - 1} holds no even port with its neighbour")
    first = int.from_bytes(os.urandom(4), "big") % len(pairs)
    failure = ""
    for step in range(min(len(pairs), ATTEMPTS_MAX)):
        port = pairs[(first + step) % len(pairs)]
        try:
            return _open_pair(bind_host, port, dscp)
        except OSError as error:
            failure = error.strerror or str(error)
    where = bind_host or "any address"
    raise MediaError(f"no free RTP port pair on {where} in {ports.start}-{ports.stop - 1}: {failure}")


def _open_pair(bind_host: str, port: int, dscp: int) -> MediaPort:
    with contextlib.ExitStack() as undo:
        rtp = undo.enter_context(_bound(bind_host, port, dscp))
        rtcp = undo.enter_context(_bound(bind_host, port + 1, dscp))
        undo.pop_all()  # both are bound: keep them open
    return MediaPort(rtp, rtcp)


def _bound(bind_host: str, port: int, dscp: int) -> socket.socket:
    opened = _socket(bind_host)
    try:
        prepare(opened, dscp)
        wildcard = "::" if opened.family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104 -- '' asks for every interface
        opened.bind((bind_host or wildcard, port))
    except OSError:
        opened.close()
        raise
    return opened


def prepare(opened: socket.socket, dscp: int) -> None:
    """What every socket of sound has: non-blocking, arrival stamped by the kernel, bounded, marked."""
    opened.settimeout(0)
    opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    _mark(opened, dscp)


def _socket(bind_host: str) -> socket.socket:
    if bind_host:
        family = socket.AF_INET6 if ":" in bind_host else socket.AF_INET
        return socket.socket(family, socket.SOCK_DGRAM)
    try:
        both = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    except OSError:
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return both


def _mark(opened: socket.socket, dscp: int) -> None:
    """Ask the network for low delay. A container may forbid it; the call works without."""
    with contextlib.suppress(OSError):
        if opened.family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)  # the upper six bits of the octet (RFC 2474 §3)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
        # After IP_TOS: setting the type of service also resets the priority.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, PRIORITY_INTERACTIVE)
