"""Whom a lock-out concerns: one party, one reader or one keypad, over all of its calls and over a restart, and nobody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware.door.access import EVERYBODY
from firmware.door.events import (
    CardRead,
    CardRefused,
    CodeFault,
    CodeRefused,
    Input,
    KeepDoor,
    KeypadRefused,
    KeyPressed,
    Stage,
    Start,
    Unlocked,
    UsersChanged,
    Verified,
)
from tests.door.house import FRONT, HOUSE, Scene, only, records, with_limits

PADS = with_limits(wrong_limit_global=10)._replace(keypads={"pad": FRONT, "side": FRONT}, readers={"wall": FRONT, "post": FRONT})
BLUE = "0A1B2C"


def talk_with(scene: Scene, leg: int) -> str:
    """A new call; leg 1 is Anna's, leg 2 Bob's. Returns its name."""
    scene.press(HOUSE)
    call = f"p{scene.door.next_press - 1}.{leg}"
    scene.moved(call, Stage.ANSWERED)
    return call


def hang_up(scene: Scene, call: str) -> None:
    scene.moved(call, Stage.ENDED)


def guess_in_call(scene: Scene) -> None:
    call = talk_with(scene, 1)
    for _ in range(3):
        scene.type("111111", call)
    hang_up(scene, call)


def guess_users_codes(scene: Scene) -> None:
    """As above, where users have codes and the store says each time that nobody has this one."""
    scene.tell(UsersChanged(users=1, pin_digits=0, code_digits=6))
    call = talk_with(scene, 1)
    for _ in range(3):
        scene.type("111111", call)
        scene.tell(Verified(ask=max(scene.door.asking.asks), user=None, duress=False, at_s=0.0))
    hang_up(scene, call)
    scene.tell(UsersChanged(users=0, pin_digits=0, code_digits=0))


def guess_at_reader(scene: Scene) -> None:
    for _ in range(3):
        scene.tell(CardRead(reader="wall", card="DEAD"))


def guess_at_keypad(scene: Scene) -> None:
    for _ in range(3):
        keyed(scene, "pad")


def keyed(scene: Scene, keypad: str) -> list[CodeFault]:
    """A PIN that is nobody's, where no user has one."""
    heard = [record for key in "583216#" for record in records(scene.tell(KeyPressed(keypad=keypad, key=key)))]
    return [record.fault for record in heard if isinstance(record, KeypadRefused)]


def faults(scene: Scene) -> dict[str, CodeFault | None]:
    """What becomes of a good code or card at each source, and of a PIN that is nobody's; None: it opened."""
    found: dict[str, CodeFault | None] = {}
    for name, leg in (("anna", 1), ("bob", 2)):
        call = talk_with(scene, leg)
        heard = [record for digit in "903817" for record in records(scene.type(digit, call))]
        hang_up(scene, call)
        found[name] = next((each.fault for each in heard if isinstance(each, CodeRefused)), None)
        assert any(isinstance(each, Unlocked) for each in heard) is (found[name] is None)
    for reader in ("wall", "post"):
        news = scene.tell(CardRead(reader=reader, card=BLUE))
        found[f"reader {reader}"] = next((each.fault for each in records(news) if isinstance(each, CardRefused)), None)
    return found


def restarted(scene: Scene) -> Scene:
    """The same house a second later, started with what the last run has kept."""
    after = Scene(PADS, now_s=7.0)
    after.tell(Start(wrong=scene.door.guard.kept(scene.now_s + 1.0)))
    return after


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(
    ("guess", "source"),
    [(guess_in_call, "anna"), (guess_users_codes, "anna"), (guess_at_reader, "reader wall"), (guess_at_keypad, "keypad pad")],
)
def test_who_has_guessed_is_locked_out_and_nobody_else(guess: Callable[[Scene], None], source: str, *, restart: bool) -> None:
    scene = Scene(PADS)
    guess(scene)
    if restart:
        scene = restarted(scene)
    expected: dict[str, CodeFault | None] = dict.fromkeys(("anna", "bob", "reader wall", "reader post"))
    if source in expected:
        expected[source] = CodeFault.LOCKED_OUT
    assert faults(scene) == expected
    assert keyed(scene, "pad") == [CodeFault.LOCKED_OUT if source == "keypad pad" else CodeFault.WRONG]
    assert keyed(scene, "side") == [CodeFault.WRONG]


def test_what_is_kept_of_guesses_names_their_sources() -> None:
    scene = Scene(PADS)
    guess_in_call(scene)
    guess_at_reader(scene)
    kept = only(KeepDoor, tuple(scene.heard)).start.wrong
    assert {each.source: each.times for each in kept} == {"anna": 3, "reader wall": 3, EVERYBODY: 6}
    assert {each.source: round(each.for_s) for each in kept if each.source != EVERYBODY} == {"anna": 30, "reader wall": 30}


def test_a_lock_out_ends_with_its_time_and_not_before_also_over_a_restart() -> None:
    scene = Scene(PADS)
    guess_at_reader(scene)
    scene = restarted(scene)
    good: Input = CardRead(reader="wall", card=BLUE)
    scene.wait(28.9)
    assert only(CardRefused, scene.tell(good)).fault is CodeFault.LOCKED_OUT
    scene.wait(0.2)
    assert only(Unlocked, scene.tell(good)).who == "blue"
