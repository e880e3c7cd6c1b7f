"""A trace into our playout, in virtual time: packets are put when the card's period finds them, and rendered a period at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from firmware.media.binding import JitterPacket, MediaCodec, StreamStats, decode_g711, encode_g711
from firmware.media.playout import Playout
from tests.bench.audio.networks import Trace
from tests.bench.audio.senders import NOISE_TYPE, PACKET, Packet
from tests.bench.audio.speech import RATE_HZ, Samples

PERIOD: Final = 160  # the product's default: 20 ms
CARD_MS: Final = 20.0  # hw/alsa.py: a period lies in the card when the next one is written
PHASE_S: Final = 0.007  # where in the card's period the sender's packets fall: neither the best nor the worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came out, aligned with the first packet's sending, before the card."""

    samples: Samples
    stats: StreamStats
    target_ms: tuple[float, ...]


def coded(stream: Samples) -> tuple[bytes, Samples]:
    """PCMU octets, and what a decoder makes of them: the reference for delay, since it is what was sent."""
    octets = encode_g711(MediaCodec.PCMU, stream.tobytes())
    return octets, np.frombuffer(decode_g711(MediaCodec.PCMU, octets), dtype=np.int16)


def replay(octets: bytes, trace: Trace, *, phase_s: float = PHASE_S) -> Heard:
    """Play the whole trace, of a sender that never pauses. The result's sample i leaves the playout at i / RATE_HZ after the first packet
    was sent."""
    packets = [Packet(slot=k, timestamp=k * PACKET, payload=octets[k * PACKET : (k + 1) * PACKET]) for k in range(len(trace.sent_s))]
    return play(packets, Playout(), trace, phase_s=phase_s)


def play(packets: Sequence[Packet], playout: Playout, trace: Trace, *, phase_s: float = PHASE_S) -> Heard:
    """The same of packets as they were sent: those of an interval come when the trace says of that interval."""
    arrivals = sorted((at, number, packet) for number, packet in enumerate(packets) if (at := trace.arrival_s[packet.slot]) is not None)
    pieces, targets, nth = [bytes(2 * int(phase_s * RATE_HZ))], [], 0
    for tick in range(int(trace.sent_s[-1] * RATE_HZ / PERIOD)):
        now_ns = round((phase_s + tick * PERIOD / RATE_HZ) * 1e9)
        while nth < len(arrivals) and arrivals[nth][0] * 1e9 <= now_ns:
            at_s, number, p = arrivals[nth]
            arrived = JitterPacket(number % 2**16, p.timestamp, p.payload, round(at_s * 1e9), now_ns, None, p.payload_type, marker=p.marker)
            (playout.rest if p.payload_type == NOISE_TYPE else playout.put)(arrived)
            nth += 1
        pieces.append(playout.render(PERIOD))
        targets.append(playout.stats().delay_target_ms)
    samples = np.frombuffer(b"".join(pieces), dtype=np.int16)
    return Heard(samples=samples, stats=playout.stats(), target_ms=tuple(targets))
