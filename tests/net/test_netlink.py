"""firmware/net/netlink.py: the kernel's messages, and what counts as news."""

from __future__ import annotations

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from firmware.net.netlink import KNOWN_MAX, AddressSeen, DumpEnd, LinkSeen, NetworkMemory, dump_request, parse

V4 = socket.inet_aton("192.0.2.7")
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7")
NEW, DELETE = 20, 21
LOWER_UP = 0x10000


def part(kind: int, body: bytes) -> bytes:
    whole = struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body
    return whole + b"\0" * (-len(whole) % 4)


def attribute(kind: int, value: bytes) -> bytes:
    whole = struct.pack("=HH", 4 + len(value), kind) + value
    return whole + b"\0" * (-len(whole) % 4)


def address(kind: int, value: bytes, *, flags: int = 0, scope: int = 0, interface: int = 2, attributes: bytes = b"") -> bytes:
    family = socket.AF_INET if len(value) == 4 else socket.AF_INET6
    return part(kind, struct.pack("=BBBBI", family, 24, flags, scope, interface) + attribute(1, value) + attributes)


def link(kind: int, flags: int, interface: int = 2) -> bytes:
    return part(kind, struct.pack("=BBHiII", 0, 0, 1, interface, flags, 0) + attribute(3, b"eth0\0"))


def seen(address: bytes, *, present: bool = True, interface: int = 2) -> AddressSeen:
    return AddressSeen(interface, address, present)


def test_an_address_comes_and_goes() -> None:
    assert list(parse(address(NEW, V4) + address(DELETE, V6))) == [seen(V4), seen(V6, present=False)]


def test_the_kernels_own_dump_is_understood() -> None:
    # Captured on a machine with loopback and, on its fourth interface, 192.0.2.2, fd00::2 and a link-local address.
    dump = bytes.fromhex(
        "4c000000140002000100000000760000020880fe01000000080001007f000001080002007f000001070003006c6f0000080008008000000014000600ffffffff"
        "ffffffff160000001600000058000000140002000100000000760000021880000400000008000100c000020208000200c000020208000400c00002ff09000300"
        "6574683000000000080008008000000014000600ffffffffffffffff1600000016000000500000001400020001000000007600000a8080fe0100000014000100"
        "0000000000000000000000000000000114000600ffffffffffffffff1600000016000000080008008000000005000b0001000000480000001400020001000000"
        "007600000a4082000400000014000100fd00000000000000000000000000000214000600ffffffffffffffff1600000016000000080008008200000050000000"
        "1400020001000000007600000a4080fd0400000014000100fe8000000000000000fc00fffe00000114000600ffffffffffffffff160000001600000008000800"
        "8000000005000b0003000000"
    )
    assert list(parse(dump)) == [
        seen(socket.inet_aton("192.0.2.2"), interface=4),
        seen(socket.inet_pton(socket.AF_INET6, "fd00::2"), interface=4),
    ]
    assert list(parse(bytes.fromhex("1400000003000200010000000076000000000000"))) == [DumpEnd()]


def test_local_addresses_are_nobodys_business() -> None:
    assert list(parse(address(NEW, V4, scope=254) + address(NEW, V6, scope=253))) == []


def test_on_a_point_to_point_link_the_local_end_counts() -> None:
    here = socket.inet_aton("192.0.2.8")
    assert list(parse(address(NEW, V4, attributes=attribute(2, here)))) == [seen(here)]


def test_an_address_not_yet_proven_unique_is_not_there() -> None:
    # RFC 4862 §5.4: it must not be used before.
    assert list(parse(address(NEW, V6, flags=0x40))) == [seen(V6, present=False)]
    assert list(parse(address(NEW, V6, attributes=attribute(8, struct.pack("=I", 0x40))))) == [seen(V6, present=False)]
    assert list(parse(address(NEW, V6, flags=0x40, attributes=attribute(8, struct.pack("=I", 0x80))))) == [seen(V6)]


def test_a_carrier_is_seen() -> None:
    assert list(parse(link(16, LOWER_UP) + link(16, 0) + link(17, LOWER_UP))) == [
        LinkSeen(2, up=True),
        LinkSeen(2, up=False),
        LinkSeen(2, up=False),
    ]


def test_other_messages_are_passed_over() -> None:
    assert list(parse(part(24, b"route") + part(NEW, b"short") + part(16, b"short") + address(NEW, V4))) == [seen(V4)]
    assert list(parse(part(NEW, struct.pack("=BBBBI", 2, 24, 0, 0, 2)))) == []


@given(st.binary(max_size=200))
def test_nothing_that_the_kernel_could_say_breaks_the_reading(data: bytes) -> None:
    for item in parse(data):
        assert isinstance(item, AddressSeen | LinkSeen | DumpEnd)


@given(st.integers(0, 200))
def test_a_message_cut_short_ends_the_reading(at: int) -> None:
    whole = address(NEW, V4) + address(NEW, V6)
    assert len(list(parse(whole[:at]))) <= 2


def test_the_request_for_all_addresses_is_a_dump() -> None:
    assert struct.unpack_from("=IHH", dump_request()) == (24, 22, 0x301)
    assert len(dump_request()) == 24


# --- what counts as news ---------------------------------------------------------------------------------------------


def complete(*known: AddressSeen) -> NetworkMemory:
    memory = NetworkMemory()
    news: tuple[AddressSeen | DumpEnd, ...] = (*known, DumpEnd())
    assert not any(memory.learn(item) for item in news)
    return memory


def test_what_is_there_at_the_start_is_no_news() -> None:
    complete(seen(V4))


def test_what_others_can_reach_is_known_by_interface_and_family() -> None:
    other = socket.inet_aton("198.51.100.1")
    memory = complete(seen(other, interface=3), seen(V6), seen(V4), seen(V4, interface=4))
    assert list(memory.addresses) == [V4, V6, other]
    memory.learn(seen(V6, present=False))
    assert list(memory.addresses) == [V4, other]


def test_a_refreshed_lifetime_is_no_news_and_a_new_address_is() -> None:
    memory = complete(seen(V4))
    assert not memory.learn(seen(V4))
    assert memory.learn(seen(V6))
    assert not memory.learn(seen(V6))


def test_a_vanished_address_is_news_once() -> None:
    memory = complete(seen(V4))
    assert memory.learn(seen(V4, present=False))
    assert not memory.learn(seen(V4, present=False))
    assert memory.learn(seen(V4))


def test_the_same_address_on_another_interface_is_news() -> None:
    assert complete(seen(V4)).learn(seen(V4, interface=3))


def test_a_cable_that_comes_back_is_news_and_one_that_goes_is_not() -> None:
    memory = complete()
    assert not memory.learn(LinkSeen(2, up=True))
    assert not memory.learn(LinkSeen(2, up=False))
    assert memory.learn(LinkSeen(2, up=True))
    assert not memory.learn(LinkSeen(2, up=True))


def test_the_memory_is_bounded() -> None:
    memory = complete()
    for number in range(KNOWN_MAX + 50):
        memory.learn(seen(number.to_bytes(4, "big")))
        memory.learn(LinkSeen(number, up=True))
    assert len(memory._addresses) == len(memory._links) == KNOWN_MAX
