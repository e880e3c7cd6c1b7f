"""The thread that keeps deadlines. Its time is real, so these tests wait for what must happen and never measure how long it took."""

from __future__ import annotations

import os
import queue
import select
import threading
import time
from functools import partial
from typing import Any

import pytest

from hw.api import HardwareError
from hw.keeper import Heard, Keeper, earliest_ns

WITHIN_S = 30.0  # far beyond anything but a hang


class Alarm:
    """One deadline and the thread that kept it."""

    def __init__(self, at_ns: int | None = None) -> None:
        self.at_ns = at_ns
        self.rang = threading.Event()
        self.thread: threading.Thread | None = None

    def deadline_ns(self) -> int | None:
        return self.at_ns

    def expire(self, now_ns: int) -> None:
        if self.at_ns is not None and now_ns >= self.at_ns:
            self.at_ns = None
            self.thread = threading.current_thread()
            self.rang.set()


class Broken(Alarm):
    """An alarm whose ringing fails."""

    def expire(self, now_ns: int) -> None:
        raise RuntimeError(f"broken at {now_ns}")


def test_the_earliest_of_all_deadlines_is_found() -> None:
    assert earliest_ns([Alarm(5), Alarm(), Alarm(3)]) == 3
    assert earliest_ns([Alarm()]) is None
    assert earliest_ns([]) is None


def test_a_deadline_that_comes_while_it_waits_is_kept_on_its_own_thread() -> None:
    late, alarm = Alarm(time.monotonic_ns() + 3600 * 10**9), Alarm()
    keeper = Keeper("test-keeper", (late, alarm))
    keeper.start()
    alarm.at_ns = time.monotonic_ns() + 1_000_000
    keeper.wake()
    assert alarm.rang.wait(WITHIN_S)
    assert alarm.thread is not threading.current_thread()
    keeper.close()
    assert not late.rang.is_set()


class Pipe:
    """A source: each byte is something that happened so many nanoseconds ago."""

    def __init__(self, told: queue.SimpleQueue[int]) -> None:
        self._told = told
        self._read_end, self._write_end = os.pipe()

    def fileno(self) -> int:
        return self._read_end

    def hear(self) -> list[Heard]:
        return [Heard(-age, partial(self._told.put, age)) for age in os.read(self._read_end, 100)]

    def happen(self, *ages: int) -> None:
        os.write(self._write_end, bytes(ages))

    def close(self) -> None:
        os.close(self._read_end)
        os.close(self._write_end)


def test_what_has_happened_is_told_in_order_of_time_whatever_it_came_by() -> None:
    told: queue.SimpleQueue[int] = queue.SimpleQueue()
    one, other = Pipe(told), Pipe(told)
    keeper = Keeper("test-keeper", ())
    keeper.listen(one)
    keeper.listen(other)
    one.happen(9, 7, 5)
    other.happen(8, 6)
    keeper.start()
    assert [told.get(timeout=WITHIN_S) for _ in range(5)] == [9, 8, 7, 6, 5]
    keeper.forget(other)
    other.happen(4)
    one.happen(3)
    assert told.get(timeout=WITHIN_S) == 3
    keeper.close()
    for each in (one, other):
        each.close()


def test_what_waits_is_told_before_a_deadline_is_judged() -> None:
    told: queue.SimpleQueue[int] = queue.SimpleQueue()

    class Last(Alarm):
        def expire(self, now_ns: int) -> None:
            if self.at_ns is not None:
                told.put(0)
            super().expire(now_ns)

    source = Pipe(told)
    keeper = Keeper("test-keeper", (Last(1),))  # overdue before the thread begins
    keeper.listen(source)
    source.happen(1)
    keeper.start()
    assert [told.get(timeout=WITHIN_S) for _ in range(2)] == [1, 0]
    keeper.close()
    source.close()


def test_it_sleeps_without_a_time_while_there_is_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: queue.SimpleQueue[float | None] = queue.SimpleQueue()
    real = select.select

    def noted(*arguments: Any) -> Any:  # as loosely typed as the function in whose place it stands
        slept.put(arguments[3])
        return real(*arguments)

    monkeypatch.setattr("hw.keeper.select.select", noted)
    keeper = Keeper("test-keeper", ())
    keeper.start()
    assert slept.get(timeout=WITHIN_S) is None
    keeper.close()
    assert slept.empty()
    keeper.wake()  # nobody is there any more


def test_it_refuses_new_deadlines_before_its_start_and_after_its_end() -> None:
    keeper = Keeper("test-keeper", ())
    with pytest.raises(HardwareError, match="test-keeper does not run"):
        keeper.require_alive()
    keeper.start()
    keeper.require_alive()
    keeper.close()
    keeper.close()
    with pytest.raises(HardwareError, match="does not run"):
        keeper.require_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exception_in_the_thread_ends_it_through_at_end() -> None:
    released = threading.Event()
    keeper = Keeper("test-keeper", (Broken(0),), at_end=released.set)
    keeper.start()
    assert released.wait(WITHIN_S)
    keeper.close()
    with pytest.raises(HardwareError):
        keeper.require_alive()
