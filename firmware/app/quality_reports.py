"""How each call sounded, once its figures are final: told to the collector of its account, and to those who watch the door (RFC 6035).

The figures are those of the engine's own record; what it did not measure is not reported. A stream's last figures come a moment after its
call has ended, and under the name of the stream; so calls wait here for theirs, in the order in which they were answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from firmware.config.schema import Settings
from firmware.sdp.media_session import MediaSession
from firmware.sip import events as sip
from firmware.sip.notices import Publish, TellQuality
from firmware.sip.uri import Uri

if TYPE_CHECKING:
    from firmware.media.quality import QualityRecord
    from firmware.sip.body.vq_rtcpxr import QualityReport

GMIN = 16  # played packets in a row that end a burst: RFC 3611 §4.7.2, and native/include/pm_xr.h
CONCEALMENT_ENHANCED, BUFFER_ADAPTIVE = 2, 3  # RFC 6035 §4.6.2, PLC and JBA
ALGORITHM = "G.107"  # how the estimates are made
WAITING_MAX = 16  # answered calls whose stream has not ended; the agent has no more calls at a time


class _Call(NamedTuple):
    """One answered call, and the stream that it was agreed with."""

    stream: str
    answered: sip.CallAnswered


class QualityReports:
    """Belongs to the event loop; asks for nothing where nobody wants a report."""

    def __init__(self, settings: Settings, serial: Callable[[], int], clock_s: Callable[[], float]) -> None:
        """`serial` gives numbers that tell reports apart; `clock_s` is the wall clock."""
        self._collectors = {account.name: Uri.parse(account.quality_to) for account in settings.account if account.quality_to is not None}
        self._is_watched = bool(settings.incoming.watch)
        self._serial = serial
        self._clock_s = clock_s
        self._waiting: deque[_Call] = deque(maxlen=WAITING_MAX)
        self._sessions: dict[str, MediaSession] = {}

    def answered(self, event: sip.CallAnswered, stream: str) -> None:
        """A call is up, whose sound runs under the name `stream`."""
        if self._is_watched or event.account in self._collectors:
            self._waiting.append(_Call(stream, event))

    def agreed(self, session: MediaSession, stream: str) -> None:
        """What the stream carries; the last word counts."""
        if self._is_watched or self._collectors:
            self._sessions = {**dict(list(self._sessions.items())[1 - WAITING_MAX :]), stream: session}

    def measured(self, quality: QualityRecord) -> tuple[sip.Command, ...]:
        """The final figures of a stream: the report of the call that it was, if somebody wants it."""
        call = next((call for call in self._waiting if call.stream == quality.call), None)
        session = self._sessions.get(quality.call)
        if call is None or session is None:
            return ()
        self._waiting.remove(call)
        account = call.answered.account
        from firmware.sip.body import vq_rtcpxr

        body = vq_rtcpxr.encode(_report(call.answered, session, quality, int(self._clock_s())))
        watched = (TellQuality(body=body),) if self._is_watched else ()
        if account is None or account not in self._collectors:
            return watched
        report = Publish(
            key=f"quality {self._serial()}",
            target=self._collectors[account],
            package=vq_rtcpxr.EVENT,
            content_type=vq_rtcpxr.CONTENT_TYPE,
            body=body,
            account=account,
            expires_s=None,  # RFC 6035 §3.1: a report is no state that must be kept
        )
        return (report, *watched)


def _report(call: sip.CallAnswered, session: MediaSession, quality: QualityRecord, now_s: int) -> QualityReport:
    """The call's figures in the standard's words (RFC 6035 §4.6.1, §4.6.2)."""
    from firmware.media.quality import mos, percent
    from firmware.sip.body.vq_rtcpxr import SESSION, MediaAddress, Metrics, QualityReport

    expected = quality.packets_received + quality.packets_lost
    loss_percent, late_percent = quality.loss_percent, percent(quality.packets_late, expected)
    local = Metrics(
        start_s=now_s - round(quality.duration_ms / 1000),
        stop_s=now_s,
        payload_type=session.codec.payload_type,
        payload_name=quality.codec,
        sample_rate_hz=session.codec.clock_rate_hz,
        frame_ms=session.ptime_ms,
        packets_per_s=1000 // session.ptime_ms,
        concealment=CONCEALMENT_ENHANCED,
        buffer_kind=BUFFER_ADAPTIVE,
        buffer_nominal_ms=round(quality.buffer_ms_mean),
        buffer_max_ms=round(quality.buffer_ms_max),
        loss_percent=loss_percent,
        discard_percent=late_percent,
        burst_loss_percent=quality.burst_loss_percent,
        burst_ms=quality.burst_ms,
        gap_loss_percent=quality.gap_loss_percent,
        gap_ms=quality.gap_ms,
        gap_packets_min=GMIN,
        round_trip_ms=None if quality.round_trip_ms is None else round(quality.round_trip_ms),
        one_way_ms=round(quality.mouth_to_ear_ms),
        jitter_ms=round(quality.jitter_ms),
        mos_listening=mos(quality.codec, loss_percent + late_percent, 0.0),  # §4.6.2: without the delay, which hurts only conversations
        mos_conversation=quality.mos_heard,
        algorithm=ALGORITHM,
    )
    remote = None
    if quality.remote_loss_percent is not None:
        jitter_ms = None if quality.remote_jitter_ms is None else round(quality.remote_jitter_ms)
        remote = Metrics(loss_percent=quality.remote_loss_percent, jitter_ms=jitter_ms, mos_conversation=quality.mos_sent)
    own = str(call.local.uri.without_headers())
    return QualityReport(
        kind=SESSION,
        is_final=True,
        call_id=call.call_id,
        local_id=own,
        remote_id=str(call.remote.uri.without_headers()),
        orig_id=own,
        local_address=MediaAddress(call.local_host, session.local_port, quality.ssrc),
        remote_address=MediaAddress(session.remote_host, session.remote_rtp_port, quality.remote_ssrc),
        local=local,
        remote=remote,
    )
