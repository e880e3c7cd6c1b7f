"""Wiegand through a serial bridge: lines of text from a 9600 baud line to card numbers and keys, pure.

The bridge has read the frame and checked its parity. There is no standard for what it sends; what is understood is what is common:

    62E308<CR>                                             a card: 4 to 32 hexadecimal digits, also in STX ... ETX
    5                                                      a key: one of 0-9 * # A-D, alone in a line or followed by silence
    Wiegand HEX = 62E308, DECIMAL = 6480648, Type W26      what the widespread Arduino library's example prints; type W4 or W8 is a key

A line ends with CR, LF, both, or ETX. Anything else is broken. The Arduino form drops leading zeros; they come back by its type, so that
a card has one number whatever it was read through.
"""

from __future__ import annotations

import re

from hw.decode.sighting import Listener, Sighting, broken, card, key

LINE_BYTES_MAX = 96  # the longest line understood has 70; a bridge at the wrong speed sends bytes without end
KEY_SILENCE_NS = 25_000_000  # 25 byte times at 9600 baud: the digits of a card come closer
CARD = re.compile(r"[0-9A-Fa-f]{4,32}")
ARDUINO = re.compile(r"Wiegand HEX = ([0-9A-Fa-f]{1,16}), DECIMAL = [0-9]{1,20}, Type W([0-9]{1,2})")
LINE_END = re.compile(rb"[\r\n\x03]")
# What the library puts into the place of the two keys that are no digits.
ARDUINO_KEYS = {0x1B: "*", 0x0D: "#", **{digit: str(digit) for digit in range(10)}}
KEYS = frozenset("0123456789*#ABCD")


class WiegandBridge(Listener):
    """Feed it bytes as they come. Nothing that a line can carry raises."""

    def __init__(self) -> None:
        self._line = b""
        self._too_long = False
        self._last_ns = 0

    def feed(self, data: bytes, now_ns: int) -> tuple[Sighting, ...]:
        """The cards and keys whose lines end in `data`."""
        seen = list(self.expire(now_ns))
        *lines, self._line = LINE_END.split(self._line + data)
        for line in lines:
            whole, self._too_long = not self._too_long and len(line) <= LINE_BYTES_MAX, False
            if not whole:
                seen.append(broken("a line that does not end; is the speed right?"))
            elif text := line.lstrip(b"\x02").strip():
                seen.append(decode_line(text.decode("latin-1")))
        if len(self._line) > LINE_BYTES_MAX:
            self._line, self._too_long = b"", True
        self._last_ns = now_ns
        return tuple(seen)

    def deadline_ns(self) -> int | None:
        return self._last_ns + KEY_SILENCE_NS if self._lone_key() is not None else None

    def expire(self, now_ns: int) -> tuple[Sighting, ...]:
        name = self._lone_key()
        if name is None or now_ns < self._last_ns + KEY_SILENCE_NS:
            return ()
        self._line = b""
        return (key(name),)

    def _lone_key(self) -> str | None:
        text = self._line.decode("latin-1")
        return text if text in KEYS and not self._too_long else None


def decode_line(line: str) -> Sighting:
    """What one line says."""
    if line.upper() in KEYS:
        return key(line.upper())
    if CARD.fullmatch(line):
        return card(line.upper())
    arduino = ARDUINO.fullmatch(line)
    if arduino is None:
        return broken("a line that is no card and no key")
    value, bits = int(arduino[1], 16), int(arduino[2])
    if bits in (4, 8):
        return key(ARDUINO_KEYS[value]) if value in ARDUINO_KEYS else broken("a key that no keypad has")
    # The type counts the two bits of parity, the number does not.
    return card(f"{value:0{max(4, (bits - 2 + 3) // 4)}X}")
