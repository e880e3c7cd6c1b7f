"""The connection to the broker: the only file that touches aiomqtt. It comes back by itself, and holds nothing up while it is away.

Orders that the broker has kept are ignored: a retained UNLOCK would open the door at each reconnection.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NamedTuple

import aiomqtt

from firmware.outlets.mqtt.outbox import Outbox
from firmware.outlets.mqtt.topics import OFFLINE, ONLINE, Message

log = logging.getLogger("portero.mqtt")
library_log = logging.getLogger("mqtt")  # aiomqtt's

AGAIN_S, AGAIN_S_MAX = 1.0, 60.0  # between two tries to connect; doubles
ANSWER_S_MAX: Final = 5.0  # for each answer of the broker
ALIVE_S: Final = 30  # a door that is cut off is offline for the others after half of this again (MQTT 3.1.1 §3.1.2.10)
ORDERS_WAITING_MAX: Final = 16  # more at once are no person's; aiomqtt drops what comes beyond
PAYLOAD_BYTES_MAX: Final = 64  # the longest order has 7
PACKET_BYTES_MAX: Final = 1 << 20  # of the broker's; MQTT would allow 256 MB, more than the service may have

LINES_MAX: Final = 20  # of the log, in LINES_S: a broker that floods us must not flood the disk
LINES_S: Final = 60.0


class Sparing(logging.Filter):
    """Lets through as many lines as a person reads. The journal of the door knows whether the broker is well."""

    def __init__(self) -> None:
        super().__init__()
        self._since_s, self._lines = 0.0, 0

    def filter(self, record: logging.LogRecord) -> bool:
        if not 0 <= record.created - self._since_s < LINES_S:  # also after the clock was set back
            self._since_s, self._lines = record.created, 0
        self._lines += 1
        return self._lines <= LINES_MAX


class Broker(NamedTuple):
    """Where it is and who we are there. `tls` None: readable on the way."""

    host: str
    port: int
    client_id: str
    username: str | None
    password: str | None
    tls: ssl.SSLContext | None


class Link:
    """Belongs to the event loop; `run` goes on until it is cancelled."""

    def __init__(
        self,
        broker: Broker,
        base: str,
        outbox: Outbox,
        *,
        greeting: Callable[[], Awaitable[Iterable[Message]]],
        topics: tuple[str, ...],
        ordered: Callable[[str, bytes], Awaitable[None]],
        health: Callable[[str], None],
    ) -> None:
        """`greeting`: what is published after each connection; `topics`: where orders are heard; `health` hears '' or what is wrong."""
        self._broker = broker
        self._availability = f"{base}/availability"
        self._outbox = outbox
        self._greeting = greeting
        self._topics = topics
        self._ordered = ordered
        self._health = health
        self.connections = 0

    async def run(self) -> None:
        """Connect, publish and listen, again and again."""
        sparing = Sparing()
        for each in (log, library_log):
            each.addFilter(sparing)
        try:
            await self._again_and_again()
        finally:
            for each in (log, library_log):
                each.removeFilter(sparing)

    async def _again_and_again(self) -> None:
        task = asyncio.current_task()
        wait_s = AGAIN_S
        while True:
            before = self.connections
            try:
                await self._connected()
            except (aiomqtt.MqttError, OSError) as error:
                if task is not None and task.cancelling():  # a farewell that failed has taken the place of our end
                    raise asyncio.CancelledError from error
                self._health(f"the broker {self._broker.host}: {error}")
            wait_s = AGAIN_S if self.connections > before else min(2 * wait_s, AGAIN_S_MAX)
            await asyncio.sleep(wait_s)

    async def _connected(self) -> None:
        """One connection, until it breaks (MqttError) or this is cancelled."""
        broker = self._broker
        client = aiomqtt.Client(
            broker.host,
            broker.port,
            identifier=broker.client_id,
            username=broker.username,
            password=broker.password,
            tls_context=broker.tls,
            will=aiomqtt.Will(self._availability, OFFLINE, qos=1, retain=True),
            clean_session=True,  # what was ordered while we were away is not done later
            keepalive=ALIVE_S,
            timeout=ANSWER_S_MAX,
            max_queued_incoming_messages=ORDERS_WAITING_MAX,
            max_queued_outgoing_messages=ORDERS_WAITING_MAX,
        )
        _bound(client)
        _heed(client)
        async with client:
            _heed(client)  # it may have another future by now
            self.connections += 1
            self._health("")
            for topic in self._topics:
                await client.subscribe(topic, qos=1)
            await self._publish(client, Message(self._availability, ONLINE, retained=True))
            for message in await self._greeting():
                await self._publish(client, message)
            await self._both(client)

    async def _both(self, client: aiomqtt.Client) -> None:
        """Speak and listen until one of both breaks."""
        parts = [asyncio.ensure_future(self._speak(client)), asyncio.ensure_future(self._listen(client))]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        except asyncio.CancelledError:
            await self._publish(client, Message(self._availability, OFFLINE, retained=True))
            raise
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _speak(self, client: aiomqtt.Client) -> None:
        while True:
            message = await self._outbox.first(time.monotonic())
            await self._publish(client, message)
            self._outbox.done(message)

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            if message.retain or len(message.payload) > PAYLOAD_BYTES_MAX:
                log.warning("ignored what stands at %s: it was kept by the broker, or is no order", message.topic)
                continue
            await self._ordered(str(message.topic), message.payload)

    async def _publish(self, client: aiomqtt.Client, message: Message) -> None:
        """Returns when the broker has it (QoS 1)."""
        await client.publish(message.topic, message.payload, qos=1, retain=message.retained)


def _heed(client: aiomqtt.Client) -> None:
    """Look at how the connection ends, which aiomqtt itself does not always.

    asyncio would call that a failure of the program, and after some of those the station stops: a broker could stop the door.
    """
    client._disconnected.add_done_callback(lambda gone: None if gone.cancelled() else gone.exception())  # aiomqtt has no other way to it


def _bound(client: aiomqtt.Client) -> None:
    """Hang up on a packet of more than PACKET_BYTES_MAX, which paho would take in whole before it shows it to anybody.

    paho asks its socket for all that a packet still lacks, so the first such wish tells its size; it has no setting for this.
    """
    wire = client._client  # aiomqtt has no other way to it
    receive = wire._sock_recv

    def bounded(bufsize: int) -> bytes:
        if bufsize > PACKET_BYTES_MAX:
            raise ConnectionError(f"a packet of {bufsize} bytes; at most {PACKET_BYTES_MAX} are taken")
        return receive(bufsize)

    wire._sock_recv = bounded  # type: ignore[method-assign]
