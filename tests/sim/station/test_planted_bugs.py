"""The simulator notices what it is there for: each of these bugs is planted in the product, and a promise is seen to break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.app import bridge_door, last_run
from firmware.app.journal.store import JournalStore
from firmware.app.kept_door import start_from
from firmware.app.leg import Leg
from firmware.app.leg_media import LegMedia
from firmware.app.users.store import UserStore
from firmware.door import access, keypad, opening
from firmware.door import events as door
from firmware.door.machine import handle
from firmware.door.state import Step
from hw import relay_timer
from hw.relay import TimedRelay
from tests.sim.station import house
from tests.sim.station.run import Run

SEEDS = range(6)


@pytest.fixture(autouse=True)
def _silent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")


def broken(folder: Path, words: str) -> bool:
    """Whether some seed breaks a promise of which these words are told."""
    for seed in SEEDS:
        run = Run(seed, folder / f"{seed}-{words[:5]}.db", pace_s=8.0, gap_s=90.0)
        run.day(1200.0)
        run.end()
        if any(words in problem for problem in run.problems):
            return True
    return False


def with_effects(change: Callable[[tuple[door.Effect, ...]], tuple[door.Effect, ...]]) -> Callable[..., Step]:
    """The door's machine, its effects changed."""

    def changed(*given: object) -> Step:
        after, effects = handle(*given)  # type: ignore[arg-type]  # passed on as they came
        return after, change(effects)

    return changed


def test_a_relay_without_a_maximum(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def endless(state: relay_timer.RelayState, now_ns: int, duration_ns: int, max_ns: int) -> relay_timer.RelayState:
        return relay_timer.Closed(since_ns=now_ns, until_ns=now_ns + 60 * 10**9)

    monkeypatch.setattr(relay_timer, "pulse", endless)
    assert broken(tmp_path, "its maximum is")


def test_an_invite_before_the_journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def ring_first(effects: tuple[door.Effect, ...]) -> tuple[door.Effect, ...]:
        return tuple(sorted(effects, key=lambda effect: not isinstance(effect, door.Ring)))

    monkeypatch.setattr(bridge_door, "handle", with_effects(ring_first))
    assert broken(tmp_path, "before its press was in the journal")


def test_a_lost_outcome(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def lose(effects: tuple[door.Effect, ...]) -> tuple[door.Effect, ...]:
        return tuple(
            effect
            for effect in effects
            if not (isinstance(effect, door.Record) and isinstance(effect.record, door.PressEnded) and effect.record.press % 10 == 0)
        )

    monkeypatch.setattr(bridge_door, "handle", with_effects(lose))
    assert broken(tmp_path, "has no outcome")


def test_a_second_outcome(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def repeat(effects: tuple[door.Effect, ...]) -> tuple[door.Effect, ...]:
        ends = [effect for effect in effects if isinstance(effect, door.Record) and isinstance(effect.record, door.PressEnded)]
        return (*effects, *ends)

    monkeypatch.setattr(bridge_door, "handle", with_effects(repeat))
    assert broken(tmp_path, "second outcome")


def test_a_lock_that_opens_without_a_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unrecorded(effects: tuple[door.Effect, ...]) -> tuple[door.Effect, ...]:
        return tuple(effect for effect in effects if not (isinstance(effect, door.Record) and isinstance(effect.record, door.Unlocked)))

    monkeypatch.setattr(bridge_door, "handle", with_effects(unrecorded))
    assert broken(tmp_path, "no reason was recorded")


def test_a_lock_that_opens_though_it_is_locked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(opening, "_fault", lambda _door, _unlocked, **_: None)
    assert broken(tmp_path, "is locked, and")


def test_a_number_that_counts_as_a_pin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(keypad, "_is_pin", lambda _door, _keypad, _entry: True)
    assert broken(tmp_path, "counts as guessing")


def test_tampering_that_a_restart_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(last_run, "start_from", lambda text, elapsed_s: start_from(text, elapsed_s)._replace(blocked_for_s=0.0))
    run = Run(1, tmp_path / "journal.db", pace_s=1e9, gap_s=1e9)
    run.town.run(run.town.now_s + 5.0)
    assert run.life is not None
    run.life.switch(house.CASE, active=True)
    run.town.run(run.town.now_s + 1.0)
    run.life.switch(house.CASE, active=False)
    run.town.run(run.town.now_s + 1.0)
    run.kill()
    run.live()
    run.town.run(run.town.now_s + 1.0)
    run.life.inbox.put(door.OpenLock(lock=door.LockName(house.GATE), by="operator"))
    run.town.run(run.town.now_s + 1.0)
    assert any("blocked after tampering, and operator opens gate" in problem for problem in run.problems)
    run.end()


def test_a_lock_out_that_is_forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is announced, and not kept: after the announcement every look at it finds nothing."""
    locked_for_s = access.Guard.locked_for_s

    def forgetful(guard: access.Guard, source: str, now_s: float) -> float:
        latest_s = max((wrong.last_at_s for wrong in guard.wrong.values()), default=0.0)
        return locked_for_s(guard, source, now_s) if latest_s == now_s else 0.0

    monkeypatch.setattr(access.Guard, "locked_for_s", forgetful)
    assert broken(tmp_path, "is locked out until")


def test_an_exit_button_that_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(TimedRelay, "let_out", lambda _relay, _duration_s, _by: None)
    assert broken(tmp_path, "stayed shut")


def test_a_media_port_that_stays_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def deaf(_media: LegMedia, leg: Leg) -> None:
        leg.streaming, leg.port = False, None

    monkeypatch.setattr(LegMedia, "silence", deaf)
    assert broken(tmp_path, "calls are left")


def test_a_journal_that_loses_what_it_acknowledged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written = JournalStore._written

    def lose(store: JournalStore, rows: list[tuple[float, door.DoorRecord]], kept: dict[str, str]) -> tuple[int, ...]:
        return written(store, [row for row in rows if not isinstance(row[1], door.Pressed | door.PressEnded) or row[1].press % 10], kept)

    monkeypatch.setattr(JournalStore, "_written", lose)
    assert broken(tmp_path, "has lost it")


def test_a_code_of_somebody_who_may_not_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def as_gate(effects: tuple[door.Effect, ...]) -> tuple[door.Effect, ...]:
        return tuple(
            door.Record(record=effect.record._replace(party="eve"))
            if isinstance(effect, door.Record) and isinstance(effect.record, door.Unlocked)
            else effect
            for effect in effects
        )

    monkeypatch.setattr(bridge_door, "handle", with_effects(as_gate))
    assert broken(tmp_path, "who is not listed")


def test_a_guest_whose_uses_are_not_written_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(UserStore, "spend", lambda _store, _name: True)
    assert broken(tmp_path, "and had 2 uses")


def test_a_pin_of_anybody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(UserStore, "by_digits", lambda store, _digits, kinds: (store.named("eva"), kinds[0]))
    assert broken(tmp_path, "at the keypad pad was typed")


def test_a_registration_that_is_not_renewed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("firmware.sip.usage.registration.Registration.network_changed", lambda _registration, _now_s: None)
    monkeypatch.setattr("firmware.sip.usage.registration.Registration.handle_timer", lambda _registration, _name, _now_s: None)
    assert broken(tmp_path, "not registered") or broken(tmp_path, "slow recovery")
