"""firmware/config/camera.py: cameras that cannot be, and pictures that no phone shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.app.wiring.accounts import agent_settings
from firmware.app.wiring.camera import camera_settings, picture
from firmware.config.camera import picture_size
from firmware.sdp.h264 import Picture
from hw.settings import CameraKind, CameraSettings
from tests.config.test_transports import complaints, loaded


def camera(*lines: str) -> str:
    return "\n".join(("[camera]", *lines, ""))


def test_no_camera_is_the_default(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").camera.source == "none"


@pytest.mark.parametrize(
    ("lines", "device"),
    [
        (('source = "rpicam"',), "0"),
        (('source = "rpicam"', 'device = "1"'), "1"),
        (('source = "v4l2"',), "/dev/video0"),
        (('source = "v4l2"', 'device = "/dev/v4l/by-id/usb-cam"'), "/dev/v4l/by-id/usb-cam"),
        (('source = "file"', 'device = "/srv/door.h264"'), "/srv/door.h264"),
    ],
)
def test_the_first_camera_is_taken_unless_another_is_named(tmp_path: Path, lines: tuple[str, ...], device: str) -> None:
    section = loaded(tmp_path, camera(*lines)).camera
    assert camera_settings(section) == CameraSettings(CameraKind(section.source), device=device)
    assert picture(section) == Picture(width=640, height=480, fps=15, bitrate_kbps=600)


def test_size_rate_and_key_pictures_reach_the_driver(tmp_path: Path) -> None:
    lines = ('source = "rpicam"', 'size = "1280x720"', "fps = 10", "bitrate_kbps = 1500", "keyframe_s = 2")
    wanted = camera_settings(loaded(tmp_path, camera(*lines)).camera)
    assert (wanted.width, wanted.height, wanted.fps, wanted.bitrate_kbps, wanted.keyframe_s) == (1280, 720, 10, 1500, 2.0)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (('source = "film"',), 'line 2, camera.source: "film" is not known here; give "none" or "rpicam" or "v4l2" or "file"'),
        (('source = "file"',), 'line 2, camera.source: no file is named; add: device = "/etc/portero/door.h264"'),
        (('source = "rpicam"', 'device = "/dev/video0"'), 'line 3, camera.device: "/dev/video0" is no number; give a number that'),
        (('source = "v4l2"', 'device = "0"'), 'line 3, camera.device: "0" is no device; give one such as "/dev/video0"'),
        (('source = "v4l2"', 'size = "vga"'), "camera.size: 'vga' is not usable here; write width and height in pixels"),
        (('source = "v4l2"', 'size = "641x480"'), "camera.size: 641x480 has an odd side; give even numbers"),
        (('source = "v4l2"', 'size = "3840x2160"'), "camera.size: 3840x2160 is more than a phone shows; give 1920x1080 or less"),
        (('source = "v4l2"', "fps = 60"), "camera.fps: 60 is out of range; give a number from 1 to 30"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(tmp_path: Path, lines: tuple[str, ...], complaint: str) -> None:
    assert complaint in complaints(tmp_path, camera(*lines))


@pytest.mark.parametrize("size", ["1920x1080", "1920x1088", "1080x1920"])
def test_every_size_that_is_let_through_has_a_level(tmp_path: Path, size: str) -> None:
    section = loaded(tmp_path, camera('source = "v4l2"', f'size = "{size}"', "fps = 30", "bitrate_kbps = 8000")).camera
    assert picture(section).level().idc <= 40
    assert picture_size(size) == (int(size[:4]), int(size[5:]))


def test_a_door_that_looks_for_ways_itself_is_told_that_it_shows_nothing(tmp_path: Path) -> None:
    warnings = loaded(tmp_path, '[network]\nice = "full"\n' + camera('source = "rpicam"')).warnings
    assert any("no picture" in warning for warning in warnings)
    assert (
        loaded(tmp_path, '[network]\nice = "full"\n' + camera('source = "rpicam"', "in_calls = false")).warnings
        == loaded(tmp_path, "").warnings
    )


def test_only_who_shows_pictures_is_asked_for_them(tmp_path: Path) -> None:
    wish = "application/media_control+xml"
    assert wish not in agent_settings(loaded(tmp_path, "")).info_types
    assert wish in agent_settings(loaded(tmp_path, camera('source = "rpicam"'))).info_types
    assert wish not in agent_settings(loaded(tmp_path, camera('source = "rpicam"', "in_calls = false"))).info_types


LOOKED_THROUGH = ('source = "rpicam"', "[rtsp]", "port = 8554", 'password = "long enough to be safe"')


def test_a_camera_may_be_looked_through(tmp_path: Path) -> None:
    assert loaded(tmp_path, camera(*LOOKED_THROUGH)).rtsp.port == 8554


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (LOOKED_THROUGH[1:], 'rtsp.port: there is no camera to look through; name one: [camera] source = "rpicam"'),
        (LOOKED_THROUGH[:3], "rtsp.password: nobody may look without one; add: password_file = …"),
        ((*LOOKED_THROUGH[:3], 'password = "door"'), "rtsp.password: who overhears a viewer could guess it; give one of 12 characters"),
        ((*LOOKED_THROUGH[:2], "port = 554", LOOKED_THROUGH[3]), "rtsp.port: the service has no right to port 554; give one from 1024 on"),
        ((*LOOKED_THROUGH[:2], "port = 5060", LOOKED_THROUGH[3]), "rtsp.port: another service has this port already; give another: 8554"),
        ((*LOOKED_THROUGH, 'bind = "door.lan"'), 'rtsp.bind: "door.lan" is no IP address; give an address of this machine'),
    ],
)
def test_nobody_looks_through_a_camera_by_mistake(tmp_path: Path, lines: tuple[str, ...], complaint: str) -> None:
    assert complaint in complaints(tmp_path, camera(*lines))
