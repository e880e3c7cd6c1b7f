"""Where the other side of a stream receives: the address of its line, and of its reports (RFC 8866 §5.7, RFC 3605)."""

from __future__ import annotations

from firmware.sdp.address import is_group, is_ipv4, is_ipv6, is_null
from firmware.sdp.description import Connection, MediaDescription, SessionDescription


def usable_connection(description: SessionDescription, media: MediaDescription, *, is_ipv6_wanted: bool) -> Connection | None:
    """The numeric address of `media` in the one family that our socket has, None when there is none to send to."""
    connection = description.connection_of(media)
    if connection is None:
        return None
    if is_null(connection.host):
        return connection  # of either family: nothing is sent there, and with ICE it says that no address is known yet (RFC 8840 §4.1.1)
    # Names (allowed by RFC 8866 §5.7, used by nobody) would make the audio thread wait for a name server.
    numeric = is_ipv6(connection.host) if is_ipv6_wanted else is_ipv4(connection.host)
    # A group address would make us shout at the whole network on a stranger's word.
    return connection if numeric and not is_group(connection.host) else None


def reports_to(media: MediaDescription, host: str) -> tuple[str, int]:
    """Where the other side receives RTCP: `a=rtcp:port [IN IP4 address]` (RFC 3605 §2.1), else the port above RTP's (RFC 3550 §11)."""
    fields = (media.attribute("rtcp") or "").split()
    if fields and fields[0].isascii() and fields[0].isdecimal() and len(fields[0]) <= 5 and 0 < int(fields[0]) <= 65_535:
        named = fields[3] if len(fields) == 4 else host
        usable = (is_ipv6(named) if ":" in host else is_ipv4(named)) and not is_group(named)
        return (named if usable else host), int(fields[0])
    return host, min(media.port + 1, 65_535)
