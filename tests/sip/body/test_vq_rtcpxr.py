"""Quality reports (RFC 6035): what we measured, in the keys that collectors know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip.body.vq_rtcpxr import INTERVAL, SESSION, MediaAddress, Metrics, QualityReport, decode, encode

LOCAL = Metrics(
    start_s=1097432623, stop_s=1097432762, payload_type=18, payload_name="G729", sample_rate_hz=8000, frame_ms=20, frame_octets=20,
    frames_per_packet=2, packets_per_s=50, fmtp="annexb=no", concealment=3, silence_suppression="on", buffer_kind=3, buffer_rate=2,
    buffer_nominal_ms=40, buffer_max_ms=80, buffer_limit_ms=120, loss_percent=5.0, discard_percent=2.0, burst_loss_percent=0.0, burst_ms=0,
    gap_loss_percent=2.0, gap_ms=500, gap_packets_min=16, round_trip_ms=200, end_system_ms=140, symmetric_one_way_ms=200, jitter_ms=2,
    mean_jitter_ms=10, signal_dbm=-18, noise_dbm=-50, echo_return_loss_db=55, r_listening=88, r_conversation=85, mos_listening=4.1,
    mos_conversation=4.0, algorithm="P.564",
)  # fmt: skip
REPORT = QualityReport(
    SESSION, True,  # noqa: FBT003 (positions are those of the report)
    "6dg37f1890463", "Alice <sip:alice@example.org>", "Bill <sip:bill@example.net>", "Alice <sip:alice@example.org>",
    MediaAddress("10.10.1.100", 5000, 0x1A3B5C7D), MediaAddress("11.1.1.150", 5002, 0x2468ACE0), LOCAL, Metrics(loss_percent=0.5),
    "example-phone-55671", "example-gateway-09871", "00:1f:5b:cc:21:0f", "00:26:08:8e:95:02",
    "1890463548@alice.example.org;to-tag=8472761;from-tag=9123dh311",
)  # fmt: skip
BODY = """VQSessionReport: CallTerm
CallID: 6dg37f1890463
LocalID: Alice <sip:alice@example.org>
RemoteID: Bill <sip:bill@example.net>
OrigID: Alice <sip:alice@example.org>
LocalAddr: IP=10.10.1.100 PORT=5000 SSRC=0x1a3b5c7d
RemoteAddr: IP=11.1.1.150 PORT=5002 SSRC=0x2468ace0
LocalGroup: example-phone-55671
RemoteGroup: example-gateway-09871
LocalMAC: 00:1f:5b:cc:21:0f
RemoteMAC: 00:26:08:8e:95:02
LocalMetrics:
Timestamps:START=2004-10-10T18:23:43Z STOP=2004-10-10T18:26:02Z
SessionDesc:PT=18 PD=G729 SR=8000 FD=20 FO=20 FPP=2 PPS=50 FMTP="annexb=no" PLC=3 SSUP=on
JitterBuffer:JBA=3 JBR=2 JBN=40 JBM=80 JBX=120
PacketLoss:NLR=5.0 JDR=2.0
BurstGapLoss:BLD=0.0 BD=0 GLD=2.0 GD=500 GMIN=16
Delay:RTD=200 ESD=140 SOWD=200 IAJ=2 MAJ=10
Signal:SL=-18 NL=-50 RERL=55
QualityEst:RLQ=88 RCQ=85 MOSLQ=4.1 MOSCQ=4.0 QoEEstAlg=P.564
RemoteMetrics:
PacketLoss:NLR=0.5
DialogID: 1890463548@alice.example.org;to-tag=8472761;from-tag=9123dh311
""".replace("\n", "\r\n")


BODY_LINES = BODY.split("\r\n")


def test_the_report_of_rfc_6035_is_written_and_read() -> None:
    assert encode(REPORT).decode() == BODY
    assert decode(BODY.encode()) == REPORT


def test_an_interval_report_is_written_and_read() -> None:
    report = REPORT._replace(
        kind=INTERVAL, is_final=False, local_id="", local_address=None, remote_address=None, local=Metrics(), remote=None, dialog_id=None
    )
    assert encode(report).decode().split("\r\n") == [
        "VQIntervalReport",
        BODY_LINES[1],
        "LocalID: ",
        *BODY_LINES[3:5],
        *BODY_LINES[7:12],
        "",
    ]
    assert decode(encode(report)) == report


def test_what_others_write_differently_is_read() -> None:
    body = (
        b"\nvqsessionreport : CALLTERM\nCallID:1\nLocalAddr: IP=::1 PORT=5000 SSRC=1a\nRemoteAddr: IP=1.2.3.4\nLocalMetrics :\n"
        b'Signal:  SL=-18\tNL=x RERL=1 New=3\nDelay: RTD="1" IAJ=12345678901 MAJ=--1\nQualityEst: MOSLQ=4.256 MOSCQ=4,1 QoEEstAlg="x"\n'
        b'SessionDesc: FMTP="a\nSessionDesc: PT=1 FMTP="a\nSessionDesc: FMTP=a"b\nTimestamps: START=now\n'
        b"Timestamps:START=2004-10-10T18:23:43 STOP=2004-10-10T20:23:43.5+02:00\nX-Own: A=1"
    )
    report = decode(body)
    assert (report.kind, report.is_final, report.local_address, report.remote_address) == (
        SESSION,
        True,
        MediaAddress("::1", 5000, 26),
        None,
    )
    assert report.local == Metrics(signal_dbm=-18, echo_return_loss_db=1, mos_listening=4.26, stop_s=1097432623)


@pytest.mark.parametrize(
    "body",
    [b"", b"VQAlertReport: Type=NLR\r\nCallID: 1\r\nLocalMetrics:\r\n", b"VQSessionReport: CallTerm\r\nLocalMetrics:\r\n",
     b"VQSessionReport\r\nCallID: 1\r\n", b"VQSessionReport\r\nCallID: 1\r\nLocalMetrics:" + b"\r\n" * 130,
     b"VQSessionReport" + b" " * 17000],
)  # fmt: skip
def test_nonsense_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(body + b"x")


numbers = st.none() | st.integers(-(10**9) + 1, 10**9 - 1)
decimals = st.none() | st.integers(0, 10_000).map(lambda hundredths: hundredths / 100)
fmtps = st.none() | st.text(st.characters(min_codepoint=32, blacklist_categories=["Cs", "Cc"]), max_size=8)


@st.composite
def metrics(draw: st.DrawFn) -> Metrics:
    start_s, word = draw(st.none() | st.integers(0, 253402300799)), draw(st.none() | st.just("opus"))
    return Metrics(
        start_s=start_s, stop_s=start_s, payload_type=draw(numbers), payload_name=word, fmtp=draw(fmtps), loss_percent=draw(decimals),
        mos_listening=draw(decimals), noise_dbm=draw(numbers), round_trip_ms=draw(numbers), algorithm=word,
    )  # fmt: skip


@given(metrics(), st.none() | metrics(), st.booleans())
def test_reports_survive_writing(local: Metrics, remote: Metrics | None, is_final: bool) -> None:
    report = REPORT._replace(kind=INTERVAL, is_final=is_final, local=local, remote=remote)
    assert decode(encode(report)) == report


def test_a_line_end_in_a_value_is_never_written() -> None:
    with pytest.raises(AssertionError):
        encode(REPORT._replace(local_group="a\r\nRemoteMetrics:"))
