"""A decoded frame as a PNG (ISO/IEC 15948), which every browser shows: planes of luma and chroma to red, green and blue, then deflate."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from firmware.demo.openh264 import Frame

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
TRUECOLOUR: Final = 2  # three octets a pixel
UP: Final = 2  # filter type: each octet as its difference from the one above, which flat surfaces make small
# ITU-R BT.601 with luma from 16 to 235 and chroma from 16 to 240, as cameras send it; what each octet adds to a colour.
LUMA: Final = tuple(1.164 * (value - 16) for value in range(256))
RED_OF_CR: Final = tuple(1.596 * (value - 128) for value in range(256))
GREEN_OF_CR: Final = tuple(-0.813 * (value - 128) for value in range(256))
GREEN_OF_CB: Final = tuple(-0.392 * (value - 128) for value in range(256))
BLUE_OF_CB: Final = tuple(2.017 * (value - 128) for value in range(256))
# A sum of the three lies between -277 and 535: its octet, by how far it is above the lowest.
LOWEST: Final = -300
OCTETS: Final = bytes(min(255, max(0, value)) for value in range(LOWEST, 600))


def png_of(frame: Frame, every: int = 1) -> bytes:
    """The frame, or of its rows and columns each `every`-th."""
    rows = _rows(frame, every)
    width, height = len(rows[0]) // 3, len(rows)
    above = bytes(len(rows[0]))
    filtered = bytearray()
    for row in rows:
        filtered.append(UP)
        filtered += bytes((octet - over) & 0xFF for octet, over in zip(row, above, strict=True))
        above = row
    header = struct.pack(">IIBBBBB", width, height, 8, TRUECOLOUR, 0, 0, 0)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(filtered), 9)) + _chunk(b"IEND", b"")


def _rows(frame: Frame, every: int) -> list[bytes]:
    """Red, green, blue of each pixel, row by row."""
    width, half = frame.width, frame.width // 2
    blue_at = width * frame.height
    red_at = blue_at + half * (frame.height // 2)
    out = []
    for y in range(0, frame.height // 2 * 2, every):
        luma = frame.i420[y * width : y * width + half * 2]
        chroma = y // 2 * half
        blues, reds = frame.i420[blue_at + chroma : blue_at + chroma + half], frame.i420[red_at + chroma : red_at + chroma + half]
        row = bytearray()
        for x in range(0, len(luma), every):
            light, blue, red = LUMA[luma[x]] - LOWEST + 0.5, blues[x >> 1], reds[x >> 1]
            row.append(OCTETS[int(light + RED_OF_CR[red])])
            row.append(OCTETS[int(light + GREEN_OF_CR[red] + GREEN_OF_CB[blue])])
            row.append(OCTETS[int(light + BLUE_OF_CB[blue])])
        out.append(bytes(row))
    return out


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
