"""From what a decoder saw to what the program is told; one per reader, whatever it is wired to.

A reader repeats a card several times a second while it is there: told once, and once more when it is held. A single broken frame is a
card moved too fast and is not told at all; `BROKEN_IN_A_ROW` of them are a wiring fault.
"""

from __future__ import annotations

from typing import assert_never

from hw.api import CardHeld, CardRead, DeviceFault, HardwareEvent, KeyPressed
from hw.decode.presence import Presence, Stay
from hw.decode.sighting import Kind, Sighting

BROKEN_IN_A_ROW = 3  # a person who holds a card badly gives up or gets it right by then; crossed wires never do


class ReaderEvents:
    """Times are those of the sightings."""

    def __init__(self, name: str, *, repeat_after_ms: int, held_after_ms: int | None) -> None:
        self._name = name
        self._presence = Presence(away_ns=repeat_after_ms * 1_000_000, held_ns=None if held_after_ms is None else held_after_ms * 1_000_000)
        self._broken = 0

    def of(self, sighting: Sighting, at_ns: int) -> tuple[HardwareEvent, ...]:
        match sighting.kind:
            case Kind.CARD:
                return (*self._well(at_ns), *self._card(sighting, at_ns))
            case Kind.KEY:
                return (*self._well(at_ns), KeyPressed(keypad=self._name, key=sighting.text, at_ns=at_ns))
            case Kind.ANSWERS:
                return self._well(at_ns)
            case Kind.BROKEN:
                self._broken += 1
                return () if self._broken != BROKEN_IN_A_ROW else (self._fault(sighting.text, at_ns),)
            case never:
                assert_never(never)

    def ill_wired(self, why: str, at_ns: int) -> DeviceFault:
        """A fault that needs no proof by repetition; it ends with the next card or key."""
        self._broken = BROKEN_IN_A_ROW
        return self._fault(why, at_ns)

    def _fault(self, why: str, at_ns: int) -> DeviceFault:
        return DeviceFault(device=self._name, working=False, detail=f"reader {self._name}: {why}", at_ns=at_ns)

    def _well(self, at_ns: int) -> tuple[HardwareEvent, ...]:
        was_told, self._broken = self._broken >= BROKEN_IN_A_ROW, 0
        if not was_told:
            return ()
        return (DeviceFault(device=self._name, working=True, detail=f"reader {self._name} works again", at_ns=at_ns),)

    def _card(self, sighting: Sighting, at_ns: int) -> tuple[HardwareEvent, ...]:
        # A telephone has another number at every sighting: all of them are one stay, not a flood of strangers.
        match self._presence.see("random" if sighting.random else sighting.text, at_ns):
            case Stay.NEW:
                return (CardRead(reader=self._name, card=sighting.text, at_ns=at_ns, bits=sighting.bits),)
            case Stay.HELD:
                return (CardHeld(reader=self._name, card=sighting.text, at_ns=at_ns),)
            case Stay.STILL:
                return ()
            case never:
                assert_never(never)
