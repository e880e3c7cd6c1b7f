"""A call of the door to itself: does sound get through the running daemon, its sound card, its codecs and its ports?

Two phones wait beside it on this machine. The daemon calls the first, and the second into the same conversation. The first sings three
notes over and over, the second listens: what it hears was decoded by the daemon, mixed by the beat of the sound card and encoded again. At
the panel the notes are faint; nobody has to answer anything.
"""

from __future__ import annotations

import asyncio
import math
import tempfile
from array import array
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Final, Literal, NamedTuple

from firmware.app.calls import Calls
from firmware.app.control.client import ask
from firmware.app.control.protocol import ControlError
from firmware.app.leg_media import LegMedia
from firmware.app.line import SipLine
from firmware.app.sound import SoundSystem
from firmware.app.wiring.protection import Protections, ice_credentials
from firmware.config.schema import Audio, Incoming, Settings
from firmware.door import events as door
from firmware.errors import PorteroError
from firmware.ids import SystemIds
from firmware.media.session import open_port
from firmware.sdp.codec_list import codec_list
from hw.api import HardwareError
from hw.settings import SoundSettings
from hw.simulated_sound import SimulatedSound

RATE_HZ: Final = 8000
NOTES_HZ: Final = (620, 1010, 1590)  # no two are harmonics of each other, none is a digit's tone (ITU-T Q.23)
NOTE_S: Final = 0.3
LEVEL: Final = 0.03  # of full scale, -30 dB: a whisper at the panel
WINDOW: Final = 480  # 60 ms: a note rises 20 dB over a street's noise
CLEARER: Final = 3.0  # a note counts where it is so much louder than the other two
LASTS: Final = 4  # windows, half over each other: a note has nine, noise seldom two
TUNES_MIN: Final = 2
ANSWER_S_MAX: Final = 20.0
LISTEN_S: Final = 5.0  # four tunes
AUDIO: Final = Audio(rate_hz=RATE_HZ, echo="off", noise_suppression=False, gain_control=False, louder_in_noise_db=0)


class Singer:
    """A microphone (`hw.microphone.Microphone`) that hears the tune over and over."""

    def __init__(self) -> None:
        self._tune = tune()
        self._at = 0

    def open(self, rate_hz: int) -> None:
        assert rate_hz == RATE_HZ
        self._at = 0

    def read(self, samples: int) -> bytes:
        piece = array("h", (self._tune[(self._at + n) % len(self._tune)] for n in range(samples)))
        self._at += samples
        return piece.tobytes()


def tune() -> array[int]:
    """Three notes and a pause of a note's length, signed 16 bit."""
    count = int(NOTE_S * RATE_HZ)
    notes = [round(LEVEL * 32767 * math.sin(2 * math.pi * hz * n / RATE_HZ)) for hz in NOTES_HZ for n in range(count)]
    return array("h", notes + [0] * count)


def tunes(heard: Sequence[int]) -> int:
    """How often the three notes were heard one after another."""
    sung = [_note(heard[at : at + WINDOW]) for at in range(0, len(heard) - WINDOW + 1, WINDOW // 2)]
    row = [note for note, same in groupby(sung) if note is not None and sum(1 for _ in same) >= LASTS]
    return sum(row[at : at + 3] == [0, 1, 2] for at in range(len(row)))


def _note(window: Sequence[int]) -> int | None:
    """Which note this is, if one stands out."""
    strengths = [_strength(window, hz) for hz in NOTES_HZ]
    loudest = max(strengths)
    if loudest < 1.0 or sum(CLEARER * each > loudest for each in strengths) > 1:
        return None
    return strengths.index(loudest)


def _strength(window: Sequence[int], hz: float) -> float:
    """The amplitude of one frequency (Goertzel's algorithm)."""
    turn = 2 * math.cos(2 * math.pi * hz / RATE_HZ)
    one = two = 0.0
    for value in window:
        one, two = value + turn * one - two, one
    return 2 * math.sqrt(max(0.0, one * one + two * two - turn * one * two)) / len(window)


class Address(NamedTuple):
    """Where phones of our own wait for the daemon: on this machine, over a transport that it uses."""

    host: str
    transport: Literal["udp", "tcp"]


def address(settings: Settings) -> Address | str:
    """Where the daemon can call itself; or why it cannot, and is not asked to."""
    if settings.call.media_encryption == "mandatory" and not settings.call.keys_in_clear:
        return "the door speaks encrypted alone"
    for transport in settings.network.transports:
        if transport == "udp" or transport == "tcp":
            return Address(settings.network.bind or "127.0.0.1", transport)
    return "the door calls over encrypted connections alone"


class _Phone:
    """Answers whoever calls."""

    def __init__(self, settings: Settings, card: SimulatedSound) -> None:
        self._settings = settings
        self.answered = asyncio.Event()
        ids = SystemIds()
        self.line = SipLine(settings, ids)
        self._sound = SoundSystem(lambda: card, lambda _event: None, silent_after_s=settings.call.silence_limit_s, audio=AUDIO)
        first, last = settings.network.rtp_ports
        self._calls = Calls(
            command=self.line.command,
            tell=self._told,
            media=LegMedia(
                sound=self._sound,
                open_port=lambda: open_port(settings.network.bind, range(first, last + 1)),
                codecs=codec_list(settings.audio.codecs),
                ptime_ms=20,
                session_id=ids.uint32,
                protection=Protections(settings, self._sound.keyings.fingerprint),
                ice=lambda: ice_credentials(settings),
            ),
        )

    async def start(self) -> None:
        await self.line.start()
        self.line.attach(self._calls.on_event)

    async def stop(self) -> None:
        await self.line.stop()
        self._sound.close()

    def _told(self, given: door.Input) -> None:
        match given:
            case door.IncomingCall(call=call):
                self._calls.accept(door.Accept(call=call))
            case door.CallMoved(stage=door.Stage.ANSWERED):
                self.answered.set()
            case _:
                pass


def _phone_settings(settings: Settings, place: Address) -> Settings:
    network = settings.network._replace(bind=place.host, sip_port=0, transports=(place.transport,), ice="off")
    return Settings(network=network, audio=settings.audio, call=settings.call, incoming=Incoming(allow=("*@*",)))


async def call_itself(settings: Settings, place: Address) -> str:
    """Let the running daemon call and listen; why its sound was not found again, or nothing when it was."""
    wanted = _phone_settings(settings, place)
    with tempfile.TemporaryDirectory(prefix="portero-self-call-") as folder:
        wav = Path(folder) / "heard.wav"
        wires = SoundSettings(rate_hz=RATE_HZ)
        singer = _Phone(wanted, SimulatedSound(wires, microphone=Singer()))
        listener = _Phone(wanted, SimulatedSound(wires, speaker_wav=wav))
        try:
            await singer.start()
            await listener.start()
            fault = await _conversation(Path(settings.control.socket), place, singer, listener)
        except (PorteroError, HardwareError) as error:
            fault = str(error)
        finally:
            await singer.stop()
            await listener.stop()
        return fault or _judged(wav)


async def _conversation(socket: Path, place: Address, singer: _Phone, listener: _Phone) -> str:
    placed = False
    try:
        for verb, phone, who in (("call", singer, "the first phone"), ("add", listener, "the second phone")):
            uri = f"sip:self-test@{_in_uri(place.host)}:{phone.line.port};transport={place.transport}"
            await asyncio.to_thread(ask, socket, verb, uri)
            placed = True
            try:
                await asyncio.wait_for(phone.answered.wait(), ANSWER_S_MAX)
            except TimeoutError:
                return f"{who} was not reached within {ANSWER_S_MAX:.0f} s"
        await asyncio.sleep(LISTEN_S)
    except (ControlError, OSError, ValueError) as error:
        return f"the daemon does not call: {error}"
    finally:
        if placed:  # a visitor's call is not ours to end
            with suppress(ControlError, OSError, ValueError):
                await asyncio.to_thread(ask, socket, "hangup")
    return ""


def _in_uri(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _judged(wav: Path) -> str:
    from hw.wav import read_mono

    try:
        heard = tunes(read_mono(wav, RATE_HZ, seconds_max=60))
    except HardwareError:
        return "no sound came back"
    return "" if heard >= TUNES_MIN else f"of about {LISTEN_S / NOTE_S / 4:.0f} tunes {heard} came back"
