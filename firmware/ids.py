"""Where identifiers and chance come from: injected, so that the pure rooms stay deterministic.

Production uses `SystemIds` (the operating system's generator: RFC 3261 §19.3 asks for at least 32 random bits in a tag, RFC 3550 §8
for an SSRC that differs between participants). Tests and the simulator use `SeededIds`.
"""

from __future__ import annotations

import os
from typing import Protocol

MAGIC_COOKIE = "z9hG4bK"  # RFC 3261 §8.1.1.7: every branch of a compliant element begins with it


class IdSource(Protocol):
    """Source of identifiers and of chance."""

    def branch(self) -> str:
        """A new Via branch, magic cookie included (RFC 3261 §8.1.1.7)."""
        ...

    def tag(self) -> str:
        """A new From or To tag (RFC 3261 §19.3)."""
        ...

    def call_id(self) -> str:
        """A new Call-ID without a host part (RFC 3261 §8.1.1.4)."""
        ...

    def nonce(self) -> str:
        """A new cnonce, or the random part of a server nonce (RFC 7616 §3.4)."""
        ...

    def uint32(self) -> int:
        """32 random bits: SSRC, RTP timestamp offset, SDP session id (RFC 3550 §5.1)."""
        ...

    def fraction(self) -> float:
        """Uniform in [0, 1): the jitter of a back-off, the choice between SRV weights."""
        ...


class _RandomIds:
    """Identifiers made of random bits, which a subclass has."""

    def bits(self, count: int) -> int:
        """So many random bits, a multiple of eight."""
        raise NotImplementedError

    def _hex(self, bits: int) -> str:
        return f"{self.bits(bits):0{bits // 4}x}"

    def branch(self) -> str:
        return MAGIC_COOKIE + self._hex(80)

    def tag(self) -> str:
        return self._hex(64)

    def call_id(self) -> str:
        return self._hex(128)

    def nonce(self) -> str:
        return self._hex(128)

    def uint32(self) -> int:
        return self.bits(32)


class SystemIds(_RandomIds):
    """Identifiers from the operating system's generator; unpredictable, for production. (`random.SystemRandom` would load `random`.)"""

    def bits(self, count: int) -> int:
        return int.from_bytes(os.urandom(count // 8))

    def fraction(self) -> float:
        return (self.bits(56) >> 3) * 2.0**-53  # the 53 bits that a float holds


class SeededIds(_RandomIds):
    """Identifiers that repeat for the same seed; for tests and the simulator only."""

    def __init__(self, seed: int) -> None:
        from random import Random

        self._generator = Random(seed)  # noqa: S311  # repeatable on purpose, for tests only

    def bits(self, count: int) -> int:
        return self._generator.getrandbits(count)

    def fraction(self) -> float:
        return self._generator.random()
