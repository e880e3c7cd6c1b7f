"""Reports on how calls sounded: when they are made, what stands in them, and to whom they go (RFC 6035)."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

from firmware.app.quality_reports import WAITING_MAX, QualityReports
from firmware.config.schema import Account, Incoming, Settings
from firmware.door import events as door
from firmware.media.quality import QualityRecord
from firmware.sip import events as sip
from firmware.sip.body import vq_rtcpxr
from firmware.sip.body.vq_rtcpxr import MediaAddress, QualityReport
from firmware.sip.headers import NameAddr
from firmware.sip.notices import Notified, Publish, Subscribe, SubscriptionChanged, TellQuality
from firmware.sip.uri import Uri
from tests.app.house import house, phones, settings
from tests.app.test_calls import session

HOME, PLAIN = sip.AccountName("home"), sip.AccountName("plain")
DOOR, ANNA = Uri.parse("sip:door@pbx.example"), Uri.parse("sip:anna@pbx.example")
NOW_S = 1_767_600_060.0


def reports(*, watch: tuple[str, ...] = ()) -> QualityReports:
    accounts = (
        Account(name="home", uri=str(DOOR), quality_to="sip:quality@pbx.example"),
        Account(name="plain", uri=str(DOOR)),
    )
    return QualityReports(Settings(account=accounts, incoming=Incoming(watch=watch)), itertools.count(1).__next__, lambda: NOW_S)


def answered(call: str = "c", account: sip.AccountName | None = HOME, call_id: str = "abc@host") -> sip.CallAnswered:
    tagged = NameAddr("", DOOR, (("tag", "t1"),))
    return sip.CallAnswered(
        call=sip.CallKey(call), remote=NameAddr("Anna", ANNA), local=tagged, call_id=call_id, local_host="192.0.2.1", account=account
    )


def quality(call: str = "c", *, remote_loss_percent: float | None = 2.5) -> QualityRecord:
    return QualityRecord(
        call=call, ssrc=0x1A2B, remote_ssrc=0xCAFE,
        codec="PCMA", duration_ms=60_400, packets_sent=3000, packets_received=2940, packets_lost=60, packets_late=30,
        packets_duplicate=0, packets_reordered=0, packets_rejected=0, loss_percent=2.0, jitter_ms=3.6, buffer_ms_mean=41.5,
        buffer_ms_max=80.2, concealed_ms=1200, recovered_ms=0, late_periods=0, overruns=0, underruns=0, card_ms=20.0, round_trip_ms=24.4,
        remote_loss_percent=remote_loss_percent, remote_jitter_ms=4.2, mouth_to_ear_ms=95.0, mos_heard=4.1,
        mos_sent=None if remote_loss_percent is None else 4.0, history_interval_ms=100, buffer_history_ms=(), packets_refused=0,
        burst_loss_percent=40.2, burst_ms=120, burst_ratio=1.0,
        gap_loss_percent=0.8, gap_ms=9000, drift_ppm=None, encryption="", echo=None, there=None,
    )  # fmt: skip


def told(made: QualityReports, record: QualityRecord) -> QualityReport:
    (command,) = made.measured(record)
    assert isinstance(command, Publish)
    return vq_rtcpxr.decode(command.body)


def test_the_report_of_a_call_goes_to_the_collector_once_and_is_kept_nowhere() -> None:
    made = reports()
    made.answered(answered(), "c")
    made.agreed(session(), "c")
    (command,) = made.measured(quality())
    assert isinstance(command, Publish)
    assert (str(command.target), command.package, command.account) == ("sip:quality@pbx.example", "vq-rtcpxr", HOME)
    assert command.expires_s is None
    assert made.measured(quality()) == ()


def test_it_says_which_call_it_was_and_what_the_engine_has_measured() -> None:
    made = reports()
    made.answered(answered(), "c")
    made.agreed(session(), "c")
    report = told(made, quality())
    assert (report.kind, report.is_final, report.call_id) == (vq_rtcpxr.SESSION, True, "abc@host")
    assert (report.local_id, report.remote_id) == (str(DOOR), str(ANNA))
    assert report.local_address == MediaAddress("192.0.2.1", 30000, 0x1A2B)
    assert report.remote_address == MediaAddress("127.0.0.1", 9, 0xCAFE)
    local = report.local
    assert (local.burst_loss_percent, local.burst_ms, local.gap_loss_percent, local.gap_ms) == (40.2, 120, 0.8, 9000)
    assert local.gap_packets_min == 16
    assert (local.start_s, local.stop_s) == (1_767_600_000, 1_767_600_060)
    assert (local.payload_type, local.payload_name, local.sample_rate_hz, local.frame_ms) == (8, "PCMA", 8000, 20)
    assert (local.loss_percent, local.discard_percent, local.round_trip_ms, local.jitter_ms) == (2.0, 1.0, 24, 4)
    assert (local.buffer_kind, local.buffer_nominal_ms, local.buffer_max_ms) == (3, 42, 80)
    assert local.mos_conversation == 4.1
    assert report.remote is not None
    assert (report.remote.loss_percent, report.remote.jitter_ms, report.remote.mos_conversation) == (2.5, 4, 4.0)


def test_what_the_other_side_never_reported_is_not_told() -> None:
    made = reports()
    made.answered(answered(), "c")
    made.agreed(session(), "c")
    assert told(made, quality(remote_loss_percent=None)).remote is None


def test_calls_over_other_accounts_and_without_an_account_are_nobodys_business() -> None:
    made = reports()
    for account in (PLAIN, None):
        made.answered(answered(account=account), "c")
        made.agreed(session(), "c")
        assert made.measured(quality()) == ()


def test_a_stream_that_was_never_answered_has_no_report() -> None:
    made = reports()
    made.agreed(session(), "c")
    assert made.measured(quality()) == ()


def test_a_call_that_took_the_place_of_another_is_told_after_it() -> None:
    made = reports()
    made.answered(answered(call_id="first"), "c")
    made.agreed(session(), "c")
    made.answered(answered("c-moved-1", call_id="second"), "c")  # under the same stream's name, before the first's figures have come
    assert [told(made, quality()).call_id, told(made, quality()).call_id] == ["first", "second"]


def test_what_waits_for_ever_is_forgotten() -> None:
    made = reports()
    for number in range(WAITING_MAX + 1):
        made.answered(answered(str(number)), str(number))
        made.agreed(session(), str(number))
    assert made.measured(quality("0")) == ()
    assert len(made.measured(quality(str(WAITING_MAX)))) == 1


def test_who_watches_the_door_hears_of_every_call() -> None:
    made = reports(watch=("desk@*",))
    made.answered(answered(account=None), "c")
    made.agreed(session(), "c")
    (command,) = made.measured(quality())
    assert isinstance(command, TellQuality)
    assert vq_rtcpxr.decode(command.body).call_id == "abc@host"
    made.answered(answered(), "c")
    assert [type(each) for each in made.measured(quality())] == [Publish, TellQuality]


def test_a_phone_that_watches_the_door_hears_how_its_call_sounded(tmp_path: Path) -> None:
    async def run() -> None:
        async with phones("anna") as (anna,):
            wanted = settings(tmp_path, anna)
            async with house(wanted._replace(incoming=Incoming(watch=("*@*",)))) as lived:
                target = Uri.parse(f"sip:door@127.0.0.1:{lived.station.line.port}")
                anna.line.command(Subscribe(key="q", target=target, package="vq-rtcpxr"))
                await anna.heard(SubscriptionChanged)
                lived.station.inbox.put(door.Press(button=door.ButtonName("bell")))
                await lived.until(door.Ringing)
                anna.answer()
                await lived.until(door.Answered)
                anna.line.command(sip.HangUp(call=anna.call))
                await anna.until(lambda: any(isinstance(event, Notified) and event.body for event in anna.events))
                (body,) = [event.body for event in anna.events if isinstance(event, Notified) and event.body]
                report = vq_rtcpxr.decode(body)
                (answered,) = lived.of(sip.CallAnswered)
                assert isinstance(answered, sip.CallAnswered)
                assert (report.call_id, report.is_final, report.local.payload_name) == (answered.call_id, True, "PCMA")

    asyncio.run(run())
