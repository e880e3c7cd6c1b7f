"""What a call sounded like: the quality record, and its estimate as a number from 1 to 4.5 (ITU-T G.107, the E-model).

Only impairments that a packet network causes enter the estimate: loss and delay. Levels, room noise and echo are taken at G.107's
defaults, so the figure compares calls of this station with one another; it is not a listening test.
"""

from __future__ import annotations

from array import array
from math import log2, pow
from typing import Final, NamedTuple

from firmware.kind import kind
from firmware.media.core_values import EchoState, EchoStats, StreamStats
from firmware.media.extended_report import VoipMetrics
from firmware.sdp.media_session import MediaSession

R_DEFAULT: Final = 93.2  # G.107 §7.7: every parameter at its default, no loss, no delay
DELAY_FREE_MS: Final = 100.0  # G.107 §7.4: Idd is zero up to this one-way delay
MOS_FLOOR: Final = 1.0  # G.107 Annex B
MOS_CEILING: Final = 4.5
BURST_RATIO_MAX: Final = 8.0  # G.107 table 3: what the model was made for; as in the core

# Robustness to random loss (Bpl) and the codec's own impairment (Ie): G.113 Appendix I, with packet loss concealment. This scale ends at
# telephone quality: wide-band codecs, which are concealed alike, reach its end and no more.
EQUIPMENT: Final[dict[str, tuple[float, float]]] = {
    "PCMU": (0.0, 25.1),
    "PCMA": (0.0, 25.1),
    "G722": (0.0, 25.1),
    "L16": (0.0, 25.1),
    "OPUS": (0.0, 25.1),
}
EQUIPMENT_UNKNOWN: Final = (0.0, 4.3)  # G.113's figure for G.711 without concealment: assume the worse

DRIFT_AFTER_S: Final = 60  # one adaptation of 20 ms is 333 ppm of a minute; a bad crystal has 200
HISTORY_SAMPLES_MAX: Final = 512  # as many points as a plot shows; 1 kB a call


@kind
class QualityRecord(NamedTuple):
    """How one call's sound went; a snapshot while it runs, final when the stream has stopped.

    Delays and durations in milliseconds. `mos_heard` estimates what our side heard, `mos_sent` what the other side heard of us by its own
    reports (None until one arrived), whose losses count as they came: each by itself, or in bursts.
    `round_trip_ms` None: no report has closed the loop yet (RFC 3550 §6.4.1).
    `late_periods` began half a period late or more, the worst of them by `late_ms_max`.
    `card_ms`: how much waits in the speaker at that moment. Bursts and gaps of loss are those of RFC 3611 §4.7.2, `burst_ratio` is G.107's.
    `packets_refused`: encrypted ones that were forged or replayed.
    `drift_ppm`: how much faster the other side's clock runs, by what playing had to cut; None for a call too short to tell.
    `recovered_ms` was lost on the way and had from redundancy in later packets: heard, and no loss to `mos_heard`.
    `encryption` says how keys were agreed on, '' for a plain call. `there`: how the other side heard us, by its extended report.
    `buffer_history_ms` samples the jitter buffer's delay every `history_interval_ms`.
    `ssrc` is our own, `remote_ssrc` that of the source which was heard last, None when none was.
    `echo`: what the canceller knew at that moment, None when it is off.
    """

    call: str
    ssrc: int
    remote_ssrc: int | None
    codec: str
    duration_ms: int
    packets_sent: int
    packets_received: int
    packets_lost: int
    packets_late: int
    packets_duplicate: int
    packets_reordered: int
    packets_rejected: int
    packets_refused: int
    loss_percent: float
    burst_loss_percent: float
    burst_ms: int
    burst_ratio: float
    gap_loss_percent: float
    gap_ms: int
    jitter_ms: float
    buffer_ms_mean: float
    buffer_ms_max: float
    concealed_ms: int
    recovered_ms: int
    late_periods: int
    overruns: int
    underruns: int
    card_ms: float
    round_trip_ms: float | None
    remote_loss_percent: float | None
    remote_jitter_ms: float | None
    mouth_to_ear_ms: float
    mos_heard: float
    mos_sent: float | None
    drift_ppm: float | None
    encryption: str
    echo: EchoStats | None
    there: VoipMetrics | None
    history_interval_ms: int
    buffer_history_ms: tuple[float, ...]
    late_ms_max: float = 0.0


def measured(
    call: str,
    session: MediaSession,
    stats: StreamStats,
    history: DelayHistory,
    voip: tuple[VoipMetrics, VoipMetrics | None],
    *,
    ssrc: int,
    duration_ms: int,
    card_ms: float,
    late_periods: int,
    overruns: int,
    underruns: int,
    echo: EchoStats | None = None,
) -> QualityRecord:
    """The record of a stream from the core's counters, the sampled buffer delay and the card's own counters since it began."""
    curve, mean_ms = _curve(history)
    mouth_to_ear_ms = _mouth_to_ear_ms(stats, session.ptime_ms + mean_ms + card_ms)
    return QualityRecord(
        call=call,
        ssrc=ssrc,
        remote_ssrc=voip[0].ssrc if stats.heard else None,
        codec=session.codec.name,
        duration_ms=duration_ms,
        packets_sent=stats.packets_sent,
        packets_received=stats.packets_received,
        packets_lost=_lost(stats),
        packets_late=stats.packets_late,
        packets_duplicate=stats.packets_duplicate,
        packets_reordered=stats.packets_reordered,
        packets_rejected=stats.packets_invalid + stats.packets_foreign,
        packets_refused=stats.packets_refused,
        loss_percent=percent(_lost(stats), stats.packets_expected),
        burst_loss_percent=voip[0].burst_loss_percent,
        burst_ms=voip[0].burst_ms,
        burst_ratio=stats.burst_ratio,
        gap_loss_percent=voip[0].gap_loss_percent,
        gap_ms=voip[0].gap_ms,
        jitter_ms=stats.jitter_ms,
        buffer_ms_mean=mean_ms,
        buffer_ms_max=max(curve, default=0.0),
        concealed_ms=stats.samples_concealed * 1000 // stats.rate_hz,
        recovered_ms=_recovered_ms(stats),
        late_periods=late_periods,
        overruns=overruns,
        underruns=underruns,
        card_ms=card_ms,
        round_trip_ms=stats.rtt_ms,
        remote_loss_percent=_remote_percent(stats),
        remote_jitter_ms=stats.remote_jitter_ms,
        mouth_to_ear_ms=mouth_to_ear_ms,
        mos_heard=mos(session.codec.name, _unheard_percent(stats, session.ptime_ms), mouth_to_ear_ms, stats.burst_ratio),
        mos_sent=_mos_sent(session, stats, voip[1], mouth_to_ear_ms),
        drift_ppm=drift_ppm(stats),
        encryption="" if session.protection is None else str(session.protection),
        echo=echo,
        there=voip[1],
        history_interval_ms=history.interval_ms,
        buffer_history_ms=curve,
    )


def _remote_percent(stats: StreamStats) -> float | None:
    return None if stats.remote_packets_lost is None else percent(max(0, stats.remote_packets_lost), stats.packets_sent)


def _mos_sent(session: MediaSession, stats: StreamStats, there: VoipMetrics | None, mouth_to_ear_ms: float) -> float | None:
    """What the other side heard of us: by its extended report when there is one, else by what its ordinary reports count."""
    if there is not None:
        unheard = min(100.0, there.loss_percent + there.discard_percent)
        return mos(session.codec.name, unheard, mouth_to_ear_ms, burst_ratio(there))
    lost_percent = _remote_percent(stats)
    return None if lost_percent is None else mos(session.codec.name, lost_percent, mouth_to_ear_ms, stats.remote_burst_ratio)


def burst_ratio(told: VoipMetrics) -> float:
    """BurstR of G.107 (§7.5) from the bursts and gaps of a report (RFC 3611 §4.7.2).

    A burst is taken to lose its share of packets by chance, and so is a gap: then a packet after a lost one is lost with a probability
    that both give, weighed by their losses. Of the chain of two states that has this probability BurstR is taken.
    """
    weights = ((told.burst_ms, told.burst_loss_percent / 100), (told.gap_ms, told.gap_loss_percent / 100))
    whole_ms = told.burst_ms + told.gap_ms
    losses_ms = sum(length_ms * share for length_ms, share in weights)
    if not 0 < losses_ms < whole_ms:
        return 1.0
    again = sum(length_ms * share**2 for length_ms, share in weights) / losses_ms
    return BURST_RATIO_MAX if again >= 1 else min(BURST_RATIO_MAX, max(1.0, (1 - losses_ms / whole_ms) / (1 - again)))


def _curve(history: DelayHistory) -> tuple[tuple[float, ...], float]:
    """The delays as they were sampled, and their mean."""
    curve = history.samples_ms()
    return curve, sum(curve) / len(curve) if curve else 0.0


def _mouth_to_ear_ms(stats: StreamStats, here_ms: float) -> float:
    """One packet is filled, the buffer waits, and a period or more waits in the card; the other side's own we do not know."""
    return here_ms + (stats.rtt_ms or 0.0) / 2


def _lost(stats: StreamStats) -> int:
    """Duplicates may make the count of RFC 3550 §6.4.1 negative."""
    return max(0, stats.packets_lost)


def _recovered_ms(stats: StreamStats) -> int:
    return stats.samples_recovered * 1000 // stats.rate_hz


def _unheard_percent(stats: StreamStats, ptime_ms: int) -> float:
    """Packets that the ear missed: what redundancy brought back was heard."""
    missed = _lost(stats) + stats.packets_late + stats.packets_discarded
    return percent(max(0, missed - _recovered_ms(stats) // ptime_ms), stats.packets_expected)


def drift_ppm(stats: StreamStats) -> float | None:
    """How much faster the sender's clock runs than ours, in millionths; None below DRIFT_AFTER_S of sound.

    A buffer that neither grows nor runs dry has to cut what comes too much: over a call that is the drift, but for one adaptation.
    """
    if stats.samples_played < DRIFT_AFTER_S * stats.rate_hz:
        return None
    return 1e6 * (stats.samples_removed - stats.samples_inserted) / stats.samples_played


def rating(codec: str, loss_percent: float, delay_ms: float, burst_ratio: float = 1.0) -> float:
    """R of G.107, 0 to 93.2."""
    return max(0.0, R_DEFAULT - delay_impairment(delay_ms) - equipment_impairment(codec, loss_percent, burst_ratio))


def echo_return_loss_db(echo: EchoStats | None) -> float | None:
    """Residual echo return loss (RFC 3611 §4.7.4): what the way through the room takes, and the canceller. None before it has learned."""
    if echo is None or echo.state is EchoState.IDLE:
        return None
    return echo.echo_loss_db + echo.suppressed_db


def percent(part: int, whole: int) -> float:
    """`part` of `whole`, 0 to 100; 0 when there is no whole."""
    return min(100.0, 100 * part / whole) if whole > 0 else 0.0


def mos(codec: str, loss_percent: float, delay_ms: float, burst_ratio: float = 1.0) -> float:
    """Mean opinion score, 1 to 4.5, for random (`burst_ratio` 1) or bursty loss and a one-way delay (G.107 Annex B)."""
    return mos_of_rating(R_DEFAULT - delay_impairment(delay_ms) - equipment_impairment(codec, loss_percent, burst_ratio))


def mos_of_rating(rating: float) -> float:
    """The rating R on the opinion scale (G.107 equation B-4)."""
    if rating <= 0:
        return MOS_FLOOR
    if rating >= 100:
        return MOS_CEILING
    # The polynomial dips below 1 for ratings under about 6.5, which no listener can score.
    return max(MOS_FLOOR, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)


def delay_impairment(delay_ms: float) -> float:
    """Idd: the cost of absolute delay with echo perfectly controlled (G.107 §7.4, equation 7-27, default sensitivity)."""
    if delay_ms <= DELAY_FREE_MS:
        return 0.0
    octaves = log2(delay_ms / DELAY_FREE_MS)
    return 25 * (_sixth_root(1 + octaves**6) - 3 * _sixth_root(1 + (octaves / 3) ** 6) + 2)


def equipment_impairment(codec: str, loss_percent: float, burst_ratio: float = 1.0) -> float:
    """Ie-eff: the codec and the loss it could not hide (G.107 §7.5, equation 7-29). Loss in percent, 0 to 100."""
    own, robustness = EQUIPMENT.get(codec.upper(), EQUIPMENT_UNKNOWN)
    if loss_percent <= 0:
        return own
    return own + (95 - own) * loss_percent / (loss_percent / burst_ratio + robustness)


def _sixth_root(value: float) -> float:
    return pow(value, 1 / 6)


class DelayHistory:
    """A bounded curve of one figure over a call of any length: when it is full, every second sample goes and the interval doubles."""

    def __init__(self, interval_ms: int) -> None:
        assert interval_ms > 0
        self.interval_ms = interval_ms
        self._tenths = array("H")
        self._skip = 0
        self._stride = 1

    def add(self, delay_ms: float) -> None:
        """Take the sample of the next base interval; values are kept in tenths of a millisecond, up to 6.5 s."""
        if self._skip:
            self._skip -= 1
            return
        if len(self._tenths) >= HISTORY_SAMPLES_MAX:
            self._tenths = self._tenths[::2]
            self._stride *= 2
            self.interval_ms *= 2
        self._tenths.append(min(65_535, max(0, round(delay_ms * 10))))
        self._skip = self._stride - 1

    def repeat(self) -> None:
        """Take the last sample again, for an interval in which there is nothing to measure."""
        self.add(self._tenths[-1] / 10 if self._tenths else 0.0)

    def samples_ms(self) -> tuple[float, ...]:
        """The curve so far, one sample every `interval_ms`."""
        return tuple(value / 10 for value in self._tenths)
