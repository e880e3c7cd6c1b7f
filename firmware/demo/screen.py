"""What the demo's phone shows of the door's camera: RTP packets to NAL units (RFC 6184 §5), these to frames, of which one a second is kept.

The door sends pictures and never takes any, so this half of RFC 6184 lives with the phone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from firmware.demo.openh264 import Frame
from firmware.media.h264_payload import END, FU_A, STAP_A, START, TYPE
from firmware.media.picture_stream import MARKER, VERSION
from firmware.media.session import MediaPort

KEY_SLICE: Final = 5  # nal_unit_type (H.264 table 7-1)
HEADER_BYTES: Final = 12  # RFC 3550 §5.1
UNITS_MAX: Final = 512  # of one picture
KEPT_MAX: Final = 30  # frames: more than the demo's call has seconds
KEEP_NS: Final = 1_000_000_000  # between two that are kept
READS_MAX: Final = 64  # datagrams that one wake-up takes


class Kept(NamedTuple):
    """A frame that the phone showed, and when, by the monotonic clock."""

    at_ns: int
    frame: Frame


class Seen(NamedTuple):
    """Of one call: packets that came, packets missed, whole pictures that came, and pictures that were decoded."""

    packets: int
    lost: int
    pictures: int
    decoded: int


class PictureDecoder(Protocol):
    """`demo.openh264.Decoder`."""

    def decode(self, units: tuple[bytes, ...]) -> Frame | None: ...


class Screen:
    """Takes the datagrams of one stream, in their order. `on_first` is called at the first picture that is whole."""

    def __init__(self, payload_type: int, decoder: PictureDecoder | None, on_first: Callable[[int], None]) -> None:
        """`decoder` None: pictures are counted, and none is shown."""
        self._payload_type = payload_type
        self._decoder = decoder
        self._on_first = on_first
        self._sequence: int | None = None  # of the last packet, None before the first
        self._payloads: list[bytes] = []  # of the picture that is coming
        self._is_broken = True  # until a key picture: what refers to a missing one cannot be shown
        self.kept: list[Kept] = []
        self.seen = Seen(0, 0, 0, 0)

    def take(self, datagram: bytes, at_ns: int) -> None:
        """One RTP packet; anything else is passed over."""
        if len(datagram) <= HEADER_BYTES or datagram[0] != VERSION or datagram[1] & 0x7F != self._payload_type:
            return
        sequence = int.from_bytes(datagram[2:4], "big")
        missed = 0 if self._sequence is None else (sequence - self._sequence - 1) % 65_536
        self._sequence = sequence
        self.seen = self.seen._replace(packets=self.seen.packets + 1, lost=self.seen.lost + missed)
        if missed or len(self._payloads) >= UNITS_MAX:
            self._payloads.clear()
            self._is_broken = True
        self._payloads.append(datagram[HEADER_BYTES:])
        if datagram[1] & MARKER:  # RFC 6184 §5.1: the last packet of a picture
            units = units_of(self._payloads)
            self._payloads = []
            self._show(units, at_ns)

    def _show(self, units: tuple[bytes, ...], at_ns: int) -> None:
        if any(unit[0] & TYPE == KEY_SLICE for unit in units):
            self._is_broken = False
        if self._is_broken or not units:
            return
        if not self.seen.pictures:
            self._on_first(at_ns)
        self.seen = self.seen._replace(pictures=self.seen.pictures + 1)
        frame = None if self._decoder is None else self._decoder.decode(units)
        if frame is None:
            return
        self.seen = self.seen._replace(decoded=self.seen.decoded + 1)
        if len(self.kept) < KEPT_MAX and (not self.kept or at_ns - self.kept[-1].at_ns >= KEEP_NS):
            self.kept.append(Kept(at_ns, frame))


def units_of(payloads: list[bytes]) -> tuple[bytes, ...]:
    """The NAL units in the payloads of one picture; one that is not whole is left out."""
    units: list[bytes] = []
    piece = bytearray()
    for payload in payloads:
        kind = payload[0] & TYPE
        if kind == STAP_A:
            units += _apart(payload[1:])
        elif kind != FU_A:
            units.append(payload)
        elif len(payload) > 2:
            # §5.8: the unit's first byte is made of the indicator's F and NRI and of the header's type.
            if payload[1] & START:
                piece = bytearray((payload[0] & ~TYPE & 0xFF | payload[1] & TYPE,))
            piece += payload[2:] if piece else b""
            if payload[1] & END and piece:
                units.append(bytes(piece))
                piece.clear()
    return tuple(units)


def _apart(body: bytes) -> list[bytes]:
    """§5.7.1: each unit of an aggregation packet stands behind its size."""
    units = []
    while len(body) > 2:
        size = int.from_bytes(body[:2], "big")
        if not 0 < size <= len(body) - 2:
            break
        units.append(body[2 : 2 + size])
        body = body[2 + size :]
    return units


def drain(port: MediaPort, screen: Screen, now_ns: Callable[[], int]) -> None:
    """Bring the screen what waits at the port."""
    for _ in range(READS_MAX):
        got = port.receive()
        if got is None:
            return
        screen.take(got[0], now_ns())
