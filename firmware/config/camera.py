"""Checks of [camera] and [rtsp]."""

from __future__ import annotations

from firmware.config.problems import Report
from firmware.config.schema import Settings
from firmware.config.transports import is_address

FREE_PORT_MIN = 1024  # lower ones need a right that the service does not have
PASSWORD_CHARS_MIN = 12  # digests of RTSP are MD5 over the password, and may be tried at leisure
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
    if settings.rtsp.port:
        _check_rtsp(settings, report)
    if settings.camera.source != "none" and settings.network.ice == "full" and camera.in_calls:
        report.warnings.append("network.ice is full: calls that the door places have no picture (docs/camera.md)")


def _check_rtsp(settings: Settings, report: Report) -> None:
    rtsp, network = settings.rtsp, settings.network
    if settings.camera.source == "none":
        report.complain(("rtsp", "port"), "there is no camera to look through", 'name one: [camera] source = "rpicam"')
    if rtsp.bind and not is_address(rtsp.bind):
        report.complain(("rtsp", "bind"), f'"{rtsp.bind}" is no IP address', "give an address of this machine, or leave the key out")
    if rtsp.port < FREE_PORT_MIN:
        report.complain(("rtsp", "port"), f"the service has no right to port {rtsp.port}", "give one from 1024 on: 8554")
    taken = [network.sip_port, network.tls_port, network.ws_port, network.wss_port, *([settings.web.port] if settings.web.enabled else [])]
    if rtsp.port in taken:
        report.complain(("rtsp", "port"), "another service has this port already", "give another: 8554")
    path = report.secret_of(("rtsp",))
    if rtsp.password is None:
        report.complain(("rtsp", "password"), "nobody may look without one", "add: password_file = …")
    elif report.sound(path) and len(rtsp.password.reveal()) < PASSWORD_CHARS_MIN:
        report.complain(path, "who overhears a viewer could guess it", f"give one of {PASSWORD_CHARS_MIN} characters or more")


def picture_size(text: str) -> tuple[int, int]:
    """Width and height of a checked `camera.size`."""
    width, _, height = text.partition("x")
    return int(width), int(height)
