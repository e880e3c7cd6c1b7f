"""hw/decode/annex_b.py: a stream of H.264, however it is cut, becomes the pictures in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.api import CodedPicture
from hw.decode import annex_b
from hw.decode.annex_b import AnnexB, unit_type

FILE = Path(__file__).parents[1] / "data" / "camera" / "door.h264"
SPS, PPS, SEI, DELIMITER = b"\x67\x42\xc0\x0c\xda", b"\x68\xce\x3c\x80", b"\x06\x05\x01\x80", b"\x09\xf0"
KEY = b"\x65\x88\x84\x01"  # its first_mb_in_slice is 0: the second byte begins with a bit 1
KEY_MORE = b"\x65\x42\x84\x02"  # a further slice of the same picture
OTHER = b"\x41\x9a\x10\x03"
OTHER_MORE = b"\x41\x5a\x10\x04"
LONG, SHORT = b"\x00\x00\x00\x01", b"\x00\x00\x01"


def split(stream: bytes) -> list[CodedPicture]:
    return list(AnnexB().feed(stream, 7))


def stream(*units: bytes, start: bytes = LONG) -> bytes:
    return b"".join(start + unit for unit in units)


def test_a_picture_ends_where_the_next_one_begins() -> None:
    pictures = split(stream(SPS, PPS, KEY, OTHER, OTHER))
    assert pictures == [CodedPicture((SPS, PPS, KEY), 7, is_key=True), CodedPicture((OTHER,), 7, is_key=False)]


def test_slices_of_one_picture_stay_together() -> None:
    assert [picture.units for picture in split(stream(KEY, KEY_MORE, KEY_MORE, OTHER, OTHER_MORE, OTHER))] == [
        (KEY, KEY_MORE, KEY_MORE),
        (OTHER, OTHER_MORE),
    ]


@pytest.mark.parametrize("first", [DELIMITER, SEI, SPS, PPS], ids=["delimiter", "SEI", "SPS", "PPS"])
def test_what_stands_before_a_picture_ends_the_one_before(first: bytes) -> None:
    # H.264 §7.4.1.2.3: the first of these after the last slice of a picture specifies the start of a new access unit.
    assert [picture.units for picture in split(stream(OTHER, first, OTHER_MORE))] == [(OTHER,)]


def test_delimiters_and_fillers_are_left_out() -> None:
    assert split(stream(DELIMITER, KEY, b"\x0c\xff\x80", DELIMITER, OTHER))[0].units == (KEY,)


def test_zeros_behind_a_unit_and_short_start_codes_belong_to_no_unit() -> None:
    assert split(stream(KEY + b"\x00\x00", OTHER, OTHER, start=SHORT))[0].units == (KEY,)


def test_what_comes_before_the_first_start_code_is_dropped() -> None:
    assert [picture.units for picture in split(KEY + stream(KEY, OTHER))] == [(KEY,)]


def test_parameter_sets_alone_are_no_picture() -> None:
    assert split(stream(SPS, PPS, DELIMITER, SPS, DELIMITER)) == []


def test_a_picture_has_the_time_at_which_it_began() -> None:
    splitter = AnnexB()
    assert splitter.feed(stream(SPS), 1) == ()
    assert splitter.feed(stream(KEY), 2) == ()
    (picture,) = splitter.feed(stream(OTHER), 3)
    assert picture.at_ns == 1
    (picture,) = splitter.feed(stream(OTHER), 9)
    assert picture.at_ns == 3


def test_the_file_of_the_tests_is_sixty_pictures_two_of_them_key_pictures() -> None:
    pictures = split(FILE.read_bytes() + LONG + DELIMITER)
    assert len(pictures) == 60
    assert [place for place, picture in enumerate(pictures) if picture.is_key] == [0, 30]
    assert [unit_type(unit) for unit in pictures[30].units] == [7, 8, 5]


@given(st.lists(st.integers(1, 5000), max_size=60))
def test_however_the_stream_is_cut_the_pictures_are_the_same(cuts: list[int]) -> None:
    out: list[CodedPicture] = []
    data, splitter = FILE.read_bytes()[:20_000], AnnexB()
    for cut in [*cuts, len(data)]:
        out += splitter.feed(data[:cut], 7)
        data = data[cut:]
    assert out == split(FILE.read_bytes()[:20_000])


def test_every_byte_may_come_alone() -> None:
    data, splitter = stream(SPS, PPS, KEY, KEY_MORE, OTHER, OTHER), AnnexB()
    assert [picture for byte in data for picture in splitter.feed(bytes((byte,)), 7)] == split(data)


def test_a_unit_without_end_is_dropped_and_the_next_picture_shown() -> None:
    splitter = AnnexB()
    splitter.feed(stream(KEY), 1)
    for _ in range(40):
        assert splitter.feed(b"\xaa" * 65_536, 2) == ()
        assert len(splitter._rest) <= annex_b.UNIT_BYTES_MAX + 65_536
    assert [picture.units for picture in splitter.feed(stream(KEY_MORE, OTHER_MORE, OTHER, OTHER), 3)] == [(OTHER,)]
    splitter.feed(b"\xaa" * (annex_b.UNIT_BYTES_MAX + 1), 4)
    assert [picture.units for picture in splitter.feed(stream(SPS, KEY, OTHER), 5)] == [(SPS, KEY)]


def test_a_picture_of_too_many_units_is_dropped() -> None:
    pictures = split(stream(KEY, *[KEY_MORE] * annex_b.UNITS_MAX, OTHER, OTHER))
    assert [picture.units for picture in pictures] == [(OTHER,)]


def test_a_picture_of_too_many_bytes_is_dropped() -> None:
    large = KEY_MORE + b"\xaa" * (annex_b.UNIT_BYTES_MAX - 100)
    out: list[CodedPicture] = []
    splitter = AnnexB()
    for unit in (KEY, large, large, large, OTHER, OTHER):
        out += splitter.feed(stream(unit), 1)
    assert [picture.units for picture in out] == [(OTHER,)]


@given(st.binary(max_size=400))
def test_no_bytes_raise_and_no_unit_is_empty(data: bytes) -> None:
    for picture in split(data.replace(b"\xaa", SHORT)):
        assert picture.units
        assert all(unit and not unit.endswith(b"\x00") for unit in picture.units)
