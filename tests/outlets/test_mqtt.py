"""MQTT against a real mosquitto on the loopback: what it keeps, what happens to orders, and a broker that goes and comes back."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest

from firmware.app.outlets import mqtt as outlet_module
from firmware.app.outlets.mqtt import MqttOutlet
from firmware.app.outlets.opened import Outlets
from firmware.config.schema import Button, Lock, Mqtt
from firmware.config.secrets import Secret
from firmware.door import events as door
from firmware.outlets.mqtt import link
from tests.app.house import House, house, settings
from tests.app.test_ring_pictures import STILL, with_film
from tests.net.authority import Authority
from tests.ports import free_port

LIMIT_S = 60.0
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin") or "mosquitto"


class Broker:
    """A mosquitto in a process of its own. Restarted, it has forgotten everything."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nuser root\n{extra or 'allow_anonymous true'}\n")
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            MOSQUITTO, "-c", str(self._config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(LIMIT_S):
            while True:
                assert self._process.returncode is None, "mosquitto has ended"
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.05)  # a process of somebody else's tells nobody that it listens
                else:
                    writer.close()
                    await writer.wait_closed()
                    return

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()


class Listener:
    """Hears everything at the broker: the last payload of each topic, and all messages in order. A picture is no text."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.picture = b""
        self.last: dict[str, str] = {}
        self.heard: list[tuple[str, str]] = []
        self._news = asyncio.Event()

    async def listen(self) -> None:
        async for message in self.client.messages:
            if message.topic.matches("portero/picture"):
                self.picture = message.payload
                self._news.set()
                continue
            self.last[str(message.topic)] = message.payload.decode()
            self.heard.append((str(message.topic), message.payload.decode()))
            self._news.set()

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not wanted():
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[Listener]:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("#", qos=1)
        listener = Listener(client)
        task = asyncio.ensure_future(listener.listen())
        try:
            yield listener
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def brokered(folder: Path, extra: str = "") -> AsyncIterator[Broker]:
    broker = Broker(folder, extra)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


@asynccontextmanager
async def connected(folder: Path, mqtt: Mqtt) -> AsyncIterator[tuple[House, MqttOutlet]]:
    """A house at the broker, which may be away."""
    async with house(settings(folder)._replace(mqtt=mqtt, lock=(Lock(name="gate", gpio=5, may_hold=True),))) as lived:
        outlet = MqttOutlet(lived.station)
        outlet.start()
        try:
            yield lived, outlet
        finally:
            await outlet.close()


def plain(port: int, *commands: str) -> Mqtt:
    return Mqtt(broker="127.0.0.1", port=port, tls=False, commands=commands)  # type: ignore[arg-type]  # words of the schema


def test_states_and_entities_are_kept_and_the_end_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with brokered(tmp_path) as broker, listening(broker.port) as there:
            async with connected(tmp_path, plain(broker.port)) as (lived, _):
                await there.until(lambda: "homeassistant/binary_sensor/portero/problem/config" in there.last)
                assert there.last["portero/availability"] == "online"
                assert there.last["portero/lock/gate"] == "LOCKED"
                assert there.last["portero/call"] == "idle"
                gate = door.LockName("gate")  # held: of a pulse that is over when it is looked for, a broker hears nothing
                lived.station.inbox.put(door.SetLockMode(lock=gate, mode=door.LockMode.HELD, by="test"))
                await there.until(lambda: there.last["portero/lock/gate"] == "UNLOCKED")
                lived.station.inbox.put(door.SetLockMode(lock=gate, mode=door.LockMode.NORMAL, by="test"))
                await there.until(lambda: there.last["portero/lock/gate"] == "LOCKED")
                records = [json.loads(payload)["event"] for topic, payload in there.heard if topic == "portero/record"]
                assert "LockHeld" in records
            await there.until(lambda: there.last["portero/availability"] == "offline")

    asyncio.run(scenario())


def test_an_order_opens_only_where_orders_are_allowed_and_the_journal_says_mqtt(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            brokered(tmp_path) as broker,
            listening(broker.port) as there,
            connected(tmp_path, plain(broker.port, "open")) as (lived, outlet),
        ):
            await there.until(lambda: outlet.link.connections == 1 and "portero/call" in there.last)
            await there.client.publish("portero/call/set", "HANG_UP", qos=1)  # takes "ring"
            await there.client.publish("portero/lock/gate/set", "open please", qos=1)
            await there.client.publish("portero/lock/gate/set", "OPEN", qos=1)
            await lived.until(door.Unlocked)
            (unlocked,) = lived.of(door.Unlocked)
            assert isinstance(unlocked, door.Unlocked)
            assert (unlocked.who, unlocked.grant) == ("mqtt", door.Grant.OPERATOR)

    asyncio.run(scenario())


def test_an_order_that_the_broker_kept_is_not_done(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with brokered(tmp_path) as broker, listening(broker.port) as there:
            await there.client.publish("portero/lock/gate/set", "OPEN", qos=1, retain=True)
            await there.until(lambda: "portero/lock/gate/set" in there.last)
            async with connected(tmp_path, plain(broker.port, "open", "ring")) as (lived, _):
                await there.until(lambda: "portero/call" in there.last)
                await there.client.publish("portero/lock/gate/set", "LOCK", qos=1)  # heard after what was kept
                await there.client.publish("portero/call/set", "HANG_UP", qos=1)
                async with asyncio.timeout(LIMIT_S):
                    while "portero/call/set was not done" not in caplog.text:
                        await asyncio.sleep(0.05)  # a log line has no event
                assert lived.of(door.Unlocked) == []
                assert "it was kept by the broker" in caplog.text

    asyncio.run(scenario())


def test_a_broker_that_was_away_hears_what_is_still_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "AGAIN_S", 0.05)
    monkeypatch.setattr(link, "AGAIN_S_MAX", 0.1)

    async def scenario() -> None:
        broker = Broker(tmp_path)
        async with connected(tmp_path, plain(broker.port)) as (lived, outlet):
            await lived.until(door.HealthChanged)
            assert "mqtt" in lived.station.health
            lived.station.inbox.put(door.OpenLock(lock=door.LockName("gate"), by="test"))
            await lived.until(door.Unlocked)
            await broker.start()
            async with listening(broker.port) as listener:
                await listener.until(lambda: listener.last.get("portero/availability") == "online")
                await lived.until(door.HealthChanged, times=2)
                assert "mqtt" not in lived.station.health
            await broker.stop()
            await lived.until(door.HealthChanged, times=3)
            assert outlet.link.connections == 1

    asyncio.run(scenario())


def test_over_tls_with_a_password_and_a_wrong_password_is_news(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("broker", "DNS:localhost")
    passwords = tmp_path / "passwords"
    passwords.write_text("")

    async def scenario() -> None:
        made = await asyncio.create_subprocess_exec("mosquitto_passwd", "-b", str(passwords), "door", "secret")
        assert await made.wait() == 0
        extra = f"certfile {certificate}\nkeyfile {key}\nallow_anonymous false\npassword_file {passwords}"
        async with brokered(tmp_path, extra) as broker:
            wanted = Mqtt(broker="localhost", port=broker.port, ca=authority.pem, username="door", password=Secret("secret"))
            async with connected(tmp_path, wanted) as (lived, outlet):
                async with asyncio.timeout(LIMIT_S):
                    while not outlet.link.connections:
                        await asyncio.sleep(0.05)  # nobody else listens at this broker
                assert lived.of(door.HealthChanged) == []
            async with connected(tmp_path, wanted._replace(password=Secret("wrong"))) as (lived, _):
                await lived.until(door.HealthChanged)
                assert "the broker localhost" in lived.station.health["mqtt"]

    asyncio.run(scenario())


def test_an_authority_that_cannot_be_read_is_news_and_the_door_works(tmp_path: Path) -> None:
    async def scenario() -> None:
        wanted = settings(tmp_path)._replace(mqtt=Mqtt(broker="127.0.0.1", ca=str(tmp_path / "none.pem")))
        async with house(wanted) as lived:
            outlets = Outlets(lived.station)
            await outlets.start()
            await lived.until(door.HealthChanged)
            assert "none.pem cannot be used" in lived.station.health["mqtt"]
            await outlets.close()

    asyncio.run(scenario())


def test_the_picture_of_the_last_ring_is_kept_by_the_broker_until_nobody_wants_it_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with brokered(tmp_path) as broker:
            mqtt = plain(broker.port)._replace(pictures=True)
            wanted = with_film(tmp_path, settings(tmp_path)._replace(mqtt=mqtt, button=(Button(name="bell"),)))
            async with listening(broker.port) as there, house(wanted) as lived:
                outlet = MqttOutlet(lived.station)
                outlet.start()
                await there.until(lambda: "homeassistant/image/portero/picture/config" in there.last)
                press = door.Press(button=door.ButtonName("bell"))
                lived.station.inbox.put(press)
                await there.until(lambda: there.picture == STILL)
                monkeypatch.setattr(outlet_module, "PICTURE_BYTES_MAX", len(STILL) - 1)
                lived.station.inbox.put(press)
                await lived.until(door.PictureTaken, times=2)
                async with asyncio.timeout(LIMIT_S):
                    while "are sent" not in caplog.text:
                        await asyncio.sleep(0.02)  # the log tells nobody that it has grown
                await outlet.close()
            async with listening(broker.port) as late:
                await late.until(lambda: late.picture == STILL)
                async with connected(tmp_path, plain(broker.port)):
                    await late.until(lambda: late.picture == b"")
            async with listening(broker.port) as later:
                await later.until(lambda: "portero/availability" in later.last)
                assert later.picture == b""

    asyncio.run(scenario())
