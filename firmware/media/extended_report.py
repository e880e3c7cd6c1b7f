"""VoIP metrics as values, and their fields as they stand on the wire (RFC 3611 §4.7, `struct pm_voip_metrics`)."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

XR_UNKNOWN: Final = 127  # of a level, an R factor or a score


class VoipFields(Protocol):
    """The fields that are read, each a number."""

    ssrc: int
    loss_rate: int
    discard_rate: int
    burst_density: int
    gap_density: int
    burst_ms: int
    gap_ms: int
    round_trip_ms: int
    end_system_ms: int
    echo_return_loss_db: int
    r_factor: int
    mos_listening: int
    mos_conversation: int


class VoipMetrics(NamedTuple):
    """How one side hears the other (RFC 3611 §4.7); percent, milliseconds, decibels, None where it was not measured.

    `ssrc` is that of the source that was heard; without one it means nothing.
    A burst begins and ends with a packet that was lost or came too late, with fewer than 16 played in a row between; the rest is gap.
    """

    ssrc: int
    loss_percent: float
    discard_percent: float
    burst_loss_percent: float
    gap_loss_percent: float
    burst_ms: int
    gap_ms: int
    round_trip_ms: int | None
    end_system_ms: int | None
    echo_return_loss_db: int | None
    r_factor: int | None
    mos_listening: float | None
    mos_conversation: float | None


def read_voip(c: VoipFields) -> VoipMetrics:
    """What the fields say."""

    def known(value: int) -> int | None:
        return None if value == XR_UNKNOWN else value

    listening, conversation = known(c.mos_listening), known(c.mos_conversation)
    return VoipMetrics(
        ssrc=c.ssrc,
        loss_percent=c.loss_rate / 2.56,
        discard_percent=c.discard_rate / 2.56,
        burst_loss_percent=c.burst_density / 2.56,
        gap_loss_percent=c.gap_density / 2.56,
        burst_ms=c.burst_ms,
        gap_ms=c.gap_ms,
        round_trip_ms=c.round_trip_ms or None,  # §4.7.3: zero says that it was not measured
        end_system_ms=c.end_system_ms or None,
        echo_return_loss_db=known(c.echo_return_loss_db),
        r_factor=known(c.r_factor),
        mos_listening=None if listening is None else listening / 10,
        mos_conversation=None if conversation is None else conversation / 10,
    )


def judgement(
    r_factor: float, mos_listening: float, mos_conversation: float, echo_return_loss_db: float | None
) -> tuple[int, int, int, int]:
    """The figures of `struct pm_judgement`, each within what its field may say (§4.7.4, §4.7.5)."""
    loss_db = XR_UNKNOWN if echo_return_loss_db is None else min(126, max(0, round(echo_return_loss_db)))
    listening, conversation = (min(50, max(10, round(10 * score))) for score in (mos_listening, mos_conversation))
    return min(100, max(0, round(r_factor))), listening, conversation, loss_db
