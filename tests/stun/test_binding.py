"""STUN Binding, RFC 8489; the answers are those of RFC 5769 §2.2 and §2.3, which the RFC's own implementers test against."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.stun.binding import Response, binding_request, parse_response
from firmware.stun.message import MAGIC_COOKIE, is_stun

ID = bytes.fromhex("b7e7a701bc34d686fa87dfae")
IPV4_RESPONSE = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96"
)
IPV6_RESPONSE = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed41"
    "80280004c8fb0b4c"
)


def test_a_request_is_a_header_alone() -> None:
    request = binding_request(ID)
    assert request == b"\x00\x01\x00\x00" + MAGIC_COOKIE.to_bytes(4, "big") + ID
    assert is_stun(request)
    assert parse_response(request) is None


def test_the_mapped_address_is_found_beside_attributes_that_are_not_known() -> None:
    assert parse_response(IPV4_RESPONSE) == Response(ID, ("192.0.2.1", 32853))
    assert parse_response(IPV6_RESPONSE) == Response(ID, ("2001:db8:1234:5678:11:2233:4455:6677", 32853))


def test_a_server_of_rfc_3489_says_it_plainly() -> None:
    plain = bytes.fromhex("0101000c2112a442") + ID + bytes.fromhex("000100080001") + (5060).to_bytes(2, "big") + bytes((203, 0, 113, 9))
    assert parse_response(plain) == Response(ID, ("203.0.113.9", 5060))


def test_an_error_has_its_status() -> None:
    assert parse_response(bytes.fromhex("011100082112a442") + ID + bytes.fromhex("0009000400000414")) == Response(ID, None, 420)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\x01",
        IPV4_RESPONSE[:-1],
        IPV4_RESPONSE + b"\0\0\0\0",
        b"\x41" + IPV4_RESPONSE[1:],
        IPV4_RESPONSE[:4] + b"\0\0\0\0" + IPV4_RESPONSE[8:],  # another cookie
        bytes.fromhex("010100042112a442") + ID + bytes.fromhex("002000ff"),  # an attribute longer than the message
        bytes.fromhex("0101000c2112a442") + ID + bytes.fromhex("002000080003a147e112a643"),  # no such family
        b"OPTIONS sip:door@192.0.2.1 SIP/2.0\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_none(data: bytes) -> None:
    assert parse_response(data) is None


@given(st.binary(max_size=80))
def test_no_bytes_raise(body: bytes) -> None:
    parse_response(body)
    padded = body + bytes(-len(body) % 4)
    parse_response(b"\x01\x01" + len(padded).to_bytes(2, "big") + MAGIC_COOKIE.to_bytes(4, "big") + ID + padded)
