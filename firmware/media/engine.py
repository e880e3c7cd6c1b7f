"""The engine: sound of every call, driven from any thread, run by one audio thread that exists only while something sounds.

The first stream, tone or prompt starts the thread and opens the card, the last one closes it: without a call no microphone is open and
nothing wakes up. Commands travel through a bounded queue and are carried out between two periods; none of them waits. What happens comes
back through the sink, on the audio thread.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from firmware.errors import LocalProtocolError, MediaError
from firmware.ids import IdSource, SystemIds
from firmware.media.binding import DIGITS_MAX, STREAMS_MAX, lock_memory
from firmware.media.core_values import Address
from firmware.media.desk import DESK_DEFAULT, ApartSink, Command, Desk, DeskSettings
from firmware.media.events import MediaSink
from firmware.media.recorder import Listener, Recorder
from firmware.media.session import DATAGRAM_MAX, MediaPort
from firmware.media.stream import StreamIdentity, load_codecs
from firmware.media.tones import Prompt, Sound
from firmware.sdp.media_session import MediaSession
from firmware.sdp.protection import Agreed, SharedKeys
from hw.api import SoundCard

if TYPE_CHECKING:
    from firmware.media.srtp import SrtpCipher

COMMANDS_MAX: Final = 64  # a call takes five; more than this waiting means that the audio thread hangs in its card
DIGITS: Final = frozenset("0123456789*#ABCD")  # RFC 4733 §3.2
REALTIME_PRIORITY: Final = 50  # above ordinary work, below the kernel's own watchdog and migration threads (99)


class EngineSettings(NamedTuple):
    """`realtime_priority` 0 asks for none; refusal by the system is no error (`Engine.realtime` and `memory_locked` tell)."""

    desk: DeskSettings = DESK_DEFAULT
    realtime_priority: int = REALTIME_PRIORITY


class Engine:
    """Streams, digits, tones, prompts and recordings. `call` is the program's own name of a call leg (a CallKey)."""

    def __init__(
        self,
        card: SoundCard,
        sink: MediaSink,
        *,
        settings: EngineSettings | None = None,
        ids: IdSource | None = None,
        apart: ApartSink = lambda _call, _datagram, _source: None,
    ) -> None:
        """`apart` gets, on the audio thread, what came to a stream's port and is no media: STUN and DTLS; and reports in clear where
        another stream shares the port."""
        self._card = card
        self._sink = sink
        self._apart = apart
        self._settings = settings or EngineSettings()
        self._ids = ids or SystemIds()
        self._seed = self._ids.uint32() << 32 | self._ids.uint32()
        self._lock = threading.Lock()  # guards _commands against the thread's decision to end
        self._commands: deque[Command] = deque()
        self._thread: threading.Thread | None = None
        self._desk: Desk | None = None
        self._sessions: dict[str, MediaSession] = {}
        self._identities: dict[str, StreamIdentity] = {}
        self.realtime = self.memory_locked = False

    @property
    def running(self) -> bool:
        """Whether the audio thread exists, hence whether `last_period_ns` must move."""
        return self._thread is not None

    @property
    def last_period_ns(self) -> int:
        """Monotonic time of the last period, for the watchdog; 0 while no period has run since the thread began."""
        desk = self._desk
        return desk.last_period_ns if desk is not None else 0

    def start(self, call: str, port: MediaPort, session: MediaSession, *, silent_after_s: float | None = None) -> None:
        """Begin a stream; the engine owns the port from here on and closes it at the end.

        `silent_after_s`: how long the other side may give no sign of itself before StreamSilent is told, None: as in the settings.
        Raises LocalProtocolError for a call that has one, MediaError when there are too many, or for a codec that the core does not speak.
        """
        if call in self._sessions:
            raise LocalProtocolError(f"call {call} has a stream already")
        if len(self._sessions) >= STREAMS_MAX:
            raise MediaError(f"no more than {STREAMS_MAX} streams at a time")
        load_codecs(session, self._settings.desk.limits)
        identity = StreamIdentity.new(self._ids)
        cipher = _cipher(session.protection, identity)
        self._submit(lambda desk: desk.start(call, port, session, identity, cipher, silent_after_s=silent_after_s))
        self._sessions[call], self._identities[call] = session, identity

    def cname(self, call: str) -> str:
        """The canonical name of a stream (RFC 3550 §6.5.1): what belongs to it bears the same."""
        self._session(call)
        return self._identities[call].cname

    def update(self, call: str, session: MediaSession, *, relatch: bool = False) -> None:
        """Follow a re-INVITE, or the final answer after early media (`relatch`: packets may come from a new address)."""
        before = self._session(call)
        load_codecs(session, self._settings.desk.limits)
        cipher = None if session.protection == before.protection else _cipher(session.protection, self._identities[call])
        self._submit(lambda desk: desk.update(call, session, relatch=relatch, cipher=cipher))
        self._sessions[call] = session

    def secure(self, call: str, keys: SharedKeys) -> None:
        """Encrypt a stream whose session has agreed on a handshake, now that it has given keys. Raises MediaError as `start` does."""
        self._session(call)
        cipher = _cipher(keys, self._identities[call])
        self._submit(lambda desk: desk.secure(call, cipher))

    def take(self, call: str, datagram: bytes, source: Address) -> None:
        """A packet came to the stream by another way than its port. Where too many come for the audio thread, it is lost."""
        if call in self._sessions and len(datagram) <= DATAGRAM_MAX and len(self._commands) < COMMANDS_MAX // 2:
            self._submit(lambda desk: desk.take(call, datagram, source))

    def stop(self, call: str) -> None:
        """End a stream. Its figures follow as a final QualityMeasured. A call without a stream is ignored: it may have failed to start."""
        if self._sessions.pop(call, None) is not None:
            self._identities.pop(call, None)
            self._submit(lambda desk: desk.stop(call))

    def measure(self, call: str) -> None:
        """Ask for a QualityMeasured of the stream so far."""
        self._session(call)
        self._submit(lambda desk: desk.measure(call))

    def send_digits(self, call: str, digits: str, *, duration_ms: int = 160, gap_ms: int = 80) -> None:
        """Send digits as telephone events (RFC 4733). LocalProtocolError when they were not agreed or one is no digit."""
        if self._session(call).dtmf_send_payload_type is None:
            raise LocalProtocolError("the other side takes no telephone events")
        if not 0 < len(digits) <= DIGITS_MAX or not DIGITS.issuperset(digits):
            raise LocalProtocolError(f"want 1 to {DIGITS_MAX} of 0-9 * # A-D, not {digits!r}")
        self._submit(lambda desk: desk.send_digits(call, digits, duration_ms, gap_ms))

    def mute(self, call: str, *, muted: bool) -> None:
        """While muted the other side hears silence of us."""
        self._session(call)
        self._submit(lambda desk: desk.mute(call, muted=muted))

    def hush(self, call: str, *, hushed: bool) -> None:
        """While hushed, the speaker does not play the stream: something else has to be heard."""
        self._session(call)
        self._submit(lambda desk: desk.hush(call, hushed=hushed))

    def confer(self, *, joined: bool) -> None:
        """While joined, every stream hears the others as well as the microphone. Streams that begin later are joined as well."""
        if joined or self.running:
            self._submit(lambda desk: desk.confer(joined=joined))

    def play(self, sound: Sound, *, to_speaker: bool = True, to_call: str | None = None) -> None:
        """Play a tone or a prompt to the speaker, to a call, or both; one of each kind at a time, a new one replaces the old."""
        self._submit(lambda desk: desk.play(sound, to_speaker=to_speaker, to_call=to_call))

    def stop_playing(self) -> None:
        """Silence tones and prompts. Allowed when nothing plays."""
        if self.running:
            self._submit(lambda desk: desk.stop_playing())

    def stop_prompt(self, name: str) -> None:
        """Silence the prompt of this name, and nothing that has taken its place. Allowed when nothing plays."""
        if self.running:
            self._submit(lambda desk: desk.stop_prompt(name))

    def record(self, recorder: Recorder | None, *, alone: bool = False) -> None:
        """Record what is said and heard while a stream runs; None finishes the running recording. Call it after `start`.

        `alone` records the microphone without any stream, and keeps the card open, until another recorder or None.

        The desk finishes a recorder by itself when the last sound ends; wait for the file with `Recorder.wait`.
        """
        if recorder is not None or self.running:
            self._submit(lambda desk: desk.record(recorder, alone=alone))

    def probe(self, sound: Prompt, listener: Listener) -> None:
        """Play to the speaker, without any stream, and let `listener` hear the microphone from the same period on; until `end_probe`."""
        self._submit(lambda desk: desk.probe(sound, listener))

    def end_probe(self, name: str, listener: Listener) -> None:
        """End a probe, but no sound and no recording that have taken its place. Allowed when it has ended."""
        if self.running:
            self._submit(lambda desk: desk.end_probe(name, listener))

    def close(self, timeout_s: float = 2.0) -> None:
        """End every stream and sound and wait for the thread. Raises MediaError when the card hangs."""
        if self.running:
            self._submit(lambda desk: desk.hurry())
        for call in tuple(self._sessions):
            self.stop(call)
        self.stop_playing()
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
            if thread.is_alive():
                raise MediaError(f"the sound card did not let go within {timeout_s:g} s")

    def _session(self, call: str) -> MediaSession:
        session = self._sessions.get(call)
        if session is None:
            raise LocalProtocolError(f"call {call} has no stream")
        return session

    def _submit(self, command: Command) -> None:
        with self._lock:
            if len(self._commands) >= COMMANDS_MAX:
                raise MediaError("the audio thread takes no commands: the sound card hangs")
            self._commands.append(command)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="audio", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        self.realtime = self._ask_for_priority()
        while True:
            desk = Desk(self._card, self._sink, self._settings.desk, seed=self._seed, apart=self._apart)
            self._desk = desk
            desk.run(self._commands)
            self._desk = None
            desk.close()
            with self._lock:
                if not self._commands:  # else one came while the card closed: open it again
                    self._thread = None
                    return

    def _ask_for_priority(self) -> bool:
        priority = self._settings.realtime_priority
        if priority <= 0:
            return False
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))  # 0: this thread alone (sched_setscheduler(2))
        except OSError:
            return False  # not allowed: on a PC, or without CAP_SYS_NICE; the call works, a busy machine may be heard
        self.memory_locked = lock_memory()
        return True


def _cipher(agreed: Agreed | None, identity: StreamIdentity) -> SrtpCipher | None:
    """What encrypts a stream, None for a plain one and while keys are on their way. MediaError when the library is not there or cannot."""
    if not isinstance(agreed, SharedKeys):
        return None
    try:
        from firmware.media.srtp import SrtpCipher
    except ImportError as error:
        raise MediaError(f"encryption cannot be loaded ({error}): install libsrtp2 and build again") from error
    return SrtpCipher(send=agreed.send, receive=agreed.receive, ssrc=identity.ssrc)
