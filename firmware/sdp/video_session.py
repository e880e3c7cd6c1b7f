"""What a camera can send in a call, and what both sides have agreed on for it."""

from __future__ import annotations

from typing import NamedTuple

from firmware.kind import kind
from firmware.sdp.crypto import SrtpKey
from firmware.sdp.h264 import Picture
from firmware.sdp.protection import Handshake, SharedKeys


@kind
class LocalVideo(NamedTuple):
    """What our camera sends, and where its stream has its port. `keys` are its own: a key never serves two streams (RFC 3711 §9.1).

    With `is_screen` we have a screen and no camera: `picture` is the most that it can show.
    """

    rtp_port: int
    picture: Picture
    keys: tuple[SrtpKey, ...] = ()
    is_screen: bool = False


@kind
class VideoSession(NamedTuple):
    """What both sides agreed on for the picture. `sends` is false on hold, and while the other side does not want to see."""

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
