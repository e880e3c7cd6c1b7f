"""Back-pressure by source address: who sends more than any telephone system would is not listened to for a while.

Token buckets, one a source and one for all: addresses of datagrams are easily forged, so the second is what protects the processor. Those
whom we have looked for ourselves, servers and phones, have a bucket for all of their own: strangers who empty theirs cost no call.
"""

from __future__ import annotations

from typing import Final, NamedTuple

EXPECTED_MAX: Final = 64  # accounts' servers with their backups, and the phones that a door rings; the latest are kept
SOURCES_MAX: Final = 1024  # 100 kB at most; forged sources push each other out, which costs them nothing and us nothing


class FloodLimits(NamedTuple):
    """Messages a second that are let in for ever, and the number that may come at once. `total`: of strangers, and of those expected, each.

    One proxy carries all calls of an installation, so a source gets room for 50 calls that arrive together with all their repetitions. The
    bucket for all is what a small board handles with half of one core.
    """

    source_per_s: float = 200.0
    source_burst: float = 400.0
    total_per_s: float = 500.0
    total_burst: float = 1000.0


class Bucket(NamedTuple):
    """How many messages may come, counted at that time."""

    tokens: float
    at_s: float

    def at(self, now_s: float, per_s: float, burst: float) -> Bucket:
        """The same later: room has grown back, up to the burst."""
        return Bucket(min(self.tokens + (now_s - self.at_s) * per_s, burst), now_s)


class FloodGate:
    """Decides for each message whether it is let in."""

    def __init__(self, limits: FloodLimits) -> None:
        self._limits = limits
        self._sources: dict[str, Bucket] = {}
        self._totals = {is_expected: Bucket(limits.total_burst, 0.0) for is_expected in (False, True)}
        self._expected: dict[str, None] = {}  # in the order in which they were looked for last
        self.refused = 0

    def expect(self, source: str) -> None:
        """We send to this address of our own accord: what comes from there shall not suffer from a flood by others."""
        self._expected.pop(source, None)
        if len(self._expected) >= EXPECTED_MAX:
            del self._expected[next(iter(self._expected))]
        self._expected[source] = None

    def admit(self, source: str, now_s: float) -> bool:
        """Whether a message that arrives from `source` now is to be handled; `now_s` never runs backwards."""
        limits, is_expected = self._limits, source in self._expected
        own = self._sources.pop(source, Bucket(limits.source_burst, now_s)).at(now_s, limits.source_per_s, limits.source_burst)
        total = self._totals[is_expected].at(now_s, limits.total_per_s, limits.total_burst)
        # A source over its own limit takes nothing from the others.
        admitted = own.tokens >= 1.0 and total.tokens >= 1.0
        if not admitted:
            self.refused += 1
        if len(self._sources) >= SOURCES_MAX:
            del self._sources[next(iter(self._sources))]  # the one that was silent longest: each message moves its source to the end
        taken = 1.0 if admitted else 0.0
        self._sources[source] = Bucket(own.tokens - taken, now_s)
        self._totals[is_expected] = Bucket(total.tokens - taken, now_s)
        return admitted
