"""From an installed system to one that stays, or has given way; and every way between them in which the power may fail."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from firmware.app.control.protocol import ControlError, Json, Request
from firmware.app.control.server import ControlServer
from firmware.app.update.device import Device
from firmware.app.update.gate import GONE, TRIAL_S_MAX, Seen
from firmware.app.update.installing import Tools, install
from firmware.app.update.judging import NEVER_CAME, confirm, judge, look, other_system, reject, seen, surroundings, tell
from firmware.app.update.ledger import Before, Ledger, News, Trial
from firmware.app.update.slots import Slots
from firmware.config.schema import Control, Network, Settings
from firmware.errors import UpdateError
from tests.app.update.flashed import NEW, OLD, WELL, World, Writer, boot, flashed


def on_trial(folder: Path, now: Seen = WELL) -> Device:
    """A device that has version NEW in slot b, and has just started it."""
    device = flashed(folder)
    writer = Writer(device)
    install(device, folder / "bundle", now, scheduled=False, tools=Tools(info=writer.info, install=writer.install))
    assert boot(device) == "b"
    return device


def test_a_system_that_works_is_confirmed_and_the_next_boot_finds_nothing_to_do(tmp_path: Path) -> None:
    device, world = on_trial(tmp_path), World()
    judge(device, world.around)
    assert device.slots == Slots(("b", "a"), (9, 9))
    assert (device.ledger.newest, device.ledger.trial) == (NEW, None)
    assert [news.change for news in world.news] == ["installed", "confirmed"]
    assert world.calls == 1
    assert boot(device) == "b"
    judge(device, world.around)
    assert (world.calls, len(world.news)) == (1, 2)


def test_a_system_that_does_not_register_gives_way_and_the_old_one_writes_it_down(tmp_path: Path) -> None:
    device = on_trial(tmp_path)
    world = World(WELL._replace(registered=frozenset()), told=False)
    judge(device, world.around)
    assert world.now_s >= TRIAL_S_MAX
    assert device.slots == Slots(("a", "b"), (9, 0))
    assert boot(device) == "a"
    after = World()
    judge(device, after.around)
    why = "after 10 minutes account pbx is not registered, which it was before the update"
    assert after.news == [News("installed", NEW, "into slot b"), News("rejected", NEW, why)]
    assert device.ledger.rejected == (NEW,)
    assert device.ledger.trial is None
    judge(device, after.around)
    assert len(after.news) == 2


def test_a_system_that_never_comes_up_gives_way_by_itself(tmp_path: Path) -> None:
    device = on_trial(tmp_path)
    assert [boot(device) for _ in range(3)] == ["b", "b", "a"]
    world = World()
    judge(device, world.around)
    assert world.news[-1] == News("rejected", NEW, NEVER_CAME)
    assert device.slots == Slots(("a", "b"), (9, 0))


def test_a_power_cut_during_the_trial_only_begins_it_anew(tmp_path: Path) -> None:
    device = on_trial(tmp_path)
    assert boot(device) == "b"
    judge(device, World().around)
    assert device.slots.is_confirmed("b")


def test_a_power_cut_between_the_two_writes_of_a_confirmation_confirms_all_the_same(tmp_path: Path) -> None:
    device = on_trial(tmp_path)
    device.boot_with(device.slots.with_state("b", good=True))
    judge(device, World().around)
    assert (device.ledger.newest, device.ledger.trial) == (NEW, None)


def test_a_power_cut_between_the_two_writes_of_a_rejection_is_judged_once_more(tmp_path: Path) -> None:
    device = on_trial(tmp_path)
    trial = device.ledger.trial
    assert trial is not None
    device.remember(device.ledger._replace(trial=trial._replace(why="no sound")))
    judge(device, World().around)
    assert device.slots.is_confirmed("b")


def test_an_installation_that_was_cut_off_is_no_rejection(tmp_path: Path) -> None:
    device = flashed(tmp_path)
    device.remember(Ledger(trial=Trial("b", NEW)))
    world = World()
    judge(device, world.around)
    assert device.ledger == Ledger()
    assert world.news == []


def test_what_was_broken_before_the_update_is_not_its_fault(tmp_path: Path) -> None:
    device = on_trial(tmp_path, now=WELL._replace(registered=frozenset()))
    judge(device, World(WELL._replace(registered=frozenset())).around)
    assert device.slots.is_confirmed("b")


def test_without_a_system_to_go_back_to_the_new_one_goes_on_unconfirmed(tmp_path: Path) -> None:
    device = flashed(tmp_path, Slots(("a", "b"), (2, 0)))
    world = World(GONE)
    judge(device, world.around)
    assert device.slots == Slots(("a", "b"), (2, 0))
    assert "has no system to go back to" in world.said[-1]
    with pytest.raises(UpdateError, match="has no system that proved itself"):
        reject(device, "by hand")


def test_a_rejection_by_hand_goes_back_and_is_remembered(tmp_path: Path) -> None:
    device = flashed(tmp_path, Slots(("a", "b"), (9, 9)), a=NEW, b=OLD)
    assert other_system(device) == OLD
    assert reject(device, "it crackles") == f"version {NEW} is rejected: it crackles; back to version {OLD}"
    assert boot(device) == "b"
    assert device.ledger.rejected == (NEW,)
    world = World()
    assert tell(device, world.around)
    assert world.news == [News("rejected", NEW, "it crackles")]


def test_who_confirms_an_old_system_does_not_lower_what_may_be_installed(tmp_path: Path) -> None:
    device = flashed(tmp_path, Slots(("a", "b"), (3, 9)), a=OLD, b=NEW)
    device.remember(Ledger(newest=NEW, rejected=(OLD,)))
    assert confirm(device, "by hand") == f"version {OLD} is confirmed: it starts from now on"
    assert (device.ledger.newest, device.ledger.rejected) == (NEW, ())
    assert device.slots == Slots(("a", "b"), (9, 9))


def test_news_wait_for_a_daemon_that_listens(tmp_path: Path) -> None:
    device = flashed(tmp_path)
    device.remember(Ledger(untold=(News("confirmed", OLD), News("installed", NEW))))
    judge(device, World(told=False).around)
    assert len(device.ledger.untold) == 2
    judge(device, World().around)
    assert not device.ledger.untold


def test_the_gate_reads_what_status_says() -> None:
    status: dict[str, Json] = {
        "uptime_s": 86.2,
        "accounts": {"pbx": {"registered": True, "detail": ""}, "second": {"registered": False, "detail": ""}},
        "locks": {"door": False, "gate": True},
        "call": {"state": "idle"},
    }
    assert seen(status) == Seen(86.2, frozenset({"pbx"}), frozenset({"gate"}), frozenset({"door", "gate"}), idle=True)
    assert not seen({**status, "call": {"state": "talking"}}).idle
    assert seen({}).uptime_s < 0


def test_a_daemon_is_asked_and_told_at_its_socket(tmp_path: Path) -> None:
    socket = tmp_path / "control"
    settings = Settings(control=Control(socket=str(socket)), network=Network(transports=("tls",)))
    asked: list[Request] = []

    async def handle(request: Request) -> Json:
        asked.append(request)
        if request.verb == "device" and request.args[0] == "confirmed":
            raise ControlError("unknown_verb", "an old one")
        return {"uptime_s": 30.0}

    async def scenario() -> None:
        server = ControlServer(socket, handle, lambda: 0.0)
        await server.start()
        around = surroundings(settings)
        assert (await asyncio.to_thread(around.look)).uptime_s == 30.0
        assert await asyncio.to_thread(around.tell, News("installed", NEW))
        assert await asyncio.to_thread(around.tell, News("confirmed", NEW, "why"))  # it will never know: not told for ever
        assert await asyncio.to_thread(around.call) == ""  # it cannot call itself, and is not asked to
        await server.close()

    asyncio.run(scenario())
    assert [request.args for request in asked] == [(), ("installed", NEW), ("confirmed", NEW, "why")]
    assert look(socket) == GONE
    assert not surroundings(settings).tell(News("installed", NEW))


def test_the_door_before_an_update_is_remembered_with_it(tmp_path: Path) -> None:
    device = on_trial(tmp_path, now=WELL._replace(closed=frozenset({"door"})))
    assert device.ledger.trial == Trial("b", NEW, Before(("pbx",), ("door",)))
