"""Reason (RFC 3326), Warning and media types: headers that inform."""

from __future__ import annotations

import pytest

from firmware.errors import RemoteProtocolError
from firmware.sip.media_type import MediaType
from firmware.sip.message import Response
from firmware.sip.reason import WORDS_MAX, ReasonValue, WarningValue, explained, media_warning, warnings


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('SIP;cause=200;text="Call completed elsewhere"', ReasonValue("SIP", 200, "Call completed elsewhere")),
        ("Q.850;cause=16", ReasonValue("Q.850", 16)),
        ("preemption", ReasonValue("preemption")),
        (r'SIP;text="say \"no\""', ReasonValue("SIP", None, 'say "no"')),
    ],
)
def test_a_reason_is_read_and_written(text: str, value: ReasonValue) -> None:
    assert ReasonValue.parse(text) == value
    assert str(value) == text


def test_a_reason_with_spaces_is_read() -> None:
    assert ReasonValue.parse('Q.850 ; cause = 16 ; text = "x"') == ReasonValue("Q.850", 16, "x")


def test_warnings_are_read_and_broken_ones_passed_over() -> None:
    text = '305 host:5060 "Incompatible, media"'
    message = Response(488, "", (("Warning", f'1812 overture "In Progress", {text}, 399 x y, 399 x "'), ("Warning", text)))
    assert warnings(message) == (WarningValue(305, "host:5060", "Incompatible, media"),)
    assert str(WarningValue(305, "host:5060", "Incompatible, media")) == text


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((), "Not Acceptable Here"),
        (("399 pbx broken",), "Not Acceptable Here"),
        (('304 pbx ""', '305 pbx "Codec mismatch"', '399 pbx "more"'), "Not Acceptable Here: Codec mismatch"),
        ((f'399 pbx "\\\x1b[31mred\\\x07{"x" * 200}"',), f"Not Acceptable Here: [31mred{'x' * (WORDS_MAX - 7)}"),
    ],
)
def test_a_refusal_is_explained_by_the_first_warning_that_says_something(lines: tuple[str, ...], words: str) -> None:
    response = Response(488, "Not Acceptable Here", tuple([("Warning", line) for line in lines]))
    assert explained(response) == words


def test_our_own_warning_is_one_that_others_can_read() -> None:
    value = media_warning('no "codec"\r\n in common\\')
    assert WarningValue.parse(str(value)) == value == WarningValue(399, "door", 'no "codec" in common\\')


def test_a_media_type_is_read_and_written() -> None:
    mixed = MediaType.parse('Multipart / Mixed ; boundary="a;b"')
    assert (mixed.kind, mixed.subtype, mixed.param("boundary")) == ("multipart", "mixed", "a;b")
    assert str(mixed) == 'multipart/mixed;boundary="a;b"'


def test_a_media_range_covers_its_types() -> None:
    sdp = MediaType("application", "sdp")
    ranges = ["*/*", "application/*", "application/sdp;level=1", "text/*", "application/dtmf"]
    assert [text for text in ranges if MediaType.parse(text).covers(sdp)] == ranges[:3]


@pytest.mark.parametrize("text", ["", "text", "text/", "/plain", "te xt/plain", "text/plain;x="])
def test_what_is_no_media_type_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        MediaType.parse(text)
