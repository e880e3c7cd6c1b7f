"""Locks, contacts and rules on a whole station: through the configuration, the door, the driver and the journal, and over a restart."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from firmware.config.schema import Contact, Lamp, Lock, Profile, Rule, Settings, Target
from firmware.door import events as door
from firmware.door.contacts import BLOCK_S
from hw.simulated import SimulatedRelay
from tests.app.house import LIMIT_S, House, house, settings

GATE = door.LockName("gate")


def equipped(folder: Path) -> Settings:
    return settings(folder)._replace(
        target=(Target(name="anna", uri="sip:anna@127.0.0.1:9"),),
        lock=(Lock(name="gate", gpio=5, pulse_s=0.2, may_hold=True), Lock(name="light", gpio=7, pulse_s=0.1)),
        lamp=(Lamp(name="open-led", gpio=6, shows="open"),),
        contact=(
            Contact(name="exit", kind="exit", gpio=8, lock="gate", debounce_ms=10),
            Contact(name="leaf", kind="door", gpio=9, lock="gate", debounce_ms=10),
            Contact(name="case", kind="tamper", gpio=10, debounce_ms=10),
        ),
        rule=(Rule(name="alarm", on="forced leaf", do=("open light",)),),
    )


def live(wanted: Settings, scenario: Callable[[House], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        async with house(wanted) as lived:
            await lived.until(door.ContactChanged, times=len(wanted.contact))  # where each contact stands
            await scenario(lived)

    asyncio.run(run())


def test_what_operators_want_outlives_a_restart(tmp_path: Path) -> None:
    async def first(lived: House) -> None:
        lived.station.inbox.put(door.SetLockMode(lock=GATE, mode=door.LockMode.LOCKED, by="test"))
        lived.station.inbox.put(door.SetQuiet(target="anna", quiet=True, by="test"))
        await lived.until(door.QuietChanged)
        assert lived.board.relay("gate").blocked

    async def second(lived: House) -> None:
        assert lived.station.bridge.state.modes == {GATE: door.LockMode.LOCKED}
        assert lived.station.bridge.state.quiet == {"anna"}
        assert lived.board.relay("gate").blocked
        lived.station.inbox.put(door.OpenLock(lock=GATE, by="test"))
        await lived.until(door.OpeningRefused)
        assert lived.board.relay("gate").history == ()

    live(equipped(tmp_path), first)
    live(equipped(tmp_path), second)


def test_people_get_out_of_a_locked_door(tmp_path: Path) -> None:
    async def scenario(lived: House) -> None:
        lived.station.inbox.put(door.SetLockMode(lock=GATE, mode=door.LockMode.LOCKED, by="test"))
        await lived.until(door.LockModeChanged)
        lived.board.set_contact("exit", active=True)
        await lived.until(door.RelayMoved)
        assert lived.board.relay("gate").history[0].closed

    live(equipped(tmp_path), scenario)


def test_people_get_out_while_the_program_hangs_and_the_door_opens_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: queue.SimpleQueue[bool] = queue.SimpleQueue()
    before = SimulatedRelay._moved

    def told(relay: SimulatedRelay, closed: bool) -> None:
        before(relay, closed)
        moved.put(closed)

    monkeypatch.setattr(SimulatedRelay, "_moved", told)

    async def scenario(lived: House) -> None:
        lived.board.set_contact("exit", active=True)
        # The event loop is this thread, and it hangs here: the door opens and shuts without it.
        assert [moved.get(timeout=LIMIT_S), moved.get(timeout=LIMIT_S)] == [True, False]
        assert not lived.of(door.Unlocked)
        await lived.until(door.Unlocked)
        await lived.until(door.RelayMoved, times=2)
        lived.station.inbox.put(door.OpenLock(lock=door.LockName("light"), by="test"))
        await lived.until(door.RelayMoved, times=4)
        assert [edge.closed for edge in lived.board.relay("gate").history] == [True, False], "no second pulse for nobody"
        assert next((each.grant, each.who) for each in lived.seen if isinstance(each, door.Unlocked)) == (door.Grant.EXIT, "exit")
        assert [each.by for each in lived.seen if isinstance(each, door.RelayMoved)][:2] == ["exit", ""]

    live(equipped(tmp_path), scenario)


def test_an_exit_button_that_sticks_over_a_restart_opens_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(equipped(tmp_path), stuck=("exit",)) as lived:
            await lived.until(door.ContactChanged, times=3)
            lived.station.inbox.put(door.OpenLock(lock=door.LockName("light"), by="test"))
            await lived.until(door.RelayMoved, times=2)
            assert [each.lock for each in lived.seen if isinstance(each, door.Unlocked)] == ["light"]
            assert lived.board.relay("gate").history == ()

    asyncio.run(scenario())


def test_a_lock_is_held_open_and_let_go(tmp_path: Path) -> None:
    async def scenario(lived: House) -> None:
        lived.station.inbox.put(door.SetLockMode(lock=GATE, mode=door.LockMode.HELD, by="test"))
        await lived.until(door.RelayMoved)
        assert lived.board.relay("gate").closed
        assert lived.board.lamp("open-led").on
        lived.station.inbox.put(door.SetLockMode(lock=GATE, mode=door.LockMode.NORMAL, by="test"))
        await lived.until(door.RelayMoved, times=2)
        assert not lived.board.relay("gate").closed

    live(equipped(tmp_path), scenario)


def test_a_lock_is_held_open_by_its_profile_from_the_start(tmp_path: Path) -> None:
    async def scenario(lived: House) -> None:
        await lived.until(door.RelayMoved)
        assert lived.board.relay("gate").closed
        assert lived.board.lamp("plates").on

    wanted = equipped(tmp_path)
    held = wanted.lock[0]._replace(held_when="always")
    plates = Lamp(name="plates", gpio=18, shows="profile", when="always")
    profile = Profile(name="always", times=("daily 00:00-24:00",))
    live(wanted._replace(lock=(held, wanted.lock[1]), lamp=(*wanted.lamp, plates), profile=(profile,)), scenario)


def test_a_forced_door_is_written_down_and_sets_its_rule_off(tmp_path: Path) -> None:
    async def scenario(lived: House) -> None:
        lived.board.set_contact("leaf", active=True)
        await lived.until(door.DoorForced)
        await lived.until(door.RelayMoved)
        assert [(each.lock, each.grant, each.who) for each in lived.seen if isinstance(each, door.Unlocked)] == [
            (door.LockName("light"), door.Grant.RULE, "alarm")
        ]

    live(equipped(tmp_path), scenario)


def test_an_opened_case_blocks_the_relays_over_a_restart(tmp_path: Path) -> None:
    async def first(lived: House) -> None:
        lived.board.set_contact("case", active=True)
        await lived.until(door.RelaysBlocked)

    async def second(lived: House) -> None:
        until_s = lived.station.bridge.state.blocked_until_s
        assert until_s is not None
        assert 0 < until_s - lived.station.loop.time() <= BLOCK_S
        lived.station.inbox.put(door.OpenLock(lock=GATE, by="test"))
        await lived.until(door.OpeningRefused)
        lived.board.set_contact("exit", active=True)
        await lived.until(door.RelayMoved)
        assert lived.board.relay("gate").history[0].closed, "a request to exit opens all the same"

    live(equipped(tmp_path), first)
    live(equipped(tmp_path), second)
