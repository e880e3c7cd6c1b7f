"""firmware/media/h264_payload.py: to the letter of RFC 6184 §5."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firmware.media.h264_payload import PAYLOAD_BYTES_MAX, WHOLE_BYTES_MAX, payloads
from tests.media.h264_receiver import received

SPS, PPS = b"\x67\x42\xc0\x0c", b"\x68\xce\x3c"
FIRST_BYTES = st.sampled_from([0x67, 0x68, 0x06, 0x65, 0x41, 0x01])
UNITS = st.lists(st.builds(lambda head, body: bytes((head,)) + body, FIRST_BYTES, st.binary(min_size=1, max_size=90)))


def test_what_fits_is_sent_as_it_is() -> None:
    assert payloads([b"\x41" + b"a" * 1199], mode=1) == [b"\x41" + b"a" * 1199]


def test_parameter_sets_travel_together_before_the_picture() -> None:
    # §5.7.1: a STAP-A header, then size and unit, size and unit. NRI 3 of both, type 24.
    assert payloads([SPS, PPS, b"\x65ab"], mode=1) == [b"\x78\x00\x04" + SPS + b"\x00\x03" + PPS, b"\x65ab"]


def test_one_parameter_set_alone_needs_no_aggregation() -> None:
    assert payloads([SPS, b"\x65ab"], mode=1) == [SPS, b"\x65ab"]


def test_an_aggregation_takes_the_highest_importance_of_its_units() -> None:
    (together,) = payloads([b"\x06\x05", SPS], mode=1)
    assert together[0] == 0x78
    (together,) = payloads([b"\x06\x05", b"\x26\x05"], mode=1)
    assert together[0] == 0x38


def test_a_large_unit_is_sent_in_pieces() -> None:
    # §5.8: indicator with F and NRI of the unit and type 28; header with S, E, R and the unit's type.
    first, middle, last = payloads([b"\x65" + b"abcdefgh"], mode=1, bytes_max=5)
    assert first == b"\x7c\x85abc"
    assert middle == b"\x7c\x05def"
    assert last == b"\x7c\x45gh"


def test_one_byte_more_than_fits_makes_two_pieces_and_never_one() -> None:
    pieces = payloads([b"\x41" + b"a" * PAYLOAD_BYTES_MAX], mode=1)
    assert [piece[1] & 0xC0 for piece in pieces] == [0x80, 0x40]


def test_mode_0_sends_each_unit_by_itself() -> None:
    large = b"\x65" + b"a" * 5000
    assert payloads([SPS, PPS, large], mode=0) == [SPS, PPS, large]
    assert payloads([SPS, b"\x65" + b"a" * WHOLE_BYTES_MAX, b"\x41b"], mode=0) == [SPS, b"\x41b"]


@given(UNITS, st.integers(10, 100))
def test_a_receiver_gets_the_same_units_in_the_same_order(units: list[bytes], bytes_max: int) -> None:
    sent = payloads(units, mode=1, bytes_max=bytes_max)
    assert received(sent) == units
    assert all(len(payload) <= bytes_max for payload in sent)
    assert received(payloads(units, mode=0, bytes_max=bytes_max)) == units
