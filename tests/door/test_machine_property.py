"""Any order of anything that can happen at a door, against a small model that keeps the promises in its own words."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from firmware.door.conference import PARTIES_MAX
from firmware.door.directory import AutoAnswer, Dialling, Flat, Menu, Round
from firmware.door.events import (
    Accept,
    Answered,
    Bring,
    ButtonName,
    CallEnded,
    CallMoved,
    CallName,
    CallPlaced,
    CallReceived,
    CardRead,
    ClearTimer,
    Confer,
    ContactChanged,
    Dial,
    DialFlat,
    DigitHeard,
    DigitWay,
    Dismiss,
    Effect,
    End,
    Grant,
    IncomingCall,
    Input,
    KeyPressed,
    LampName,
    LampRole,
    Light,
    LockName,
    MenuKey,
    MenuOver,
    NumberUnknown,
    OpenByMenu,
    OpenLock,
    Operate,
    Press,
    Pressed,
    PressEnded,
    Record,
    Refuse,
    Ring,
    SetTimer,
    Stage,
    StartMenu,
    StopMenu,
    TimerFired,
    TimerKey,
    Unlock,
    Unlocked,
    Verb,
)
from firmware.door.machine import handle
from firmware.door.state import Calling, Door, Idle, Talking, deadlines
from tests.door.house import ANNA, CLARA, DIRECTORY, FRONT, GARAGE, HOUSE, OFFICE, with_limits
from tests.searching import examples

CODES = {"58321": {FRONT}, "7744": {GARAGE}, "903817": {FRONT, GARAGE}}
MAY_OPEN: dict[str, set[LockName]] = {"anna": {FRONT, GARAGE}, "bob": {FRONT}, "clara": set()}
CALLS = [CallName(name) for name in ("p1.1", "p1.2", "p2.1", "p2.2", "p3.1", "p3.2", "d1.1", "d2.1", "in1", "in2", "in3", "strange")]
SOME_CALL = st.sampled_from(CALLS)
INFO = ButtonName("info")
MENUS = {"flats": Menu(callers=(), opens=frozenset({FRONT}), keypad="pad", rings=frozenset({"anna"}))}
FLATS = {
    "12": Flat(number="12", name="Weber", plan=(Round(targets=(ANNA,)),)),
    "4711": Flat(number="4711", name="", plan=(Round(targets=(CLARA,)),)),
}


class DoorMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 50.0
        self.timers: dict[TimerKey, float] = {}
        self.lamps: dict[LampRole | LampName, bool] = dict.fromkeys(LampRole, False)
        self.open_presses: set[int] = set()
        self.last_press = 0
        self.legs: dict[str, str] = {}  # calls that were begun and have not ended, and their party
        self.up: set[str] = set()
        self.refused: set[str] = set()
        self.known_calls: set[str] = set()
        self.closed: dict[LockName, tuple[float, float]] = {}  # since when and until when a relay is closed
        self.incoming = 0
        self.conference: frozenset[str] = frozenset()
        self.menu: CallName | None = None  # the visitor to whom one speaks
        self.visits: set[str] = set()

    @initialize(
        second_press_hangs_up=st.booleans(),
        auto_answer=st.sampled_from(AutoAnswer),
        hang_up_s=st.sampled_from([None, 0.0, 5.0]),
        dial_after_s=st.sampled_from([None, 3.0]),
    )
    def begin(self, *, second_press_hangs_up: bool, auto_answer: AutoAnswer, hang_up_s: float | None, dial_after_s: float | None) -> None:
        directory = with_limits(hangup_after_open_s=hang_up_s)._replace(
            second_press_hangs_up=second_press_hangs_up,
            auto_answer=auto_answer,
            keypads={"pad": FRONT},
            menus=MENUS,
            menu_buttons={INFO: "flats"},
            flats=FLATS,
            dialling=Dialling(keypads=frozenset({"pad"}), after_s=dial_after_s),
        )
        self.door = Door(directory=directory, next_press=1, contacts={"exit": False})

    # --- what may happen -------------------------------------------------------------------------------------------------

    @rule(button=st.sampled_from([HOUSE, OFFICE, INFO]))
    def press(self, button: ButtonName) -> None:
        effects = self.tell(Press(button=button))
        assert effects[0] == Record(record=Pressed(press=self.door.next_press - 1, button=button)), "a press is written before all else"  # type: ignore[arg-type]  # the number is a PressId

    @rule(number=st.sampled_from([*FLATS, "13"]))
    def dial_flat(self, number: str) -> None:
        effects = self.tell(DialFlat(keypad="pad", number=number))
        written = self.records(effects)[0]
        if number in FLATS:
            assert isinstance(written, Pressed)
            assert written.flat == FLATS[number].shown
        else:
            assert written == NumberUnknown(keypad="pad")
            assert not any(isinstance(effect, Ring | End) for effect in effects), "a mistyped number rings nobody and ends nothing"

    @rule(call=SOME_CALL, stage=st.sampled_from(Stage))
    def move(self, call: CallName, stage: Stage) -> None:
        self.tell(CallMoved(call=call, stage=stage))

    @rule(stage=st.sampled_from(Stage), index=st.integers(0, 3))
    def move_a_living_leg(self, stage: Stage, index: int) -> None:
        if self.legs:
            self.tell(CallMoved(call=CallName(sorted(self.legs)[index % len(self.legs)]), stage=stage))

    @rule(digits=st.sampled_from([*CODES, "1", "#", "*", "0000", "583", "111111"]), way=st.sampled_from(DigitWay))
    def type(self, digits: str, way: DigitWay) -> None:
        for digit in digits:
            party = self.door.call.parties[-1] if isinstance(self.door.call, Talking) else None
            call = CALLS[0] if party is None else party.leg.call
            typed = "" if party is None else party.pad.digits
            effects = self.tell(DigitHeard(call=call, digit=digit, way=way))
            for record in self.records(effects):
                if isinstance(record, Unlocked):
                    assert call in self.up, "a code opens only in a call that is up"
                    assert record.lock in CODES[typed + digit], "only what this code opens"
                    assert record.lock in MAY_OPEN[self.legs.get(call, record.party)], "only what this party may open"

    @rule(call=SOME_CALL, digit=st.sampled_from("0123456789*#"))
    def type_elsewhere(self, call: CallName, digit: str) -> None:
        if call not in self.up:
            assert self.tell(DigitHeard(call=call, digit=digit, way=DigitWay.RTP)) == ()

    @rule(caller=st.sampled_from(["desk@pbx", "evil@evil"]), wants=st.booleans())
    def call(self, caller: str, *, wants: bool) -> None:
        self.incoming += 1
        call = CallName(f"in{self.incoming}")
        effects = self.tell(IncomingCall(call=call, caller=caller, wants_auto_answer=wants))
        if caller == "evil@evil":
            assert any(isinstance(effect, Refuse) for effect in effects)
        else:
            assert (call in self.refused) != (call in self.legs), "a call is refused or begun"

    @rule(contact=st.sampled_from(["exit", "leaf"]), active=st.booleans())
    def contact(self, contact: str, *, active: bool) -> None:
        before = self.closed.get(FRONT, (0.0, 0.0))
        self.tell(ContactChanged(contact=contact, active=active))
        if contact == "exit" and active:
            assert FRONT in self.door.locks, "the exit button always opens"
            opening = self.door.locks[FRONT]
            self.close(FRONT, opening.until_s - self.now_s)  # the driver has done it
        else:
            assert self.closed.get(FRONT, (0.0, 0.0)) == before

    @rule(keys=st.sampled_from(["#", "1", "12", "12#", "4711#", "*4711#", "*", "?"]), late=st.booleans())
    def key(self, keys: str, *, late: bool) -> None:
        for key in keys:
            speaks = self.menu is not None
            effects = self.tell(KeyPressed(keypad="pad", key=key, late=late))
            assert any(isinstance(effect, MenuKey) for effect in effects) == (speaks and not late and key != "?")

    @rule(rings=st.sampled_from(["", "anna", "bob"]), talks=st.booleans())
    def menu_over(self, rings: str, *, talks: bool) -> None:
        was, visit = self.menu, self.menu or CallName("v0")
        effects = self.tell(MenuOver(call=visit, talks=talks, rings=rings))
        assert self.menu is None
        assert any(isinstance(effect, Ring) for effect in effects) == (was is not None and rings == "anna")

    @rule(code=st.sampled_from(["", "58321", "0000"]))
    def wish_of_a_visitor(self, code: str) -> None:
        effects = self.tell(OpenByMenu(call=self.menu or CallName("v0"), lock=FRONT, code=code))
        assert not any(isinstance(effect, Unlock) for effect in effects), "nobody has a PIN here"

    @rule(card=st.sampled_from(["0A1B2C", "FFEE", "DEAD"]))
    def card(self, card: str) -> None:
        effects = self.tell(CardRead(reader="wall", card=card))
        assert card == "0A1B2C" or not any(isinstance(effect, Unlock) for effect in effects)

    @rule(whom=st.sampled_from(["anna", "bob", "sip:x@10.9.9.9"]))
    def dial(self, whom: str) -> None:
        self.tell(Dial(target=whom, by="ctl"))

    @rule(whom=st.sampled_from(["anna", "bob", "clara", "sip:x@10.9.9.9"]))
    def bring(self, whom: str) -> None:
        self.tell(Bring(target=whom, by="ctl"))

    @rule(caller=st.sampled_from(["desk@pbx", "x@10.0.0.1", "evil@evil"]), index=st.integers(0, 3))
    def join(self, caller: str, index: int) -> None:
        self.incoming += 1
        joins = sorted(self.up)[index % len(self.up)] if self.up else "p1.1"
        call = CallName(f"in{self.incoming}")
        self.tell(IncomingCall(call=call, caller=caller, wants_auto_answer=False, joins=CallName(joins)))
        assert caller != "evil@evil" or call in self.refused

    @rule(index=st.integers(0, 3))
    def dismiss(self, index: int) -> None:
        if self.legs:
            self.tell(Dismiss(call=CallName(sorted(self.legs)[index % len(self.legs)]), by="ctl"))

    @rule(lock=st.sampled_from([FRONT, GARAGE]))
    def open(self, lock: LockName) -> None:
        self.tell(OpenLock(lock=lock, by="web"))

    @rule(verb=st.sampled_from([Verb.ANSWER, Verb.HANG_UP]))
    def operate(self, verb: Verb) -> None:
        self.tell(Operate(verb=verb))

    @rule(key=st.sampled_from(["ring", "offer", "talk", "warning", "hang-up", "digits", "lock:front", "refused", "no timer"]))
    def fire_early_or_stale(self, key: str) -> None:
        if deadlines(self.door).get(TimerKey(key), self.now_s + 1) > self.now_s:
            before = self.door
            self.tell(TimerFired(key=TimerKey(key)))
            assert self.door == before

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.5, 1.0, 3.0, 5.0, 30.0, 60.0, 300.0]))
    def wait(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.timers and min(self.timers.values()) <= end_s:
            key = min(self.timers, key=lambda each: self.timers[each])
            self.now_s = max(self.now_s, self.timers.pop(key))
            self.tell(TimerFired(key=key))
        self.now_s = end_s

    # --- what must hold --------------------------------------------------------------------------------------------------

    def tell(self, given: Input) -> tuple[Effect, ...]:
        before = self.door
        self.door, effects = handle(self.door, given, self.now_s)
        for index, effect in enumerate(effects):
            self.obey(effect, effects[:index], given)
        assert self.door.directory is before.directory
        return effects

    def records(self, effects: tuple[Effect, ...]) -> list[object]:
        return [effect.record for effect in effects if isinstance(effect, Record)]

    def obey(self, effect: Effect, earlier: tuple[Effect, ...], given: Input) -> None:
        written = self.records(earlier)
        match effect:
            case Record(record=record):
                self.write(record)
            case Ring(call=call):
                assert any(isinstance(record, CallPlaced) and record.call == call for record in written)
            case End(call=call):
                assert call not in self.legs, "the end of a call is written before it is done"
            case Accept(call=call):
                assert call in self.legs
            case StartMenu(call=call, keypad="pad"):
                assert self.menu is None
                assert call not in self.visits, "no visitor has the name of another"
                self.menu = call
                self.visits.add(call)
            case StopMenu(call=call):
                assert call == self.menu
                self.menu = None
            case MenuKey(call=call):
                assert call == self.menu
            case Confer(calls=calls):
                self.conference = frozenset(calls)
            case Refuse(call=call):
                assert call not in self.legs
                self.refused.add(call)
            case Unlock(lock=lock, duration_s=duration_s):
                told = any(isinstance(record, Unlocked) and record.lock == lock and record.grant is not Grant.EXIT for record in written)
                assert told, "no relay closes without a reason that was written down"
                self.close(lock, duration_s)
            case Light(lamp=lamp, on=on):
                assert self.lamps[lamp] is not on, "a lamp is told only what is new"
                self.lamps[lamp] = on
            case SetTimer(key=key, at_s=at_s):
                assert at_s >= self.now_s
                self.timers[key] = at_s
            case ClearTimer(key=key):
                self.timers.pop(key, None)
            case _:
                pass

    def close(self, lock: LockName, duration_s: float) -> None:
        since_s, until_s = self.closed.get(lock, (0.0, -1.0))
        if until_s <= self.now_s:
            since_s = self.now_s
        assert duration_s > 0
        assert self.now_s + duration_s - since_s <= DIRECTORY.locks[lock].max_closed_s + 1e-9, "never longer than the maximum"
        self.closed[lock] = (since_s, self.now_s + duration_s)

    def write(self, record: object) -> None:
        match record:
            case Pressed(press=press):
                assert press == self.last_press + 1
                self.last_press = press
                self.open_presses.add(press)
            case PressEnded(press=press):
                self.open_presses.remove(press)  # fails for a second outcome
            case CallPlaced(call=call, party=party):
                self.begin_call(call, party)
            case CallReceived(call=call, caller=caller, refusal=None):
                self.begin_call(call, caller)
            case Answered(call=call):
                assert call in self.legs
                assert call not in self.up
                self.up.add(call)
            case CallEnded(call=call):
                del self.legs[call]  # fails for a second end
                self.up.discard(call)
            case _:
                pass

    def begin_call(self, call: str, party: str) -> None:
        assert call not in self.known_calls, "the name of a call is never used again"
        self.known_calls.add(call)
        self.legs[call] = party

    @invariant()
    def an_idle_door_has_nothing_open(self) -> None:
        if isinstance(self.door.call, Idle):
            assert self.open_presses == set()
            assert self.legs == {}
            assert all(key.startswith(("lock:", "pad:")) or key in ("refused", "visit") for key in self.timers)
        else:
            assert len(self.legs) >= 1
            assert bool(self.up) == isinstance(self.door.call, Talking)
            assert len(self.up) <= PARTIES_MAX
            assert len(self.open_presses) <= 1

    @invariant()
    def a_menu_speaks_to_a_visitor_beside_no_call(self) -> None:
        assert self.menu == (None if self.door.visit is None else self.door.visit.call)
        assert self.menu is None or isinstance(self.door.call, Idle)

    @invariant()
    def a_conference_is_every_leg_of_a_call_of_several(self) -> None:
        assert self.conference == (frozenset(self.legs) if self.up and len(self.legs) > 1 else frozenset())

    @invariant()
    def timers_and_lamps_say_what_the_state_is(self) -> None:
        assert self.timers == deadlines(self.door)
        assert self.lamps[LampRole.OPEN] == bool(self.door.locks)
        assert self.lamps[LampRole.TALK] == isinstance(self.door.call, Talking)
        assert self.lamps[LampRole.RING] == (not isinstance(self.door.call, Idle | Talking))
        if isinstance(self.door.call, Calling):
            assert self.door.call.legs

    def teardown(self) -> None:
        if hasattr(self, "door"):
            self.tell(Operate(verb=Verb.STOP))
            assert self.door.call == Idle()
            assert self.open_presses == set(), "each press has its outcome"
            assert self.legs == {}
            self.wait(60.0)
            assert self.timers == {}
            assert not any(self.lamps.values())


TestDoor = DoorMachine.TestCase
TestDoor.settings = settings(max_examples=examples(100), stateful_step_count=50)
