"""`message`, `subscribe`, `publish` and their ends, on a whole station, against a phone that answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from firmware.app.control.notice_verbs import NOTICE_VERBS
from firmware.app.control.protocol import ControlError, Json, Request
from firmware.app.control.verbs import perform
from firmware.sip.notices import PeerComposing
from tests.app.house import House, Phone, house, phones, settings

Scenario = Callable[[House, Phone], Coroutine[None, None, None]]


def with_house(tmp_path: Path, scenario: Scenario) -> None:
    async def run() -> None:
        async with phones("anna") as (anna,), house(settings(tmp_path, anna)) as lived:
            await scenario(lived, anna)

    asyncio.run(run())


async def ask(lived: House, verb: str, *args: str) -> Json:
    return await perform(lived.station, NOTICE_VERBS, Request(verb=verb, args=args, id=None))


async def refused(lived: House, verb: str, *args: str) -> str:
    with pytest.raises(ControlError) as caught:
        await ask(lived, verb, *args)
    return caught.value.code


def test_a_message_is_answered_with_what_the_phone_says(tmp_path: Path) -> None:
    async def scenario(lived: House, _anna: Phone) -> None:
        assert await ask(lived, "message", "anna", "somebody rings") == {"status": 200, "text": "OK"}

    with_house(tmp_path, scenario)


def test_the_other_side_learns_that_we_are_writing(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone) -> None:
        assert await ask(lived, "composing", "anna", "active") == {"status": 200, "text": "OK"}
        assert [event.is_active for event in anna.events if isinstance(event, PeerComposing)] == [True]
        assert await refused(lived, "composing", "anna", "maybe") == "bad_argument"

    with_house(tmp_path, scenario)


def test_a_subscription_that_is_refused_says_so(tmp_path: Path) -> None:
    async def scenario(lived: House, _anna: Phone) -> None:
        assert await ask(lived, "subscribe", "reg", "anna") == {"state": "terminated", "reason": "489 Bad Event"}
        assert await refused(lived, "unsubscribe", "reg", "anna") == "not_now"

    with_house(tmp_path, scenario)


def test_a_publication_that_is_refused_says_so(tmp_path: Path) -> None:
    async def scenario(lived: House, _anna: Phone) -> None:
        answer = await ask(lived, "publish", "presence", "anna", "application/pidf+xml", "<presence/>")
        assert answer == {"status": 405, "text": "Method Not Allowed"}
        assert await ask(lived, "unpublish", "presence", "anna") == {"removed": True}
        assert await refused(lived, "unpublish", "presence", "anna") == "not_now"

    with_house(tmp_path, scenario)


def test_words_that_name_nobody_are_refused(tmp_path: Path) -> None:
    async def scenario(lived: House, _anna: Phone) -> None:
        assert await refused(lived, "message", "nobody", "hello") == "bad_argument"
        assert await refused(lived, "message", "anna", "hello", "no-account") == "not_found"
        assert await refused(lived, "subscribe", "not a package", "anna") == "not_now"

    with_house(tmp_path, scenario)
