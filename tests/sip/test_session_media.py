"""How the media of an answered call change: lines that come and go, codecs, every way to hold, who began it (RFC 3264 §8, RFC 6337)."""

from __future__ import annotations

import pytest

from firmware.sdp.codec import PCMA, PCMU
from firmware.sdp.description import parse
from firmware.sdp.direction import Direction
from firmware.sip.events import CallEnded, EndCause, Hold, MediaAgreed, Reinvite, RequestDone, Resume, Update
from firmware.sip.usage.offers import COLLISIONS_MAX
from tests.sip.test_session import Call, placed, taken
from tests.sip.wire import ANSWER, CALL, Wire, media

OFFER = ANSWER.replace(b"o=- 7 1 ", b"o=- 7 2 ")
VIDEO = b"m=video 7010 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
GONE = b"m=video 0 RTP/AVP 96\r\n"


@pytest.fixture
def call() -> Call:
    return placed(Wire())


def lines(body: bytes) -> list[tuple[str, int]]:
    """Kind and port of each media line."""
    return [(line.kind, line.port) for line in parse(body).media]


def directions(call: Call) -> list[Direction]:
    return [agreed.session.direction for agreed in call.wire.told(MediaAgreed)]


# --- lines


def test_a_line_that_is_added_is_refused_in_its_place_and_the_sound_goes_on(call: Call) -> None:
    call.receive("INVITE", body=OFFER + VIDEO)
    # RFC 3264 §6: a stream is rejected by port zero, and the lines keep their order.
    assert lines(call.wire.response().body) == [("audio", 4000), ("video", 0)]
    call.acknowledge()
    assert directions(call) == [Direction.SENDRECV]


def test_a_line_that_is_removed_stays_as_a_place_for_ever(call: Call) -> None:
    call.receive("INVITE", body=OFFER + VIDEO)
    call.acknowledge()
    call.receive("INVITE", body=OFFER.replace(b"7 2 ", b"7 3 ") + GONE)
    assert lines(call.wire.response().body) == [("audio", 4000), ("video", 0)]
    call.acknowledge()
    call.wire.command(Hold(call=CALL))
    # RFC 3264 §8: a new offer holds as many lines as the last one.
    assert lines(call.wire.request("INVITE").body) == [("audio", 4000), ("video", 0)]


def test_a_line_in_front_of_ours_is_answered_in_that_order(call: Call) -> None:
    head, _, sound = OFFER.partition(b"m=audio")
    call.receive("INVITE", body=head + VIDEO + b"m=audio" + sound)
    assert lines(call.wire.response().body) == [("video", 0), ("audio", 4000)]


def test_the_sound_cannot_be_taken_away(call: Call) -> None:
    call.receive("INVITE", body=OFFER.replace(b"audio 7000", b"audio 0") + VIDEO)
    assert call.wire.response().status == 488
    assert not call.wire.told(MediaAgreed)
    assert not call.wire.told(CallEnded)


# --- codecs


@pytest.mark.parametrize("make", [placed, taken])
def test_another_codec_is_taken_and_told(make: type[Call]) -> None:
    call = make(Wire())  # type: ignore[call-arg]  # a function with the shape of a constructor
    call.receive("INVITE", body=OFFER.replace(b"RTP/AVP 0 101", b"RTP/AVP 8 101"))
    answer = call.wire.response()
    assert answer.status == 200
    assert b"RTP/AVP 8" in answer.body
    call.acknowledge()
    assert [agreed.session.codec.name for agreed in call.wire.told(MediaAgreed)] == ["PCMA"]


def test_our_offer_of_another_codec_is_told_when_it_is_answered(call: Call) -> None:
    only = media()._replace(codecs=(PCMA,))
    call.wire.command(Reinvite(call=CALL, media=only))
    offer = call.wire.request("INVITE")
    assert b"RTP/AVP 8" in offer.body
    call.wire.reply(200, offer, body=OFFER.replace(b"RTP/AVP 0 101", b"RTP/AVP 8"))
    assert [agreed.session.codec.name for agreed in call.wire.told(MediaAgreed)] == ["PCMA"]
    # A refusal of the next wish leaves this one standing.
    call.wire.command(Reinvite(call=CALL, media=media()._replace(codecs=(PCMU,))))
    call.wire.reply(488)
    call.receive("INVITE", body=OFFER.replace(b"RTP/AVP 0 101", b"RTP/AVP 0 8"))
    assert b"RTP/AVP 8" in call.wire.response().body


def test_an_answer_with_a_codec_that_was_not_offered_changes_nothing(call: Call) -> None:
    call.wire.command(Reinvite(call=CALL))
    call.wire.reply(200, body=OFFER.replace(b"RTP/AVP 0 101", b"RTP/AVP 18"))
    assert [done.status for done in call.wire.told(RequestDone)] == [488]
    assert not call.wire.told(MediaAgreed)
    assert not call.wire.told(CallEnded)


# --- hold


@pytest.mark.parametrize(
    ("offer", "answered", "ours"),
    [
        (OFFER + b"a=sendonly\r\n", b"a=recvonly", Direction.RECVONLY),
        (OFFER + b"a=inactive\r\n", b"a=inactive", Direction.INACTIVE),
        (OFFER + b"a=recvonly\r\n", b"a=sendonly", Direction.SENDONLY),
        (OFFER.replace(b"t=0 0\r\n", b"t=0 0\r\na=sendonly\r\n"), b"a=recvonly", Direction.RECVONLY),
        # RFC 3264 §8.4: how RFC 2543 put somebody on hold; nothing may be sent to that address.
        (OFFER.replace(b"c=IN IP4 192.0.2.9", b"c=IN IP4 0.0.0.0"), b"a=recvonly", Direction.RECVONLY),
    ],
)
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_every_way_to_hold_is_answered_and_ends_with_the_next_offer(method: str, offer: bytes, answered: bytes, ours: Direction) -> None:
    call = placed(Wire())
    call.receive(method, body=offer)
    assert answered in call.wire.response().body
    if method == "INVITE":
        call.acknowledge()
    assert directions(call) == [ours]
    call.receive(method, body=OFFER.replace(b"7 2 ", b"7 3 "))
    if method == "INVITE":
        call.acknowledge()
    resumed = call.wire.told(MediaAgreed)[-1].session
    assert (resumed.direction, resumed.remote_is_null) == (Direction.SENDRECV, False)


def test_who_holds_stays_held_by_us_when_the_other_side_resumes(call: Call) -> None:
    call.wire.command(Hold(call=CALL))
    call.wire.reply(200, body=OFFER + b"a=recvonly\r\n")
    call.receive("INVITE", body=OFFER.replace(b"7 2 ", b"7 3 "))
    assert b"a=sendonly" in call.wire.response().body
    call.acknowledge()
    call.wire.command(Resume(call=CALL))
    assert b"a=sendrecv" in call.wire.request("INVITE").body


def test_both_hold_each_other_and_resume_one_by_one(call: Call) -> None:
    call.wire.command(Hold(call=CALL))
    call.wire.reply(200, body=OFFER + b"a=recvonly\r\n")
    call.receive("INVITE", body=OFFER.replace(b"7 2 ", b"7 3 ") + b"a=sendonly\r\n")
    assert b"a=inactive" in call.wire.response().body  # we only send, they only send: nobody hears
    call.acknowledge()
    call.wire.command(Resume(call=CALL))
    call.wire.reply(200, body=OFFER.replace(b"7 2 ", b"7 4 ") + b"a=sendonly\r\n")
    assert directions(call) == [Direction.SENDONLY, Direction.INACTIVE, Direction.RECVONLY]


def test_a_call_on_hold_that_is_asked_for_an_offer_offers_the_hold(call: Call) -> None:
    call.wire.command(Hold(call=CALL))
    call.wire.reply(200, body=OFFER + b"a=recvonly\r\n")
    call.receive("INVITE")
    assert b"a=sendonly" in call.wire.response().body
    call.acknowledge(OFFER.replace(b"7 2 ", b"7 3 ") + b"a=recvonly\r\n")
    assert directions(call)[-1] is Direction.SENDONLY


def test_an_offer_of_ours_that_the_ack_does_not_answer_ends_the_call(call: Call) -> None:
    call.receive("INVITE")
    call.acknowledge()
    assert [(end.cause, end.status) for end in call.wire.told(CallEnded)] == [(EndCause.INCOMPATIBLE, 0)]
    assert call.wire.take()[-1] == "BYE"


# --- one offer at a time


def test_an_offer_that_arrives_while_ours_waits_for_the_ack_is_491(call: Call) -> None:
    call.receive("INVITE")  # without offer: ours is in the 200
    call.receive("UPDATE", body=OFFER)
    assert call.wire.response().status == 491
    call.receive("INVITE", body=OFFER)
    assert call.wire.response().status == 491


@pytest.mark.parametrize("fractions", [(0.0, 2.1), (0.999, 4.0)])
def test_the_owner_of_the_call_id_waits_longer_after_a_collision_and_repeats_the_same_offer(fractions: tuple[float, float]) -> None:
    chance, wait_s = fractions
    call = placed(Wire())
    call.wire.agent._endpoint.ids.fraction = lambda: chance  # type: ignore[method-assign]  # the one draw that decides the wait
    call.wire.command(Reinvite(call=CALL, media=media(4444)))
    call.wire.reply(491)
    call.wire.take()
    call.wire.advance(wait_s - 0.01)
    assert call.wire.take() == []
    call.wire.advance(0.02)
    again = call.wire.request("INVITE")
    assert b"m=audio 4444" in again.body
    call.wire.reply(200, again, body=OFFER)
    assert [done.status for done in call.wire.told(RequestDone)] == [200]


def test_collisions_again_and_again_end_with_an_answer(call: Call) -> None:
    call.wire.command(Update(call=CALL))
    assert call.wire.told(RequestDone)[-1].status == 500  # this peer takes no UPDATE: the program is told at once
    call.wire.command(Hold(call=CALL))
    for _ in range(3):
        call.wire.reply(491, call.wire.request("INVITE"))
        call.wire.advance(4.1)
    call.wire.reply(200, call.wire.request("INVITE"), body=OFFER + b"a=recvonly\r\n")
    assert directions(call) == [Direction.SENDONLY]


def test_a_peer_that_collides_for_ever_is_given_up(call: Call) -> None:
    call.wire.command(Hold(call=CALL))
    for _ in range(COLLISIONS_MAX):
        call.wire.reply(491, call.wire.request("INVITE"))
        call.wire.advance(4.1)
    assert not call.wire.told(RequestDone)
    call.wire.reply(491, call.wire.request("INVITE"))
    call.wire.take()
    call.wire.advance(10)
    assert call.wire.take() == []
    assert [done.status for done in call.wire.told(RequestDone)] == [491]
    call.wire.command(Hold(call=CALL))
    call.wire.reply(491, call.wire.request("INVITE"))
    call.wire.advance(4.1)
    assert call.wire.take()[-1] == "INVITE"  # the count begins anew
