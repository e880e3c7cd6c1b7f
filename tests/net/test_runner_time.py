"""The runner's one timer: the agent's deadlines, neither early nor without need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.net.loops import pause, run, run_flying
from tests.net.test_runner import REGISTER, bench


def test_the_timer_rings_at_the_deadline_and_never_before_it() -> None:
    async def main() -> None:
        b = await bench()
        planned_s = asyncio.get_running_loop().time() + 32.0
        b.agent.deadline_s = planned_s
        b.runner.command(REGISTER)
        rung_s = await b.agent.rings.get()
        assert planned_s <= rung_s < planned_s + 1
        await b.close()

    run_flying(main())


def test_a_deadline_in_the_past_rings_now() -> None:
    async def main() -> None:
        b = await bench()
        now_s = asyncio.get_running_loop().time()
        b.agent.deadline_s = now_s - 100
        b.runner.command(REGISTER)
        assert now_s <= await b.agent.rings.get() < now_s + 1
        await b.close()

    run_flying(main())


def test_the_timer_is_touched_only_when_the_deadline_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        b = await bench()
        loop = asyncio.get_running_loop()
        armed: list[float] = []
        real = loop.call_at

        def call_at(when: float, callback: Callable[..., object], *args: object) -> asyncio.TimerHandle:
            armed.append(when)
            return real(when, callback, *args)

        monkeypatch.setattr(loop, "call_at", call_at)
        deadline_s = loop.time() + 1000
        for moved in (0.0, 0.0, 0.0, -10.0, -10.0, 10.0):
            b.agent.deadline_s = deadline_s + moved
            b.runner.command(REGISTER)
        assert armed == [deadline_s, deadline_s - 10.0, deadline_s + 10.0]
        b.agent.deadline_s = None
        b.runner.command(REGISTER)
        assert b.runner._timer is None
        await b.close()

    run(main())


def test_an_idle_agent_is_never_woken() -> None:
    async def main() -> None:
        b = await bench()
        wakes = 0
        loop = asyncio.get_running_loop()
        real = b.agent.next_deadline

        def counted() -> float | None:
            nonlocal wakes
            wakes += 1
            return real()

        b.agent.next_deadline = counted  # type: ignore[method-assign] # the runner asks after every step: its steps are counted
        begin_s = loop.time()
        await pause(3600)
        assert loop.time() - begin_s >= 3600
        assert wakes == 0
        await b.close()

    run_flying(main())
