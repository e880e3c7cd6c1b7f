"""The door's call while its leg is transferred, replaced or moved by ourselves: what the door hears, and whose digits count."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from firmware.app.calls import Calls
from firmware.app.leg_media import LegMedia
from firmware.door import events as door
from firmware.sip import events as sip
from firmware.sip.headers import NameAddr
from firmware.sip.names import TransferKey
from firmware.sip.uri import Uri
from tests.app.test_calls import HOP, REMOTE, Rig

LISTED = Uri.parse("sip:Bob@Phone.Example")
STRANGER = Uri.parse("sip:eve@elsewhere.example")
OLD, NEW = "p1.1", "p1.1-moved-1"


class Moving(Rig):
    """A rig with one answered call to Anna, and Bob in the configuration."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = Calls(
            command=self.commands.append,
            tell=self.told.append,
            media=LegMedia(
                sound=self.sound,
                open_port=self._open,
                codecs=(),
                ptime_ms=20,
                session_id=lambda: 7,
            ),
            listed={"bob@phone.example": "bob"},
            targets={"sip:Bob@Phone.Example": "bob"},
        )
        self.ring()
        self.answer(OLD)
        self.agree(OLD, early=False)
        self.commands.clear()
        self.told.clear()

    def refer(self, target: Uri = LISTED) -> None:
        transfer = TransferKey(1)
        self.hear(sip.TransferRequested(call=sip.CallKey(OLD), transfer=transfer, target=target, referred_by=None, takes_over=False))

    def connect(self, call: str = NEW) -> None:
        self.answer(call)
        self.agree(call, early=False)

    def confer(self, *calls: str) -> None:
        self.calls.confer(door.Confer(calls=tuple(door.CallName(call) for call in calls)))

    def replace(self, asserted: Uri | None = None) -> None:
        """A call that takes the place of ours."""
        identity = None if asserted is None else NameAddr("", asserted)
        event = sip.IncomingCall(
            call=sip.CallKey("in-1"),
            caller=REMOTE,
            called=LISTED,
            source=HOP,
            account=None,
            has_offer=True,
            asserted=identity,
            replaces=sip.CallKey(OLD),
        )
        self.hear(event)


@pytest.fixture
def rig() -> Iterator[Moving]:
    rig = Moving()
    yield rig
    for port in rig.ports:
        port.close()


def kinds(rig: Moving) -> list[str]:
    return [type(command).__name__ for command in rig.commands]


def test_a_transferred_call_goes_on_at_the_door_which_hears_only_who_it_is_now(rig: Moving) -> None:
    rig.refer()
    assert kinds(rig) == ["AcceptTransfer"]
    rig.connect()
    assert kinds(rig) == ["AcceptTransfer", "HangUp"]
    rig.end(OLD, sip.EndCause.LOCAL)
    assert rig.told == [door.PartyChanged(call=door.CallName(OLD), party="bob")]
    assert list(rig.sound.streams) == [OLD]  # one stream, under the name that the door knows
    rig.end(NEW, sip.EndCause.REMOTE)
    assert rig.stages() == [(OLD, door.Stage.ENDED)]


def test_digits_of_a_listed_target_count_and_those_of_a_stranger_do_not(rig: Moving) -> None:
    rig.refer(STRANGER)
    rig.connect()
    assert list(rig.sound.streams) == [NEW]
    assert rig.calls.digits_of(sip.CallKey(NEW)) == NEW
    again = Moving()
    again.refer(LISTED)
    again.connect()
    assert again.calls.digits_of(sip.CallKey(NEW)) == OLD
    again.end(NEW, sip.EndCause.REMOTE)


def test_nothing_is_heard_of_the_new_phone_before_it_answers(rig: Moving) -> None:
    rig.refer()
    rig.hear(sip.CallProgress(call=sip.CallKey(NEW), status=180, text="Ringing"))
    rig.agree(NEW, early=True)
    assert list(rig.sound.streams) == [OLD]
    assert kinds(rig) == ["AcceptTransfer"]


def test_a_transferor_that_leaves_at_once_does_not_end_the_doors_call(rig: Moving) -> None:
    rig.refer()
    rig.end(OLD, sip.EndCause.REMOTE)
    assert rig.stages() == []
    assert rig.sound.streams == {}
    rig.connect()
    assert rig.stages() == []
    assert list(rig.sound.streams) == [OLD]


def test_a_transfer_that_fails_leaves_the_old_call_or_ends_the_doors(rig: Moving) -> None:
    rig.refer()
    rig.end(NEW, sip.EndCause.REFUSED, 486)
    assert rig.stages() == []
    assert list(rig.sound.streams) == [OLD]
    rig.commands.clear()
    gone = Moving()
    gone.refer()
    gone.end(OLD, sip.EndCause.REMOTE)
    gone.end(NEW, sip.EndCause.REFUSED, 486)
    assert gone.stages() == [(OLD, door.Stage.ENDED)]


def test_the_doors_end_ends_both_legs(rig: Moving) -> None:
    rig.refer()
    rig.calls.end(door.End(call=door.CallName(OLD), reason=door.EndReason.TALK_LIMIT))
    assert [command.call for command in rig.commands if isinstance(command, sip.HangUp)] == [OLD, NEW]
    rig.end(OLD, sip.EndCause.LOCAL)
    rig.end(NEW, sip.EndCause.LOCAL)
    assert rig.stages() == []


def test_a_second_wish_during_the_first_is_refused(rig: Moving) -> None:
    rig.refer()
    rig.refer()
    assert kinds(rig) == ["AcceptTransfer", "RefuseTransfer"]


def test_a_transfer_without_a_free_port_is_refused(rig: Moving) -> None:
    rig.no_ports = True
    rig.refer()
    assert kinds(rig) == ["RefuseTransfer"]
    assert list(rig.sound.streams) == [OLD]


def test_a_replacing_call_is_answered_for_the_door(rig: Moving) -> None:
    rig.replace()
    assert kinds(rig) == ["Answer"]
    assert rig.told == []  # the door is not asked: it has its call already
    rig.end(OLD, sip.EndCause.REPLACED)
    rig.connect("in-1")
    assert rig.stages() == []
    assert list(rig.sound.streams) == ["in-1"]  # nobody vouches for the caller, so the door knows no digits of it


def test_digits_of_a_replacing_call_count_only_when_a_trusted_server_names_a_target(rig: Moving) -> None:
    rig.replace(LISTED)
    rig.connect("in-1")
    assert rig.calls.digits_of(sip.CallKey("in-1")) == OLD


def test_who_comes_to_the_phone_by_the_word_of_the_server_is_told_to_the_door(rig: Moving) -> None:
    rig.hear(sip.RemoteChanged(call=sip.CallKey(OLD), remote=NameAddr("", STRANGER)))
    rig.hear(sip.RemoteChanged(call=sip.CallKey(OLD), remote=NameAddr("", LISTED)))
    assert [each.party for each in rig.told if isinstance(each, door.PartyChanged)] == ["eve@elsewhere.example", "bob"]


def test_the_same_party_in_other_words_is_nobody_else(rig: Moving) -> None:
    rig.hear(sip.RemoteChanged(call=sip.CallKey(OLD), remote=NameAddr("Anna", Uri.parse("sip:Anna@phone.example:5070;user=phone"))))
    assert rig.told == []


def test_in_a_conference_a_wish_is_to_call_somebody_in_and_the_door_decides(rig: Moving) -> None:
    rig.confer(OLD, "d1.1")
    rig.refer()
    assert rig.told == [door.Bring(target="bob", by=OLD, call=door.CallName("asked-1"))]
    assert kinds(rig) == ["Confer"]
    rig.ring("asked-1")
    assert kinds(rig) == ["Confer", "AcceptTransfer"]  # the user agent places it, and reports to who asked
    rig.end("asked-1", sip.EndCause.REFUSED, 486)


def test_a_party_of_a_conference_is_shown_out_because_another_wants_it(rig: Moving) -> None:
    wish = sip.DismissalRequested(transfer=TransferKey(5), target=REMOTE.uri)
    rig.hear(wish)
    assert rig.commands == [sip.RefuseTransfer(transfer=TransferKey(5), status=404)]  # there is no conference
    rig.confer(OLD, "d1.1")
    rig.hear(wish)
    assert rig.told == [door.Dismiss(call=door.CallName(OLD), by="a party")]
    assert rig.commands[-1:] == [sip.ObeyDismissal(transfer=TransferKey(5))]
    rig.hear(sip.DismissalRequested(transfer=TransferKey(6), target=STRANGER))
    assert rig.commands[-1:] == [sip.RefuseTransfer(transfer=TransferKey(6), status=404)]


def test_a_wish_of_somebody_outside_is_heard_only_during_a_call(rig: Moving) -> None:
    asked = sip.ReferRequested(transfer=TransferKey(4), target=STRANGER, referrer=REMOTE, account=None)
    rig.hear(asked)
    assert rig.told == [door.Bring(target=str(STRANGER), by="anna@phone.example", call=door.CallName("asked-1"))]
    rig.end(OLD, sip.EndCause.REMOTE)
    rig.hear(asked)
    assert rig.commands == [sip.RefuseTransfer(transfer=TransferKey(4), status=480)]


def test_a_conference_is_told_to_the_phones_and_mixed(rig: Moving) -> None:
    rig.confer(OLD, "d1.1")
    assert rig.commands == [sip.Confer(calls=(sip.CallKey(OLD), sip.CallKey("d1.1")))]
    assert rig.sound.joined
    rig.confer()
    assert rig.commands[-1] == sip.Confer(calls=())
    assert not rig.sound.joined


def test_a_leg_that_takes_the_place_of_one_in_a_conference_takes_its_part_as_well(rig: Moving) -> None:
    rig.confer(OLD, "d1.1")
    rig.replace(LISTED)
    rig.connect("in-1")
    confers = [command.calls for command in rig.commands if isinstance(command, sip.Confer)]
    assert confers == [(OLD, "d1.1"), ("in-1", "d1.1")]


def test_who_joins_is_told_with_the_call_that_it_means(rig: Moving) -> None:
    called = Uri.parse("sip:door@x")
    rig.hear(
        sip.IncomingCall(
            call=sip.CallKey("in-1"), caller=REMOTE, called=called, source=HOP, account=None, has_offer=True, joins=sip.CallKey(OLD)
        )
    )
    (asked,) = [each for each in rig.told if isinstance(each, door.IncomingCall)]
    assert asked.joins == OLD


def test_our_own_transfer_ends_the_call_when_it_worked(rig: Moving) -> None:
    rig.hear(sip.TransferProgress(call=sip.CallKey(OLD), status=180, text="Ringing", is_done=False))
    assert rig.commands == []
    rig.hear(sip.TransferProgress(call=sip.CallKey(OLD), status=486, text="Busy Here", is_done=True))
    assert rig.commands == []
    rig.hear(sip.TransferProgress(call=sip.CallKey(OLD), status=200, text="OK", is_done=True))
    assert kinds(rig) == ["HangUp"]
    assert rig.stages() == [(OLD, door.Stage.ENDED)]
