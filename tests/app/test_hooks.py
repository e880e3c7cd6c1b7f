"""Webhooks against a real server on the loopback: what is sent, what counts as delivered, and what a server that misbehaves can do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from firmware.app.hooks import WAITING_MAX, Hooks
from firmware.app.supervise import Supervisor
from firmware.config.schema import Settings, Station, Webhook
from firmware.config.secrets import Secret
from firmware.door import events as door
from firmware.errors import WebhookError
from firmware.outlets.webhook import BODY_BYTES_MAX, body_of, post
from tests.net.loops import Listener

FORCED = door.DoorForced(contact="leaf", lock=door.LockName("gate"))
EFFECT = door.Request(hook="house", rule="burglar", cause=FORCED)


class Server:
    """Answers each request with the next of `replies`, or hangs when there is none."""

    def __init__(self, *replies: bytes) -> None:
        self.replies = list(replies)
        self.requests: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(next(line for line in head.decode().splitlines() if line.lower().startswith("content-length")).split(":")[1])
            self.requests.append(head + await reader.readexactly(length))
            if self.replies:
                writer.write(self.replies.pop(0))
            else:
                await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def served(*replies: bytes) -> AsyncIterator[Server]:
    known = Server(*replies)
    listener = Listener(known.serve)
    await listener.start()
    known.port = listener.port
    try:
        yield known
    finally:
        await listener.close()


def hook(port: int, timeout_s: float = 5.0) -> Webhook:
    return Webhook(name="house", url=f"http://127.0.0.1:{port}/hooks/door?x=1", token=Secret("hush"), timeout_s=timeout_s)


OK = b"HTTP/1.1 204 No Content\r\n\r\n"


def hooks_of(server: Server, told: list[door.Input]) -> Hooks:
    settings = Settings(station=Station(user_agent="Gate/1"), webhook=(hook(server.port),))
    return Hooks(settings, told.append, Supervisor(lambda: 0.0, lambda _why: None))


async def until_idle(hooks: Hooks) -> None:
    async with asyncio.timeout(60.0):
        while hooks.waiting:
            await asyncio.wait(hooks.waiting)


def test_a_rule_tells_an_address_what_has_happened() -> None:
    async def run() -> None:
        async with served(OK) as server:
            told: list[door.Input] = []
            hooks = hooks_of(server, told)
            hooks.request(EFFECT)
            await until_idle(hooks)
            hooks.close()
            head, _, body = server.requests[0].partition(b"\r\n\r\n")
            assert head.startswith(b"POST /hooks/door?x=1 HTTP/1.1\r\n")
            assert b"Authorization: Bearer hush" in head
            assert b"User-Agent: Gate/1" in head
            sent = json.loads(body)
            assert sent.pop("at_s") > 0
            assert sent == {"event": "DoorForced", "rule": "burglar", "contact": "leaf", "lock": "gate"}
            assert told == []

    asyncio.run(run())


def test_a_failure_is_news_once_and_so_is_the_recovery() -> None:
    async def run() -> None:
        bad = b"HTTP/1.1 500 Oh\r\n\r\n"
        async with served(bad, bad, OK, OK) as server:
            told: list[door.Input] = []
            hooks = hooks_of(server, told)
            for _ in range(4):
                hooks.request(EFFECT)
                await until_idle(hooks)
            hooks.close()
            assert told == [
                door.HealthChanged(part="webhook house", working=False, detail="webhook house: the server answers 500"),
                door.HealthChanged(part="webhook house", working=True, detail="answers again"),
            ]

    asyncio.run(run())


def test_more_than_a_few_that_wait_are_given_up() -> None:
    async def run() -> None:
        async with served() as server:
            told: list[door.Input] = []
            hooks = hooks_of(server, told)
            for _ in range(WAITING_MAX + 2):
                hooks.request(EFFECT)
            assert len(hooks.waiting) == WAITING_MAX
            assert [each.detail for each in told if isinstance(each, door.HealthChanged)] == [
                f"webhook house: {WAITING_MAX} requests wait already"
            ]
            await asyncio.sleep(0)  # two of them begin
            hooks.close()
            await asyncio.gather(*hooks.waiting, return_exceptions=True)
            assert not hooks.waiting

    asyncio.run(run())


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "the server answers 302"),
        (b"HTTP/1.1 401 No\r\n\r\n", "the server answers 401"),
        (b"nonsense\r\n\r\n", "nonsense"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "got more than 100 headers"),
        (b"", "Remote end closed connection without response"),
    ],
)
def test_only_a_2xx_counts_as_delivered(reply: bytes, wrong: str) -> None:
    async def run() -> None:
        async with served(reply) as server:
            with pytest.raises(WebhookError, match=wrong):
                await asyncio.to_thread(post, hook(server.port), b"{}", "")

    asyncio.run(run())


def test_a_server_that_hangs_or_is_not_there_is_given_up_in_time() -> None:
    async def run() -> None:
        async with served() as server:
            with pytest.raises(WebhookError, match="timed out"):
                await asyncio.to_thread(post, hook(server.port, timeout_s=0.05), b"{}", "")
        with pytest.raises(WebhookError, match="refused"):
            await asyncio.to_thread(post, hook(server.port), b"{}", "")

    asyncio.run(run())


def test_a_token_that_no_header_may_carry_is_an_error_of_the_hook() -> None:
    broken = hook(9)._replace(token=Secret("a\r\nb"))
    with pytest.raises(WebhookError, match="Invalid header value"):
        post(broken, b"{}", "")


def test_a_record_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(WebhookError, match="at most"):
        body_of(door.HealthChanged(part="x", working=False, detail="y" * BODY_BYTES_MAX), rule="r", at_s=0.0)
