"""firmware/app/ring_pictures.py: one picture a ring, bounded, whole or not there, and never in the way of the ring."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.app.ring_pictures import RingPictures, kept, prune, read
from firmware.config.schema import Button, Camera, Settings
from firmware.door import events as door
from hw.api import CodedPicture, HardwareError
from tests.app.house import house, settings

DATA = Path(__file__).parents[1] / "data" / "camera"
STILL = (DATA / "door.jpg").read_bytes()
LIMIT_S = 30.0
NOW_S = time.mktime((2026, 11, 28, 17, 55, 12, 0, 0, -1))
NAMES = ("20261126-101500-1.jpg", "20261127-101500-2.jpg", "20261128-101500-10.jpg", "20261128-101501-9.jpg")


class FakeCamera:
    """Gives a picture when the test lets it, or an error."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.error: str | None = None
        self.asked = 0

    def snapshot(self) -> bytes:
        self.asked += 1
        assert self.gate.wait(LIMIT_S)
        if self.error is not None:
            raise HardwareError(self.error)
        return STILL

    def start(self, show: Callable[[CodedPicture], None], bitrate_kbps: int) -> None:
        raise AssertionError("nobody sees")

    def request_keyframe(self) -> None:
        raise AssertionError("nobody sees")

    def stop(self) -> None:
        raise AssertionError("nobody sees")


class Rig:
    def __init__(self, folder: Path, **changes: int) -> None:
        self.folder = folder / "pictures"
        self.camera = FakeCamera()
        self.told: list[door.Input] = []
        self._changed = asyncio.Event()
        wanted = Camera(source="rpicam", path=str(self.folder))._replace(**changes)  # type: ignore[arg-type]  # numbers of Camera, by whoever calls
        self.taker = RingPictures(wanted, self.camera, self._tell, clock=lambda: NOW_S)

    def press(self, number: int = 7) -> None:
        self.taker.on_event(door.Pressed(press=door.PressId(number), button=door.ButtonName("bell")))

    async def until_told(self, count: int) -> None:
        async with asyncio.timeout(LIMIT_S):
            while len(self.told) < count:
                self._changed.clear()
                await self._changed.wait()

    def _tell(self, given: door.Input) -> None:
        self.told.append(given)
        self._changed.set()


def filled(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*NAMES, "notes.txt", "20261128-101500-11.jpg.part"):
        (folder / name).write_bytes(name.encode())
    return folder


def test_a_ring_leaves_one_whole_picture_and_the_journal_its_name(tmp_path: Path) -> None:
    async def scene() -> None:
        rig = Rig(tmp_path)
        rig.taker.on_event(door.Answered(call=door.CallName("c"), party="anna"))
        rig.press()
        await rig.until_told(1)
        taken = door.PictureTaken(file="20261128-175512-7.jpg", press=door.PressId(7), button=door.ButtonName("bell"))
        assert rig.told == [taken]
        assert (rig.folder / taken.file).read_bytes() == STILL
        assert os.listdir(rig.folder) == [taken.file]
        assert rig.camera.asked == 1

    asyncio.run(scene())


def test_a_second_press_meanwhile_waits_for_no_picture(tmp_path: Path) -> None:
    async def scene() -> None:
        rig = Rig(tmp_path)
        rig.camera.gate.clear()
        rig.press(1)
        rig.press(2)
        rig.camera.gate.set()
        await rig.until_told(1)
        rig.press(3)
        await rig.until_told(2)
        assert [told.press for told in rig.told if isinstance(told, door.PictureTaken)] == [1, 3]

    asyncio.run(scene())


def test_a_camera_that_is_gone_is_told_once_and_once_when_it_is_back(tmp_path: Path) -> None:
    async def scene() -> None:
        rig = Rig(tmp_path)
        rig.camera.error = "no cameras available"
        rig.press(1)
        await rig.until_told(1)
        rig.press(2)
        async with asyncio.timeout(LIMIT_S):
            while rig.taker._is_taking:
                await asyncio.sleep(0)
        rig.camera.error = None
        rig.press(3)
        await rig.until_told(3)
        gone, back, taken = rig.told
        assert gone == door.HealthChanged(part="pictures", working=False, detail="no picture of the ring: no cameras available")
        assert isinstance(back, door.HealthChanged)
        assert back.working
        assert isinstance(taken, door.PictureTaken)

    asyncio.run(scene())


def test_a_folder_that_cannot_be_written_costs_the_picture_only(tmp_path: Path) -> None:
    async def scene() -> None:
        rig = Rig(tmp_path)
        rig.folder.write_bytes(b"a file in its place")
        rig.press()
        await rig.until_told(1)
        assert isinstance(rig.told[0], door.HealthChanged)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("keep_days", "files_max", "left"),
    [(30, 100, NAMES), (30, 3, NAMES[2:]), (1, 100, NAMES[2:]), (30, 1, ()), (30, 2, NAMES[3:])],
)
def test_old_pictures_and_the_oldest_make_room_for_one_more(tmp_path: Path, keep_days: int, files_max: int, left: tuple[str, ...]) -> None:
    folder = filled(tmp_path)
    prune(folder, Camera(keep_days=keep_days, files_max=files_max), NOW_S)
    assert sorted(os.listdir(folder)) == [*left, "notes.txt"]


def test_the_newest_come_first_and_only_pictures(tmp_path: Path) -> None:
    assert [each.file for each in kept(filled(tmp_path), 3)] == list(reversed(NAMES[1:]))
    assert kept(tmp_path, 1)[0].at_s == time.mktime((2026, 11, 28, 10, 15, 1, 0, 0, -1))
    assert kept(tmp_path / "none", 3) == ()


@pytest.mark.parametrize("name", ["notes.txt", "../20261126-101500-1.jpg", "20261126-101500-1.jpg/..", "", "20261128-101500-11.jpg.part"])
def test_no_other_file_is_ever_read(tmp_path: Path, name: str) -> None:
    filled(tmp_path / "pictures")
    filled(tmp_path)
    assert read(tmp_path / "pictures", name) is None
    assert read(tmp_path / "pictures", "20270101-000000-1.jpg") is None
    assert read(tmp_path / "pictures", NAMES[0]) == NAMES[0].encode()


def with_film(folder: Path, wanted: Settings) -> Settings:
    film = wanted.camera._replace(source="file", device=str(DATA / "door.h264"), path=str(folder / "pictures"))
    return wanted._replace(camera=film)


def test_a_press_at_a_station_is_pictured(tmp_path: Path) -> None:
    async def scene() -> None:
        wanted = settings(tmp_path)._replace(button=(Button(name="bell"),))
        async with house(with_film(tmp_path, wanted)) as lived:
            lived.board.press("bell")
            await lived.until(door.PictureTaken)
            (taken,) = lived.of(door.PictureTaken)
            assert isinstance(taken, door.PictureTaken)
            assert read(tmp_path / "pictures", taken.file) == STILL
            assert lived.of(door.Pressed) == [door.Pressed(press=taken.press, button=taken.button)]

    asyncio.run(scene())
