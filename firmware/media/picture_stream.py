"""One stream of the camera's pictures (RFC 3550, RFC 6184): pictures in, packets out, on the event loop.

Some sixty packets a second need no thread of their own. A key picture of many packets is spread over the time until the next picture, so
that it does not push the sound out of a narrow uplink's queue.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from firmware.media.h264_payload import payloads
from firmware.media.picture_reports import goodbye, sender_report, wants_key_picture

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from firmware.media.srtp import SrtpCipher
    from firmware.sdp.video_session import VideoSession
    from hw.api import CodedPicture

CLOCK_RATE_HZ: Final = 90_000
VERSION, MARKER = 0x80, 0x80  # of the header's first and second byte (RFC 3550 §5.1)
STEP_S: Final = 0.004  # between two bursts of a large picture
BURST_MIN: Final = 4  # packets that leave at once: an ordinary picture is sent whole
SPREAD: Final = 0.7  # of the time until the next picture
QUEUE_MAX: Final = 1_000  # packets: a megabyte, the largest key picture that a door's camera makes
REPORT_S: Final = 5.0  # RFC 3550 §6.2; the first report goes with the first picture, which unicast may (§6.2)
KEY_GAP_S: Final = 0.5  # a flood of wishes must not make every picture a key picture
CHECKS, HANDSHAKES = range(4), range(20, 64)  # of the first octet: STUN and DTLS (RFC 7983 §7)
READS_MAX: Final = 16  # datagrams that one wake-up takes from a socket, for a flood must not hold the loop


Apart = Callable[[bytes, tuple[str, int]], None]  # a datagram and where it came from


class Timer(Protocol):
    """What call_later gives."""

    def cancel(self) -> None: ...


class Way(Protocol):
    """The pair of ports that the stream has; `media.session.MediaPort` is one."""

    def send(self, datagram: bytes, to: tuple[str, int]) -> None: ...
    def send_report(self, datagram: bytes, to: tuple[str, int]) -> None: ...
    def receive(self) -> tuple[bytes, tuple[str, int]] | None: ...
    def receive_report(self) -> tuple[bytes, tuple[str, int]] | None: ...
    def close(self) -> None: ...


class Identity(NamedTuple):
    """What the stream keeps through every re-INVITE. `cname` is that of the sound: together they are one speaker (RFC 3550 §6.5.1)."""

    ssrc: int
    first_timestamp: int
    first_sequence: int
    cname: str


class Clocks(NamedTuple):
    """Who tells the time, and who calls back."""

    later: Callable[[float, Callable[[], None]], Timer]
    monotonic_ns: Callable[[], int] = time.monotonic_ns
    wall_ns: Callable[[], int] = time.time_ns


class PictureStream:
    """Begins with `session`; owns the way from here on and closes it at the end. `wants_key` asks the camera for a key picture."""

    def __init__(
        self,
        way: Way,
        session: VideoSession,
        identity: Identity,
        *,
        cipher: SrtpCipher | None,
        period_s: float,
        clocks: Clocks,
        wants_key: Callable[[], None],
        apart: Apart = lambda _datagram, _source: None,
    ) -> None:
        """`apart` gets what comes to the way and is no media: checks of connectivity and handshakes, where they are agreed on. Where a
        handshake is, nothing is sent before `secure`."""
        self._way = way
        self.session = session
        self._identity = identity
        self._cipher = cipher
        self._steps = max(1, int(period_s * SPREAD / STEP_S))
        self._clocks = clocks
        self._wants_key = wants_key
        self._apart = apart
        self._sequence = identity.first_sequence
        self._base_ns: int | None = None  # when the first picture was taken, None before
        self._queue: deque[tuple[bytes, bool, int]] = deque()  # payload, whether it ends a picture, timestamp
        self._burst = BURST_MIN
        self._timer: Timer | None = None
        self._needs_key = True  # until one comes: nobody can decode the others
        self._asked_ns: int | None = None
        self._reported_ns: int | None = None
        self.packets = self.octets = self.pictures = self.dropped = 0

    def update(self, session: VideoSession, cipher: SrtpCipher | None) -> None:
        """What a further offer and answer agreed on; `cipher` when the keys have changed."""
        if cipher is not None:
            if self._cipher is not None:
                cipher.inherit(self._cipher)
            self._cipher = cipher
        elif session.keys is None and (session.handshake is None or session.handshake != self.session.handshake):
            self._cipher = None
        if not session.sends or not self.session.sends:
            self._queue.clear()
            self._needs_key = True
        self.session = session

    def secure(self, cipher: SrtpCipher) -> None:
        """The handshake has given keys."""
        self._cipher = cipher
        self._needs_key = True
        self.ask_for_key()

    @property
    def _is_shut(self) -> bool:
        """Whether keys are agreed on and not there yet, or there is no address: nothing passes."""
        is_nowhere = self.session.remote_is_null and not self.session.shares_way
        return is_nowhere or (self.session.handshake is not None and self._cipher is None)

    def take(self, picture: CodedPicture) -> None:
        """A picture of the camera."""
        if not self.session.sends or self._is_shut or (self._needs_key and not picture.is_key):
            return
        pieces = payloads(picture.units, mode=self.session.packetization_mode)
        if len(self._queue) + len(pieces) > QUEUE_MAX:
            self.dropped += 1
            self._needs_key = True
            self.ask_for_key()
            return
        self._needs_key = False
        self.pictures += 1
        timestamp = self._timestamp(picture.at_ns)
        # RFC 6184 §5.1: the marker is set on the last packet of the access unit.
        self._queue += [(piece, number == len(pieces), timestamp) for number, piece in enumerate(pieces, 1)]
        self._burst = max(BURST_MIN, -(-len(self._queue) // self._steps))
        if self._timer is None:
            self._step()
        self._report_if_due()

    def ask_for_key(self) -> None:
        """The other side has lost a picture."""
        now_ns = self._clocks.monotonic_ns()
        if self._asked_ns is None or now_ns - self._asked_ns >= KEY_GAP_S * 1e9:
            self._asked_ns = now_ns
            self._wants_key()

    def heed(self, reports: bytes) -> None:
        """RTCP, in clear, that came by another way than ours."""
        if wants_key_picture(reports, self._identity.ssrc):
            self.ask_for_key()

    def on_report(self) -> None:
        """Something waits at the port of reports."""
        self._read(self._way.receive_report)

    def on_packet(self) -> None:
        """Something waits at the port of pictures: reports, where both share it; pictures of the other side are not looked at."""
        self._read(self._way.receive)

    def close(self) -> None:
        """Say goodbye, and give the ports back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._queue.clear()
        if self.packets:
            self._send_report(goodbye(ssrc=self._identity.ssrc, cname=self._identity.cname))
        self._way.close()

    def _step(self) -> None:
        self._timer = None
        if self._is_shut:  # other keys are wanted: what waits was meant for the old ones
            self._queue.clear()
        for _ in range(min(self._burst, len(self._queue))):
            self._send(*self._queue.popleft())
        if self._queue:
            self._timer = self._clocks.later(STEP_S, self._step)

    def _send(self, payload: bytes, is_last: bool, timestamp: int) -> None:
        kind = self.session.payload_type | (MARKER if is_last else 0)
        header = (
            bytes((VERSION, kind))
            + self._sequence.to_bytes(2, "big")
            + timestamp.to_bytes(4, "big")
            + self._identity.ssrc.to_bytes(4, "big")
        )
        self._sequence = self._sequence + 1 & 0xFFFF
        packet = header + payload
        protected = packet if self._cipher is None else self._cipher.protect(packet)
        if protected is not None:
            self._way.send(protected, (self.session.remote_host, self.session.remote_rtp_port))
            self.packets += 1
            self.octets += len(payload)

    def _timestamp(self, at_ns: int) -> int:
        """The RTP clock at that moment; it begins at a random number with the first picture."""
        if self._base_ns is None:
            self._base_ns = at_ns
        return self._identity.first_timestamp + (at_ns - self._base_ns) * CLOCK_RATE_HZ // 1_000_000_000 & 0xFFFF_FFFF

    def _report_if_due(self) -> None:
        now_ns = self._clocks.monotonic_ns()
        if self._reported_ns is not None and now_ns - self._reported_ns < REPORT_S * 1e9:
            return
        self._reported_ns = now_ns
        report = sender_report(
            ssrc=self._identity.ssrc,
            wall_ns=self._clocks.wall_ns(),
            timestamp=self._timestamp(now_ns),
            packets=self.packets,
            octets=self.octets,
            cname=self._identity.cname,
        )
        self._send_report(report)

    def _send_report(self, report: bytes) -> None:
        if self._is_shut:
            return
        protected = report if self._cipher is None else self._cipher.protect(report, rtcp=True)
        if protected is None:
            return
        to = (self.session.remote_rtcp_host, self.session.remote_rtcp_port)
        is_shared = to == (self.session.remote_host, self.session.remote_rtp_port)
        (self._way.send if is_shared else self._way.send_report)(protected, to)

    def _read(self, receive: Callable[[], tuple[bytes, tuple[str, int]] | None]) -> None:
        known = (self.session.remote_host, self.session.remote_rtcp_host)
        for _ in range(READS_MAX):
            got = receive()
            if got is None:
                return
            datagram, source = got
            if datagram and self._is_apart(datagram[0]):
                self._apart(datagram, source)
                continue
            # RFC 5761 §4: 64 to 95 in the second byte, marker bit aside, are reports; the address is no proof, but keeps strangers out.
            if self._is_shut or len(datagram) < 8 or not 64 <= datagram[1] & 0x7F <= 95 or source[0] not in known:
                continue
            plain = datagram if self._cipher is None else self._cipher.unprotect(datagram, rtcp=True)
            if plain is not None:
                self.heed(plain)

    def _is_apart(self, first: int) -> bool:
        return (first in CHECKS and self.session.ice is not None) or (first in HANDSHAKES and self.session.handshake is not None)


def watch(loop: AbstractEventLoop, descriptors: tuple[int, int], stream: PictureStream) -> Callable[[], None]:
    """Let the loop wake the stream; call the result before the stream is closed."""
    rtp, rtcp = descriptors
    loop.add_reader(rtp, stream.on_packet)
    loop.add_reader(rtcp, stream.on_report)

    def end() -> None:
        loop.remove_reader(rtp)
        loop.remove_reader(rtcp)

    return end
