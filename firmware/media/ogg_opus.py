"""Ogg Opus files (RFC 7845 in RFC 3533): a tenth of what WAV takes, and every player knows them.

libopus is asked directly, through ctypes: this runs on the recorder's own thread, at a pace where the way does not matter, and the core's
encoder is made for packets on the wire.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import IO, Final

from firmware.errors import MediaError

LIBRARY: Final = "libopus.so.0"
APPLICATION_VOIP: Final = 2048  # opus_defines.h
SET_BITRATE, SET_COMPLEXITY, GET_LOOKAHEAD = 4002, 4010, 4027
BITRATE: Final = 32_000  # of both sides together: speech of telephone quality is clear with half of it
COMPLEXITY: Final = 3  # a small board records beside a call
GRANULE_HZ: Final = 48_000  # RFC 7845 §4: positions count at this rate whatever the sound had
FRAME_MS: Final = 20
PAGE_FRAMES: Final = 50  # a second: what a power cut may cost, and far below the 255 segments of a page (RFC 3533 §6)
PACKET_MAX: Final = 1275 * 2  # octets that one frame of two channels may have (RFC 6716 §3.4)
FIRST_PAGE, LAST_PAGE = 0x02, 0x04  # RFC 3533 §6: header type
CHANNELS: Final = 2
VENDOR: Final = b"portero"


class OggOpusWriter:
    """Writes 16-bit stereo of `rate_hz` into an open file. Raises MediaError when libopus is not there, OSError as the file does."""

    def __init__(self, file: IO[bytes], rate_hz: int) -> None:
        self._file = file
        self._encoder = _Encoder(rate_hz)
        self._frame_octets = rate_hz * FRAME_MS // 1000 * CHANNELS * 2
        self._scale = GRANULE_HZ // rate_hz
        self._rest = bytearray()
        self._samples = 0  # that were given to us, of each channel
        self._encoded = 0
        self._serial = int.from_bytes(os.urandom(4), "little")
        self._sequence = 0
        self._packets: list[bytes] = []
        pre_skip = self._encoder.lookahead * self._scale
        head = struct.pack("<8sBBHIhB", b"OpusHead", 1, CHANNELS, pre_skip, rate_hz, 0, 0)  # RFC 7845 §5.1
        tags = b"OpusTags" + struct.pack("<I", len(VENDOR)) + VENDOR + struct.pack("<I", 0)  # §5.2
        self._pre_skip = pre_skip
        # §3: each of the two has a page of its own, with the position 0.
        self._page([head], 0, FIRST_PAGE)
        self._page([tags], 0, 0)

    def write(self, sound: bytes) -> None:
        """Interleaved samples, little-endian, as many as there are."""
        self._samples += len(sound) // (2 * CHANNELS)
        self._rest += sound
        while len(self._rest) >= self._frame_octets:
            self._encode(bytes(self._rest[: self._frame_octets]))
            del self._rest[: self._frame_octets]

    def close(self) -> None:
        """The last page; the file stays open."""
        wanted = self._pre_skip + self._samples * self._scale
        while self._encoded * self._scale < wanted or not self._packets:  # the encoder still owes what it has looked ahead
            self._encode(bytes(self._rest).ljust(self._frame_octets, b"\0"))
            self._rest.clear()
        self._page(self._packets, wanted, LAST_PAGE)  # §4.4: the position ends what the last packet would play too much
        self._encoder.close()

    def _encode(self, frame: bytes) -> None:
        if len(self._packets) == PAGE_FRAMES:
            self._page(self._packets, self._encoded * self._scale, 0)
            self._packets = []
        self._packets.append(self._encoder.encode(frame))
        self._encoded += len(frame) // (2 * CHANNELS)

    def _page(self, packets: list[bytes], position: int, kind: int) -> None:
        """RFC 3533 §6: a packet is as many segments of 255 octets as it fills, and one that is shorter."""
        lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,)) for packet in packets)
        head = struct.pack("<4sBBqIII", b"OggS", 0, kind, position, self._serial, self._sequence, 0) + bytes((len(lacing),)) + lacing
        page = bytearray(head + b"".join(packets))
        page[22:26] = checksum(page).to_bytes(4, "little")
        self._file.write(page)
        self._file.flush()
        self._sequence += 1


def library() -> ctypes.CDLL:
    """libopus. Raises MediaError when it is not there."""
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise MediaError(f"no Opus can be written: {error}; install libopus0, or record WAV") from error


class _Encoder:
    def __init__(self, rate_hz: int) -> None:
        self._library = library()
        self._library.opus_encoder_create.restype = ctypes.c_void_p
        failed = ctypes.c_int()
        made = self._library.opus_encoder_create(rate_hz, CHANNELS, APPLICATION_VOIP, ctypes.byref(failed))
        if not made:
            raise MediaError(f"libopus does not encode {rate_hz} Hz ({failed.value})")
        self._state = ctypes.c_void_p(made)
        self._out = ctypes.create_string_buffer(PACKET_MAX)
        for request, value in ((SET_BITRATE, BITRATE), (SET_COMPLEXITY, COMPLEXITY)):
            self._library.opus_encoder_ctl(self._state, request, ctypes.c_int(value))
        ahead = ctypes.c_int()
        self._library.opus_encoder_ctl(self._state, GET_LOOKAHEAD, ctypes.byref(ahead))
        self.lookahead = ahead.value  # samples at `rate_hz`

    def encode(self, frame: bytes) -> bytes:
        octets = self._library.opus_encode(self._state, frame, len(frame) // (2 * CHANNELS), self._out, PACKET_MAX)
        if octets <= 0:
            raise MediaError(f"libopus refuses a frame ({octets})")
        return self._out.raw[:octets]

    def close(self) -> None:
        self._library.opus_encoder_destroy(self._state)


def _table() -> tuple[int, ...]:
    """RFC 3533 §6: the polynomial 0x04c11db7, the highest bit first, without inversion; zlib's is the mirrored one."""
    entries = []
    for octet in range(256):
        value = octet << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value & 0x80000000 else value << 1) & 0xFFFFFFFF
        entries.append(value)
    return tuple(entries)


_CRC: Final = _table()


def checksum(page: bytes | bytearray) -> int:
    """Of a page whose checksum is still zero."""
    value = 0
    for octet in page:
        value = value << 8 & 0xFFFFFFFF ^ _CRC[value >> 24 ^ octet]
    return value
