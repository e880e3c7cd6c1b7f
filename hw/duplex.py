"""A sound card of which one half may be missing: whoever is there is the clock.

The microphone leads while it gives sound. A card that has none, or whose microphone dies in mid-call, goes on playing at the speaker's
own pace and captures silence; a card without a speaker goes on capturing. A half that is found again joins, the microphone with its
first sound: one that can be opened and gives nothing costs no pause. What to do when both are gone is decided in `hw.sound`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hw.api import Half, HardwareError, SoundFormat
from hw.capture import STALL_MS, Capture
from hw.playback import Playback


class Lack(NamedTuple):
    """A half that is not there, and why."""

    half: Half
    why: str


class Openers(NamedTuple):
    """How each half is opened again, in the format of the other. They raise HardwareError."""

    microphone: Callable[[], Capture]
    speaker: Callable[[], Playback]


class Duplex:
    """An open card at one rate; `lack` says which half it is without, None: neither.

    `read` and `write` raise HardwareError when neither half is left.
    """

    def __init__(self, fmt: SoundFormat, microphone: Capture | HardwareError, speaker: Playback | HardwareError, openers: Openers) -> None:
        """A half, or why it is not there. Raises HardwareError when neither is."""
        self.format = fmt
        self.lack: Lack | None = None
        self._microphone = microphone if isinstance(microphone, Capture) else None
        self._speaker = speaker if isinstance(speaker, Playback) else None
        if isinstance(microphone, HardwareError):
            if isinstance(speaker, HardwareError):
                raise microphone
            self.lack = Lack(Half.MICROPHONE, str(microphone))
        elif isinstance(speaker, HardwareError):
            self.lack = Lack(Half.SPEAKER, str(speaker))
        self._openers = openers
        self._on_trial: Capture | None = None  # opened again, and not heard of yet
        self._trial_ms = 0
        self._overruns = self._underruns = self._short_writes = 0  # of halves that are closed

    @property
    def overruns(self) -> int:
        """How often the microphone's buffer was full."""
        return self._overruns + (0 if self._microphone is None else self._microphone.overruns)

    @property
    def underruns(self) -> int:
        """How often the speaker ran dry."""
        return self._underruns + (0 if self._speaker is None else self._speaker.underruns)

    @property
    def short_writes(self) -> int:
        """How often the speaker had no room for a whole period."""
        return self._short_writes + (0 if self._speaker is None else self._speaker.short_writes)

    @property
    def reserve_ms(self) -> float:
        """How much more than one period waits in the speaker when the next is written."""
        return 0.0 if self._speaker is None else self._speaker.reserve_ms

    def read(self) -> bytes:
        """One period from the microphone, of silence without one; waits for the clock."""
        if self._microphone is not None:
            try:
                return self._microphone.period()
            except HardwareError as error:
                self._lose_microphone(self._microphone, error)
        assert self._speaker is not None
        self._speaker.wait()
        return self._first_sound() or bytes(self.format.period_bytes)

    def write(self, period: bytes) -> None:
        """One period to the speaker, if there is one. Never waits."""
        if self._speaker is None:
            return
        try:
            self._speaker.write(period, follows=self._microphone is not None)
        except HardwareError as error:
            self._lose_speaker(self._speaker, error)

    def mend(self) -> None:
        """Look for the half that lacks. Nothing is raised: it is not there yet, or it is."""
        try:
            match self.lack:
                case Lack(half=Half.MICROPHONE) if self._on_trial is None:
                    self._on_trial, self._trial_ms = self._openers.microphone(), 0
                case Lack(half=Half.SPEAKER):
                    self._speaker, self.lack = self._openers.speaker(), None
                case _:
                    pass
        except HardwareError as error:
            assert self.lack is not None
            self.lack = self.lack._replace(why=str(error))

    def close(self) -> None:
        """Close both halves."""
        for half in (self._microphone, self._on_trial, self._speaker):
            if half is not None:
                half.close()

    def _first_sound(self) -> bytes:
        """The first period of a microphone that is on trial, with which it leads again; empty when there is none."""
        microphone = self._on_trial
        if microphone is None:
            return b""
        try:
            sound = microphone.newest()
        except HardwareError as error:
            self._end_trial(microphone, str(error))
            return b""
        if sound:
            self._microphone, self._on_trial, self.lack = microphone, None, None
            self._lead_anew()
            return sound
        self._trial_ms += 1000 * self.format.period_samples // self.format.rate_hz
        if self._trial_ms >= STALL_MS:
            self._end_trial(microphone, f"microphone: no sound has come for {STALL_MS} ms")
        return b""

    def _end_trial(self, microphone: Capture, why: str) -> None:
        microphone.close()
        self._on_trial = None
        self.lack = Lack(Half.MICROPHONE, why)

    def _lose_microphone(self, microphone: Capture, error: HardwareError) -> None:
        if self._speaker is None:
            raise error
        self._overruns += microphone.overruns
        microphone.close()
        self._microphone, self.lack = None, Lack(Half.MICROPHONE, str(error))
        self._lead_anew()

    def _lose_speaker(self, speaker: Playback, error: HardwareError) -> None:
        if self._microphone is None:
            raise error
        self._underruns += speaker.underruns
        self._short_writes += speaker.short_writes
        speaker.close()
        self._speaker, self.lack = None, Lack(Half.SPEAKER, str(error))

    def _lead_anew(self) -> None:
        if self._speaker is not None:
            self._speaker.led_anew()
