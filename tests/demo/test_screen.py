"""The screen of the demo's phone: packets to pictures, and what a missing packet costs."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.demo.conductor import FILM
from firmware.demo.openh264 import Decoder, Frame
from firmware.demo.png import png_of
from firmware.demo.screen import KEEP_NS, KEPT_MAX, Screen, units_of
from firmware.media.h264_payload import payloads
from hw.api import CodedPicture
from hw.camera_file import read_pictures
from tests.demo.draw_visitor import FPS, HEIGHT, PICTURES, WIDTH

FIRST_BYTES = st.sampled_from([0x67, 0x68, 0x06, 0x65, 0x41, 0x01])
UNITS = st.lists(st.builds(lambda head, body: bytes((head,)) + body, FIRST_BYTES, st.binary(min_size=1, max_size=90)), min_size=1)
PICTURE_NS = 1_000_000_000 // FPS


class Painter:
    """Decodes whatever is whole."""

    def __init__(self) -> None:
        self.decoded: list[tuple[bytes, ...]] = []

    def decode(self, units: tuple[bytes, ...]) -> Frame | None:
        self.decoded.append(units)
        return Frame(2, 2, b"......")


def packets(pictures: Sequence[tuple[bytes, ...]], first: int = 65_530) -> list[bytes]:
    """RTP of payload type 105, each picture ending with the marker."""
    out: list[bytes] = []
    for number, units in enumerate(pictures):
        parts = payloads(units, mode=1, bytes_max=40)
        for place, part in enumerate(parts):
            marker = 0x80 if place == len(parts) - 1 else 0
            sequence = (first + len(out)) % 65_536
            out.append(bytes((0x80, marker | 105)) + sequence.to_bytes(2, "big") + number.to_bytes(4, "big") + b"ssrc" + part)
    return out


KEY = (b"\x67sps", b"\x68pps", b"\x65" + b"k" * 100)
NEXT = (b"\x41" + b"n" * 60,)


def seen(datagrams: list[bytes]) -> tuple[Screen, Painter, list[int]]:
    painter, firsts = Painter(), list[int]()
    screen = Screen(105, painter, firsts.append)
    for number, datagram in enumerate(datagrams):
        screen.take(datagram, number)
    return screen, painter, firsts


@given(UNITS, st.integers(10, 100))
def test_payloads_become_the_units_that_they_were(units: list[bytes], bytes_max: int) -> None:
    assert units_of(payloads(units, mode=1, bytes_max=bytes_max)) == tuple(units)


@given(st.lists(st.binary(min_size=1, max_size=40)))
def test_no_payload_is_too_wrong_to_be_read(parts: list[bytes]) -> None:
    assert all(units_of(parts))


def test_pictures_are_shown_in_their_order_across_the_wrap_of_the_sequence() -> None:
    screen, painter, firsts = seen(packets([KEY, NEXT, NEXT]))
    assert painter.decoded == [KEY, NEXT, NEXT]
    assert screen.seen == (len(packets([KEY, NEXT, NEXT])), 0, 3, 3)
    assert firsts == [len(packets([KEY])) - 1]


def test_nothing_is_shown_before_a_key_picture() -> None:
    screen, painter, firsts = seen(packets([NEXT, NEXT]))
    assert (painter.decoded, firsts, screen.seen.pictures) == ([], [], 0)


def test_a_lost_packet_costs_all_pictures_until_the_next_key_picture() -> None:
    datagrams = packets([KEY, NEXT, NEXT, KEY, NEXT])
    del datagrams[len(packets([KEY]))]
    screen, painter, _ = seen(datagrams)
    assert painter.decoded == [KEY, KEY, NEXT]
    assert screen.seen.lost == 1


@pytest.mark.parametrize("datagram", [b"", b"\x80\x69", b"\x80\x60" + bytes(20), b"\x00\x69" + bytes(20)])
def test_what_is_no_packet_of_the_stream_is_passed_over(datagram: bytes) -> None:
    screen, _, _ = seen([datagram])
    assert screen.seen.packets == 0


def test_one_frame_a_second_is_kept_and_no_more_than_there_is_room_for() -> None:
    screen = Screen(105, Painter(), lambda _at_ns: None)
    for number, datagram in enumerate(packets([(b"\x65k",)] * (KEPT_MAX + 20) * 2)):
        screen.take(datagram, number * KEEP_NS // 2)
    assert len(screen.kept) == KEPT_MAX
    assert all(later.at_ns - earlier.at_ns == KEEP_NS for earlier, later in pairwise(screen.kept))


def test_without_a_decoder_pictures_are_counted() -> None:
    screen = Screen(105, None, lambda _at_ns: None)
    for datagram in packets([KEY, NEXT]):
        screen.take(datagram, 0)
    assert (screen.seen.pictures, screen.seen.decoded, screen.kept) == (2, 0, [])


@pytest.fixture(scope="module")
def film() -> tuple[CodedPicture, ...]:
    return read_pictures(FILM)


def test_the_film_is_decoded_picture_by_picture(film: tuple[CodedPicture, ...]) -> None:
    decoder = Decoder()
    frames = [decoder.decode(picture.units) for picture in film]
    nothing = decoder.decode((b"\x41no slice",))
    decoder.close()
    assert len(frames) == PICTURES
    assert nothing is None
    assert all(frame is not None and (frame.width, frame.height) == (WIDTH, HEIGHT) for frame in frames)
    assert len({frame.i420 for frame in frames if frame is not None}) == PICTURES, "each picture has its number in it"


def test_the_film_has_a_still_picture_and_begins_anew_every_two_seconds(film: tuple[CodedPicture, ...]) -> None:
    assert FILM.with_suffix(".jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    assert [number for number, picture in enumerate(film) if picture.is_key] == [0, 20]


def test_a_frame_becomes_a_png_of_its_colours() -> None:
    # BT.601: white, black, and the red whose luma is 81, Cb 90 and Cr 240.
    frame = Frame(4, 2, bytes((235, 16, 81, 81)) * 2 + bytes((128, 90)) + bytes((128, 240)))
    assert pixels(png_of(frame)) == [[(255, 255, 255), (0, 0, 0), (254, 0, 0), (254, 0, 0)]] * 2
    assert pixels(png_of(frame, 2)) == [[(255, 255, 255), (254, 0, 0)]]


def pixels(png: bytes) -> list[list[tuple[int, ...]]]:
    """What stands in a PNG of ours: one IDAT, filter type Up."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    (size,) = struct.unpack(">I", png[33:37])
    assert zlib.crc32(png[37 : 41 + size]) == struct.unpack(">I", png[41 + size : 45 + size])[0]
    data, above, out = zlib.decompress(png[41 : 41 + size]), [0] * width * 3, []
    for row in range(height):
        start = row * (width * 3 + 1)
        assert data[start] == 2
        above = [(octet + over) % 256 for octet, over in zip(data[start + 1 : start + 1 + width * 3], above, strict=True)]
        out.append([tuple(above[x : x + 3]) for x in range(0, width * 3, 3)])
    return out
