"""Scans of a matrix as fingers, springs and missing diodes make them; bytes of a serial keypad."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.decode.keypad import STUCK_NS, AsciiKeypad, Cell, MatrixKeypad, is_ghostly
from hw.decode.sighting import Kind, Sighting, key

MS = 1_000_000
DEBOUNCE = 30 * MS
KEYS = ("123", "456", "789", "*0#")
CELLS = {name: (row, column) for row, line in enumerate(KEYS) for column, name in enumerate(line)}


def down(names: str) -> frozenset[Cell]:
    return frozenset(CELLS[name] for name in names)


def typed(*scans: tuple[str, int]) -> str:
    """The keys that count when a scan every 10 ms shows these names for so many ms."""
    pad = MatrixKeypad(KEYS, debounce_ns=DEBOUNCE)
    now_ns = 0
    seen: list[Sighting] = []
    for names, lasts_ms in scans:
        for _ in range(lasts_ms // 10):
            seen += pad.scan(down(names), now_ns)
            now_ns += 10 * MS
    assert all(sighting.kind is Kind.KEY for sighting in seen)
    return "".join(sighting.text for sighting in seen)


def test_a_key_counts_once_when_it_has_lasted() -> None:
    assert typed(("5", 200), ("", 100)) == "5"


def test_a_touch_or_a_bounce_does_not_count() -> None:
    assert typed(("5", 30), ("", 100)) == ""
    assert typed(*[("5", 20), ("", 10)] * 20) == ""


def test_a_bounce_at_the_end_is_no_second_press() -> None:
    assert typed(("5", 100), *[("", 10), ("5", 10)] * 5, ("", 100)) == "5"


def test_the_same_key_counts_again_after_it_was_up() -> None:
    assert typed(("5", 100), ("", 50), ("5", 100)) == "55"


def test_a_second_key_counts_while_the_first_is_down() -> None:
    assert typed(("1", 100), ("15", 100), ("5", 100), ("", 50)) == "15"


def test_three_corners_of_a_rectangle_make_a_fourth_and_none_of_it_counts() -> None:
    # 1, 2 and 4 pressed: 5 looks pressed too.
    assert typed(("1", 100), ("12", 100), ("1245", 500), ("12", 100), ("", 100)) == "12"
    assert typed(("1245", 500), ("", 100)) == ""


def test_what_was_settling_when_ghosts_came_settles_anew() -> None:
    assert typed(("1", 20), ("1245", 100), ("1", 20), ("", 100)) == ""
    assert typed(("1", 20), ("1245", 100), ("1", 50), ("", 100)) == "1"


@pytest.mark.parametrize(("names", "ghostly"), [("", False), ("5", False), ("123", False), ("147", False), ("159", False), ("1245", True)])
def test_only_a_rectangle_is_ghostly(names: str, ghostly: bool) -> None:
    assert is_ghostly(down(names)) == ghostly


def test_the_pad_is_idle_when_nothing_is_down_and_nothing_settles() -> None:
    pad = MatrixKeypad(KEYS, debounce_ns=DEBOUNCE)
    idle = [pad.idle]
    for names, at_ns in (("5", 0), ("5", DEBOUNCE), ("", DEBOUNCE + 1), ("", 2 * DEBOUNCE + 1), ("1245", 3 * DEBOUNCE)):
        pad.scan(down(names), at_ns)
        idle.append(pad.idle)
    assert idle == [True, False, False, False, True, False]


def test_what_shows_the_same_for_long_is_stuck_until_it_changes() -> None:
    pad = MatrixKeypad(KEYS, debounce_ns=DEBOUNCE)
    assert not pad.stuck(STUCK_NS)
    pad.scan(down("1245"), MS)
    assert not pad.stuck(STUCK_NS)
    assert pad.stuck(MS + STUCK_NS)
    pad.scan(down(""), 2 * STUCK_NS)
    assert not pad.stuck(9 * STUCK_NS)


@given(st.lists(st.tuples(st.sets(st.sampled_from("123456789*0#")), st.integers(1, 50)), max_size=60))
def test_every_key_that_counts_was_seen_for_its_whole_debounce(scans: list[tuple[set[str], int]]) -> None:
    pad = MatrixKeypad(KEYS, debounce_ns=DEBOUNCE)
    now_ns = 0
    since_ns: dict[str, int] = {}
    for names, pause_ms in scans:
        now_ns += pause_ms * MS
        scan = down("".join(names))
        if not is_ghostly(scan):
            since_ns = {name: since_ns.get(name, now_ns) for name in names}
        counted = [sighting.text for sighting in pad.scan(scan, now_ns)]
        assert len(counted) == len(set(counted))
        for name in counted:
            assert name in names
            assert now_ns - since_ns[name] >= DEBOUNCE


def test_a_serial_keypad_sends_a_byte_a_key() -> None:
    assert AsciiKeypad().feed(b"09*#aD", 0) == tuple(key(name) for name in "09*#AD")


def test_enter_and_escape_are_hash_and_star_and_other_bytes_nothing() -> None:
    assert AsciiKeypad().feed(b"1\r\n2\n\r3\x1b\x08\x7f\x00\xffxE", 0) == tuple(key(name) for name in "1#2##3***")


def test_carriage_return_and_line_feed_are_one_key_even_when_they_come_apart() -> None:
    pad = AsciiKeypad()
    assert pad.feed(b"\r", 0) == (key("#"),)
    assert pad.feed(b"\n", 0) == ()
    assert pad.feed(b"\n", 0) == (key("#"),)


@given(st.binary(max_size=100))
def test_a_serial_keypad_makes_of_any_bytes_at_most_one_key_each(data: bytes) -> None:
    seen = AsciiKeypad().feed(data, 0)
    single = AsciiKeypad()
    assert tuple(sighting for byte in data for sighting in single.feed(bytes((byte,)), 0)) == seen
    assert len(seen) <= len(data)
