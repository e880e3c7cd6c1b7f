"""The queue before the door: order, and what is merged, kept or dropped when there is too much."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable

from firmware.app.arrivals import Arrival
from firmware.app.inbox import WAITING_MAX, Inbox
from firmware.door import events as door
from hw import api as hw


def press(button: str = "front") -> hw.ButtonEdge:
    return hw.ButtonEdge(button=button, pressed=True, at_ns=0)


def digit(sign: str) -> door.DigitHeard:
    return door.DigitHeard(call=door.CallName("c"), digit=sign, way=door.DigitWay.RTP)


def contact(*, active: bool, at_ns: int) -> hw.ContactEdge:
    return hw.ContactEdge(contact="exit", active=active, at_ns=at_ns)


def moved(stage: door.Stage) -> door.CallMoved:
    return door.CallMoved(call=door.CallName("c"), stage=stage)


def drained(given: Iterable[Arrival]) -> tuple[Inbox, list[Arrival]]:
    """Put all of them, then take what waits."""

    async def scenario() -> tuple[Inbox, list[Arrival]]:
        inbox = Inbox(asyncio.get_running_loop().call_soon_threadsafe)
        for each in given:
            inbox.put(each)
        return inbox, [await inbox.take() for _ in range(len(inbox))]

    return asyncio.run(scenario())


def test_arrivals_leave_in_the_order_in_which_they_came() -> None:
    given: list[Arrival] = [press(), digit("1"), moved(door.Stage.ANSWERED), digit("1"), press("back")]
    _, taken = drained(given)
    assert taken == given


def test_a_press_that_waits_stands_for_further_presses_of_its_button() -> None:
    inbox, taken = drained([press(), press("back"), press(), press()])
    assert taken == [press(), press("back")]
    assert inbox.presses_merged == 2


def test_a_press_after_the_first_was_taken_is_a_new_one() -> None:
    async def scenario() -> None:
        inbox = Inbox(asyncio.get_running_loop().call_soon_threadsafe)
        for _ in range(3):
            inbox.put(press())
            assert await inbox.take() == press()
        assert inbox.presses_merged == 0

    asyncio.run(scenario())


def test_a_press_is_taken_however_much_is_waiting() -> None:
    inbox, taken = drained([*[digit("1")] * (WAITING_MAX * 2), press()])
    assert taken == [*[digit("1")] * WAITING_MAX, press()]
    assert inbox.dropped == WAITING_MAX


def test_steps_of_calls_and_timers_are_never_dropped() -> None:
    steps: list[Arrival] = [moved(door.Stage.ENDED), door.TimerFired(key=door.TimerKey("talk")), door.Operate(verb=door.Verb.STOP)]
    inbox, taken = drained([*[digit("1")] * WAITING_MAX, *steps])
    assert taken[WAITING_MAX:] == steps
    assert inbox.dropped == 0


def test_when_too_much_waits_the_last_word_of_a_contact_is_still_the_last() -> None:
    edges = [contact(active=at_ns % 2 == 0, at_ns=at_ns) for at_ns in range(100)]
    _, taken = drained([*[digit("1")] * WAITING_MAX, *edges])
    assert taken[WAITING_MAX:] == edges[-2:]


def test_every_edge_of_a_contact_is_told_while_there_is_room() -> None:
    edges: list[Arrival] = [contact(active=at_ns % 2 == 0, at_ns=at_ns) for at_ns in range(10)]
    _, taken = drained(edges)
    assert taken == edges


def test_other_threads_wake_the_one_who_waits() -> None:
    async def scenario() -> list[Arrival]:
        inbox = Inbox(asyncio.get_running_loop().call_soon_threadsafe)
        taken: list[Arrival] = []

        async def consume() -> None:
            while len(taken) < 200:
                taken.append(await inbox.take())

        consumer = asyncio.create_task(consume())
        await asyncio.sleep(0)

        def produce() -> None:
            for _ in range(100):
                inbox.put(digit("1"))

        threads = [threading.Thread(target=produce) for _ in range(2)]
        for thread in threads:
            thread.start()
        await asyncio.wait_for(consumer, 60)
        for thread in threads:
            thread.join()
        return taken

    assert asyncio.run(scenario()) == [digit("1")] * 200
