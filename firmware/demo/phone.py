"""The resident's phone: the same user agent and the same media engine, in a process of its own.

`python -m firmware.demo.phone ORDERS` obeys a JSON object and reports each thing that happens as one JSON object a line on its standard
output, with monotonic time stamps, which all processes of a machine share. It ends after its first call, or when its standard input closes:
whoever watches is gone then, and a call that is up is left as it is.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

from firmware.demo.openh264 import Decoder
from firmware.demo.screen import Screen, drain
from firmware.demo.speaking import GOODBYE, RESIDENT, SpeakingMicrophone
from firmware.errors import MediaError
from firmware.ids import SystemIds
from firmware.media import events as media
from firmware.media.engine import Engine
from firmware.media.recorder import Recorder
from firmware.media.session import MediaPort, open_port
from firmware.net.runner import Runner, TraceEntry
from firmware.sdp.codec import PCMA, PCMU, TELEPHONE_EVENT
from firmware.sdp.h264 import Picture
from firmware.sdp.media_session import LocalMedia
from firmware.sdp.video_session import LocalVideo, VideoSession
from firmware.sip import events as sip
from firmware.sip.agent import Account, Agent, AgentSettings
from firmware.sip.uri import Uri
from hw.settings import SoundSettings
from hw.simulated_sound import SimulatedSound

RATE_HZ = 8000
QUALITY_S_MAX = 2.0  # how long the end of the call may wait for the figures of its sound
ACCOUNT = sip.AccountName("resident")
PORTS = range(30_000, 40_000)
SHOWN = Picture(640, 480, 15, 1_000)  # the most that the phone shows


class Orders(NamedTuple):
    """What the resident does. `registrar` '': no server, called directly. Times count from the answer, but `answer_after_s`.

    `recording` and `frames` are files that are written; `frames` '': the phone has no screen.
    """

    bind_host: str
    user: str
    secret: str
    registrar: str
    answer_after_s: float
    reply_after_s: float
    digits_after_s: float
    digits: str
    goodbye_after_s: float
    recording: str
    frames: str = ""


class Phone:
    """One phone that waits for one call."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._loop = asyncio.get_running_loop()
        self._ids = SystemIds()
        self._microphone = SpeakingMicrophone(RATE_HZ)
        card = SimulatedSound(SoundSettings(rate_hz=RATE_HZ), microphone=self._microphone)
        self._engine = Engine(card, self._from_audio_thread, ids=self._ids)
        self._runner = Runner(
            Agent(self._agent_settings(), self._ids, self._loop.time()),
            bind_host=orders.bind_host,
            sip_port=0,
            on_event=self._on_event,
            on_trace=self._on_trace,
        )
        self._port: MediaPort | None = None
        self._screen_port: MediaPort | None = None
        self._screen: Screen | None = None
        self._decoder: Decoder | None = None
        self._recorder: Recorder | None = None
        self._talking: sip.CallKey | None = None
        self._measured = asyncio.Event()
        self.ended = asyncio.Event()

    async def run(self) -> None:
        """Wait for the call, live through it, report it."""
        await self._runner.start()
        report("listening", port=self._runner.local_port)
        if self._orders.registrar:
            self._runner.command(sip.Register(account=ACCOUNT))
        await self.ended.wait()
        self._end_sound()
        if self._recorder is not None:
            await self._account(self._recorder)
        self._close_screen()
        self._engine.close()
        await self._runner.close()

    async def _account(self, recorder: Recorder) -> None:
        """What the end of the call still owes: its figures, and the rest of its recording."""
        try:
            async with asyncio.timeout(QUALITY_S_MAX):
                await self._measured.wait()
        except TimeoutError:
            report("problem", text=f"the figures of the call did not come within {QUALITY_S_MAX:.0f} s")
        recorder.wait(QUALITY_S_MAX)
        report("recorded", started_ns=recorder.started_ns)

    def _agent_settings(self) -> AgentSettings:
        orders = self._orders
        if not orders.registrar:
            return AgentSettings(user=orders.user, user_agent="Portero demo phone")
        registrar = Uri.parse(orders.registrar)
        account = Account(
            name=ACCOUNT,
            aor=registrar._replace(user=orders.user),
            registrar=registrar,
            username=orders.user,
            secret=orders.secret,
            display_name="Resident",
        )
        return AgentSettings(accounts=(account,), user_agent="Portero demo phone")

    def _on_event(self, event: sip.Event) -> None:
        match event:
            case sip.Registered():
                report("registered")
            case sip.RegistrationFailed(status=status, detail=detail):
                report("problem", text=f"the phone is not registered: {status} {detail}")
            case sip.IncomingCall(call=call) if self._port is None:
                self._ring(call)
            case sip.IncomingCall(call=call):
                self._runner.command(sip.HangUp(call=call, status=486))  # one call is all that it takes
            case sip.MediaAgreed(call=call, session=session) if self._recorder is None:
                self._start_sound(call, event)
            case sip.MediaAgreed(call=call, session=session):
                self._engine.update(call, session)
            case sip.CallAnswered(call=call):
                self._talk(call)
            case sip.CallEnded():
                self._end_sound()
                report("ended", text=event.text)
                self.ended.set()
            case _:
                pass

    def _ring(self, call: sip.CallKey) -> None:
        self._port = open_port(self._orders.bind_host, PORTS)
        self._runner.command(sip.Ring(call=call))
        screen = None
        if self._orders.frames:
            self._screen_port = open_port(self._orders.bind_host, PORTS)
            screen = LocalVideo(rtp_port=self._screen_port.rtp_port, picture=SHOWN, is_screen=True)
        codecs = (PCMU, PCMA, TELEPHONE_EVENT)
        local = LocalMedia(rtp_port=self._port.rtp_port, codecs=codecs, session_id=self._ids.uint32(), video=screen)
        self._loop.call_later(self._orders.answer_after_s, lambda: self._runner.command(sip.Answer(call=call, media=local)))

    def _start_sound(self, call: sip.CallKey, agreed: sip.MediaAgreed) -> None:
        assert self._port is not None
        self._talking = call
        self._recorder = Recorder(Path(self._orders.recording))
        self._engine.start(call, self._port, agreed.session)
        self._engine.record(self._recorder)
        if agreed.session.video is not None:
            self._start_screen(agreed.session.video)

    def _end_sound(self) -> None:
        call, self._talking = self._talking, None
        if call is not None:
            self._engine.record(None)
            self._engine.stop(call)

    def _start_screen(self, video: VideoSession) -> None:
        assert self._screen_port is not None
        try:
            self._decoder = Decoder()
        except MediaError as error:
            report("no decoder", text=str(error))
        self._screen = Screen(video.payload_type, self._decoder, lambda at_ns: report("first picture", at_ns=at_ns))
        self._loop.add_reader(self._screen_port.rtp_fd, drain, self._screen_port, self._screen, time.monotonic_ns)

    def _close_screen(self) -> None:
        """Keep what was shown, one frame behind the other; the report says which is which."""
        if self._screen_port is not None:
            self._loop.remove_reader(self._screen_port.rtp_fd)
            self._screen_port.close()
        if self._decoder is not None:
            self._decoder.close()
        if self._screen is not None:
            kept = self._screen.kept
            Path(self._orders.frames).write_bytes(b"".join(each.frame.i420 for each in kept))
            frames = [(each.at_ns, each.frame.width, each.frame.height) for each in kept]
            report("pictures", seen=self._screen.seen._asdict(), frames=frames)

    def _talk(self, call: sip.CallKey) -> None:
        orders, later = self._orders, self._loop.call_later
        later(orders.reply_after_s, lambda: self._microphone.say(RESIDENT))
        later(orders.digits_after_s, lambda: self._press(call))
        later(orders.goodbye_after_s, lambda: self._microphone.say(GOODBYE))

    def _press(self, call: sip.CallKey) -> None:
        if not self.ended.is_set():
            report("digits", text=self._orders.digits)
            self._engine.send_digits(call, self._orders.digits, duration_ms=120, gap_ms=80)

    def _on_trace(self, entry: TraceEntry) -> None:
        text = entry.data.decode("utf-8", "replace")
        report("sip", at_ns=round(entry.at_s * 1e9), sent=entry.sent, peer_port=entry.hop.port, text=text)

    def _from_audio_thread(self, event: media.MediaEvent) -> None:
        self._loop.call_soon_threadsafe(self._on_media, event)

    def _on_media(self, event: media.MediaEvent) -> None:
        match event:
            case media.FirstAudio(at_ns=at_ns):
                report("first audio", at_ns=at_ns)
            case media.QualityMeasured(quality=quality, final=True):
                report("quality", quality=quality._asdict())
                self._measured.set()
            case media.SoundFault(detail=detail) | media.StreamFault(detail=detail):
                report("problem", text=detail)
            case _:
                pass


def report(kind: str, at_ns: int | None = None, **facts: object) -> None:
    """One line to whoever watches. When nobody does any more, the closed input says so as well, and ends the phone."""
    try:
        print(json.dumps({"kind": kind, "at_ns": time.monotonic_ns() if at_ns is None else at_ns, **facts}), flush=True)
    except BrokenPipeError:
        with Path(os.devnull).open("wb") as nowhere:  # for what is said until then, and for the interpreter's last flush
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


async def main(orders: Orders) -> None:
    """Live until the call has ended or nobody watches any more."""
    phone = Phone(orders)
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), lambda: None if sys.stdin.read(1) else phone.ended.set())
    await phone.run()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; who started the phone ends it
    asyncio.run(main(Orders(**json.loads(sys.argv[1]))))
