"""OpenH264's decoder, for the demo's phone: H.264 in, frames out, through ctypes.

The decoder is the interface ISVCDecoder of codec_api.h: a pointer to a table of functions. Loaded are only the versions whose header was
read for this file.
"""

from __future__ import annotations

import ctypes
from typing import Any, Final, NamedTuple

from firmware.errors import MediaError

LIBRARIES: Final = ("libopenh264.so.8", "libopenh264.so.7")
INITIALIZE, UNINITIALIZE, DECODE_FRAME_NO_DELAY, SET_OPTION = 0, 1, 3, 8  # places in the table
TRACE_LEVEL: Final = 9  # DECODER_OPTION_TRACE_LEVEL; 0 is quiet
START_CODE: Final = b"\x00\x00\x00\x01"  # the decoder reads a byte stream (H.264 annex B)
SIDE_MAX: Final = 4096  # pixels; more shows no phone


class Frame(NamedTuple):
    """One decoded picture. `i420`: the luma plane, then both chroma planes at half width and half height."""

    width: int
    height: int
    i420: bytes


class _VideoProperty(ctypes.Structure):
    _fields_ = (("size", ctypes.c_uint), ("bitstream", ctypes.c_int))


class _DecodingParam(ctypes.Structure):
    _fields_ = (
        ("restored_file", ctypes.c_char_p),
        ("cpu_load", ctypes.c_uint),
        ("target_layer", ctypes.c_ubyte),
        ("concealment", ctypes.c_int),
        ("parse_only", ctypes.c_bool),
        ("video", _VideoProperty),
    )


class _BufferInfo(ctypes.Structure):
    _fields_ = (
        ("status", ctypes.c_int),
        ("in_timestamp", ctypes.c_ulonglong),
        ("out_timestamp", ctypes.c_ulonglong),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("format", ctypes.c_int),
        ("stride", ctypes.c_int * 2),
        ("planes", ctypes.c_void_p * 3),
    )


class Decoder:
    """One stream's. Belongs to one thread; `close` it."""

    def __init__(self) -> None:
        """Raises MediaError when the library is not there or refuses."""
        self._library = _library()
        self._self = ctypes.c_void_p()
        if self._library.WelsCreateDecoder(ctypes.byref(self._self)):
            raise MediaError("libopenh264 makes no decoder")
        table = ctypes.cast(self._self, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p)))[0]
        self._table = table
        self._call(SET_OPTION, ctypes.c_int(TRACE_LEVEL), ctypes.byref(ctypes.c_int(0)))
        wishes = _DecodingParam(target_layer=0xFF, video=_VideoProperty(size=ctypes.sizeof(_VideoProperty)))
        if self._call(INITIALIZE, ctypes.byref(wishes)):
            self._library.WelsDestroyDecoder(self._self)
            raise MediaError("libopenh264 does not begin")

    def decode(self, units: tuple[bytes, ...]) -> Frame | None:
        """The frame that these NAL units make, all of one picture; None when they make none."""
        data = b"".join(START_CODE + unit for unit in units)
        info = _BufferInfo()
        planes = (ctypes.c_void_p * 3)()
        failed = self._call(DECODE_FRAME_NO_DELAY, data, ctypes.c_int(len(data)), planes, ctypes.byref(info))
        if failed or info.status != 1 or not 0 < info.width <= SIDE_MAX or not 0 < info.height <= SIDE_MAX:
            return None
        sides = ((info.width, info.height, info.stride[0]), *((info.width // 2, info.height // 2, info.stride[1]),) * 2)
        copied = [_plane(plane, *side) for plane, side in zip(planes, sides, strict=True) if plane is not None]
        return Frame(info.width, info.height, b"".join(copied)) if len(copied) == 3 else None

    def close(self) -> None:
        """Give its memory back."""
        self._call(UNINITIALIZE)
        self._library.WelsDestroyDecoder(self._self)

    def _call(self, place: int, *arguments: Any) -> int:
        method = ctypes.CFUNCTYPE(ctypes.c_long)(self._table[place] or 0)
        returned: int = method(self._self, *arguments)
        return returned


def _plane(address: int, width: int, height: int, stride: int) -> bytes:
    return b"".join(ctypes.string_at(address + row * stride, width) for row in range(height))


def _library() -> ctypes.CDLL:
    for name in LIBRARIES:
        try:
            found = ctypes.CDLL(name)
        except OSError:
            continue
        found.WelsCreateDecoder.restype = ctypes.c_long
        found.WelsDestroyDecoder.restype = None
        return found
    raise MediaError(f"none of {', '.join(LIBRARIES)} is there; `sudo apt install libopenh264-dev` brings one")
