"""Lines as serial bridges send them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.decode.sighting import Kind, Sighting, card, key
from hw.decode.wiegand_serial import KEY_SILENCE_NS, LINE_BYTES_MAX, WiegandBridge, decode_line

DATA = Path(__file__).parents[1] / "data" / "readers"


def test_a_sequence_of_every_form_is_understood() -> None:
    seen = WiegandBridge().feed((DATA / "wiegand_bridge.dat").read_bytes(), 0)
    assert seen == (card("62E308"), card("62E3086C"), key("5"), key("#"), card("00E308"), card("0000001A"), key("*"), key("7"))


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("62e308", card("62E308")),
        ("0A1B2C3D4", card("0A1B2C3D4")),
        ("a", key("A")),
        ("*", key("*")),
        ("Wiegand HEX = E308, DECIMAL = 58120, Type W26", card("00E308")),
        ("Wiegand HEX = 1A, DECIMAL = 26, Type W34", card("0000001A")),
        ("Wiegand HEX = 1B, DECIMAL = 27, Type W8", key("*")),
        ("Wiegand HEX = D, DECIMAL = 13, Type W4", key("#")),
        ("Wiegand HEX = 1, DECIMAL = 1, Type W0", card("0001")),
    ],
)
def test_a_line_is_a_card_or_a_key(line: str, seen: Sighting) -> None:
    assert decode_line(line) == seen


@pytest.mark.parametrize(
    "line", ["12", "62E30G", "-1", "1" * 33, "Wiegand HEX = , DECIMAL = 0, Type W26", "Wiegand HEX = 1C, DECIMAL = 28, Type W4"]
)
def test_anything_else_is_broken(line: str) -> None:
    assert decode_line(line).kind is Kind.BROKEN


def test_a_key_without_a_line_counts_after_a_silence() -> None:
    bridge = WiegandBridge()
    assert bridge.deadline_ns() is None
    assert bridge.feed(b"5", 1) == ()
    assert bridge.deadline_ns() == 1 + KEY_SILENCE_NS
    assert bridge.expire(KEY_SILENCE_NS) == ()
    assert bridge.expire(1 + KEY_SILENCE_NS) == (key("5"),)
    assert bridge.deadline_ns() is None
    assert bridge.expire(10**18) == ()


def test_keys_without_lines_count_one_by_one_even_when_nobody_looked_in_between() -> None:
    bridge = WiegandBridge()
    assert bridge.feed(b"5", 0) == ()
    assert bridge.feed(b"6", KEY_SILENCE_NS) == (key("5"),)
    assert bridge.expire(2 * KEY_SILENCE_NS) == (key("6"),)


def test_the_first_digit_of_a_card_is_no_key() -> None:
    bridge = WiegandBridge()
    assert bridge.feed(b"6", 0) == ()
    assert bridge.feed(b"2E308\r", KEY_SILENCE_NS - 1) == (card("62E308"),)


def test_a_line_without_end_is_told_once_at_its_end_and_not_kept() -> None:
    bridge = WiegandBridge()
    for _ in range(10):
        assert bridge.feed(b"6" * 50, 0) == ()
        assert len(bridge._line) <= LINE_BYTES_MAX
    bridge.feed(b"6", 0)
    assert [seen.kind for seen in bridge.feed(b"\n62E308\n", 0)] == [Kind.BROKEN, Kind.CARD]


def test_the_tail_of_a_line_without_end_is_no_key() -> None:
    bridge = WiegandBridge()
    bridge.feed(b"6" * (LINE_BYTES_MAX + 1), 0)
    bridge.feed(b"6", 0)
    assert bridge.deadline_ns() is None


noise = st.binary(max_size=40) | st.sampled_from([b"62E308\r\n", b"5\n", b"\x0262E308\x03", b"6" * 200])


@given(st.lists(noise, max_size=12), st.data())
def test_lines_are_understood_however_they_are_cut(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces)
    whole = WiegandBridge().feed(stream, 0)
    bridge = WiegandBridge()
    seen: list[Sighting] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        seen += bridge.feed(stream[:size], 0)
        stream = stream[size:]
        assert len(bridge._line) <= LINE_BYTES_MAX
    assert tuple(seen) == whole
