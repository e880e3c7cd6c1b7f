"""What a camera can send in a call, and what both sides have agreed on for it."""

from __future__ import annotations

from typing import NamedTuple

from firmware.kind import kind
from firmware.sdp.address import is_null
from firmware.sdp.crypto import SrtpKey
from firmware.sdp.h264 import Picture
from firmware.sdp.ice import IceSession
from firmware.sdp.ice_line import Base
from firmware.sdp.protection import Handshake, SharedKeys


@kind
class LocalVideo(NamedTuple):
    """What our camera sends, and where its stream has its port. `keys` are its own: a key never serves two streams (RFC 3711 §9.1).

    With `is_screen` we have a screen and no camera: `picture` is the most that it can show.
    `mapped` and `relayed` as those of the sound. `shares_way`: in this dialog it takes the sound's way (RFC 9143).
    """

    rtp_port: int
    picture: Picture
    keys: tuple[SrtpKey, ...] = ()
    is_screen: bool = False
    mapped: tuple[str, int] | None = None
    relayed: tuple[str, int] | None = None
    shares_way: bool = False

    @property
    def base(self) -> Base:
        """The port that is its own."""
        return Base(self.rtp_port, self.mapped, self.relayed)


@kind
class VideoSession(NamedTuple):
    """What both sides agreed on for the picture. `sends` is false on hold, and while the other side does not want to see.

    `shares_way`: it goes where the sound goes, by its port and under the keys of its handshake (RFC 9143); the addresses say nothing then.
    """

    local_port: int
    remote_host: str
    remote_rtp_port: int
    remote_rtcp_host: str
    remote_rtcp_port: int
    payload_type: int
    packetization_mode: int
    bitrate_kbps: int
    sends: bool
    keys: SharedKeys | None = None
    handshake: Handshake | None = None  # keys will come of it, and until then nothing is sent
    ice: IceSession | None = None  # the other side checks ways for the picture alone
    shares_way: bool = False

    @property
    def remote_is_null(self) -> bool:
        """Whether the other side gave no address to send to, or takes nothing there any more."""
        return is_null(self.remote_host)
