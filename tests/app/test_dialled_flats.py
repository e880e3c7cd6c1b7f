"""A flat dialled at a whole station: the keys at the panel, the INVITE that goes out, and what the journal and operators are told."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from pathlib import Path

import pytest

from firmware.app.control.protocol import ControlError, Request
from firmware.app.control.verbs import VERBS, perform
from firmware.app.wiring.directory import directory
from firmware.config.flats import FLATS_MAX, read_flats
from firmware.config.schema import Flat, Flats, Keypad, Lock, Settings, Step, Target
from firmware.door import events as door
from firmware.door.directory import Dialling, Round
from firmware.door.directory import Target as Party
from firmware.sip.message import Request as Sip
from firmware.sip.message import parse_message
from tests.app.house import House, Phone, house, phones, settings

GATE = door.LockName("gate")
PAD = Keypad(name="pad", gpio_rows=(12, 16, 20, 21), gpio_columns=(13, 19, 26), lock="gate")
BYTES_MAX = 600  # of one flat in memory; ten thousand of them are 1 % of the smallest board


def with_flats(wanted: Settings, *flats: Flat) -> Settings:
    return wanted._replace(keypad=(PAD,), flats=Flats(keypads=("pad",)), flat=flats)


def test_a_visitor_dials_and_the_phone_is_told_for_whom(tmp_path: Path) -> None:
    async def run() -> None:
        async with phones("anna") as (anna,):
            wanted = with_flats(settings(tmp_path, anna), Flat(number="12", name="Familie Wéber", targets=("anna",)))
            async with house(wanted) as lived:
                for key in "12#":
                    lived.board.key("pad", key)
                await lived.until(door.Ringing)
                assert _to(anna) == f'"12 Familie Wéber" <{anna.uri}>'
                anna.answer()
                await lived.until(door.Answered)
                (row,) = await lived.station.journal.query(kinds=("Pressed",))
                assert json.loads(row.body) == {"press": 1, "button": "pad", "flat": "12 Familie Wéber"}

    asyncio.run(run())


def _to(phone: Phone) -> str:
    invite = next(parse_message(entry.data) for entry in phone.wire if entry.data.startswith(b"INVITE"))
    assert isinstance(invite, Sip)
    return invite.get("To") or ""


def test_an_operator_dials_in_a_visitors_place(tmp_path: Path) -> None:
    async def ask(lived: House, *words: str) -> object:
        return await perform(lived.station, VERBS, Request(verb="flat", args=words, id=None))

    async def run() -> None:
        wanted = with_flats(settings(tmp_path), Flat(number="12", targets=("sip:12@127.0.0.1:9",)))
        async with house(wanted) as lived:
            assert await ask(lived, "12") == {"press": 1, "button": "pad", "flat": "12"}
            for words, wrong in ((("13",), "no flat has the number '13'"), (("12", "bell"), "nobody dials at a keypad 'bell'")):
                with pytest.raises(ControlError, match=wrong):
                    await ask(lived, *words)

    asyncio.run(run())


def test_a_flat_is_what_the_configuration_says_of_it() -> None:
    known = directory(
        Settings(
            target=(Target(name="anna", uri="sip:anna@192.0.2.1", locks=()),),
            lock=(Lock(name="gate", gpio=5), Lock(name="garage", gpio=6)),
            step=(Step(plan="late", targets=("anna",), ring_s=9.0),),
            flats=Flats(keypads=("pad",), call_key="B", dial_after_s=3.0),
            flat=(
                Flat(number="1", name="Anna", targets=("anna", "sip:1@pbx"), account="home", locks=("gate",)),
                Flat(number="2", targets=("sip:2@pbx",)),
                Flat(number="3", plan="late"),
            ),
        )
    )
    assert (known.dialling, len(known.flats), list(known.flats)) == (Dialling(frozenset({"pad"}), "B", 3.0), 3, ["1", "2", "3"])
    assert known.flats["1"].plan == (
        Round(targets=(known.targets["anna"], Party(name="sip:1@pbx", uri="sip:1@pbx", account="home", locks=frozenset({GATE})))),
    )
    ((party,), *_) = known.flats["2"].plan[0]
    assert (party.account, party.locks) == (None, frozenset({GATE, door.LockName("garage")}))
    assert known.flats["3"].plan == known.plans["late"]
    assert "4" not in known.flats
    assert directory(Settings()).dialling == Dialling()


def test_ten_thousand_flats_take_little_memory() -> None:
    rows = "".join(f"{number},Familie {number},sip:{number}@pbx.example.org\n" for number in range(FLATS_MAX))
    data = f"number,name,targets\n{rows}".encode()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        known = directory(Settings(flat=tuple(read_flats(data, Settings(), _none))))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert known.flats["9999"].shown == "9999 Familie 9999"
    assert (after - before) / FLATS_MAX < BYTES_MAX


def _none(line: int, wrong: str, remedy: str) -> None:
    raise AssertionError(f"{line}: {wrong}; {remedy}")
