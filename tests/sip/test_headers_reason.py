"""Reason, Warning, media types and dates: headers that inform."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip.date import format_date, parse_date
from firmware.sip.media_type import MediaType
from firmware.sip.message import Response
from firmware.sip.reason import ReasonValue, WarningValue, reasons, warnings


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


def test_of_several_reasons_the_broken_ones_are_passed_over() -> None:
    message = Response(
        487, "", (("Reason", 'SIP;cause=x, ;;, Q.850;cause=16;text="a, b"'), ("Reason", "SIP;cause=1"), ("Reason", 'SIP;text="'))
    )
    assert reasons(message) == (ReasonValue("Q.850", 16, "a, b"), ReasonValue("SIP", 1))


def test_warnings_are_read_and_broken_ones_passed_over() -> None:
    text = '305 host:5060 "Incompatible, media"'
    message = Response(488, "", (("Warning", f'1812 overture "In Progress", {text}, 399 x y, 399 x "'), ("Warning", text)))
    assert warnings(message) == (WarningValue(305, "host:5060", "Incompatible, media"),)
    assert str(WarningValue(305, "host:5060", "Incompatible, media")) == text


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


def test_the_date_of_rfc_3261_section_20_17_is_read_and_written() -> None:
    epoch_s = parse_date("Sat, 13 Nov 2010 23:29:00 GMT")
    assert epoch_s == 1289690940
    assert format_date(epoch_s) == "Sat, 13 Nov 2010 23:29:00 GMT"


@given(st.integers(0, 253402300799))
def test_dates_agree_with_the_standard_library(epoch_s: int) -> None:
    moment = datetime.datetime.fromtimestamp(epoch_s, datetime.UTC)
    assert format_date(epoch_s) == moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert parse_date(format_date(epoch_s)) == epoch_s


@pytest.mark.parametrize(
    "text",
    ["", "Fri, 01 Jan 2010 16:00:00 EST", "Fri, 31 Feb 2010 16:00:00 GMT", "Fri, 01 Jan 2010 24:00:00 GMT", "Fri, 00 Jan 2010 16:00:00 GMT",
     "Fri, 01 Foo 2010 16:00:00 GMT", "Fri, 01 Jan 20100 16:00:00 GMT", "Fri, 01 Jan 1969 16:00:00 GMT", "Fri, 01 Jan 2010 16:00 GMT"],
)  # fmt: skip
def test_what_is_no_date_in_gmt_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_date(text)


def test_the_leap_day_exists_only_in_leap_years() -> None:
    assert format_date(parse_date("Tue, 29 Feb 2000 00:00:00 GMT")) == "Tue, 29 Feb 2000 00:00:00 GMT"
    for year in (2100, 2023):
        with pytest.raises(RemoteProtocolError):
            parse_date(f"Tue, 29 Feb {year} 00:00:00 GMT")
