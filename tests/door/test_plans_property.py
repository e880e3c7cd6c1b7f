"""Ringing plans in any order of events, against a small model that says in its own words who must ring, by which ways, and how it ends."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from firmware.door.directory import Plan, Round, Route, Target
from firmware.door.events import (
    CallEnded,
    CallMoved,
    CallName,
    CallPlaced,
    Effect,
    EndReason,
    HealthChanged,
    Operate,
    Outcome,
    PartySkipped,
    PressEnded,
    Record,
    Ring,
    SetQuiet,
    Stage,
    Verb,
)
from firmware.door.state import Calling, Idle
from tests.door.house import DIRECTORY, HOUSE, Scene, target
from tests.searching import examples

DIRECT = Route(uri="sip:x@192.0.2.7", account=None)
PBX, SPARE = "pbx", "spare"
PEOPLE: dict[str, Target] = {
    "anna": target("anna")._replace(fallbacks=(Route(uri="sip:anna@spare", account=SPARE), DIRECT)),
    "bob": target("bob")._replace(deputy="clara", fallbacks=(DIRECT,)),
    "clara": target("clara")._replace(deputy="bob"),  # deputies of each other
    "dora": target("dora")._replace(account=SPARE, deputy="anna"),
}
PLAN: Plan = (
    Round(targets=(PEOPLE["anna"], PEOPLE["bob"]), ring_s=20.0),
    Round(targets=(PEOPLE["dora"],), ring_s=10.0),
    Round(targets=(PEOPLE["clara"], PEOPLE["anna"]), ring_s=30.0),
)
DIRECTORY_OF_PLAN = DIRECTORY._replace(buttons={HOUSE: PLAN}, targets=PEOPLE)
OVER = (Stage.BUSY, Stage.REFUSED, Stage.NO_ANSWER, Stage.UNREACHABLE, Stage.ENDED, Stage.LOST)
# From the best news to the worst, as the outcome of a press that nobody answered.
NEWS = ((Stage.BUSY, Outcome.BUSY), (Stage.REFUSED, Outcome.REFUSED), (Stage.NO_ANSWER, Outcome.NO_ANSWER))


class Way(NamedTuple):
    party: str
    uri: str
    account: str | None


class Leg(NamedTuple):
    """A leg of the model; `rang` once its phone did."""

    way: Way
    rang: bool = False


class PlanMachine(RuleBasedStateMachine):
    """Who may be rung follows from the plan alone; that everybody was is checked when the press has its outcome."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene(DIRECTORY_OF_PLAN)
        self.quiet: set[str] = set()
        self.down: set[str] = set()
        self.forget()

    def forget(self) -> None:
        """Between two presses."""
        self.round = -1
        self.began_s = 0.0
        self.legs: dict[str, Leg] = {}
        self.tried: dict[int, set[Way]] = {}  # by round
        self.due: dict[tuple[int, str], set[Way]] = {}  # every way to somebody, as it was when the first of them was tried
        self.failed: list[Stage] = []
        self.lost: dict[tuple[int, str], list[tuple[Stage, bool]]] = {}  # by round and party: how its legs ended, and whether they had rung
        self.skipped: set[str] = set()
        self.timed_out: set[int] = set()
        self.answered = False

    # --- what may happen

    @rule()
    def press(self) -> None:
        if isinstance(self.scene.door.call, Idle):
            self.forget()
            self.look(self.scene.press())

    @rule(index=st.integers(0, 5), stage=st.sampled_from([Stage.RINGING, Stage.EARLY_MEDIA, *OVER]))
    def a_phone_says(self, index: int, stage: Stage) -> None:
        if self.legs and not self.answered:
            call = sorted(self.legs)[index % len(self.legs)]
            if stage in (Stage.RINGING, Stage.EARLY_MEDIA):
                self.legs[call] = self.legs[call]._replace(rang=self.legs[call].rang or stage is Stage.RINGING)
            self.look(self.scene.tell(CallMoved(call=CallName(call), stage=stage)))

    @rule(index=st.integers(0, 5))
    def a_phone_is_answered(self, index: int) -> None:
        if self.legs and not self.answered:
            self.answered = True
            call = sorted(self.legs)[index % len(self.legs)]
            self.look(self.scene.moved(call, Stage.ANSWERED))
            assert list(self.legs) == [call], "the others are told that it was completed elsewhere"
            self.look(self.scene.tell(Operate(verb=Verb.HANG_UP)))

    @rule(seconds=st.sampled_from([0.5, 5.0, 10.0, 20.0]))
    def wait(self, seconds: float) -> None:
        end_s = self.scene.now_s + seconds
        while self.scene.timers and min(self.scene.timers.values()) <= end_s:
            self.look(self.scene.wait(min(self.scene.timers.values()) - self.scene.now_s))
        self.look(self.scene.wait(end_s - self.scene.now_s))

    @rule(who=st.sampled_from(sorted(PEOPLE)), quiet=st.booleans())
    def somebody_wants_peace(self, who: str, *, quiet: bool) -> None:
        self.look(self.scene.tell(SetQuiet(target=who, quiet=quiet, by="test")))
        (self.quiet.add if quiet else self.quiet.discard)(who)

    @rule(account=st.sampled_from([PBX, SPARE]), working=st.booleans())
    def an_account_fails_or_works(self, account: str, *, working: bool) -> None:
        self.look(self.scene.tell(HealthChanged(part=f"account {account}", working=working, detail="")))
        (self.down.discard if working else self.down.add)(account)

    # --- what must hold

    def look(self, effects: tuple[Effect, ...]) -> None:
        rings = iter([effect for effect in effects if isinstance(effect, Ring)])
        for effect in effects:
            match effect:
                case Record(record=PartySkipped(party=party)):
                    assert party in self.quiet
                    self.skipped.add(party)
                case Record(record=CallEnded(call=call, reason=reason)):
                    self.over(call, reason)
                case Record(record=CallPlaced(call=call, party=party)):
                    ring = next(rings)
                    assert ring.call == call
                    self.placed(call, Way(party, ring.uri, ring.account))
                case Record(record=PressEnded(outcome=outcome)):
                    self.ended(outcome)
                case _:
                    pass

    def over(self, call: str, reason: EndReason | Stage) -> None:
        leg = self.legs.pop(call)
        if isinstance(reason, Stage):
            self.failed.append(reason)
            self.lost.setdefault((self.round, leg.way.party), []).append((reason, leg.rang))
        elif reason is EndReason.RING_LIMIT:
            assert self.scene.now_s == self.began_s + (PLAN[self.round].ring_s or 0.0), "a round has its time, and no more"
            self.failed.append(Stage.NO_ANSWER)
            self.timed_out.add(self.round)

    def placed(self, call: str, way: Way) -> None:
        state = self.scene.door.call
        assert isinstance(state, Calling)
        number = len(PLAN) - len(state.rounds) - 1
        if number != self.round:
            assert number > self.round, "rounds ring in order, and once"
            assert not self.legs, "when a round begins, nobody of the last one rings any more"
            self.round, self.began_s = number, self.scene.now_s
        tried = self.tried.setdefault(number, set())
        assert way not in tried, "no way is tried twice in a round"
        if not any(way.party == other.party for other in tried):
            assert way.party not in self.quiet, "nobody is disturbed who does not want to be"
            assert way.party in {each.name for each in PLAN[number].targets} or self.stands_in(way.party), "only the plan's people ring"
            self.due[number, way.party] = self.ways(way.party)
        assert way in self.due[number, way.party]
        tried.add(way)
        self.legs[call] = Leg(way)

    def ways(self, party: str) -> set[Way]:
        """Those whose account works, or all when none does."""
        every = {Way(party, route.uri, route.account) for route in PEOPLE[party].routes}
        return {way for way in every if way.account not in self.down} or every

    def stands_in(self, party: str) -> bool:
        """Whether somebody of this round whose deputy this is was left alone, or could not be had; who declined has decided."""
        principals = [each.name for each in PEOPLE.values() if each.deputy == party]
        return any(
            name in self.skipped
            or any(
                stage in (Stage.BUSY, Stage.NO_ANSWER, Stage.UNREACHABLE, Stage.LOST) for stage, _ in self.lost.get((self.round, name), ())
            )
            for name in principals
        )

    def ended(self, outcome: Outcome) -> None:
        assert not self.legs
        if self.answered:
            assert outcome is Outcome.ANSWERED
            return
        if not self.tried:
            assert outcome is Outcome.NOBODY
            return
        by_news = next((known for stage, known in NEWS if stage in self.failed), Outcome.UNREACHABLE)
        assert outcome is (Outcome.NO_ANSWER if self.round in self.timed_out else by_news)
        for number, round_ in enumerate(PLAN):
            rung = {way.party for way in self.tried.get(number, ())}
            for each in round_.targets:
                assert each.name in rung | self.skipped, f"{each.name} was due in round {number}, and nobody tried"
            for party in rung if number not in self.timed_out else ():
                no_way = [
                    stage in (Stage.UNREACHABLE, Stage.LOST) or (stage is Stage.NO_ANSWER and not rang)
                    for stage, rang in self.lost[number, party]
                ]
                if all(no_way):
                    assert {way for way in self.tried[number] if way.party == party} == self.due[number, party], f"{party} has more ways"

    def teardown(self) -> None:
        self.wait(PLAN[0].ring_s or 0.0)
        self.wait(PLAN[1].ring_s or 0.0)
        self.wait(PLAN[2].ring_s or 0.0)
        assert self.scene.door.call == Idle(), "a plan ends by itself"


TestPlan = PlanMachine.TestCase
TestPlan.settings = settings(max_examples=examples(150), stateful_step_count=40)
