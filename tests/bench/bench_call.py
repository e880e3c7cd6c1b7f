"""One registered station: idle for a minute, then in a G.711 call with Debian's baresip for another.

Both ends of the call play a file and throw the sound away, so that their processor bills compare. Debian's baresip has no echo canceller;
of what stands behind a microphone it has libspeexdsp's noise and gain control (`speex_pp`). So the whole of ours is laid beside three
bills: baresip bare, baresip with `speex_pp`, and that with libspeexdsp's canceller, measured alone in this run, on top.

No card of the bench hears its own loudspeaker, and each end has a voice of its own: our adaptive filter rests in that call. What it costs
while there is an echo is measured alone, and added in the last line.

    python -m tests.bench.bench_call [SECONDS]
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path
from typing import NamedTuple

from firmware.media.binding import EchoMode, EchoSettings, EchoState
from firmware.media.echo_canceller import EchoCanceller
from hw.settings import SoundSettings
from hw.wav import read_mono
from tests.bench.measure import Bill, Row, bill, report
from tests.interop.baresip import Baresip, baresip
from tests.interop.kamailio import SECRET, kamailio
from tests.interop.peers import eventually
from tests.interop.station import Station, station

FLOOR = ["/usr/bin/python3", "-c", "import asyncio, ssl, sys; print(flush=True); sys.stdin.read()"]
FLOOR_NAME = "import asyncio, ssl"
SPEECH = Path("firmware/demo/speech/visitor.wav")
ANSWER = Path("firmware/demo/speech/resident.wav")
CARD_RATE_HZ = SoundSettings().rate_hz
PEERS_FRAME = 160  # 20 ms at 8 kHz
ECHO_DELAY_FRAMES = 2
PEERS_TAIL = 1024  # 128 ms: the length that the library's manual names for a small room
BARE = """\
[audio]
echo = "off"
noise_suppression = false
gain_control = false
louder_in_noise_db = 0
"""
ACCOUNT = """\
[[account]]
name = "house"
uri = "sip:door@{server}"
password = "{secret}"
"""


def floor_rss_kb() -> int:
    """Resident memory of an interpreter that has imported asyncio and ssl."""
    with subprocess.Popen(FLOOR, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as floor:
        assert floor.stdin is not None
        assert floor.stdout is not None
        floor.stdout.readline()
        rss_kb = bill(floor.pid).rss_kb
        floor.stdin.close()
    return rss_kb


def card_speech(folder: Path) -> Path:
    """Two seconds of speech, again and again, at the rate of the simulated card: what holds or converts more is no part of the door."""
    path = folder / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(CARD_RATE_HZ)
        file.writeframes(read_mono(SPEECH, CARD_RATE_HZ, seconds_max=2).tobytes())
    return path


def spent(pid: int, seconds: float) -> tuple[Bill, Bill]:
    """The bill before and after so many seconds."""
    before = bill(pid)
    time.sleep(seconds)
    return before, bill(pid)


def call_bills(door: Station, phone: Baresip, phone_pid: int, seconds: float) -> tuple[float, float, int]:
    """Processor seconds of door and phone over one call, and the door's resident memory in it."""
    door.ctl("call", phone.uri)
    phone.wait_for("Call established")
    time.sleep(2)
    door_before, phone_before = bill(door.process.pid), bill(phone_pid)
    time.sleep(seconds)
    door_after, phone_after = bill(door.process.pid), bill(phone_pid)
    door.ctl("hangup")
    return door_after.cpu_s - door_before.cpu_s, phone_after.cpu_s - phone_before.cpu_s, door_after.rss_kb


class Bills(NamedTuple):
    """What one station and its phone have cost."""

    before: Bill
    idle: Bill
    door_s: float
    phone_s: float
    call_rss_kb: int


def bills(audio: str, seconds: float, modules: tuple[str, ...] = ("g711",)) -> Bills:
    """A station with `audio` in its configuration: registered and idle, then in a call, so many seconds each."""
    with tempfile.TemporaryDirectory() as name, kamailio() as server:
        folder, account = Path(name), ACCOUNT.format(server=server.address, secret=SECRET)
        speech = card_speech(folder)
        with (
            station(folder / "door", host="127.0.0.2", config=account + audio, arguments=("--microphone", str(speech))) as door,
            baresip(folder / "phone", host="127.0.0.3", speech=ANSWER, auto_answer=True, record=False, modules=modules) as phone,
        ):
            eventually(door.registered, within_s=10, what="the door registers", account=door.account)
            time.sleep(3)
            before, idle = spent(door.process.pid, seconds)
            return Bills(before, idle, *call_bills(door, phone, phone.pid, seconds))


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    minutes = seconds / 60
    whole, bare = bills("", seconds, ("g711", "speex_pp")), bills(BARE, seconds)
    canceller_s = peers_canceller_s(seconds)
    filter_s = own_canceller_s(seconds, echo=True) - own_canceller_s(seconds, echo=False)
    floor_kb = floor_rss_kb()
    idle_s, wake_ups = whole.idle.cpu_s - whole.before.cpu_s, whole.idle.switches - whole.before.switches
    rows = [
        Row(what="idle, registered: processor time a minute", value=idle_s / minutes, unit="s"),
        Row(what="idle, registered: wake-ups", value=wake_ups / seconds, unit="1/s", aim="≤ 0.2"),
        memory("registered", whole.idle.rss_kb, floor_kb),
        memory("in call", whole.call_rss_kb, floor_kb),
        processor(f"{seconds:.0f} s G.711 call", bare, aim="≤ 1 ×"),  # the phone cancels no echo either
        processor("same, echo, noise and gain controlled", whole, against="bare baresip", against_s=bare.phone_s),
        processor("the same", whole, against="baresip, noise and gain", against_s=whole.phone_s),
        processor("the same", whole, aim="≤ 1 ×", against="and libspeexdsp's canceller", against_s=whole.phone_s + canceller_s),
        Row(
            what="processor time, the same with an echo in it",
            value=whole.door_s + filter_s,
            unit="s",
            against="and libspeexdsp's canceller",
            against_value=whole.phone_s + canceller_s,
            aim="≤ 1 ×",
        ),
    ]
    report("call", rows)


def memory(when: str, rss_kb: int, floor_kb: int) -> Row:
    return Row(what=f"resident memory, {when}", value=rss_kb, unit="kB", against=FLOOR_NAME, against_value=floor_kb, aim="≤ 1.5 ×")


def processor(what: str, spent_on: Bills, aim: str = "", *, against: str = "baresip", against_s: float | None = None) -> Row:
    phone_s = spent_on.phone_s if against_s is None else against_s
    return Row(what=f"processor time, {what}", value=spent_on.door_s, unit="s", against=against, against_value=phone_s, aim=aim)


def voice(path: Path) -> list[bytes]:
    """Two seconds of it in periods of 20 ms at 8 kHz."""
    speech = read_mono(path, 8000, seconds_max=2)
    return [speech[at : at + PEERS_FRAME].tobytes() for at in range(0, len(speech) - PEERS_FRAME + 1, PEERS_FRAME)]


def own_canceller_s(seconds: float, *, echo: bool) -> float:
    """Processor time of our canceller over so many seconds: in the far side's echo, or in a voice that has nothing to do with it."""
    canceller = EchoCanceller(EchoSettings(mode=EchoMode.CANCEL, suppress_noise=True, gain_control=True), rate_hz=8000)
    far = voice(ANSWER)
    near = far if echo else voice(SPEECH)
    before_s = time.process_time()
    for number in range(int(seconds * 50)):
        canceller.run(far[number % len(far)], near[(number - ECHO_DELAY_FRAMES) % len(near)])
    spent_s = time.process_time() - before_s
    known = canceller.stats().state is EchoState.CONVERGED
    assert known is echo, f"the filter {'runs' if known else 'rests'}"
    return spent_s


def peers_canceller_s(seconds: float) -> float:
    """Processor time of libspeexdsp's echo canceller, as user agents set it up, over so many seconds of a call at 8 kHz."""
    library = ctypes.CDLL("libspeexdsp.so.1")
    library.speex_echo_state_init.restype = ctypes.c_void_p
    state = ctypes.c_void_p(library.speex_echo_state_init(PEERS_FRAME, PEERS_TAIL))
    frames = voice(ANSWER)
    result = (ctypes.c_int16 * PEERS_FRAME)()
    before_s = time.process_time()
    for number in range(int(seconds * 50)):
        far = frames[number % len(frames)]
        library.speex_echo_cancellation(state, far, far, result)
    spent_s = time.process_time() - before_s
    library.speex_echo_state_destroy(state)
    return spent_s


if __name__ == "__main__":
    main()
