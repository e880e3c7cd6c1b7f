"""Who wins at a lock, in any order of events, against a small model."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from firmware.door.events import (
    Block,
    ContactChanged,
    Effect,
    Grant,
    Hold,
    LockMode,
    LockName,
    OpeningRefused,
    OpenLock,
    Shut,
    Start,
    Unblock,
    Unlock,
    Unlocked,
)
from tests.door.house import FRONT, GARAGE, Scene, only, records
from tests.door.test_locks import HELD_IN_OFFICE, set_mode
from tests.searching import examples


class LockMachine(RuleBasedStateMachine):
    """The model is a relay board that obeys, and what each party wants; the order of wills is written once more in `expected`."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene(HELD_IN_OFFICE, wall="2026-01-05 06:00")
        self.mode: dict[LockName, LockMode] = dict.fromkeys((FRONT, GARAGE), LockMode.NORMAL)
        self.blocked_until_s = -1.0
        self.case_open = False
        self.held: set[LockName] = set()
        self.barred: set[LockName] = set()
        self.open_until_s: dict[LockName, float] = {}
        self.obey(self.scene.tell(Start()))

    @rule(lock=st.sampled_from([FRONT, GARAGE]), mode=st.sampled_from(LockMode))
    def operator_sets(self, lock: LockName, mode: LockMode) -> None:
        self.mode[lock] = mode
        self.obey(set_mode(self.scene, mode, lock))

    @rule(lock=st.sampled_from([FRONT, GARAGE]))
    def operator_opens(self, lock: LockName) -> None:
        shut = self.blocked or self.mode[lock] is LockMode.LOCKED
        news = self.scene.tell(OpenLock(lock=lock, by="ctl"))
        assert any(isinstance(record, OpeningRefused) for record in records(news)) is shut
        self.obey(news)

    @rule(active=st.booleans())
    def somebody_wants_out(self, *, active: bool) -> None:
        news = self.scene.tell(ContactChanged(contact="exit", active=active))
        self.obey(news)
        if active:
            assert (only(Unlocked, news).lock, only(Unlocked, news).grant) == (FRONT, Grant.EXIT), "people can always get out"
            assert FRONT in self.held or FRONT in self.scene.door.locks

    @rule(active=st.booleans())
    def the_case_moves(self, *, active: bool) -> None:
        self.case_open = active
        if active:
            self.blocked_until_s = self.scene.now_s + 1800.0
        self.obey(self.scene.tell(ContactChanged(contact="case", active=active)))

    @rule(seconds=st.sampled_from([0.5, 3.0, 60.0, 1800.0, 7200.0, 40_000.0]))
    def time_passes(self, seconds: float) -> None:
        end_s = self.scene.now_s + seconds
        while self.scene.timers and min(self.scene.timers.values()) <= end_s:
            rest_s = max(0.0, min(self.scene.timers.values()) - self.scene.now_s)
            news = self.scene.wait(rest_s)
            if self.case_open and self.scene.now_s >= self.blocked_until_s:
                self.blocked_until_s = self.scene.now_s + 1800.0
            self.obey(news)
        self.obey(self.scene.wait(max(0.0, end_s - self.scene.now_s)))

    @property
    def blocked(self) -> bool:
        return self.scene.now_s < self.blocked_until_s

    def obey(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Hold(lock=lock):
                    assert lock not in self.barred
                    self.held.add(lock)
                case Shut(lock=lock):
                    self.held.discard(lock)
                    self.open_until_s.pop(lock, None)
                case Block(lock=lock):
                    self.barred.add(lock)
                    self.open_until_s.pop(lock, None)
                case Unblock(lock=lock):
                    self.barred.discard(lock)
                case Unlock(lock=lock, duration_s=duration_s):
                    assert lock not in self.barred, "locked stays locked"
                    assert duration_s <= HELD_IN_OFFICE.locks[lock].max_closed_s
                    self.open_until_s[lock] = self.scene.now_s + duration_s
                case _:
                    pass

    @invariant()
    def the_first_will_that_speaks_decides(self) -> None:
        local = self.scene.local()
        assert local is not None
        office = local.weekday() < 5 and 8 <= local.hour < 17
        for lock in (FRONT, GARAGE):
            barred = self.blocked or self.mode[lock] is LockMode.LOCKED
            assert (lock in self.barred) is barred
            if barred:
                assert lock not in self.held
            elif self.mode[lock] is LockMode.HELD or (lock == FRONT and office and self.mode[lock] is LockMode.NORMAL):
                assert lock in self.held
            elif lock in self.held:
                assert lock in self.scene.door.locks, "a hold outlasts its reason only for somebody who was let in"


TestLocks = LockMachine.TestCase
TestLocks.settings = settings(max_examples=examples(40), stateful_step_count=25)
