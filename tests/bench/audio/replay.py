"""A trace into our playout, in virtual time: packets are put when the card's period finds them, and rendered a period at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from firmware.media.binding import JitterPacket, MediaCodec, StreamStats, decode_g711, encode_g711
from firmware.media.playout import Playout
from tests.bench.audio.networks import Trace
from tests.bench.audio.speech import RATE_HZ, Samples

PACKET: Final = 160
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


def replay(octets: bytes, trace: Trace, *, period: int = PERIOD, phase_s: float = PHASE_S) -> Heard:
    """Play the whole trace. The result's sample i leaves the playout at i / RATE_HZ after the first packet was sent."""
    arrivals = sorted((at, k) for k, at in enumerate(trace.arrival_s) if at is not None)
    playout, pieces, targets, nth = Playout(), [bytes(2 * int(phase_s * RATE_HZ))], [], 0
    for tick in range(int(trace.sent_s[-1] * RATE_HZ / period)):
        now_ns = round((phase_s + tick * period / RATE_HZ) * 1e9)
        while nth < len(arrivals) and arrivals[nth][0] * 1e9 <= now_ns:
            at_s, k = arrivals[nth]
            payload = octets[k * PACKET : (k + 1) * PACKET]
            playout.put(JitterPacket(k % 2**16, k * PACKET, payload, round(at_s * 1e9), now_ns))
            nth += 1
        pieces.append(playout.render(period))
        targets.append(playout.stats().delay_target_ms)
    samples = np.frombuffer(b"".join(pieces), dtype=np.int16)
    return Heard(samples=samples, stats=playout.stats(), target_ms=tuple(targets))
