"""Readers and keypads on a whole station with users, moved by the verbs of `portero ctl sim`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path

from firmware.app.control.simulated_verbs import simulated_verbs
from firmware.app.users.person import Person
from firmware.config.schema import Keypad, Reader, Settings, Users, Wiegand
from firmware.door import events as door
from hw import api as hw
from tests.app.house import House, house, settings
from tests.app.users.people import change, opened

CARD = "CAFE01"
PIN = "583216"
FRAME = f"0{0xCAFE01:024b}1"  # 26 bits: even parity before the first half of the number, odd parity behind the second


def equipped(folder: Path) -> Settings:
    with contextlib.closing(opened(folder)) as store:
        store.apply([change(store, Person(name="Eva", locks=None, cards=(CARD,)), pin=PIN, duress="904417")])
    return settings(folder)._replace(
        users=Users(path=str(folder / "users.db"), key=str(folder / "users.key")),
        reader=(Reader(name="wall", port="/dev/null", lock="gate", held_after_ms=500),),
        wiegand=(Wiegand(name="post", gpio_d0=20, gpio_d1=21, lock="gate"),),
        keypad=(Keypad(name="pad", gpio_rows=(10, 11, 12, 13), gpio_columns=(14, 15, 16), lock="gate"),),
    )


def live(wanted: Settings, scenario: Callable[[House], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        async with house(wanted) as lived:
            await lived.until(door.UsersChanged)
            await scenario(lived)
            assert lived.station.supervisor.total == 0

    asyncio.run(run())


async def sim(lived: House, *words: str) -> None:
    await simulated_verbs(lived.board)["sim"].run(lived.station, words)


def openings(lived: House) -> list[tuple[str, door.Grant, str]]:
    return [(event.who, event.grant, event.party) for event in lived.seen if isinstance(event, door.Unlocked)]


def test_a_pin_at_a_matrix_keypad_opens_its_lock(tmp_path: Path) -> None:
    async def scenario(lived: House) -> None:
        await sim(lived, "key", "pad", f"{PIN}#")
        await lived.until(door.RelayMoved)
        assert openings(lived) == [("Eva", door.Grant.PIN, "keypad pad")]
        assert lived.board.relay("gate").history[0].closed

    live(equipped(tmp_path), scenario)


def test_a_card_that_stays_opens_once_and_is_written_down_as_held(tmp_path: Path) -> None:
    async def scenario(lived: House) -> None:
        await sim(lived, "hold-card", "wall", CARD.lower(), "1")
        await lived.until(door.CardHeldBy)
        assert lived.of(hw.CardHeld)
        assert [event for event in lived.seen if isinstance(event, door.CardHeldBy)] == [door.CardHeldBy(reader="wall", who="Eva")]
        assert openings(lived) == [("Eva", door.Grant.CARD, "reader wall")]

    live(equipped(tmp_path), scenario)


def test_a_wiegand_frame_opens_as_the_card_that_it_carries(tmp_path: Path) -> None:
    async def scenario(lived: House) -> None:
        await sim(lived, "wiegand", "post", FRAME)
        await lived.until(door.Unlocked)
        assert openings(lived) == [("Eva", door.Grant.CARD, "reader post")]

    live(equipped(tmp_path), scenario)


def test_keys_of_a_wiegand_reader_take_pins(tmp_path: Path) -> None:
    async def scenario(lived: House) -> None:
        await sim(lived, "key", "post", f"{PIN}#")
        await lived.until(door.Unlocked)
        assert openings(lived) == [("Eva", door.Grant.PIN, "keypad post")]

    live(equipped(tmp_path), scenario)
