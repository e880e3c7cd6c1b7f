"""What lies between the octets of a connection and its SIP messages: framing, and below it TLS or WebSocket. Bytes in, bytes out."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from firmware.errors import RemoteProtocolError
from firmware.sip.framing import KeepAlive, StreamFramer


class Taken(NamedTuple):
    """Whole `messages`, in order; `reply`, octets to send back at once; `failure`, why the connection is at its end.

    With a `failure` the messages still count, the reply still goes out, and then the connection is closed.
    """

    messages: tuple[bytes, ...] = ()
    reply: bytes = b""
    failure: str = ""


class Layers(Protocol):
    """One connection's layers. Call `begin` when it is up, `receive` for what arrives, and `send` only while `ready`."""

    @property
    def ready(self) -> bool:
        """Whether every handshake is over, so that messages may go out."""
        ...

    @property
    def pending(self) -> bool:
        """Whether a message has begun and not ended."""
        ...

    def begin(self) -> bytes:
        """The first octets to send, if we speak first."""
        ...

    def receive(self, data: bytes) -> Taken:
        """Take what arrived. Never raises."""
        ...

    def send(self, message: bytes) -> bytes:
        """The octets that carry one message, or our keep-alive."""
        ...

    def end(self) -> bytes:
        """The farewell before an orderly close."""
        ...


class PlainLayers:
    """SIP straight on a stream, as over TCP (RFC 3261 §18.3)."""

    ready = True

    def __init__(self) -> None:
        self._framer = StreamFramer()

    @property
    def pending(self) -> bool:
        return self._framer.pending > 0

    def begin(self) -> bytes:
        return b""

    def receive(self, data: bytes) -> Taken:
        try:
            items = self._framer.feed(data)
        except RemoteProtocolError as error:
            return Taken(failure=f"what came is no SIP: {error}")
        # RFC 5626 §4.4.1: a double CRLF is answered with a single one.
        pongs = KeepAlive.PONG.value * items.count(KeepAlive.PING)
        messages = tuple([item for item in items if not isinstance(item, KeepAlive)])
        return Taken(messages, pongs, "the borders of messages are lost" if self._framer.lost else "")

    def send(self, message: bytes) -> bytes:
        return message

    def end(self) -> bytes:
        return b""
