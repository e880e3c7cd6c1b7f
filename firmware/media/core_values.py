"""What goes into the media core and what comes out of it, as plain values; `firmware.media.binding` translates them to C and back."""

from __future__ import annotations

import enum
from typing import Final, NamedTuple, NewType, Protocol

from firmware.kind import kind

Slot = NewType("Slot", int)
Address = tuple[str, int]
"""Literal IPv4 or IPv6 host and port; IPv6 may carry `%scope` as a number."""
RELAYED: Final = "relay"
"""In place of a host: a channel of the stream's relay (RFC 8656 §12), whose number is then the port; 0 is the relay itself."""


class MediaCodec(enum.IntEnum):
    """The codecs that the core has a driver for; the last two only with their libraries."""

    PCMU = 0
    PCMA = 1
    L16_NARROW = 2
    """Linear samples at 8 kHz."""
    L16 = 3
    """At 16 kHz."""
    G722 = 4
    OPUS = 5


class EventKind(enum.IntEnum):
    """What happened in the core; the meaning of `PumpEvent.value` is given for each."""

    FIRST_PACKET = 1
    """First valid packet of a stream; `at_ns` is its arrival."""
    FIRST_AUDIO = 2
    """Its first decoded sample is in the period just rendered."""
    DIGIT_BEGIN = 3
    """A digit is pressed; value: milliseconds so far."""
    DIGIT_END = 4
    """The same digit is let go; value: its length in milliseconds."""
    SSRC_CHANGED = 5
    """Value: the new SSRC."""
    SILENT = 6
    """No packet, and no report of hearing us, for value milliseconds; repeated each second of silence."""
    RESUMED = 7
    """One came again after value milliseconds of silence."""
    BYE = 8
    """The peer's RTCP said goodbye."""
    DIGITS_SENT = 9
    """The last queued digit is out."""
    LATCHED = 10
    """Symmetric RTP moved the remote address to where packets come from."""
    SOUND_DONE = 11
    """Tone or prompt has ended; the slot is STREAMS_MAX; value: `Sound`."""


class Sound(enum.IntEnum):
    """The two players of a pump; each plays one thing at a time."""

    TONE = 0
    PROMPT = 1


class EchoMode(enum.IntEnum):
    """What is done about the echo of the loudspeaker in the microphone."""

    OFF = 0
    CANCEL = 1
    """Full duplex; half duplex by itself while no way can be found."""
    HALF_DUPLEX = 2
    """The microphone is shut while the far side speaks."""


class EchoState(enum.IntEnum):
    """How far the canceller is."""

    IDLE = 0
    """Off, or the far side has not spoken yet."""
    LEARNING = 1
    CONVERGED = 2
    HELD = 3
    """Half duplex: asked for, or because there is an echo of which nothing could be learned."""
    CLEAR = 4
    """Full duplex without cancelling: the far side has spoken for long, and the microphone shows no trace of it."""


@kind
class EchoSettings(NamedTuple):
    """What stands behind the microphone. `louder_db`: how much louder the loudspeaker may become by the noise of the room, 0 to 20."""

    mode: EchoMode = EchoMode.OFF
    suppress_noise: bool = False
    gain_control: bool = False
    louder_db: int = 0


ECHO_OFF: Final = EchoSettings()


@kind
class EchoStats(NamedTuple):
    """What the canceller knows, in decibels; see `struct pm_echo_stats`. `delay_ms` None: not found yet."""

    state: EchoState
    delay_ms: float | None
    delay_moves: int
    echo_loss_db: float
    """Loudspeaker to microphone; negative: the echo is louder than what was played."""
    filter_db: float
    """What the adaptive filter takes away while the far side speaks alone (ERLE)."""
    suppressed_db: float
    """The filter and everything behind it."""
    both_percent: float
    """Share of the far side's speech in which the visitor spoke too."""
    noise_db: float
    gain_db: float


@kind
class PumpEvent(NamedTuple):
    """One thing that happened; `digit` is empty unless the kind is a digit's. `at_ns` is CLOCK_MONOTONIC."""

    kind: EventKind
    slot: Slot
    at_ns: int
    value: int
    digit: str
    in_band: bool = False
    """A digit that was heard as tones."""


@kind
class ToneStep(NamedTuple):
    """Up to two sines for a time; both frequencies zero is a pause. The level is in dB below a full-scale sine, each sine by itself."""

    low_hz: int
    high_hz: int
    duration_ms: int
    attenuation_db: int = 13


@kind
class EncoderSettings(NamedTuple):
    """What the receiver asks of a codec that has the choice. `bitrate` 0: the codec's own."""

    bitrate: int = 0
    fec: bool = False
    dtx: bool = False
    constant_bitrate: bool = False
    narrow: bool = False


@kind
class StreamSettings(NamedTuple):
    """One stream as offer and answer agreed on it. The descriptors stay the caller's and must outlive the stream.

    The core sets SO_TIMESTAMPNS on all and reads without blocking. Remote `None`: nothing is sent there.
    `latch_ms` bounds symmetric RTP: within it the remote address may follow the packets, afterwards it is locked.
    """

    rtp_fd: int
    rtcp_fd: int | None
    remote_rtp: Address | None
    remote_rtcp: Address | None
    receive: tuple[tuple[int, MediaCodec], ...]
    send_payload_type: int
    send_codec: MediaCodec
    ssrc: int
    first_timestamp: int
    first_sequence: int
    cname: str
    relay_fd: int | None = None
    """A UDP socket connected to a relay; through its channels the stream reaches addresses of the host RELAYED."""
    digit_receive: tuple[tuple[int, int], ...] = ()
    """Payload types of telephone-event, each with its clock rate in hertz."""
    digit_send_type: int | None = None
    encoder: EncoderSettings = EncoderSettings()
    red_receive_types: tuple[int, ...] = ()
    red_send_type: int | None = None
    sends_noise: bool = False
    hears_tones: bool = False
    sends: bool = True
    receives: bool = True
    ptime_ms: int = 20
    extended_reports: bool = False  # the other side takes VoIP metrics (RFC 3611)
    shares_way: bool = False  # with another stream (RFC 9143): reports are kept apart as well, in clear
    latch_ms: int = 5000
    delay_min_ms: int = 20
    delay_max_ms: int = 400

    def codecs(self) -> tuple[object, ...]:
        """What decides over the memory of the codecs: which ones there are, whatever their numbers."""
        return (frozenset(codec for _, codec in self.receive), self.send_codec, self.hears_tones)


@kind
class StreamStats(NamedTuple):
    """Counts and figures of one stream since it began; names carry the units. See `struct pm_stream_stats`."""

    packets_received: int
    octets_received: int
    packets_expected: int
    packets_lost: int
    packets_duplicate: int
    packets_reordered: int
    packets_late: int
    packets_discarded: int
    packets_invalid: int
    packets_foreign: int
    packets_ignored: int
    packets_refused: int
    source_changes: int
    jitter_ms: float
    burst_ratio: float
    rate_hz: int
    """Of the four counts of samples that follow."""
    samples_played: int
    samples_concealed: int
    samples_recovered: int
    """Lost, and had from redundancy in a later packet."""
    samples_removed: int
    samples_inserted: int
    delay_ms: float
    delay_target_ms: float
    buffered_ms: float
    packets_sent: int
    octets_sent: int
    send_errors: int
    digits_sent: int
    reports_sent: int
    reports_received: int
    rtt_ms: float | None
    remote_loss_fraction: float | None
    remote_packets_lost: int | None
    remote_jitter_ms: float | None
    remote_burst_ratio: float
    """How much the losses that its reports tell come in runs (ITU-T G.107); 1 while that cannot be told."""
    last_packet_ns: int
    heard: bool
    latched: bool
    remote_rtp: Address | None


class Cipher(Protocol):
    """What encrypts a stream: addresses of a `struct pm_secure_ops` and its context, valid while the object lives."""

    ops: int
    context: int


class PutResult(enum.IntEnum):
    """What the jitter buffer did with a packet."""

    STORED = 1
    LATE = 2
    DUPLICATE = 3
    RESTARTED = 4
    """Stored as the first packet of a new timeline (new SSRC, sender restart)."""
    FULL = 5
    """Stored, and the oldest packet given up for it."""


class GetResult(enum.IntEnum):
    """What the jitter buffer has for this frame."""

    EMPTY = 0
    FRAME = 1
    MISSING = 2
    HOLD = 3


class Advice(enum.IntEnum):
    """What to do about the playout delay."""

    KEEP = 0
    SHORTEN = 1
    LENGTHEN = 2


@kind
class Frame(NamedTuple):
    """One get. `payload` is empty unless the result is FRAME; `skip` timestamp units at its start were already played."""

    result: GetResult
    payload: bytes
    timestamp: int
    duration: int
    skip: int
    payload_type: int
    advice: Advice


@kind
class JitterStats(NamedTuple):
    """Counts of a bare jitter buffer; `waiting` is in timestamp units."""

    stored: int
    late: int
    duplicate: int
    reordered: int
    discarded: int
    restarts: int
    waiting_packets: int
    waiting: int
    delay_ms: float
    delay_target_ms: float


@kind
class JitterPacket(NamedTuple):
    """A packet for `JitterBuffer` or `Playout`. `drained_ns`, when the audio thread took it from the socket, defaults to `arrival_ns`."""

    sequence: int
    timestamp: int
    payload: bytes
    arrival_ns: int
    drained_ns: int | None = None
    duration: int | None = None
    """Timestamp units; defaults to one an octet (G.711)."""
    payload_type: int = 0
    ssrc: int = 1
    marker: bool = False
