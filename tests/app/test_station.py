"""The whole station over loopback: a press, a call, a code, an opened door, and what the journal says of it."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
from collections.abc import Coroutine
from pathlib import Path

import pytest

from firmware.config.schema import Contact
from firmware.door import events as door
from firmware.media import events as media
from firmware.sip import events as sip
from tests.app.house import CODE, House, house, phones, settings


def outcomes(folder: Path) -> list[tuple[str, str]]:
    """Button and outcome of each press, as the closed journal holds them."""
    with sqlite3.connect(folder / "journal.db") as connection:
        rows: list[tuple[str, str]] = connection.execute("SELECT button, outcome FROM press ORDER BY id").fetchall()
    connection.close()
    return rows


def ended(lived: House) -> list[tuple[door.Outcome, str]]:
    return [(event.outcome, event.detail) for event in lived.seen if isinstance(event, door.PressEnded)]


def run(scenario: Coroutine[None, None, None]) -> None:
    asyncio.run(scenario)


def test_a_press_rings_a_code_opens_and_the_journal_has_the_outcome(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with phones("anna") as (anna,), house(settings(tmp_path, anna)) as lived:
            lived.board.press("bell", 0.1)
            await anna.heard(sip.IncomingCall)
            await lived.until(door.Ringing)
            anna.answer()
            await lived.until(door.Answered)
            assert lived.board.lamp("led").on
            await anna.dial_digits(CODE)
            await lived.until(door.PressEnded)
            await lived.until(door.RelayMoved, times=2)
            await lived.until(media.QualityMeasured)
            await anna.heard(sip.CallEnded)
            assert [edge.closed for edge in lived.board.relay("gate").history] == [True, False]
            assert ended(lived) == [(door.Outcome.OPENED, "")]
            assert not lived.board.lamp("led").on
            assert lived.station.supervisor.total == 0

    run(scenario())
    assert outcomes(tmp_path) == [("bell", "opened")]


def test_the_first_answer_wins_and_the_other_phone_stops_ringing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with phones("anna", "bert") as (anna, bert), house(settings(tmp_path, anna, bert)) as lived:
            lived.board.press("bell", 0.1)
            await lived.until(door.Ringing, times=2)
            bert.answer()
            await anna.heard(sip.CallEnded)
            await lived.until(door.Answered)
            lived.station.inbox.put(door.Operate(verb=door.Verb.HANG_UP))
            await bert.heard(sip.CallEnded)
            await lived.until(door.PressEnded)
            assert ended(lived) == [(door.Outcome.ANSWERED, "")]

    run(scenario())
    assert outcomes(tmp_path) == [("bell", "answered")]


def test_a_busy_phone_is_the_outcome_of_the_press(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with phones("anna") as (anna,), house(settings(tmp_path, anna)) as lived:
            anna.busy = True
            lived.board.press("bell", 0.1)
            await lived.until(door.PressEnded)
            assert ended(lived)[0][0] is door.Outcome.BUSY

    run(scenario())


def test_the_card_is_closed_before_and_after_a_call(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with phones("anna") as (anna,), house(settings(tmp_path, anna)) as lived:
            listening = [lived.board.sound.is_open]
            lived.board.press("bell", 0.1)
            await lived.until(door.Ringing)
            async with asyncio.timeout(60):
                while not lived.board.sound.is_open:  # the audio thread opens it
                    await asyncio.sleep(0.01)
            lived.station.inbox.put(door.Operate(verb=door.Verb.HANG_UP))
            await lived.until(door.PressEnded)
            await anna.heard(sip.CallEnded)
            lived.station.sound.close()
            listening.append(lived.board.sound.is_open)
            assert listening == [False, False]

    run(scenario())


def test_the_exit_button_opens_while_a_call_rings(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with phones("anna") as (anna,):
            wanted = settings(tmp_path, anna)
            wanted = wanted._replace(contact=(Contact(name="exit", kind="exit", gpio=9, lock="gate", debounce_ms=10),))
            async with house(wanted) as lived:
                lived.board.press("bell", 0.1)
                await lived.until(door.Ringing)
                lived.board.set_contact("exit", active=True)
                await lived.until(door.Unlocked)
                await lived.until(door.RelayMoved, times=2)
                assert [(event.lock, event.grant) for event in lived.seen if isinstance(event, door.Unlocked)] == [
                    ("gate", door.Grant.EXIT)
                ]
                assert ended(lived) == []

    run(scenario())


def test_a_stop_in_mid_call_ends_it_politely_and_writes_the_outcome(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with phones("anna") as (anna,):
            async with house(settings(tmp_path, anna)) as lived:
                lived.board.press("bell", 0.1)
                await lived.until(door.Ringing)
                anna.answer()
                await lived.until(door.Answered)
                lived.board.relay("gate").pulse(5.0)
            await anna.heard(sip.CallEnded)
            assert not lived.board.relay("gate").closed

    run(scenario())
    assert outcomes(tmp_path) == [("bell", "answered")]


def test_a_stop_while_it_rings_interrupts_the_press(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with phones("anna") as (anna,):
            async with house(settings(tmp_path, anna)) as lived:
                lived.board.press("bell", 0.1)
                await lived.until(door.Ringing)
            await anna.heard(sip.CallEnded)

    run(scenario())
    assert outcomes(tmp_path) == [("bell", "interrupted")]


def test_a_stranger_is_refused_and_a_listed_caller_waits_for_an_answer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with phones("eve") as (eve,), house(settings(tmp_path)) as lived:
            eve.dial(lived.station)
            await eve.heard(sip.CallEnded)
            assert [event.status for event in eve.events if isinstance(event, sip.CallEnded)] == [403]
        async with phones("anna") as (anna,), house(settings(tmp_path, allow=("*@127.0.0.1",))) as lived:
            anna.dial(lived.station)
            await anna.heard(sip.CallProgress)
            lived.station.inbox.put(door.Operate(verb=door.Verb.ANSWER))
            await anna.heard(sip.CallAnswered)
            await lived.until(door.Answered)
            await anna.dial_digits(CODE, sip.CallKey("out"))
            await lived.until(door.CodeRefused)  # a caller may open nothing unless the configuration says so
            assert not lived.board.relay("gate").history

    run(scenario())


def test_without_a_journal_the_door_still_rings_and_says_what_is_wrong(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with phones("anna") as (anna,):
            wanted = settings(tmp_path, anna)
            wanted = wanted._replace(journal=wanted.journal._replace(path=str(tmp_path / "missing" / "journal.db")))
            async with house(wanted) as lived:
                lived.board.press("bell", 0.1)
                await anna.heard(sip.IncomingCall)
                assert "journal" in lived.station.health

    run(scenario())


def test_a_journal_that_is_missing_at_the_start_is_found_and_has_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware.app.journal.journal.AGAIN_S", 0.01)
    wanted = settings(tmp_path / "card")
    (tmp_path / "card").mkdir()

    async def first() -> None:
        async with house(wanted) as lived:
            lived.station.inbox.put(door.SetLockMode(lock=door.LockName("gate"), mode=door.LockMode.LOCKED, by="test"))
            await lived.until(door.LockModeChanged)

    async def second() -> None:
        (tmp_path / "card").rename(tmp_path / "elsewhere")
        async with house(wanted) as lived:
            await lived.until(door.HealthChanged)
            assert "journal" in lived.station.health
            lived.station.inbox.put(door.OpenLock(lock=door.LockName("gate"), by="test"))
            await lived.until(door.Unlocked)
            (tmp_path / "elsewhere").rename(tmp_path / "card")
            await lived.until(door.HealthChanged, times=2)
            assert "journal" not in lived.station.health
            lived.station.inbox.put(door.OpenLock(lock=door.LockName("gate"), by="test"))
            await lived.until(door.OpeningRefused)  # it was locked, and is again

    asyncio.run(first())
    asyncio.run(second())
    with sqlite3.connect(tmp_path / "card" / "journal.db") as connection:
        kinds = [kind for (kind,) in connection.execute("SELECT kind FROM record ORDER BY id")]
    connection.close()
    assert [kind for kind in kinds if kind not in ("RelayMoved", "UsersChanged")] == [
        "LockModeChanged",
        "HealthChanged",
        "Unlocked",
        "HealthChanged",
        "OpeningRefused",
    ]


def test_a_bug_in_an_observer_is_counted_and_hurts_nobody(tmp_path: Path) -> None:
    def explode(_at_s: float, _event: object) -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        async with phones("anna") as (anna,), house(settings(tmp_path, anna)) as lived:
            remove = lived.station.observers.add(explode)
            lived.board.press("bell", 0.1)
            await lived.until(door.Pressed)
            remove()
            assert lived.station.supervisor.total >= 1
            await anna.heard(sip.IncomingCall)

    run(scenario())


def test_too_many_bugs_end_the_station_for_a_new_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(settings(tmp_path)) as lived:
            for _ in range(5):
                lived.station.inbox.put(door.Press(button=door.ButtonName("nobody")))
                await asyncio.sleep(0)  # a waiting press of the same button would be merged
                while lived.station.bridge.busy_since_ns is not None or len(lived.station.inbox):
                    await asyncio.sleep(0)
            await asyncio.wait_for(lived.station.ended.wait(), 60)
            assert lived.station.failed is not None

    run(scenario())


def test_the_death_of_a_thread_ends_the_station_for_a_new_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(settings(tmp_path)) as lived:
            threading.Thread(target=explode, name="reader").start()
            await asyncio.wait_for(lived.station.ended.wait(), 60)
            assert lived.station.failed == "the thread reader has died"

    def explode() -> None:
        raise ZeroDivisionError

    run(scenario())


def test_the_vitals_are_well_idle_and_in_a_call(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with phones("anna") as (anna,), house(settings(tmp_path, anna)) as lived:
            now_ns = round(lived.station.loop.time() * 1e9)
            assert [vital(now_ns) for vital in lived.station.vitals] == [None, None]
            lived.board.press("bell", 0.1)
            await lived.until(door.Ringing)
            anna.answer()
            await lived.until(door.Answered)
            now_ns = round(lived.station.loop.time() * 1e9)
            assert [vital(now_ns) for vital in lived.station.vitals] == [None, None]
            assert lived.station.vitals[0](now_ns + 60 * 10**9) is not None

    run(scenario())


def test_a_media_core_that_is_missing_is_known_before_the_first_press(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware.app.station.WARM_UP_AFTER_S", 0.0)
    monkeypatch.setitem(sys.modules, "firmware.media.engine", None)

    async def scenario() -> None:
        async with house(settings(tmp_path)) as lived:
            await lived.until(door.HealthChanged)
            assert "build it" in lived.station.health["sound"]

    run(scenario())


def test_who_waits_for_what_does_not_come_is_told_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(settings(tmp_path)) as lived:
            assert await lived.station.wait_for(lambda _event: True, 0.0) is None

    run(scenario())
