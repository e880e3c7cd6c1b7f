"""What only some houses want of their door: a camera, pictures of rings, recordings, messages, announcements.

Each is loaded when the configuration wants it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from firmware.config.schema import Settings
from firmware.door import events as door
from firmware.ids import IdSource
from firmware.media.session import MediaPort
from hw.api import HardwareError

if TYPE_CHECKING:
    import asyncio

    from firmware.app.calls import Calls
    from firmware.app.pages import Pages
    from firmware.app.pictures import Pictures
    from firmware.app.sound import SoundSystem
    from hw.api import Camera, HardwareEvent

log = logging.getLogger("portero.station")

Tell = Callable[["door.Input | HardwareEvent"], None]
Listener = Callable[[object], None]  # takes everything that happens


def camera(settings: Settings, tell: Tell) -> Camera | None:
    """What takes pictures. A camera that cannot be had is no reason not to ring."""
    if settings.camera.source == "none":
        return None
    from firmware.app.wiring.camera import camera_settings
    from hw.build import build_camera

    try:
        return build_camera(camera_settings(settings.camera), tell)
    except HardwareError as error:
        log.error("no camera: %s", error)
        tell(door.HealthChanged(part="camera", working=False, detail=str(error)))
        return None


def pictures(
    settings: Settings, seen: Camera | None, sound: SoundSystem, *, ids: IdSource, open_port: Callable[[], MediaPort]
) -> Pictures | None:
    """The picture in calls, or for players, named and certified as `sound` is."""
    if seen is None or not (settings.camera.in_calls or settings.rtsp.port):
        return None
    from firmware.app.pictures import Pictures
    from firmware.app.wiring.camera import picture

    sound.companion = made = Pictures(seen, picture(settings.camera), open_port=open_port, ids=ids, sound=sound)
    return made


def keepers(settings: Settings, seen: Camera | None, sound: SoundSystem, tell: Tell, loop: asyncio.AbstractEventLoop) -> Iterator[Listener]:
    """Who keeps what happens: pictures of rings, recordings of calls, messages of visitors."""
    if seen is not None and settings.camera.snapshot != "never":
        from firmware.app.ring_pictures import RingPictures

        yield RingPictures(settings.camera, seen, tell).on_event
    if settings.recording.calls != "never":
        from firmware.app.recordings import Recordings

        yield Recordings(settings.recording, sound).on_event
    if settings.message.take:
        from firmware.app.left_messages import MessageTaker

        yield MessageTaker(settings.message, sound, tell, loop.call_later).on_event


def pages(settings: Settings, sound: SoundSystem, calls: Calls) -> Pages | None:
    """Announcements to groups of the network, and from them."""
    if not settings.paging:
        return None
    from firmware.app.pages import Pages

    def streams() -> list[str]:
        return [leg.sound for leg in calls.legs if leg.streaming and not leg.apart]

    return Pages(settings, sound, calls=streams, busy=lambda: bool(calls.legs))
