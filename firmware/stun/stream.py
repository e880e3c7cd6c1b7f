"""Messages of STUN and of a relay's channels on a stream (RFC 8656 §12.5, RFC 8489 §6.2.2): where one ends and the next begins.

Over TCP and TLS both begin with four octets of which the last two say how long the message is, and both end on a multiple of four octets:
ChannelData is padded to it, and its length does not count that.
"""

from __future__ import annotations

from typing import Final

from firmware.stun.message import HEADER
from firmware.stun.turn import CHANNEL_DATA, CHANNEL_FIRST

MESSAGE_MAX: Final = 4096  # a datagram that somebody sent to the relay, or an answer with a long nonce; more is nobody that we asked
ALIGNMENT: Final = 4


def framed(message: bytes) -> bytes:
    """One message as it stands on the stream."""
    return message + bytes(-len(message) % ALIGNMENT)


class StreamFramer:
    """Octets in, whole messages out, ChannelData without its padding."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self.lost = False  # what came is neither: where messages begin will never be known again

    @property
    def pending(self) -> int:
        """Octets of a message that is not whole yet."""
        return len(self._waiting)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now."""
        self._waiting += data
        found: list[bytes] = []
        while not self.lost and len(self._waiting) >= CHANNEL_DATA.size:
            octets = self._first()
            whole = octets + -octets % ALIGNMENT
            if whole > MESSAGE_MAX:
                self.lost = True
            elif len(self._waiting) < whole:
                break
            else:
                found.append(bytes(self._waiting[:octets]))
                del self._waiting[:whole]
        if self.lost:
            self._waiting.clear()
        return found

    def _first(self) -> int:
        """How long the first message is; more than any may be when it is none."""
        kind, length = int.from_bytes(self._waiting[:2], "big"), int.from_bytes(self._waiting[2:4], "big")
        if kind >> 12 == CHANNEL_FIRST >> 12:
            return CHANNEL_DATA.size + length
        # RFC 8489 §5: the first two bits are zero, and the length is one of whole words.
        is_stun = kind >> 14 == 0 and length % ALIGNMENT == 0
        return HEADER.size + length if is_stun else MESSAGE_MAX + 1
