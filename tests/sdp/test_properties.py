"""What holds for every offer and every answer (RFC 3264)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sdp.address import is_group, is_null
from firmware.sdp.codec import codecs_of
from firmware.sdp.description import SessionDescription, parse
from firmware.sdp.direction import Direction
from firmware.sdp.ice import IceCredentials
from firmware.sdp.media_session import LocalMedia, NoCommonMedia
from firmware.sdp.offer_answer import active_line, make_answer, make_offer, read_answer
from firmware.sdp.protection import Encryption, Handshake, SharedKeys
from tests.sdp.strategies import descriptions, hosts, local_codecs, protections

directions = st.sampled_from(Direction)
sides = st.builds(
    LocalMedia,
    host=hosts.filter(lambda host: not is_null(host) and not is_group(host)),
    rtp_port=st.integers(2, 32_000).map(lambda half: 2 * half),
    codecs=local_codecs(),
    ptime_ms=st.sampled_from([10, 20, 30, 40, 60]),
    session_id=st.integers(0, 2**32 - 1),
    protection=protections(),
    rtcp_mux=st.booleans(),
    ice=st.none() | st.just(IceCredentials("door", "d" * 22)),
    ice_lite=st.booleans(),
    mapped=st.none() | st.tuples(hosts, st.integers(1, 65_535)),
    states_mapped=st.booleans(),
)


@given(descriptions(), sides, directions)
def test_an_answer_has_a_line_for_each_offered_line_and_one_in_use(offer: SessionDescription, local: LocalMedia, wish: Direction) -> None:
    try:
        answer, session = make_answer(offer, local, direction=wish)
    except NoCommonMedia:
        return
    assert [(media.kind, media.protocol) for media in answer.media] == [(media.kind, media.protocol) for media in offer.media]
    assert len([media for media in answer.media if media.port != 0]) == 1
    place = active_line(answer)
    assert place is not None
    offered = {(codec.payload_type, codec.name.lower()) for codec in codecs_of(offer.media[place])}
    answered = codecs_of(answer.media[place])
    assert {(codec.payload_type, codec.name.lower()) for codec in answered} <= offered
    assert set(answer.media[place].formats) <= set(offer.media[place].formats)
    assert session.codec.payload_type in {codec.payload_type for codec in answered}
    assert session.direction.value in {name for name, _ in answer.media[place].attributes}
    assert parse(answer.to_bytes()) == answer


@given(sides, descriptions())
def test_any_answer_to_our_offer_is_a_session_or_a_remote_error(local: LocalMedia, answer: SessionDescription) -> None:
    try:
        session = read_answer(make_offer(local), answer, local)
    except RemoteProtocolError:
        return
    assert session.codec.is_sound
    assert 10 <= session.ptime_ms <= 60


@given(sides, sides, directions, directions)
def test_two_of_us_agree_or_both_see_that_they_cannot(door: LocalMedia, phone: LocalMedia, wish: Direction, reply: Direction) -> None:
    offer = make_offer(door, direction=wish)
    try:
        answer, at_phone = make_answer(parse(offer.to_bytes()), phone, direction=reply)
    except NoCommonMedia:
        assert (
            (":" in door.host) != (":" in phone.host)
            or not any(ours.same_encoding(theirs) and ours.is_sound for ours in door.codecs for theirs in phone.codecs)
            or Encryption.MANDATORY in (door.protection.encryption, phone.protection.encryption)
        )
        return
    at_door = read_answer(offer, parse(answer.to_bytes()), door)
    assert at_door.codec == at_phone.codec
    assert at_door.rtcp_mux == at_phone.rtcp_mux == (door.rtcp_mux and phone.rtcp_mux)
    match at_door.protection, at_phone.protection:
        case None, None:
            assert Encryption.MANDATORY not in (door.protection.encryption, phone.protection.encryption)
        case SharedKeys(send=ours, receive=theirs), SharedKeys() as other:
            assert (ours, theirs) == (other.receive, other.send)
            assert ours in door.protection.keys
            assert theirs in phone.protection.keys
        case Handshake() as ours, Handshake() as theirs:
            assert ours.is_client != theirs.is_client
            assert (ours.fingerprints, theirs.fingerprints) == ((phone.protection.fingerprint,), (door.protection.fingerprint,))
        case unequal:
            raise AssertionError(unequal)
    assert (at_door.remote_host, at_door.remote_rtp_port) == phone.stated
    assert (at_phone.remote_host, at_phone.remote_rtp_port) == door.stated
    assert (at_door.ice is None) == (at_phone.ice is None)
    if at_door.ice is not None and at_phone.ice is not None:
        assert (at_door.ice.ours, at_door.ice.theirs) == (at_phone.ice.theirs, at_phone.ice.ours)
        assert at_door.ice.is_controlling  # it offered, and the other side is full and answered, or lite
        assert not at_phone.ice.is_controlling
    assert at_door.direction.sends == at_phone.direction.receives
    assert at_door.direction.receives == at_phone.direction.sends
    assert (at_door.dtmf_send_payload_type is None) == (at_phone.dtmf_send_payload_type is None)


@given(sides, st.lists(st.tuples(sides, directions), max_size=6))
def test_the_version_rises_exactly_when_something_changed_and_no_line_ever_vanishes(
    first: LocalMedia, changes: list[tuple[LocalMedia, Direction]]
) -> None:
    previous = make_offer(first)
    for local, wish in changes:
        offer = make_offer(local, direction=wish, previous=previous)
        same = (offer.media, offer.connection) == (previous.media, previous.connection)
        assert offer.origin.version == previous.origin.version + (0 if same else 1)
        assert offer.origin.session_id == first.session_id
        assert len(offer.media) == len(previous.media)
        previous = offer
