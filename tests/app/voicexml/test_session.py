"""What a document waits for, when the caller is gone before it has begun."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable

from firmware.app.voicexml.session import Session
from firmware.outlets.voicexml.signals import Fetch


class Web:
    """A platform that only loads."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def load(self, wanted: Fetch) -> tuple[str, bytes]:
        self.asked.append(wanted.url)
        return wanted.url, b"<vxml/>"


async def carry_out(work: Awaitable[object]) -> object:
    return await work


def test_work_that_is_given_up_before_its_turn_never_begins() -> None:
    web = Web()

    async def scene() -> None:
        session = Session("house", {}, web, carry_out, lambda connects: None)  # type: ignore[arg-type]
        session.start("file:house.vxml")
        session.close()
        await asyncio.sleep(0)

    asyncio.run(scene())
    gc.collect()  # a coroutine that nobody awaits is complained of here
    assert web.asked == []
