"""The RTSP server put together: who may look, what the stream is, and the camera behind it. Loaded only where it is wanted."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Final

from firmware.app.pictures import Pictures
from firmware.app.station import Station
from firmware.app.wiring.camera import picture
from firmware.door.events import HealthChanged
from firmware.ids import SystemIds
from firmware.media.picture_stream import PictureStream
from firmware.net.flood import FloodGate, FloodLimits
from firmware.outlets.rtsp.conversation import TRACK, Conversation
from firmware.outlets.rtsp.proof import Watchword
from firmware.outlets.rtsp.server import InterleavedWay, RtspServer
from firmware.sdp.h264 import BASELINE, CLOCK_RATE_HZ, CONSTRAINED, ENCODING, H264Format, Picture

log = logging.getLogger("portero.rtsp")

PAYLOAD_TYPE: Final = 105
# Connections: a player makes one, and another when the first was refused. Each may guess three times.
LIMITS: Final = FloodLimits(source_per_s=0.5, source_burst=6.0, total_per_s=2.0, total_burst=12.0)


class RtspOutlet:
    """The RTSP server of one station. Belongs to the event loop."""

    def __init__(self, station: Station, pictures: Pictures) -> None:
        settings = station.settings
        assert settings.rtsp.password is not None, "the configuration was checked"
        self._station = station
        self._settings = settings.rtsp
        self._pictures = pictures
        self._known = Watchword(settings.rtsp.user, settings.rtsp.password.reveal())
        self._description = description(settings.station.name, picture(settings.camera))
        self._ids = SystemIds()
        self._gate = FloodGate(LIMITS)
        self._viewers = 0
        survive = partial(station.supervisor.survive, is_vital=False)
        self.server = RtspServer(self._talk, self._view, admit=self._admit, survive=survive)

    async def start(self) -> None:
        """Begin to listen. What prevents it is news of the station's health."""
        try:
            await self.server.start(self._settings.bind, self._settings.port)
        except OSError as error:
            log.error("no RTSP: %s", error)
            self._station.inbox.put(HealthChanged(part="rtsp", working=False, detail=str(error)))
        else:
            log.info("RTSP on port %d", self.server.port)

    async def close(self) -> None:
        await self.server.close()

    def _talk(self) -> Conversation:
        nonce, session = self._ids.nonce(), self._ids.nonce()[:16]
        return Conversation(self._known, nonce=nonce, session=session, description=self._description)

    def _admit(self, source: str) -> bool:
        return self._gate.admit(source, time.monotonic())

    def _view(self, way: InterleavedWay, source: str) -> _Viewing | None:
        if self._viewers >= self._settings.viewers_max:
            log.warning("%s may not look: %d do already", source, self._viewers)
            return None
        self._viewers += 1
        log.info("%s looks through the camera (RTSP)", source)
        name, stream = self._pictures.view(way, PAYLOAD_TYPE)
        return _Viewing(self, name, stream)

    def ended(self, name: str) -> None:
        """A viewer has gone."""
        self._viewers -= 1
        self._pictures.stop(name)


class _Viewing:
    """Pictures on their way to one viewer."""

    def __init__(self, outlet: RtspOutlet, name: str, stream: PictureStream) -> None:
        self._outlet = outlet
        self._name = name
        self._stream = stream

    def on_report(self) -> None:
        self._stream.on_report()

    def close(self) -> None:
        self._outlet.ended(self._name)


def description(name: str, wanted: Picture) -> str:
    """What DESCRIBE answers (RFC 2326 §C.1): one line, whose port and address SETUP settles."""
    stated = H264Format(packetization_mode=1, profile=BASELINE, constraints=CONSTRAINED, level=wanted.level())
    lines = (
        *("v=0", "o=- 0 0 IN IP4 0.0.0.0", f"s={name}", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*"),
        *(f"m=video 0 RTP/AVP {PAYLOAD_TYPE}", f"a=rtpmap:{PAYLOAD_TYPE} {ENCODING}/{CLOCK_RATE_HZ}"),
        *(f"a=fmtp:{PAYLOAD_TYPE} {stated.fmtp()}", f"a=framerate:{wanted.fps}", f"a=control:{TRACK}"),
    )
    return "\r\n".join((*lines, ""))
