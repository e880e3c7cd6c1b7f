"""The settings as a camera: what drives it, and what descriptions say of its picture."""

from __future__ import annotations

from firmware.config.camera import picture_size
from firmware.config.schema import Camera
from firmware.sdp.h264 import Picture
from hw.settings import CameraKind, CameraSettings

FIRST = {"rpicam": "0", "v4l2": "/dev/video0"}


def camera_settings(camera: Camera) -> CameraSettings:
    """What `hw.build.build_camera` makes one from; of a section whose source is not `none`."""
    width, height = picture_size(camera.size)
    return CameraSettings(
        kind=CameraKind(camera.source),
        device=camera.device or FIRST.get(camera.source, ""),
        width=width,
        height=height,
        fps=camera.fps,
        bitrate_kbps=camera.bitrate_kbps,
        keyframe_s=camera.keyframe_s,
    )


def picture(camera: Camera) -> Picture:
    """What the camera sends."""
    width, height = picture_size(camera.size)
    return Picture(width=width, height=height, fps=camera.fps, bitrate_kbps=camera.bitrate_kbps)
