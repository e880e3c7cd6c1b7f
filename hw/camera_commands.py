"""The programs that drive a camera: their command lines, pure. Both write H.264 (annex B) or one JPEG to their standard output.

`rpicam-vid` and `rpicam-still` belong to Raspberry Pi OS, which called them `libcamera-…` before 2023; the hardware of Zero 2 W, 3 and 4
encodes. `ffmpeg` drives USB cameras through Video4Linux and encodes with x264.
"""

from __future__ import annotations

from hw.settings import CameraSettings

RPICAM_VIDEO = ("rpicam-vid", "libcamera-vid")  # the first that is there
RPICAM_STILL = ("rpicam-still", "libcamera-still")  # of its kin, the one that need not wait
FFMPEG = ("ffmpeg",)
SLICE_BYTES = 1100  # each slice fits a datagram, so a lost one spoils a stripe, and receivers that take no fragments are served too
JPEG_QUALITY = 85


def rpicam_video(program: str, camera: CameraSettings, bitrate_kbps: int) -> tuple[str, ...]:
    """H.264 of a Raspberry Pi's camera, without end. `--inline` repeats the parameter sets before each key picture."""
    return (
        *(program, "--camera", camera.device, "--timeout", "0", "--nopreview", "--verbose=0"),
        *("--width", str(camera.width), "--height", str(camera.height), "--framerate", str(camera.fps)),
        *("--codec", "h264", "--profile", "baseline", "--level", "4", "--bitrate", str(bitrate_kbps * 1000)),
        *("--inline", "--flush", "--intra", str(key_interval(camera)), "--output", "-"),
    )


def rpicam_still(program: str, camera: CameraSettings) -> tuple[str, ...]:
    """One JPEG, without the five seconds of preview. An option with a value of its own kind (`--verbose`) takes it after an equals sign."""
    return (
        *(program, "--camera", camera.device, "--immediate", "--nopreview", "--verbose=0"),
        *("--width", str(camera.width), "--height", str(camera.height), "--quality", str(JPEG_QUALITY)),
        *("--encoding", "jpg", "--output", "-"),
    )


def v4l2_video(program: str, camera: CameraSettings, bitrate_kbps: int) -> tuple[str, ...]:
    """H.264 of a USB camera, without end: no look-ahead, no B pictures, one key picture every `key_interval`."""
    rate = f"{bitrate_kbps}k"
    return (
        *_v4l2_input(program, camera),
        *("-an", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline", "-pix_fmt", "yuv420p"),
        *("-b:v", rate, "-maxrate", rate, "-bufsize", rate, "-g", str(key_interval(camera)), "-r", str(camera.fps)),
        *("-x264-params", f"slice-max-size={SLICE_BYTES}:scenecut=0", "-flush_packets", "1", "-f", "h264", "pipe:1"),
    )


def v4l2_still(program: str, camera: CameraSettings) -> tuple[str, ...]:
    """One JPEG of a USB camera."""
    return (*_v4l2_input(program, camera), *_one_jpeg())


def still_of_stream(program: str) -> tuple[str, ...]:
    """One JPEG of a key picture that comes in on standard input: while a call has the camera, nobody else may open it."""
    return (program, "-hide_banner", "-loglevel", "error", "-f", "h264", "-i", "pipe:0", *_one_jpeg())


def key_interval(camera: CameraSettings) -> int:
    """Pictures from one key picture to the next."""
    return max(1, round(camera.fps * camera.keyframe_s))


def _v4l2_input(program: str, camera: CameraSettings) -> tuple[str, ...]:
    return (
        *(program, "-nostdin", "-hide_banner", "-loglevel", "error", "-f", "v4l2", "-framerate", str(camera.fps)),
        *("-video_size", f"{camera.width}x{camera.height}", "-i", camera.device),
    )


def _one_jpeg() -> tuple[str, ...]:
    return ("-frames:v", "1", "-q:v", "4", "-f", "mjpeg", "pipe:1")
