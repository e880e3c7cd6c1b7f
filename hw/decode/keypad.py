"""Keypads: scans of a matrix, or bytes of a serial line, to keys; pure.

In a matrix each key joins one row with one column. Without a diode at each key, three keys at the corners of a rectangle make the fourth
look pressed as well: two rows that share two columns tell nothing, and a scan that shows them changes nothing.
"""

from __future__ import annotations

from itertools import combinations

from hw.decode.sighting import Listener, Sighting, key

KEYS = frozenset("0123456789*#ABCD")
STUCK_NS = 20_000_000_000  # no finger stays as long; from then on the pad is looked at seldom

Cell = tuple[int, int]  # row, column


class MatrixKeypad:
    """Feed it scans while something is down; a key counts when it was down unbroken for the debounce, and again when it was up as long."""

    def __init__(self, keys: tuple[str, ...], *, debounce_ns: int) -> None:
        """`keys`: a line for each row, a character for each column."""
        assert all(set(line) <= KEYS for line in keys)
        self._keys = keys
        self._debounce_ns = debounce_ns
        self._down: set[Cell] = set()  # what counts as down
        self._changing: dict[Cell, int] = {}  # what looks different, and since when
        self._seen: frozenset[Cell] = frozenset()
        self._seen_since_ns = 0

    @property
    def idle(self) -> bool:
        """Nothing is down, nothing is settling: scans may stop until a column moves."""
        return not self._seen and not self._down and not self._changing

    def stuck(self, now_ns: int) -> bool:
        """The scans have shown the same for long, and not nothing."""
        return bool(self._seen) and now_ns - self._seen_since_ns >= STUCK_NS

    def scan(self, seen: frozenset[Cell], at_ns: int) -> tuple[Sighting, ...]:
        """`seen`: the row and column of each key that looks pressed at `at_ns`; answers with the keys that count from now on."""
        if seen != self._seen:
            self._seen, self._seen_since_ns = seen, at_ns
        if is_ghostly(seen):
            self._changing.clear()
            return ()
        different = seen ^ self._down
        self._changing = {cell: self._changing.get(cell, at_ns) for cell in different}
        settled = sorted(cell for cell, since_ns in self._changing.items() if at_ns - since_ns >= self._debounce_ns)
        for cell in settled:
            del self._changing[cell]
        pressed = [cell for cell in settled if cell not in self._down]
        self._down.symmetric_difference_update(settled)
        return tuple(key(self._keys[row][column]) for row, column in pressed)


def is_ghostly(seen: frozenset[Cell]) -> bool:
    """Whether one of the keys that look pressed may not be."""
    columns: dict[int, set[int]] = {}
    for row, column in seen:
        columns.setdefault(row, set()).add(column)
    return any(len(one & other) >= 2 for one, other in combinations(columns.values(), 2))


# The keys that some pads have in the place of * and #, and the byte that they send.
SYNONYMS = {"\x08": "*", "\x1b": "*", "\x7f": "*", "\r": "#", "\n": "#"}


class AsciiKeypad(Listener):
    """A keypad that sends a byte a key: the key itself, or one of `SYNONYMS`; carriage return with line feed is one key."""

    def __init__(self) -> None:
        self._after_return = False

    def feed(self, data: bytes, _now_ns: int) -> tuple[Sighting, ...]:
        """The keys in `data`; other bytes are nothing."""
        keys: list[Sighting] = []
        for byte in data.decode("latin-1"):
            name = SYNONYMS.get(byte, byte.upper())
            if name in KEYS and not (byte == "\n" and self._after_return):
                keys.append(key(name))
            self._after_return = byte == "\r"
        return tuple(keys)
