"""Call legs between a scripted user agent and a listening door: commands, stages, and who owns the media port when."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from firmware.app.calls import Calls
from firmware.app.leg_media import CallPicture, LegMedia
from firmware.door import events as door
from firmware.errors import MediaError
from firmware.media.session import MediaPort, open_port
from firmware.sdp.codec import PCMA, TELEPHONE_EVENT
from firmware.sdp.direction import Direction
from firmware.sdp.media_session import MediaSession
from firmware.sip import events as sip
from firmware.sip.auto_answer import AutoAnswer
from firmware.sip.diversion import Diversion
from firmware.sip.headers import NameAddr
from firmware.sip.names import TransferKey
from firmware.sip.notices import CallOrdered
from firmware.sip.uri import Uri
from tests.ports import TRIED

REMOTE = NameAddr(display="", uri=Uri.parse("sip:Anna@Phone.Example"))
HOP = sip.Hop(transport=sip.Transport.UDP, host="192.0.2.9", port=5060, local_host="192.0.2.1", local_port=5060)


class FakeSound:
    """Remembers; refuses the calls in `deaf`."""

    def __init__(self) -> None:
        self.streams: dict[str, MediaPort] = {}
        self.updates: list[tuple[str, bool]] = []
        self.deaf: set[str] = set()
        self.joined = False
        self.apart: set[str] = set()

    def start(self, call: str, port: MediaPort, session: MediaSession) -> None:
        if call in self.deaf:
            raise MediaError("no such codec")
        self.streams[call] = port

    def update(self, call: str, session: MediaSession, *, relatch: bool = False) -> None:
        self.updates.append((call, relatch))

    def stop(self, call: str) -> None:
        self.streams.pop(call).close()

    def confer(self, *, joined: bool) -> None:
        self.joined = joined

    def keep_apart(self, call: str, *, apart: bool) -> None:
        self.apart = (self.apart | {call}) if apart else (self.apart - {call})


class Rig:
    def __init__(self, picture: CallPicture | None = None) -> None:
        self.commands: list[sip.Command] = []
        self.told: list[door.Input] = []
        self.sound = FakeSound()
        self.ports: list[MediaPort] = []
        self.no_ports = False
        self.calls = Calls(
            command=self.commands.append,
            tell=self.told.append,
            media=LegMedia(
                sound=self.sound,
                open_port=self._open,
                codecs=(PCMA, TELEPHONE_EVENT),
                ptime_ms=20,
                session_id=lambda: 7,
                picture=picture,
            ),
        )

    def _open(self) -> MediaPort:
        if self.no_ports:
            raise MediaError("no free port")
        self.ports.append(open_port("127.0.0.1", TRIED))
        return self.ports[-1]

    def ring(self, call: str = "p1.1", account: str | None = None) -> None:
        self.calls.ring(door.Ring(call=door.CallName(call), uri="sip:anna@192.0.2.9", account=account))

    def hear(self, event: sip.Event) -> None:
        self.calls.on_event(event)

    def agree(self, call: str, *, early: bool) -> None:
        self.hear(sip.MediaAgreed(call=sip.CallKey(call), session=session(), early=early))

    def answer(self, call: str) -> None:
        self.hear(sip.CallAnswered(call=sip.CallKey(call), remote=REMOTE))

    def end(self, call: str, cause: sip.EndCause, status: int = 0, text: str = "") -> None:
        self.hear(sip.CallEnded(call=sip.CallKey(call), cause=cause, status=status, text=text))

    def incoming(self, call: str = "in-1", asserted: NameAddr | None = None, replaces: sip.CallKey | None = None) -> None:
        called = Uri.parse("sip:door@x")
        arriving = sip.IncomingCall(
            call=sip.CallKey(call),
            caller=REMOTE,
            called=called,
            source=HOP,
            account=None,
            has_offer=True,
            asserted=asserted,
            replaces=replaces,
        )
        self.hear(arriving)

    def stages(self) -> list[tuple[str, door.Stage]]:
        return [(each.call, each.stage) for each in self.told if isinstance(each, door.CallMoved)]

    def all_closed(self) -> bool:
        return all(port.rtp_fd == -1 for port in self.ports)


def session() -> MediaSession:
    return MediaSession(
        local_port=30000,
        remote_host="127.0.0.1",
        remote_rtp_port=9,
        remote_rtcp_host="127.0.0.1",
        remote_rtcp_port=10,
        codec=PCMA,
        receive_codecs=(PCMA,),
        dtmf_send_payload_type=101,
        dtmf_receive=(TELEPHONE_EVENT,),
        direction=Direction.SENDRECV,
        ptime_ms=20,
    )


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    for port in rig.ports:
        port.close()


def test_a_ring_becomes_an_invite_with_an_open_port(rig: Rig) -> None:
    rig.ring(account="home")
    invite = rig.commands[0]
    assert isinstance(invite, sip.Invite)
    assert (invite.call, invite.account, str(invite.target)) == ("p1.1", "home", "sip:anna@192.0.2.9")
    assert invite.media is not None
    assert invite.media.rtp_port == rig.ports[0].rtp_port


def test_a_call_runs_from_ringing_to_the_other_sides_goodbye(rig: Rig) -> None:
    rig.ring()
    rig.hear(sip.CallProgress(call=sip.CallKey("p1.1"), status=180, text="Ringing"))
    rig.agree("p1.1", early=False)
    rig.answer("p1.1")
    assert list(rig.sound.streams) == ["p1.1"]
    rig.end("p1.1", sip.EndCause.REMOTE)
    assert rig.stages() == [("p1.1", door.Stage.RINGING), ("p1.1", door.Stage.ANSWERED), ("p1.1", door.Stage.ENDED)]
    assert (rig.calls.legs, rig.sound.streams) == ((), {})
    assert rig.all_closed()


def test_a_second_180_is_no_news(rig: Rig) -> None:
    rig.ring()
    for _ in range(3):
        rig.hear(sip.CallProgress(call=sip.CallKey("p1.1"), status=180, text="Ringing"))
    assert rig.stages() == [("p1.1", door.Stage.RINGING)]


def test_of_two_phones_with_early_sound_the_first_is_heard_and_the_winner_after_it(rig: Rig) -> None:
    rig.ring("p1.1")
    rig.ring("p1.2")
    rig.agree("p1.1", early=True)
    rig.agree("p1.2", early=True)
    assert list(rig.sound.streams) == ["p1.1"]
    assert rig.stages() == [("p1.1", door.Stage.EARLY_MEDIA)]
    rig.answer("p1.2")
    assert list(rig.sound.streams) == ["p1.1", "p1.2"]
    rig.calls.end(door.End(call=door.CallName("p1.1"), reason=door.EndReason.COMPLETED_ELSEWHERE))
    assert list(rig.sound.streams) == ["p1.2"]


def test_the_answer_after_early_sound_lets_the_address_be_learned_again(rig: Rig) -> None:
    rig.ring()
    rig.agree("p1.1", early=True)
    rig.agree("p1.1", early=False)
    rig.agree("p1.1", early=False)
    assert rig.sound.updates == [("p1.1", True), ("p1.1", False)]


def test_the_losers_of_a_parallel_ring_hear_that_it_was_completed_elsewhere(rig: Rig) -> None:
    rig.ring()
    rig.calls.end(door.End(call=door.CallName("p1.1"), reason=door.EndReason.COMPLETED_ELSEWHERE))
    assert rig.commands[-1] == sip.HangUp(
        call=sip.CallKey("p1.1"), reason=sip.Reason(protocol="SIP", cause=200, text="Call completed elsewhere")
    )


def test_a_leg_that_the_door_ended_is_not_told_to_it_again(rig: Rig) -> None:
    rig.ring()
    rig.calls.end(door.End(call=door.CallName("p1.1"), reason=door.EndReason.CANCELLED))
    assert rig.all_closed()
    rig.end("p1.1", sip.EndCause.LOCAL, 487, "Request Terminated")
    assert rig.told == []
    assert rig.calls.legs == ()


def test_hanging_up_twice_is_one_command(rig: Rig) -> None:
    rig.ring()
    for _ in range(2):
        rig.calls.end(door.End(call=door.CallName("p1.1"), reason=door.EndReason.CANCELLED))
    assert sum(isinstance(command, sip.HangUp) for command in rig.commands) == 1


@pytest.mark.parametrize(
    ("cause", "status", "rang", "stage"),
    [
        (sip.EndCause.REFUSED, 486, True, door.Stage.BUSY),
        (sip.EndCause.REFUSED, 600, False, door.Stage.BUSY),
        (sip.EndCause.REFUSED, 480, False, door.Stage.NO_ANSWER),
        (sip.EndCause.REFUSED, 603, True, door.Stage.REFUSED),
        (sip.EndCause.REFUSED, 403, False, door.Stage.UNREACHABLE),  # a server that does not let us through: there may be another way
        (sip.EndCause.REFUSED, 407, False, door.Stage.UNREACHABLE),
        (sip.EndCause.REFUSED, 403, True, door.Stage.REFUSED),
        (sip.EndCause.REFUSED, 404, False, door.Stage.UNREACHABLE),
        (sip.EndCause.REFUSED, 503, False, door.Stage.UNREACHABLE),
        (sip.EndCause.TIMEOUT, 408, False, door.Stage.UNREACHABLE),
        (sip.EndCause.TIMEOUT, 408, True, door.Stage.NO_ANSWER),
        (sip.EndCause.UNREACHABLE, 0, False, door.Stage.UNREACHABLE),
        (sip.EndCause.INCOMPATIBLE, 488, False, door.Stage.REFUSED),
        (sip.EndCause.FAILED, 0, False, door.Stage.UNREACHABLE),
        (sip.EndCause.LOCAL, 0, False, door.Stage.ENDED),
    ],
)
def test_the_end_of_an_unanswered_call_reads_as_what_it_means(
    rig: Rig, cause: sip.EndCause, status: int, rang: bool, stage: door.Stage
) -> None:
    rig.ring()
    if rang:
        rig.hear(sip.CallProgress(call=sip.CallKey("p1.1"), status=180, text="Ringing"))
    rig.end("p1.1", cause, status, "words")
    assert rig.stages()[-1] == ("p1.1", stage)
    assert rig.all_closed()


@pytest.mark.parametrize(
    ("cause", "stage"),
    [(sip.EndCause.REMOTE, door.Stage.ENDED), (sip.EndCause.TIMEOUT, door.Stage.LOST), (sip.EndCause.FAILED, door.Stage.LOST)],
)
def test_an_answered_call_ends_or_is_lost(rig: Rig, cause: sip.EndCause, stage: door.Stage) -> None:
    rig.ring()
    rig.answer("p1.1")
    rig.end("p1.1", cause)
    assert rig.stages()[-1] == ("p1.1", stage)


def test_without_a_free_port_the_phone_is_unreachable_and_nothing_is_sent(rig: Rig) -> None:
    rig.no_ports = True
    rig.ring()
    assert rig.commands == []
    assert rig.told == [door.CallMoved(call=door.CallName("p1.1"), stage=door.Stage.UNREACHABLE, detail="no free port")]


def test_an_address_that_cannot_be_read_is_unreachable(rig: Rig) -> None:
    rig.calls.ring(door.Ring(call=door.CallName("p1.1"), uri="sip:", account=None))
    assert (rig.commands, rig.stages(), rig.ports) == ([], [("p1.1", door.Stage.UNREACHABLE)], [])


def test_a_call_whose_sound_cannot_be_had_ends(rig: Rig) -> None:
    rig.sound.deaf = {"p1.1"}
    rig.ring()
    rig.agree("p1.1", early=False)
    assert isinstance(rig.commands[-1], sip.HangUp)
    assert rig.stages() == [("p1.1", door.Stage.LOST)]
    assert rig.all_closed()


def test_whom_a_trusted_server_asserts_has_proved_to_be_the_caller(rig: Rig) -> None:
    rig.incoming(asserted=NameAddr(display="", uri=Uri.parse("sip:Boss@Phone.Example")))
    assert rig.told == [
        door.IncomingCall(call=door.CallName("in-1"), caller="boss@phone.example", wants_auto_answer=False, authenticated=True)
    ]


def test_what_a_call_wishes_and_where_it_was_first_reach_the_door(rig: Rig) -> None:
    desk = NameAddr(display="", uri=Uri.parse("sip:Desk@PBX.example"))
    rig.hear(
        sip.IncomingCall(
            call=sip.CallKey("in-1"),
            caller=REMOTE,
            called=Uri.parse("sip:door@x"),
            source=HOP,
            account=None,
            has_offer=True,
            is_private=True,
            auto_answer=AutoAnswer(delay_s=5, header="Answer-Mode", is_required=True),
            diversions=(Diversion(desk, "no-answer"), Diversion(REMOTE)),
        )
    )
    (told,) = rig.told
    assert isinstance(told, door.IncomingCall)
    assert (told.wants_auto_answer, told.answer_after_s, told.insists) == (True, 5.0, True)
    assert (told.diverted_by, told.is_private, told.joins) == ("desk@pbx.example", True, "")


def test_a_caller_is_named_in_lower_case_and_answered_with_media(rig: Rig) -> None:
    rig.incoming()
    assert rig.told == [door.IncomingCall(call=door.CallName("in-1"), caller="anna@phone.example", wants_auto_answer=False)]
    rig.calls.offer(door.Offer(call=door.CallName("in-1")))
    rig.calls.accept(door.Accept(call=door.CallName("in-1")))
    ring, answer = rig.commands
    assert ring == sip.Ring(call=sip.CallKey("in-1"))
    assert isinstance(answer, sip.Answer)
    assert answer.media.rtp_port == rig.ports[0].rtp_port
    rig.end("in-1", sip.EndCause.REMOTE)
    assert rig.all_closed()


def test_who_announces_gets_nothing_of_sound_and_picture_and_cannot_hand_the_call_on(rig: Rig) -> None:
    rig.incoming()
    rig.calls.accept(door.Accept(call=door.CallName("in-1"), by_itself=True, announces=True))
    (answer,) = rig.commands
    assert isinstance(answer, sip.Answer)
    assert (answer.direction, answer.media.video) == (Direction.RECVONLY, None)
    rig.answer("in-1")
    rig.commands.clear()
    transfer, carol = TransferKey(1), Uri.parse("sip:carol@phone.example")
    wish = sip.TransferRequested(call=sip.CallKey("in-1"), transfer=transfer, target=carol, referred_by=None, takes_over=False)
    rig.calls.on_event(wish)
    assert rig.commands == [sip.RefuseTransfer(transfer=transfer)]
    rig.incoming("in-2", replaces=sip.CallKey("in-1"))
    assert not any(isinstance(command, sip.Answer) for command in rig.commands)


def test_the_pbx_orders_an_answer_a_hold_and_its_end(rig: Rig) -> None:
    rig.incoming()
    talk, hold = (CallOrdered(call=sip.CallKey("in-1"), order=order) for order in ("talk", "hold"))
    rig.hear(hold)  # nothing is up yet that could be held
    rig.hear(talk)
    assert rig.told[1:] == [door.Operate(verb=door.Verb.ANSWER)]
    rig.calls.accept(door.Accept(call=door.CallName("in-1")))
    rig.agree("in-1", early=False)
    rig.answer("in-1")
    rig.commands.clear()
    rig.hear(hold)
    rig.hear(talk)
    assert rig.commands == [sip.Hold(call=sip.CallKey("in-1")), sip.Resume(call=sip.CallKey("in-1"))]


def test_a_call_too_many_is_told_to_the_door(rig: Rig) -> None:
    rig.calls.on_event(sip.CallTurnedAway(caller=REMOTE, is_private=True))
    assert rig.told == [door.CallTurnedAway(caller="anna@phone.example", is_private=True)]
    assert rig.calls.legs == ()


def test_sound_before_the_answer_goes_on_in_the_answered_call(rig: Rig) -> None:
    rig.incoming()
    rig.calls.progress(rig.calls.legs[0])
    (early,) = [command for command in rig.commands if isinstance(command, sip.Progress)]
    rig.agree("in-1", early=True)
    assert rig.stages() == [("in-1", door.Stage.EARLY_MEDIA)]
    rig.calls.accept(door.Accept(call=door.CallName("in-1")))
    (answer,) = [command for command in rig.commands if isinstance(command, sip.Answer)]
    assert answer.media == early.media
    assert len(rig.ports) == 1
    rig.answer("in-1")
    assert list(rig.sound.streams) == ["in-1"]
    rig.end("in-1", sip.EndCause.REMOTE)
    assert rig.all_closed()


def test_a_refusal_carries_its_status(rig: Rig) -> None:
    rig.incoming()
    rig.calls.refuse(door.Refuse(call=door.CallName("in-1"), refusal=door.Refusal.BUSY))
    assert rig.commands == [sip.HangUp(call=sip.CallKey("in-1"), status=486)]


def test_an_incoming_call_without_a_free_port_is_refused_and_told(rig: Rig) -> None:
    rig.incoming()
    rig.no_ports = True
    rig.calls.accept(door.Accept(call=door.CallName("in-1")))
    assert rig.commands == [sip.HangUp(call=sip.CallKey("in-1"), status=500)]
    assert rig.stages() == [("in-1", door.Stage.LOST)]


def test_orders_for_a_leg_that_is_gone_do_nothing(rig: Rig) -> None:
    gone = door.CallName("gone")
    rig.calls.end(door.End(call=gone, reason=door.EndReason.CANCELLED))
    rig.calls.offer(door.Offer(call=gone))
    rig.calls.accept(door.Accept(call=gone))
    rig.calls.refuse(door.Refuse(call=gone, refusal=door.Refusal.BUSY))
    rig.calls.lost("gone")
    rig.agree("gone", early=False)
    assert (rig.commands, rig.told) == ([], [])


def test_dead_sound_ends_the_leg_and_leaves_the_telling_to_the_media_event(rig: Rig) -> None:
    rig.ring()
    rig.agree("p1.1", early=False)
    rig.answer("p1.1")
    rig.calls.lost("p1.1")
    assert isinstance(rig.commands[-1], sip.HangUp)
    rig.end("p1.1", sip.EndCause.LOCAL)
    assert rig.stages() == [("p1.1", door.Stage.ANSWERED)]


def test_the_operators_call_is_the_answered_one(rig: Rig) -> None:
    def current() -> str | None:
        leg = rig.calls.current
        return None if leg is None else leg.key

    assert current() is None
    rig.ring("p1.1")
    rig.ring("p1.2")
    assert current() == "p1.1"
    rig.answer("p1.2")
    assert current() == "p1.2"
