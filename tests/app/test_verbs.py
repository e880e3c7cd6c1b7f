"""Each verb of `portero ctl` on a whole station: what it does, what it answers, and what it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from firmware.app.control import verbs as ctl
from firmware.app.control.protocol import ControlError, Json, Request
from firmware.app.control.simulated_verbs import simulated_verbs
from firmware.app.control.verbs import VERBS, perform
from firmware.config.schema import Holiday, Profile, Station
from firmware.door import events as door
from firmware.sip import events as sip
from tests.app.house import House, Phone, house, phones, settings

Scenario = Callable[[House, Phone], Coroutine[None, None, None]]


def with_house(tmp_path: Path, scenario: Scenario) -> None:
    async def run() -> None:
        async with phones("anna") as (anna,), house(settings(tmp_path, anna, allow=("*@127.0.0.1",))) as lived:
            await scenario(lived, anna)

    asyncio.run(run())


async def ask(lived: House, verb: str, *args: str) -> Json:
    verbs = {**VERBS, **simulated_verbs(lived.board)}
    return await perform(lived.station, verbs, Request(verb=verb, args=args, id=None))


async def refused(lived: House, verb: str, *args: str) -> str:
    with pytest.raises(ControlError) as caught:
        await ask(lived, verb, *args)
    return caught.value.code


async def in_call(lived: House, anna: Phone) -> None:
    await ask(lived, "press", "bell")
    await lived.until(door.Ringing)
    anna.answer()
    await lived.until(door.Answered)


def field(value: Json, name: str) -> Json:
    assert isinstance(value, dict)
    return value[name]


def test_status_tells_the_call_from_idle_to_talking(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone) -> None:
        assert field(await ask(lived, "status"), "call") == {"state": "idle"}
        await ask(lived, "press", "bell")
        calling = field(await ask(lived, "status"), "call")
        assert calling == {"state": "calling", "press": 1, "button": "bell", "flat": "", "parties": ["anna"]}
        await lived.until(door.Ringing)
        anna.answer()
        await lived.until(door.Answered)
        talking = field(await ask(lived, "status"), "call")
        assert (field(talking, "state"), field(talking, "party")) == ("talking", "anna")

    with_house(tmp_path, scenario)


def test_call_dials_a_target_or_an_address_and_hangup_ends_it(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone) -> None:
        assert field(await ask(lived, "call", "anna"), "party") == "anna"
        assert await refused(lived, "call", anna.uri) == "not_now"
        await lived.until(door.Ringing)
        assert field(await ask(lived, "hangup"), "reason") == "cancelled"
        await anna.heard(sip.CallEnded)
        assert field(await ask(lived, "call", anna.uri), "party") == anna.uri
        await lived.until(door.Ringing, times=2)
        anna.answer()
        await lived.until(door.Answered)
        assert field(await ask(lived, "hangup"), "reason") == "hung_up"
        assert await refused(lived, "hangup") == "not_now"

    with_house(tmp_path, scenario)


def test_hold_resume_and_reinvite_answer_with_the_final_status(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone) -> None:
        assert await refused(lived, "hold") == "not_now"
        await in_call(lived, anna)
        for verb in ("hold", "resume", "reinvite"):
            assert await ask(lived, verb) == {"call": "p1.1", "status": 200}

    with_house(tmp_path, scenario)


def test_digits_go_out_both_ways(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone) -> None:
        await in_call(lived, anna)
        assert field(await ask(lived, "dtmf", "info", "1#"), "statuses") == [200, 200]
        bodies = [event.body for event in anna.events if isinstance(event, sip.InfoReceived)]
        assert [body.split(b"\r\n")[0] for body in bodies] == [b"Signal=1", b"Signal=#"]
        assert field(await ask(lived, "dtmf", "rfc4733", "12"), "digits") == "12"
        assert await refused(lived, "dtmf", "rfc4733", "1x") == "bad_argument"
        assert await refused(lived, "dtmf", "smoke", "1") == "bad_argument"

    with_house(tmp_path, scenario)


def test_an_incoming_call_is_answered_or_refused_with_any_status(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone) -> None:
        assert await refused(lived, "answer") == "not_now"
        anna.dial(lived.station)
        await lived.until(door.CallReceived)
        assert await refused(lived, "answer", "99") == "bad_argument"
        assert await refused(lived, "answer", "181") == "bad_argument"
        assert field(await ask(lived, "answer", "180"), "status") == 180
        assert field(await ask(lived, "answer", "606"), "status") == 606
        await anna.heard(sip.CallEnded)
        assert [event.status for event in anna.events if isinstance(event, sip.CallEnded)] == [606]
        await lived.until(door.CallEnded)
        anna.events.clear()
        anna.dial(lived.station)
        await lived.until(door.CallReceived, times=2)
        assert field(await ask(lived, "answer", "183"), "status") == 183
        await anna.heard(sip.MediaAgreed)  # sound flows before the answer
        assert field(await ask(lived, "answer"), "status") == 200
        await anna.heard(sip.CallAnswered)

    with_house(tmp_path, scenario)


def test_what_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    async def scenario(lived: House, _anna: Phone) -> None:
        assert await refused(lived, "dance") == "unknown_verb"
        assert await refused(lived, "press", "nobody") == "not_found"
        assert await refused(lived, "press") == "bad_argument"
        assert await refused(lived, "call", "mailto:x@y") == "bad_argument"
        assert await refused(lived, "call", "nonsense") == "bad_argument"
        assert await refused(lived, "register") == "not_found"
        assert await refused(lived, "unregister", "home") == "not_found"
        assert await refused(lived, "sim", "dance") == "unknown_verb"
        assert await refused(lived, "sim", "press") == "bad_argument"
        assert await refused(lived, "sim", "press", "nobody") == "not_found"
        assert await refused(lived, "sim", "sound", "louder") == "bad_argument"
        assert await refused(lived, "sim", "key", "nopad", "12#") == "not_found"
        assert await refused(lived, "sim", "key", "nopad", "12x") == "bad_argument"
        assert await refused(lived, "sim", "wiegand", "nowhere", "0101") == "not_found"
        assert await refused(lived, "sim", "wiegand", "nowhere", "0121") == "bad_argument"
        assert await refused(lived, "sim", "hold-card", "nowhere", "CAFE01", "5") == "not_found"
        for seconds in ("0", "61", "nan", "long"):
            assert await refused(lived, "sim", "hold-card", "nowhere", "CAFE01", seconds) == "bad_argument"

    with_house(tmp_path, scenario)


def test_a_lock_is_not_opened_after_it_was_said_that_it_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(lived: House, _anna: Phone) -> None:
        inbox, kept = lived.station.inbox, list[door.OpenLock]()

        def delayed(arrival: object) -> None:
            assert isinstance(arrival, door.OpenLock)
            kept.append(arrival)

        with monkeypatch.context() as patched:
            patched.setattr(ctl, "PLACED_S_MAX", 0.01)
            patched.setattr(inbox, "put", delayed)
            assert await refused(lived, "lock", "gate", "open") == "failed"
        inbox.put(kept[0])
        await lived.until(door.OpeningRefused)
        assert field(await ask(lived, "lock", "gate", "open"), "who") == "control"

    with_house(tmp_path, scenario)


def test_the_hands_of_a_simulated_door(tmp_path: Path) -> None:
    async def scenario(lived: House, _anna: Phone) -> None:
        await ask(lived, "sim", "press", "bell")
        await lived.until(door.Pressed)
        assert await ask(lived, "sim", "lamp", "led") == {"on": False}
        lived.station.inbox.put(door.OpenLock(lock=door.LockName("gate"), by="test"))
        await lived.until(door.RelayMoved, times=2)
        relay = await ask(lived, "sim", "relay", "gate")
        history = field(relay, "history")
        assert isinstance(history, list)
        assert [field(edge, "closed") for edge in history] == [True, False]
        for half in ("no-microphone", "no-speaker"):
            field(await ask(lived, "sim", "sound", half), "open")
        assert await refused(lived, "sim", "sound", "nonsense") == "bad_argument"
        await ask(lived, "sim", "sound", "plug-in")
        await ask(lived, "sim", "sound", "unplug")
        await ask(lived, "sim", "sound", "plug-in")

    with_house(tmp_path, scenario)


def test_a_lock_is_opened_held_locked_and_given_back(tmp_path: Path) -> None:
    async def scenario(lived: House, _anna: Phone) -> None:
        assert field(await ask(lived, "lock", "gate", "open"), "who") == "control"
        assert await refused(lived, "lock", "gate", "hold") == "not_now"
        assert field(await ask(lived, "lock", "gate", "lock"), "mode") == "locked"
        assert field(await ask(lived, "status"), "modes") == {"gate": "locked"}
        assert field(await ask(lived, "lock", "gate", "open"), "fault") == "locked"
        assert await ask(lived, "lock", "gate", "lock") == {"lock": "gate", "mode": "locked", "changed": False}
        assert lived.board.relay("gate").blocked
        assert field(await ask(lived, "lock", "gate", "normal"), "mode") == "normal"
        await lived.until(door.LockModeChanged, times=2)
        await ask(lived, "lock", "gate", "open")
        assert await refused(lived, "lock", "gate", "ajar") == "bad_argument"
        assert await refused(lived, "lock", "window", "open") == "not_found"

    with_house(tmp_path, scenario)


def test_somebody_is_not_disturbed_until_he_wants_to_be(tmp_path: Path) -> None:
    async def scenario(lived: House, _anna: Phone) -> None:
        assert await ask(lived, "dnd") == {"quiet": []}
        assert field(await ask(lived, "dnd", "anna", "on"), "quiet") is True
        assert await ask(lived, "dnd") == {"quiet": ["anna"]}
        assert await ask(lived, "dnd", "anna", "on") == {"target": "anna", "quiet": True, "changed": False}
        await ask(lived, "press", "bell")
        await lived.until(door.PressEnded)
        assert [event.outcome for event in lived.seen if isinstance(event, door.PressEnded)] == [door.Outcome.NOBODY]
        assert field(await ask(lived, "dnd", "anna", "off"), "quiet") is False
        assert await ask(lived, "dnd", "anna") == {"target": "anna", "quiet": False}
        assert await refused(lived, "dnd", "anna", "maybe") == "bad_argument"
        assert await refused(lived, "dnd", "zoe", "on") == "not_found"

    with_house(tmp_path, scenario)


def test_profiles_say_whether_they_are_active(tmp_path: Path) -> None:
    async def run() -> None:
        profiles = (Profile(name="always", times=("daily 00:00-24:00",)), Profile(name="holidays", times=("holiday 00:00-24:00",)))
        wanted = settings(tmp_path)._replace(profile=profiles, holiday=(Holiday(name="daily", date="01-01", until="12-31"),))
        async with house(wanted._replace(station=Station(timezone="Europe/Berlin"))) as lived:
            told = await ask(lived, "profile")
            assert field(told, "active") == {"always": True, "holidays": True}
            assert field(told, "holiday") is True
            assert field(await ask(lived, "profile", "always"), "active") == {"always": True}
            assert await refused(lived, "profile", "never") == "not_found"

    asyncio.run(run())


def test_update_and_transfer_in_a_call(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone) -> None:
        for verb, *words in (("update",), ("transfer", anna.uri), ("attended", "nobody")):
            assert await refused(lived, verb, *words) == ("not_found" if verb == "attended" else "not_now")
        await in_call(lived, anna)
        assert await refused(lived, "transfer", "nonsense") == "bad_argument"
        assert field(await ask(lived, "update"), "status") == 200
        # The phone takes transfers from its own server only.
        assert field(await ask(lived, "transfer", anna.uri), "status") == 403
        assert field(await ask(lived, "status"), "call") != {"state": "idle"}

    with_house(tmp_path, scenario)


def test_what_happened_to_the_device_is_written_down(tmp_path: Path) -> None:
    async def scenario(lived: House, _anna: Phone) -> None:
        wanted = {"change": "rejected", "version": "1.2", "detail": "no sound came back"}
        assert await ask(lived, "device", *wanted.values()) == wanted
        assert await ask(lived, "device", "confirmed", "1.3") == {"change": "confirmed", "version": "1.3", "detail": ""}
        assert await refused(lived, "device", "painted", "blue") == "bad_argument"
        changes = [event.change for event in lived.of(door.DeviceChanged) if isinstance(event, door.DeviceChanged)]
        assert changes == [door.DeviceChange.REJECTED, door.DeviceChange.CONFIRMED]

    with_house(tmp_path, scenario)


def test_the_panel_measures_itself_without_a_call_and_not_in_one(tmp_path: Path) -> None:
    async def scenario(lived: House, anna: Phone) -> None:
        assert await refused(lived, "audio", "tone") == "bad_argument"
        found = await ask(lived, "audio", "loop")
        assert field(found, "delay_ms") is None, "the microphone of the simulated door hears nothing of its speaker"
        complaints = field(found, "complaints")
        assert isinstance(complaints, list)
        assert len(complaints) == 1
        await in_call(lived, anna)
        assert await refused(lived, "audio", "loop") == "not_now"

    with_house(tmp_path, scenario)


def test_a_press_ends_the_self_test(tmp_path: Path) -> None:
    async def scenario(lived: House, _anna: Phone) -> None:
        testing = asyncio.ensure_future(refused(lived, "audio", "loop"))
        await asyncio.sleep(0)
        await ask(lived, "press", "bell")
        assert await testing == "not_now"

    with_house(tmp_path, scenario)
