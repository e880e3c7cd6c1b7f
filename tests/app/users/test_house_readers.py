"""Readers and keypads on a whole station with users, moved by the verbs of `portero ctl sim`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from firmware.app.control.simulated_verbs import simulated_verbs
from firmware.app.users.person import Person
from firmware.config.schema import Keypad, Reader, Rule, Settings, Users, Wiegand
from firmware.door import events as door
from firmware.sip.notices import MessageReceived
from hw import api as hw
from tests.app.house import House, Phone, house, phones, settings
from tests.app.users.people import change, opened

CARD = "CAFE01"
PIN = "583216"
DURESS = "904417"
FRAME = f"0{0xCAFE01:024b}1"  # 26 bits: even parity before the first half of the number, odd parity behind the second


def equipped(folder: Path, *residents: Phone) -> Settings:
    with contextlib.closing(opened(folder)) as store:
        store.apply([change(store, Person(name="Eva", locks=None, cards=(CARD,)), pin=PIN, duress=DURESS)])
    return settings(folder, *residents)._replace(
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


def test_a_duress_code_calls_for_help_by_message_and_stands_in_no_log_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with phones("anna") as (anna,):
            help_ = Rule(name="panic", on="duress", do=("message anna Eva is threatened",))
            async with house(equipped(tmp_path, anna)._replace(rule=(help_,))) as lived:
                await lived.until(door.UsersChanged)
                with caplog.at_level(logging.DEBUG):
                    await sim(lived, "key", "pad", f"{DURESS}#")
                    await anna.heard(MessageReceived)
                    await lived.until(door.RelayMoved)
                    await lived.until(door.RuleRan)
                assert openings(lived) == [("Eva", door.Grant.PIN, "keypad pad")]
                assert lived.of(door.DuressUsed) == [door.DuressUsed(who="Eva", at="keypad pad")]
                (heard,) = (event for event in anna.events if isinstance(event, MessageReceived))
                assert heard.body == b"Eva is threatened"
                assert lived.station.supervisor.total == 0

    asyncio.run(scenario())
    words = caplog.text.lower()
    assert "unlocked" in words
    assert "duress" not in words
    assert "panic" not in words
    assert DURESS not in words
