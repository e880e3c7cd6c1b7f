"""The line's life: a binding made at the start and removed at the end, whatever the registrar does meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from firmware.app.control.protocol import Request
from firmware.app.control.verbs import VERBS, perform
from firmware.app.line import SipLine
from firmware.app.main import status_line
from firmware.config.schema import Account, Settings
from firmware.config.secrets import Secret
from firmware.door import events as door
from firmware.ids import SeededIds
from firmware.sip import events as sip
from tests.app.house import LOOPBACK, house, settings
from tests.app.registrar import Registrar, registrar


def account(server: Registrar) -> Account:
    return Account(name="home", uri=f"sip:door@127.0.0.1:{server.port}", password=Secret("s3cret"), expires_s=60)


def test_the_first_register_leaves_at_once_and_the_last_removes_the_binding() -> None:
    async def scenario() -> None:
        async with registrar() as server:
            line = SipLine(Settings(network=LOOPBACK, account=(account(server),)), SeededIds(1))
            heard: list[sip.Event] = []
            registered = asyncio.Event()
            await line.start()
            await line.first_send()
            await server.until(1)

            def on_event(event: sip.Event) -> None:
                heard.append(event)
                if isinstance(event, sip.Registered):
                    registered.set()

            line.attach(on_event)
            await asyncio.wait_for(registered.wait(), 60)
            assert (line.registrations["home"].working, line.registrations["home"].detail) == (True, "registered for 60 s")
            await line.stop()
            assert (server.asked[0], server.asked[-1]) == ("60", "0")
            assert any(isinstance(event, sip.Unregistered) for event in heard)

    asyncio.run(scenario())


def test_events_before_the_station_listens_are_kept_for_it() -> None:
    async def scenario() -> None:
        async with registrar() as server:
            line = SipLine(Settings(network=LOOPBACK, account=(account(server),)), SeededIds(1))
            await line.start()
            async with asyncio.timeout(60):
                while line.registrations["home"].working is None:
                    await asyncio.sleep(0)
            heard: list[sip.Event] = []
            line.attach(heard.append)
            assert isinstance(heard[0], sip.Registered)
            await line.stop()

    asyncio.run(scenario())


def test_a_registrar_that_has_gone_does_not_hold_up_the_stop(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("firmware.app.line.UNREGISTER_S_MAX", 0.05)

    async def scenario() -> None:
        async with registrar() as server:
            line = SipLine(Settings(network=LOOPBACK, account=(account(server),)), SeededIds(1))
            await line.start()
            async with asyncio.timeout(60):
                while not line.registrations["home"].working:
                    await asyncio.sleep(0)
            server.status = 0
            await asyncio.wait_for(line.stop(), 60)

    asyncio.run(scenario())
    assert "not unregistered in time: home" in caplog.text


def test_without_accounts_nothing_waits() -> None:
    async def scenario() -> None:
        line = SipLine(Settings(network=LOOPBACK), SeededIds(1))
        await line.start()
        assert line.port > 0
        await asyncio.wait_for(line.first_send(), 0.01)
        await line.stop()

    asyncio.run(scenario())


def test_a_refused_account_is_news_once_and_its_return_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with registrar() as server:
            server.status = 403
            wanted = settings(tmp_path)._replace(account=(account(server),))
            async with house(wanted) as lived:
                await lived.until(door.HealthChanged)
                assert list(lived.station.health) == ["account home"]
                assert status_line(lived.station).startswith("home: 403")
                server.status = 200
                answer = await perform(lived.station, VERBS, Request(verb="register", args=("home",), id=None))
                assert isinstance(answer, dict)
                await lived.until(door.HealthChanged, times=2)
                assert lived.station.health == {}
                news = [(event.part, event.working) for event in lived.seen if isinstance(event, door.HealthChanged)]
                assert news == [("account home", False), ("account home", True)]
                answer = await perform(lived.station, VERBS, Request(verb="unregister", args=(), id=None))
                assert isinstance(answer, dict)
                assert server.asked[-1] == "0"

    asyncio.run(scenario())
