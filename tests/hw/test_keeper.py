"""The thread that keeps deadlines. Its time is real, so these tests wait for what must happen and never measure how long it took."""

from __future__ import annotations

import threading
import time

import pytest

from hw.api import HardwareError
from hw.keeper import Keeper, earliest_ns

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
