"""`portero call`: one call from this machine's sound card, or from files; prints what happens and ends by Ctrl-C, in time or from there."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from firmware.app.calls import Calls
from firmware.app.line import SipLine
from firmware.app.sound import SoundSystem
from firmware.app.wiring.board import board_settings
from firmware.app.wiring.call_media import call_media
from firmware.app.wiring.protection import Protections
from firmware.config.load import load
from firmware.config.schema import Settings
from firmware.door import events as door
from firmware.errors import PorteroError
from firmware.ids import SystemIds
from firmware.media import events as media
from firmware.media.session import open_port
from firmware.sdp.codec_list import codec_list
from firmware.sip import events as sip
from firmware.sip.uri import Uri
from hw.api import HardwareError, SoundCard

EXIT_OK, EXIT_NOT_REACHED, EXIT_UNUSABLE = 0, 1, 2
REGISTER_S_MAX = 5.0  # some servers take calls from registered phones only; without an answer we try all the same
END_S_MAX = 2.0  # how long Ctrl-C waits for the other side's consent
CALL = door.CallName("call")
OVER = (door.Stage.BUSY, door.Stage.REFUSED, door.Stage.NO_ANSWER, door.Stage.UNREACHABLE, door.Stage.ENDED, door.Stage.LOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What the command line says. Without `config` the call is a direct one."""

    uri: str
    config: Path | None = None
    account: str | None = None
    seconds: float | None = None
    simulate: bool = False
    wav: Path | None = None
    record: Path | None = None


def call(options: CallOptions) -> int:
    """Place the call; 0 when it was answered, 1 when not, 2 when it could not be tried."""
    try:
        Uri.parse(options.uri)
        settings = load(options.config) if options.config is not None else Settings()
        if options.account is not None and options.account not in {account.name for account in settings.account}:
            print(f"portero call: no account named {options.account!r} in {options.config}", file=sys.stderr)
            return EXIT_UNUSABLE
        return asyncio.run(_OneCall(options, settings).run())
    except (PorteroError, HardwareError) as error:
        print(f"portero call: {error}", file=sys.stderr)
        return EXIT_UNUSABLE


class _OneCall:
    def __init__(self, options: CallOptions, settings: Settings) -> None:
        used = tuple(account for account in settings.account if account.name == options.account)
        # Any free port: the daemon may be running beside us.
        self._settings = settings._replace(account=used, network=settings.network._replace(sip_port=0))
        self._options = options
        self._answered = False
        self._began_s = 0.0

    async def run(self) -> int:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        ids = SystemIds()
        line = SipLine(self._settings, ids)
        sound = SoundSystem(self._card, self._heard, silent_after_s=self._settings.call.silence_limit_s, audio=self._settings.audio)
        first, last = self._settings.network.rtp_ports
        self._calls = Calls(
            command=line.command,
            tell=self._told,
            media=call_media(
                self._settings,
                sound=sound,
                open_port=lambda: open_port(self._settings.network.bind, range(first, last + 1), dscp=self._settings.network.dscp_rtp),
                codecs=codec_list(("opus", "G722", "PCMA", "PCMU")),
                ids=ids,
                protections=Protections(self._settings, sound.keyings.fingerprint),
            ),
        )
        await line.start()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._hang_up)
        try:
            await self._registered(line)
            line.attach(self._calls.on_event)
            self._began_s = time.monotonic()
            self._say(f"calling {self._options.uri}")
            self._calls.ring(door.Ring(call=CALL, uri=self._options.uri, account=self._options.account))
            await self._ended.wait()
            await self._legs_gone()
        finally:
            await line.stop()
            sound.close()
        return EXIT_OK if self._answered else EXIT_NOT_REACHED

    async def _registered(self, line: SipLine) -> None:
        if not self._settings.account:
            return
        known = asyncio.Event()
        line.attach(lambda event: known.set() if isinstance(event, sip.Registered | sip.RegistrationFailed) else None)
        with suppress(TimeoutError):
            await asyncio.wait_for(known.wait(), REGISTER_S_MAX)
        for name, registration in line.registrations.items():
            print(f"account {name}: {registration.detail}", flush=True)

    def _told(self, given: door.Input) -> None:
        match given:
            case door.CallMoved(stage=door.Stage.ANSWERED):
                self._answered = True
                self._say("answered; Ctrl-C hangs up")
                if self._options.seconds is not None:
                    self._loop.call_later(self._options.seconds, self._hang_up)
            case door.CallMoved(stage=stage, detail=detail) if stage in OVER:
                self._say(stage.value + (f": {detail}" if detail else ""))
                self._ended.set()
            case door.CallMoved(stage=stage):
                self._say(stage.value)
            case _:  # somebody calls us meanwhile: this command places one call, and the caller hears that we are busy
                if isinstance(given, door.IncomingCall):
                    self._calls.refuse(door.Refuse(call=given.call, refusal=door.Refusal.BUSY))

    def _heard(self, event: media.MediaEvent) -> None:
        """On the audio thread."""
        self._loop.call_soon_threadsafe(self._media, event)

    def _media(self, event: media.MediaEvent) -> None:
        match event:
            case media.FirstAudio():
                self._say("first sound")
            case media.DigitHeard(digit=digit):
                self._say(f"digit {digit}")
            case media.StreamSilent(for_s=for_s):
                self._say(f"no sound for {for_s:.0f} s")
                self._hang_up()
            case media.ConsentLost():
                self._say("the other side does not show any more that it wants our sound")
                self._hang_up()
            case media.KeyingFailed(detail=detail):
                self._say(detail)
                self._hang_up()
            case media.StreamEncrypted(cipher=cipher):
                self._say(f"encrypted by {cipher}")
            case media.SoundFault(detail=detail) | media.StreamFault(detail=detail):
                self._say(detail)
            case media.QualityMeasured(quality=quality, final=True):
                self._say(
                    f"heard {quality.packets_received} packets, lost {quality.loss_percent:.1f} %, "
                    f"jitter {quality.jitter_ms:.1f} ms, quality {quality.mos_heard:.1f} of 4.5"
                )
            case _:
                pass

    def _hang_up(self) -> None:
        if not self._ended.is_set():
            self._say("hanging up")
            self._calls.end(door.End(call=CALL, reason=door.EndReason.HUNG_UP))
            self._ended.set()

    async def _legs_gone(self) -> None:
        deadline_s = self._loop.time() + END_S_MAX
        while self._calls.legs and self._loop.time() < deadline_s:
            await asyncio.sleep(0.02)

    def _card(self) -> SoundCard:
        wires = board_settings(self._settings).sound
        if not self._options.simulate:
            from hw.alsa import open_duplex
            from hw.sound import HealingSound

            return HealingSound(wires, open_duplex)
        from hw.microphone import Recording
        from hw.simulated_sound import SimulatedSound

        microphone = None if self._options.wav is None else Recording(self._options.wav)
        return SimulatedSound(wires, microphone=microphone, speaker_wav=self._options.record)

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began_s:7.3f} s  {text}", flush=True)
