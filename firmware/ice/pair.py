"""One way to the other side: our port and one of its candidates (RFC 8445 §6.1.2).

The port itself is the base of all our candidates: it hears every address of the machine, and from which one it sends to a candidate of the
other side, the kernel's routes say. A pair with another one of our addresses, or with a reflexive one, stands for the same packets, and
§6.1.2.4 prunes such. So there are as many pairs as the other side has candidates in a family that we have, too (§6.1.2.2).
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol

from firmware.sdp.ice import Candidate
from firmware.stun.attributes import Address


class Relay(Protocol):
    """An address of ours on a server (RFC 8656), through which the other side may be reached when nothing else leads there."""

    @property
    def relayed(self) -> Address | None:
        """That address, None when it is there no more."""
        ...

    def entrance(self, peer: Address) -> Address | None:
        """Where the port sends what shall reach `peer` through the relay, and from where it comes; None when it does not lead there."""
        ...

    def peer(self, source: Address) -> Address | None:
        """Who is behind an entrance; None when `source` is none."""
        ...


class PairState(Enum):
    """§6.1.2.6."""

    FROZEN = auto()
    WAITING = auto()
    IN_PROGRESS = auto()
    SUCCEEDED = auto()
    FAILED = auto()


class Pair:
    """While checks run. `local` is a relayed candidate when the way leads through the relay, and `address` then its entrance.

    `nominated`: the controlling side wants the sound to go this way.
    """

    __slots__ = ("address", "local", "nominated", "remote", "state")

    def __init__(self, remote: Candidate, state: PairState, local: Candidate | None, address: Address | None = None) -> None:
        self.remote = remote
        self.state = state
        self.local = local
        self.address = address or (remote.host, remote.port)
        self.nominated = False

    @property
    def foundation(self) -> tuple[str, str]:
        """§6.1.2.6: of both ends."""
        return "" if self.local is None else self.local.foundation, self.remote.foundation

    @property
    def is_open(self) -> bool:
        """Whether it is not known yet if this way works."""
        return self.state in (PairState.FROZEN, PairState.WAITING, PairState.IN_PROGRESS)


def pair_priority(local: int, remote: int, *, is_controlling: bool) -> int:
    """§6.1.2.3: both sides come to the same order."""
    controlling, controlled = (local, remote) if is_controlling else (remote, local)
    return (min(controlling, controlled) << 32) + 2 * max(controlling, controlled) + (controlling > controlled)
