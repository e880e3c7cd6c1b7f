"""One way to the other side: our port and one of its candidates (RFC 8445 §6.1.2).

All our candidates have one base, the port itself, and a pair whose local candidate is reflexive stands for the same packets as that with
the base (§6.1.2.4 prunes it). So there are as many pairs as the other side has candidates.
"""

from __future__ import annotations

from enum import Enum, auto

from firmware.sdp.ice import Candidate
from firmware.stun.attributes import Address


class PairState(Enum):
    """§6.1.2.6."""

    FROZEN = auto()
    WAITING = auto()
    IN_PROGRESS = auto()
    SUCCEEDED = auto()
    FAILED = auto()


class Pair:
    """While checks run. `nominated`: the controlling side wants the sound to go this way."""

    __slots__ = ("nominated", "remote", "state")

    def __init__(self, remote: Candidate, state: PairState) -> None:
        self.remote = remote
        self.state = state
        self.nominated = False

    @property
    def address(self) -> Address:
        return self.remote.host, self.remote.port

    @property
    def is_open(self) -> bool:
        """Whether it is not known yet if this way works."""
        return self.state in (PairState.FROZEN, PairState.WAITING, PairState.IN_PROGRESS)


def pair_priority(local: int, remote: int, *, is_controlling: bool) -> int:
    """§6.1.2.3: both sides come to the same order."""
    controlling, controlled = (local, remote) if is_controlling else (remote, local)
    return (min(controlling, controlled) << 32) + 2 * max(controlling, controlled) + (controlling > controlled)
