"""The mixing desk: everything that the audio thread owns while sound runs. No other thread may touch it.

Once a period: read the microphone, one call into the core, write the speaker. Between two periods: commands. Whatever happens in the
core comes out as a MediaEvent; figures that are wanted over time are sampled at a tenth of the call's pace.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from firmware.errors import LocalProtocolError, MediaError
from firmware.media import tones
from firmware.media.binding import Pump
from firmware.media.core_values import ECHO_OFF, Address, EchoSettings, EventKind, PumpEvent, Slot
from firmware.media.core_values import Sound as Player
from firmware.media.events import (
    DigitHeard,
    FirstAudio,
    MediaEvent,
    MediaSink,
    QualityMeasured,
    SoundEnded,
    SoundFault,
    StreamFault,
    StreamSilent,
)
from firmware.media.quality import DelayHistory, QualityRecord, echo_return_loss_db, measured, mos, percent, rating
from firmware.media.recorder import Listener
from firmware.media.session import MediaPort
from firmware.media.silence import SilentCard
from firmware.media.stream import BUFFER_DEFAULT, BufferLimits, StreamIdentity, stream_settings
from firmware.sdp.media_session import MediaSession
from hw.api import HardwareError, SoundCard, SoundCounters

if TYPE_CHECKING:  # it loads libsrtp2: at run time only the engine does, for an encrypted call
    from firmware.media.srtp import SrtpCipher

SAMPLE_EVERY_MS: Final = 100  # the buffer's delay over time: finer than any adaptation, cheap enough to be always on
JUDGE_EVERY_SAMPLES: Final = 20  # extended reports leave every few seconds: two seconds old is news enough
SAMPLES_AFTER_KEY: Final = 3  # its end is told three times over 40 ms (RFC 4733 §2.5.1.4), then the buffer has to fill again
LINGER_PERIODS: Final = 15  # the card stays open so long after the last sound: ringback ends and speech begins without a click
LATE_AFTER_PERIODS: Final = 1.5  # a period that begins half a period late has used up the slack of a two-period device buffer

ApartSink = Callable[[str, bytes, Address], None]  # call, datagram, where it came from
Command = Callable[["Desk"], None]  # runs on the audio thread, between two periods


class _Stream:
    """One call's sound, from start to stop."""

    def __init__(self, port: MediaPort, session: MediaSession, identity: StreamIdentity, slot: Slot, counters: SoundCounters) -> None:
        self.port = port
        self.session = session
        self.identity = identity
        self.slot = slot
        self.counters_at_start = counters
        self.started_ns = time.monotonic_ns()
        self.late_periods = 0
        self.late_ns_max = 0
        self.heard = False
        self.pressed = False  # a key of the other side is down
        self.cipher: SrtpCipher | None = None
        self.keys = 0  # samples until sound has come back after a key
        self.silent_after_s = 0.0
        self.silence_told = False
        self.history = DelayHistory(SAMPLE_EVERY_MS)


class DeskSettings(NamedTuple):
    """How the desk treats streams. `silent_after_s`: how long a sending peer may give no sign of itself before StreamSilent."""

    limits: BufferLimits = BUFFER_DEFAULT
    silent_after_s: float = 20.0
    echo: EchoSettings = ECHO_OFF


DESK_DEFAULT: Final = DeskSettings()


class Desk:
    """The sound card, the core and the streams. Opening it opens the card; a card that is not there is replaced by silence."""

    def __init__(self, card: SoundCard, sink: MediaSink, settings: DeskSettings, seed: int, apart: ApartSink) -> None:
        self._sink = sink
        self._apart = apart
        self._settings = settings
        self._card = card
        try:
            self._format = card.open()
        except HardwareError as error:
            sink(SoundFault(working=False, detail=str(error), at_ns=time.monotonic_ns()))
            self._card = SilentCard()
            self._format = self._card.open()
        self._pump = Pump(rate_hz=self._format.rate_hz, period_samples=self._format.period_samples, seed=seed, echo=settings.echo)
        self._period_ns = self._format.period_samples * 1_000_000_000 // self._format.rate_hz
        self._late_ns = int(LATE_AFTER_PERIODS * self._period_ns)
        self._sample_every = max(1, SAMPLE_EVERY_MS * 1_000_000 // self._period_ns)
        self._streams: dict[str, _Stream] = {}
        self._playing: dict[Player, str] = {}
        self._recorder: Listener | None = None
        self._records_alone = False  # without any stream: a message is left
        self._linger_periods = LINGER_PERIODS
        self._xruns = 0
        self._samples = 0
        self.last_period_ns = 0

    def run(self, commands: deque[Command]) -> None:
        """Periods and, between them, commands, until nothing has sounded for LINGER_PERIODS.

        This is the path whose cost is paid fifty times a second: names are bound once, and nothing is made that can be avoided.
        """
        pump = self._pump
        read, write, period = self._card.read, self._card.write, pump.period
        monotonic_ns, wall_ns = time.monotonic_ns, time.time_ns
        idle_periods = until_sample = 0
        last_ns = 0
        while idle_periods <= self._linger_periods:
            while commands:
                commands.popleft()(self)
            microphone = read()
            self.last_period_ns = now_ns = monotonic_ns()
            write(period(now_ns, wall_ns(), microphone))
            if pump.waiting:
                self._fetch()
            if self._recorder is not None:
                self._record()
            if now_ns - last_ns > self._late_ns and last_ns:
                self._count_late(now_ns - last_ns - self._period_ns)
            last_ns = now_ns
            until_sample -= 1
            if until_sample <= 0:
                until_sample = self._sample_every
                self._sample()
            idle_periods = 0 if self._streams or self._playing or self._records_alone else idle_periods + 1

    def _fetch(self) -> None:
        self._report(self._pump.events())
        if self._pump.apart_pending():
            self._keep_apart(self._pump.apart())

    def _judge(self, quality: QualityRecord, slot: Slot) -> None:
        """Let the next extended report say how we hear the other side."""
        unplayed = quality.packets_lost + quality.packets_late
        lost_percent = percent(unplayed, quality.packets_lost + quality.packets_received)
        self._pump.judge(
            slot,
            r_factor=rating(quality.codec, lost_percent, quality.mouth_to_ear_ms, quality.burst_ratio),
            mos_listening=mos(quality.codec, lost_percent, 0.0, quality.burst_ratio),
            mos_conversation=quality.mos_heard,
            echo_return_loss_db=echo_return_loss_db(quality.echo),
        )

    def hurry(self) -> None:
        """End as soon as nothing sounds."""
        self._linger_periods = 0

    def _record(self) -> None:
        if self._recorder is not None and (self._streams or self._records_alone):
            self._recorder.put(self._pump.said(), self._pump.heard())

    def _count_late(self, late_ns: int) -> None:
        for stream in self._streams.values():
            stream.late_periods += 1
            stream.late_ns_max = max(stream.late_ns_max, late_ns)

    def _sample(self) -> None:
        counters = self._card.counters()
        if self._xruns != (xruns := counters.underruns + counters.overruns + counters.reopens):
            self._xruns = xruns
            self._pump.disturbed()
        self._samples += 1
        for call, stream in self._streams.items():
            if self._samples % JUDGE_EVERY_SAMPLES == 0 and stream.session.rtcp_xr:
                self._judge(self._quality(call, stream), stream.slot)
            if stream.heard and not stream.keys:
                stream.history.add(self._pump.delay_ms(stream.slot))
            elif stream.heard:
                # Keys take the place of sound (RFC 4733 §2.5.1.1): the buffer waits, but no sound is delayed by it.
                stream.keys -= not stream.pressed
                stream.history.repeat()

    def start(
        self,
        call: str,
        port: MediaPort,
        session: MediaSession,
        identity: StreamIdentity,
        cipher: SrtpCipher | None = None,
        *,
        silent_after_s: float | None = None,
    ) -> None:
        """Begin to send and receive; the port belongs to the desk from here on. An encrypted stream is silent until it has a cipher."""
        try:
            settings = stream_settings(port, session, identity, self._settings.limits)
            slot = self._pump.start_stream(settings, time.monotonic_ns())
        except (MediaError, ValueError) as error:
            port.close()
            self._fault(call, error)
            return
        stream = self._streams[call] = _Stream(port, session, identity, slot, self._card.counters())
        stream.silent_after_s = self._settings.silent_after_s if silent_after_s is None else silent_after_s
        self._secure(stream, cipher)

    def update(self, call: str, session: MediaSession, *, relatch: bool, cipher: SrtpCipher | None = None) -> None:
        """Take over what a further offer and answer agreed on; `cipher` when the keys have changed."""
        stream = self._streams.get(call)
        if stream is None:
            return  # its start failed, which has been told
        try:
            settings = stream_settings(stream.port, session, stream.identity, self._settings.limits)
            self._pump.update_stream(stream.slot, settings, time.monotonic_ns(), relatch=relatch)
            stream.session = session
            self._secure(stream, cipher)
        except (MediaError, ValueError) as error:
            self._fault(call, error)

    def secure(self, call: str, cipher: SrtpCipher | None) -> None:
        """The keys of a stream are there."""
        stream = self._streams.get(call)
        if stream is not None:
            self._secure(stream, cipher)

    def take(self, call: str, datagram: bytes, source: Address) -> None:
        """A datagram that came to the stream by another way than its sockets."""
        stream = self._streams.get(call)
        if stream is not None:
            self._pump.take(stream.slot, datagram, source, time.monotonic_ns(), time.time_ns())

    def _keep_apart(self, datagrams: list[tuple[Slot, Address, bytes]]) -> None:
        calls = {stream.slot: call for call, stream in self._streams.items()}
        for slot, source, datagram in datagrams:
            if slot in calls:
                self._apart(calls[slot], datagram, source)

    def _secure(self, stream: _Stream, cipher: SrtpCipher | None) -> None:
        if stream.session.protection is None:
            # Of several phones that sent early media the one that answered may be plain.
            self._pump.unsecure(stream.slot, closed=False)
            stream.cipher = None
        elif cipher is not None:
            if stream.cipher is not None:
                cipher.inherit(stream.cipher)
            self._pump.secure(stream.slot, cipher)
            stream.cipher = cipher
        elif stream.cipher is None:
            self._pump.unsecure(stream.slot, closed=True)

    def stop(self, call: str) -> None:
        """End the stream, close its port and tell its figures."""
        stream = self._streams.pop(call, None)
        if stream is None:
            return
        quality = self._quality(call, stream)
        now_ns = time.monotonic_ns()
        self._pump.stop_stream(stream.slot, now_ns, time.time_ns())
        stream.port.close()
        self._sink(QualityMeasured(quality=quality, final=True, at_ns=now_ns))

    def measure(self, call: str) -> None:
        """Tell the figures so far."""
        stream = self._streams.get(call)
        if stream is not None:
            self._sink(QualityMeasured(quality=self._quality(call, stream), final=False, at_ns=time.monotonic_ns()))

    def send_digits(self, call: str, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Queue RFC 4733 digits."""
        stream = self._streams.get(call)
        if stream is None:
            return
        try:
            self._pump.send_digits(stream.slot, digits, duration_ms=duration_ms, gap_ms=gap_ms)
        except (LocalProtocolError, ValueError) as error:
            self._fault(call, error)

    def mute(self, call: str, *, muted: bool) -> None:
        """While muted the other side hears silence of us."""
        stream = self._streams.get(call)
        if stream is not None:
            self._pump.mute(stream.slot, muted=muted)

    def hush(self, call: str, *, hushed: bool) -> None:
        """While hushed the speaker does not play the stream."""
        stream = self._streams.get(call)
        if stream is not None:
            self._pump.hush(stream.slot, hushed=hushed)

    def confer(self, *, joined: bool) -> None:
        """Whether every stream hears the others."""
        self._pump.conference(joined=joined)

    def play(self, sound: tones.Sound, *, to_speaker: bool, to_call: str | None) -> None:
        """Play a tone or prompt instead of the one playing now."""
        stream = self._streams.get(to_call) if to_call is not None else None
        to_streams = 0 if stream is None else 1 << stream.slot
        match sound:
            case tones.Tone():
                self._pump.play_tone(sound.steps, repeats=sound.repeats, to_speaker=to_speaker, to_streams=to_streams)
                self._playing[Player.TONE] = sound.name
            case tones.Prompt():
                self._pump.play_prompt(sound.samples, repeats=sound.repeats, to_speaker=to_speaker, to_streams=to_streams)
                self._playing[Player.PROMPT] = sound.name

    def stop_playing(self) -> None:
        """Silence every tone and prompt."""
        for player in tuple(self._playing):
            self._pump.stop_sound(player)
        self._playing.clear()

    def stop_prompt(self, name: str) -> None:
        """Silence the prompt of this name, and nothing that has taken its place."""
        if self._playing.get(Player.PROMPT) == name:
            self._pump.stop_sound(Player.PROMPT)
            del self._playing[Player.PROMPT]

    def record(self, recorder: Listener | None, *, alone: bool = False) -> None:
        """Record what is said and heard from now on while a stream runs, or with `alone` in any case; None ends it."""
        if self._recorder is not None:
            self._recorder.finish()
        self._recorder = recorder
        self._records_alone = alone and recorder is not None

    def probe(self, sound: tones.Prompt, listener: Listener) -> None:
        """Play to the speaker and listen from the same period on."""
        self.record(listener, alone=True)
        self.play(sound, to_speaker=True, to_call=None)

    def end_probe(self, name: str, listener: Listener) -> None:
        """End what is left of a probe: its sound and its listener, nobody else's."""
        self.stop_prompt(name)
        if self._recorder is listener:
            self.record(None)

    def close(self) -> None:
        """End everything and close the card: no call, no open microphone."""
        for call in tuple(self._streams):
            self.stop(call)
        self.stop_playing()
        self.record(None)
        self._card.close()

    def _report(self, events: list[PumpEvent]) -> None:
        calls = {stream.slot: call for call, stream in self._streams.items()}
        for event in events:
            if event.kind is EventKind.SOUND_DONE:
                name = self._playing.pop(Player(event.value), "")
                self._sink(SoundEnded(name=name, at_ns=event.at_ns))
            elif event.slot in calls:
                told = self._translated(calls[event.slot], event)
                if told is not None:
                    self._sink(told)

    def _translated(self, call: str, event: PumpEvent) -> MediaEvent | None:
        stream = self._streams[call]
        if event.kind is EventKind.FIRST_AUDIO:
            stream.heard = True
            return FirstAudio(call=call, at_ns=event.at_ns)
        if event.kind is EventKind.DIGIT_BEGIN:
            stream.pressed, stream.keys = True, SAMPLES_AFTER_KEY
        elif event.kind is EventKind.DIGIT_END:
            stream.pressed = False
            return DigitHeard(call=call, digit=event.digit, duration_ms=event.value, at_ns=event.at_ns, in_band=event.in_band)
        if event.kind is EventKind.RESUMED:
            stream.silence_told = False
        elif event.kind is EventKind.SILENT and stream.session.direction.receives and not stream.silence_told:
            silent_s = event.value / 1000
            if silent_s >= stream.silent_after_s:
                stream.silence_told = True
                return StreamSilent(call=call, for_s=silent_s, at_ns=event.at_ns)
        return None

    def _quality(self, call: str, stream: _Stream) -> QualityRecord:
        before, now = stream.counters_at_start, self._card.counters()
        record = measured(
            call,
            stream.session,
            self._pump.stats(stream.slot),
            stream.history,
            self._pump.voip(stream.slot),
            ssrc=stream.identity.ssrc,
            duration_ms=(time.monotonic_ns() - stream.started_ns) // 1_000_000,
            card_ms=self._period_ns / 1e6 + now.reserve_ms,
            late_periods=stream.late_periods,
            overruns=now.overruns - before.overruns,
            underruns=now.underruns - before.underruns,
            echo=None if self._settings.echo is ECHO_OFF else self._pump.echo_stats(),
        )
        return record._replace(late_ms_max=stream.late_ns_max / 1e6)

    def _fault(self, call: str, error: Exception) -> None:
        self._sink(StreamFault(call=call, detail=str(error), at_ns=time.monotonic_ns()))
