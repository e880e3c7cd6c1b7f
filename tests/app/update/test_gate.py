"""What a new system must show before it stays."""

from __future__ import annotations

from firmware.app.update.gate import CALLS_MAX, GONE, STEADY_S, TRIAL_S_MAX, Seen, Step, Trial, Verdict, called, looked
from firmware.app.update.ledger import Before

BEFORE = Before(registered=("pbx",), closed=("gate",))
WELL = Seen(uptime_s=STEADY_S, registered=frozenset({"pbx"}), closed=frozenset({"gate"}), locks=frozenset({"door", "gate"}))
NEW = Trial(began_s=100.0, before=BEFORE)
END_S = 100.0 + TRIAL_S_MAX


def test_a_door_that_works_calls_itself_and_stays() -> None:
    trial, verdict = looked(NEW, WELL, 130.0)
    assert verdict == Verdict(Step.CALL)
    assert looked(called(trial, ""), WELL, 140.0)[1] == Verdict(Step.CONFIRM)


def test_it_waits_for_the_service_and_gives_it_up_in_the_end() -> None:
    assert looked(NEW, GONE, 110.0)[1] == Verdict(Step.WAIT, "the service does not answer")
    assert looked(NEW, GONE, END_S - 0.1)[1].step is Step.WAIT
    assert looked(NEW, GONE, END_S)[1] == Verdict(Step.REJECT, "after 10 minutes the service does not answer")


def test_a_service_that_is_started_anew_all_the_time_is_none() -> None:
    assert looked(NEW, WELL._replace(uptime_s=STEADY_S - 0.1), 110.0)[1].step is Step.WAIT
    assert "has not run for 20 s" in looked(NEW, WELL._replace(uptime_s=3.0), END_S)[1].why


def test_who_was_registered_must_be_so_again() -> None:
    away = WELL._replace(registered=frozenset({"other"}))
    assert looked(NEW, away, 130.0)[1] == Verdict(Step.WAIT, "account pbx is not registered, which it was before the update")
    assert looked(NEW, away, END_S)[1].step is Step.REJECT


def test_a_server_that_was_away_before_is_not_the_updates_fault() -> None:
    assert looked(NEW._replace(before=Before(closed=("gate",))), WELL._replace(registered=frozenset()), 130.0)[1].step is Step.CALL


def test_a_relay_that_never_rests_keeps_the_gate_shut_unless_it_was_held_before() -> None:
    stuck = WELL._replace(closed=frozenset({"door", "gate"}))
    trial, verdict = looked(NEW, stuck, 130.0)
    assert verdict == Verdict(Step.WAIT, "lock door was never at rest")
    assert looked(trial, stuck, END_S)[1] == Verdict(Step.REJECT, "after 10 minutes lock door was never at rest")


def test_a_lock_that_is_opened_for_somebody_later_does_not_count() -> None:
    trial, _ = looked(NEW, WELL, 130.0)
    assert looked(called(trial, ""), WELL._replace(closed=frozenset({"door"})), 140.0)[1].step is Step.CONFIRM


def test_no_call_to_itself_while_somebody_is_at_the_door() -> None:
    busy = WELL._replace(idle=False)
    assert looked(NEW, busy, 130.0)[1] == Verdict(Step.WAIT, "somebody is at the door")
    assert looked(NEW, busy, END_S)[1] == Verdict(Step.REJECT, "after 10 minutes no call to itself could be made")


def test_calls_that_stay_silent_are_tried_again_and_then_reason_enough() -> None:
    trial = NEW
    for number in range(CALLS_MAX):
        trial, verdict = looked(trial, WELL, 130.0 + number)
        assert verdict.step is Step.CALL
        trial = called(trial, "no sound")
    assert looked(trial, WELL, 140.0)[1] == Verdict(Step.REJECT, "a call to itself failed 3 times: no sound")


def test_who_was_heard_once_needs_no_further_call_but_all_the_rest() -> None:
    trial = called(NEW, "")
    assert looked(trial, GONE, 130.0)[1].step is Step.WAIT
    assert looked(trial, WELL, 140.0)[1].step is Step.CONFIRM
