"""Consent of the other side to what we send there (RFC 7675): asked for every five seconds or so, and good for thirty.

A phone that is gone, or that never wanted our sound and was named by somebody else's description, so hears it for half a minute at most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

CONSENT_S: Final = 30.0  # §5.1: "consent expires after 30 seconds" without an answer
GAP_S: Final = 5.0  # §5.1: between two checks …
SPREAD: Final = 0.2  # … times a random number from 0.8 to 1.2, so that several do not fall into step
PENDING_MAX: Final = 8  # checks that may still be answered: 30 s hold no more of the shortest gap


class Consent:
    """For one way. It begins with the check of connectivity that showed that the way works."""

    def __init__(self, now: float, chance: Callable[[], float]) -> None:
        """`chance`: uniform in [0, 1)."""
        self.until_s = now + CONSENT_S
        self._chance = chance
        self._pending: list[bytes] = []
        self.due_s = self._after(now)

    @property
    def deadline_s(self) -> float:
        """When the next check is due, or the time is over."""
        return min(self.due_s, self.until_s)

    def ask(self, transaction_id: bytes, now: float) -> None:
        """A check goes out. §5.1: each is a transaction of its own and not repeated."""
        self._pending = [*self._pending[1 - PENDING_MAX :], transaction_id]
        self.due_s = self._after(now)

    def asked(self, transaction_id: bytes) -> bool:
        """Whether this is one of its checks, which may be answered once."""
        if transaction_id not in self._pending:
            return False
        self._pending.remove(transaction_id)
        return True

    def renew(self, now: float) -> None:
        """An authentic answer has come."""
        self.until_s = now + CONSENT_S

    def _after(self, now: float) -> float:
        return now + GAP_S * (1 - SPREAD + 2 * SPREAD * self._chance())
