"""RTCP of the picture's stream, pure: sender reports for lip synchronisation, goodbyes, and the wish for a key picture that comes back.

RFC 3550 §6, feedback of RFC 4585 and RFC 5104. The sound's reports are the core's; a picture has few, so these are made here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

VERSION: Final = 0x80  # two, without padding (§6.4.1)
SR, SDES, BYE, OLD_FIR, PSFB = 200, 202, 203, 192, 206  # packet types (RFC 3550 §12.1, RFC 2032 §5.2.1, RFC 4585 §6.1)
PLI, FIR = 1, 4  # feedback message types (RFC 4585 §6.3, RFC 5104 §4.3.1)
CNAME: Final = 1  # item of SDES (§6.5.1)
NTP_EPOCH_S: Final = 2_208_988_800  # from 1900 to 1970 (RFC 5905 §6)
PACKETS_MAX: Final = 32  # of one compound that are looked at
WORD = 0xFFFF_FFFF


def sender_report(*, ssrc: int, wall_ns: int, timestamp: int, packets: int, octets: int, cname: str) -> bytes:
    """A compound of SR and SDES. `timestamp` is the RTP clock at the moment that `wall_ns` names (§6.4.1): by it lips are synchronised."""
    seconds, rest_ns = divmod(wall_ns, 1_000_000_000)
    words = (ssrc, seconds + NTP_EPOCH_S, (rest_ns << 32) // 1_000_000_000, timestamp, packets, octets)
    report = _packet(SR, 0, b"".join((word & WORD).to_bytes(4, "big") for word in words))
    return report + _description(ssrc, cname)


def goodbye(*, ssrc: int, cname: str) -> bytes:
    """A compound that ends the stream. §6.1 wants a report first; one without blocks will do (§6.4.2)."""
    source = ssrc.to_bytes(4, "big")
    return _packet(201, 0, source) + _description(ssrc, cname) + _packet(BYE, 1, source)


def wants_key_picture(datagram: bytes, ssrc: int) -> bool:
    """Whether a compound asks the stream `ssrc` for a key picture: PLI, FIR, or the FIR of H.261 that old phones send. Garbage does not."""
    ours = ssrc.to_bytes(4, "big")
    for kind, count, body in _packets(datagram):
        if kind == PSFB and count == PLI and body[4:8] == ours:
            return True
        # RFC 5104 §4.3.1.1: the media source is 0; who is meant stands in the entries, eight bytes each.
        if kind == PSFB and count == FIR and any(body[at : at + 4] == ours for at in range(8, len(body) - 7, 8)):
            return True
        if kind == OLD_FIR and body[:4] == ours:
            return True
    return False


def _packets(datagram: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, count and body of each packet of a compound (§6.1), as far as their lengths are true."""
    at = 0
    for _ in range(PACKETS_MAX):
        if len(datagram) - at < 4 or datagram[at] & 0xC0 != VERSION:
            return
        end = at + 4 + 4 * int.from_bytes(datagram[at + 2 : at + 4], "big")
        if end > len(datagram):
            return
        yield datagram[at + 1], datagram[at] & 0x1F, datagram[at + 4 : end]
        at = end


def _description(ssrc: int, cname: str) -> bytes:
    """§6.5: one chunk with the canonical name, ended by a null and padded to whole words."""
    name = cname.encode("ascii")
    chunk = ssrc.to_bytes(4, "big") + bytes((CNAME, len(name))) + name + b"\x00"
    return _packet(SDES, 1, chunk + bytes(-len(chunk) % 4))


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return bytes((VERSION | count, kind)) + (len(body) // 4).to_bytes(2, "big") + body
