"""firmware/sdp/codec.py: payload types, rtpmap, fmtp, telephone events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.sdp.codec import DTMF_EVENTS, PCMA, PCMU, STATIC_AUDIO, TELEPHONE_EVENT, Codec, codecs_of, parse_events
from firmware.sdp.description import Attribute, MediaDescription
from tests.sdp.strategies import media_descriptions


def audio(formats: str, *attributes: Attribute) -> MediaDescription:
    return MediaDescription(kind="audio", port=4000, protocol="RTP/AVP", formats=tuple(formats.split()), attributes=attributes)


def test_a_static_number_needs_no_rtpmap() -> None:
    assert codecs_of(audio("8 0")) == (PCMA, PCMU)


def test_a_dynamic_number_without_rtpmap_is_nothing() -> None:
    assert codecs_of(audio("96 0")) == (PCMU,)


def test_a_dynamic_number_means_what_its_rtpmap_says() -> None:
    found = codecs_of(audio("107", ("rtpmap", "107 opus/48000/2"), ("fmtp", "107 useinbandfec=1; stereo=0")))
    assert found == (Codec(name="opus", clock_rate_hz=48_000, channels=2, payload_type=107, fmtp="useinbandfec=1; stereo=0"),)


def test_an_rtpmap_overrides_the_static_table() -> None:
    assert codecs_of(audio("8", ("rtpmap", "8 PCMU/8000")))[0].name == "PCMU"


def test_the_first_of_two_rtpmaps_wins() -> None:
    assert codecs_of(audio("97", ("rtpmap", "97 iLBC/8000"), ("rtpmap", "97 speex/8000")))[0].name == "iLBC"


def test_a_format_listed_twice_counts_once() -> None:
    assert codecs_of(audio("0 0 8 0")) == (PCMU, PCMA)


@pytest.mark.parametrize(
    "rtpmap",
    [
        "",
        "97",
        "97 ",
        "97 iLBC",
        "97 iLBC/",
        "97 iLBC/x",
        "97 iLBC/0",
        "97 /8000",
        "97 iLBC/8000/0",
        "97 iLBC/8000/1/1",
        "97 iLBC/99999999999",
    ],
)
def test_a_broken_rtpmap_leaves_the_format_unknown(rtpmap: str) -> None:
    assert codecs_of(audio("97 0", ("rtpmap", rtpmap))) == (PCMU,)


def test_a_broken_rtpmap_leaves_a_static_number_its_meaning() -> None:
    assert codecs_of(audio("8", ("rtpmap", "8"))) == (PCMA,)


@pytest.mark.parametrize("name", ["128", "-1", "999", "*", "t38", "٨", "0x8"])
def test_a_format_that_is_no_payload_type_is_left_out(name: str) -> None:
    assert codecs_of(audio(f"{name} 0", ("rtpmap", f"{name} iLBC/8000"))) == (PCMU,)


def test_encoding_names_ignore_case_and_numbers_do_not_matter() -> None:
    assert PCMU.same_encoding(Codec(name="pcmu", payload_type=118))
    assert not PCMU.same_encoding(PCMA)
    assert not PCMU.same_encoding(Codec(name="PCMU", clock_rate_hz=16_000, payload_type=0))
    assert not PCMU.same_encoding(Codec(name="PCMU", channels=2, payload_type=0))


def test_digits_and_comfort_noise_are_no_sound() -> None:
    assert PCMU.is_sound
    assert not TELEPHONE_EVENT.is_sound
    assert TELEPHONE_EVENT.is_telephone_event
    assert not Codec(name="CN", payload_type=13).is_sound
    assert not PCMU.is_telephone_event


def test_a_codec_is_written_with_rtpmap_and_parameters() -> None:
    assert TELEPHONE_EVENT.attributes() == (("rtpmap", "101 telephone-event/8000"), ("fmtp", "101 0-15"))
    assert PCMA.attributes() == (("rtpmap", "8 PCMA/8000"),)
    assert Codec(name="opus", clock_rate_hz=48_000, channels=2, payload_type=96).rtpmap() == "96 opus/48000/2"


@given(media_descriptions())
def test_codecs_survive_being_written_and_read_again(media: MediaDescription) -> None:
    found = codecs_of(media)
    again = MediaDescription(
        kind="audio",
        port=1,
        protocol="RTP/AVP",
        formats=tuple(str(codec.payload_type) for codec in found),
        attributes=tuple(attribute for codec in found for attribute in codec.attributes()),
    )
    assert codecs_of(again) == found


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("0-15", set(range(16))),
        ("0-15,66,70", {*range(16), 66, 70}),
        ("0-11, 32 - 35", {*range(12), 32, 33, 34, 35}),
        ("events=0-3", {0, 1, 2, 3}),
        ("5", {5}),
        ("0-256", set()),
        ("9-2", set()),
        ("x,1,-,-3,4-", {1}),
        ("1" * 5000, set()),
    ],
)
def test_event_lists_are_read_and_their_nonsense_skipped(text: str, events: set[int]) -> None:
    assert parse_events(text) == events


def test_no_event_list_means_the_sixteen_digits() -> None:
    assert Codec(name="telephone-event", payload_type=96).events() == DTMF_EVENTS
    assert TELEPHONE_EVENT.events() == DTMF_EVENTS
    assert Codec(name="telephone-event", payload_type=96, fmtp="0-3").events() == {0, 1, 2, 3}


@given(st.text(max_size=40))
def test_arbitrary_event_lists_stay_within_one_octet(text: str) -> None:
    assert parse_events(text) <= set(range(256))


def test_the_static_table_knows_the_telephony_codecs() -> None:
    assert STATIC_AUDIO[0] == ("PCMU", 8000, 1)
    assert STATIC_AUDIO[8] == ("PCMA", 8000, 1)
    assert STATIC_AUDIO[9] == ("G722", 8000, 1)  # its clock is 8000 though it samples at 16000 (RFC 3551 §4.5.2)
    assert STATIC_AUDIO[18] == ("G729", 8000, 1)
    assert STATIC_AUDIO[10] == ("L16", 44_100, 2)
