"""The sound engine, made after the start, when there is time: nothing of it is needed for a REGISTER, all of it for a press.

The card stays closed until something sounds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from firmware.app.keyings import Keyings
from firmware.app.paths import Paths
from firmware.app.shared_way import Companion, SharedWay
from firmware.config.schema import Audio, OwnSound
from firmware.door.events import Sound
from firmware.errors import MediaError
from firmware.media.events import MediaSink
from firmware.media.session import MediaPort
from firmware.sdp.media_session import MediaSession
from firmware.sdp.protection import SharedKeys
from hw.api import SoundCard

if TYPE_CHECKING:
    from firmware.app.panel_sounds import PanelSounds
    from firmware.media.core_values import EchoSettings
    from firmware.media.dtls import Identity
    from firmware.media.engine import Engine
    from firmware.media.recorder import Listener, Recorder
    from firmware.media.tones import Prompt

AUDIO_DEFAULT: Final = Audio()
FIRST_OF_MEDIA: Final = 128  # of the first octet (RFC 7983 §7)


class SoundSystem:
    """The engine behind the calls and the panel's own sounds. Belongs to the event loop."""

    def __init__(
        self,
        card: Callable[[], SoundCard],
        sink: MediaSink,
        *,
        silent_after_s: float,
        audio: Audio = AUDIO_DEFAULT,
        own: Sequence[OwnSound] = (),
        takes_messages: bool = False,
    ) -> None:
        self._card = card
        self._sink = sink
        self._silent_after_s = silent_after_s
        self._audio = audio
        self._own = own
        self._takes_messages = takes_messages
        self._panel: PanelSounds | None = None
        self._engine: Engine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.keyings = Keyings(sink, self._secured)
        self._paths: Paths[MediaSession] = Paths(self._moved, sink)
        self.companion: Companion | None = None
        self._no_period_since_ns: int | None = None

    @property
    def engine(self) -> Engine:
        """The engine; the first use loads the media core, which takes 30 ms. Raises MediaError when it was not built."""
        if self._engine is None:
            try:
                from firmware.media.desk import DeskSettings
                from firmware.media.engine import Engine, EngineSettings
                from firmware.media.stream import BufferLimits
            except ImportError as error:
                raise MediaError(f"the media core cannot be loaded ({error}); build it: pip install -e .") from error
            audio = self._audio
            limits = BufferLimits(tone_digits=audio.tone_digits, pauses=audio.comfort_noise)
            desk = DeskSettings(limits=limits, silent_after_s=self._silent_after_s, echo=echo_settings(audio))
            settings = EngineSettings(desk=desk)
            self._engine = Engine(self._card(), self._sink, settings=settings, apart=self._apart)
        return self._engine

    def warm_up(self) -> None:
        """Load what the first press will need, and give back what the start needed. Raises MediaError when there is no media core."""
        self.engine  # noqa: B018 -- made by being asked for
        from firmware.media.binding import trim_heap

        trim_heap()

    @property
    def running(self) -> bool:
        """Whether anything sounds: the card is open."""
        return self._engine is not None and self._engine.running

    def start(self, call: str, port: MediaPort, session: MediaSession) -> None:
        port.hand_over()
        if port.relay is not None:
            port.relay.serve(partial(self._bring, call))
        self.engine.start(call, port, session)
        if session.ice is not None or session.protection is not None:
            self._loop = asyncio.get_running_loop()
        self._paths.start(call, port, session)
        self.keyings.start(call, port, session)

    def update(self, call: str, session: MediaSession, *, relatch: bool = False) -> None:
        placed = self._paths.placed(call, session)
        self.engine.update(call, placed, relatch=relatch)
        self.keyings.update(call, placed)

    def cname(self, call: str) -> str:
        """As `Engine.cname`."""
        return self.engine.cname(call)

    def keys(self, call: str) -> SharedKeys | None:
        """As `Keyings.keys`."""
        return self.keyings.keys(call)

    def certificate(self) -> Identity:
        """As `Keyings.identity`."""
        return self.keyings.identity

    def stop(self, call: str) -> None:
        self.keyings.stop(call)
        self._paths.stop(call)
        self.engine.stop(call)

    def way(self, call: str) -> SharedWay:
        """That of the call's sound, for what shares it; good until the sound stops."""
        return SharedWay(partial(self._paths.where, call))

    def _secured(self, call: str, keys: SharedKeys) -> None:
        self.engine.secure(call, keys)
        if self.companion is not None:
            self.companion.secured(call, keys)

    def _moved(self, call: str, session: MediaSession) -> None:
        self.engine.update(call, session)
        self.keyings.moved(call, (session.remote_host, session.remote_rtp_port))

    def _apart(self, call: str, datagram: bytes, source: tuple[str, int]) -> None:
        """On the audio thread: a datagram that is no sound came to the call's port."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._receive, call, datagram, source)

    def _receive(self, call: str, datagram: bytes, source: tuple[str, int]) -> None:
        # RFC 7983 §7: by the first octet.
        if datagram[0] >= FIRST_OF_MEDIA:
            self._reported(call, datagram, source)
        else:
            beside = self._paths if datagram[0] < 4 else self.keyings
            beside.receive(call, datagram, source)

    def _reported(self, call: str, reports: bytes, source: tuple[str, int]) -> None:
        """Where nothing is encrypted the address is no proof, but keeps strangers out."""
        where = self._paths.where(call)
        if self.companion is not None and where is not None and where[1][0] == source[0]:
            self.companion.reported(call, reports)

    def _bring(self, call: str, datagram: bytes, source: tuple[str, int]) -> None:
        """Through a relay, whose channel for `source` does not stand yet (RFC 8656 §11)."""
        if datagram[0] >= FIRST_OF_MEDIA:
            self.engine.take(call, datagram, source)
        else:
            self._receive(call, datagram, source)

    def confer(self, *, joined: bool) -> None:
        """Whether all streams hear each other."""
        if joined or self._engine is not None:
            self.engine.confer(joined=joined)

    def keep_apart(self, call: str, *, apart: bool) -> None:
        """While apart, the call hears nothing of the microphone, and the speaker nothing of the call."""
        self.engine.mute(call, muted=apart)
        self.engine.hush(call, hushed=apart)

    def play(self, sound: Sound) -> None:
        """Play one of the panel's own sounds, or with SILENCE none."""
        if sound is Sound.SILENCE:
            if self._engine is not None:
                self._engine.stop_playing()
            return
        engine = self.engine
        if self._panel is None:
            from firmware.app.panel_sounds import PanelSounds

            self._panel = PanelSounds(self._own, self._audio.prompts, takes_messages=self._takes_messages)
        wanted = self._panel.of(sound)
        engine.stop_playing()
        for each in wanted:
            engine.play(each)

    def stop_prompt(self, name: str) -> None:
        """As `Engine.stop_prompt`."""
        if self._engine is not None:
            self._engine.stop_prompt(name)

    def record(self, recorder: Recorder | None, *, alone: bool = False) -> None:
        """Record what is said and heard while a stream runs, `alone` also without one; None ends it. Raises MediaError."""
        if recorder is not None or self._engine is not None:
            self.engine.record(recorder, alone=alone)

    def probe(self, sound: Prompt, listener: Listener) -> None:
        """As `Engine.probe`. Raises MediaError."""
        self.engine.probe(sound, listener)

    def end_probe(self, name: str, listener: Listener) -> None:
        """As `Engine.end_probe`."""
        if self._engine is not None:
            self.engine.end_probe(name, listener)

    def announce_recording(self, call: str, *, words: bool) -> None:
        """Tell both sides of `call` that it is recorded, in words or by a beep."""
        from firmware.app.panel_sounds import spoken
        from firmware.media import tones

        language = "en" if self._audio.prompts == "off" else self._audio.prompts
        self.engine.play(spoken("recorded", language) if words else tones.BEEP, to_call=call)

    def last_period_ns(self, now_ns: int) -> int | None:
        """For the watchdog: when the audio thread last moved; None while there is none. A thread that has not moved yet counts from now."""
        engine = self._engine
        if engine is None or not self.running:
            self._no_period_since_ns = None
            return None
        if engine.last_period_ns:
            self._no_period_since_ns = None
            return engine.last_period_ns
        if self._no_period_since_ns is None:
            self._no_period_since_ns = now_ns
        return self._no_period_since_ns

    def close(self) -> None:
        """End every stream and close the card. Raises MediaError when the card hangs."""
        if self._engine is not None:
            self._engine.close()


def echo_settings(audio: Audio) -> EchoSettings:
    """What [audio] asks for behind the microphone."""
    from firmware.media.core_values import EchoMode, EchoSettings

    modes = {"cancel": EchoMode.CANCEL, "half_duplex": EchoMode.HALF_DUPLEX, "off": EchoMode.OFF}
    return EchoSettings(
        mode=modes[audio.echo],
        suppress_noise=audio.noise_suppression,
        gain_control=audio.gain_control,
        louder_db=audio.louder_in_noise_db,
    )
