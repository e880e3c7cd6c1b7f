"""A door that calls itself and hears what it sings: a whole station, its sound over loopback, its control socket."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from firmware.app.control.protocol import Json, Request
from firmware.app.control.server import ControlServer
from firmware.app.control.verbs import VERBS, perform
from firmware.app.update import self_call
from firmware.app.update.self_call import RATE_HZ, TUNES_MIN, Address, address, call_itself, tune, tunes
from firmware.config.schema import Call, Network, Settings
from firmware.door import events as door
from firmware.door.state import Idle
from firmware.sip import events as sip
from tests.app.house import House, house, phones, settings

SILENCE = array("h", bytes(2 * RATE_HZ))
HERE = Address("127.0.0.1", "udp")


def test_the_tune_is_heard_as_often_as_it_was_sung() -> None:
    assert tunes(SILENCE + tune() * 3 + SILENCE) == 3


def test_it_is_heard_through_noise_and_at_half_its_loudness() -> None:
    chance = Random(1)
    noisy = array("h", (value // 2 + chance.randrange(-400, 400) for value in tune() * 4))
    assert tunes(noisy) >= TUNES_MIN


@pytest.mark.parametrize("seed", range(3))
def test_noise_alone_sings_nothing(seed: int) -> None:
    chance = Random(seed)
    assert tunes(array("h", (chance.randrange(-8000, 8000) for _ in range(8 * RATE_HZ)))) == 0


def test_neither_silence_nor_a_tune_backwards_counts() -> None:
    assert tunes(SILENCE) == 0
    assert tunes(array("h", reversed(tune() * 2))) == 0


def test_a_door_that_calls_encrypted_alone_is_not_asked() -> None:
    assert address(Settings(network=Network(transports=("tls",)))) == "the door calls over encrypted connections alone"
    assert address(Settings(call=Call(media_encryption="mandatory"))) == "the door speaks encrypted alone"
    assert address(Settings(network=Network(transports=("tls", "tcp"), bind="10.0.0.7"))) == Address("10.0.0.7", "tcp")
    assert address(Settings()) == HERE


@asynccontextmanager
async def door_with_a_socket(folder: Path) -> AsyncIterator[House]:
    wanted = settings(folder)
    wanted = wanted._replace(control=wanted.control._replace(socket=str(folder / "control")))
    async with house(wanted) as lived:

        async def handle(request: Request) -> Json:
            return await perform(lived.station, VERBS, request)

        server = ControlServer(folder / "control", handle, time.monotonic)
        await server.start()
        try:
            yield lived
        finally:
            await server.close()


def test_a_door_whose_sound_works_hears_itself(tmp_path: Path) -> None:
    async def run() -> None:
        async with door_with_a_socket(tmp_path) as lived:
            assert await call_itself(lived.station.settings, HERE) == ""
            await lived.until(door.CallEnded, times=2)

    asyncio.run(run())


def test_a_door_that_loses_the_sound_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_call, "tune", lambda: SILENCE)
    monkeypatch.setattr(self_call, "LISTEN_S", 0.2)

    async def run() -> None:
        async with door_with_a_socket(tmp_path) as lived:
            assert "tunes 0 came back" in await call_itself(lived.station.settings, HERE)

    asyncio.run(run())


def test_a_daemon_that_is_busy_or_away_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        async with phones("anna") as (anna,), door_with_a_socket(tmp_path) as lived:
            lived.station.inbox.put(door.Dial(target=anna.uri, by="control"))
            await anna.heard(sip.IncomingCall)
            assert await call_itself(lived.station.settings, HERE) == "the daemon does not call: a call is in progress"
            assert not isinstance(lived.station.bridge.state.call, Idle)  # and stays so
        assert "the daemon does not call: " in await call_itself(lived.station.settings, HERE)

    asyncio.run(run())
