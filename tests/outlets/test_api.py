"""The HTTP API on a whole station: what it does, what it answers, whom it refuses, and what the journal says of who asked."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from firmware.config.schema import Flat, Flats, Keypad, Settings
from firmware.door import events as door
from tests.app.house import phones, settings
from tests.outlets.asking import LIMIT_S, OPENER, WATCHER, Served, served, web_settings

Scenario = Callable[[Served], Coroutine[None, None, None]]


def with_api(tmp_path: Path, scenario: Scenario, wanted: Settings | None = None, **web: object) -> None:
    async def run() -> None:
        async with served(tmp_path, wanted, web_settings(tmp_path, **web)) as there:
            await scenario(there)

    asyncio.run(run())


def test_a_token_that_may_open_opens_and_the_journal_says_whose_it_was(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        reply = await there.client.ask("POST", "/api/v1/locks/gate/open", token=OPENER)
        assert (reply.status, reply.json["who"], reply.json["grant"]) == (200, "web hass", "operator")
        (row,) = await there.house.station.journal.query(kinds=("Unlocked",))
        assert json.loads(row.body)["who"] == "web hass"
        await there.house.until(door.RelayMoved)
        assert there.house.of(door.RelayMoved)[0] == door.RelayMoved(lock=door.LockName("gate"), closed=True)

    with_api(tmp_path, scenario)


@pytest.mark.parametrize(
    ("token", "status", "challenge"),
    [("", 401, "Bearer"), ("portero_guessed", 401, "invalid_token"), (WATCHER, 403, "insufficient_scope")],
    ids=["none", "unknown", "without the right"],
)
def test_without_the_right_nothing_opens(tmp_path: Path, token: str, status: int, challenge: str) -> None:
    async def scenario(there: Served) -> None:
        reply = await there.client.ask("POST", "/api/v1/locks/gate/open", token=token)
        assert (reply.status, challenge in reply.headers["www-authenticate"]) == (status, True)
        assert not there.house.board.relay("gate").closed
        assert there.house.of(door.Unlocked) == []

    with_api(tmp_path, scenario)


def test_a_cookie_of_the_page_is_no_token(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        assert (await there.client.log_in()).status == 303
        assert (await there.client.ask("POST", "/api/v1/locks/gate/open")).status == 401

    with_api(tmp_path, scenario)


def test_a_button_is_pressed_a_target_called_and_the_call_ended(tmp_path: Path) -> None:
    async def run() -> None:
        async with phones("anna") as (anna,), served(tmp_path, settings(tmp_path, anna)) as there:
            client = there.client
            assert (await client.ask("POST", "/api/v1/buttons/bell/press", token=OPENER)).json == {"press": 1, "button": "bell", "flat": ""}
            await there.house.until(door.Ringing)
            calls = (await client.ask("GET", "/api/v1/calls", token=WATCHER)).json
            assert (calls["call"]["state"], calls["call"]["button"]) == ("calling", "bell")
            assert (await client.post("/api/v1/calls", OPENER, target="anna")).status == 409
            assert (await client.ask("DELETE", "/api/v1/calls", token=OPENER)).json["reason"] == "cancelled"
            await there.house.until(door.PressEnded)
            assert (await client.post("/api/v1/calls", OPENER, target="anna")).json["party"] == "anna"
            last = (await client.ask("GET", "/api/v1/calls", token=WATCHER)).json["last"]
            assert [row["event"] for row in last] == ["CallEnded"]

    asyncio.run(run())


def test_flats_are_listed_and_dialled(tmp_path: Path) -> None:
    flats = (Flat(number="12", name="Weber", targets=("sip:12@127.0.0.1:9",)), Flat(number="7", targets=("sip:7@127.0.0.1:9",)))
    pad = Keypad(name="pad", gpio_rows=(12, 16, 20, 21), gpio_columns=(13, 19, 26), lock="gate")

    async def scenario(there: Served) -> None:
        client = there.client
        listed = [{"number": "12", "name": "Weber"}, {"number": "7", "name": ""}]
        assert (await client.ask("GET", "/api/v1/flats", token=WATCHER)).json == {"flats": listed, "next": None}
        assert (await client.ask("GET", "/api/v1/flats?after=1", token=WATCHER)).json["flats"] == listed[1:]
        assert (await client.ask("GET", "/api/v1/flats?after=-1", token=WATCHER)).status == 400
        assert (await client.ask("POST", "/api/v1/flats/12/ring", token=WATCHER)).status == 403
        assert (await client.ask("POST", "/api/v1/flats/12/ring", token=OPENER)).json["flat"] == "12 Weber"
        assert (await client.ask("POST", "/api/v1/flats/13/ring", token=OPENER)).status == 404

    with_api(tmp_path, scenario, settings(tmp_path)._replace(keypad=(pad,), flats=Flats(keypads=("pad",)), flat=flats))


def test_an_address_that_is_no_target_is_not_called(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        reply = await there.client.post("/api/v1/calls", OPENER, target="sip:00900123@toll.example")
        assert (reply.status, reply.json["code"]) == (404, "not_found")
        assert there.house.of(door.CallPlaced) == []

    with_api(tmp_path, scenario)


def test_the_log_comes_in_pages_the_newest_first(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        for _ in range(3):
            await there.client.ask("POST", "/api/v1/locks/gate/open", token=OPENER)
        page = (await there.client.ask("GET", "/api/v1/log?kind=Unlocked&limit=2", token=WATCHER)).json
        rows = [row["row"] for row in page["rows"]]
        assert rows == sorted(rows, reverse=True)
        assert page["next"] == rows[-1]
        rest = (await there.client.ask("GET", f"/api/v1/log?kind=Unlocked&limit=2&before={page['next']}", token=WATCHER)).json
        assert ([row["event"] for row in rest["rows"]], rest["next"]) == (["Unlocked"], None)
        assert (await there.client.ask("GET", "/api/v1/log?limit=100000", token=WATCHER)).status == 400

    with_api(tmp_path, scenario)


def test_locks_are_held_only_where_they_may_be(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        assert (await there.client.ask("POST", "/api/v1/locks/gate/hold", token=OPENER)).status == 409
        assert (await there.client.ask("POST", "/api/v1/locks/gate/lock", token=OPENER)).json["by"] == "web hass"
        (lock,) = (await there.client.ask("GET", "/api/v1/locks", token=WATCHER)).json
        assert lock == {"name": "gate", "open": False, "mode": "locked", "may_hold": False}
        assert (await there.client.ask("POST", "/api/v1/locks/cellar/open", token=OPENER)).status == 404

    with_api(tmp_path, scenario)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/locks/gate/burn", 404),
        ("GET", "/api/v1/locks/gate/open", 405),
        ("POST", "/api/v1/status", 405),
        ("POST", "/health", 405),
        ("POST", "/metrics", 405),
        ("GET", "/api/v1/../../../etc/passwd", 404),
        ("GET", "/api/v1/status", 200),
        ("HEAD", "/api/v1/status", 200),
    ],
)
def test_what_is_not_there_is_said_so(tmp_path: Path, method: str, path: str, status: int) -> None:
    async def scenario(there: Served) -> None:
        assert (await there.client.ask(method, path, token=OPENER)).status == status

    with_api(tmp_path, scenario)


def test_health_is_open_and_tells_nothing_but_whether_the_door_works(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        reply = await there.client.ask("GET", "/health")
        assert (reply.status, reply.json) == (200, {"status": "ok"})
        there.house.station.inbox.put(door.HealthChanged(part="sound", working=False, detail="no card"))
        await there.house.until(door.HealthChanged)
        reply = await there.client.ask("GET", "/health")
        assert (reply.status, reply.json) == (503, {"status": "ill"})

    with_api(tmp_path, scenario)


def _read_stream(port: int, last: str, count: int) -> list[str]:
    """The first `count` events of a stream as lines of text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    try:
        headers = {"Authorization": f"Bearer {WATCHER}"} | ({"Last-Event-ID": last} if last else {})
        connection.request("GET", "/api/v1/events", headers=headers)
        response = connection.getresponse()
        assert response.getheader("Content-Type") == "text/event-stream"
        found: list[str] = []
        while len(found) < count:
            line = response.fp.readline().decode()
            if line.startswith(("id: ", "data: ")):
                found.append(line.strip())
        return found
    finally:
        connection.close()


def test_events_go_on_where_a_client_was_interrupted(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        assert there.outlet.server is not None
        await there.client.ask("POST", "/api/v1/locks/gate/open", token=OPENER)
        (unlocked,) = await there.house.station.journal.query(kinds=("Unlocked",))
        first, data = await asyncio.to_thread(_read_stream, there.outlet.server.port, str(unlocked.id - 1), 2)
        assert first == f"id: {unlocked.id}"
        row = json.loads(data.removeprefix("data: "))
        assert (row["event"], row["record"]["who"]) == ("Unlocked", "web hass")

    with_api(tmp_path, scenario)
