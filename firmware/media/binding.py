"""The C media core as typed Python: the only file that touches cffi.

Every call releases the interpreter lock and none allocates on the C side; an object belongs to one thread at a time. `now_ns` is
CLOCK_MONOTONIC (`time.monotonic_ns`), `wall_ns` is CLOCK_REALTIME (`time.time_ns`): packets carry kernel receive stamps of the
latter, and the core needs both at the same instant to turn a stamp into an age. Audio is signed 16-bit native-endian mono.

Errors: ValueError when an argument is outside its documented range (a bug of the caller), MediaError when the system refuses.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any, Final

from firmware.errors import LocalProtocolError, MediaError
from firmware.media import _pm
from firmware.media.core_values import (
    ECHO_OFF,
    Address,
    Advice,
    EchoMode,
    EchoSettings,
    EchoState,
    EchoStats,
    EventKind,
    Frame,
    GetResult,
    JitterPacket,
    JitterStats,
    MediaCodec,
    PumpEvent,
    PutResult,
    Slot,
    Sound,
    StreamSettings,
    StreamStats,
    ToneStep,
)

__all__ = [
    "ALL_STREAMS",
    "DIGITS_MAX",
    "NARROW_HZ",
    "STREAMS_MAX",
    "TONE_STEPS_MAX",
    "WIDE_HZ",
    "Address",
    "Advice",
    "EchoMode",
    "EchoSettings",
    "EchoState",
    "EchoStats",
    "EventKind",
    "Frame",
    "GetResult",
    "JitterBuffer",
    "JitterPacket",
    "JitterStats",
    "MediaCodec",
    "Playout",
    "Pump",
    "PumpEvent",
    "PutResult",
    "Slot",
    "Sound",
    "StreamSettings",
    "StreamStats",
    "ToneListener",
    "ToneStep",
    "decode_g711",
    "encode_g711",
    "install_codec",
    "install_tone_finder",
    "lock_memory",
    "read_echo",
    "sequence_before",
    "sequence_distance",
    "timestamp_difference",
    "trim_heap",
    "write_echo",
]

_ffi: Any = _pm.ffi
_lib: Any = _pm.lib
_MCL_CURRENT, _MCL_ONFAULT = 1, 4  # sys/mman.h, the same on every architecture that boards have
_SAMPLES: Final[Any] = _ffi.typeof("int16_t[]")
_uncleared: Final[Any] = _ffi.new_allocator(should_clear_after_alloc=False)  # of pages that nobody touches no memory is taken

NARROW_HZ: Final[int] = _lib.PM_RATE_NARROW_HZ
WIDE_HZ: Final[int] = _lib.PM_RATE_WIDE_HZ
STREAMS_MAX: Final[int] = _lib.PM_STREAMS_MAX
DIGITS_MAX: Final[int] = _lib.PM_DIGITS_MAX
TONE_STEPS_MAX: Final[int] = _lib.PM_TONE_STEPS_MAX
ALL_STREAMS: Final[int] = (1 << STREAMS_MAX) - 1


def _check(status: int, what: str) -> int:
    if status >= 0:
        return status
    if status == _lib.PM_ESYSTEM:
        raise MediaError(f"{what}: the system refused ({_ffi.errno})")
    if status == _lib.PM_ESTATE:
        raise LocalProtocolError(f"{what}: not in this state")
    raise ValueError(f"{what}: {'no room' if status == _lib.PM_EFULL else 'argument out of range'}")


def _write_address(into: Any, address: Address | None) -> None:
    if address is None:
        into.family = _lib.PM_FAMILY_NONE
        return
    host, _, scope = address[0].partition("%")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        packed = socket.inet_pton(family, host)
    except OSError:
        raise ValueError(f"not a literal address: {address[0]!r}") from None
    into.family = _lib.PM_FAMILY_IPV6 if family == socket.AF_INET6 else _lib.PM_FAMILY_IPV4
    _ffi.memmove(into.ip, packed, len(packed))
    into.port = address[1]
    into.scope_id = int(scope or 0)


def _read_address(address: Any) -> Address | None:
    if address.family == _lib.PM_FAMILY_NONE:
        return None
    packed = bytes(_ffi.buffer(address.ip))
    if address.family == _lib.PM_FAMILY_IPV4:
        return socket.inet_ntop(socket.AF_INET, packed[:4]), address.port
    host = socket.inet_ntop(socket.AF_INET6, packed)
    return f"{host}%{address.scope_id}" if address.scope_id else host, address.port


def _read_stats(c: Any) -> StreamStats:
    optional = {
        "rtt_ms": c.rtt_known,
        "remote_loss_fraction": c.remote_report_known,
        "remote_packets_lost": c.remote_report_known,
        "remote_jitter_ms": c.remote_report_known,
    }
    values: list[Any] = [getattr(c, name) if optional.get(name, True) else None for name in StreamStats._fields[:-1]]
    return StreamStats._make([*values, _read_address(c.remote_rtp)])


class Pump:
    """The whole audio path of one card: every stream, tones, mixing. One `period` a period of the card; see `native/include/pm_pump.h`.

    Raises ValueError for a rate or period that the core does not know.
    """

    def __init__(
        self, *, rate_hz: int, period_samples: int, seed: int, tap_rate_hz: int = NARROW_HZ, echo: EchoSettings = ECHO_OFF
    ) -> None:
        """`rate_hz` 8000, 16000, 32000, 44100 or 48000; `seed` 64 bits of chance for the RTCP interval (RFC 3550 §6.3.1).

        `tap_rate_hz` is that of `heard` and `said`, NARROW_HZ or WIDE_HZ, whatever the calls speak.
        """
        config = _ffi.new("struct pm_pump_config *")
        config.card_rate_hz, config.period_samples, config.seed, config.tap_rate_hz = rate_hz, period_samples, seed, tap_rate_hz
        write_echo(config.echo, echo, tap_rate_hz)
        config.louder_db = echo.louder_db
        # What the resamplers and the echo canceller allocate is given back with the pump.
        self._pump = _ffi.gc(_uncleared("struct pm_pump *"), _lib.pm_pump_close)
        _check(_lib.pm_pump_init(self._pump, config), "pump")
        self._period_bytes = 2 * period_samples
        self._speaker = _ffi.new("int16_t[]", period_samples)
        # A little more than a period of the longest length: 44.1 kHz periods alternate between two lengths.
        self._tap_capacity = tap_rate_hz * _lib.PM_PERIOD_MAX_MS // 1000 + 2
        self._heard = _ffi.new("int16_t[]", self._tap_capacity)
        self._said = _ffi.new("int16_t[]", self._tap_capacity)
        self._result = _ffi.new("struct pm_period_result *")
        self._events = _ffi.new("struct pm_event[]", 16)
        self._stats = _ffi.new("struct pm_stream_stats *")
        self._prompt: Any = None
        self._memory: dict[Slot, tuple[tuple[object, ...], Any]] = {}  # of each stream: what its codecs are, and their state
        # Made once: the path of a period is paid fifty times a second.
        self._speaker_view = _ffi.buffer(self._speaker)
        self._period_out = (self._speaker, self._heard, self._said, self._tap_capacity, self._result)

    def period(self, now_ns: int, wall_ns: int, microphone: bytes) -> bytes:
        """Run one period: `microphone` is one period of the card, and so is the result, for the speaker. ValueError for another length."""
        if len(microphone) != self._period_bytes:
            raise ValueError(f"a period has {self._period_bytes} bytes, not {len(microphone)}")
        status = _lib.pm_pump_period(self._pump, now_ns, wall_ns, _ffi.from_buffer(_SAMPLES, microphone), *self._period_out)
        if status < 0:
            _check(status, "period")
        speaker: bytes = self._speaker_view[:]
        return speaker

    def events_pending(self) -> int:
        """How many events the last period left to be fetched."""
        pending: int = self._result.events
        return pending

    def events(self) -> list[PumpEvent]:
        """Fetch and forget every pending event, oldest first."""
        found: list[PumpEvent] = []
        while count := _lib.pm_pump_events(self._pump, self._events, len(self._events)):
            for e in self._events[0:count]:
                digit = e.digit.decode("ascii").rstrip("\0")
                found.append(PumpEvent(EventKind(e.kind), Slot(e.stream), e.at_ns, e.value, digit, e.in_band))
        self._result.events = 0
        return found

    def heard(self) -> bytes:
        """What the streams said in the last period, mixed, at the tap's rate: the far side of a recording."""
        return bytes(_ffi.buffer(self._heard, 2 * self._result.tap_samples))

    def said(self) -> bytes:
        """What the microphone said in the last period, after mute, at the tap's rate: the near side of a recording."""
        return bytes(_ffi.buffer(self._said, 2 * self._result.tap_samples))

    def start_stream(self, settings: StreamSettings, now_ns: int) -> Slot:
        """Begin to send and receive. ValueError when no slot is free or a setting is out of range; MediaError for a dead socket."""
        config = _stream_config(settings)
        memory = _codec_memory(config)
        slot = Slot(_check(_lib.pm_pump_stream_start(self._pump, config, now_ns), "stream start"))
        self._memory[slot] = (settings.codecs(), memory)
        return slot

    def update_stream(self, slot: Slot, settings: StreamSettings, now_ns: int, *, relatch: bool = False) -> None:
        """Take over what a new offer and answer agreed on: addresses, direction, payload types, ptime; counters and SSRC go on.

        A changed remote address opens the latching window again; `relatch` opens it in any case (the final answer after early media).
        """
        config = _stream_config(settings)
        codecs, memory = self._memory.get(slot, ((), None))
        # The same codecs go on in the memory that they have: a decoder that begins anew is heard.
        memory = _codec_memory(config, memory if codecs == settings.codecs() else None)
        _check(_lib.pm_pump_stream_update(self._pump, slot, config, relatch, now_ns), "stream update")
        self._memory[slot] = (settings.codecs(), memory)

    def stop_stream(self, slot: Slot, now_ns: int, wall_ns: int) -> None:
        """Say goodbye by RTCP (RFC 3550 §6.6) and free the slot. Read `stats` before."""
        _check(_lib.pm_pump_stream_stop(self._pump, slot, now_ns, wall_ns), "stream stop")
        self._memory.pop(slot, None)

    def mute(self, slot: Slot, *, muted: bool) -> None:
        """While muted the stream sends silence."""
        _check(_lib.pm_pump_stream_mute(self._pump, slot, muted), "mute")

    def stats(self, slot: Slot) -> StreamStats:
        """Everything counted so far."""
        _check(_lib.pm_pump_stream_stats(self._pump, slot, self._stats), "stats")
        return _read_stats(self._stats)

    def delay_ms(self, slot: Slot) -> float:
        """Playout delay of the frame being played, cheaper than `stats` when only this is wanted each period."""
        _check(_lib.pm_pump_stream_stats(self._pump, slot, self._stats), "stats")
        return float(self._stats.delay_ms)

    def disturbed(self) -> None:
        """The card has repaired an underrun or overrun: the echo's delay may have jumped."""
        _lib.pm_pump_disturbed(self._pump)

    def echo_stats(self) -> EchoStats:
        """What the echo canceller knows now."""
        c = _ffi.new("struct pm_echo_stats *")
        _lib.pm_pump_echo_stats(self._pump, c)
        return read_echo(c)

    def send_digits(self, slot: Slot, digits: str, *, duration_ms: int = 160, gap_ms: int = 80) -> None:
        """Queue RFC 4733 digits. LocalProtocolError when telephone-event was not agreed, ValueError for a foreign character or no room."""
        octets = digits.encode("ascii", "replace")
        _check(_lib.pm_pump_send_digits(self._pump, slot, octets, len(octets), duration_ms, gap_ms), "digits")

    def conference(self, *, joined: bool) -> None:
        """When joined, every stream hears the others as well as the microphone."""
        _check(_lib.pm_pump_conference(self._pump, joined), "conference")

    def play_tone(self, steps: Sequence[ToneStep], *, repeats: int = 1, to_speaker: bool = True, to_streams: int = 0) -> None:
        """Play a pattern `repeats` times (0: until stopped), instead of the tone playing now. `to_streams` is a mask of slots."""
        array = _ffi.new("struct pm_tone_step[]", [tuple(step) for step in steps])
        _check(_lib.pm_pump_play_tone(self._pump, array, len(steps), repeats, to_speaker, to_streams), "tone")

    def play_prompt(
        self, samples: bytes, *, rate_hz: int = NARROW_HZ, repeats: int = 1, to_speaker: bool = True, to_streams: int = 0
    ) -> None:
        """Play 16-bit mono PCM at NARROW_HZ or WIDE_HZ `repeats` times (0: until stopped), instead of the prompt playing now."""
        view = _ffi.from_buffer("int16_t[]", samples)
        _check(_lib.pm_pump_play_prompt(self._pump, view, len(view), rate_hz, repeats, to_speaker, to_streams), "prompt")
        self._prompt = view  # the core reads it in place until it stops

    def stop_sound(self, sound: Sound) -> None:
        """Silence one of the players; allowed when nothing plays."""
        _lib.pm_pump_stop_sound(self._pump, sound)
        if sound is Sound.PROMPT:
            self._prompt = None


def write_echo(into: Any, echo: EchoSettings, rate_hz: int) -> None:
    """Fill a `struct pm_echo_config`."""
    into.rate_hz, into.mode, into.suppress_noise, into.gain_control = rate_hz, echo.mode, echo.suppress_noise, echo.gain_control


def read_echo(c: Any) -> EchoStats:
    """What a `struct pm_echo_stats` says."""
    return EchoStats(
        state=EchoState(c.state),
        delay_ms=c.delay_ms if c.delay_known else None,
        delay_moves=c.delay_moves,
        echo_loss_db=c.echo_loss_db,
        filter_db=c.filter_db,
        suppressed_db=c.suppressed_db,
        both_percent=c.both_percent,
        noise_db=c.noise_db,
        gain_db=c.gain_db,
    )


def _stream_config(s: StreamSettings) -> Any:
    if len(s.receive) > _lib.PM_PAYLOADS_MAX or max(len(s.digit_receive), len(s.red_receive_types)) > _lib.PM_DIGIT_PAYLOADS_MAX:
        raise ValueError("too many payload types")
    cname = s.cname.encode()
    if len(cname) > _lib.PM_CNAME_MAX:
        raise ValueError("the CNAME is too long")
    c = _ffi.new("struct pm_stream_config *")
    c.rtp_fd, c.rtcp_fd = s.rtp_fd, -1 if s.rtcp_fd is None else s.rtcp_fd
    _write_address(c.remote_rtp, s.remote_rtp)
    _write_address(c.remote_rtcp, s.remote_rtcp)
    for i, (payload_type, codec) in enumerate(s.receive):
        c.receive[i].payload_type, c.receive[i].codec = payload_type, codec
    c.receive_count = len(s.receive)
    c.send.payload_type, c.send.codec = s.send_payload_type, s.send_codec
    c.encoder = tuple(s.encoder)
    for i, (payload_type, clock_rate_hz) in enumerate(s.digit_receive):
        c.digit_receive[i].payload_type, c.digit_receive[i].clock_rate_hz = payload_type, clock_rate_hz
    c.digit_receive_count = len(s.digit_receive)
    for i, payload_type in enumerate(s.red_receive_types):
        c.red_receive_types[i] = payload_type
    c.red_receive_count = len(s.red_receive_types)
    c.sends_red, c.red_send_type = s.red_send_type is not None, s.red_send_type or 0
    c.sends_noise, c.hears_tones = s.sends_noise, s.hears_tones
    c.sends_digits = s.digit_send_type is not None
    c.digit_send_type = s.digit_send_type or 0
    c.sends, c.receives, c.ptime_ms = s.sends, s.receives, s.ptime_ms
    c.ssrc, c.first_timestamp, c.first_sequence = s.ssrc, s.first_timestamp, s.first_sequence
    c.latch_ms, c.delay_min_ms, c.delay_max_ms = s.latch_ms, s.delay_min_ms, s.delay_max_ms
    c.cname = cname
    return c


def _codec_memory(config: Any, memory: Any = None) -> Any:
    """Give the codecs of `config` the memory that they need: what was given before, or new. None when they need none."""
    octets = _lib.pm_stream_memory(config)
    if memory is None and octets:
        memory = _ffi.new("uint8_t[]", octets)
    config.codec_memory, config.codec_octets = memory or _ffi.NULL, octets
    return memory


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
        _check(_lib.pm_jitter_init(self._jitter, _jitter_config(clock_rate_hz, frame, delay_min_ms, delay_max_ms)), "jitter buffer")

    def put(self, packet: JitterPacket) -> PutResult:
        """Store a packet. ValueError for an empty or oversized payload."""
        payload = _ffi.from_buffer("uint8_t[]", packet.payload)
        return PutResult(_check(_lib.pm_jitter_put(self._jitter, _jitter_packet(packet, payload)), "put"))

    def get(self) -> Frame:
        """What to play next."""
        f = self._frame
        result = GetResult(_check(_lib.pm_jitter_get(self._jitter, f), "get"))
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
        _check(_lib.pm_playout_init(self._playout, config, array, len(payloads), self._memory, octets), "playout")
        self._stats = _ffi.new("struct pm_stream_stats *")

    def put(self, packet: JitterPacket) -> PutResult:
        """Store a packet; its duration follows from its codec. ValueError for a payload type that was not agreed."""
        payload = _ffi.from_buffer("uint8_t[]", packet.payload)
        return PutResult(_check(_lib.pm_playout_put(self._playout, _jitter_packet(packet, payload)), "put"))

    def render(self, samples: int) -> bytes:
        """The next `samples` samples (at most PM_PERIOD_MAX_MS of them)."""
        out = _ffi.new("int16_t[]", samples)
        _check(_lib.pm_playout_render(self._playout, out, samples), "render")
        return bytes(_ffi.buffer(out))

    def stats(self) -> StreamStats:
        """Only the figures of playing are filled."""
        _lib.pm_playout_stats(self._playout, self._stats)
        return _read_stats(self._stats)


def install_codec(codec: MediaCodec, driver: int) -> None:
    """Make a codec known to the core for good: `driver` is the address of a `struct pm_codec_driver` that is never unloaded."""
    _check(_lib.pm_codec_install(codec, _ffi.cast("struct pm_codec_driver *", driver)), "codec")


def install_tone_finder(finder: int) -> None:
    """As `install_codec`, for what finds digits as tones: the address of a `struct pm_tone_finder`."""
    _lib.pm_inband_install(_ffi.cast("struct pm_tone_finder *", finder))


class ToneListener:
    """What a stream does to find digits as tones, alone: samples in, presses out. `load_tones` first."""

    def __init__(self, *, rate_hz: int = NARROW_HZ) -> None:
        self._memory = _ffi.new("uint64_t[]", _lib.pm_inband_memory() // 8 + 2)
        at = _ffi.cast("uintptr_t", self._memory)
        self._inband = _ffi.gc(_ffi.new("struct pm_inband *"), _lib.pm_inband_close)
        self._events = _ffi.new("struct pm_event[]", 2)
        _check(_lib.pm_inband_init(self._inband, rate_hz, _ffi.cast("void *", int(at) + -int(at) % 16)), "tone listener")

    def hear(self, samples: bytes, now_ns: int) -> list[PumpEvent]:
        """Listen to at most a period of 16-bit samples; DIGIT_BEGIN and DIGIT_END come as from a pump."""
        view = _ffi.from_buffer("int16_t[]", samples)
        count = _lib.pm_inband_hear(self._inband, view, len(view), now_ns, self._events)
        found = self._events[0:count]
        return [PumpEvent(EventKind(e.kind), Slot(0), e.at_ns, e.value, e.digit.decode("ascii"), e.in_band) for e in found]


def lock_memory() -> bool:
    """Ask that pages, once touched, are never taken back: an audio thread that waits for the SD card is heard. False when not allowed.

    What is mapped later is left alone: locking it too would make a limited process run out of memory (mlockall(2)).
    """
    return bool(_lib.mlockall(_MCL_CURRENT | _MCL_ONFAULT) == 0)


def trim_heap() -> None:
    """Give the kernel back what the start has allocated and freed: a tenth of the heap, scattered in whole pages (malloc_trim(3))."""
    _lib.malloc_trim(0)


def decode_g711(codec: MediaCodec, octets: bytes) -> bytes:
    """G.711 octets to 16-bit samples (ITU-T G.711)."""
    out = _ffi.new("int16_t[]", len(octets))
    _check(_lib.pm_g711_decode(codec, _ffi.from_buffer("uint8_t[]", octets), len(octets), out, len(octets)), "decode")
    return bytes(_ffi.buffer(out))


def encode_g711(codec: MediaCodec, samples: bytes) -> bytes:
    """16-bit samples to G.711 octets (ITU-T G.711)."""
    view = _ffi.from_buffer("int16_t[]", samples)
    out = _ffi.new("uint8_t[]", len(view))
    _check(_lib.pm_g711_encode(codec, view, len(view), out, len(view)), "encode")
    return bytes(_ffi.buffer(out))


def sequence_distance(newer: int, older: int) -> int:
    """How far `newer` is ahead of `older`, modulo 2^16 (RFC 3550 §5.1)."""
    return int(_lib.pm_seq_distance(newer, older))


def sequence_before(a: int, b: int) -> bool:
    """Whether `a` comes before `b` on the 16-bit circle (RFC 1982 §3.2)."""
    return bool(_lib.pm_seq_lt(a, b))


def timestamp_difference(a: int, b: int) -> int:
    """`a - b` on the 32-bit circle, as a signed number."""
    return int(_lib.pm_ts_diff(a, b))
