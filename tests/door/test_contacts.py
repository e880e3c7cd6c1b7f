"""The door's own contact and the switch in the panel's case."""

from __future__ import annotations

from firmware.door.contacts import BLOCK_S
from firmware.door.directory import Watch
from firmware.door.events import (
    Block,
    BlockEnded,
    CardRead,
    ContactChanged,
    DoorForced,
    DoorOpenTooLong,
    Effect,
    Grant,
    KeepDoor,
    LockFault,
    LockMode,
    OpeningRefused,
    OpenLock,
    Play,
    Record,
    RelaysBlocked,
    SetLockMode,
    Shut,
    Sound,
    Start,
    Unblock,
    Unlock,
    Unlocked,
)
from tests.door.house import DIRECTORY, FRONT, GARAGE, Scene, only, records

WATCHED = DIRECTORY._replace(
    watches={"leaf": Watch(lock=FRONT, open_limit_s=60.0), "hatch": Watch(lock=None, open_limit_s=None)},
    tampers=frozenset({"case"}),
)


def told(contact: str, *, active: bool) -> ContactChanged:
    return ContactChanged(contact=contact, active=active)


def scene_with_shut_door() -> Scene:
    scene = Scene(WATCHED)
    for contact in ("leaf", "hatch", "case"):
        scene.tell(told(contact, active=False))
    return scene


def test_a_door_that_opens_though_nobody_was_let_in_is_forced() -> None:
    assert scene_with_shut_door().tell(told("leaf", active=True)) == (
        Record(record=told("leaf", active=True)),
        Record(record=DoorForced(contact="leaf", lock=FRONT)),
        Play(sound=Sound.ERROR),
    )


def test_a_door_opens_rightly_while_its_lock_is_open_and_a_moment_later() -> None:
    for wait_s, forced in ((0.0, False), (2.9, False), (3.9, False), (4.1, True)):
        scene = scene_with_shut_door()
        scene.tell(OpenLock(lock=FRONT, by="web"))
        scene.wait(wait_s)
        news = records(scene.tell(told("leaf", active=True)))
        assert any(isinstance(record, DoorForced) for record in news) is forced, wait_s


def test_another_lock_explains_nothing() -> None:
    scene = scene_with_shut_door()
    scene.tell(OpenLock(lock=GARAGE, by="web"))
    assert any(isinstance(record, DoorForced) for record in records(scene.tell(told("leaf", active=True))))


def test_a_door_that_is_held_open_may_open() -> None:
    scene = scene_with_shut_door()
    scene.tell(SetLockMode(lock=FRONT, mode=LockMode.HELD, by="ctl"))
    assert records(scene.tell(told("leaf", active=True))) == [told("leaf", active=True)]


def test_the_first_word_of_a_contact_accuses_nobody() -> None:
    assert records(Scene(WATCHED).tell(told("leaf", active=True))) == [told("leaf", active=True)]


def test_a_door_without_a_lock_of_its_own_may_open_as_it_likes() -> None:
    scene = scene_with_shut_door()
    assert scene.tell(told("hatch", active=True)) == (Record(record=told("hatch", active=True)),)
    assert scene.wait(100_000.0) == ()


def test_a_door_that_stands_open_too_long_is_complained_about_once() -> None:
    scene = scene_with_shut_door()
    scene.tell(OpenLock(lock=FRONT, by="web"))
    scene.tell(told("leaf", active=True))
    assert scene.wait(59.9) == ()
    assert scene.wait(0.1) == (Record(record=DoorOpenTooLong(contact="leaf", open_s=60.0)), Play(sound=Sound.BEEP))
    assert scene.wait(10_000.0) == ()
    scene.tell(told("leaf", active=False))
    scene.tell(told("leaf", active=True))
    assert only(DoorOpenTooLong, scene.wait(60.0)).contact == "leaf"


def test_a_door_that_is_shut_in_time_is_not_complained_about() -> None:
    scene = scene_with_shut_door()
    scene.tell(told("leaf", active=True))
    scene.wait(59.0)
    scene.tell(told("leaf", active=False))
    assert scene.wait(10_000.0) == ()


def kinds(effects: tuple[Effect, ...]) -> list[str]:
    return [type(effect.record if isinstance(effect, Record) else effect).__name__ for effect in effects]


def test_an_opened_case_shuts_and_blocks_every_lock_for_half_an_hour() -> None:
    scene = scene_with_shut_door()
    scene.tell(OpenLock(lock=FRONT, by="web"))
    news = scene.tell(told("case", active=True))
    assert only(RelaysBlocked, news) == RelaysBlocked(contact="case", for_s=BLOCK_S)
    assert [effect for effect in news if isinstance(effect, Block)] == [Block(lock=FRONT), Block(lock=GARAGE)]
    assert kinds(news)[:2] == ["ContactChanged", "RelaysBlocked"], "written before it is done"
    assert only(OpeningRefused, scene.tell(CardRead(reader="wall", card="0A1B2C"))).fault is LockFault.TAMPERED
    scene.tell(told("case", active=False))
    assert only(OpeningRefused, scene.tell(OpenLock(lock=GARAGE, by="web"))).fault is LockFault.TAMPERED
    assert kinds(scene.wait(BLOCK_S)) == ["BlockEnded", "Unblock", "Unblock"]
    assert only(Unlock, scene.tell(OpenLock(lock=GARAGE, by="web"))).lock == GARAGE


def test_people_still_get_out_past_an_opened_case() -> None:
    scene = scene_with_shut_door()
    scene.tell(told("case", active=True))
    assert only(Unlocked, scene.tell(told("exit", active=True))).grant is Grant.EXIT


def test_the_block_begins_anew_while_the_case_stands_open() -> None:
    scene = scene_with_shut_door()
    scene.tell(told("case", active=True))
    assert only(RelaysBlocked, scene.wait(BLOCK_S)).for_s == BLOCK_S
    scene.tell(told("case", active=False))
    assert only(BlockEnded, scene.wait(BLOCK_S)) == BlockEnded()


def test_a_held_lock_shuts_with_the_case_and_is_held_again_after_the_block() -> None:
    scene = scene_with_shut_door()
    scene.tell(SetLockMode(lock=FRONT, mode=LockMode.HELD, by="ctl"))
    news = scene.tell(told("case", active=True))
    assert only(Shut, news).lock == FRONT
    scene.tell(told("case", active=False))
    assert kinds(scene.wait(BLOCK_S)) == ["BlockEnded", "Unblock", "LockHeld", "Hold", "Unblock"]


def test_a_block_outlives_a_restart_with_the_rest_of_its_time() -> None:
    scene = scene_with_shut_door()
    scene.tell(told("case", active=True))
    keep = next(effect for effect in scene.heard if isinstance(effect, KeepDoor))
    assert keep.start.blocked_for_s == BLOCK_S
    again = Scene(WATCHED)
    assert again.tell(Start(blocked_for_s=600.0)) == (Block(lock=FRONT), Block(lock=GARAGE))
    assert again.wait(599.9) == ()
    assert again.wait(0.1)[1:] == (Unblock(lock=FRONT), Unblock(lock=GARAGE))
    assert next(effect for effect in again.heard if isinstance(effect, KeepDoor)).start.blocked_for_s == 0.0
