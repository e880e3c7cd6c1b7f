"""firmware/media/picture_stream.py: packets, their pace, reports and wishes, under a clock of our own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from firmware.media.picture_stream import KEY_GAP_S, QUEUE_MAX, Clocks, Identity, PictureStream
from firmware.media.srtp import SrtpCipher
from firmware.sdp.crypto import SrtpKey, Suite
from firmware.sdp.ice import IceCredentials, IceSession
from firmware.sdp.protection import Handshake, SharedKeys
from firmware.sdp.video_session import VideoSession
from hw.api import CodedPicture
from hw.camera_file import read_pictures
from tests.media.h264_receiver import received

FILM = read_pictures(Path(__file__).parents[1] / "data" / "camera" / "door.h264")
SESSION = VideoSession(
    local_port=4002,
    remote_host="192.0.2.1",
    remote_rtp_port=5002,
    remote_rtcp_host="192.0.2.1",
    remote_rtcp_port=5003,
    payload_type=105,
    packetization_mode=1,
    bitrate_kbps=600,
    sends=True,
)
IDENTITY = Identity(ssrc=0xAABBCCDD, first_timestamp=2**32 - 10, first_sequence=0xFFFE, cname="door")
PLI = bytes.fromhex("81ce0002 01020304 aabbccdd")
KEY, OTHER = CodedPicture((b"\x65\x88k",), 0, is_key=True), CodedPicture((b"\x41\x9ao",), 0, is_key=False)


class Wire:
    """The way, the clock and whoever is asked for key pictures."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000
        self.sent: list[tuple[int, bytes, tuple[str, int]]] = []
        self.reports: list[tuple[bytes, tuple[str, int]]] = []
        self.waiting: list[tuple[bytes, tuple[str, int]]] = []
        self.due: list[tuple[int, Callable[[], None]]] = []
        self.asked = 0
        self.is_closed = False

    def send(self, datagram: bytes, to: tuple[str, int]) -> None:
        self.sent.append((self.now_ns, datagram, to))

    def send_report(self, datagram: bytes, to: tuple[str, int]) -> None:
        self.reports.append((datagram, to))

    def receive(self) -> tuple[bytes, tuple[str, int]] | None:
        return self.waiting.pop(0) if self.waiting else None

    receive_report = receive

    def close(self) -> None:
        self.is_closed = True

    def later(self, delay_s: float, call: Callable[[], None]) -> Wire:
        self.due.append((self.now_ns + round(delay_s * 1e9), call))
        return self

    def cancel(self) -> None:
        self.due.clear()

    def ask(self) -> None:
        self.asked += 1

    def run(self, until_ns: int) -> None:
        while self.due and self.due[0][0] <= until_ns:
            self.now_ns, call = self.due.pop(0)
            call()
        self.now_ns = until_ns

    def stream(
        self,
        session: VideoSession = SESSION,
        cipher: SrtpCipher | None = None,
        apart: Callable[[bytes, tuple[str, int]], None] = lambda _datagram, _source: None,
    ) -> PictureStream:
        clocks = Clocks(self.later, monotonic_ns=lambda: self.now_ns, wall_ns=lambda: self.now_ns)
        return PictureStream(self, session, IDENTITY, cipher=cipher, period_s=1 / 15, clocks=clocks, wants_key=self.ask, apart=apart)


def fields(datagram: bytes) -> tuple[bool, int, int, int, bytes]:
    """Marker, payload type, sequence, timestamp, payload (RFC 3550 §5.1)."""
    assert datagram[0] == 0x80
    assert datagram[8:12] == bytes.fromhex("aabbccdd")
    return bool(datagram[1] & 0x80), datagram[1] & 0x7F, int.from_bytes(datagram[2:4]), int.from_bytes(datagram[4:8]), datagram[12:]


def test_a_film_arrives_whole_in_sequence_and_on_a_clock_of_90_khz() -> None:
    wire = Wire()
    stream = wire.stream()
    for number, picture in enumerate(FILM):
        wire.run(1_000_000_000 + number * 1_000_000_000 // 15)
        stream.take(picture._replace(at_ns=wire.now_ns))
    wire.run(wire.now_ns + 1_000_000_000)
    packets = [fields(datagram) for _, datagram, _ in wire.sent]
    assert {to for _, _, to in wire.sent} == {("192.0.2.1", 5002)}
    assert [sequence for _, _, sequence, _, _ in packets] == [(0xFFFE + number) % 65_536 for number in range(len(packets))]
    assert received(payload for *_, payload in packets) == [unit for picture in FILM for unit in picture.units]
    # RFC 6184 §5.1: the marker is set for the last packet of the access unit; all packets of one share its timestamp.
    ends = [timestamp for marker, _, _, timestamp, _ in packets if marker]
    assert len(ends) == len(set(ends)) == len(FILM)
    assert [(later - earlier) % 2**32 for earlier, later in pairwise(ends)] == pytest.approx([6000] * 59, abs=1)
    assert ends[0] == 2**32 - 10
    assert max(len(datagram) for _, datagram, _ in wire.sent) <= 1212
    assert {kind for _, kind, *_ in packets} == {105}


def test_a_large_key_picture_is_spread_over_the_time_until_the_next() -> None:
    wire = Wire()
    large = CodedPicture((b"\x65\x88" + bytes(100_000),), wire.now_ns, is_key=True)
    wire.stream().take(large)
    at_once = len(wire.sent)
    wire.run(wire.now_ns + 66_000_000)
    times = [at_ns for at_ns, _, _ in wire.sent]
    assert len(wire.sent) == 84
    assert at_once <= 8
    assert max(times.count(at_ns) for at_ns in times) <= 8
    assert 30_000_000 < times[-1] - times[0] < 66_000_000


def test_an_ordinary_picture_leaves_at_once() -> None:
    wire = Wire()
    wire.stream().take(CodedPicture((b"\x65\x88" + bytes(4000),), wire.now_ns, is_key=True))
    assert len(wire.sent) == 4
    assert wire.due == []


def test_nothing_is_sent_before_the_first_key_picture() -> None:
    wire = Wire()
    stream = wire.stream()
    stream.take(OTHER)
    assert wire.sent == []
    stream.take(KEY)
    stream.take(OTHER)
    assert [payload for *_, payload in (fields(datagram) for _, datagram, _ in wire.sent)] == [KEY.units[0], OTHER.units[0]]


def test_a_queue_that_cannot_be_sent_is_bounded_and_goes_on_with_a_key_picture() -> None:
    wire = Wire()
    stream = wire.stream()
    for _ in range(20):
        stream.take(CodedPicture((b"\x65\x88" + bytes(200_000),), wire.now_ns, is_key=True))
    assert len(stream._queue) <= QUEUE_MAX
    assert stream.dropped > 0
    assert wire.asked == 1
    stream.take(OTHER)
    wire.run(wire.now_ns + 10_000_000_000)
    assert all(payload != OTHER.units[0] for *_, payload in (fields(datagram) for _, datagram, _ in wire.sent))
    stream.take(KEY)
    assert fields(wire.sent[-1][1])[4] == KEY.units[0]


def test_a_hold_stops_the_picture_and_what_waits_and_goes_on_with_a_key_picture() -> None:
    wire = Wire()
    stream = wire.stream()
    stream.take(CodedPicture((b"\x65\x88" + bytes(100_000),), wire.now_ns, is_key=True))
    stream.update(SESSION._replace(sends=False), None)
    sent = len(wire.sent)
    stream.take(KEY)
    wire.run(wire.now_ns + 1_000_000_000)
    assert len(wire.sent) == sent
    stream.update(SESSION._replace(remote_rtp_port=6002), None)
    stream.take(OTHER)
    assert len(wire.sent) == sent
    stream.take(KEY)
    assert wire.sent[-1][2] == ("192.0.2.1", 6002)


def test_the_first_picture_brings_a_report_and_then_every_five_seconds() -> None:
    wire = Wire()
    stream = wire.stream()
    for _ in range(110):
        stream.take(KEY._replace(at_ns=wire.now_ns))
        wire.run(wire.now_ns + 100_000_000)
    assert [to for _, to in wire.reports] == [("192.0.2.1", 5003)] * 3
    first, second, _ = (report for report, _ in wire.reports)
    assert int.from_bytes(first[20:24]) == 1  # packets so far
    assert int.from_bytes(first[16:20]) == 2**32 - 10
    # Both clocks of a report move alike: 5 s are 450000 ticks.
    assert int.from_bytes(second[8:12]) - int.from_bytes(first[8:12]) == 5
    assert (int.from_bytes(second[16:20]) - int.from_bytes(first[16:20])) % 2**32 == 450_000
    assert b"\x01\x04door" in first


def test_where_both_share_a_port_reports_go_the_way_of_pictures() -> None:
    wire = Wire()
    wire.stream(SESSION._replace(remote_rtcp_port=5002)).take(KEY)
    assert wire.reports == []
    assert [datagram[1] for _, datagram, _ in wire.sent] == [105 | 0x80, 200]


def test_a_lost_picture_brings_a_key_picture_but_a_flood_of_wishes_no_flood() -> None:
    wire = Wire()
    stream = wire.stream()
    wire.waiting = [(PLI, ("192.0.2.1", 5003))] * 10
    stream.on_report()
    assert (wire.asked, wire.waiting) == (1, [])
    wire.run(wire.now_ns + round(KEY_GAP_S * 1e9))
    wire.waiting = [(PLI, ("192.0.2.1", 5002))]
    stream.on_packet()
    assert wire.asked == 2


def test_one_wake_up_reads_only_so_much() -> None:
    wire = Wire()
    wire.waiting = [(b"\x80\x69" + bytes(100), ("192.0.2.1", 5002))] * 50
    wire.stream().on_packet()
    assert len(wire.waiting) == 34


@pytest.mark.parametrize(
    ("datagram", "host"),
    [(PLI, "192.0.2.66"), (PLI[:7], "192.0.2.1"), (b"\x81\x69" + PLI[2:], "192.0.2.1")],
    ids=["stranger", "cut", "picture"],
)
def test_what_asks_for_nothing_is_passed_over(datagram: bytes, host: str) -> None:
    wire = Wire()
    wire.waiting = [(datagram, (host, 5003))]
    wire.stream().on_report()
    assert wire.asked == 0


def test_a_stream_says_goodbye_and_gives_its_ports_back() -> None:
    wire = Wire()
    stream = wire.stream()
    stream.take(CodedPicture((b"\x65\x88" + bytes(100_000),), wire.now_ns, is_key=True))
    stream.close()
    assert wire.is_closed
    assert wire.due == []
    assert wire.reports[-1][0][-8:] == bytes.fromhex("81cb0001 aabbccdd")


def test_a_stream_that_has_sent_nothing_ends_in_silence() -> None:
    wire = Wire()
    wire.stream().close()
    assert wire.is_closed
    assert wire.reports == []


def keys(first: int) -> tuple[SharedKeys, SrtpCipher, SrtpCipher]:
    """Keys, our cipher, and that of the other side."""
    suite = Suite.AES_CM_128_HMAC_SHA1_80
    ours, theirs = (SrtpKey(suite, bytes([first + number]) * suite.octets) for number in range(2))
    cipher = SrtpCipher(send=ours, receive=theirs, ssrc=IDENTITY.ssrc)
    return SharedKeys(ours, theirs), cipher, SrtpCipher(send=theirs, receive=ours, ssrc=0x01020304)


def test_an_encrypted_picture_its_reports_and_wishes_pass_with_the_keys_alone() -> None:
    wire = Wire()
    agreed, cipher, phone = keys(1)
    stream = wire.stream(SESSION._replace(keys=agreed), cipher)
    stream.take(KEY)
    plain = phone.unprotect(wire.sent[0][1])
    assert plain is not None
    assert fields(plain)[4] == KEY.units[0]
    assert KEY.units[0] not in wire.sent[0][1]
    report = phone.unprotect(wire.reports[0][0], rtcp=True)
    assert report is not None
    assert report[1] == 200
    wish = phone.protect(PLI, rtcp=True)
    assert wish is not None
    wire.waiting = [(PLI, ("192.0.2.1", 5003))]
    stream.on_report()
    assert wire.asked == 0
    wire.waiting = [(wish, ("192.0.2.1", 5003))]
    stream.on_report()
    assert wire.asked == 1


def test_new_keys_go_on_where_the_old_ones_stood() -> None:
    wire = Wire()
    agreed, cipher, _ = keys(1)
    stream = wire.stream(SESSION._replace(keys=agreed), cipher)
    stream.take(KEY)
    fresh, next_cipher, phone = keys(5)
    stream.update(SESSION._replace(keys=fresh), next_cipher)
    stream.take(OTHER)
    plain = phone.unprotect(wire.sent[-1][1])
    assert plain is not None
    assert fields(plain)[4] == OTHER.units[0]


def test_where_a_handshake_is_agreed_on_nothing_passes_before_it_has_given_keys() -> None:
    wire = Wire()
    _, cipher, phone = keys(1)
    shut = SESSION._replace(handshake=Handshake((), is_client=True))
    heard: list[tuple[bytes, tuple[str, int]]] = []
    stream = wire.stream(shut, apart=lambda datagram, source: heard.append((datagram, source)))
    stream.take(KEY)
    wire.run(wire.now_ns + 6_000_000_000)
    assert (wire.sent, stream.packets) == ([], 0)
    source = ("192.0.2.1", 5002)
    wire.waiting = [(b"\x16hello", source), (PLI, source)]
    stream.on_packet()
    assert (heard, wire.asked) == ([(b"\x16hello", source)], 0)
    stream.secure(cipher)
    assert wire.asked == 1
    stream.take(KEY)
    assert wire.sent
    assert phone.unprotect(wire.sent[0][1]) is not None
    # The same again goes on with its keys; another certificate shuts it, and so does the queue's rest.
    stream.update(shut._replace(bitrate_kbps=100), None)
    before = len(wire.sent)
    stream.take(KEY)
    assert len(wire.sent) > before
    stream.update(shut._replace(handshake=Handshake((), is_client=False)), None)
    before = len(wire.sent)
    wire.run(wire.now_ns + 6_000_000_000)
    stream.take(KEY)
    stream.close()
    assert len(wire.sent) == before


def test_checks_of_connectivity_come_apart_where_there_are_some_and_nothing_goes_where_nobody_wants_it() -> None:
    wire, apart = Wire(), list[bytes]()
    ice = IceSession(IceCredentials("door", "d" * 22), IceCredentials("anna", "p" * 22))
    stream = wire.stream(apart=lambda datagram, _source: apart.append(datagram))
    check = (b"\0\1check of something", ("192.0.2.1", 5002))
    for session in (SESSION, SESSION._replace(ice=ice)):
        stream.update(session, None)
        wire.waiting.append(check)
        stream.on_packet()
    assert apart == [check[0]]
    nowhere = SESSION._replace(ice=ice, remote_host="0.0.0.0", remote_rtcp_host="0.0.0.0")
    stream.take(KEY)
    sent = len(wire.sent)
    assert sent > 0
    stream.update(nowhere, None)
    stream.take(KEY)
    stream.close()
    assert (len(wire.sent), wire.reports[1:]) == (sent, [])


def test_what_shares_the_sounds_way_needs_no_address_and_heeds_reports_that_come_there() -> None:
    wire = Wire()
    stream = wire.stream(SESSION._replace(remote_host="0.0.0.0", shares_way=True))
    stream.take(KEY)
    assert len(wire.sent) > 0
    stream.heed(PLI[:8] + bytes(4))  # another stream's
    assert wire.asked == 0
    stream.heed(PLI)
    assert wire.asked == 1
