"""ICE in a session description, of an agent that only answers checks: lite (RFC 8445 §2.5, RFC 8839 §4 and §5).

We have one candidate, the address of the description itself, and the other side, which must be a full agent, looks whether it gets there.
So RTP and RTCP must share the port (RFC 5761), or ICE is left out of our answer, which means the plain rules of RFC 3264.
"""

from __future__ import annotations

import string
from typing import Final, NamedTuple

from firmware.sdp.description import Attribute, MediaDescription, SessionDescription

ICE_CHARS: Final = frozenset(string.ascii_letters + string.digits + "+/")  # RFC 8839 §5.4
UFRAG_MIN, PWD_MIN, LENGTH_MAX = 4, 22, 256
# RFC 8445 §5.1.2: type preference of a host candidate, the only local preference that there is, component 1.
PRIORITY_HOST: Final = 126 << 24 | 65_535 << 8 | 255


class IceCredentials(NamedTuple):
    """Name and password of one side for its checks; short-lived, and worth what the signalling is."""

    ufrag: str
    pwd: str

    def __repr__(self) -> str:
        """Without the password."""
        return f"IceCredentials({self.ufrag})"

    def __str__(self) -> str:
        return repr(self)


class IceSession(NamedTuple):
    """Both sides' credentials, when both do ICE."""

    ours: IceCredentials
    theirs: IceCredentials


def ice_credentials(description: SessionDescription, media: MediaDescription) -> IceCredentials | None:
    """What `media` says of ICE, or the whole session; None when it does none, is lite as well, or what it says is unusable."""
    ufrag = media.attribute("ice-ufrag") or description.attribute("ice-ufrag") or ""
    pwd = media.attribute("ice-pwd") or description.attribute("ice-pwd") or ""
    # Two lite agents make no checks (RFC 8445 §6.1.1): the addresses of the descriptions are what there is.
    if description.attribute("ice-lite") is not None or media.attribute("candidate") is None:
        return None
    fits = UFRAG_MIN <= len(ufrag) <= LENGTH_MAX and PWD_MIN <= len(pwd) <= LENGTH_MAX and ICE_CHARS.issuperset(ufrag + pwd)
    return IceCredentials(ufrag, pwd) if fits else None


def ice_attributes(ours: IceCredentials, host: str, port: int) -> tuple[Attribute, ...]:
    """What our line says: credentials, and the one candidate (RFC 8839 §5.1)."""
    candidate = f"1 1 UDP {PRIORITY_HOST} {host} {port} typ host"
    return (("ice-ufrag", ours.ufrag), ("ice-pwd", ours.pwd), ("candidate", candidate))
