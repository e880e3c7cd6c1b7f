"""The door's hands: effects in order, records first and durable, failures survived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping

import pytest

from firmware.app.bridge_door import DoorBridge, LampGroup, LampKey, Panel
from firmware.app.inbox import Inbox
from firmware.app.supervise import Supervisor
from firmware.app.timers import Timers
from firmware.app.wiring.directory import directory
from firmware.config.schema import Button, Code, Contact, Incoming, Lock, Menu, Rule, Settings, Target, Webhook
from firmware.config.secrets import Secret
from firmware.door import events as door
from firmware.door.state import Calling, Door
from firmware.errors import JournalError
from hw.api import ButtonEdge, HardwareError, RelayBlockedError

SETTINGS = Settings(
    target=(Target(name="anna", uri="sip:anna@192.0.2.1"), Target(name="bert", uri="sip:bert@192.0.2.2")),
    button=(Button(name="front", targets=("anna", "bert")),),
    lock=(Lock(name="gate", gpio=5),),
    code=(Code(name="family", code=Secret("739152")),),
    contact=(Contact(name="exit", kind="exit", gpio=6, lock="gate"),),
    webhook=(Webhook(name="house", url="http://127.0.0.1:9/"),),
    rule=(Rule(name="shut", on="shut gate", do=("request house",)),),
)
GATE = door.LockName("gate")
LEG = door.CallName("p7.1")


class Rig:
    """Everything that the bridge moves, writing into one list in the order in which it happens."""

    def __init__(self, settings: Settings) -> None:
        self.happened: list[str] = []
        self.observed: list[object] = []
        self.journal_broken = False
        self.phone_broken = False
        self.relay_broken = False
        self.inbox = Inbox(asyncio.get_running_loop().call_soon_threadsafe)
        self.supervisor = Supervisor(lambda: 0.0, self.happened.append)
        lamps: dict[LampKey, LampGroup] = {role: ((FakeLamp(role.value, self), 0.5),) for role in door.LampRole}
        self.bridge = DoorBridge(
            Door(directory=directory(settings), next_press=7),
            inbox=self.inbox,
            journal=self,
            phone=self,
            panel=Panel({"gate": FakeRelay(self)}, lamps, lambda sound: self.happened.append(f"play {sound.value}")),
            timers=lambda fire: Timers(asyncio.get_running_loop(), fire),
            supervisor=self.supervisor,
            observe=self.observed.append,
            send=self._send,
            attend=lambda effect: self.happened.append(repr(effect)),
            ask=lambda question: self.happened.append(f"ask {question}"),
        )

    def _send(self, effect: door.Request | door.Message) -> None:
        self.happened.append(f"request {effect.hook}" if isinstance(effect, door.Request) else f"write to {effect.uri}")

    async def append(self, *records: door.DoorRecord, kept: Mapping[str, str] | None = None) -> None:
        names = "+".join(type(record).__name__ for record in records)
        self.happened.append(f"writing {names}")
        await asyncio.sleep(0)  # whatever runs meanwhile must not overtake
        if self.journal_broken:
            raise JournalError("the disk is full")
        self.happened.append(f"written {names}" + "".join(f" and kept {name}" for name in kept or ()))

    def ring(self, effect: door.Ring) -> None:
        if self.phone_broken:
            raise ZeroDivisionError
        self.happened.append(f"ring {effect.call}")

    def end(self, effect: door.End) -> None:
        self.happened.append(f"end {effect.call}")

    def offer(self, effect: door.Offer) -> None:
        self.happened.append(f"offer {effect.call}")

    def accept(self, effect: door.Accept) -> None:
        self.happened.append(f"accept {effect.call}")

    def admit(self, effect: door.Admit) -> None:
        self.happened.append(f"admit {effect.call}")

    def confer(self, effect: door.Confer) -> None:
        self.happened.append(f"confer {' '.join(effect.calls)}")

    def refuse(self, effect: door.Refuse) -> None:
        self.happened.append(f"refuse {effect.call}")

    async def settle(self) -> None:
        """Let everything that waits be worked off."""
        while self.bridge.busy_since_ns is not None or len(self.inbox):
            await asyncio.sleep(0)

    def take(self) -> list[str]:
        happened, self.happened[:] = list(self.happened), []
        return happened


class FakeRelay:
    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.blocked = False

    def pulse(self, duration_s: float) -> None:
        if self._rig.relay_broken:
            raise HardwareError("the line is gone")
        if self.blocked:
            raise RelayBlockedError("gate is blocked")
        self._rig.happened.append(f"pulse {duration_s:g}")

    def hold(self) -> None:
        self._rig.happened.append("hold")

    def release(self) -> None:
        self._rig.happened.append("release")

    def block(self, *, exits: bool) -> None:
        self.blocked = True
        self._rig.happened.append("block the exit as well" if exits else "block")

    def unblock(self) -> None:
        self.blocked = False
        self._rig.happened.append("unblock")


class FakeLamp:
    def __init__(self, name: str, rig: Rig) -> None:
        self.name = name
        self._rig = rig

    def set(self, *, on: bool, blink_period_s: float | None = None) -> None:
        self._rig.happened.append(f"lamp {self.name} {'on' if on else 'off'}")


def with_bridge(scenario: Callable[[Rig], Coroutine[None, None, None]], settings: Settings | None = None) -> None:
    async def run() -> None:
        rig = Rig(SETTINGS if settings is None else settings)
        work = asyncio.create_task(rig.bridge.run())
        try:
            await scenario(rig)
        finally:
            rig.bridge.stop()
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    asyncio.run(run())


def press(rig: Rig) -> None:
    rig.inbox.put(ButtonEdge(button="front", pressed=True, at_ns=1))


def test_a_press_is_written_in_one_transaction_before_any_phone_rings() -> None:
    async def scenario(rig: Rig) -> None:
        press(rig)
        await rig.settle()
        assert rig.take() == [
            "writing Pressed+CallPlaced+CallPlaced",
            "written Pressed+CallPlaced+CallPlaced",
            "ring p7.1",
            "ring p7.2",
            "play ringback",
            "lamp ring on",
        ]

    with_bridge(scenario)


def test_what_happens_while_a_row_is_written_waits_its_turn() -> None:
    async def scenario(rig: Rig) -> None:
        press(rig)
        rig.inbox.put(door.CallMoved(call=LEG, stage=door.Stage.ANSWERED))
        await rig.settle()
        happened = rig.take()
        assert happened.index("ring p7.2") < happened.index("writing Answered+CallEnded")
        assert happened[happened.index("written Answered+CallEnded") + 1] == "end p7.2"

    with_bridge(scenario)


def test_the_right_code_pulses_the_relay_after_its_record() -> None:
    async def scenario(rig: Rig) -> None:
        press(rig)
        rig.inbox.put(door.CallMoved(call=LEG, stage=door.Stage.ANSWERED))
        for digit in "739152":
            rig.inbox.put(door.DigitHeard(call=LEG, digit=digit, way=door.DigitWay.INFO))
        await rig.settle()
        happened = rig.take()
        assert happened[happened.index("written Unlocked") + 1] == "pulse 5"

    with_bridge(scenario)


def test_what_operators_want_is_kept_with_its_record_before_the_relay_moves() -> None:
    async def scenario(rig: Rig) -> None:
        for mode in (door.LockMode.HELD, door.LockMode.LOCKED, door.LockMode.NORMAL):
            rig.inbox.put(door.SetLockMode(lock=GATE, mode=mode, by="test"))
        await rig.settle()
        assert [each for each in rig.take() if not each.startswith(("writing", "lamp"))] == [
            "written LockModeChanged+LockHeld and kept door",
            "hold",
            "written LockModeChanged and kept door",
            "block",
            "written LockHeld",
            "release",
            "written LockModeChanged and kept door",
            "unblock",
        ]

    with_bridge(scenario)


def test_a_request_to_exit_is_written_down_and_left_to_its_driver() -> None:
    async def scenario(rig: Rig) -> None:
        rig.inbox.put(door.ContactChanged(contact="exit", active=False))
        await rig.settle()
        rig.take()
        rig.inbox.put(door.ContactChanged(contact="exit", active=True))
        await rig.settle()
        assert rig.take() == ["writing ContactChanged+Unlocked", "written ContactChanged+Unlocked", "lamp open on"]
        assert rig.supervisor.total == 0

    with_bridge(scenario)


def test_a_rule_sends_its_webhook() -> None:
    async def scenario(rig: Rig) -> None:
        rig.inbox.put(door.RelayMoved(lock=GATE, closed=False))
        await rig.settle()
        assert rig.take()[-2:] == ["written RelayMoved+RuleRan", "request house"]

    with_bridge(scenario)


def test_a_full_disk_does_not_keep_a_phone_from_ringing() -> None:
    async def scenario(rig: Rig) -> None:
        rig.journal_broken = True
        press(rig)
        await rig.settle()
        assert {"ring p7.1", "ring p7.2"} <= set(rig.take())
        assert rig.supervisor.total == 0

    with_bridge(scenario)


def test_an_effect_that_fails_is_counted_and_the_next_is_obeyed() -> None:
    async def scenario(rig: Rig) -> None:
        rig.phone_broken = True
        press(rig)
        await rig.settle()
        assert rig.take()[-2:] == ["play ringback", "lamp ring on"]
        assert rig.supervisor.total == 2

    with_bridge(scenario)


def test_a_relay_that_fails_is_news_for_the_journal() -> None:
    async def scenario(rig: Rig) -> None:
        rig.relay_broken = True
        rig.inbox.put(door.OpenLock(lock=door.LockName("gate"), by="test"))
        await rig.settle()
        assert door.HealthChanged(part="gate", working=False, detail="the line is gone") in rig.observed

    with_bridge(scenario)


def test_an_input_that_the_door_does_not_know_leaves_it_as_it_was() -> None:
    async def scenario(rig: Rig) -> None:
        rig.inbox.put(door.Press(button=door.ButtonName("nobody")))
        press(rig)
        await rig.settle()
        assert rig.supervisor.total == 1
        assert isinstance(rig.bridge.state.call, Calling)

    with_bridge(scenario)


def test_records_and_foreign_events_are_observed_door_inputs_are_not() -> None:
    async def scenario(rig: Rig) -> None:
        press(rig)
        rig.inbox.put(door.CallMoved(call=LEG, stage=door.Stage.RINGING))
        await rig.settle()
        assert [type(each) for each in rig.observed] == [ButtonEdge, door.Pressed, door.CallPlaced, door.CallPlaced, door.Ringing]

    with_bridge(scenario)


def test_a_timer_of_the_door_comes_back_as_an_input() -> None:
    async def scenario() -> list[str]:
        loop = asyncio.get_running_loop()
        fired: list[str] = []
        done = asyncio.Event()

        def fire(key: str) -> None:
            fired.append(key)
            done.set()

        timers = Timers[str](loop, fire)
        timers.set("late", loop.time() + 3600)
        timers.set("replaced", loop.time() + 3600)
        timers.set("replaced", loop.time())
        timers.clear("never set")
        await asyncio.wait_for(done.wait(), 60)
        assert len(timers) == 1
        timers.clear_all()
        assert len(timers) == 0
        return fired

    assert asyncio.run(scenario()) == ["replaced"]


def test_a_log_line_tells_only_what_says_something(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(rig: Rig) -> None:
        rig.inbox.put(door.ContactChanged(contact="leaf", active=False))
        await rig.settle()
        rig.inbox.put(door.ContactChanged(contact="leaf", active=True, late=True))
        await rig.settle()

    with caplog.at_level("INFO", logger="portero.door"):
        with_bridge(scenario)
    assert caplog.messages == ["ContactChanged contact=leaf active=False", "ContactChanged contact=leaf active=True late=True"]


def test_a_menu_is_begun_given_its_keys_and_ended_as_the_door_says() -> None:
    async def scenario(rig: Rig) -> None:
        call = door.CallName("in")
        rig.inbox.put(door.IncomingCall(call=call, caller="desk@pbx", wants_auto_answer=False))
        rig.inbox.put(door.CallMoved(call=call, stage=door.Stage.ANSWERED))
        rig.inbox.put(door.DigitHeard(call=call, digit="1", way=door.DigitWay.INFO))
        rig.inbox.put(door.MenuOver(call=call, talks=True))
        await rig.settle()
        told = [each for each in rig.happened if "Menu" in each or "admit" in each]
        assert told == ["StartMenu(call='in', menu='house', keypad='')", "MenuKey(call='in', key='1')", "admit in", "StopMenu(call='in')"]

    menu = Menu(name="house", document="/etc/portero/house.vxml", callers=("desk@pbx",))
    with_bridge(scenario, SETTINGS._replace(menu=(menu,), incoming=Incoming(allow=("desk@pbx",))))
