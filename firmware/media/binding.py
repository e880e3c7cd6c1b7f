"""The C media core as typed Python: with `core_structs` the only file that touches cffi.

Every call releases the interpreter lock and none allocates on the C side; an object belongs to one thread at a time. `now_ns` is
CLOCK_MONOTONIC (`time.monotonic_ns`), `wall_ns` is CLOCK_REALTIME (`time.time_ns`): packets carry kernel receive stamps of the
latter, and the core needs both at the same instant to turn a stamp into an age. Audio is signed 16-bit native-endian mono.

Errors: ValueError when an argument is outside its documented range (a bug of the caller), MediaError when the system refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from firmware.errors import LocalProtocolError, MediaError
from firmware.media import _pm
from firmware.media.core_structs import codec_memory, read_address, read_echo, read_stats, stream_config, write_address, write_echo
from firmware.media.core_values import (
    ECHO_OFF,
    Address,
    Advice,
    Cipher,
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
from firmware.media.extended_report import VoipMetrics, judgement, read_voip

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
    "JitterPacket",
    "JitterStats",
    "MediaCodec",
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
    "sequence_before",
    "sequence_distance",
    "timestamp_difference",
    "trim_heap",
]

_ffi: Any = _pm.ffi
_lib: Any = _pm.lib
_MCL_CURRENT, _MCL_ONFAULT = 1, 4  # sys/mman.h, the same on every architecture that boards have
_uncleared: Final[Any] = _ffi.new_allocator(should_clear_after_alloc=False)  # of pages that nobody touches no memory is taken

NARROW_HZ: Final[int] = _lib.PM_RATE_NARROW_HZ
WIDE_HZ: Final[int] = _lib.PM_RATE_WIDE_HZ
STREAMS_MAX: Final[int] = _lib.PM_STREAMS_MAX
DIGITS_MAX: Final[int] = _lib.PM_DIGITS_MAX
TONE_STEPS_MAX: Final[int] = _lib.PM_TONE_STEPS_MAX
ALL_STREAMS: Final[int] = (1 << STREAMS_MAX) - 1


def check(status: int, what: str) -> int:
    if status >= 0:
        return status
    if status == _lib.PM_ESYSTEM:
        raise MediaError(f"{what}: the system refused ({_ffi.errno})")
    if status == _lib.PM_ESTATE:
        raise LocalProtocolError(f"{what}: not in this state")
    raise ValueError(f"{what}: {'no room' if status == _lib.PM_EFULL else 'argument out of range'}")


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
        check(_lib.pm_pump_init(self._pump, config), "pump")
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
        self._ciphers: dict[Slot, object] = {}  # kept alive while the core uses them
        self._apart: Any = None
        # Made once: the path of a period is paid fifty times a second.
        self._speaker_view = _ffi.buffer(self._speaker)
        # Looked up once, for what runs fifty times a second finds nothing in the processor's caches.
        self._run = _lib.pm_pump_period
        self.waiting = 0

    def period(self, now_ns: int, wall_ns: int, microphone: bytes) -> bytes:
        """Run one period: `microphone` is one period of the card, and so is the result, for the speaker. ValueError for another length.

        Afterwards `waiting` says how many events and datagrams this period has left to be fetched.
        """
        if len(microphone) != self._period_bytes:
            raise ValueError(f"a period has {self._period_bytes} bytes, not {len(microphone)}")
        self.waiting = waiting = self._run(
            self._pump, now_ns, wall_ns, microphone, self._speaker, self._heard, self._said, self._tap_capacity, self._result
        )
        if waiting < 0:
            check(waiting, "period")
        speaker: bytes = self._speaker_view[:]
        return speaker

    def events(self) -> list[PumpEvent]:
        """Fetch and forget every pending event, oldest first."""
        found: list[PumpEvent] = []
        while count := _lib.pm_pump_events(self._pump, self._events, len(self._events)):
            for e in self._events[0:count]:
                digit = e.digit.decode("ascii").rstrip("\0")
                found.append(PumpEvent(EventKind(e.kind), Slot(e.stream), e.at_ns, e.value, digit, e.in_band))
        return found

    def heard(self) -> bytes:
        """What the streams said in the last period, mixed, at the tap's rate: the far side of a recording."""
        return bytes(_ffi.buffer(self._heard, 2 * self._result.tap_samples))

    def said(self) -> bytes:
        """What the microphone said in the last period, after mute, at the tap's rate: the near side of a recording."""
        return bytes(_ffi.buffer(self._said, 2 * self._result.tap_samples))

    def start_stream(self, settings: StreamSettings, now_ns: int) -> Slot:
        """Begin to send and receive. ValueError when no slot is free or a setting is out of range; MediaError for a dead socket."""
        config = stream_config(settings)
        memory = codec_memory(config)
        slot = Slot(check(_lib.pm_pump_stream_start(self._pump, config, now_ns), "stream start"))
        self._memory[slot] = (settings.codecs(), memory)
        return slot

    def update_stream(self, slot: Slot, settings: StreamSettings, now_ns: int, *, relatch: bool = False) -> None:
        """Take over what a new offer and answer agreed on: addresses, direction, payload types, ptime; counters and SSRC go on.

        A changed remote address opens the latching window again; `relatch` opens it in any case (the final answer after early media).
        """
        config = stream_config(settings)
        codecs, memory = self._memory.get(slot, ((), None))
        # The same codecs go on in the memory that they have: a decoder that begins anew is heard.
        memory = codec_memory(config, memory if codecs == settings.codecs() else None)
        check(_lib.pm_pump_stream_update(self._pump, slot, config, relatch, now_ns), "stream update")
        self._memory[slot] = (settings.codecs(), memory)

    def stop_stream(self, slot: Slot, now_ns: int, wall_ns: int) -> None:
        """Say goodbye by RTCP (RFC 3550 §6.6) and free the slot. Read `stats` before."""
        check(_lib.pm_pump_stream_stop(self._pump, slot, now_ns, wall_ns), "stream stop")
        self._memory.pop(slot, None)
        self._ciphers.pop(slot, None)

    def secure(self, slot: Slot, cipher: Cipher) -> None:
        """Encrypt the stream from the next packet on."""
        ops, context = _ffi.cast("struct pm_secure_ops *", cipher.ops), _ffi.cast("void *", cipher.context)
        check(_lib.pm_pump_stream_secure(self._pump, slot, _lib.PM_SECURE_OPEN, ops, context), "encryption")
        self._ciphers[slot] = cipher

    def unsecure(self, slot: Slot, *, closed: bool) -> None:
        """Use no cipher from the next packet on: `closed` lets nothing pass until there is one, else packets pass as they are."""
        state = _lib.PM_SECURE_CLOSED if closed else _lib.PM_SECURE_PLAIN
        check(_lib.pm_pump_stream_secure(self._pump, slot, state, _ffi.NULL, _ffi.NULL), "encryption")
        self._ciphers.pop(slot, None)

    def voip(self, slot: Slot) -> tuple[VoipMetrics, VoipMetrics | None]:
        """How the stream is heard here, and how the other side hears us by its last extended report (RFC 3611)."""
        here, there = _ffi.new("struct pm_voip_metrics *"), _ffi.new("struct pm_voip_metrics *")
        told = check(_lib.pm_pump_stream_voip(self._pump, slot, here, there), "metrics")
        return read_voip(here), read_voip(there) if told else None

    def judge(
        self, slot: Slot, *, r_factor: float, mos_listening: float, mos_conversation: float, echo_return_loss_db: float | None
    ) -> None:
        """What our next extended report says of the sound."""
        c = _ffi.new("struct pm_judgement *", judgement(r_factor, mos_listening, mos_conversation, echo_return_loss_db))
        check(_lib.pm_pump_stream_judge(self._pump, slot, c), "judgement")

    def take(self, slot: Slot, datagram: bytes, source: Address, now_ns: int, wall_ns: int) -> None:
        """A datagram that came to the stream by another way than its sockets. ValueError for one that no socket could have brought."""
        address = _ffi.new("struct pm_address *")
        write_address(address, source)
        check(_lib.pm_pump_stream_take(self._pump, slot, address, datagram, len(datagram), now_ns, wall_ns), "datagram")

    def apart_pending(self) -> int:
        """How many datagrams the last period left to be fetched: no media (STUN, DTLS), or reports, in clear, where the way is shared."""
        pending: int = self._result.apart
        return pending

    def apart(self) -> list[tuple[Slot, Address, bytes]]:
        """Fetch and forget them, oldest first: on which stream's socket each came, and from where."""
        if self._apart is None:
            self._apart = _ffi.new("unsigned *"), _ffi.new("struct pm_address *"), _ffi.new("uint8_t[]", _lib.PM_DATAGRAM_OCTETS)
        slot, address, data = self._apart
        found: list[tuple[Slot, Address, bytes]] = []
        while octets := check(_lib.pm_pump_apart(self._pump, slot, address, data, len(data)), "apart"):
            source = read_address(address)
            if source is not None:
                found.append((Slot(slot[0]), source, bytes(_ffi.buffer(data, octets))))
        self._result.apart = 0
        return found

    def mute(self, slot: Slot, *, muted: bool) -> None:
        """While muted the stream sends silence."""
        check(_lib.pm_pump_stream_mute(self._pump, slot, muted), "mute")

    def hush(self, slot: Slot, *, hushed: bool) -> None:
        """While hushed the speaker does not play the stream."""
        check(_lib.pm_pump_stream_hush(self._pump, slot, hushed), "hush")

    def stats(self, slot: Slot) -> StreamStats:
        """Everything counted so far."""
        check(_lib.pm_pump_stream_stats(self._pump, slot, self._stats), "stats")
        return read_stats(self._stats)

    def delay_ms(self, slot: Slot) -> float:
        """Playout delay of the frame being played, cheaper than `stats` when only this is wanted each period."""
        check(_lib.pm_pump_stream_stats(self._pump, slot, self._stats), "stats")
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
        check(_lib.pm_pump_send_digits(self._pump, slot, octets, len(octets), duration_ms, gap_ms), "digits")

    def conference(self, *, joined: bool) -> None:
        """When joined, every stream hears the others as well as the microphone."""
        check(_lib.pm_pump_conference(self._pump, joined), "conference")

    def play_tone(self, steps: Sequence[ToneStep], *, repeats: int = 1, to_speaker: bool = True, to_streams: int = 0) -> None:
        """Play a pattern `repeats` times (0: until stopped), instead of the tone playing now. `to_streams` is a mask of slots."""
        array = _ffi.new("struct pm_tone_step[]", [tuple(step) for step in steps])
        check(_lib.pm_pump_play_tone(self._pump, array, len(steps), repeats, to_speaker, to_streams), "tone")

    def play_prompt(
        self, samples: bytes, *, rate_hz: int = NARROW_HZ, repeats: int = 1, to_speaker: bool = True, to_streams: int = 0
    ) -> None:
        """Play 16-bit mono PCM at NARROW_HZ or WIDE_HZ `repeats` times (0: until stopped), instead of the prompt playing now."""
        view = _ffi.from_buffer("int16_t[]", samples)
        check(_lib.pm_pump_play_prompt(self._pump, view, len(view), rate_hz, repeats, to_speaker, to_streams), "prompt")
        self._prompt = view  # the core reads it in place until it stops

    def stop_sound(self, sound: Sound) -> None:
        """Silence one of the players; allowed when nothing plays."""
        _lib.pm_pump_stop_sound(self._pump, sound)
        if sound is Sound.PROMPT:
            self._prompt = None


def install_codec(codec: MediaCodec, driver: int) -> None:
    """Make a codec known to the core for good: `driver` is the address of a `struct pm_codec_driver` that is never unloaded."""
    check(_lib.pm_codec_install(codec, _ffi.cast("struct pm_codec_driver *", driver)), "codec")


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
        check(_lib.pm_inband_init(self._inband, rate_hz, _ffi.cast("void *", int(at) + -int(at) % 16)), "tone listener")

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
    check(_lib.pm_g711_decode(codec, _ffi.from_buffer("uint8_t[]", octets), len(octets), out, len(octets)), "decode")
    return bytes(_ffi.buffer(out))


def encode_g711(codec: MediaCodec, samples: bytes) -> bytes:
    """16-bit samples to G.711 octets (ITU-T G.711)."""
    view = _ffi.from_buffer("int16_t[]", samples)
    out = _ffi.new("uint8_t[]", len(view))
    check(_lib.pm_g711_encode(codec, view, len(view), out, len(view)), "encode")
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
