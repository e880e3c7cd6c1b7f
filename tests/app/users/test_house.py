"""A whole station with a store of users: a card and a PIN open, wrong ones do not, and a lock-out outlives the station."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from firmware.app.users.person import Person
from firmware.config.schema import Reader, Settings, Users
from firmware.door import events as door
from tests.app.house import House, house, settings
from tests.app.users.people import change, opened


def with_users(folder: Path) -> Settings:
    with contextlib.closing(opened(folder)) as store:
        store.apply([change(store, Person(name="Eva", locks=None, cards=("CAFE01",)), pin="583216")])
    users = Users(path=str(folder / "users.db"), key=str(folder / "users.key"))
    return settings(folder)._replace(users=users, reader=(Reader(name="wall", port="/dev/null", lock="gate"),))


def type_pin(lived: House, pin: str) -> None:
    for key in f"{pin}#":
        lived.station.inbox.put(door.KeyPressed(keypad="wall", key=key))


def test_a_card_and_a_pin_of_the_store_move_the_relay(tmp_path: Path) -> None:
    async def work() -> None:
        async with house(with_users(tmp_path)) as lived:
            await lived.until(door.UsersChanged)
            lived.station.inbox.put(door.CardRead(reader="wall", card="CAFE01"))
            await lived.until(door.RelayMoved)
            type_pin(lived, "583216")
            await lived.until(door.Unlocked, times=2)
            grants = [(event.who, event.grant) for event in lived.seen if isinstance(event, door.Unlocked)]
            assert grants == [("Eva", door.Grant.CARD), ("Eva", door.Grant.PIN)]

    asyncio.run(work())


def test_a_lock_out_outlives_the_station(tmp_path: Path) -> None:
    wanted = with_users(tmp_path)

    async def guess() -> None:
        async with house(wanted) as lived:
            await lived.until(door.UsersChanged)
            for number in range(wanted.access.wrong_limit):
                type_pin(lived, "111111")
                await lived.until(door.KeypadRefused, times=number + 1)

    async def try_the_right_one() -> None:
        async with house(wanted) as lived:
            await lived.until(door.UsersChanged)
            type_pin(lived, "583216")
            await lived.until(door.KeypadRefused)
            (refused,) = lived.of(door.KeypadRefused)
            assert isinstance(refused, door.KeypadRefused)
            assert refused.fault is door.CodeFault.LOCKED_OUT
            assert 0 < refused.lockout_s <= wanted.access.lockout_s
            assert refused.keypad == "wall"
            assert [each.source for each in lived.station.bridge.state.guard.kept(0.0)] == ["keypad wall", ""]
            lived.station.inbox.put(door.CardRead(reader="wall", card="CAFE01"))
            await lived.until(door.Unlocked)
            assert [(each.who, each.grant) for each in lived.seen if isinstance(each, door.Unlocked)] == [("Eva", door.Grant.CARD)]

    asyncio.run(guess())
    asyncio.run(try_the_right_one())
