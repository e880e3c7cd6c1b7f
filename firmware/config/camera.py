"""Checks of [camera] as a whole."""

from __future__ import annotations

from firmware.config.problems import Report
from firmware.config.schema import Settings

MACROBLOCKS_MAX = 8160  # of 1920x1088: with 30 pictures a second the most that level 4.0 of H.264 bears (table A-1)


def check_camera(settings: Settings, report: Report) -> None:
    """Complain about a file that is not named, and about pictures that no phone could show."""
    camera = settings.camera
    if camera.source == "file" and not camera.device:
        report.complain(("camera", "source"), "no file is named", 'add: device = "/etc/portero/door.h264"')
    if camera.source == "rpicam" and camera.device and not camera.device.isdecimal():
        report.complain(("camera", "device"), f'"{camera.device}" is no number', "give a number that rpicam-hello --list-cameras shows")
    if camera.source == "v4l2" and camera.device and not camera.device.startswith("/dev/"):
        report.complain(("camera", "device"), f'"{camera.device}" is no device', 'give one such as "/dev/video0"')
    if report.sound(("camera", "size")):
        width, height = picture_size(camera.size)
        if width % 2 or height % 2:
            report.complain(
                ("camera", "size"), f"{camera.size} has an odd side", "give even numbers: colours have one value for two pixels"
            )
        if -(-width // 16) * -(-height // 16) > MACROBLOCKS_MAX:
            report.complain(("camera", "size"), f"{camera.size} is more than a phone shows", "give 1920x1080 or less")
    if settings.network.ice == "full" and camera.in_calls:
        report.warnings.append("network.ice is full: calls that the door places have no picture (docs/camera.md)")


def picture_size(text: str) -> tuple[int, int]:
    """Width and height of a checked `camera.size`."""
    width, _, height = text.partition("x")
    return int(width), int(height)
