"""firmware/stun: messages are read and written as RFC 5769's are, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.stun.attributes import error_code, mapped_address, status_of, xor_mapped_address
from firmware.stun.message import (
    ATTRIBUTES_MAX,
    BINDING_ERROR,
    BINDING_REQUEST,
    FINGERPRINT,
    MESSAGE_INTEGRITY,
    Message,
    attribute,
    is_authentic,
    message,
    parse,
)

ID = bytes.fromhex("b7e7a701bc34d686fa87dfae")
PASSWORD = "VOkJxbRl1RmTxUk/WvJxBt"
# RFC 5769 §2.1; its attributes are padded with blanks, ours with zeros, so that only the reader can be held to its octets.
REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff"
    "80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004e57a3bcf"
)


def read(data: bytes) -> Message:
    found = parse(data)
    assert found is not None
    return found


def test_the_request_of_the_rfc_is_read_whole() -> None:
    request = read(REQUEST)
    assert (request.kind, request.transaction_id, request.has_fingerprint) == (BINDING_REQUEST, ID, True)
    assert request.attributes[0x0006] == b"evtj:h6vY"
    assert list(request.attributes) == [0x8022, 0x0024, 0x8029, 0x0006, MESSAGE_INTEGRITY]
    assert is_authentic(REQUEST, request, PASSWORD)
    assert not is_authentic(REQUEST, request, PASSWORD + "x")


def test_our_own_are_read_as_they_were_written() -> None:
    data = message(BINDING_REQUEST, ID, attribute(0x0006, b"a:b"), attribute(0x8022, b""), password="p", fingerprint=True)
    found = read(data)
    assert {0x0006: b"a:b", 0x8022: b""}.items() <= found.attributes.items()
    assert found.has_fingerprint
    assert is_authentic(data, found, "p")


def test_without_integrity_nothing_is_authentic() -> None:
    data = message(BINDING_REQUEST, ID, fingerprint=True)
    assert not is_authentic(data, read(data), "")


def test_what_follows_the_integrity_does_not_count() -> None:
    # §14.5: "agents MUST ignore all other attributes that follow MESSAGE-INTEGRITY", but FINGERPRINT.
    sealed = message(BINDING_REQUEST, ID, attribute(0x0006, b"a:b"), password="p")
    smuggled = sealed[:2] + (len(sealed) - 20 + 8).to_bytes(2, "big") + sealed[4:] + attribute(0x0025, b"evil")
    assert 0x0025 not in read(smuggled).attributes


def test_of_a_repeated_attribute_the_first_counts() -> None:
    assert read(message(BINDING_REQUEST, ID, attribute(6, b"one"), attribute(6, b"two"))).attributes == {6: b"one"}


@pytest.mark.parametrize(
    "body",
    [
        attribute(FINGERPRINT, bytes(4)),  # a wrong one
        message(BINDING_REQUEST, ID, fingerprint=True)[20:] + attribute(6, b""),  # not the last
        b"\x00\x06\x00\x05abcd",  # cut short
        attribute(0x8022, b"") * (ATTRIBUTES_MAX + 1),
    ],
)
def test_what_is_malformed_is_no_message(body: bytes) -> None:
    assert parse(message(BINDING_REQUEST, ID, body)) is None


@pytest.mark.parametrize("status", [300, 401, 420, 487, 699])
def test_an_error_tells_its_status(status: int) -> None:
    assert status_of(read(message(BINDING_ERROR, ID, error_code(status))).attributes) == status
    assert status_of({}) == 0


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8:1234:5678:11:2233:4455:6677"])
def test_an_address_is_disguised_and_found_again(host: str) -> None:
    shown = read(message(BINDING_REQUEST, ID, xor_mapped_address((host, 32853), ID))).attributes
    assert mapped_address(shown, ID) == (host, 32853)


def test_the_scope_of_an_address_stays_at_home() -> None:
    shown = read(message(BINDING_REQUEST, ID, xor_mapped_address(("fe80::1%eth0", 1), ID))).attributes
    assert mapped_address(shown, ID) == ("fe80::1", 1)


@given(st.binary(max_size=120))
def test_no_octets_raise(body: bytes) -> None:
    padded = body + bytes(-len(body) % 4)
    for data in (body, message(BINDING_REQUEST, ID, padded)):
        found = parse(data)
        assert found is None or len(found.attributes) <= ATTRIBUTES_MAX
