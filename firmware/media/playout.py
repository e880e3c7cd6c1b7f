"""Jitter buffer and playout by themselves, beside the pump in which calls use them: for tests and benchmarks in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from firmware.media import _pm
from firmware.media.binding import NARROW_HZ, check
from firmware.media.core_structs import read_stats
from firmware.media.core_values import Advice, Frame, GetResult, JitterPacket, JitterStats, MediaCodec, PutResult, StreamStats

_ffi: Any = _pm.ffi
_lib: Any = _pm.lib


def _jitter_config(clock_rate_hz: int, frame: int, delay_min_ms: int, delay_max_ms: int) -> Any:
    return _ffi.new("struct pm_jitter_config *", (clock_rate_hz, frame, delay_min_ms, delay_max_ms))


def _jitter_packet(p: JitterPacket, payload: Any) -> Any:
    c = _ffi.new("struct pm_jitter_packet *")
    c.payload, c.payload_octets = payload, len(p.payload)
    c.ssrc, c.timestamp, c.sequence = p.ssrc, p.timestamp, p.sequence
    c.duration = len(p.payload) if p.duration is None else p.duration
    c.payload_type, c.marker = p.payload_type, p.marker
    c.arrival_ns, c.drained_ns = p.arrival_ns, p.arrival_ns if p.drained_ns is None else p.drained_ns
    return c


class JitterBuffer:
    """The jitter buffer alone, in the caller's time: put takes arrival times, one `get` is one played frame."""

    def __init__(self, *, clock_rate_hz: int = 8000, frame: int = 160, delay_min_ms: int = 20, delay_max_ms: int = 400) -> None:
        self._jitter = _ffi.new("struct pm_jitter *")
        self._frame = _ffi.new("struct pm_jitter_frame *")
        check(_lib.pm_jitter_init(self._jitter, _jitter_config(clock_rate_hz, frame, delay_min_ms, delay_max_ms)), "jitter buffer")

    def put(self, packet: JitterPacket) -> PutResult:
        """Store a packet. ValueError for an empty or oversized payload."""
        payload = _ffi.from_buffer("uint8_t[]", packet.payload)
        return PutResult(check(_lib.pm_jitter_put(self._jitter, _jitter_packet(packet, payload)), "put"))

    def get(self) -> Frame:
        """What to play next."""
        f = self._frame
        result = GetResult(check(_lib.pm_jitter_get(self._jitter, f), "get"))
        payload = bytes(_ffi.buffer(f.payload, f.payload_octets)) if result is GetResult.FRAME else b""
        return Frame(result, payload, f.timestamp, f.duration, f.skip, f.payload_type, Advice(f.advice))

    def stats(self) -> JitterStats:
        c = _ffi.new("struct pm_jitter_stats *")
        _lib.pm_jitter_stats(self._jitter, c)
        return JitterStats(*(getattr(c, name) for name in JitterStats._fields))


class Playout:
    """Jitter buffer, decoder, concealment and stretching as one, in the caller's time: packets in, samples at `rate_hz` out."""

    def __init__(
        self,
        payloads: Sequence[tuple[int, MediaCodec]] = ((0, MediaCodec.PCMU), (8, MediaCodec.PCMA)),
        *,
        rate_hz: int = NARROW_HZ,
        delay_min_ms: int = 20,
        delay_max_ms: int = 400,
    ) -> None:
        self._playout = _ffi.gc(_ffi.new("struct pm_playout *"), _lib.pm_playout_close)
        array = _ffi.new("struct pm_payload[]", [tuple(p) for p in payloads])
        config = _jitter_config(rate_hz, rate_hz // 100, delay_min_ms, delay_max_ms)
        octets = _lib.pm_decoders_memory(array, len(payloads))
        self._memory = _ffi.new("uint8_t[]", octets) if octets else _ffi.NULL
        check(_lib.pm_playout_init(self._playout, config, array, len(payloads), self._memory, octets), "playout")
        self._stats = _ffi.new("struct pm_stream_stats *")

    def put(self, packet: JitterPacket) -> PutResult:
        """Store a packet; its duration follows from its codec. ValueError for a payload type that was not agreed."""
        payload = _ffi.from_buffer("uint8_t[]", packet.payload)
        return PutResult(check(_lib.pm_playout_put(self._playout, _jitter_packet(packet, payload)), "put"))

    def rest(self, packet: JitterPacket) -> PutResult:
        """Comfort noise (RFC 3389) that begins at the packet's timestamp. ValueError for an empty payload."""
        payload = _ffi.from_buffer("uint8_t[]", packet.payload)
        return PutResult(check(_lib.pm_playout_rest(self._playout, _jitter_packet(packet, payload)), "rest"))

    def render(self, samples: int) -> bytes:
        """The next `samples` samples (at most PM_PERIOD_MAX_MS of them)."""
        out = _ffi.new("int16_t[]", samples)
        check(_lib.pm_playout_render(self._playout, out, samples), "render")
        return bytes(_ffi.buffer(out))

    def stats(self) -> StreamStats:
        """Only the figures of playing are filled."""
        _lib.pm_playout_stats(self._playout, self._stats)
        return read_stats(self._stats)
