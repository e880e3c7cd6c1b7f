"""The event package `vq-rtcpxr`: how the last call sounded, for whoever watches instead of being told (RFC 6035 §3.2)."""

from __future__ import annotations


class QualityState:
    """The newest report, as the program has written it; nothing before the first."""

    name = "vq-rtcpxr"
    content_type = "application/vq-rtcpxr"
    gap_s = 1.0  # RFC 6035 §3.10 leaves it to the implementation; a door has one call at a time

    def __init__(self) -> None:
        self._serial = 0
        self._body = b""

    @property
    def serial(self) -> int:
        """Rises with each report."""
        return self._serial

    def set(self, body: bytes) -> None:
        """A call has ended, and this is its report."""
        self._serial += 1
        self._body = body

    def document(self, entity: str, version: int, since: int | None) -> bytes:
        """The report; a new subscriber is told that of the last call, b"" when there was none (RFC 6665 §4.2.1.2 allows no body)."""
        return self._body
