"""Card frames from a line that may carry anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.decode.rdm6300 import FRAME_BYTES, Rdm6300, decode_frame

REPEAT_NS = 1_500_000_000
# A frame as printed in the RDM6300 data sheet: card 0x62E3086CED, checksum 0x08.
SHEET = b"\x0262E3086CED08\x03"


def frame(card: bytes) -> bytes:
    """A right frame around five bytes."""
    checksum = 0
    for byte in card:
        checksum ^= byte
    return b"\x02" + card.hex().upper().encode() + f"{checksum:02X}".encode() + b"\x03"


def reader() -> Rdm6300:
    return Rdm6300(repeat_after_ns=REPEAT_NS)


def test_the_data_sheets_frame_is_read() -> None:
    assert reader().feed(SHEET, 0) == ("62E3086CED",)


def test_lower_case_digits_are_read_as_upper_case() -> None:
    assert reader().feed(SHEET.lower(), 0) == ("62E3086CED",)


@pytest.mark.parametrize(
    "broken",
    [
        b"\x0262E3086CED09\x03",  # checksum
        b"\x0262E3086CEG08\x03",  # not hexadecimal
        b"\x0262E3086CED08\x04",  # no ETX
        b"\x0162E3086CED08\x03",  # no STX
        b"\x02" + b"\xff" * 12 + b"\x03",  # not even ASCII
    ],
)
def test_a_broken_frame_is_no_card(broken: bytes) -> None:
    assert decode_frame(broken) is None
    assert reader().feed(broken, 0) == ()


def test_a_right_frame_is_found_after_and_inside_garbage() -> None:
    assert reader().feed(b"\x00\xffgarbage" + SHEET, 0) == ("62E3086CED",)
    assert reader().feed(b"\x0262E3" + SHEET, 0) == ("62E3086CED",)


def test_a_card_held_to_the_reader_counts_once() -> None:
    it = reader()
    assert it.feed(SHEET, 0) == ("62E3086CED",)
    for at_ns in range(65_000_000, 5_000_000_000, 65_000_000):
        assert it.feed(SHEET, at_ns) == ()


def test_a_card_counts_again_after_it_was_away() -> None:
    it = reader()
    it.feed(SHEET, 0)
    assert it.feed(SHEET, REPEAT_NS - 1) == ()
    assert it.feed(SHEET, 2 * REPEAT_NS - 1) == ("62E3086CED",)


def test_another_card_counts_at_once() -> None:
    it = reader()
    other = frame(b"\x01\x02\x03\x04\x05")
    assert it.feed(SHEET + other + SHEET, 0) == ("62E3086CED", "0102030405", "62E3086CED")


@given(st.lists(st.binary(min_size=5, max_size=5), max_size=6), st.data())
def test_cards_are_found_however_the_line_cuts_their_frames(cards: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(frame(card) for card in cards)
    whole = Rdm6300(repeat_after_ns=0).feed(stream, 0)
    assert whole == tuple(card.hex().upper() for card in cards)
    pieces = Rdm6300(repeat_after_ns=0)
    found: list[str] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += pieces.feed(stream[:size], 0)
        stream = stream[size:]
    assert tuple(found) == whole


@given(st.lists(st.binary(max_size=40) | st.just(SHEET) | st.just(b"\x02"), max_size=20))
def test_garbage_raises_nothing_and_is_not_kept(pieces: list[bytes]) -> None:
    it = reader()
    for piece in pieces:
        for card in it.feed(piece, 0):
            assert len(card) == 10
            assert card == card.upper()
        assert len(it._partial) < FRAME_BYTES
