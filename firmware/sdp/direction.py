"""The direction of a stream (RFC 8866 §6.7, RFC 3264 §5.1, §6.1)."""

from __future__ import annotations

from enum import Enum

from firmware.sdp.address import is_null
from firmware.sdp.description import MediaDescription, SessionDescription


class Direction(Enum):
    """The direction of a stream as the describing side sees it (RFC 8866 §6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @staticmethod
    def of(*, sends: bool, receives: bool) -> Direction:
        """The direction that does exactly this."""
        if sends:
            return Direction.SENDRECV if receives else Direction.SENDONLY
        return Direction.RECVONLY if receives else Direction.INACTIVE

    def met_by(self, other: Direction) -> Direction:
        """What is left of ours when the other side describes itself as `other`: we send what they receive (RFC 3264 §6.1)."""
        return Direction.of(sends=self.sends and other.receives, receives=self.receives and other.sends)


def stated_direction(description: SessionDescription, media: MediaDescription, *, may_be_null: bool = False) -> Direction:
    """The direction that the describing side states for `media`: its own attribute, else the session's, else sendrecv (RFC 8866 §6.7).

    `may_be_null`: with ICE the null address only says that none is known yet (RFC 8840 §4.1.1).
    """
    stated = Direction.SENDRECV
    for attributes in (description.attributes, media.attributes):
        for direction in Direction:
            if (direction.value, None) in attributes:
                stated = direction
    connection = description.connection_of(media)
    if connection is not None and is_null(connection.host) and not may_be_null:
        # RFC 3264 §8.4: the old hold, c=0.0.0.0, says that nothing can be received there.
        return Direction.of(sends=stated.sends, receives=False)
    return stated
