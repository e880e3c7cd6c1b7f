"""The watchdog is fed while all vitals are well, and only then."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.app.notify import Notifier
from firmware.app.watchdog import AUDIO_SILENCE_NS_MAX, TASK_NS_MAX, Watchdog, audio_vital, task_vital


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(0)
        yield receiver


def heard(manager: socket.socket) -> list[bytes]:
    messages = []
    while True:
        try:
            messages.append(manager.recv(4096))
        except BlockingIOError:
            return messages


def watchdog(manager: socket.socket, *ills: str | None) -> tuple[Watchdog, Notifier]:
    notifier = Notifier(manager.getsockname())
    vitals = tuple((lambda _now_ns, ill=ill: ill) for ill in ills)
    return Watchdog(notifier, 15.0, vitals, lambda: 0), notifier


def test_it_is_fed_when_all_are_well(manager: socket.socket) -> None:
    dog, notifier = watchdog(manager, None, None)
    dog.beat()
    notifier.close()
    assert heard(manager) == [b"WATCHDOG=1"]


def test_one_ill_part_stops_the_feed_and_is_named_in_the_status(manager: socket.socket, caplog: pytest.LogCaptureFixture) -> None:
    dog, notifier = watchdog(manager, None, "the journal is stuck")
    dog.beat()
    notifier.close()
    assert heard(manager) == [b"STATUS=not well: the journal is stuck"]
    assert "the journal is stuck" in caplog.text


def test_started_it_feeds_at_once_and_keeps_one_timer(manager: socket.socket) -> None:
    async def scenario() -> float:
        dog, notifier = watchdog(manager)
        dog.start()
        timer = dog._timer
        assert timer is not None
        delay_s = timer.when() - asyncio.get_running_loop().time()
        dog.stop()
        assert timer.cancelled()
        notifier.close()
        return delay_s

    assert asyncio.run(scenario()) == pytest.approx(15.0, abs=1.0)
    assert heard(manager) == [b"WATCHDOG=1"]


def test_the_audio_thread_is_watched_only_while_a_call_runs() -> None:
    assert audio_vital(lambda _now_ns: None)(10**12) is None


def test_the_audio_thread_may_be_late_by_its_limit_and_no_more() -> None:
    check = audio_vital(lambda _now_ns: 5_000)
    assert check(5_000 + AUDIO_SILENCE_NS_MAX) is None
    assert check(5_000 + AUDIO_SILENCE_NS_MAX + 1) == "the audio thread has not moved for 2.0 s"


def test_a_task_may_take_its_limit_and_no_more() -> None:
    started: list[int | None] = [None]
    check = task_vital("the door", lambda: started[0])
    assert check(TASK_NS_MAX * 2) is None
    started[0] = 0
    assert check(TASK_NS_MAX) is None
    assert check(TASK_NS_MAX + 1) == "the door has been busy with one thing for 10 s"
