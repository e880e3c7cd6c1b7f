"""What ICE makes of one line of ours: what it says, and what it agrees on (RFC 8839 §4.2, §5).

The sound's line and the picture's have the same credentials and a base each: RFC 8839 §5.4 allows it where both equal each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from firmware.kind import kind
from firmware.sdp.address import is_group, is_null
from firmware.sdp.description import Attribute, MediaDescription, SessionDescription
from firmware.sdp.ice import Candidate, IceSession, ice_attributes, ice_session, is_mismatch, local_candidates

if TYPE_CHECKING:
    from firmware.sdp.media_session import LocalMedia


@kind
class Base(NamedTuple):
    """A port of ours, from which a stream is sent (RFC 8445 §4), where a STUN server sees it, and its address on a TURN server."""

    port: int
    mapped: tuple[str, int] | None = None
    relayed: tuple[str, int] | None = None

    def reflexive(self, host: str) -> tuple[str, int] | None:
        """`mapped`, where it can stand for `host`: of the same family, and a station's address."""
        if self.mapped is None or (":" in self.mapped[0]) != (":" in host) or is_null(self.mapped[0]) or is_group(self.mapped[0]):
            return None
        return self.mapped

    def stated(self, host: str, *, mapped: bool) -> tuple[str, int]:
        """The address and port of a description: as `mapped` outside, or here."""
        return (self.reflexive(host) if mapped else None) or (host, self.port)


def offers_ice(local: LocalMedia) -> bool:
    """Of its own accord a lite agent begins it never."""
    return local.ice is not None and not local.ice_lite and local.rtcp_mux


def ice_kind(local: LocalMedia) -> tuple[Attribute, ...]:
    """RFC 8839 §5.3, §5.6; `ice2` says that we nominate as RFC 8445 does, once."""
    return (("ice-lite", None),) if local.ice_lite else (("ice-options", "ice2"),)


def ice_of(local: LocalMedia, base: Base) -> tuple[Attribute, ...]:
    """What our line says."""
    return () if local.ice is None else ice_attributes(local.ice, candidates(local, base))


def candidates(local: LocalMedia, base: Base) -> tuple[Candidate, ...]:
    """A lite agent has none but its own (RFC 8445 §5.2): the address of the description, which somebody may have to reach from afar."""
    if local.ice_lite:
        return local_candidates(*base.stated(local.host, mapped=local.states_mapped), None)
    return local_candidates(local.host, base.port, base.reflexive(local.host), local.hosts, base.relayed)


def ice_reply(
    local: LocalMedia, base: Base, offer: SessionDescription, media: MediaDescription, session: IceSession | None
) -> tuple[Attribute, ...]:
    """What our answer says of ICE, which led to `session`."""
    if session is not None:
        return ice_of(local, base)
    # RFC 8839 §4.2.5, §5.5.
    return (("ice-mismatch", None),) if local.ice is not None and is_mismatch(offer, media) else ()


def agreed_ice(
    local: LocalMedia, base: Base, description: SessionDescription, media: MediaDescription, *, is_offerer: bool
) -> IceSession | None:
    """What `media` of the other side's description agrees with us on; None when there is no ICE."""
    if local.ice is None:
        return None
    session = ice_session(local.ice, description, media, is_lite=local.ice_lite, is_offerer=is_offerer)
    if session is None or local.ice_lite:
        return session
    return session._replace(local=candidates(local, base))
