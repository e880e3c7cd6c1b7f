"""The same traces over real UDP into running programs: `portero run` and Debian's baresip, each with a card that stamps what it plays.

Delay counts from a packet's sending to its sample leaving the card. One minute a case at most, one case at a time. The sender keeps
absolute deadlines; a run in which it was late itself is marked, and repeated once.

    python -m tests.bench.audio.real [--seconds N] [--only WORD]
"""

from __future__ import annotations

import argparse
import contextlib
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tests.bench.audio.networks import CASES, Case, Trace
from tests.bench.audio.phone import Phone
from tests.bench.audio.replay import coded
from tests.bench.audio.report import HEAD, Result, Run, line_of, write
from tests.bench.audio.score import DelayLine, Judge, delay_line
from tests.bench.audio.senders import PACKET
from tests.bench.audio.speech import RATE_HZ, VOICES, Samples, Script, script
from tests.interop.peers import eventually, process
from tests.ports import free_port

CHOSEN: Final = ("clean", "jitter 0-40 ms", "stalls 100-200 ms", "loss 5 %")
SECONDS: Final = 36.0  # three voices of eleven seconds
LATE_MS: Final = 10.0  # a sender later than this disturbs what it measures
SETTLED_S: Final = 3.0
RTP_SPAN: Final = 40  # numbers for the sound of a call
CARD: Final = Path(__file__).with_name("stamped_card.c")
ALSA_CONF: Final = """\
pcm_type.stamped {{ lib "{library}" }}
pcm.door {{ type stamped log "{log}" }}
ctl.door {{ type hw card 0 }}
"""
STATION: Final = """\
[station]
name = "Front door"
[network]
bind = "{host}"
sip_port = {sip_port}
rtp_ports = [{rtp_first}, {rtp_last}]
[journal]
path = "{folder}/journal.db"
[control]
socket = "{folder}/control.sock"
[audio]
device = "door"
rate_hz = 8000
"""
BARESIP: Final = """\
poll_method epoll
sip_listen {host}:{sip_port}
net_interface {host}
audio_player alsa,door
audio_source alsa,door
audio_alert alsa,door
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp_first}-{rtp_last}
module_path /usr/lib/baresip/modules
module g711.so
module alsa.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control_port}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one run gave: samples aligned with the first packet's sending, and how late the sender was at worst."""

    heard: Samples
    late_ms: float
    underruns: int


def build_card(folder: Path) -> Path:
    library = folder / "libasound_module_pcm_stamped.so"
    command = ["gcc", "-shared", "-fPIC", "-DPIC", "-O2", "-Wall", "-Wextra", "-Werror", str(CARD), "-o", str(library), "-lasound"]
    subprocess.run(command, check=True)
    return library


def played(log: Path, begin_ns: int, count: int) -> tuple[Samples, int]:
    """`count` samples by the instants at which they left the card, from `begin_ns` on; and how often the card ran dry."""
    data, at = log.read_bytes(), 0
    heard = np.zeros(count, dtype=np.int16)
    parts: list[tuple[int, int, Samples]] = []
    starts: dict[int, int] = {}
    while at + 32 <= len(data):
        kind, run, value, frames = struct.unpack_from("<4q", data, at)
        at += 32
        if kind == 1:
            starts[run] = value
            continue
        parts.append((run, value, np.frombuffer(data[at : at + 2 * frames], dtype=np.int16)))
        at += 2 * frames
    for run, position, samples in parts:
        if run not in starts:
            continue
        first = round((starts[run] - begin_ns) * RATE_HZ / 1e9) + position
        low, high = max(first, 0), min(first + len(samples), count)
        if low < high:
            heard[low:high] = samples[low - first : high - first]
    return heard, max(0, len(starts) - 1)


def send(phone: Phone, octets: bytes, trace: Trace) -> tuple[int, float]:
    """Send packets at their arrival times, since the wire itself takes none. When it began, and how late the sender was at worst."""
    order = sorted((at, k) for k, at in enumerate(trace.arrival_s) if at is not None)
    begin_ns, worst_ms = time.monotonic_ns() + 50_000_000, 0.0
    for at_s, k in order:
        wait_s = begin_ns / 1e9 + at_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        else:
            worst_ms = max(worst_ms, -1000 * wait_s)
        phone.send_rtp(k, octets[k * PACKET : (k + 1) * PACKET])
    return begin_ns, worst_ms


@contextlib.contextmanager
def portero(folder: Path, environment: dict[str, str], phone: Phone) -> Iterator[None]:
    """The product, its card the stamped one, calling `phone`."""
    host, rtp_first = "127.0.0.2", free_port("127.0.0.2", RTP_SPAN)
    values = {"host": host, "sip_port": free_port(host), "rtp_first": rtp_first, "rtp_last": rtp_first + RTP_SPAN - 1, "folder": folder}
    config = folder / "portero.toml"
    config.write_text(STATION.format(**values))
    config.chmod(0o600)
    control = folder / "control.sock"
    command = [sys.executable, "-m", "firmware", "run", "--config", str(config)]
    with process(command, log=folder / "log", env=environment):
        eventually(control.exists, within_s=10, what="the daemon opens its control socket", account=(folder / "log").read_text)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(control))
            connection.sendall(b'{"verb": "call", "args": ["%s"]}\n' % phone.uri.encode())
            phone.answer()
            yield


@contextlib.contextmanager
def baresip(folder: Path, environment: dict[str, str], phone: Phone) -> Iterator[None]:
    """Debian's baresip with its default jitter buffer, calling `phone`."""
    host, rtp_first, control_port = "127.0.0.3", free_port("127.0.0.3", RTP_SPAN), free_port("127.0.0.3")
    values = {
        "host": host,
        "sip_port": free_port(host),
        "rtp_first": rtp_first,
        "rtp_last": rtp_first + RTP_SPAN - 1,
        "control_port": control_port,
    }
    (folder / "config").write_text(BARESIP.format(**values))
    (folder / "accounts").write_text(f"<sip:caller@{host}:{values['sip_port']}>;regint=0;audio_codecs=PCMU/8000/1\n")
    with process(["baresip", "-f", str(folder)], log=folder / "log", cwd=folder, env=environment):
        log = folder / "log"
        eventually(lambda: "baresip is ready" in log.read_text(errors="replace"), within_s=10, what="baresip starts", account=log.read_text)
        with socket.create_connection((host, control_port), timeout=5) as control:
            text = b'{"command": "dial", "params": "%s", "token": "t"}' % phone.uri.encode()
            control.sendall(b"%d:%s," % (len(text), text))
            phone.answer()
            yield


PROGRAMS: Final = {"portero": portero, "baresip": baresip}


def take(program: str, library: Path, octets: bytes, trace: Trace) -> Taken:
    """One call: the program rings our phone, which plays the trace to it."""
    with tempfile.TemporaryDirectory() as name, Phone("127.0.0.1") as phone:
        folder = Path(name)
        log, conf = folder / "card.log", folder / "asound.conf"
        conf.write_text(ALSA_CONF.format(library=library, log=log))
        environment = {"ALSA_CONFIG_PATH": str(conf), "HOME": name}
        with PROGRAMS[program](folder, environment, phone):
            time.sleep(1.0)  # the card starts; it plays silence
            begin_ns, late_ms = send(phone, octets, trace)
            time.sleep(0.7)
            phone.hang_up()
            time.sleep(0.5)
        heard, underruns = played(log, begin_ns, len(octets))
    return Taken(heard=heard, late_ms=late_ms, underruns=underruns)


def run_case(program: str, case: Case, library: Path, said: Script, judge: Judge) -> tuple[Run, Taken]:
    octets, sent = coded(said.stream)
    trace = case.make(random.Random(0), len(octets) // PACKET)
    taken = take(program, library, octets, trace)
    if taken.late_ms > LATE_MS:
        taken = min(taken, take(program, library, octets, trace), key=lambda t: t.late_ms)
    line = delay_line(sent, taken.heard, rate=trace.rate)
    quality = judge.quality(said, taken.heard, line, with_plcmos=case.plcmos is not None)
    settled = line.delay_ms[line.at_s > SETTLED_S]
    result = Result(
        case=f"{program}: {case.name}",
        pesq=quality.pesq,
        plcmos=quality.plcmos,
        delay_ms=float(settled.mean()) if len(settled) else float("nan"),
        span_ms=float(np.percentile(settled, 99) - np.percentile(settled, 1)) if len(settled) else float("nan"),
        recovery_s=None,
    )
    return Run(case=case, result=result, line=DelayLine(at_s=line.at_s, delay_ms=line.delay_ms)), taken


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    voices = VOICES[:3]
    said, judge, runs = script(clip_s=options.seconds / len(voices) - 0.5, voices=voices), Judge(), list[Run]()
    print(f"real time, {len(said.stream) / RATE_HZ:.0f} s a case; sending to leaving the card\n{HEAD}")
    with tempfile.TemporaryDirectory() as name:
        library = build_card(Path(name))
        for case in (case for case in CASES if case.name in CHOSEN and options.only in case.name):
            for program in PROGRAMS:
                run, taken = run_case(program, case, library, said, judge)
                runs.append(run)
                late = f"  the sender was late by up to {taken.late_ms:.0f} ms" if taken.late_ms > LATE_MS else ""
                print(f"{line_of(case, run.result)}  underruns {taken.underruns}{late}", flush=True)
    write("audio-real", runs)


if __name__ == "__main__":
    main()
