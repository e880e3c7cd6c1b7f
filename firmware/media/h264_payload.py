"""H.264 into RTP payloads (RFC 6184 §5), pure: NAL units in, the payloads of one picture out, in order.

Mode 1 sends what fits as it is, small units before a picture together (STAP-A), and large ones in pieces (FU-A). Mode 0 knows single units
only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

PAYLOAD_BYTES_MAX: Final = 1200  # with RTP, SRTP, UDP and IPv6 headers below the 1280 that every IPv6 link carries
# Of a unit that may not be cut (mode 0): IP cuts the datagram, whose 65,507 bytes leave room for RTP and SRTP.
WHOLE_BYTES_MAX: Final = 65_000
STAP_A, FU_A = 24, 28  # §5.4 table 1
TYPE, NRI, FORBIDDEN = 0x1F, 0x60, 0x80  # of the first byte (§1.3)
START, END = 0x80, 0x40  # of the FU header (§5.8)
SEI, SPS, PPS = 6, 7, 8


def payloads(units: Iterable[bytes], *, mode: int, bytes_max: int = PAYLOAD_BYTES_MAX) -> list[bytes]:
    """The payloads of one picture's NAL units under packetization-mode `mode` (0 or 1).

    A unit that mode 0 cannot send at all is left out; a decoder shows the rest of the picture.
    """
    if mode == 0:
        return [unit for unit in units if len(unit) <= max(bytes_max, WHOLE_BYTES_MAX)]
    out: list[bytes] = []
    together: list[bytes] = []
    for unit in units:
        if unit[0] & TYPE in (SEI, SPS, PPS) and _size(together) + 2 + len(unit) <= bytes_max:
            together.append(unit)
            continue
        out += _aggregated(together)
        together = []
        out += [unit] if len(unit) <= bytes_max else _fragments(unit, bytes_max)
    return out + _aggregated(together)


def _size(units: list[bytes]) -> int:
    """Of an aggregation packet (§5.7.1): its header, and two bytes of size before each unit."""
    return 1 + sum(2 + len(unit) for unit in units)


def _aggregated(units: list[bytes]) -> list[bytes]:
    """§5.7.1 STAP-A; one unit alone needs none."""
    if len(units) < 2:
        return units
    # §5.7: NRI is the maximum of all units', and F is set if it is set in any of them.
    header = STAP_A | max(unit[0] & NRI for unit in units) | max(unit[0] & FORBIDDEN for unit in units)
    return [bytes((header,)) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)]


def _fragments(unit: bytes, bytes_max: int) -> list[bytes]:
    """§5.8 FU-A: the unit's own first byte is not sent; its NRI goes into the indicator, its type into the header of each piece."""
    indicator, kind = unit[0] & (FORBIDDEN | NRI) | FU_A, unit[0] & TYPE
    body, piece = memoryview(unit)[1:], bytes_max - 2
    last = (len(body) - 1) // piece
    out: list[bytes] = []
    for number in range(last + 1):
        marks = (START if number == 0 else 0) | (END if number == last else 0)
        out.append(bytes((indicator, marks | kind)) + body[number * piece : (number + 1) * piece])
    return out
