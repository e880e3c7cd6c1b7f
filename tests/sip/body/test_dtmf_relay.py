"""Digits in INFO bodies, as phones and PBXs really write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip.body.dtmf_relay import BODY_BYTES_MAX, DURATION_MS_DEFAULT, DURATION_MS_MAX, Digit, decode, encode


@pytest.mark.parametrize(
    ("body", "digit"),
    [
        (b"Signal=5\r\nDuration=160\r\n", Digit("5", 160)),
        (b"Signal= 1\r\nDuration= 250", Digit("1", 250)),
        (b"  signal = #\n  duration = 90\n", Digit("#", 90)),
        (b"Duration=100\r\nSignal=*\r\n", Digit("*", 100)),
        (b"SIGNAL=a", Digit("A")),
        (b"Signal=7\r\n", Digit("7")),
        (b"\r\nSignal=0\r\nDuration=\r\n", Digit("0")),
        (b"Signal=10\r\nDuration=160\r\n", Digit("*", 160)),
        (b"Signal=11", Digit("#")),
        (b"Signal=12", Digit("A")),
        (b"5", Digit("5")),
        (b" d \r\n", Digit("D")),
        (b"Signal=9\r\nDuration=0\r\n", Digit("9", DURATION_MS_DEFAULT)),
        (b"Signal=9\r\nDuration=-5\r\n", Digit("9", DURATION_MS_DEFAULT)),
        (b"Signal=9\r\nDuration=99999999\r\n", Digit("9", DURATION_MS_MAX)),
        (b"Signal=9\r\nVolume=3\r\n", Digit("9")),
    ],
)
def test_what_devices_send_is_understood(body: bytes, digit: Digit) -> None:
    assert decode(body) == digit


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"Duration=160",
        b"Signal=",
        b"Signal=16",
        b"Signal=E",
        b"Signal=55",
        b"Signal=1\r\nSignal=2",
        b"1\n2",
        b"Signal=\xb2",
        b"hello",
    ],
)
def test_no_digit_or_more_than_one_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(body)


def test_an_overlong_body_is_refused() -> None:
    assert decode(b"Signal=1" + b"\n" * (BODY_BYTES_MAX - 8)) == Digit("1")
    with pytest.raises(RemoteProtocolError):
        decode(b"Signal=1" + b"\n" * (BODY_BYTES_MAX - 7))


@given(st.sampled_from("0123456789*#ABCD"), st.integers(1, DURATION_MS_MAX))
def test_what_we_write_we_read(sign: str, duration_ms: int) -> None:
    assert decode(encode(Digit(sign, duration_ms))) == Digit(sign, duration_ms)


def test_the_written_form_is_the_common_one() -> None:
    assert encode(Digit("5", 200)) == b"Signal=5\r\nDuration=200\r\n"
