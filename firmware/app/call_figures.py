"""When what happened in a call, and how it sounded: the one row that the journal keeps of both.

The times come from the records as they are observed, the sound from the engine's last word on the stream. Belongs to the event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from firmware.door import events as door
from firmware.media import events as media

if TYPE_CHECKING:
    from firmware.media.quality import QualityRecord

CALLS_MAX: Final = 64  # legs that are remembered; a door rings a handful at a time, and forgets each at its end


class _Times:
    __slots__ = ("audio_s", "has_lost_consent", "placed_s", "pressed_s", "ringing_s")

    def __init__(self) -> None:
        self.pressed_s: float | None = None
        self.placed_s: float | None = None
        self.ringing_s: float | None = None
        self.audio_s: float | None = None
        self.has_lost_consent = False


class CallFigures:
    """Hears everything that happens; `measured` is asked at the end of a stream."""

    def __init__(self) -> None:
        self._pressed: dict[door.PressId, float] = {}
        self._calls: dict[str, _Times] = {}

    def note(self, event: object, at_s: float) -> None:
        """Something happened at `at_s`, monotonic seconds."""
        match event:
            case door.Pressed(press=press):
                self._pressed = {press: at_s}  # the newest only: another press replaces the call of the last
            case door.CallPlaced(call=call, press=press):
                times = self._of(call)
                times.placed_s = at_s
                times.pressed_s = None if press is None else self._pressed.get(press)
            case door.Ringing(call=call):
                self._of(call).ringing_s = at_s
            case media.FirstAudio(call=call) if self._of(call).audio_s is None:
                self._of(call).audio_s = at_s
            case media.ConsentLost(call=call):
                self._of(call).has_lost_consent = True
            case _:
                pass

    def measured(self, quality: QualityRecord) -> door.CallMeasured:
        """The stream has ended: what the journal keeps. The call is forgotten."""
        times = self._calls.pop(quality.call, _Times())
        return door.CallMeasured(
            call=door.CallName(quality.call),
            codec=quality.codec,
            encryption=quality.encryption,
            heard=round(quality.mos_heard, 2),
            sent=None if quality.mos_sent is None else round(quality.mos_sent, 2),
            delay_ms=round(quality.mouth_to_ear_ms),
            loss_percent=round(quality.loss_percent, 2),
            burst_ms=quality.burst_ms,
            jitter_ms=round(quality.jitter_ms, 1),
            concealed_ms=quality.concealed_ms,
            glitches=quality.underruns + quality.overruns + quality.late_periods,
            set_up_ms=_between_ms(times.placed_s, times.ringing_s),
            press_to_audio_ms=_between_ms(times.pressed_s, times.audio_s),
            consent_lost=times.has_lost_consent,
        )

    def _of(self, call: str) -> _Times:
        if call not in self._calls:
            if len(self._calls) >= CALLS_MAX:
                del self._calls[next(iter(self._calls))]
            self._calls[call] = _Times()
        return self._calls[call]


def _between_ms(first_s: float | None, last_s: float | None) -> int | None:
    return None if first_s is None or last_s is None else round(1000 * (last_s - first_s))
