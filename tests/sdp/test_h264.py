"""firmware/sdp/h264.py: the fmtp attribute of H.264 to the letter of RFC 6184 §8.1, and the levels of H.264 table A-1."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.sdp.h264 import LEVELS, H264Format, Picture, parse_h264

VGA = Picture(640, 480, 15, 600)
QVGA = Picture(320, 240, 15, 300)


def parsed(fmtp: str) -> H264Format:
    stated = parse_h264(fmtp)
    assert stated is not None
    return stated


def test_profile_level_and_mode_are_read_whatever_the_case_and_the_blanks() -> None:
    stated = parsed("Profile-Level-ID=42E01F; packetization-mode=1 ;level-asymmetry-allowed=1")
    assert (stated.profile, stated.constraints, stated.packetization_mode, stated.asymmetry) == (0x42, 0xE0, 1, True)
    assert str(stated.level) == "3.1"


def test_what_is_not_said_is_mode_0_and_any_level() -> None:
    # RFC 6184 §8.1: "When the value of packetization-mode is not present, ... the value of packetization-mode is 0".
    stated = parsed("")
    assert (stated.packetization_mode, stated.level) == (0, None)
    assert stated.bears(Picture(1920, 1080, 30, 8000))


@pytest.mark.parametrize(
    "fmtp", ["packetization-mode=3", "packetization-mode=", "profile-level-id=42e0", "profile-level-id=42e0zz", "profile-level-id=0x42e01f"]
)
def test_a_format_that_is_not_there_is_none(fmtp: str) -> None:
    assert parse_h264(fmtp) is None


@pytest.mark.parametrize(
    ("profile", "takes"),
    [("42e01f", True), ("42001f", True), ("4d001f", True), ("58a01f", True), ("64001f", True), ("7b001f", False), ("2c001f", False)],
)
def test_profiles_whose_decoders_take_constrained_baseline(profile: str, takes: bool) -> None:
    assert parsed(f"profile-level-id={profile}").takes_baseline is takes


@pytest.mark.parametrize(
    ("picture", "level"),
    [
        (Picture(176, 144, 15, 64), "1.0"),
        (Picture(320, 240, 15, 300), "1.2"),
        (Picture(352, 288, 30, 700), "1.3"),
        (Picture(640, 480, 15, 600), "2.2"),
        (Picture(640, 480, 30, 1000), "3.0"),
        (Picture(1280, 720, 15, 2000), "3.1"),
        (Picture(1920, 1080, 30, 8000), "4.0"),
    ],
)
def test_the_level_of_a_picture_is_the_lowest_that_bears_it(picture: Picture, level: str) -> None:
    assert str(picture.level()) == level


def test_no_level_bears_everything() -> None:
    with pytest.raises(ValueError, match="no level"):
        Picture(8192, 8192, 120, 1000).level()


@pytest.mark.parametrize(
    ("level_id", "bears"), [("42e00d", False), ("42e015", False), ("42e016", True), ("42e01f", True), ("42f00b", False), ("42e0ff", True)]
)
def test_a_level_bears_a_picture_by_size_and_by_rate(level_id: str, bears: bool) -> None:
    assert parsed(f"profile-level-id={level_id}").bears(VGA) is bears


def test_a_number_between_two_levels_is_the_lower_one_and_below_all_the_first() -> None:
    assert str(parsed("profile-level-id=42e018").level) == "2.2"
    assert str(parsed("profile-level-id=42e000").level) == "1.0"


def test_level_1b_is_said_by_a_constraint() -> None:
    # H.264 A.3.1: level_idc 11 with constraint_set3_flag 1 indicates level 1b in Baseline, Main and Extended.
    level = parsed("profile-level-id=42f00b").level
    assert level is not None
    assert (level.macroblocks_a_frame, level.kilobits) == (99, 128)


def test_a_receiver_may_bear_more_than_its_level_but_never_less() -> None:
    # RFC 6184 §8.1: max-fs and max-mbps signal capabilities beyond those required by the level.
    assert parsed("profile-level-id=42e00d;max-fs=1200;max-mbps=18000").bears(VGA)
    assert parsed("profile-level-id=42e01f;max-fs=1;max-mbps=1").bears(VGA)
    assert not parsed("profile-level-id=42e00d;max-fs=twelve;max-mbps=99999999999999").bears(VGA)


def test_a_format_is_written_as_it_is_read() -> None:
    stated = H264Format(packetization_mode=1, profile=0x42, constraints=0xE0, level=QVGA.level(), asymmetry=True)
    assert stated.fmtp() == "profile-level-id=42e00c;level-asymmetry-allowed=1;packetization-mode=1"
    assert parse_h264(stated.fmtp()) == stated


@given(st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    stated = parse_h264(text)
    assert stated is None or stated.packetization_mode in (0, 1, 2)


def test_levels_rise() -> None:
    for lower, higher in pairwise(LEVELS):
        assert lower.idc < higher.idc
        assert all(low <= high for low, high in zip(lower, higher, strict=True))
