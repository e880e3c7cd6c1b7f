"""Users over the HTTP API: added, changed, listed in pages and removed, by whoever may; and a PIN that then opens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from firmware.app.control.user_verbs import PAGE
from firmware.app.users.person import Person
from firmware.app.users.store import Change
from firmware.door import events as door
from tests.outlets.asking import KEEPER, OPENER, Reply, Served, served

Scenario = Callable[[Served], Coroutine[None, None, None]]


def with_users(tmp_path: Path, scenario: Scenario) -> None:
    async def run() -> None:
        async with served(tmp_path) as there:
            await scenario(there)

    asyncio.run(run())


async def put(there: Served, name: str, token: str = KEEPER, **keys: object) -> Reply:
    return await there.client.ask("PUT", f"/api/v1/users/{name}", json.dumps(keys).encode(), token=token)


def test_a_user_is_added_changed_listed_and_removed(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        reply = await put(there, "Eva%20M%C3%BCller", locks=["gate"], pin="583216", cards=["0A001B2C3D"], uses_left=3)
        assert reply.status == 200
        assert reply.json == {
            "name": "Eva Müller",
            "groups": [],
            "locks": ["gate"],
            "profile": None,
            "cards": ["0A001B2C3D"],
            "card_needs_pin": False,
            "valid_from": None,
            "valid_until": None,
            "uses_left": 3,
            "secrets": {"pin": 6},
        }
        assert (await put(there, "Eva%20M%C3%BCller", card_needs_pin=True, uses_left=None)).json["uses_left"] is None
        await there.house.until(door.UsersChanged, times=3)
        changed = there.house.of(door.UsersChanged)[-1]
        assert changed == door.UsersChanged(users=1, pin_digits=6, code_digits=0, by="web office: Eva Müller")
        (listed,) = (await there.client.ask("GET", "/api/v1/users", token=KEEPER)).json
        assert (listed["name"], listed["card_needs_pin"]) == ("Eva Müller", True)
        assert "583216" not in json.dumps(listed)
        gone = await there.client.ask("DELETE", "/api/v1/users/Eva%20M%C3%BCller", token=KEEPER)
        assert gone.json == {"removed": "Eva Müller"}
        assert (await there.client.ask("DELETE", "/api/v1/users/Eva%20M%C3%BCller", token=KEEPER)).status == 404
        assert (await there.client.ask("GET", "/api/v1/users", token=KEEPER)).json == []

    with_users(tmp_path, scenario)


def test_who_may_open_may_not_give_pins(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        assert (await put(there, "Eva", OPENER, pin="583216")).status == 403
        assert (await there.client.ask("GET", "/api/v1/users", token=OPENER)).status == 403
        assert not (tmp_path / "users.db").exists()

    with_users(tmp_path, scenario)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"pin": "1234"}, "row of neighbouring keys"),
        ({"pin": "?"}, "made of digits"),
        ({"locks": ["cellar"]}, "there is no lock 'cellar'"),
        ({"shoe_size": 43}, "there is no key 'shoe_size'; known are: groups"),
        ({"pin": 583216.5}, "pin is a text"),
        ({"locks": [1]}, "locks is a text"),
    ],
)
def test_a_mistake_is_named_and_changes_nothing(tmp_path: Path, keys: dict[str, object], said: str) -> None:
    async def scenario(there: Served) -> None:
        reply = await put(there, "Eva", KEEPER, **keys)
        assert (reply.status, reply.json["code"]) == (400, "bad_argument")
        assert said in reply.json["detail"]
        assert (await there.client.ask("GET", "/api/v1/users", token=KEEPER)).json == []

    with_users(tmp_path, scenario)


def test_users_are_listed_in_pages(tmp_path: Path) -> None:
    async def scenario(there: Served) -> None:
        many = [Change(Person(name=f"user {number:03}")) for number in range(PAGE + 2)]
        await there.house.station.clerk.work(lambda store: store.apply(many), create=True)
        first = (await there.client.ask("GET", "/api/v1/users", token=KEEPER)).json
        assert len(first) == PAGE
        rest = (await there.client.ask("GET", f"/api/v1/users?after={first[-1]['name'].replace(' ', '%20')}", token=KEEPER)).json
        assert [user["name"] for user in rest] == ["user 100", "user 101"]

    with_users(tmp_path, scenario)
