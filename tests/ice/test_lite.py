"""firmware/ice/lite.py: checks of connectivity against the vectors of RFC 5769, and everything that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.ice.lite import Verdict, judge
from firmware.sdp.ice import IceCredentials, IceSession
from firmware.stun.attributes import PRIORITY, USERNAME
from firmware.stun.message import BINDING_INDICATION, BINDING_REQUEST, attribute, message

# RFC 5769 §2.1: a request with password VOkJxbRl1RmTxUk/WvJxBt. It says that its sender is controlled (80 29).
REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff"
    "80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004e57a3bcf"
)
# §2.2: the success response for 192.0.2.1:32853 has this address, and §2.3 that for IPv6.
MAPPED_4, SOURCE_4 = bytes.fromhex("002000080001a147e112a643"), ("192.0.2.1", 32853)
MAPPED_6 = bytes.fromhex("002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9")
SOURCE_6 = ("2001:db8:1234:5678:11:2233:4455:6677", 32853)
ICE = IceSession(IceCredentials("evtj", "VOkJxbRl1RmTxUk/WvJxBt"), IceCredentials("h6vY", "x" * 22))


def code(answer: bytes) -> int:
    """Of an error response."""
    assert answer[:2] == b"\x01\x11"
    assert answer[20:24] == b"\x00\x09\x00\x04"
    return 100 * answer[26] + answer[27]


def sealed(*attributes: bytes, pwd: str = ICE.ours.pwd, username: bytes = b"evtj:h6vY") -> bytes:
    """A check of our own making."""
    whole = (*attributes, attribute(USERNAME, username), attribute(PRIORITY, bytes(4)))
    return message(BINDING_REQUEST, REQUEST[8:20], *whole, password=pwd, fingerprint=True)


def test_the_request_of_the_rfc_is_authentic_and_its_role_impossible() -> None:
    # RFC 8445 §7.3.1.1: two controlled agents: 487.
    assert code(judge(REQUEST, SOURCE_4, ICE).answer) == 487


@pytest.mark.parametrize(("source", "mapped"), [(SOURCE_4, MAPPED_4), (SOURCE_6, MAPPED_6)])
def test_a_good_check_is_told_where_it_came_from(source: tuple[str, int], mapped: bytes) -> None:
    verdict = judge(sealed(), source, ICE)
    assert verdict.answer[:2] == b"\x01\x01"
    assert verdict.answer[8:20] == REQUEST[8:20]
    assert verdict.answer[20 : 20 + len(mapped)] == mapped
    assert not verdict.nominated


def test_a_nomination_is_noticed() -> None:
    assert judge(sealed(b"\x00\x25\x00\x00"), SOURCE_4, ICE).nominated


def test_wrong_credentials_are_refused_without_consequence() -> None:
    assert code(judge(sealed(pwd="y" * 22), SOURCE_4, ICE).answer) == 401
    assert code(judge(sealed(username=b"evtj:else"), SOURCE_4, ICE).answer) == 401
    nominating = judge(sealed(b"\x00\x25\x00\x00", pwd="y" * 22), SOURCE_4, ICE)
    assert not nominating.nominated


def test_an_attribute_that_must_be_understood_and_is_not() -> None:
    answer = judge(sealed(b"\x00\x77\x00\x04abcd"), SOURCE_4, ICE).answer
    assert code(answer) == 420
    assert answer[28:34] == b"\x00\x0a\x00\x02\x00\x77"


def test_without_credentials_the_request_is_bad() -> None:
    bare = message(BINDING_REQUEST, REQUEST[8:20], fingerprint=True)
    assert code(judge(bare, SOURCE_4, ICE).answer) == 400


def test_what_is_no_check_gets_no_answer() -> None:
    indication = message(BINDING_INDICATION, REQUEST[8:20], fingerprint=True)
    response = judge(sealed(), SOURCE_4, ICE).answer
    for datagram in (b"", b"\x00\x01", bytes(20), indication, response, sealed()[:-8], sealed() + bytes(4), b"\x40" + sealed()[1:]):
        assert judge(datagram, SOURCE_4, ICE) == Verdict(b"")


@pytest.mark.parametrize("at", range(len(REQUEST)))
def test_a_changed_octet_is_noticed(at: int) -> None:
    changed = bytearray(REQUEST)
    changed[at] ^= 1
    assert judge(bytes(changed), SOURCE_4, ICE) == Verdict(b"")  # by the fingerprint already


@given(st.binary(max_size=200))
def test_any_octets_get_a_small_answer_or_none(datagram: bytes) -> None:
    for given_octets in (datagram, sealed()[:20] + datagram, REQUEST[:20] + datagram):
        verdict = judge(given_octets, SOURCE_4, ICE)
        assert len(verdict.answer) <= 200
        assert not verdict.nominated
