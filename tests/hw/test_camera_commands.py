"""hw/camera_commands.py: the command lines of the cameras' programs, word for word."""

from __future__ import annotations

from hw import camera_commands
from hw.settings import CameraKind, CameraSettings

PI = CameraSettings(CameraKind.RPICAM, device="0")
USB = CameraSettings(CameraKind.V4L2, device="/dev/video0", width=1280, height=720, fps=10, keyframe_s=2.0)


def test_a_raspberry_pi_camera_streams_baseline_with_repeated_parameter_sets_and_a_key_picture_a_second() -> None:
    assert " ".join(camera_commands.rpicam_video("/usr/bin/rpicam-vid", PI, 500)) == (
        "/usr/bin/rpicam-vid --camera 0 --timeout 0 --nopreview --verbose=0 --width 640 --height 480 --framerate 15"
        " --codec h264 --profile baseline --level 4 --bitrate 500000 --inline --flush --intra 15 --output -"
    )


def test_a_raspberry_pi_camera_takes_one_jpeg() -> None:
    assert " ".join(camera_commands.rpicam_still("rpicam-still", PI)) == (
        "rpicam-still --camera 0 --immediate --nopreview --verbose=0 --width 640 --height 480 --quality 85 --encoding jpg --output -"
    )


def test_a_usb_camera_is_encoded_in_slices_without_delay() -> None:
    assert " ".join(camera_commands.v4l2_video("ffmpeg", USB, 800)) == (
        "ffmpeg -nostdin -hide_banner -loglevel error -f v4l2 -framerate 10 -video_size 1280x720 -i /dev/video0"
        " -an -c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -pix_fmt yuv420p"
        " -b:v 800k -maxrate 800k -bufsize 800k -g 20 -r 10 -x264-params slice-max-size=1100:scenecut=0 -flush_packets 1 -f h264 pipe:1"
    )


def test_a_usb_camera_takes_one_jpeg() -> None:
    assert " ".join(camera_commands.v4l2_still("ffmpeg", USB)).endswith("-i /dev/video0 -frames:v 1 -q:v 4 -f mjpeg pipe:1")


def test_a_key_picture_of_the_stream_becomes_a_jpeg_without_the_device() -> None:
    command = camera_commands.still_of_stream("ffmpeg")
    assert "v4l2" not in command
    assert "-nostdin" not in command
    assert command[-1] == "pipe:1"


def test_there_is_a_key_picture_however_slow_the_camera() -> None:
    assert camera_commands.key_interval(PI._replace(fps=1, keyframe_s=0.2)) == 1
