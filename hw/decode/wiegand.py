"""Wiegand: pulses on two wires to card numbers and keys, pure.

Both wires rest high. A pulse on D0 is a zero, on D1 a one, most significant bit first: low for 20 to 100 µs, one every 1 to 2 ms (0.2 to
20 ms are met). Nothing marks the end of a frame but silence. Known frames of 26, 34 and 37 bits carry a parity bit at either end: the
first makes the first half of the bits between them even, the last makes the second half odd; of 35 bits the middle one counts in both
halves. A keypad sends a frame a key: four bits, or eight with the complement of the key in the upper four.

A pulse is its falling edge with the time of it. Width says nothing that can be relied on: when a pulse is over before the processor
looks, the kernel has seen one edge only. What tells a pulse from a glitch is its distance from the one before.
"""

from __future__ import annotations

from typing import NamedTuple

from hw.decode.sighting import Sighting, broken, card, key

GLITCH_NS = 100_000  # half of the shortest period met; ringing and crosstalk of long cables are over after some ten µs
PULSES_MAX = 128  # the longest format in use has 75 bits (government cards); a wire that pulses for ever must not fill the memory
RAW_BITS_MIN = 16  # shorter frames of no known length are noise: no card has fewer
CHECKED_BITS = frozenset({26, 34, 37})
KEYS = "0123456789*#ABCD"


class Pulse(NamedTuple):
    at_ns: int
    bit: int


class Wiegand:
    """Feed it pulses; a frame is told when its silence has passed.

    The two wires may be reported out of turn within a frame: what counts is the time of each pulse.
    """

    def __init__(self, *, gap_ns: int) -> None:
        """`gap_ns`: the silence that ends a frame."""
        assert gap_ns > GLITCH_NS
        self._gap_ns = gap_ns
        self._pulses: list[Pulse] = []
        self._last_ns = 0

    def pulse(self, bit: int, at_ns: int) -> tuple[Sighting, ...]:
        """A falling edge on D0 (`bit` 0) or D1 (1); answers with the frame before when this pulse begins another."""
        assert bit in (0, 1)
        ended = self.expire(at_ns)
        if len(self._pulses) <= PULSES_MAX:  # one more than allowed is kept: it makes the frame too long
            self._pulses.append(Pulse(at_ns, bit))
        self._last_ns = max(at_ns, self._last_ns)
        return ended

    def deadline_ns(self) -> int | None:
        return self._last_ns + self._gap_ns if self._pulses else None

    def expire(self, now_ns: int) -> tuple[Sighting, ...]:
        """The frame whose silence has passed at `now_ns`."""
        if not self._pulses or now_ns < self._last_ns + self._gap_ns:
            return ()
        pulses, self._pulses = self._pulses, []
        return (frame_of(pulses),)


def frame_of(pulses: list[Pulse]) -> Sighting:
    """What the pulses of one frame say. Pulses of one wire closer than `GLITCH_NS` are one; of both wires, nobody knows which was meant."""
    if len(pulses) > PULSES_MAX:
        return broken(f"more than {PULSES_MAX} pulses without a pause; is a wire loose?")
    bits: list[int] = []
    last: Pulse | None = None
    for pulse in sorted(pulses):
        if last is None or pulse.at_ns - last.at_ns >= GLITCH_NS:
            bits.append(pulse.bit)
        elif pulse.bit != last.bit:
            return broken("pulses on D0 and D1 at once; are the wires shielded and is the ground connected?")
        last = pulse
    return decode_bits(bits)


def decode_bits(bits: list[int]) -> Sighting:
    """What a frame of these bits says."""
    count = len(bits)
    value = int("".join(map(str, bits)), 2)
    if count == 4:
        return key(KEYS[value])
    if count == 8:
        high, low = divmod(value, 16)
        return key(KEYS[low]) if high == 15 - low else broken("a key without its complement; are D0 and D1 swapped?")
    if count in CHECKED_BITS:
        return _checked(bits)
    if count >= RAW_BITS_MIN:
        return card(_hex(value, count), count)
    return broken(f"a frame of {count} bits, which is no card and no key")


def _checked(bits: list[int]) -> Sighting:
    number = bits[1:-1]
    half = (len(number) + 1) // 2
    if (bits[0] + sum(number[:half])) % 2 != 0 or (sum(number[-half:]) + bits[-1]) % 2 != 1:
        return broken(f"a frame of {len(bits)} bits with wrong parity; are D0 and D1 swapped?")
    return card(_hex(int("".join(map(str, number)), 2), len(number)))


def _hex(value: int, bits: int) -> str:
    return f"{value:0{(bits + 3) // 4}X}"
