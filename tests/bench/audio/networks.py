"""How packets arrive: seeded patterns, from a quiet cable to a bad radio link. A pattern is when each packet was sent and when it comes.

Times are seconds since the first packet was sent, by the receiver's clock. The path itself takes no time: only what differs from packet to
packet matters to a receiver.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

PACKET_S: Final = 0.02
STALL_AFTER_S: Final = (2.0, 4.0)
STALL_S: Final = (0.1, 0.2)
GAP_AT_S: Final = 12.0
GAP_S: Final = 0.4
BACK_TO_BACK_S: Final = 0.0003  # packets that waited in a queue follow each other so closely


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """`sent_s[k]` is when packet k left, `arrival_s[k]` when it comes, None when it is lost. `rate`: the sender's clock against ours."""

    sent_s: tuple[float, ...]
    arrival_s: tuple[float | None, ...]
    rate: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A network and what is wanted over it; an aim of None is not stated. `delay_ms` counts from sending to the card's output."""

    name: str
    make: Callable[[random.Random, int], Trace]
    pesq: float | None = None
    plcmos: float | None = None
    delay_ms: float | None = None
    span_ms: float | None = None  # how far the delay may wander from end to end
    recovery_s: float | None = None


def _trace(delays: list[float | None], rate: float = 1.0) -> Trace:
    sent = tuple(k * PACKET_S / rate for k in range(len(delays)))
    arrival = tuple(None if late is None else at + late for at, late in zip(sent, delays, strict=True))
    return Trace(sent_s=sent, arrival_s=arrival, rate=rate)


def clean(_chance: random.Random, count: int) -> Trace:
    return _trace([0.0] * count)


def jitter(high_s: float) -> Callable[[random.Random, int], Trace]:
    """Uniform from 0 to `high_s`, each packet by itself, so that order is not kept."""
    return lambda chance, count: _trace([chance.uniform(0, high_s) for _ in range(count)])


def loss(share: float) -> Callable[[random.Random, int], Trace]:
    """Each packet by itself."""
    return lambda chance, count: _trace([None if chance.random() < share else 0.0 for _ in range(count)])


def _bursts(chance: random.Random, count: int, share: float, mean: float) -> list[bool]:
    """Two states (Gilbert): bursts of geometric length with this mean, `share` of all packets in sum."""
    leave_bad = 1 / mean
    enter_bad = leave_bad * share / (1 - share)
    lost, bad = [], False
    for _ in range(count):
        bad = chance.random() >= leave_bad if bad else chance.random() < enter_bad
        lost.append(bad)
    return lost


def bursty_loss(share: float, mean: float) -> Callable[[random.Random, int], Trace]:
    return lambda chance, count: _trace([None if lost else 0.0 for lost in _bursts(chance, count, share, mean)])


def _stalled(delays: list[float], stalls: list[tuple[float, float]]) -> list[float]:
    """Packets that would come during a stall (start, length) come one after the other at its end, and those behind them after them."""
    held = list(delays)
    for start_s, length_s in stalls:
        free_s = start_s + length_s
        for k, late in enumerate(delays):
            if start_s <= k * PACKET_S + late < free_s:
                held[k] = free_s - k * PACKET_S
                free_s += BACK_TO_BACK_S
    return held


def _stalls(chance: random.Random, count: int, after: tuple[float, float], length: tuple[float, float]) -> list[tuple[float, float]]:
    found, at_s = [], chance.uniform(*after)
    while at_s < count * PACKET_S:
        found.append((at_s, chance.uniform(*length)))
        at_s += chance.uniform(*after)
    return found


def stalls(chance: random.Random, count: int) -> Trace:
    return _trace([*_stalled([0.0] * count, _stalls(chance, count, STALL_AFTER_S, STALL_S))])


def rare_stalls(chance: random.Random, count: int) -> Trace:
    return _trace([*_stalled([0.0] * count, _stalls(chance, count, (8.0, 15.0), (0.06, 0.3)))])


def long_stalls(chance: random.Random, count: int) -> Trace:
    """Longer than a buffer likes to remember, and farther apart."""
    return _trace([*_stalled([0.0] * count, _stalls(chance, count, (4.5, 5.5), (0.28, 0.3)))])


def jitter_and_loss(chance: random.Random, count: int) -> Trace:
    return _trace([None if chance.random() < 0.05 else chance.uniform(0, 0.06) for _ in range(count)])


def detour(_chance: random.Random, count: int) -> Trace:
    """A third of the packets take a way that is 80 ms longer: the delay should follow both ways, and no further."""
    return _trace([0.08 if count // 3 <= k < 2 * count // 3 else 0.0 for k in range(count)])


def drift(rate: float) -> Callable[[random.Random, int], Trace]:
    return lambda _chance, count: _trace([0.0] * count, rate)


def reordered(chance: random.Random, count: int) -> Trace:
    """One packet in twenty takes 30 to 50 ms longer and is overtaken by one or two."""
    return _trace([chance.uniform(0.03, 0.05) if chance.random() < 0.05 else 0.0 for _ in range(count)])


def one_gap(_chance: random.Random, count: int) -> Trace:
    return _trace([*_stalled([0.0] * count, [(GAP_AT_S, GAP_S)])])


def exponential(chance: random.Random, count: int) -> Trace:
    """A loaded link: queueing delay with a long tail, order kept."""
    late, delays = 0.0, []
    for _ in range(count):
        late = max(late - PACKET_S, 0.0, min(0.25, chance.expovariate(1 / 0.012)))
        delays.append(late)
    return _trace([*delays])


def bad_radio(chance: random.Random, count: int) -> Trace:
    """Everything at once: jitter, stalls, bursts of loss, a fast sender."""
    delays = _stalled([chance.uniform(0, 0.03) for _ in range(count)], _stalls(chance, count, (3.0, 6.0), (0.08, 0.18)))
    lost = _bursts(chance, count, 0.03, 2.0)
    return _trace([None if gone else late for gone, late in zip(lost, delays, strict=True)], 1.0005)


def changing(chance: random.Random, count: int) -> Trace:
    """A quiet third, a third with up to 80 ms of jitter, a quiet third: the delay should follow both ways."""
    return _trace([chance.uniform(0, 0.08) if count // 3 <= k < 2 * count // 3 else 0.0 for k in range(count)])


CASES: Final = (
    Case(name="clean", make=clean, pesq=4.20, delay_ms=55),
    Case(name="jitter 0-40 ms", make=jitter(0.04), pesq=4.20, delay_ms=95),
    Case(name="stalls 100-200 ms", make=stalls, pesq=4.10, delay_ms=225),
    Case(name="loss 5 %", make=loss(0.05), pesq=3.15, plcmos=3.25, delay_ms=60),
    Case(name="loss 10 %", make=loss(0.10), pesq=2.55, plcmos=3.15),
    Case(name="bursty loss 5 %", make=bursty_loss(0.05, 3.0), pesq=3.0, plcmos=3.2),
    Case(name="drift +2000 ppm", make=drift(1.002), pesq=4.05, span_ms=20),
    Case(name="drift -2000 ppm", make=drift(0.998), pesq=4.05, span_ms=20),
    Case(name="reordered 5 %", make=reordered, pesq=4.20, delay_ms=95),
    Case(name="one 400 ms gap", make=one_gap, recovery_s=8),
    Case(name="worse: jitter 0-100 ms", make=jitter(0.1)),
    Case(name="worse: loss 20 %", make=loss(0.20)),
    Case(name="worse: rare stalls 60-300 ms", make=rare_stalls),
    Case(name="worse: stalls of 300 ms each 5 s", make=long_stalls),
    Case(name="worse: bursty loss 5 %, mean 5", make=bursty_loss(0.05, 5.0)),
    Case(name="worse: jitter 60 ms, loss 5 %", make=jitter_and_loss),
    Case(name="worse: 80 ms longer for a third", make=detour),
    Case(name="worse: loaded link", make=exponential),
    Case(name="worse: bad radio", make=bad_radio),
    Case(name="worse: jitter 80 ms for a third", make=changing),
)
