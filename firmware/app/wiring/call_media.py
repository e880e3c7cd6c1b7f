"""The settings as the sound and the picture of call legs."""

from __future__ import annotations

from collections.abc import Callable

from firmware.app.leg_media import CallPicture, CallSound, LegMedia
from firmware.app.wiring.protection import Protections, ice_credentials
from firmware.config.schema import Settings
from firmware.ids import IdSource
from firmware.media.session import MediaPort
from firmware.sdp.codec import Codec


def call_media(
    settings: Settings,
    *,
    sound: CallSound,
    open_port: Callable[[], MediaPort],
    codecs: tuple[Codec, ...],
    ids: IdSource,
    protections: Protections,
    picture: CallPicture | None = None,
) -> LegMedia:
    """What calls of these settings offer."""
    network = settings.network
    return LegMedia(
        sound=sound,
        open_port=open_port,
        codecs=codecs,
        ptime_ms=20,
        session_id=ids.uint32,
        protection=protections,
        rtcp_mux=network.rtcp_mux,
        rtcp_xr=True,
        ice=lambda: ice_credentials(settings),
        ice_lite=network.ice != "full",
        picture=picture,
    )
