"""Unexpected exceptions: survived one by one, escalated when they go on."""

from __future__ import annotations

import asyncio

import pytest

from firmware.app.supervise import FAILURES_MAX, WINDOW_S, Supervisor


class Rig:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.escalations: list[str] = []
        self.supervisor = Supervisor(lambda: self.now_s, self.escalations.append)

    def fail(self, times: int, step_s: float) -> None:
        for _ in range(times):
            self.supervisor.failed("sip", ValueError("boom"))
            self.now_s += step_s


def explode(_: int) -> None:
    raise ZeroDivisionError


def test_a_guarded_call_passes_its_arguments_and_survives_an_exception(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    seen: list[int] = []
    rig.supervisor.guarded("fine", seen.append)(7)
    rig.supervisor.guarded("bad", explode)(8)
    assert seen == [7]
    assert rig.supervisor.total == 1
    assert "bad failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_failed_step_is_reported_to_its_caller() -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    async def succeeds() -> None:
        return None

    async def scenario() -> tuple[bool, bool]:
        rig = Rig()
        return await rig.supervisor.survive("a", fails()), await rig.supervisor.survive("b", succeeds())

    assert asyncio.run(scenario()) == (False, True)


def test_what_is_not_vital_never_ends_the_station(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    async def scenario() -> Rig:
        rig = Rig()
        for _ in range(FAILURES_MAX):
            assert not await rig.supervisor.survive("web", fails(), is_vital=False)
        return rig

    rig = asyncio.run(scenario())
    assert rig.escalations == []
    assert rig.supervisor.total == FAILURES_MAX
    assert "web failed" in caplog.text


def test_cancellation_is_not_a_failure() -> None:
    async def scenario() -> int:
        rig = Rig()
        task = asyncio.create_task(rig.supervisor.survive("waiting", asyncio.Event().wait()))  # type: ignore[arg-type]  # any awaitable
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return rig.supervisor.total

    assert asyncio.run(scenario()) == 0


def test_too_many_failures_within_the_window_escalate_once() -> None:
    rig = Rig()
    rig.fail(FAILURES_MAX * 3, step_s=1.0)
    assert rig.escalations == [f"{FAILURES_MAX} failures within 60 s, the last in sip"]


def test_failures_far_apart_are_survived_for_ever() -> None:
    rig = Rig()
    rig.fail(100, step_s=WINDOW_S / (FAILURES_MAX - 1) + 0.1)
    assert rig.escalations == []


def test_the_loop_handler_counts_exceptions_and_plain_messages(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.supervisor.loop_exception({"message": "Task exception was never retrieved", "exception": KeyError("x")})
    rig.supervisor.loop_exception({"message": "socket.send() raised"})
    assert rig.supervisor.total == 2
    assert "socket.send() raised" in caplog.text
