"""Locks: who wins when several want something of a lock, holds and pulses, chains, and calls that must be encrypted."""

from __future__ import annotations

import pytest

from firmware.door.directory import Directory
from firmware.door.events import (
    Block,
    CallMoved,
    CallName,
    CardRead,
    ContactChanged,
    Effect,
    Grant,
    Hold,
    KeepDoor,
    LampName,
    LampRole,
    Light,
    LockFault,
    LockHeld,
    LockMode,
    LockModeChanged,
    LockName,
    OpeningRefused,
    OpenLock,
    Play,
    ProfileChanged,
    Record,
    SetLockMode,
    Shut,
    Sound,
    Stage,
    Start,
    Unblock,
    Unlock,
    Unlocked,
)
from firmware.door.schedule import Profile, Span, When
from tests.door.house import DIRECTORY, FRONT, GARAGE, Scene, only, records

OFFICE_HOURS = Profile(name="office", spans=(Span(days=frozenset(range(5)), begin_min=480, end_min=1020),))  # mon-fri 08:00-17:00
HELD_IN_OFFICE = DIRECTORY._replace(
    locks={**DIRECTORY.locks, FRONT: DIRECTORY.locks[FRONT]._replace(held_when=When(profile="office"))},
    profiles={"office": OFFICE_HOURS},
    tampers=frozenset({"case"}),
)
WITH_OFFICE = DIRECTORY._replace(profiles={"office": OFFICE_HOURS})
BEFORE_EIGHT = "2026-01-05 07:59:50"  # a Monday
BEFORE_FIVE = "2026-01-05 16:59:58"


def with_lock(**changes: object) -> Directory:
    """The house whose front door is like this."""
    front = DIRECTORY.locks[FRONT]._replace(**changes)  # type: ignore[arg-type]  # names and values are those of Lock
    return DIRECTORY._replace(locks={**DIRECTORY.locks, FRONT: front})


def set_mode(scene: Scene, mode: LockMode, lock: LockName = FRONT) -> tuple[Effect, ...]:
    return scene.tell(SetLockMode(lock=lock, mode=mode, by="ctl"))


def opens(scene: Scene) -> tuple[Effect, ...]:
    return scene.tell(OpenLock(lock=FRONT, by="web"))


def moves(effects: tuple[Effect, ...]) -> list[Effect]:
    return [effect for effect in effects if not isinstance(effect, Record)]


# --- modes -------------------------------------------------------------------------------------------------------------------


def test_an_operator_holds_a_lock_open_until_he_gives_it_back() -> None:
    scene = Scene()
    assert set_mode(scene, LockMode.HELD) == (
        Record(record=LockModeChanged(lock=FRONT, mode=LockMode.HELD, by="ctl")),
        Record(record=LockHeld(lock=FRONT, held=True, why="an operator holds it open")),
        Hold(lock=FRONT),
    )
    assert set_mode(scene, LockMode.HELD) == ()
    assert scene.wait(100_000.0) == ()
    assert set_mode(scene, LockMode.NORMAL) == (
        Record(record=LockModeChanged(lock=FRONT, mode=LockMode.NORMAL, by="ctl")),
        Record(record=LockHeld(lock=FRONT, held=False, why="")),
        Shut(lock=FRONT),
    )


def test_an_opening_of_a_held_lock_is_written_down_and_moves_nothing() -> None:
    scene = Scene()
    set_mode(scene, LockMode.HELD)
    news = opens(scene)
    assert only(Unlocked, news).grant is Grant.OPERATOR
    assert not any(isinstance(effect, Unlock) for effect in news)
    assert news[-1] == Play(sound=Sound.OPENED)


def test_who_was_let_in_has_his_time_though_the_hold_ends() -> None:
    scene = Scene()
    set_mode(scene, LockMode.HELD)
    opens(scene)
    assert not any(isinstance(effect, Shut) for effect in set_mode(scene, LockMode.NORMAL))
    assert scene.wait(2.9) == ()
    assert scene.wait(0.1) == (Record(record=LockHeld(lock=FRONT, held=False, why="")), Shut(lock=FRONT))


def test_a_hold_that_begins_in_a_pulse_outlasts_it() -> None:
    scene = Scene()
    opens(scene)
    assert only(Hold, set_mode(scene, LockMode.HELD)).lock == FRONT
    assert scene.wait(10.0) == ()
    assert scene.door.held == {FRONT}


def test_a_locked_lock_shuts_at_once_and_refuses_everybody_who_has_a_right() -> None:
    scene = Scene()
    opens(scene)
    assert set_mode(scene, LockMode.LOCKED)[1:] == (Block(lock=FRONT),)
    for refused, grant in ((opens(scene), Grant.OPERATOR), (scene.tell(CardRead(reader="wall", card="0A1B2C")), Grant.CARD)):
        assert only(OpeningRefused, refused).fault is LockFault.LOCKED
        assert only(OpeningRefused, refused).grant is grant
        assert refused[-1] == Play(sound=Sound.ERROR)
        assert not any(isinstance(effect, Unlock) for effect in refused)
    assert set_mode(scene, LockMode.NORMAL)[1:] == (Unblock(lock=FRONT),)
    assert only(Unlock, opens(scene)).lock == FRONT


def test_a_code_for_two_locks_opens_the_one_that_is_not_locked() -> None:
    scene = Scene()
    scene.talk_with_anna()
    set_mode(scene, LockMode.LOCKED)
    news = scene.type("903817")
    assert only(OpeningRefused, news).lock == FRONT
    assert only(OpeningRefused, news).call == "p1.1"
    assert only(Unlock, news).lock == GARAGE
    assert news[-1] == Play(sound=Sound.OPENED)


def test_a_request_to_exit_opens_a_locked_door() -> None:
    scene = Scene()
    set_mode(scene, LockMode.LOCKED)
    news = scene.tell(ContactChanged(contact="exit", active=True))
    assert only(Unlocked, news).grant is Grant.EXIT


def test_what_operators_want_is_kept_with_its_record_and_outlives_a_restart() -> None:
    scene = Scene()
    set_mode(scene, LockMode.LOCKED)
    keep = next(index for index, effect in enumerate(scene.heard) if isinstance(effect, KeepDoor))
    assert isinstance(scene.heard[keep + 1], Record)
    kept = scene.heard[keep]
    assert isinstance(kept, KeepDoor)
    again = Scene()
    gone = LockName("gone")
    assert again.tell(kept.start._replace(modes={**kept.start.modes, gone: LockMode.LOCKED})) == (Block(lock=FRONT),)
    assert again.door.modes == {FRONT: LockMode.LOCKED}
    assert not any(isinstance(effect, KeepDoor) for effect in again.heard)


# --- profiles ----------------------------------------------------------------------------------------------------------------


def test_a_profile_holds_a_lock_open_from_its_first_minute_to_its_last() -> None:
    scene = Scene(HELD_IN_OFFICE, wall=BEFORE_EIGHT)
    assert scene.tell(Start()) == ()
    assert scene.wait(9.9) == ()
    assert scene.wait(0.1) == (
        Record(record=ProfileChanged(profile="office", active=True)),
        Record(record=LockHeld(lock=FRONT, held=True, why="within the profile office")),
        Hold(lock=FRONT),
    )
    assert scene.wait(9 * 3600.0 - 0.1) == ()
    assert [type(each).__name__ for each in (*records(scene.wait(0.1)), *scene.news())] == [
        "ProfileChanged", "LockHeld", "Record", "Record", "Shut",
    ]  # fmt: skip


def test_a_lock_is_held_from_the_start_when_its_profile_is_active_already() -> None:
    scene = Scene(HELD_IN_OFFICE, wall="2026-01-05 12:00")
    news = scene.tell(Start())
    assert only(Hold, news).lock == FRONT
    assert not any(isinstance(record, ProfileChanged) for record in records(news)), "it has not begun now"


def test_a_clock_that_is_set_or_lost_is_followed_within_a_minute() -> None:
    scene = Scene(HELD_IN_OFFICE)
    assert scene.tell(Start()) == (), "an unset clock holds nothing open"
    scene.set_wall("2026-01-05 12:00")
    assert only(Hold, scene.wait(60.0)).lock == FRONT
    scene.set_wall("2026-01-05 18:00")
    assert only(Shut, scene.wait(60.0)).lock == FRONT


def test_a_lock_can_be_held_outside_of_a_profile() -> None:
    held = HELD_IN_OFFICE._replace(locks={FRONT: DIRECTORY.locks[FRONT]._replace(held_when=When(profile="office", negated=True))})
    scene = Scene(held, wall="2026-01-05 18:00")
    assert only(LockHeld, scene.tell(Start())).why == "outside the profile office"


def test_an_operator_outranks_the_profile_until_he_gives_the_lock_back() -> None:
    scene = Scene(HELD_IN_OFFICE, wall="2026-01-05 12:00")
    scene.tell(Start())
    assert moves(set_mode(scene, LockMode.LOCKED)) == [Block(lock=FRONT), Shut(lock=FRONT)]
    assert moves(scene.wait(120.0)) == []
    assert moves(set_mode(scene, LockMode.NORMAL)) == [Unblock(lock=FRONT), Hold(lock=FRONT)]


# --- chains ------------------------------------------------------------------------------------------------------------------


def test_one_lock_opens_after_another_by_the_same_right() -> None:
    scene = Scene(with_lock(then=GARAGE, then_after_s=8.0))
    scene.talk_with_anna()
    scene.type("58321")
    scene.moved("p1.1", Stage.ENDED)
    news = scene.wait(8.0)
    follows = only(Unlocked, news)
    assert (follows.lock, follows.who, follows.call, follows.party) == (GARAGE, "family", "p1.1", "anna")
    assert only(Unlock, news) == Unlock(lock=GARAGE, duration_s=1.0)


def test_a_lock_without_delay_follows_at_once() -> None:
    scene = Scene(with_lock(then=GARAGE))
    opens(scene)
    assert only(Unlock, scene.wait(0.0)).lock == GARAGE


def test_the_second_opening_of_the_first_lock_counts_the_delay_anew() -> None:
    scene = Scene(with_lock(then=GARAGE, then_after_s=8.0))
    opens(scene)
    scene.wait(7.0)
    opens(scene)
    assert not any(isinstance(effect, Unlock) for effect in scene.wait(7.9))
    assert only(Unlock, scene.wait(0.1)).lock == GARAGE


def test_a_lock_that_was_locked_meanwhile_does_not_follow() -> None:
    scene = Scene(with_lock(then=GARAGE, then_after_s=8.0))
    set_mode(scene, LockMode.LOCKED, GARAGE)
    opens(scene)
    assert only(OpeningRefused, scene.wait(8.0)).lock == GARAGE
    set_mode(scene, LockMode.NORMAL, GARAGE)
    opens(scene)
    set_mode(scene, LockMode.LOCKED, GARAGE)
    assert scene.wait(8.0) == (), "what was still to come is given up when its lock is locked"


def test_a_lock_that_follows_an_exit_opens_unless_it_is_locked() -> None:
    scene = Scene(with_lock(then=GARAGE))
    exit_pressed = ContactChanged(contact="exit", active=True)
    scene.tell(exit_pressed)
    follows = only(Unlocked, news := scene.wait(0.0))
    assert (follows.lock, follows.grant) == (GARAGE, Grant.EXIT)
    assert only(Unlock, news).lock == GARAGE
    set_mode(scene, LockMode.LOCKED, GARAGE)
    scene.tell(exit_pressed)
    assert only(OpeningRefused, scene.wait(0.0)).fault is LockFault.LOCKED


def test_no_lock_follows_an_exit_that_is_taken_up_late() -> None:
    """The driver opened the first lock long ago, and whoever left has gone."""
    scene = Scene(with_lock(then=GARAGE))
    assert only(Unlocked, scene.tell(ContactChanged(contact="exit", active=True, late=True))).lock == FRONT
    assert scene.door.chained == {}
    assert scene.wait(2.0) == ()


# --- encrypted calls ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encrypted", [True, False])
def test_digits_open_a_careful_lock_only_in_an_encrypted_call(*, encrypted: bool) -> None:
    scene = Scene(with_lock(secure_only=True))
    scene.press()
    scene.tell(CallMoved(call=CallName("p1.1"), stage=Stage.ANSWERED, encrypted=encrypted))
    news = scene.type("58321")
    if encrypted:
        assert only(Unlock, news).lock == FRONT
    else:
        assert only(OpeningRefused, news).fault is LockFault.NOT_ENCRYPTED
        assert not any(isinstance(effect, Unlock) for effect in news)


def test_an_incoming_call_can_be_encrypted_too() -> None:
    careful = with_lock(secure_only=True)._replace(incoming_locks=frozenset({FRONT}))
    scene = Scene(careful)
    scene.door = scene.door._replace(directory=careful)
    scene.called("desk@pbx", authenticated=True)
    scene.tell(CallMoved(call=CallName("in"), stage=Stage.ANSWERED, encrypted=True))
    assert only(Unlock, scene.type("58321", call="in")).lock == FRONT


@pytest.mark.parametrize("authenticated", [True, False])
def test_a_code_counts_only_for_a_caller_who_has_proved_to_be_one(*, authenticated: bool) -> None:
    scene = Scene(DIRECTORY._replace(incoming_locks=frozenset({FRONT})))
    scene.called("desk@pbx", authenticated=authenticated)
    scene.moved("in", Stage.ANSWERED)
    assert any(isinstance(effect, Unlock) for effect in scene.type("58321", call="in")) is authenticated


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_careful_lock_that_follows_another_asks_how_the_call_was_and_not_whether_it_is_over(*, encrypted: bool) -> None:
    careful = DIRECTORY.locks[GARAGE]._replace(secure_only=True)
    scene = Scene(with_lock(then=GARAGE, then_after_s=8.0))
    scene.door = scene.door._replace(directory=scene.door.directory._replace(locks={**scene.door.directory.locks, GARAGE: careful}))
    scene.press()
    scene.tell(CallMoved(call=CallName("p1.1"), stage=Stage.ANSWERED, encrypted=encrypted))
    scene.type("58321")
    scene.moved("p1.1", Stage.ENDED)
    news = scene.wait(8.0)
    if encrypted:
        assert only(Unlock, news).lock == GARAGE
    else:
        assert only(OpeningRefused, news).fault is LockFault.NOT_ENCRYPTED


def test_other_rights_need_no_call_and_no_encryption() -> None:
    scene = Scene(with_lock(secure_only=True))
    assert only(Unlock, scene.tell(CardRead(reader="wall", card="0A1B2C"))).lock == FRONT
    scene.talk_with_anna()
    assert only(Unlock, opens(scene)).lock == FRONT


# --- the lamp ----------------------------------------------------------------------------------------------------------------


def test_a_refusal_is_seen_for_two_seconds() -> None:
    scene = Scene()
    scene.tell(CardRead(reader="wall", card="DEAD"))
    assert Light(lamp=LampRole.REFUSED, on=True) in scene.heard
    scene.wait(1.9)
    assert Light(lamp=LampRole.REFUSED, on=False) not in scene.heard
    scene.wait(0.1)
    assert Light(lamp=LampRole.REFUSED, on=False) in scene.heard


@pytest.mark.parametrize(("negated", "wall", "lit"), [(False, "12:00", True), (True, "12:00", False), (True, "18:00", True)])
def test_the_panels_own_light_follows_its_profile(negated: bool, wall: str, lit: bool) -> None:
    plates = LampName("plates")
    scene = Scene(WITH_OFFICE._replace(lights={plates: When(profile="office", negated=negated)}), wall=f"2026-01-05 {wall}")
    scene.tell(Start())
    assert [effect for effect in scene.heard if isinstance(effect, Light)] == ([Light(lamp=plates, on=True)] if lit else [])
    scene.set_wall("2026-01-05 19:00" if wall == "12:00" else "2026-01-06 12:00")
    scene.wait(60.0)
    assert Light(lamp=plates, on=not lit) in scene.heard


def test_the_panels_own_light_stays_dark_while_nobody_knows_the_time() -> None:
    scene = Scene(WITH_OFFICE._replace(lights={LampName("plates"): When(profile="office", negated=True)}))
    scene.tell(Start())
    scene.wait(60.0)
    assert not any(isinstance(effect, Light) for effect in scene.heard)


def test_a_held_lock_shows_the_light_of_an_open_one() -> None:
    scene = Scene()
    set_mode(scene, LockMode.HELD)
    assert Light(lamp=LampRole.OPEN, on=True) in scene.heard
