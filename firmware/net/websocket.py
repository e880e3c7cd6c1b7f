"""WebSocket frames (RFC 6455 §5): bytes <-> frames, pure, with limits."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from firmware.errors import RemoteProtocolError

MESSAGE_BYTES_MAX: Final = 65_535  # as much as a datagram could carry: the SIP parser's own limit is below
CONTROL_BYTES_MAX: Final = 125  # RFC 6455 §5.5
FRAGMENTS_MAX: Final = 64  # of one message; a sender that cuts SIP finer than a kilobyte only wants to keep us busy


class Opcode(IntEnum):
    """What a frame carries (RFC 6455 §5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10

    @property
    def is_control(self) -> bool:
        return self >= Opcode.CLOSE


class Frame(NamedTuple):
    """A whole message (its opcode TEXT or BINARY, all fragments joined) or a control frame."""

    opcode: Opcode
    payload: bytes


def encode(opcode: Opcode, payload: bytes, mask: bytes | None) -> bytes:
    """One unfragmented frame. `mask`, four unpredictable octets, is what a client must use and a server must not (§5.1)."""
    flag = 0 if mask is None else 0x80
    length = len(payload)
    head = bytes((0x80 | opcode,))
    if length < 126:
        head += bytes((flag | length,))
    elif length < 65_536:
        head += bytes((flag | 126,)) + length.to_bytes(2)
    else:
        head += bytes((flag | 127,)) + length.to_bytes(8)
    return head + payload if mask is None else head + mask + masked(payload, mask)


def masked(payload: bytes, mask: bytes) -> bytes:
    """The payload under the mask, or out from under it (§5.3): each octet XOR the mask's, which repeats."""
    length = len(payload)
    pattern = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload) ^ int.from_bytes(pattern)).to_bytes(length)


class FrameReader:
    """Cuts one connection's octets into frames. `expect_mask`: whether the other side is a client. Any breach is RemoteProtocolError."""

    def __init__(self, *, expect_mask: bool) -> None:
        self._expect_mask = expect_mask
        self._buffer = bytearray()
        self._opcode: Opcode | None = None  # of the message whose fragments come
        self._fragments: list[bytes] = []

    @property
    def pending(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer) or self._opcode is not None

    def feed(self, data: bytes) -> list[Frame]:
        """Take what arrived; give the whole messages and control frames that are now complete, in order."""
        self._buffer += data
        frames: list[Frame] = []
        while (piece := self._next()) is not None:
            final, opcode, payload = piece
            if opcode.is_control:
                if not final:
                    raise RemoteProtocolError("a control frame in fragments")
                frames.append(Frame(opcode, payload))
            elif (whole := self._join(opcode, payload, final=final)) is not None:
                frames.append(whole)
        return frames

    def _next(self) -> tuple[bool, Opcode, bytes] | None:
        """The next frame as it stands, once it is there."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, second = buffer[0], buffer[1]
        if first & 0x70:
            raise RemoteProtocolError("a frame with an extension that was not agreed")
        try:
            opcode = Opcode(first & 0x0F)
        except ValueError:
            raise RemoteProtocolError("a frame of unknown kind") from None
        if bool(second & 0x80) != self._expect_mask:
            # §5.1: a server closes the connection on an unmasked frame, a client on a masked one.
            raise RemoteProtocolError("an unmasked frame" if self._expect_mask else "a masked frame")
        size = self._size(second & 0x7F, opcode)
        if size is None:
            return None
        start, length = size
        end = start + (4 if self._expect_mask else 0) + length
        if len(buffer) < end:
            return None
        payload = bytes(buffer[end - length : end])
        if self._expect_mask:
            payload = masked(payload, bytes(buffer[start : start + 4]))
        del buffer[:end]
        return bool(first & 0x80), opcode, payload

    def _size(self, short: int, opcode: Opcode) -> tuple[int, int] | None:
        """Where mask or payload begin, and how long the payload is, as soon as that is known."""
        start = {126: 4, 127: 10}.get(short, 2)
        if opcode.is_control and start > 2:
            raise RemoteProtocolError(f"a control frame of more than {CONTROL_BYTES_MAX} octets")
        if len(self._buffer) < start:
            return None
        length = short if start == 2 else int.from_bytes(self._buffer[2:start])
        if length + sum(map(len, self._fragments)) > MESSAGE_BYTES_MAX:
            raise RemoteProtocolError(f"a message of more than {MESSAGE_BYTES_MAX} octets")
        return start, length

    def _join(self, opcode: Opcode, payload: bytes, *, final: bool) -> Frame | None:
        """The message, when this was its last fragment (§5.4)."""
        if (opcode is Opcode.CONTINUATION) != (self._opcode is not None):
            raise RemoteProtocolError("fragments out of order")
        if self._opcode is None:
            self._opcode = opcode
        self._fragments.append(payload)
        if len(self._fragments) > FRAGMENTS_MAX:
            raise RemoteProtocolError(f"a message in more than {FRAGMENTS_MAX} fragments")
        if not final:
            return None
        whole = Frame(self._opcode, b"".join(self._fragments))
        self._opcode, self._fragments = None, []
        return whole
