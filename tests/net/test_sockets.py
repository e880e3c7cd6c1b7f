"""firmware/net/sockets.py: one port for all, and refusals that name the remedy."""

from __future__ import annotations

import errno
import socket

import pytest

from firmware.errors import TransportError
from firmware.net import sockets
from firmware.net.sockets import close_sockets, is_wildcard, local_host_towards, open_sockets, without_zone
from tests.ports import free_port


@pytest.mark.parametrize("bind_host", ["127.0.0.1", "::1", "", "::"])
def test_all_sockets_share_one_free_port(bind_host: str) -> None:
    opened = open_sockets(bind_host, 0, dscp=24)
    try:
        everything = [*opened.udp.values(), *opened.tcp.values()]
        assert {sock.getsockname()[1] for sock in everything} == {opened.port}
        assert opened.port > 0
        assert len(everything) == (4 if is_wildcard(bind_host) else 2)
    finally:
        close_sockets(opened)


def test_a_transport_that_is_switched_off_has_no_socket() -> None:
    opened = open_sockets("127.0.0.1", 0, dscp=24, tcp=False)
    close_sockets(opened)
    assert opened.tcp == {}
    assert len(opened.udp) == 1


def test_signalling_is_marked_for_the_routers() -> None:
    opened = open_sockets("", 0, dscp=24)
    try:
        assert opened.udp[socket.AF_INET].getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 24 << 2
        assert opened.udp[socket.AF_INET6].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS) == 24 << 2
    finally:
        close_sockets(opened)


def test_a_taken_port_is_named_with_the_remedy() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        with pytest.raises(TransportError, match=rf"UDP port {port} on 127\.0\.0\.1 is taken .* network\.sip_port"):
            open_sockets("127.0.0.1", port, dscp=24)


def test_a_taken_tcp_port_leaves_no_udp_socket_behind() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        port = free_port()
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(TransportError, match="TCP port"):
            open_sockets("127.0.0.1", port, dscp=24)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", port))  # would fail if ours were still there


def test_any_port_is_sought_again_when_one_of_the_four_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    real = sockets._open

    def taken_twice(purpose: sockets.Purpose, host: str, port: int, dscp: int) -> socket.socket:
        if purpose is sockets.TCP and len(tries) < 2:
            tries.append(port)
            raise sockets._refusal(OSError(errno.EADDRINUSE, ""), purpose, host, port)
        return real(purpose, host, port, dscp)

    monkeypatch.setattr(sockets, "_open", taken_twice)
    opened = open_sockets("127.0.0.1", 0, dscp=24)
    close_sockets(opened)
    assert len(tries) == 2


def test_seeking_a_port_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def always_taken(purpose: sockets.Purpose, host: str, port: int, dscp: int) -> socket.socket:
        raise sockets._refusal(OSError(errno.EADDRINUSE, ""), purpose, host, port)

    monkeypatch.setattr(sockets, "_open", always_taken)
    with pytest.raises(TransportError, match="taken"):
        open_sockets("127.0.0.1", 0, dscp=24)


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(TransportError, match=r"no address 192\.0\.2\.1; correct network\.bind"):
        open_sockets("192.0.2.1", 0, dscp=24)


@pytest.mark.parametrize(
    ("number", "host", "words"),
    [
        (errno.EACCES, "127.0.0.1", "above 1023"),
        (errno.EAFNOSUPPORT, "::1", "no IPv6"),
        (errno.ENOBUFS, "127.0.0.1", "cannot be opened"),
        (errno.EPROTONOSUPPORT, "127.0.0.1", "modprobe sctp"),
    ],
)
def test_every_refusal_says_what_to_do(number: int, host: str, words: str) -> None:
    assert words in str(sockets._refusal(OSError(number, "why"), sockets.SCTP, host, 5060))


def test_without_ipv6_all_addresses_means_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    real = sockets._open

    def no_ipv6(purpose: sockets.Purpose, host: str, port: int, dscp: int) -> socket.socket:
        if ":" in host:
            raise sockets._refusal(OSError(errno.EAFNOSUPPORT, ""), purpose, host, port)
        return real(purpose, host, port, dscp)

    monkeypatch.setattr(sockets, "_open", no_ipv6)
    opened = open_sockets("", 0, dscp=24)
    close_sockets(opened)
    assert set(opened.udp) == set(opened.tcp) == {socket.AF_INET}
    with pytest.raises(TransportError, match="no IPv6"):
        open_sockets("::1", 0, dscp=24)


def test_our_address_towards_a_host_is_never_a_wildcard() -> None:
    assert local_host_towards("127.0.0.1") == "127.0.0.1"
    assert local_host_towards("::1") == "::1"


def test_a_zone_stays_at_home() -> None:
    assert without_zone("fe80::1%eth0") == "fe80::1"
    assert without_zone("192.0.2.1") == "192.0.2.1"
