"""RDM6300 and EM4100 readers: bytes from a 9600 baud line to card numbers, pure.

A frame is 14 bytes: STX, ten hexadecimal digits of the card (one byte of version or customer, four of number), two of checksum, ETX.
The checksum is the exclusive-or of the card's five bytes. The reader repeats the frame as long as the card is in its field, several
times a second.
"""

from __future__ import annotations

from hw.decode.sighting import Listener, Sighting, card

STX = 0x02
ETX = 0x03
FRAME_BYTES = 14
HEX_DIGITS = frozenset(b"0123456789ABCDEFabcdef")


class Rdm6300(Listener):
    """Feed it bytes as they come; it answers with the cards that are in the field. Nothing that a line can carry raises."""

    def __init__(self) -> None:
        self._partial = b""  # less than a frame, from its STX

    def feed(self, data: bytes, _now_ns: int) -> tuple[Sighting, ...]:
        """The cards, ten upper-case hexadecimal digits each, whose frames end in `data`."""
        rest = self._partial + data
        cards: list[Sighting] = []
        while (start := rest.find(STX)) >= 0:
            rest = rest[start:]
            if len(rest) < FRAME_BYTES:
                # An STX inside what has come so far would begin a later frame: keep all of it.
                self._partial = rest
                return tuple(cards)
            number = decode_frame(rest[:FRAME_BYTES])
            # After a broken frame the search goes on behind its STX: the next one may lie within.
            rest = rest[FRAME_BYTES:] if number is not None else rest[1:]
            if number is not None:
                cards.append(card(number))
        self._partial = b""
        return tuple(cards)


def decode_frame(frame: bytes) -> str | None:
    """The card of one whole frame, or None when it is not one."""
    assert len(frame) == FRAME_BYTES
    digits = frame[1:-1]
    if frame[0] != STX or frame[-1] != ETX or not HEX_DIGITS.issuperset(digits):
        return None
    *number, checksum = bytes.fromhex(digits.decode("ascii"))
    for byte in number:
        checksum ^= byte
    return None if checksum else bytes(number).hex().upper()
