"""firmware/media/picture_reports.py: reports byte for byte, and which feedback asks for a key picture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.media.picture_reports import goodbye, sender_report, wants_key_picture

SSRC = 0xAABBCCDD
OURS = bytes.fromhex("aabbccdd")
THEIRS = bytes.fromhex("01020304")
RR = bytes.fromhex("80c90001") + THEIRS
PLI = bytes.fromhex("81ce0002") + THEIRS + OURS  # RFC 4585 §6.3.1
FIR = bytes.fromhex("84ce0004") + THEIRS + bytes(4) + OURS + bytes.fromhex("07000000")  # RFC 5104 §4.3.1.1
OLD_FIR = bytes.fromhex("80c00001") + OURS  # RFC 2032 §5.2.1


def test_a_sender_report_binds_the_clocks_and_names_the_speaker() -> None:
    report = sender_report(ssrc=SSRC, wall_ns=1_500_000_000, timestamp=2**32 + 5, packets=3, octets=700, cname="ab")
    assert report == bytes.fromhex(
        "80c80006 aabbccdd 83aa7e81 80000000 00000005 00000003 000002bc"  # RFC 3550 §6.4.1; 1.5 s after 1970
        "81ca0003 aabbccdd 01026162 00000000"  # §6.5: CNAME, two letters, the null that ends the chunk, padding
    )


def test_a_description_always_ends_with_a_null_and_at_a_whole_word() -> None:
    for length in range(1, 20):
        report = sender_report(ssrc=SSRC, wall_ns=0, timestamp=0, packets=0, octets=0, cname="x" * length)
        assert len(report) % 4 == 0
        assert report.endswith(b"\x00")
        assert int.from_bytes(report[30:32], "big") * 4 + 4 == len(report) - 28


def test_a_goodbye_is_a_compound_that_begins_with_a_report() -> None:
    ending = goodbye(ssrc=SSRC, cname="abcd")
    assert ending[:8] == bytes.fromhex("80c90001") + OURS
    assert ending[-8:] == bytes.fromhex("81cb0001") + OURS


@pytest.mark.parametrize("asking", [PLI, RR + PLI, FIR, RR + FIR, OLD_FIR], ids=["PLI", "RR PLI", "FIR", "RR FIR", "FIR of H.261"])
def test_these_ask_for_a_key_picture(asking: bytes) -> None:
    assert wants_key_picture(asking, SSRC)
    assert not wants_key_picture(asking, SSRC + 1)


@pytest.mark.parametrize(
    "other",
    [
        b"",
        RR,
        bytes.fromhex("81cd0003") + THEIRS + OURS + bytes(4),  # a generic NACK
        bytes.fromhex("82ce0003") + THEIRS + OURS + bytes(4),  # a slice loss
        PLI[:-1],  # cut
        b"\x41" + PLI[1:],  # version 1
        bytes.fromhex("81ce0000"),
        FIR[:12],
    ],
)
def test_these_do_not(other: bytes) -> None:
    assert not wants_key_picture(other, SSRC)


def test_only_so_many_packets_of_a_compound_are_looked_at() -> None:
    assert wants_key_picture(RR * 31 + PLI, SSRC)
    assert not wants_key_picture(RR * 32 + PLI, SSRC)


@given(st.binary(max_size=100))
def test_no_bytes_raise(data: bytes) -> None:
    assert wants_key_picture(data, SSRC) in (True, False)
