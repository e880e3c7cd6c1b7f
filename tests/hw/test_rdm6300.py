"""Card frames from a line that may carry anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.decode.rdm6300 import FRAME_BYTES, Rdm6300, decode_frame
from hw.decode.sighting import Kind

# A frame as printed in the RDM6300 data sheet: card 0x62E3086CED, checksum 0x08.
SHEET = b"\x0262E3086CED08\x03"


def frame(card: bytes) -> bytes:
    """A right frame around five bytes."""
    checksum = 0
    for byte in card:
        checksum ^= byte
    return b"\x02" + card.hex().upper().encode() + f"{checksum:02X}".encode() + b"\x03"


def numbers(it: Rdm6300, data: bytes) -> tuple[str, ...]:
    """The cards that `data` shows."""
    seen = it.feed(data, 0)
    assert all(sighting.kind is Kind.CARD and sighting.bits is None for sighting in seen)
    return tuple(sighting.text for sighting in seen)


def test_the_data_sheets_frame_is_read() -> None:
    assert numbers(Rdm6300(), SHEET) == ("62E3086CED",)


def test_lower_case_digits_are_read_as_upper_case() -> None:
    assert numbers(Rdm6300(), SHEET.lower()) == ("62E3086CED",)


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
    assert numbers(Rdm6300(), broken) == ()


def test_a_right_frame_is_found_after_and_inside_garbage() -> None:
    assert numbers(Rdm6300(), b"\x00\xffgarbage" + SHEET) == ("62E3086CED",)
    assert numbers(Rdm6300(), b"\x0262E3" + SHEET) == ("62E3086CED",)


def test_every_repetition_is_seen() -> None:
    other = frame(b"\x01\x02\x03\x04\x05")
    assert numbers(Rdm6300(), SHEET + other + SHEET + SHEET) == ("62E3086CED", "0102030405", "62E3086CED", "62E3086CED")


def test_a_reader_that_only_talks_wants_nothing() -> None:
    it = Rdm6300()
    assert (it.deadline_ns(), it.expire(10**18), it.take_output()) == (None, (), b"")


@given(st.lists(st.binary(min_size=5, max_size=5), max_size=6), st.data())
def test_cards_are_found_however_the_line_cuts_their_frames(cards: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(frame(card) for card in cards)
    whole = numbers(Rdm6300(), stream)
    assert whole == tuple(card.hex().upper() for card in cards)
    pieces = Rdm6300()
    found: list[str] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += numbers(pieces, stream[:size])
        stream = stream[size:]
    assert tuple(found) == whole


@given(st.lists(st.binary(max_size=40) | st.just(SHEET) | st.just(b"\x02"), max_size=20))
def test_garbage_raises_nothing_and_is_not_kept(pieces: list[bytes]) -> None:
    it = Rdm6300()
    for piece in pieces:
        for card in numbers(it, piece):
            assert len(card) == 10
            assert card == card.upper()
        assert len(it._partial) < FRAME_BYTES
