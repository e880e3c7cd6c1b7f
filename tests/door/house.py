"""A house for the door's tests: two flats behind one button, an office behind another, a front door and a garage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from firmware.door.directory import AutoAnswer, Directory, Key, Limits, Lock, Round, Target
from firmware.door.events import (
    ButtonName,
    CallMoved,
    CallName,
    ClearTimer,
    DigitHeard,
    DigitWay,
    DoorRecord,
    Effect,
    IncomingCall,
    Input,
    KeepDoor,
    Light,
    LockName,
    Press,
    Record,
    SetTimer,
    Stage,
    TimerFired,
    TimerKey,
)
from firmware.door.machine import handle
from firmware.door.state import Door

FRONT = LockName("front")
GARAGE = LockName("garage")
HOUSE = ButtonName("house")
OFFICE = ButtonName("office")

LIMITS = Limits(
    ring_limit_s=60.0,
    talk_limit_s=120.0,
    hangup_after_open_s=5.0,
    digit_limit_s=4.0,
    wrong_limit=3,
    wrong_limit_global=5,
    lockout_s=30.0,
    lockout_max_s=240.0,
)


def target(name: str, *locks: LockName) -> Target:
    return Target(name=name, uri=f"sip:{name}@pbx", account="pbx", locks=frozenset(locks))


ANNA = target("anna", FRONT, GARAGE)
BOB = target("bob", FRONT)
CLARA = target("clara")

DIRECTORY = Directory(
    buttons={HOUSE: (Round(targets=(ANNA, BOB)),), OFFICE: (Round(targets=(CLARA,)),)},
    targets={"anna": ANNA, "bob": BOB, "clara": CLARA},
    locks={FRONT: Lock(name=FRONT, pulse_s=3.0, max_closed_s=5.0), GARAGE: Lock(name=GARAGE, pulse_s=1.0, max_closed_s=10.0)},
    codes=(
        Key(name="family", secret="58321", locks=frozenset({FRONT})),
        Key(name="car", secret="7744", locks=frozenset({GARAGE})),
        Key(name="both", secret="903817", locks=frozenset({FRONT, GARAGE})),
    ),
    cards=(Key(name="blue", secret="0A1B2C", locks=frozenset({FRONT})), Key(name="red", secret="FFEE", locks=frozenset({GARAGE}))),
    exits={"exit": FRONT},
    readers={"wall": FRONT},
    allow=("desk@pbx", "*@10.0.0.1"),
    incoming_locks=frozenset(),
    auto_answer=AutoAnswer.NEVER,
    second_press_hangs_up=False,
    limits=LIMITS,
)


def with_limits(**changes: float | None) -> Directory:
    return DIRECTORY._replace(limits=LIMITS._replace(**changes))  # type: ignore[arg-type]  # names and values are those of Limits


T = TypeVar("T")


class Scene:
    """A door and the time in hand. Keeps the timers that the door asked for and fires them when the time is moved past them."""

    def __init__(self, directory: Directory = DIRECTORY, *, now_s: float = 1000.0, wall: str | None = None) -> None:
        """`wall` is what the clock on the wall shows at `now_s`, such as "2026-01-05 07:59"; None: it was never set."""
        self._wall = None if wall is None else datetime.fromisoformat(wall) - timedelta(seconds=now_s)
        self.door = Door(directory=directory, next_press=1, contacts={"exit": False})
        self.now_s = now_s
        self.timers: dict[TimerKey, float] = {}
        self.heard: list[Effect] = []  # every effect since the last `tell`

    def tell(self, given: Input) -> tuple[Effect, ...]:
        """The effects of one input, without lamps, timers and what is kept for a restart."""
        self.heard = list(self._handled(given))
        return self.news()

    def wait(self, seconds: float) -> tuple[Effect, ...]:
        """Let time pass, firing every timer that comes due, and return what they brought."""
        self.heard = []
        end_s = self.now_s + seconds
        while self.timers and min(self.timers.values()) <= end_s:
            key = min(self.timers, key=lambda each: self.timers[each])
            self.now_s = max(self.now_s, self.timers.pop(key))
            self.heard += self._handled(TimerFired(key=key))
        self.now_s = end_s
        return self.news()

    def news(self) -> tuple[Effect, ...]:
        return tuple(effect for effect in self.heard if not isinstance(effect, SetTimer | ClearTimer | Light | KeepDoor))

    def _handled(self, given: Input) -> Sequence[Effect]:
        self.door, effects = handle(self.door, given, self.now_s, self.local())
        for effect in effects:
            if isinstance(effect, SetTimer):
                self.timers[effect.key] = effect.at_s
            elif isinstance(effect, ClearTimer):
                self.timers.pop(effect.key, None)
        return effects

    def local(self) -> datetime | None:
        return None if self._wall is None else self._wall + timedelta(seconds=self.now_s)

    def set_wall(self, wall: str) -> None:
        """Somebody, or the network, sets the clock."""
        self._wall = datetime.fromisoformat(wall) - timedelta(seconds=self.now_s)

    def press(self, button: ButtonName = HOUSE) -> tuple[Effect, ...]:
        return self.tell(Press(button=button))

    def moved(self, call: str, stage: Stage, detail: str = "") -> tuple[Effect, ...]:
        return self.tell(CallMoved(call=CallName(call), stage=stage, detail=detail))

    def called(self, caller: str, *, wants_auto_answer: bool = False, authenticated: bool = False) -> tuple[Effect, ...]:
        return self.tell(IncomingCall(call=CallName("in"), caller=caller, wants_auto_answer=wants_auto_answer, authenticated=authenticated))

    def talk_with_anna(self) -> None:
        self.press()
        self.moved("p1.1", Stage.ANSWERED)

    def type(self, digits: str, call: str = "p1.1", way: DigitWay = DigitWay.RTP) -> tuple[Effect, ...]:
        """Type the digits, 0.3 s each, and return what the last one brought."""
        news: tuple[Effect, ...] = ()
        for digit in digits:
            self.now_s += 0.3
            news = self.tell(DigitHeard(call=CallName(call), digit=digit, way=way))
        return news


def records(effects: Sequence[Effect]) -> list[DoorRecord]:
    return [effect.record for effect in effects if isinstance(effect, Record)]


def only(kind: type[T], effects: Sequence[object]) -> T:
    """The one effect or record of this kind."""
    found = [each for each in (*effects, *(effect.record for effect in effects if isinstance(effect, Record))) if isinstance(each, kind)]
    assert len(found) == 1, f"{len(found)} of {kind.__name__} in {effects}"
    return found[0]
