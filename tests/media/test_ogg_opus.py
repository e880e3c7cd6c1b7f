"""firmware/media/ogg_opus.py: pages as RFC 3533 and RFC 7845 want them, and sound that libopus finds again in them."""

from __future__ import annotations

import ctypes
import io
import struct
import sys
from array import array
from math import pi, sin
from pathlib import Path
from typing import NamedTuple

import pytest

from firmware.errors import MediaError
from firmware.media import ogg_opus
from firmware.media.ogg_opus import OggOpusWriter, checksum
from firmware.media.recorder import Recorder

RATE_HZ = 8000


class Page(NamedTuple):
    kind: int
    position: int
    serial: int
    sequence: int
    packets: list[bytes]


def pages(data: bytes) -> list[Page]:
    """Every page, its checksum compared bit by bit."""
    found = []
    while data:
        magic, version, kind, position, serial, sequence, told, segments = struct.unpack_from("<4sBBqIIIB", data)
        assert (magic, version) == (b"OggS", 0)
        lacing = data[27 : 27 + segments]
        size = 27 + segments + sum(lacing)
        assert told == bit_by_bit(data[:22] + bytes(4) + data[26:size])
        packets, at, octets = [], 27 + segments, 0
        for segment in lacing:
            octets += segment
            if segment < 255:
                packets.append(data[at : at + octets])
                at, octets = at + octets, 0
        assert octets == 0, "no packet goes on in the next page"
        found.append(Page(kind, position, serial, sequence, packets))
        data = data[size:]
    return found


def bit_by_bit(page: bytes) -> int:
    value = 0
    for octet in page:
        for bit in range(7, -1, -1):
            top = (value >> 31) ^ (octet >> bit & 1)
            value = (value << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if top else 0)
    return value


def tone(hz: float, samples: int) -> array[int]:
    return array("h", (round(12_000 * sin(2 * pi * hz * n / RATE_HZ)) for n in range(samples)))


def stereo(left: array[int], right: array[int]) -> bytes:
    both = array("h", bytes(4 * len(left)))
    both[0::2], both[1::2] = left, right
    assert sys.byteorder == "little"
    return both.tobytes()


def decoded(packets: list[bytes]) -> tuple[array[int], array[int]]:
    """Both channels by libopus itself."""
    library = ctypes.CDLL(ogg_opus.LIBRARY)
    library.opus_decoder_create.restype = ctypes.c_void_p
    failed = ctypes.c_int()
    state = ctypes.c_void_p(library.opus_decoder_create(RATE_HZ, 2, ctypes.byref(failed)))
    out, sound = ctypes.create_string_buffer(4 * 960), array("h")
    for packet in packets:
        samples = library.opus_decode(state, packet, len(packet), out, 960, 0)
        assert samples == 160
        sound.frombytes(out.raw[: 4 * samples])
    library.opus_decoder_destroy(state)
    return sound[0::2], sound[1::2]


def strength(sound: array[int], hz: float) -> float:
    """How much of a tone is in it, 1: nothing else (Goertzel's sums)."""
    re = sum(value * sin(2 * pi * hz * n / RATE_HZ) for n, value in enumerate(sound))
    im = sum(value * sin(2 * pi * hz * n / RATE_HZ + pi / 2) for n, value in enumerate(sound))
    return float(2 * (re * re + im * im) / (len(sound) * sum(value * value for value in sound)))


def written(sound: bytes, piece: int = 640) -> list[Page]:
    file = io.BytesIO()
    writer = OggOpusWriter(file, RATE_HZ)
    for at in range(0, len(sound), piece):
        writer.write(sound[at : at + piece])
    writer.close()
    return pages(file.getvalue())


@pytest.mark.parametrize("piece", [640, 4, 4100])
def test_both_sides_are_found_again_on_their_sides(piece: int) -> None:
    found = written(stereo(tone(400, 3 * RATE_HZ), tone(1000, 3 * RATE_HZ)), piece)
    left, right = decoded([packet for page in found[2:] for packet in page.packets])
    middle = slice(RATE_HZ, 2 * RATE_HZ)
    assert strength(left[middle], 400) > 0.9
    assert strength(left[middle], 1000) < 0.05
    assert strength(right[middle], 1000) > 0.9


def test_the_head_says_what_a_player_needs() -> None:
    head, tags, *sound = written(stereo(tone(400, 12_345), tone(400, 12_345)))
    magic, version, channels, pre_skip, rate_hz, gain, family = struct.unpack("<8sBBHIhB", head.packets[0])
    assert (magic, version, channels, rate_hz, gain, family) == (b"OpusHead", 1, 2, RATE_HZ, 0, 0)
    assert tags.packets[0] == b"OpusTags\x07\0\0\0portero\0\0\0\0"
    # RFC 7845 §4.2: what the encoder has looked ahead is skipped, and the last position says where the sound ends.
    assert 0 < pre_skip < 1000
    assert sound[-1].position == pre_skip + 12_345 * 6
    assert sum(len(page.packets) for page in sound) * 960 >= sound[-1].position
    assert [page.kind for page in (head, tags, *sound)] == [2, 0, *[0] * (len(sound) - 1), 4]


def test_pages_follow_each_other_a_second_each() -> None:
    found = written(stereo(tone(400, 5 * RATE_HZ), tone(500, 5 * RATE_HZ)))
    assert [page.sequence for page in found] == list(range(len(found)))
    assert len({page.serial for page in found}) == 1
    assert [page.position for page in found[:-1]] == [0, 0, 48_000, 96_000, 144_000, 192_000, 240_000][: len(found) - 1]
    assert all(1 <= len(page.packets) <= 50 for page in found)


def test_silence_of_no_length_is_a_file_all_the_same() -> None:
    found = written(b"")
    assert found[-1].kind == 4
    assert len(found[-1].packets) >= 1


def test_a_known_page_has_its_known_checksum() -> None:
    assert checksum(b"") == 0
    assert checksum(b"123456789") == bit_by_bit(b"123456789") == 0x89A1897F  # CRC-32/MPEG-2's polynomial, from zero


def test_the_recorder_writes_opus_where_the_name_says_so_in_a_tenth_of_the_space(tmp_path: Path) -> None:
    sizes = {}
    for suffix in ("wav", "opus"):
        recorder = Recorder(tmp_path / f"call.{suffix}")
        said, heard = tone(440, 400 * 160), tone(880, 400 * 160)
        for at in range(0, len(said), 160):
            recorder.put(said[at : at + 160].tobytes(), heard[at : at + 160].tobytes())
            while recorder._free.empty():
                pass  # the writer's turn: a real call has half a second for each block
        recorder.finish()
        recorder.wait(20)
        assert recorder.dropped_bytes == 0
        sizes[suffix] = recorder.path.stat().st_size
    found = pages((tmp_path / "call.opus").read_bytes())
    left, right = decoded([packet for page in found[2:] for packet in page.packets])
    assert strength(left[RATE_HZ : 2 * RATE_HZ], 440) > 0.9
    assert strength(right[RATE_HZ : 2 * RATE_HZ], 880) > 0.9
    assert sizes["opus"] < sizes["wav"] / 6


def test_without_the_library_the_recorder_says_so_before_anything_is_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ogg_opus, "LIBRARY", "libopus-of-nowhere.so")
    with pytest.raises(MediaError, match="install libopus0, or record WAV"):
        Recorder(tmp_path / "call.opus")
    assert not (tmp_path / "call.opus").exists()
