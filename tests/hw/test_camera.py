"""hw/camera.py and hw/camera_file.py: a camera's program that works, falls over, hangs, is missing; and a file in its place.

The programs are small Python scripts, so what is tested is what happens on the wall: processes, pipes and their ends.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from hw.api import CodedPicture, DeviceFault, HardwareError, HardwareEvent
from hw.build import build_camera
from hw.camera import ProcessCamera, RpicamPrograms, V4l2Programs, installed, is_jpeg
from hw.camera_file import FileCamera, read_pictures
from hw.settings import CameraKind, CameraSettings

LIMIT_S = 30.0
DATA = Path(__file__).parents[1] / "data" / "camera"
FILE, STILL = DATA / "door.h264", DATA / "door.jpg"
SHOWS = f"sys.stdout.buffer.write(open({str(FILE)!r}, 'rb').read()); sys.stdout.buffer.flush()"
STAYS = "import threading; threading.Event().wait()"
SETTINGS = CameraSettings(CameraKind.FILE, device=str(FILE), width=320, height=240)


class Scripts:
    """Programs of a camera: each start takes the next script, the last again and again."""

    def __init__(self, *videos: str, still: str = "") -> None:
        self.videos = videos
        self.still_script = still
        self.started: list[int] = []

    def video(self, bitrate_kbps: int) -> Sequence[str]:
        self.started.append(bitrate_kbps)
        return _script(self.videos[min(len(self.started), len(self.videos)) - 1])

    def still(self) -> Sequence[str]:
        return _script(self.still_script)


def _script(text: str) -> Sequence[str]:
    return (sys.executable, "-S", "-c", f"import sys; {text}")


class Watcher:
    """What a camera showed and said, from whatever thread."""

    def __init__(self) -> None:
        self.pictures: queue.Queue[CodedPicture] = queue.Queue()
        self.events: queue.Queue[HardwareEvent] = queue.Queue()

    def picture(self) -> CodedPicture:
        return self.pictures.get(timeout=LIMIT_S)

    def fault(self) -> DeviceFault:
        event = self.events.get(timeout=LIMIT_S)
        assert isinstance(event, DeviceFault)
        return event


def camera_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "camera"]


@contextmanager
def watching(programs: Scripts, *, silent_s: float = LIMIT_S) -> Iterator[tuple[ProcessCamera, Watcher]]:
    """A camera that is watched, and whose thread and program have ended with the block."""
    watcher = Watcher()
    camera = ProcessCamera(programs, watcher.events.put, again_s=(0.001,), silent_s=silent_s)
    camera.start(watcher.pictures.put, 300)
    try:
        yield camera, watcher
    finally:
        camera.stop()
        for thread in camera_threads():
            thread.join(LIMIT_S)
        assert camera_threads() == []


def test_pictures_are_shown_from_the_first_key_picture_on() -> None:
    cut = f"sys.stdout.buffer.write(open({str(FILE)!r}, 'rb').read()[8000:]); sys.stdout.buffer.flush()"
    programs = Scripts(f"{cut}; {STAYS}")
    with watching(programs) as (_, watcher):
        assert watcher.picture().is_key
        assert not watcher.picture().is_key
    assert programs.started == [300]
    assert watcher.events.empty()


def test_a_program_that_falls_over_is_one_fault_and_begins_again() -> None:
    programs = Scripts("sys.exit('no cameras available')", "sys.exit('no cameras available')", f"{SHOWS}; {STAYS}")
    with watching(programs) as (_, watcher):
        gone = watcher.fault()
        assert (gone.device, gone.working, gone.detail) == ("camera", False, "no picture: no cameras available")
        assert watcher.picture().is_key
        back = watcher.fault()
        assert (back.device, back.working) == ("camera", True)
        assert watcher.events.empty()
    assert len(programs.started) == 3


def test_a_program_that_ends_in_the_middle_begins_again_with_a_key_picture() -> None:
    with watching(Scripts(SHOWS, f"{SHOWS}; {STAYS}")) as (_, watcher):
        assert watcher.picture().is_key
        assert watcher.fault().detail == "no picture: the camera's program has ended"
        while not watcher.picture().is_key:
            pass
        assert watcher.fault().working


def test_a_program_that_hangs_is_ended_and_begun_again() -> None:
    with watching(Scripts(f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STAYS}"), silent_s=0.5) as (_, watcher):
        assert watcher.fault().detail == "no picture: nothing came for 0.5 s"


def test_a_talkative_program_fills_no_memory_and_is_not_blocked() -> None:
    chat = "sys.stderr.write('frame dropped\\n' * 20_000); sys.stderr.flush()"
    with watching(Scripts(f"{chat}; {SHOWS}; sys.exit('sensor lost')")) as (_, watcher):
        assert watcher.picture().is_key
        assert watcher.fault().detail == "no picture: sensor lost"


def test_a_program_that_is_not_there_is_a_fault_and_no_exception() -> None:
    def missing(names: Sequence[str]) -> str:
        raise HardwareError(f"{names[0]} is missing")

    watcher = Watcher()
    camera = ProcessCamera(RpicamPrograms(SETTINGS, missing), watcher.events.put)
    camera.start(watcher.pictures.put, 300)
    assert watcher.fault().detail == "no picture: rpicam-vid is missing"
    camera.stop()
    for thread in camera_threads():
        thread.join(LIMIT_S)
    with pytest.raises(HardwareError, match="rpicam-still is missing"):
        camera.snapshot()


def test_a_stopped_camera_can_be_started_again() -> None:
    programs = Scripts(f"{SHOWS}; {STAYS}")
    with watching(programs) as (camera, watcher):
        assert watcher.picture().is_key
        camera.stop()
        camera.stop()
        again: queue.Queue[CodedPicture] = queue.Queue()
        camera.start(again.put, 200)
        assert again.get(timeout=LIMIT_S).is_key
    assert programs.started == [300, 200]
    assert watcher.events.empty()


# --- still pictures ---------------------------------------------------------------------------------------------------


def still_of(script: str) -> bytes:
    return ProcessCamera(Scripts(still=script), lambda _event: None).snapshot()


def test_a_still_picture_is_what_the_program_writes() -> None:
    assert still_of(f"sys.stdout.buffer.write(open({str(STILL)!r}, 'rb').read())") == STILL.read_bytes()


@pytest.mark.parametrize(
    ("script", "why"),
    [("sys.exit('device busy')", "device busy"), ("sys.stdout.buffer.write(b'GIF89a')", "gave none"), ("pass", "gave none")],
)
def test_what_is_no_jpeg_is_an_error_that_says_why(script: str, why: str) -> None:
    with pytest.raises(HardwareError, match=why):
        still_of(script)


def test_while_a_call_has_the_camera_its_last_key_picture_becomes_the_still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    decoder = tmp_path / "ffmpeg"
    decoder.write_text(
        f"#!{sys.executable}\nimport sys\ndata = sys.stdin.buffer.read()\n"
        f"assert data[:5] == bytes((0, 0, 1, 0x67, 0x42))\nsys.stdout.buffer.write(open({str(STILL)!r}, 'rb').read())\n"
    )
    decoder.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with watching(Scripts(f"{SHOWS}; {STAYS}", still="sys.exit('device busy')")) as (camera, watcher):
        watcher.picture()
        assert camera.snapshot() == STILL.read_bytes()


def test_a_jpeg_begins_and_ends_as_one() -> None:
    assert is_jpeg(STILL.read_bytes())
    assert not is_jpeg(STILL.read_bytes()[:-10])
    assert not is_jpeg(b"\xff\xd8\xff" + bytes(5_000_000) + b"\xff\xd9")


def test_the_first_program_that_is_installed_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}/none:{tmp_path}")
    with pytest.raises(HardwareError, match="needs the program rpicam-vid"):
        installed(("rpicam-vid", "libcamera-vid"))
    (tmp_path / "libcamera-vid").touch(mode=0o755)
    assert installed(("rpicam-vid", "libcamera-vid")) == f"{tmp_path}/libcamera-vid"


# --- a file -----------------------------------------------------------------------------------------------------------


def test_a_file_is_played_over_and_over_and_a_wish_brings_a_key_picture() -> None:
    watcher = Watcher()
    camera = FileCamera(FILE, fps=1000)
    camera.start(watcher.pictures.put, 300)
    shown = [watcher.picture() for _ in range(70)]
    assert [place for place, picture in enumerate(shown) if picture.is_key] == [0, 30, 60]
    assert all(earlier.at_ns <= later.at_ns for earlier, later in pairwise(shown))
    camera.stop()
    for thread in camera_threads():
        thread.join(LIMIT_S)
    while not watcher.pictures.empty():
        watcher.pictures.get()
    camera.request_keyframe()
    camera.start(watcher.pictures.put, 300)
    assert watcher.picture().is_key
    camera.stop()
    for thread in camera_threads():
        thread.join(LIMIT_S)
    assert camera.snapshot() == STILL.read_bytes()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda _path: None, "No such file"),
        (lambda path: path.write_bytes(b"not a film"), "no key picture"),
        (lambda path: path.write_bytes(b"\x00\x00\x01\x41\x9a\x10"), "no key picture"),
    ],
)
def test_a_file_that_cannot_be_played_says_why(make: Callable[[Path], object], why: str, tmp_path: Path) -> None:
    make(tmp_path / "film.h264")
    with pytest.raises(HardwareError, match=why):
        read_pictures(tmp_path / "film.h264")


def test_a_file_without_a_still_says_so(tmp_path: Path) -> None:
    (tmp_path / "film.h264").write_bytes(FILE.read_bytes())
    with pytest.raises(HardwareError, match=r"no still picture: .*film\.jpg"):
        FileCamera(tmp_path / "film.h264", fps=15).snapshot()


# --- from settings ----------------------------------------------------------------------------------------------------


def test_each_kind_of_camera_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(build_camera(SETTINGS, lambda _event: None), FileCamera)
    for kind in (CameraKind.RPICAM, CameraKind.V4L2):
        camera = build_camera(SETTINGS._replace(kind=kind), lambda _event: None)
        assert isinstance(camera, ProcessCamera)
        monkeypatch.setenv("PATH", "")
        with pytest.raises(HardwareError, match="not installed"):
            camera.snapshot()


def test_the_programs_of_both_cameras_are_looked_for_by_name() -> None:
    assert RpicamPrograms(SETTINGS, lambda names: f"/bin/{names[0]}").video(300)[0] == "/bin/rpicam-vid"
    assert RpicamPrograms(SETTINGS, lambda names: f"/bin/{names[0]}").still()[0] == "/bin/rpicam-still"
    usb = V4l2Programs(SETTINGS, lambda names: f"/bin/{names[0]}")
    assert {usb.video(300)[0], usb.still()[0]} == {"/bin/ffmpeg"}
