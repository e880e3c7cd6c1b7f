"""Values that several tests of the media room begin with."""

from __future__ import annotations

from firmware.media.core_values import StreamStats
from firmware.media.extended_report import VoipMetrics
from firmware.sdp.codec import PCMU, TELEPHONE_EVENT
from firmware.sdp.direction import Direction
from firmware.sdp.media_session import MediaSession

NOTHING_COUNTED = StreamStats(
    packets_received=0, octets_received=0, packets_expected=0, packets_lost=0, packets_duplicate=0, packets_reordered=0,
    packets_late=0, packets_discarded=0, packets_invalid=0, packets_foreign=0, packets_ignored=0, packets_refused=0, source_changes=0,
    jitter_ms=0.0, burst_ratio=1.0, rate_hz=8000, samples_played=0, samples_concealed=0, samples_recovered=0,
    samples_removed=0, samples_inserted=0,
    delay_ms=0.0, delay_target_ms=0.0, buffered_ms=0.0,
    packets_sent=0, octets_sent=0, send_errors=0, digits_sent=0, reports_sent=0, reports_received=0, rtt_ms=None,
    remote_loss_fraction=None, remote_packets_lost=None, remote_jitter_ms=None,
    remote_burst_ratio=1.0, last_packet_ns=0, heard=False, latched=False,
    remote_rtp=None,
)  # fmt: skip

NOTHING_HEARD = VoipMetrics(
    ssrc=0, loss_percent=0.0, discard_percent=0.0, burst_loss_percent=0.0, gap_loss_percent=0.0, burst_ms=0, gap_ms=0, round_trip_ms=None,
    end_system_ms=None, echo_return_loss_db=None, r_factor=None, mos_listening=None, mos_conversation=None,
)  # fmt: skip


def session(
    *, remote_port: int = 40_000, local_port: int = 30_000, direction: Direction = Direction.SENDRECV, host: str = "127.0.0.1"
) -> MediaSession:
    """PCMU with telephone events over loopback."""
    return MediaSession(
        local_port=local_port,
        remote_host=host,
        remote_rtp_port=remote_port,
        remote_rtcp_host=host,
        remote_rtcp_port=remote_port + 1,
        codec=PCMU,
        receive_codecs=(PCMU,),
        dtmf_send_payload_type=TELEPHONE_EVENT.payload_type,
        dtmf_receive=(TELEPHONE_EVENT,),
        direction=direction,
        ptime_ms=20,
    )


def without_digits(agreed: MediaSession) -> MediaSession:
    """The same session with a peer that takes no telephone events."""
    return agreed._replace(dtmf_send_payload_type=None, dtmf_receive=())
