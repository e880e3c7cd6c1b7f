"""A stream of H.264 as encoders write it into a pipe: bytes to pictures, pure (H.264 annex B, §7.4.1.2.3).

NAL units follow start codes; where a picture ends is only seen when the next one begins, so each picture comes out one frame late.
"""

from __future__ import annotations

from hw.api import CodedPicture

START = b"\x00\x00\x01"
UNIT_BYTES_MAX = 1_000_000  # a key frame of 1920 x 1080 at a high quality has half of it; more is no H.264
UNITS_MAX = 512  # of one picture: as many slices as an encoder that cuts at 1100 bytes makes of the largest key frame at a door's bit rate
PICTURE_BYTES_MAX = 2_000_000
SLICE, KEY_SLICE, SEI, SPS, PPS, DELIMITER = 1, 5, 6, 7, 8, 9  # nal_unit_type (H.264 table 7-1)
BEFORE_A_PICTURE = frozenset({SEI, SPS, PPS, DELIMITER, 14, 15, 16, 17, 18})  # §7.4.1.2.3: after a slice they begin the next picture
CARRIED = frozenset({SLICE, 2, 3, 4, KEY_SLICE, SEI, SPS, PPS})  # what a decoder needs; delimiters and fillers are of no use in packets


def unit_type(unit: bytes) -> int:
    """nal_unit_type: the lower five bits of the first byte (H.264 §7.3.1)."""
    return unit[0] & 0x1F


class AnnexB:
    """Feed it bytes as they come; it answers with the pictures that have ended. Nothing that a pipe can carry raises."""

    def __init__(self) -> None:
        self._rest = bytearray()  # from the start code of an unfinished unit on, or a beginning without one
        self._searched = 0  # how much of it holds no further start code
        self._units: list[bytes] = []
        self._bytes = 0  # of them all
        self._has_slice = False
        self._at_ns = 0
        self._is_broken = False  # a unit or a picture was too large: everything until the next picture is dropped

    def feed(self, data: bytes, now_ns: int) -> tuple[CodedPicture, ...]:
        """The pictures whose end is seen in `data`, which came at `now_ns`."""
        out: list[CodedPicture] = []
        self._rest += data
        while (at := self._rest.find(START, self._searched)) >= 0:
            if len(self._rest) < at + len(START) + 2:
                self._searched = at
                return tuple(out)  # the unit's first two bytes say whether a picture begins with it
            self._end_unit(bytes(self._rest[:at]))
            if self._begins_picture(self._rest[at + len(START)], self._rest[at + len(START) + 1]):
                self._end_picture(out)
            if not self._units:
                self._at_ns = now_ns
            del self._rest[:at]
            self._searched = len(START)
        # A start code may be cut after its first or second byte.
        self._searched = max(self._searched, len(self._rest) - len(START) + 1)
        if len(self._rest) > UNIT_BYTES_MAX:
            self._give_up()
        return tuple(out)

    def _end_unit(self, unit: bytes) -> None:
        """All that stands before a start code: a start code of its own and a unit, with zeros behind it (`trailing_zero_8bits`)."""
        body = unit.removeprefix(START).rstrip(b"\x00") if unit.startswith(START) else b""
        if not body or unit_type(body) not in CARRIED or self._is_broken:
            return
        if len(self._units) >= UNITS_MAX or self._bytes + len(body) > PICTURE_BYTES_MAX:
            self._is_broken = True
            return
        self._units.append(body)
        self._bytes += len(body)
        self._has_slice = self._has_slice or unit_type(body) <= KEY_SLICE

    def _begins_picture(self, header: int, first: int) -> bool:
        """§7.4.1.2.3. A slice begins one when its first_mb_in_slice is 0, which is a single bit 1 (§7.3.3, §9.1)."""
        if header & 0x1F in BEFORE_A_PICTURE:
            return self._has_slice or self._is_broken
        return header & 0x1F in (SLICE, 2, KEY_SLICE) and first & 0x80 != 0 and (self._has_slice or self._is_broken)

    def _end_picture(self, out: list[CodedPicture]) -> None:
        if self._has_slice and not self._is_broken:
            out.append(CodedPicture(tuple(self._units), self._at_ns, any(unit_type(unit) == KEY_SLICE for unit in self._units)))
        self._units.clear()
        self._bytes = 0
        self._has_slice = self._is_broken = False

    def _give_up(self) -> None:
        self._is_broken = True
        del self._rest[: len(self._rest) - len(START) + 1]  # where a start code may begin
        self._searched = 0
