from __future__ import annotations

import pytest

from firmware.door.events import (
    CallMeasured,
    CallName,
    CardHeld,
    CardRead,
    CardRefused,
    CodeFault,
    ContactChanged,
    DeviceChange,
    DeviceChanged,
    Effect,
    Grant,
    HealthChanged,
    LockFault,
    LockName,
    LoginRefused,
    MessageLeft,
    OpeningRefused,
    OpenLock,
    PictureTaken,
    Play,
    PressId,
    Record,
    RelayMoved,
    Sound,
    Unlock,
    Unlocked,
)
from firmware.door.lock import Unlocking, unlock
from tests.door.house import DIRECTORY, FRONT, GARAGE, HOUSE, Scene, only

EXIT = ContactChanged(contact="exit", active=True)
BLUE = CardRead(reader="wall", card="0A1B2C")
STRANGE = CardRead(reader="wall", card="DEAD")


def card_refused(fault: CodeFault, lockout_s: float = 0.0, who: str = "") -> tuple[Effect, ...]:
    return (Record(record=CardRefused(reader="wall", who=who, fault=fault, lockout_s=lockout_s)), Play(sound=Sound.WRONG))


def test_the_exit_button_is_written_down_and_no_second_pulse_follows_that_of_its_driver() -> None:
    scene = Scene()
    assert scene.tell(EXIT) == (
        Record(record=EXIT),
        Record(record=Unlocked(lock=FRONT, duration_s=3.0, grant=Grant.EXIT, who="exit")),
    )
    assert scene.door.locks[FRONT].until_s == scene.now_s + 3.0


def test_an_exit_button_that_is_found_pressed_at_the_start_has_opened_nothing() -> None:
    scene = Scene()
    scene.door = scene.door._replace(contacts={})
    assert scene.tell(EXIT) == (Record(record=EXIT),)
    scene.tell(EXIT._replace(active=False))
    assert only(Unlocked, scene.tell(EXIT)).grant is Grant.EXIT


@pytest.mark.parametrize("card", [BLUE, STRANGE])
def test_a_card_that_is_taken_up_late_opens_nothing_and_is_no_guess(card: CardRead) -> None:
    scene = Scene()
    assert scene.tell(card._replace(late=True)) == card_refused(CodeFault.LATE)
    assert scene.door.guard.wrong == {}
    assert scene.tell(CardHeld(reader="wall", card=BLUE.card, late=True)) == ()


def test_the_exit_button_opens_during_a_call_and_during_a_lock_out() -> None:
    scene = Scene()
    scene.talk_with_anna()
    for _ in range(5):
        scene.type("111111")
    assert only(Unlocked, scene.tell(EXIT)).lock == FRONT


def test_letting_the_exit_button_go_opens_nothing() -> None:
    given = ContactChanged(contact="exit", active=False)
    assert Scene().tell(given) == (Record(record=given),)


MEASURED = CallMeasured(
    call=CallName("p1.1"),
    codec="PCMA",
    encryption="",
    heard=4.4,
    sent=None,
    delay_ms=70,
    loss_percent=0.0,
    burst_ms=0,
    jitter_ms=0.1,
    concealed_ms=0,
    glitches=0,
    set_up_ms=40,
    press_to_audio_ms=1100,
)


def test_a_door_contact_is_written_down() -> None:
    given = ContactChanged(contact="leaf", active=True)
    assert Scene().tell(given) == (Record(record=given),)


@pytest.mark.parametrize(
    "given",
    [
        RelayMoved(lock=FRONT, closed=True),
        HealthChanged(part="card", working=False, detail="It is gone."),
        MessageLeft(file="a.wav", length_s=9.0),
        PictureTaken(file="a.jpg", press=PressId(1), button=HOUSE),
        MEASURED,
        DeviceChanged(change=DeviceChange.REJECTED, version="1.2", detail="no sound"),
        LoginRefused(outlet="web", who="anna", source="192.0.2.1", lockout_s=30.0),
    ],
)
def test_facts_are_written_down(
    given: RelayMoved | HealthChanged | MessageLeft | PictureTaken | CallMeasured | DeviceChanged | LoginRefused,
) -> None:
    assert Scene().tell(given) == (Record(record=given),)


def test_a_listed_card_opens_the_lock_of_its_reader() -> None:
    assert Scene().tell(BLUE) == (
        Record(record=Unlocked(lock=FRONT, duration_s=3.0, grant=Grant.CARD, who="blue")),
        Unlock(lock=FRONT, duration_s=3.0),
        Play(sound=Sound.OPENED),
    )


def test_a_card_for_another_lock_is_not_allowed_here() -> None:
    assert Scene().tell(CardRead(reader="wall", card="FFEE")) == card_refused(CodeFault.NOT_ALLOWED, who="red")


def test_strange_cards_lock_the_reader_out_and_a_right_one_before_that_forgives() -> None:
    scene = Scene()
    assert scene.tell(STRANGE) == card_refused(CodeFault.WRONG)
    assert scene.tell(STRANGE) == card_refused(CodeFault.WRONG)
    assert only(Unlock, scene.tell(BLUE)).lock == FRONT
    scene.tell(STRANGE)
    scene.tell(STRANGE)
    assert scene.tell(STRANGE) == card_refused(CodeFault.WRONG, 30.0)
    assert scene.tell(BLUE) == card_refused(CodeFault.LOCKED_OUT, 30.0)
    scene.wait(30.0)
    assert only(Unlock, scene.tell(BLUE)).lock == FRONT


def test_a_card_does_not_stop_the_ringback() -> None:
    scene = Scene()
    scene.press()
    assert [effect for effect in scene.tell(BLUE) if isinstance(effect, Play)] == []
    assert [effect for effect in scene.tell(STRANGE) if isinstance(effect, Play)] == []


def test_a_reader_or_lock_that_was_never_configured_is_our_own_error() -> None:
    with pytest.raises(KeyError):
        Scene().tell(CardRead(reader="nowhere", card="DEAD"))
    with pytest.raises(KeyError):
        Scene().tell(OpenLock(lock=LockName("nowhere"), by="web"))


@pytest.mark.parametrize(("after_s", "opens"), [(4.9, True), (5.0, True), (5.1, False)])
def test_an_operators_wish_that_is_taken_up_too_late_opens_nothing(after_s: float, opens: bool) -> None:
    scene = Scene()
    wish = OpenLock(lock=FRONT, by="web", until_s=scene.now_s + 5.0)
    scene.now_s += after_s
    news = scene.tell(wish)
    assert any(isinstance(effect, Unlock) for effect in news) is opens
    if not opens:
        assert only(OpeningRefused, news) == OpeningRefused(lock=FRONT, grant=Grant.OPERATOR, who="web", fault=LockFault.LATE)
        assert scene.door.locks == {}


def test_opening_again_prolongs_within_the_maximum() -> None:
    scene = Scene()
    assert only(Unlocked, scene.tell(EXIT)).duration_s == 3.0
    scene.wait(1.0)
    assert only(Unlocked, scene.tell(EXIT)).duration_s == 3.0
    scene.wait(2.5)
    assert only(Unlocked, scene.tell(EXIT)).duration_s == 1.5, "five seconds after the first closing at the latest"
    scene.wait(1.5)
    assert scene.door.locks == {}
    assert only(Unlocked, scene.tell(EXIT)).duration_s == 3.0


def test_an_exit_button_pressed_between_the_end_of_a_pulse_and_its_timer_opens_anew() -> None:
    scene = Scene()
    scene.door = scene.door._replace(locks={FRONT: Unlocking(since_s=scene.now_s - 5.0, until_s=scene.now_s)})
    assert only(Unlocked, scene.tell(EXIT)).duration_s == 3.0
    assert scene.door.locks == {FRONT: Unlocking(since_s=scene.now_s, until_s=scene.now_s + 3.0)}


def test_locks_are_shut_each_at_its_time() -> None:
    scene = Scene()
    scene.tell(OpenLock(lock=FRONT, by="web"))
    scene.tell(OpenLock(lock=GARAGE, by="web"))
    scene.wait(1.0)
    assert set(scene.door.locks) == {FRONT}
    scene.wait(2.0)
    assert scene.door.locks == {}


def test_a_pulse_longer_than_the_maximum_is_cut() -> None:
    lock = DIRECTORY.locks[FRONT]._replace(pulse_s=9.0)
    opened = unlock(lock, None, 100.0)
    assert opened == (Unlocking(since_s=100.0, until_s=105.0), 5.0)
