"""Back-pressure by source address: who sends more than any telephone system would is not listened to for a while.

Two token buckets, one a source and one for all: addresses of datagrams are easily forged, so the second is what protects the processor.
"""

from __future__ import annotations

from typing import Final, NamedTuple

SOURCES_MAX: Final = 1024  # 100 kB at most; forged sources push each other out, which costs them nothing and us nothing


class FloodLimits(NamedTuple):
    """Messages a second that are let in for ever, and the number that may come at once.

    One proxy carries all calls of an installation, so a source gets room for 50 calls that arrive together with all their repetitions. The
    bucket for all is what a small board handles with half of one core.
    """

    source_per_s: float = 200.0
    source_burst: float = 400.0
    total_per_s: float = 500.0
    total_burst: float = 1000.0


class FloodGate:
    """Decides for each message whether it is let in."""

    def __init__(self, limits: FloodLimits) -> None:
        self._limits = limits
        self._sources: dict[str, tuple[float, float]] = {}  # source: (tokens, when they were counted)
        self._total = limits.total_burst
        self._total_at_s = 0.0
        self.refused = 0

    def admit(self, source: str, now_s: float) -> bool:
        """Whether a message that arrives from `source` now is to be handled; `now_s` never runs backwards."""
        limits = self._limits
        tokens, at_s = self._sources.pop(source, (limits.source_burst, now_s))
        tokens = min(tokens + (now_s - at_s) * limits.source_per_s, limits.source_burst)
        total = min(self._total + (now_s - self._total_at_s) * limits.total_per_s, limits.total_burst)
        # A source over its own limit takes nothing from the others.
        admitted = tokens >= 1.0 and total >= 1.0
        if admitted:
            tokens -= 1.0
            total -= 1.0
        else:
            self.refused += 1
        self._total, self._total_at_s = total, now_s
        if len(self._sources) >= SOURCES_MAX:
            del self._sources[next(iter(self._sources))]  # the one that was silent longest: each message moves its source to the end
        self._sources[source] = (tokens, now_s)
        return admitted
