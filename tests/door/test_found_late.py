"""What the last run left, found only while the door works already: what is in force by then stays in force beside it."""

from __future__ import annotations

from firmware.door.access import SOURCES_MAX
from firmware.door.events import Block, KeepDoor, KeptWrong, LockMode, OpeningRefused, OpenLock, SetLockMode, SetQuiet, Start
from tests.door.house import FRONT, GARAGE, LIMITS, Scene, only

LEFT = Start(
    modes={FRONT: LockMode.LOCKED, GARAGE: LockMode.LOCKED},
    quiet=frozenset({"anna"}),
    blocked_for_s=100.0,
    wrong=(KeptWrong("bob", 4, 5.0, 60.0), KeptWrong("", 4, 5.0, 0.0)),
    late=True,
)


def found(scene: Scene) -> KeepDoor:
    scene.tell(LEFT)
    return only(KeepDoor, scene.heard)


def test_a_door_that_nobody_touched_is_as_it_was_left_and_keeps_it() -> None:
    scene = Scene()
    kept = found(scene)
    assert kept.start == LEFT._replace(late=False)
    assert [effect.lock for effect in scene.heard if isinstance(effect, Block)] == [FRONT, GARAGE]
    assert only(OpeningRefused, scene.tell(OpenLock(lock=FRONT, by="web"))).lock == FRONT


def test_what_operators_have_wanted_since_goes_before() -> None:
    scene = Scene()
    scene.tell(SetLockMode(lock=FRONT, mode=LockMode.HELD, by="web"))
    scene.tell(SetQuiet(target="bob", quiet=True, by="web"))
    kept = found(scene)
    assert kept.start.modes == {FRONT: LockMode.HELD, GARAGE: LockMode.LOCKED}
    assert kept.start.quiet == {"anna", "bob"}


def test_of_two_blocks_and_lock_outs_the_longer_counts_and_wrong_codes_add_up() -> None:
    scene = Scene()
    scene.door = scene.door._replace(blocked_until_s=scene.now_s + 500.0, guard=scene.door.guard.after_wrong("bob", LIMITS, scene.now_s))
    found(scene)
    assert scene.door.blocked_until_s == scene.now_s + 500.0
    assert {source: wrong.times for source, wrong in scene.door.guard.wrong.items()} == {"bob": 5, "": 5}
    assert scene.door.guard.locked_for_s("bob", scene.now_s) == 60.0


def test_sources_of_wrong_codes_stay_bounded() -> None:
    scene = Scene()
    wrong = tuple(KeptWrong(f"source {number}", 1, float(number), 0.0) for number in range(SOURCES_MAX))
    scene.tell(LEFT._replace(wrong=(KeptWrong("", SOURCES_MAX, 9999.0, 0.0), *wrong)))
    assert len(scene.door.guard.wrong) == SOURCES_MAX
    assert "" in scene.door.guard.wrong, "that of all is never forgotten"
    assert f"source {SOURCES_MAX - 1}" not in scene.door.guard.wrong, "the oldest is"
