"""What a USB camera's program is asked for, by the program itself: ffmpeg, with a pattern to film where no camera is."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hw import camera_commands
from hw.camera import is_jpeg
from hw.camera_file import END, read_pictures
from hw.decode.annex_b import KEY_SLICE, PPS, SPS, START, AnnexB, unit_type
from hw.settings import CameraKind, CameraSettings

LIMIT_S = 60
USB = CameraSettings(CameraKind.V4L2, device="/dev/video0", fps=15)
PICTURES = 45


def filmed(command: tuple[str, ...], *more: str) -> bytes:
    """What the command writes when a moving pattern stands in front of a camera that is not there."""
    at = command.index("-i")
    pattern = ("-f", "lavfi", "-i", f"testsrc2=size={USB.width}x{USB.height}:rate={USB.fps}")
    whole = (*command[: command.index("-f")], *pattern, *command[at + 2 : -1], *more, command[-1])
    done = subprocess.run(whole, capture_output=True, check=False, timeout=LIMIT_S)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    return done.stdout


def test_a_usb_camera_gives_baseline_pictures_in_slices_that_fit_a_datagram() -> None:
    stream = filmed(camera_commands.v4l2_video("ffmpeg", USB, 600), "-frames:v", str(PICTURES))
    pictures = AnnexB().feed(stream + END, 0)
    assert len(pictures) == PICTURES
    assert [place for place, picture in enumerate(pictures) if picture.is_key] == [0, 15, 30]
    for picture in pictures:
        kinds = [unit_type(unit) for unit in picture.units]
        assert not picture.is_key or (kinds[:2] == [SPS, PPS] and set(kinds[2:]) <= {6, KEY_SLICE})
        assert max(len(unit) for unit in picture.units) <= camera_commands.SLICE_BYTES
    parameters = pictures[0].units[0]
    assert parameters[1] == 0x42  # profile_idc 66, Baseline (H.264 §7.3.2.1.1)
    assert parameters[2] & 0x40  # constraint_set1_flag: Constrained Baseline (A.2.1.1)
    octets = sum(len(unit) for picture in pictures for unit in picture.units)
    assert octets * 8 * USB.fps / PICTURES / 1000 < 1.5 * 600


def test_a_usb_camera_gives_one_jpeg() -> None:
    assert is_jpeg(filmed(camera_commands.v4l2_still("ffmpeg", USB)))


def test_a_key_picture_of_a_call_becomes_a_jpeg() -> None:
    film = Path(__file__).parents[1] / "data" / "camera" / "door.h264"
    stream = b"".join(START + unit for unit in read_pictures(film)[0].units)
    done = subprocess.run(camera_commands.still_of_stream("ffmpeg"), input=stream, capture_output=True, check=False, timeout=LIMIT_S)
    assert is_jpeg(done.stdout), done.stderr.decode()
