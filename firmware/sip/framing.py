"""Messages out of a byte stream: TCP, TLS (RFC 3261 §18.3), with the keep-alives of RFC 5626 §4.4.1.

A stream has no borders of its own, so Content-Length rules. Once a length cannot be known, everything behind it is lost for good and the
caller closes the connection.
"""

from __future__ import annotations

from enum import Enum

from firmware.errors import RemoteProtocolError
from firmware.sip import grammar
from firmware.sip.header_lines import unfolded_lines
from firmware.sip.headers import canonical
from firmware.sip.message import LIMITS, Limits

_END = b"\r\n\r\n"
_LENGTH_DIGITS_MAX = 40  # room for leading zeros, and no work for the conversion


class KeepAlive(Enum):
    """What may stand between two messages: CR LF, once or twice.

    The first CR LF gives PONG (a sign of life, the answer to our own ping if one is open), a second one right behind it PING: answer with
    PONG's octets. Told apart like this, the result does not depend on how the stream is cut into segments.
    """

    PONG = b"\r\n"
    PING = b"\r\n\r\n"


class StreamFramer:
    """Cuts one connection's bytes into messages; holds at most one unfinished message, within `limits`."""

    def __init__(self, *, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0  # the header section does not end before here: so that feeding byte by byte stays linear
        self._needed = 0  # length of the message in front, 0 while its header section is incomplete
        self._after_crlf = False
        self._failure: RemoteProtocolError | None = None

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished message are held; the caller closes a connection that leaves them there too long."""
        return len(self._buffer)

    @property
    def lost(self) -> bool:
        """Whether the borders of messages are lost: handle what `feed` gave, then close the connection."""
        return self._failure is not None

    def feed(self, data: bytes) -> list[bytes | KeepAlive]:
        """Take what arrived; give the messages and keep-alives that are now complete, in order.

        When the stream is lost, what was complete before still comes out, and so does the header section whose length is nonsense, since
        `parse_message` knows how to refuse it; `lost` is true then. With nothing to give, and at every later call: RemoteProtocolError.
        """
        out: list[bytes | KeepAlive] = []
        if self._failure is None:
            self._buffer += data
            try:
                while (item := self._next()) is not None:
                    out.append(item)
            except RemoteProtocolError as error:
                self._failure = error
                if isinstance(error, _BrokenLengthError):
                    out.append(bytes(self._buffer[: self._searched]))
                self._buffer.clear()
        if self._failure is not None and not out:
            raise RemoteProtocolError(str(self._failure))
        return out

    def _next(self) -> bytes | KeepAlive | None:
        if not self._needed:
            if self._buffer[:1] == b"\r":
                return self._keep_alive()
            if not self._buffer or not self._measure():
                return None
        if len(self._buffer) < self._needed:
            return None
        message = bytes(self._buffer[: self._needed])
        del self._buffer[: self._needed]
        self._needed = self._searched = 0
        return message

    def _keep_alive(self) -> KeepAlive | None:
        if len(self._buffer) < 2:
            return None
        if self._buffer[1] != 0x0A:
            raise RemoteProtocolError("CR without LF between two messages")
        del self._buffer[:2]
        self._after_crlf = not self._after_crlf
        return KeepAlive.PONG if self._after_crlf else KeepAlive.PING

    def _measure(self) -> bool:
        """Find the end of the header section and the length of the whole message."""
        self._after_crlf = False
        end = self._buffer.find(_END, max(0, self._searched - 3))
        self._searched = len(self._buffer) if end < 0 else end + 4
        if self._searched - 4 > self._limits.head_bytes:
            raise RemoteProtocolError(f"header section of more than {self._limits.head_bytes} bytes")
        self._check_first_line()
        if end < 0:
            return False
        length = _content_length(bytes(self._buffer[:end]))
        if self._searched + length > self._limits.message_bytes:
            raise _BrokenLengthError(f"Content-Length {length}")
        self._needed = self._searched + length
        return True

    def _check_first_line(self) -> None:
        """What is no SIP at all (HTTP, a body whose length nobody stated) is noticed at its first line, not at the limit."""
        line_end = self._buffer.find(b"\r\n")
        if line_end > 0 and b"SIP/" not in self._buffer[:line_end]:
            raise RemoteProtocolError("neither request nor response")


class _BrokenLengthError(RemoteProtocolError):
    """The header section is whole, but the length of the body cannot be known."""


def _content_length(head: bytes) -> int:
    """The length that a header section states; 0 without one (RFC 3261 §18.3 demands it, and who forgets it has no body)."""
    lengths = []
    for line in unfolded_lines(head)[1:]:
        if line[:1] in "CcLl":
            name, _, value = line.partition(":")
            if canonical(name.rstrip(grammar.WHITESPACE)) == "Content-Length":
                lengths.append(value.strip(grammar.WHITESPACE))
    if len(lengths) > 1 or not all(1 <= len(text) <= _LENGTH_DIGITS_MAX and not text.strip(grammar.DIGITS) for text in lengths):
        raise _BrokenLengthError(f"Content-Length {lengths[0][:20]}")
    return int(lengths[0]) if lengths else 0
