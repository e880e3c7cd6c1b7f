"""The least that is a telephone: answers one call by UDP (RFC 3261) with PCMU, and sends what it is told to as RTP (RFC 3550)."""

from __future__ import annotations

import re
import socket
import struct
from typing import Self

SDP = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n"
)
COPIED = ("Via", "From", "Call-ID", "CSeq")
SSRC = 0x50686F6E


class Phone:
    """One call. `answer` waits for the INVITE; `hang_up` ends it."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sip.bind((host, 0))
        self._sip.settimeout(10)
        self._rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rtp.bind((host, 0))
        self._peer = self._media = ("", 0)
        self._bye = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sip.close()
        self._rtp.close()

    @property
    def uri(self) -> str:
        return f"sip:phone@{self._host}:{self._sip.getsockname()[1]}"

    def answer(self) -> None:
        """200 to the INVITE, and its ACK. TimeoutError when none comes."""
        invite, self._peer = self._receive("INVITE")
        body = SDP.format(host=self._host, port=self._rtp.getsockname()[1])
        own = f"{_field(invite, 'To')};tag=phone"
        head = ["SIP/2.0 200 OK", *(f"{name}: {value}" for name in COPIED for value in _fields(invite, name)), f"To: {own}"]
        head += [f"Contact: <{self.uri}>", "Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        self._sip.sendto("\r\n".join([*head, "", body]).encode(), self._peer)
        port = re.search(r"^m=audio (\d+)", invite, re.MULTILINE)
        address = re.search(r"^c=IN IP4 (\S+)", invite, re.MULTILINE)
        contact = re.search(r"^Contact:[^<]*<([^>]+)>", invite, re.MULTILINE | re.IGNORECASE)
        assert port, invite
        assert address, invite
        assert contact, invite
        self._media = (address[1].strip(), int(port[1]))
        self._bye = "\r\n".join(
            [
                f"BYE {contact[1]} SIP/2.0",
                f"Via: SIP/2.0/UDP {self._host}:{self._sip.getsockname()[1]};branch=z9hG4bKphone",
                "Max-Forwards: 70",
                f"From: {own}",
                f"To: {_field(invite, 'From')}",
                f"Call-ID: {_field(invite, 'Call-ID')}",
                "CSeq: 1 BYE",
                "Content-Length: 0",
                "",
                "",
            ]
        )
        self._receive("ACK")

    def send_rtp(self, index: int, payload: bytes) -> None:
        """Packet `index` of the stream, one payload octet a timestamp unit."""
        header = struct.pack("!BBHII", 0x80, 0, index % 2**16, index * len(payload) % 2**32, SSRC)
        self._rtp.sendto(header + payload, self._media)

    def hang_up(self) -> None:
        self._sip.sendto(self._bye.encode(), self._peer)

    def _receive(self, method: str) -> tuple[str, tuple[str, int]]:
        while True:
            data, source = self._sip.recvfrom(65535)
            text = data.decode(errors="replace")
            if text.startswith(f"{method} "):
                return text, source


def _fields(message: str, name: str) -> list[str]:
    return [match.strip() for match in re.findall(rf"^{name}\s*:(.*)$", message.replace("\r\n", "\n"), re.MULTILINE | re.IGNORECASE)]


def _field(message: str, name: str) -> str:
    return _fields(message, name)[0]
