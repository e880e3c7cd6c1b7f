"""A camera behind a program of its own that writes H.264 into a pipe, and is started again when it ends.

One thread for each time that somebody watches; it ends with the watching. The device is one: a still picture and a stream take turns.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from hw.api import CodedPicture, DeviceFault, HardwareError, Sink
from hw.camera_commands import FFMPEG, RPICAM_STILL, RPICAM_VIDEO, rpicam_still, rpicam_video, still_of_stream, v4l2_still, v4l2_video
from hw.decode.annex_b import START, AnnexB
from hw.settings import CameraSettings

DEVICE = "camera"
READ_BYTES = 65_536  # what a pipe holds (pipe(7))
SILENT_S = 5.0  # a camera that has begun and shows nothing for so long hangs; some need two seconds to begin
AGAIN_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # between two attempts; the last one is repeated
STILL_S = 8.0  # a slow board needs two for its first picture
STILL_BYTES_MAX = 4_000_000
END_S = 1.0  # how long a program may take to end before it is killed
COMPLAINT_BYTES = 2_048  # of what a program says of its trouble, the end
COMPLAINTS_MAX = 40  # reads of it when the program has ended: a full pipe


class Programs(Protocol):
    """What a kind of camera is driven with. Each raises HardwareError when the program is not installed."""

    def video(self, bitrate_kbps: int) -> Sequence[str]: ...
    def still(self) -> Sequence[str]: ...


class RpicamPrograms:
    """A camera at a Raspberry Pi's own socket."""

    def __init__(self, settings: CameraSettings, find: Callable[[Sequence[str]], str]) -> None:
        self._settings = settings
        self._find = find

    def video(self, bitrate_kbps: int) -> Sequence[str]:
        return rpicam_video(self._find(RPICAM_VIDEO), self._settings, bitrate_kbps)

    def still(self) -> Sequence[str]:
        return rpicam_still(self._find(RPICAM_STILL), self._settings)


class V4l2Programs:
    """A USB camera."""

    def __init__(self, settings: CameraSettings, find: Callable[[Sequence[str]], str]) -> None:
        self._settings = settings
        self._find = find

    def video(self, bitrate_kbps: int) -> Sequence[str]:
        return v4l2_video(self._find(FFMPEG), self._settings, bitrate_kbps)

    def still(self) -> Sequence[str]:
        return v4l2_still(self._find(FFMPEG), self._settings)


def installed(names: Sequence[str]) -> str:
    """The path of the first of these programs that is there. Raises HardwareError."""
    for name in names:
        for folder in os.get_exec_path():
            path = Path(folder, name)
            if os.access(path, os.X_OK):
                return str(path)
    raise HardwareError(f"the camera needs the program {names[0]}, which is not installed")


class ProcessCamera:
    """Implements `hw.api.Camera`."""

    def __init__(self, programs: Programs, sink: Sink, *, again_s: Sequence[float] = AGAIN_S, silent_s: float = SILENT_S) -> None:
        self._programs = programs
        self._sink = sink
        self._again_s = again_s
        self._silent_s = silent_s
        self._device = threading.Lock()  # whoever holds it has the camera open
        self._watch: _Watch | None = None
        self._is_faulty = False

    def start(self, show: Callable[[CodedPicture], None], bitrate_kbps: int) -> None:
        assert self._watch is None, "stopped before it is started again"
        self._watch = _Watch(self, show, bitrate_kbps)
        self._watch.start()

    def request_keyframe(self) -> None:
        """Neither program can be asked; each makes one every `keyframe_s` by itself."""

    def stop(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.end()

    def snapshot(self) -> bytes:
        watch = self._watch
        key = None if watch is None else watch.last_key
        if key is not None:
            # A call has the camera. Its last key picture becomes the still one, where there is a decoder.
            stream = b"".join(START + unit for unit in key.units)
            return _run(still_of_stream(installed(FFMPEG)), stream)
        if not self._device.acquire(timeout=STILL_S):
            raise HardwareError("the camera is busy")
        try:
            return _run(self._programs.still(), b"")
        finally:
            self._device.release()

    def tell(self, *, working: bool, detail: str) -> None:
        """News only: a camera that stays away is one fault."""
        if self._is_faulty != working:
            return
        self._is_faulty = not working
        self._sink(DeviceFault(device=DEVICE, working=working, detail=detail, at_ns=time.monotonic_ns()))


class _Watch:
    """One time that somebody watches: its thread, and the program that runs for it."""

    def __init__(self, camera: ProcessCamera, show: Callable[[CodedPicture], None], bitrate_kbps: int) -> None:
        self._camera = camera
        self._show = show
        self._bitrate_kbps = bitrate_kbps
        self._ended = threading.Event()
        self._lock = threading.Lock()  # guards _program against the end
        self._program: subprocess.Popen[bytes] | None = None
        self.last_key: CodedPicture | None = None

    def start(self) -> None:
        threading.Thread(target=self._run, name="camera", daemon=True).start()

    def end(self) -> None:
        """Let the program go; the thread follows."""
        self._ended.set()
        with self._lock:
            if self._program is not None:
                self._program.terminate()

    def _run(self) -> None:
        attempt = 0
        while not self._ended.is_set():
            shown, why = self._once()
            if self._ended.is_set():
                return
            attempt = 0 if shown else attempt
            self.last_key = None
            self._camera.tell(working=False, detail=f"no picture: {why}")
            waits = self._camera._again_s
            self._ended.wait(waits[min(attempt, len(waits) - 1)])
            attempt += 1

    def _once(self) -> tuple[int, str]:
        """One life of the program: how many pictures it showed, and why it ended."""
        with self._camera._device:
            try:
                command = self._camera._programs.video(self._bitrate_kbps)
                program = self._begin(command)
            except (HardwareError, OSError) as error:
                return 0, str(error)
            if program is None:
                return 0, "ended"
            with _ending(program):
                return self._read(program)

    def _begin(self, command: Sequence[str]) -> subprocess.Popen[bytes] | None:
        """The program, None when the watching has ended meanwhile."""
        with self._lock:
            if self._ended.is_set():
                return None
            pipe = subprocess.PIPE
            self._program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)  # noqa: S603 -- our own command
            return self._program

    def _read(self, program: subprocess.Popen[bytes]) -> tuple[int, str]:
        assert program.stdout is not None, "a pipe"
        assert program.stderr is not None, "a pipe"
        out, complaints = program.stdout.fileno(), program.stderr.fileno()
        splitter, said, shown = AnnexB(), b"", 0
        waiting = [out, complaints]
        while out in waiting:
            ready, _, _ = select.select(waiting, [], [], self._camera._silent_s)
            if not ready:
                return shown, f"nothing came for {self._camera._silent_s:g} s"
            if complaints in ready:
                more = os.read(complaints, COMPLAINT_BYTES)
                said = (said + more)[-COMPLAINT_BYTES:]
                if not more:
                    waiting.remove(complaints)
            if out in ready:
                data = os.read(out, READ_BYTES)
                if not data:
                    break
                for picture in splitter.feed(data, time.monotonic_ns()):
                    shown += self._take(picture, is_first=shown == 0)
        os.set_blocking(complaints, False)
        with contextlib.suppress(BlockingIOError):  # a child of the program holds the pipe
            for _ in range(COMPLAINTS_MAX):
                said = (said + os.read(complaints, COMPLAINT_BYTES))[-COMPLAINT_BYTES:]
        return shown, _last_line(said) or "the camera's program has ended"

    def _take(self, picture: CodedPicture, *, is_first: bool) -> bool:
        """Whether the picture was shown: nobody can decode what comes before the first key picture."""
        if self._ended.is_set() or (is_first and not picture.is_key):
            return False
        if picture.is_key:
            self.last_key = picture
        if is_first:
            self._camera.tell(working=True, detail="the camera shows pictures again")
        self._show(picture)
        return True


@contextlib.contextmanager
def _ending(program: subprocess.Popen[bytes]) -> Iterator[None]:
    """Neither process nor pipe outlives the block."""
    with program:
        try:
            yield
        finally:
            program.terminate()
            try:
                program.wait(END_S)
            except subprocess.TimeoutExpired:
                program.kill()


def _run(command: Sequence[str], given: bytes) -> bytes:
    """What the program writes. Raises HardwareError when it is no JPEG."""
    try:
        done = subprocess.run(command, input=given, capture_output=True, check=False, timeout=STILL_S)  # noqa: S603 -- our own command
    except subprocess.TimeoutExpired as error:
        raise HardwareError(f"no picture from the camera within {STILL_S:g} s") from error
    except OSError as error:
        raise HardwareError(f"the camera's program cannot run: {error}") from error
    if not is_jpeg(done.stdout):
        raise HardwareError(f"no picture: {_last_line(done.stderr) or f'{Path(command[0]).name} gave none'}")
    return done.stdout


def is_jpeg(data: bytes) -> bool:
    """Whether it begins and ends as one, and is no larger than a picture of a door (ITU-T T.81 annex B.1.1.3: SOI, EOI)."""
    return len(data) <= STILL_BYTES_MAX and data.startswith(b"\xff\xd8\xff") and data.rstrip(b"\x00").endswith(b"\xff\xd9")


def _last_line(said: bytes) -> str:
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
