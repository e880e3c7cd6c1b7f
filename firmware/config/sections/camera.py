"""The camera: [camera], [rtsp]."""

# Without `from __future__ import annotations`: `load` reads the types themselves (see `schema`).

import re
from typing import Annotated, Literal, NamedTuple

from firmware.config.checks import between, matching
from firmware.config.secrets import Secret
from firmware.config.sections.values import Text

is_size = matching(re.compile(r"[1-9]\d{2,3}x[1-9]\d{2,3}"), 'write width and height in pixels: "640x480"')


class Camera(NamedTuple):
    """[camera]: what the door shows in calls, and what it keeps of each ring."""

    source: Literal["none", "rpicam", "v4l2", "file"] = "none"  # a Raspberry Pi's own, a USB camera (needs ffmpeg), a file of H.264
    device: str = ""  # number of the Pi's camera, "/dev/video0", or the file; empty: the first camera
    size: Annotated[str, is_size] = "640x480"
    fps: Annotated[int, between(1, 30, "pictures a second")] = 15
    bitrate_kbps: Annotated[int, between(64, 8000, "kbit/s")] = 600  # at most; a phone that asks for less gets less
    keyframe_s: Annotated[float, between(0.5, 10, "s")] = 1.0  # how long whoever has lost a picture waits for a whole one
    in_calls: bool = True  # phones that can see
    snapshot: Literal["never", "ring"] = "ring"  # a JPEG at each press of a button
    path: Text = "/var/lib/portero/pictures"  # where they are kept
    keep_days: Annotated[int, between(1, 3650, "days")] = 30
    files_max: Annotated[int, between(1, 10_000)] = 100


class Rtsp(NamedTuple):
    """[rtsp]: the camera beside the call, for players, recorders and phones that fetch it."""

    port: Annotated[int, between(0, 65535)] = 0  # where it listens; 0: nobody may look
    bind: str = ""  # an address of this machine; empty: all of them
    user: Text = "door"
    password: Secret | None = None
    viewers_max: Annotated[int, between(1, 6)] = 2
