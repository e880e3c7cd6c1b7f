"""firmware/media/multicast.py: groups of the loopback interface."""

from __future__ import annotations

import os
import select
import socket
from itertools import count

import pytest

from firmware.errors import MediaError
from firmware.media.multicast import HOPS, Group, join, open_sender
from firmware.media.session import MediaPort
from tests.ports import TRIED, free_port

_numbers = count(1)


def group(host: str = "", port: int = 0) -> Group:
    """One that no other test uses."""
    return Group(host or f"239.255.77.{next(_numbers)}", port or free_port(), "lo")


def heard(port: MediaPort, within_s: float = 20) -> bytes:
    """What comes to a port; b'' when nothing does."""
    if not select.select([port.rtp_fd], [], [], within_s)[0]:
        return b""
    received = port.receive()
    return b"" if received is None else received[0]


def test_a_group_of_ipv6_is_joined_and_spoken_to_on_an_interface() -> None:
    common = group("ff12::7705")  # what is sent there leaves by no loopback interface, so nothing is heard here
    member, sender = join(common), open_sender(common, TRIED, loop=True)
    with socket.socket(fileno=os.dup(sender.rtp_fd)) as same:
        assert same.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF) == socket.if_nametoindex("lo")
    assert heard(member, within_s=0) == b""
    member.close()
    sender.close()


def test_a_member_hears_what_is_sent_to_its_group() -> None:
    common = group()
    member, sender = join(common), open_sender(common, TRIED, loop=True)
    sender.send(b"word", (common.host, common.port))
    assert heard(member) == b"word"
    assert member.rtcp_fd == sender.rtcp_fd == -1
    assert sender.rtp_port in TRIED
    member.close()
    sender.close()


def test_another_group_at_the_same_port_is_not_heard() -> None:
    one = group()
    other = group(port=one.port)
    members = join(one), join(other)
    sender = open_sender(other, TRIED, loop=True)
    sender.send(b"for the other", (other.host, other.port))
    assert heard(members[1]) == b"for the other"
    assert heard(members[0], within_s=0) == b""
    for each in (*members, sender):
        each.close()


@pytest.mark.parametrize("loop", [True, False])
def test_a_sender_says_whether_its_own_machine_hears_it(*, loop: bool) -> None:
    sender = open_sender(group(), TRIED, loop=loop)
    with socket.socket(fileno=os.dup(sender.rtp_fd)) as same:  # the loopback interface itself brings everything back
        assert same.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP) == loop
        assert same.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == HOPS
    sender.close()


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(MediaError, match="cannot be joined on nowhere0"):
        join(group()._replace(interface="nowhere0"))
    with pytest.raises(MediaError, match="no port for the group"):
        open_sender(group()._replace(interface="nowhere0"), TRIED, loop=True)
    taken = open_sender(group(), TRIED, loop=True)
    with pytest.raises(MediaError, match="in use"):
        open_sender(group(), range(taken.rtp_port, taken.rtp_port + 1), loop=True)
    taken.close()
