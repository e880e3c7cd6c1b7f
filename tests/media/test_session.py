"""The socket pair."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

import pytest

from firmware.errors import MediaError
from firmware.media.session import DSCP_EXPEDITED, SO_TIMESTAMPNS, MediaPort, open_port
from tests.ports import TRIED, free_port


@contextlib.contextmanager
def opened(host: str = "127.0.0.1", ports: range = TRIED) -> Iterator[MediaPort]:
    port = open_port(host, ports)
    try:
        yield port
    finally:
        port.close()


def test_rtp_takes_an_even_port_and_rtcp_the_next() -> None:
    with opened() as port, socket.socket(fileno=socket.dup(port.rtcp_fd)) as rtcp:
        assert port.rtp_port % 2 == 0
        assert port.rtp_port in TRIED
        assert rtcp.getsockname() == ("127.0.0.1", port.rtp_port + 1)


def test_both_sockets_are_non_blocking_stamped_and_marked() -> None:
    with opened() as port:
        for fd in (port.rtp_fd, port.rtcp_fd):
            with socket.socket(fileno=socket.dup(fd)) as each:
                assert not os.get_blocking(fd)
                assert each.getsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS) == 1
                assert each.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == DSCP_EXPEDITED << 2


def test_two_calls_get_different_pairs_until_the_range_is_used_up() -> None:
    with contextlib.ExitStack() as stack:
        lowest = free_port(span=4)
        both = range(lowest, lowest + 4)
        first, second = stack.enter_context(opened(ports=both)), stack.enter_context(opened(ports=both))
        assert {first.rtp_port, second.rtp_port} == {lowest, lowest + 2}
        with pytest.raises(MediaError, match=rf"no free RTP port pair on 127\.0\.0\.1 in {lowest}-{lowest + 3}"):
            open_port("127.0.0.1", both)


def test_a_pair_whose_rtcp_port_is_taken_is_not_used() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        lowest = free_port(span=4)
        stranger.bind(("127.0.0.1", lowest + 1))
        with pytest.raises(MediaError):
            open_port("127.0.0.1", range(lowest, lowest + 2))
        with opened(ports=range(lowest, lowest + 4)) as port:
            assert port.rtp_port == lowest + 2


@pytest.mark.parametrize("ports", [range(24_301, 24_302), range(24_300, 24_301), range(24_301, 24_303), range(0)])
def test_a_range_without_a_whole_pair_is_refused(ports: range) -> None:
    with pytest.raises(MediaError, match="holds no even port"):
        open_port("127.0.0.1", ports)


def test_an_address_that_is_not_ours_is_named_in_the_error() -> None:
    with pytest.raises(MediaError, match=r"192\.0\.2\.1"):
        open_port("192.0.2.1", TRIED)


def test_without_an_address_both_families_reach_the_port() -> None:
    with opened("") as port, socket.socket(fileno=socket.dup(port.rtp_fd)) as rtp:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"four", ("127.0.0.1", port.rtp_port))
        assert rtp.recv(16) == b"four"


def test_closing_twice_is_allowed() -> None:
    port = open_port("127.0.0.1", TRIED)
    port.close()
    port.close()
    assert port.rtp_fd == -1


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", ""])
def test_the_mark_is_the_one_that_is_asked_for_in_both_families(host: str) -> None:
    port = open_port(host, TRIED, dscp=34)
    with socket.socket(fileno=socket.dup(port.rtp_fd)) as rtp:
        if host != "::1":
            assert rtp.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 34 << 2
        if rtp.family == socket.AF_INET6:
            assert rtp.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS) == 34 << 2
    port.close()


def test_nothing_is_sent_to_the_null_address() -> None:
    """The kernel would deliver it to this machine."""
    port = open_port("127.0.0.1", TRIED)
    port.send(b"nobody's", ("0.0.0.0", port.rtp_port))
    port.send(b"ours", ("127.0.0.1", port.rtp_port))
    assert port.receive() == (b"ours", ("127.0.0.1", port.rtp_port))
    port.close()
