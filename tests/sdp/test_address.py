"""firmware/sdp/address.py: numeric addresses recognised by text alone."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.sdp.address import is_group, is_ipv4, is_ipv6, is_null, is_private


@given(st.ip_addresses(v=4))
def test_every_ipv4_address_is_recognised(address: ipaddress.IPv4Address) -> None:
    assert is_ipv4(str(address))
    assert not is_ipv6(str(address))


@given(st.ip_addresses(v=6))
def test_every_ipv6_address_is_recognised_short_and_long(address: ipaddress.IPv6Address) -> None:
    assert is_ipv6(str(address))
    assert is_ipv6(address.exploded)
    assert not is_ipv4(str(address))


@given(st.text(alphabet="0123456789abcfF:.", max_size=20))
def test_the_verdict_on_arbitrary_text_is_that_of_the_standard_library(text: str) -> None:
    def accepts(kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> bool:
        try:
            kind(text)
        except ValueError:
            return False
        return True

    assert is_ipv4(text) == accepts(ipaddress.IPv4Address)
    assert is_ipv6(text) == accepts(ipaddress.IPv6Address)


@pytest.mark.parametrize("text", ["", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.x", "host.example", "::1", "1.2.3.٤"])
def test_what_is_no_ipv4_address(text: str) -> None:
    assert not is_ipv4(text)


@pytest.mark.parametrize(
    "text", ["", ":", ":::", "1:2", "1::2::3", "1:2:3:4:5:6:7:8:9", "12345::", "[::1]", "fe80::1%eth0", "1.2.3.4::", "::1.2.3.4:1", "g::"]
)
def test_what_is_no_ipv6_address(text: str) -> None:
    assert not is_ipv6(text)


@pytest.mark.parametrize("text", ["::ffff:192.0.2.1", "1:2:3:4:5:6:192.0.2.1", "::", "1::", "::1", "FE80::1"])
def test_unusual_ipv6_forms(text: str) -> None:
    assert is_ipv6(text)


@given(st.ip_addresses())
def test_groups_are_those_of_the_standard_library(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert is_group(str(address)) == (address.is_multicast or str(address) == "255.255.255.255")


def test_null_addresses_mean_send_me_nothing() -> None:
    assert is_null("0.0.0.0")
    assert is_null("::")
    assert not is_null("127.0.0.1")
    assert not is_null("")


@pytest.mark.parametrize("text", ["10.1.2.3", "172.16.0.1", "172.31.255.1", "192.168.1.2", "127.0.0.1", "169.254.1.1", "100.64.0.1", "::1"])
def test_addresses_that_mean_something_only_nearby(text: str) -> None:
    assert is_private(text)


@pytest.mark.parametrize("text", ["fd00::1", "fc12:3::", "fe80::1", "FEBF::1"])
def test_ipv6_addresses_that_mean_something_only_nearby(text: str) -> None:
    assert is_private(text)


@pytest.mark.parametrize(
    "text", ["11.0.0.1", "172.32.0.1", "192.169.0.1", "100.128.0.1", "2001:db8::1", "fec0::1", "::2", "fd::1", "pbx.lan"]
)
def test_addresses_of_the_whole_world_and_names(text: str) -> None:
    assert not is_private(text)
