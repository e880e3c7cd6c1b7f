"""Peers that a request too large for a datagram cannot reach over TCP, for as long as that is worth knowing (RFC 3261 §18.1.1)."""

from __future__ import annotations

from typing import Final

from firmware.sip.names import Hop

SILENT_S: Final = 600.0  # whoever drops what comes over TCP, as a firewall does, goes on doing so; and may be mended
PEERS_MAX: Final = 64  # as many phones as a house may have

Peer = tuple[str, int]


class WithoutTcp:
    """Who was silent over TCP. Each press would wait for it anew, and a visitor with it."""

    def __init__(self) -> None:
        self._until_s: dict[Peer, float] = {}

    def note(self, hop: Hop, now_s: float) -> None:
        """The peer of this hop has said nothing over TCP; of too many the ones that were silent first are forgotten."""
        self._until_s.pop((hop.host, hop.port), None)
        while len(self._until_s) >= PEERS_MAX:
            del self._until_s[next(iter(self._until_s))]
        self._until_s[hop.host, hop.port] = now_s + SILENT_S

    def has(self, hop: Hop, now_s: float) -> bool:
        """Whether the peer of this hop was silent lately."""
        return self._until_s.get((hop.host, hop.port), 0.0) > now_s
