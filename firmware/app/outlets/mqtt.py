"""MQTT put together: the stream of records to the outbox, the door's state to its topics, orders to the verbs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from firmware.app.outlets.release_version import installed_version
from firmware.app.outlets.station_house import StationHouse
from firmware.app.station import Station
from firmware.config.schema import Mqtt
from firmware.door.events import CallMeasured, DoorRecord, HealthChanged, PictureTaken
from firmware.outlets.mqtt.discovery import discovery
from firmware.outlets.mqtt.link import Broker, Link
from firmware.outlets.mqtt.outbox import Outbox
from firmware.outlets.mqtt.topics import PICTURE_BYTES_MAX, Message, messages, order, orders, picture, states
from firmware.outlets.seam import Refused

if TYPE_CHECKING:
    import ssl

log = logging.getLogger("portero.mqtt")

PORT, PORT_TLS = 1883, 8883
BY = "mqtt"
STOP_S_MAX = 2.0  # for a broker that does not answer; the will says the same a little later


class MqttOutlet:
    """The door at one broker. Belongs to the event loop."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._mqtt = settings = station.settings.mqtt
        self._house = StationHouse(station)
        self._known: dict[str, str] = {}
        self._stale = asyncio.Event()
        self._taken = ""  # the picture of the last ring, until it waits in the outbox
        self.outbox = Outbox()
        self.link = Link(
            broker_of(settings),
            settings.topic,
            self.outbox,
            greeting=self._greeting,
            topics=orders(settings.topic) if settings.commands else (),
            ordered=self._ordered,
            health=self._health,
        )
        self._is_well = True
        self._tasks: tuple[asyncio.Task[bool], ...] = ()
        self._unsubscribe = self._house.subscribe(self._on_record)

    def start(self) -> None:
        """Begin to connect; returns at once."""
        survive = self._station.supervisor.survive
        loop = asyncio.get_running_loop()
        self._tasks = (
            loop.create_task(survive("mqtt", self.link.run())),
            loop.create_task(survive("mqtt", self._watch())),
        )

    async def close(self) -> None:
        """Say that we go, if the broker is there, and end."""
        self._unsubscribe()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S_MAX)

    def _on_record(self, at_s: float, record: DoorRecord) -> None:
        now_s = time.monotonic()
        for message in messages(self._mqtt.topic, record, at_s):
            self.outbox.put(message, now_s)
        if isinstance(record, PictureTaken) and self._mqtt.pictures:
            self._taken = record.file
        if not isinstance(record, CallMeasured):
            self._stale.set()

    async def _watch(self) -> None:
        """After each record look what has changed, and say so."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            for topic, payload in (await self._states()).items():
                if self._known.get(topic) != payload:
                    self._known[topic] = payload
                    self.outbox.put(Message(topic, payload, retained=True), time.monotonic())
            taken, self._taken = self._taken, ""
            if taken and (jpeg := await self._picture(taken)):
                self.outbox.put(picture(self._mqtt.topic, jpeg), time.monotonic())

    async def _states(self) -> dict[str, str]:
        return states(self._mqtt.topic, self._house.names, await self._house.perform("status", by=BY))

    async def _picture(self, file: str) -> bytes:
        """Empty for one that is gone, or too large to be sent."""
        try:
            jpeg = await self._house.picture(file)
        except Refused as error:
            log.info("the broker does not get %s: %s", file, error)
            return b""
        if len(jpeg) > PICTURE_BYTES_MAX:
            log.warning("the broker does not get %s: it has %d bytes, and %d are sent", file, len(jpeg), PICTURE_BYTES_MAX)
            return b""
        return jpeg

    async def _greeting(self) -> Iterable[Message]:
        """Who we are, and how it is now: whatever the broker knew before counts no more."""
        self._known = await self._states()
        found = [Message(topic, payload, retained=True) for topic, payload in self._known.items()]
        if self._mqtt.discovery:
            version = installed_version()
            names, pictures = self._house.names, self._mqtt.pictures
            found += discovery(self._mqtt.discovery, self._mqtt.topic, names, version, self._mqtt.commands, pictures=pictures)
        last = self._house.pictures(1) if self._mqtt.pictures else ()
        # Where nobody wants pictures any more the broker forgets the one that it has.
        found.append(picture(self._mqtt.topic, await self._picture(last[0].file) if last else b""))
        return found

    async def _ordered(self, topic: str, payload: bytes) -> None:
        wanted = order(self._mqtt.topic, self._house.names, topic, payload)
        if wanted is None or wanted.may not in self._mqtt.commands:
            log.warning("ignored an order at %s: it is none, or not allowed by mqtt.commands", topic)
            return
        try:
            await self._house.perform(*wanted.words, by=BY)
        except Refused as error:
            log.warning("an order at %s was not done: %s", topic, error)

    def _health(self, wrong: str) -> None:
        """News only: a broker that stays away is one row in the journal."""
        if bool(wrong) is not self._is_well:
            return
        self._is_well = not wrong
        log.log(logging.WARNING if wrong else logging.INFO, "%s", wrong or f"the broker {self._mqtt.broker} answers again")
        self._station.inbox.put(HealthChanged(part="mqtt", working=not wrong, detail=wrong or "answers again"))


def broker_of(settings: Mqtt) -> Broker:
    """Where the broker is, and what proves it."""
    return Broker(
        host=settings.broker or "",
        port=settings.port or (PORT_TLS if settings.tls else PORT),
        client_id=settings.topic,
        username=settings.username,
        password=None if settings.password is None else settings.password.reveal(),
        tls=_tls(settings) if settings.tls else None,
    )


def _tls(settings: Mqtt) -> ssl.SSLContext:
    """TLS 1.2 or newer, with the broker's name proved. Raises OSError for a file that cannot be used."""
    import ssl

    from firmware.app.trust import trusting

    context = trusting(settings.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
