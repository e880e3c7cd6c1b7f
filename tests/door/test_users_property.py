"""Any order of keys, cards, answers, failures, time and restarts, against a small model that keeps the promises in its own words."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from firmware.door.asking import ASK_LIMIT_S, ASKS_MAX
from firmware.door.directory import Dialling, Flat, Round
from firmware.door.events import (
    AskId,
    CardHeld,
    CardRead,
    ClearTimer,
    CodeFault,
    Effect,
    Grant,
    Input,
    KeepDoor,
    KeypadRefused,
    KeyPressed,
    NotVerified,
    Record,
    Right,
    SetTimer,
    Spend,
    Spent,
    TimerFired,
    TimerKey,
    Unlock,
    Unlocked,
    User,
    UsersChanged,
    Verified,
    VerifyCard,
    VerifyDigits,
)
from firmware.door.machine import handle
from firmware.door.state import Door, deadlines
from tests.door.house import CLARA, DIRECTORY, FRONT, GARAGE, LIMITS
from tests.searching import examples

HOUSE = DIRECTORY._replace(codes=(), cards=(), keypads={"pad": FRONT, "side": GARAGE, "dial": FRONT})
# One of the flats has the number that is Eva's PIN.
HOUSE = HOUSE._replace(
    flats={number: Flat(number=number, name="", plan=(Round(targets=(CLARA,)),)) for number in ("12", "5832")},
    dialling=Dialling(keypads=frozenset({"dial"}), after_s=4.0),
)
FRONT_ONLY = (Right(locks=frozenset({FRONT}), profile=None),)
EVERYWHERE = (Right(locks=None, profile=None),)
PINS = {
    "5832": User(name="Eva", rights=EVERYWHERE),
    "7401": User(name="Bob", rights=FRONT_ONLY),
    "9265": User(name="Guest", rights=EVERYWHERE, uses_left=1),
    "3158": User(name="Safe", rights=EVERYWHERE, card_needs_pin=True),
}
CARDS = {"CAFE01": "Eva", "CAFE03": "Guest", "CAFE04": "Safe"}
USERS = {user.name: user for user in PINS.values()}
LOCK_OF = {"pad": FRONT, "side": GARAGE, "dial": FRONT}


ENTRIES = [*(f"{pin}#" for pin in PINS), "1111#", "58", "32#", "*", "12#", "#"]


class AccessMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 50.0
        self.timers: dict[TimerKey, float] = {}
        self.door = Door(directory=HOUSE, next_press=1)
        self.questions: dict[AskId, VerifyDigits | VerifyCard | Spend] = {}
        self.at: dict[AskId, str] = {}  # where each question came from
        self.guest_uses = 1
        self.spent_for: set[AskId] = set()
        self.typed = dict.fromkeys(LOCK_OF, "")
        self.is_starred = False  # what is typed where flats are dialled
        self.kept: KeepDoor | None = None
        self.place = ""
        self.tell(UsersChanged(users=4, pin_digits=4, code_digits=0))

    # --- what may happen -------------------------------------------------------------------------------------------------------

    @rule(keypad=st.sampled_from(sorted(LOCK_OF)), keys=st.sampled_from(ENTRIES))
    def type(self, keypad: str, keys: str) -> None:
        self.press_keys(keypad, keys)

    def press_keys(self, keypad: str, keys: str) -> None:
        self.place = f"keypad {keypad}"
        for key in keys:
            waits, guard = FRONT in self.door.asking.shown, self.door.guard
            effects = self.tell(KeyPressed(keypad=keypad, key=key))
            if keypad == "dial":
                assert self.is_starred or waits or (self.door.guard == guard and not any(isinstance(e, VerifyDigits) for e in effects)), (
                    "a number is asked of nobody, and is no guess"
                )
                self.is_starred = key == "*" or (self.is_starred and key != "#")
            typed, self.typed[keypad] = self.typed[keypad], "" if key in "*#" else self.typed[keypad] + key
            asked = [effect.digits for effect in effects if isinstance(effect, VerifyDigits)]
            assert asked in ([], [typed] if key == "#" else []), "what was typed is asked for, and only when it is finished"
            assert not asked or len(typed) >= 4

    @rule(card=st.sampled_from([*CARDS, "DEAD"]))
    def show(self, card: str) -> None:
        self.place = "reader wall"
        self.tell(CardRead(reader="wall", card=card))

    @rule(card=st.sampled_from([*CARDS, "DEAD"]))
    def hold(self, card: str) -> None:
        self.place = "reader wall"
        self.tell(CardHeld(reader="wall", card=card))

    @rule(first=st.booleans())
    def answer(self, *, first: bool) -> None:
        """The store answers a question, in any order."""
        if self.questions:
            self.answered(min(self.questions) if first else max(self.questions))

    def answered(self, ask: AskId) -> None:
        question = self.questions.pop(ask)
        match question:
            case VerifyDigits(digits=digits):
                self.verify(ask, PINS.get(digits))
            case VerifyCard(card=card):
                self.verify(ask, USERS.get(CARDS.get(card, "")))
            case Spend():
                done = self.guest_uses > 0
                self.guest_uses -= done
                if done:
                    self.spent_for.add(ask)
                self.tell(Spent(ask=ask, done=done))

    @rule(keypad=st.sampled_from(sorted(LOCK_OF)), times=st.integers(2, 4))
    def guess(self, keypad: str, times: int) -> None:
        """Somebody tries codes as fast as the store answers."""
        for _ in range(times):
            self.press_keys(keypad, "*1111#")
            while self.questions:
                self.answered(min(self.questions))

    def verify(self, ask: AskId, user: User | None) -> None:
        if user is not None and user.uses_left is not None:
            user = user._replace(uses_left=self.guest_uses)
        self.tell(Verified(ask=ask, user=user, duress=False, at_s=1e9))

    @rule()
    def fail(self) -> None:
        if self.questions:
            ask = min(self.questions)
            del self.questions[ask]
            assert not self.unlocks(self.tell(NotVerified(ask=ask, detail="gone")))

    @rule(ask=st.integers(1, 5))
    def answer_nonsense(self, ask: int) -> None:
        """An answer to a question that was never asked, or is over."""
        if AskId(ask) not in self.door.asking.asks:
            assert self.tell(Verified(ask=AskId(ask), user=PINS["5832"], duress=False, at_s=1e9)) == ()
            assert self.tell(Spent(ask=AskId(ask), done=True)) == ()

    @rule(seconds=st.sampled_from([0.1, 1.0, 4.0, 5.0, 15.0, 30.0, 240.0]))
    def wait(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.timers and min(self.timers.values()) <= end_s:
            key = min(self.timers, key=lambda each: self.timers[each])
            self.now_s = max(self.now_s, self.timers.pop(key))
            assert not self.unlocks(self.tell(TimerFired(key=key))), "time opens nothing"
            for keypad in LOCK_OF:
                if key == f"pad:{keypad}":
                    self.typed[keypad] = ""
            self.is_starred = self.is_starred and key != "pad:dial"
        self.now_s = end_s
        self.questions = {ask: question for ask, question in self.questions.items() if ask in self.door.asking.asks}

    @rule()
    def restart(self) -> None:
        """The process is killed and started again: what was kept is all that it knows."""
        locked = {name: self.door.guard.locked_for_s(name, self.now_s) for name in self.door.guard.wrong}
        self.door = Door(directory=HOUSE, next_press=1)
        self.questions, self.timers, self.typed, self.is_starred = {}, {}, dict.fromkeys(LOCK_OF, ""), False
        if self.kept is not None:
            passed_s = self.now_s - self.kept_at_s
            wrong = tuple(
                each._replace(ago_s=each.ago_s + passed_s, for_s=max(0.0, each.for_s - passed_s)) for each in self.kept.start.wrong
            )
            self.tell(self.kept.start._replace(wrong=wrong))
        self.tell(UsersChanged(users=4, pin_digits=4, code_digits=0))
        for name, rest_s in locked.items():
            assert abs(max(0.0, self.door.guard.locked_for_s(name, self.now_s)) - max(0.0, rest_s)) < 1e-6, (
                "lock-outs hold across a restart"
            )

    # --- what must hold ----------------------------------------------------------------------------------------------------------

    def tell(self, given: Input) -> tuple[Effect, ...]:
        before = self.door
        self.door, effects = handle(self.door, given, self.now_s)
        for effect in effects:
            match effect:
                case VerifyDigits() | VerifyCard():
                    assert before.guard.locked_for_s(self.place, self.now_s) <= 0, "nothing is compared during a lock-out"
                    assert self.place not in [self.at[ask] for ask in self.questions], "one question a source"
                    self.questions[effect.ask] = effect
                    self.at[effect.ask] = self.place
                case Spend():
                    self.questions[effect.ask] = effect
                case SetTimer(key=key, at_s=at_s):
                    self.timers[key] = at_s
                case ClearTimer(key=key):
                    self.timers.pop(key, None)
                case KeepDoor():
                    self.kept, self.kept_at_s = effect, self.now_s
                case Record(record=Unlocked() as unlocked):
                    self.judge(unlocked, given, before)
                case Record(record=KeypadRefused(fault=CodeFault.LOCKED_OUT, lockout_s=lockout_s)):
                    assert 0 < lockout_s <= LIMITS.lockout_max_s
                case _:
                    pass
        if self.unlocks(effects):
            assert isinstance(given, Verified | Spent), "only an answer of the store opens"
        return effects

    def unlocks(self, effects: tuple[Effect, ...]) -> list[Unlock]:
        return [effect for effect in effects if isinstance(effect, Unlock)]

    def judge(self, unlocked: Unlocked, given: Input, before: Door) -> None:
        user = USERS[unlocked.who]
        ask = given.ask if isinstance(given, Verified | Spent) else AskId(0)
        assert unlocked.party == self.at[ask], "the lock of the place where it was typed or shown"
        assert unlocked.lock == LOCK_OF.get(self.at[ask].removeprefix("keypad "), FRONT)
        assert unlocked.lock == FRONT or user.rights == EVERYWHERE
        assert user.uses_left is None or ask in self.spent_for, "a counted use is written off first"
        assert (unlocked.grant is Grant.CARD_AND_PIN) >= user.card_needs_pin, "neither its card nor its PIN opens alone"
        assert before.guard.locked_for_s(self.at[ask], self.now_s) <= 0 or isinstance(given, Spent)

    @invariant()
    def everything_is_bounded_and_on_time(self) -> None:
        assert self.timers == deadlines(self.door)
        assert len(self.door.asking.asks) <= ASKS_MAX
        assert all(ask.until_s <= self.now_s + ASK_LIMIT_S for ask in self.door.asking.asks.values())
        assert self.guest_uses >= 0


TestAccess = AccessMachine.TestCase
TestAccess.settings = settings(max_examples=examples(60), stateful_step_count=40)
