"""A camera that plays a file of H.264 over and over: what tests and the simulated door look at.

Beside `door.h264` may lie `door.jpg`, the still picture.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from hw.api import CodedPicture, HardwareError
from hw.decode.annex_b import DELIMITER, START, AnnexB

FILE_BYTES_MAX = 32_000_000  # it stays in memory; a minute of VGA has 5 MB
END = START + bytes((DELIMITER, 0xF0))  # a delimiter behind the last picture ends it


class FileCamera:
    """Implements `hw.api.Camera`."""

    def __init__(self, path: Path, *, fps: int) -> None:
        """Reads the file. Raises HardwareError when it is not there, or holds no picture that can be decoded by itself."""
        self._path = path
        self._period_s = 1 / fps
        self._pictures = read_pictures(path)
        self._ended = threading.Event()
        self._wants_key = threading.Event()

    def start(self, show: Callable[[CodedPicture], None], bitrate_kbps: int) -> None:
        self._ended = ended = threading.Event()
        threading.Thread(target=self._play, args=(show, ended), name="camera", daemon=True).start()

    def request_keyframe(self) -> None:
        self._wants_key.set()

    def stop(self) -> None:
        self._ended.set()

    def snapshot(self) -> bytes:
        still = self._path.with_suffix(".jpg")
        try:
            return still.read_bytes()
        except OSError as error:
            raise HardwareError(f"no still picture: {still}: {error.strerror}") from error

    def _play(self, show: Callable[[CodedPicture], None], ended: threading.Event) -> None:
        place = 0
        due_s = time.monotonic()
        while not ended.is_set():
            if self._wants_key.is_set():
                self._wants_key.clear()
                place = 0
            show(self._pictures[place]._replace(at_ns=time.monotonic_ns()))
            place = (place + 1) % len(self._pictures)
            due_s = max(due_s + self._period_s, time.monotonic())
            ended.wait(due_s - time.monotonic())


def read_pictures(path: Path) -> tuple[CodedPicture, ...]:
    """The pictures of a file from the first key picture on. Raises HardwareError."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise HardwareError(f"no pictures: {path}: {error.strerror}") from error
    if len(data) > FILE_BYTES_MAX:
        raise HardwareError(f"{path} is larger than {FILE_BYTES_MAX // 1_000_000} MB")
    pictures = AnnexB().feed(data + END, 0)
    first = next((place for place, picture in enumerate(pictures) if picture.is_key), None)
    if first is None:
        raise HardwareError(f"{path} holds no key picture of H.264 (annex B)")
    return pictures[first:]
