"""Whether a card that a reader sees is new, still there, or held there on purpose: pure, one per reader.

Readers tell that a card is there, again and again while it is; nobody tells that it went. A card is away when it was not seen for
`away_ns`, or when another one was seen. The second finding of a long stay, "held", needs no clock of its own: it is made at the first
sighting after its time, which a reader that repeats itself several times a second delivers.
"""

from __future__ import annotations

from enum import Enum


class Stay(Enum):
    """What one sighting means."""

    NEW = "new"
    STILL = "still there"
    HELD = "held"


class Presence:
    """The card at one reader."""

    def __init__(self, *, away_ns: int, held_ns: int | None) -> None:
        """`held_ns` None: a stay is never called held."""
        assert away_ns >= 0
        assert held_ns is None or held_ns > 0
        self._away_ns = away_ns
        self._held_ns = held_ns
        self._card: str | None = None
        self._since_ns = 0
        self._seen_ns = 0
        self._told_held = False

    def see(self, card: str, now_ns: int) -> Stay:
        """A card was seen at `now_ns`."""
        new = card != self._card or now_ns - self._seen_ns >= self._away_ns
        self._card, self._seen_ns = card, now_ns
        if new:
            self._since_ns, self._told_held = now_ns, False
            return Stay.NEW
        if self._held_ns is None or self._told_held or now_ns - self._since_ns < self._held_ns:
            return Stay.STILL
        self._told_held = True
        return Stay.HELD
