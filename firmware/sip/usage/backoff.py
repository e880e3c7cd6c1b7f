"""How long a registration that got no answer, or was lost as soon as it stood, waits before the next attempt."""

from __future__ import annotations

from firmware.ids import IdSource

QUICK_RETRY_MAX_S = 4.0  # so that a registrar that was restarted is found within 5 s of its return …
QUICK_FOR_S = 120.0  # … during the two minutes that a restart takes at most; after that the gap doubles, and knocks tell of its return
RETRY_MAX_S = 60.0  # the longest gap after an outage
FLOW_BASE_S = 90.0  # RFC 5626 §4.5: the base time while another flow of the account stands …
FLOW_MAX_S = 1800.0  # … and the longest gap
QUICK_FAILURES = 6  # after which the quick phase is counted as over when its time is

SHORT_LIFE_S = 5.0  # a registration that is lost sooner than this, twice in a row, is made anew ever slower …
SHORT_LIFE_GAP_S_MAX = 60.0  # … down to once a minute: its server closes each connection, or its network each path


class Backoff:
    """The row of failures of one flow."""

    def __init__(self, ids: IdSource) -> None:
        self._ids = ids
        self._since_s: float | None = None
        self._failures = 0

    def reset(self) -> None:
        """It has worked, or somebody wants it now."""
        self._since_s, self._failures = None, 0

    def next_s(self, now_s: float, *, is_carried: bool) -> float:
        """The gap after one more failure. `is_carried`: another flow of the account stands, so that nothing is lost by patience.

        Carried: RFC 5626 §4.5, half to all of 90 s that double with each failure, up to half an hour. Not carried: that rule would leave a
        door out of reach for half a minute at least; it asks after 1, 2, 4, 4 … s for two minutes, then in gaps that double to 60 s, each
        shortened by up to a quarter by chance.
        """
        if self._since_s is None:
            self._since_s = now_s
        failures, self._failures = self._failures, self._failures + 1
        if is_carried:
            return min(FLOW_BASE_S * 2.0 ** min(failures + 1, 10), FLOW_MAX_S) * (0.5 + 0.5 * self._ids.fraction())
        limit_s = QUICK_RETRY_MAX_S if now_s - self._since_s < QUICK_FOR_S else RETRY_MAX_S
        if limit_s == RETRY_MAX_S and failures > QUICK_FAILURES:
            gap_s = min(QUICK_RETRY_MAX_S * 2.0 ** min(failures - QUICK_FAILURES, 10), limit_s)
        else:
            gap_s = min(2.0 ** min(failures, QUICK_FAILURES), limit_s)
        return gap_s * (1 - 0.25 * self._ids.fraction())


class Lives:
    """How long the registrations of one flow stand before they are lost."""

    def __init__(self) -> None:
        self._begun_s = 0.0
        self._short = 0  # in a row

    def begin(self, now_s: float) -> None:
        """It stands."""
        self._begun_s = now_s

    def end(self, now_s: float) -> float:
        """It is lost: how long to wait before it is made anew, 0 after a long life or a first short one, which may have been a restart."""
        self._short = self._short + 1 if now_s < self._begun_s + SHORT_LIFE_S else 0
        return 0.0 if self._short <= 1 else min(2.0 ** min(self._short - 2, 10), SHORT_LIFE_GAP_S_MAX)
