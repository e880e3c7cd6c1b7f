"""Pulses with times; frames as readers send them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.decode.sighting import Kind, Sighting, card, key
from hw.decode.wiegand import CHECKED_BITS, GLITCH_NS, PULSES_MAX, Pulse, Wiegand, decode_bits, frame_of

US = 1000
MS = 1_000_000
GAP = 50 * MS


def pulses(bits: str, from_ns: int = 0, period_ns: int = 2 * MS) -> list[Pulse]:
    return [Pulse(from_ns + place * period_ns, int(bit)) for place, bit in enumerate(bits)]


def with_parity(number: int, bits: int) -> str:
    """A right frame of `bits` bits: the rule of the manuals, written the other way round than in the decoder."""
    middle = f"{number:0{bits - 2}b}"
    half = bits // 2 - 1 if bits % 2 == 0 else (bits - 1) // 2
    return str(middle[:half].count("1") % 2) + middle + str(1 - middle[len(middle) - half :].count("1") % 2)


def heard(line: Wiegand, train: list[Pulse]) -> list[Sighting]:
    seen = [sighting for pulse in train for sighting in line.pulse(pulse.bit, pulse.at_ns)]
    due_ns = line.deadline_ns()
    return seen if due_ns is None else [*seen, *line.expire(due_ns)]


def test_a_26_bit_card_is_read_when_its_silence_has_passed() -> None:
    line = Wiegand(gap_ns=GAP)
    for pulse in pulses(with_parity(0x62E308, 26)):
        assert line.pulse(pulse.bit, pulse.at_ns) == ()
    due_ns = line.deadline_ns()
    assert due_ns == 50 * MS + GAP
    assert line.expire(due_ns - 1) == ()
    assert line.expire(due_ns) == (card("62E308"),)
    assert line.deadline_ns() is None
    assert line.expire(due_ns) == ()


def test_a_frame_as_the_manuals_print_it() -> None:
    # 62E: six ones, so the even parity bit is 0; 308: three ones, so the odd one is 0 as well. Written out, not computed.
    assert decode_bits([int(bit) for bit in "0" + "011000101110" + "001100001000" + "0"]).text == "62E308"


@pytest.mark.parametrize(("bits", "number", "text"), [(26, 1, "000001"), (34, 0xDEADBEEF, "DEADBEEF"), (37, 0x7FFFFFFFF, "7FFFFFFFF")])
def test_known_lengths_lose_their_parity_and_keep_leading_zeros(bits: int, number: int, text: str) -> None:
    assert decode_bits([int(bit) for bit in with_parity(number, bits)]) == card(text)


@given(st.sampled_from(sorted(CHECKED_BITS)), st.data())
def test_no_single_wrong_bit_makes_another_card(bits: int, data: st.DataObject) -> None:
    frame = [int(bit) for bit in with_parity(data.draw(st.integers(0, 2 ** (bits - 2) - 1)), bits)]
    assert decode_bits(frame).kind is Kind.CARD
    wrong = data.draw(st.integers(0, bits - 1))
    frame[wrong] ^= 1
    seen = decode_bits(frame)
    # Of 37 bits the middle one counts in both halves, so it too is noticed.
    assert seen.kind is Kind.BROKEN
    assert "parity" in seen.text


@given(st.sampled_from(sorted(CHECKED_BITS)), st.data())
def test_swapped_wires_never_read_a_card(bits: int, data: st.DataObject) -> None:
    # Each half has an odd number of bits with its parity, so the complement has the other parity.
    frame = [int(bit) for bit in with_parity(data.draw(st.integers(0, 2 ** (bits - 2) - 1)), bits)]
    assert decode_bits([1 - bit for bit in frame]).kind is Kind.BROKEN


@pytest.mark.parametrize("count", [16, 24, 32, 35, 48, 56, 64, 128])
def test_an_unknown_length_is_reported_raw_with_its_bits(count: int) -> None:
    assert decode_bits([1] * count) == card("F" * (count // 4) if count % 4 == 0 else "7FFFFFFFF", count)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 9, 15])
def test_shorter_frames_are_noise(count: int) -> None:
    seen = decode_bits([0] * count)
    assert seen.kind is Kind.BROKEN
    assert f"{count} bits" in seen.text


@pytest.mark.parametrize(("value", "name"), [(0, "0"), (5, "5"), (9, "9"), (10, "*"), (11, "#"), (12, "A"), (15, "D")])
def test_keys_come_in_four_bits_or_eight(value: int, name: str) -> None:
    four = [int(bit) for bit in f"{value:04b}"]
    assert decode_bits(four) == key(name)
    assert decode_bits([1 - bit for bit in four] + four) == key(name)


def test_a_key_whose_complement_is_wrong_is_broken() -> None:
    assert decode_bits([0, 0, 0, 0, 0, 1, 0, 1]).kind is Kind.BROKEN


def test_two_frames_are_told_apart_by_their_pause_even_when_nobody_looked_in_between() -> None:
    line = Wiegand(gap_ns=GAP)
    train = pulses("0101") + pulses("1011", from_ns=6 * MS + GAP)
    assert heard(line, train) == [key("5"), key("#")]


def test_a_longer_pause_within_the_gap_is_still_one_frame() -> None:
    line = Wiegand(gap_ns=GAP)
    train = pulses("01") + pulses("01", from_ns=2 * MS + GAP - 1)
    assert heard(line, train) == [key("5")]


def test_the_wires_may_be_reported_out_of_turn() -> None:
    frame = pulses(with_parity(0x62E308, 26))
    zeros, ones = [pulse for pulse in frame if pulse.bit == 0], [pulse for pulse in frame if pulse.bit == 1]
    assert heard(Wiegand(gap_ns=GAP), ones + zeros) == [card("62E308")]


def test_ringing_of_one_wire_is_one_bit() -> None:
    ringing = [Pulse(pulse.at_ns + echo_ns, pulse.bit) for pulse in pulses("0101") for echo_ns in (0, 20 * US, GLITCH_NS - 1)]
    assert frame_of(ringing) == key("5")
    assert frame_of(pulses("0101", period_ns=GLITCH_NS)) == key("5")


def test_pulses_of_both_wires_at_once_are_in_doubt_and_no_card() -> None:
    seen = frame_of([*pulses("0101"), Pulse(30 * US, 1)])
    assert seen.kind is Kind.BROKEN
    assert "at once" in seen.text


def test_a_wire_that_pulses_for_ever_is_not_remembered() -> None:
    line = Wiegand(gap_ns=GAP)
    for place in range(10 * PULSES_MAX):
        assert line.pulse(0, place * MS) == ()
    assert len(line._pulses) == PULSES_MAX + 1
    (seen,) = line.expire(10 * PULSES_MAX * MS + GAP)
    assert seen.kind is Kind.BROKEN


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2 * GAP)), max_size=300))
def test_whatever_pulses_come_something_or_nothing_is_said_and_nothing_raises(steps: list[tuple[int, int]]) -> None:
    line = Wiegand(gap_ns=GAP)
    now_ns = 0
    for bit, pause_ns in steps:
        now_ns += pause_ns
        for seen in line.pulse(bit, now_ns):
            assert seen.text
        assert len(line._pulses) <= PULSES_MAX + 1
        assert line.deadline_ns() == now_ns + GAP


@given(st.lists(st.sampled_from(["0101", "1011", with_parity(0x1234, 26), with_parity(0x62E3086C, 34)]), max_size=8))
def test_every_frame_of_a_train_is_read(frames: list[str]) -> None:
    line = Wiegand(gap_ns=GAP)
    now_ns = 0
    seen: list[Sighting] = []
    for frame in frames:
        train = pulses(frame, from_ns=now_ns, period_ns=MS)
        seen += [sighting for pulse in train for sighting in line.pulse(pulse.bit, pulse.at_ns)]
        now_ns = train[-1].at_ns + GAP
    seen += line.expire(now_ns)
    assert seen == [decode_bits([int(bit) for bit in frame]) for frame in frames]
