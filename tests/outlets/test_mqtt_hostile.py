"""A broker that somebody has taken over: what it may say, and what the door still does."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Iterable

import pytest

from firmware.outlets.mqtt import link
from firmware.outlets.mqtt.link import LINES_MAX, PACKET_BYTES_MAX, Broker, Link, Sparing
from firmware.outlets.mqtt.outbox import Outbox
from firmware.outlets.mqtt.topics import Message
from tests.net.loops import run

LIMIT_S = 60.0
CONNACK = bytes.fromhex("20020000")
LARGEST = bytes.fromhex("30ffffff7f")  # a PUBLISH of 256 MB
MALFORMED = {
    "a topic that is no text": bytes.fromhex("30050001ff4f4e"),
    "a topic longer than its packet": bytes.fromhex("3003ffff41"),
    "a length without an end": bytes.fromhex("30ffffffffffff"),
    "a packet without a kind": bytes.fromhex("0000"),
    "an answer to nothing": bytes.fromhex("40020007"),
    "a second welcome": CONNACK,
}


async def nothing(_topic: str, _payload: bytes) -> None:
    """No order."""


async def no_greeting() -> Iterable[Message]:
    return ()


class TakenOver:
    """Welcomes whoever comes, says what it likes, and notes how the connection ended."""

    def __init__(self, says: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> None:
        self._says = says
        self.welcomed = 0
        self.left = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(4096)
            writer.write(CONNACK)
            self.welcomed += 1
            await self._says(writer)
            while await reader.read(4096):
                pass
        except ConnectionError:
            pass
        finally:
            self.left.set()
            writer.close()


async def met(says: Callable[[asyncio.StreamWriter], Awaitable[None]], until: Callable[[TakenOver], Awaitable[None]]) -> None:
    """Have a link meet such a broker, until `until` has seen enough of it."""
    broker = TakenOver(says)
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    door = Link(
        Broker("127.0.0.1", port, "portero", None, None, None),
        "portero",
        Outbox(),
        greeting=no_greeting,
        topics=("portero/call/set",),
        ordered=nothing,
        health=lambda _wrong: None,
    )
    task = asyncio.ensure_future(door.run())
    try:
        async with asyncio.timeout(LIMIT_S):
            await until(broker)
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.close()
        await server.wait_closed()


def test_a_packet_that_no_order_is_does_not_fill_the_memory() -> None:
    sent = 0

    async def floods(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(LARGEST)
        while sent < 64 * PACKET_BYTES_MAX:
            writer.write(bytes(65_536))
            await writer.drain()
            sent += 65_536

    async def until_left(broker: TakenOver) -> None:
        await broker.left.wait()

    run(met(floods, until_left))
    assert sent < 64 * PACKET_BYTES_MAX  # it was hung up on: what the sockets hold is all that was taken


@pytest.mark.parametrize("octets", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_mqtt_ends_the_connection_at_most(octets: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "AGAIN_S", 0.01)
    monkeypatch.setattr(link, "ANSWER_S_MAX", 0.2)  # for the answers that such a broker does not give

    async def says(writer: asyncio.StreamWriter) -> None:
        writer.write(octets)
        await writer.drain()

    async def until_met_again(broker: TakenOver) -> None:
        while broker.welcomed < 2:
            broker.left.clear()
            await broker.left.wait()

    run(met(says, until_met_again))


def test_a_broker_that_floods_orders_does_not_flood_the_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(link, "ANSWER_S_MAX", 0.2)
    topic = b"portero/call/set"
    kept = bytes((0x31, 2 + len(topic) + 1, 0, len(topic))) + topic + b"x"

    async def says(writer: asyncio.StreamWriter) -> None:
        for _ in range(100):
            writer.write(kept * 100)
            await writer.drain()
        writer.close()

    async def until_left(broker: TakenOver) -> None:
        await broker.left.wait()

    run(met(says, until_left))
    assert 0 < len(caplog.records) <= LINES_MAX


def test_a_broker_that_welcomes_and_leaves_is_no_failure_of_the_program(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Five failures within a minute stop the station."""
    monkeypatch.setattr(link, "AGAIN_S", 0.01)
    monkeypatch.setattr(link, "ANSWER_S_MAX", 0.2)

    async def says(writer: asyncio.StreamWriter) -> None:
        await writer.drain()
        writer.close()

    async def until_met_thrice(broker: TakenOver) -> None:
        while broker.welcomed < 3:
            broker.left.clear()
            await broker.left.wait()

    run(met(says, until_met_thrice))
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def test_lines_are_spared_by_the_minute_whatever_the_clock_does() -> None:
    sparing = Sparing()

    def let_through(at_s: float) -> int:
        records = [logging.makeLogRecord({"created": at_s}) for _ in range(2 * LINES_MAX)]
        return sum(bool(sparing.filter(record)) for record in records)

    assert [let_through(at_s) for at_s in (1000.0, 1059.0, 1060.0, 10.0)] == [LINES_MAX, 0, LINES_MAX, LINES_MAX]
