"""Debian's baresip as the resident's phone: driven by its TCP control port, heard by its recordings of both directions."""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.interop.peers import PATIENCE_S, eventually, process
from tests.ports import free_port

SPEECH_S = 180
MODULES = Path("/usr/lib/baresip/modules")
RTP_SPAN = 40  # numbers for the sound of its calls
CONFIG = """\
poll_method epoll
sip_listen {host}:{sip_port}
net_interface {host}
call_local_timeout 60
call_max_calls 4
audio_source {source}
audio_player aubridge,player
audio_alert aubridge,alert
ausrc_srate {rate_hz}
auplay_srate {rate_hz}
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp_first}-{rtp_last}
module_path {modules}
{codec_modules}module aufile.so
module aubridge.so
{recorder}module cons.so
cons_listen {host}:{console_port}
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
{more}ctrl_tcp_listen {host}:{control_port}
snd_path {folder}
"""


@dataclass
class Baresip:
    """One running baresip."""

    host: str
    sip_port: int
    console_port: int
    folder: Path
    pid: int
    control: socket.socket

    @property
    def uri(self) -> str:
        return f"sip:resident@{self.host}:{self.sip_port}"

    @property
    def log(self) -> str:
        return re.sub(r"\x1b\[[0-9;]*m", "", (self.folder / "log").read_text(errors="replace"))

    def command(self, name: str, parameters: str = "") -> None:
        """Send one command; the answer and the events stay in the socket for `events`."""
        text = json.dumps({"command": name, "params": parameters, "token": "t"}).encode()
        self.control.sendall(b"%d:%s," % (len(text), text))

    def forget(self) -> None:
        """Throw away the answers and events that have come so far."""
        while select.select([self.control], [], [], 0)[0] and self.control.recv(65536):
            pass

    def pictures_shown(self, size: str) -> int:
        """How many pictures of that size ("320 x 240") its screen has been given in the call."""
        self.forget()
        self.command("video_debug")
        said = b""
        while b'"token":"t"' not in said:  # events, which have none, may come before the answer
            piece = self.control.recv(65536)
            assert piece, self.log[-2000:]
            said += piece
        shown = re.search(rf"vidisp: \w+ {size} frames=(\d+)", said.decode(errors="replace"))
        return int(shown[1]) if shown else 0

    def press_keys(self, keys: str) -> None:
        """Dial digits inside the call, as fingers on the phone would; baresip sends them as telephone-events."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as console:
            for key in keys:
                sent = self.log.count("send DTMF digit:") + 1
                console.sendto(key.encode(), (self.host, self.console_port))
                self.wait_for("send DTMF digit:", times=sent)

    def wait_for(self, *texts: str, times: int = 1, within_s: float = PATIENCE_S) -> None:
        """Until one of `texts`, as releases of baresip differ, stands in its log."""

        def is_said() -> bool:
            log = self.log
            return any(log.count(text) >= times for text in texts)

        eventually(is_said, within_s=within_s, what=f"baresip says {' or '.join(texts)}", account=lambda: self.log[-2000:])

    def heard(self) -> Path:
        """The recording of what baresip decoded in its latest call."""
        return max(self.folder.glob("dump-*-dec.wav"))


def loop(speech: Path, into: Path) -> Path:
    """Three minutes of `speech` again and again: baresip hangs up at the end of its file."""
    with wave.open(str(speech)) as source, wave.open(str(into), "wb") as sink:
        sink.setparams(source.getparams())
        once = source.readframes(source.getnframes())
        for _ in range(1 + SPEECH_S * source.getframerate() // source.getnframes()):
            sink.writeframes(once)
    return into


def rate_of(speech: Path) -> int:
    """The sampling rate of a WAV file."""
    with wave.open(str(speech)) as file:
        return int(file.getframerate())


@contextlib.contextmanager
def baresip(
    folder: Path,
    *,
    host: str,
    speech: Path,
    account: str = "",
    auto_answer: bool = False,
    early_media: bool = False,
    record: bool = True,
    speaks: bool = True,
    codecs: str = "PCMU/8000/1",
    modules: tuple[str, ...] = ("g711",),
    certificate: tuple[str, str] | None = None,
    watched: str = "",
    settings: str = "",
    parameters: str = "",
) -> Iterator[Baresip]:
    """Start baresip with one account: `account` is its address line, or empty for a phone without a server.

    It `speaks` `speech` over and over, or sends no packet of sound at all, in `codecs` as baresip names them, which `modules` bring. With a
    `certificate` it takes TLS at the port after its own; it asks for the presence of the URI `watched`. `settings` are more lines of its
    configuration, `parameters` more of its account.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sip_port, rtp_first = free_port(host), free_port(host, RTP_SPAN)
    control_port, console_port = free_port(host), free_port(host)
    values = {
        "host": host, "sip_port": sip_port,
        "source": f"aufile,{loop(speech, folder / 'speech.wav')}" if speaks else "aubridge,nobody",
        "codec_modules": "".join(f"module {module}.so\n" for module in modules), "rate_hz": rate_of(speech),
        "rtp_first": rtp_first, "rtp_last": rtp_first + RTP_SPAN - 1, "modules": MODULES,
        "console_port": console_port, "control_port": control_port, "folder": folder, "recorder": "module sndfile.so\n" if record else "",
        "more": settings,
    }  # fmt: skip
    if certificate is not None:
        (folder / "both.pem").write_text(Path(certificate[0]).read_text() + Path(certificate[1]).read_text())
        values["more"] = f"{values['more']}sip_certificate {folder / 'both.pem'}\n"
    if watched:
        values["more"] = f"{values['more']}module_app contact.so\nmodule_app presence.so\n"
        (folder / "contacts").write_text(f'"Door" <{watched}>;presence=p2p\n')
    (folder / "config").write_text(CONFIG.format(**values))
    line = (account or f"<sip:resident@{host}:{sip_port}>;regint=0") + parameters
    answer = "auto" if auto_answer else "early" if early_media else "manual"
    (folder / "accounts").write_text(f"{line};answermode={answer};audio_codecs={codecs}\n")
    with process(["baresip", "-f", str(folder)], log=folder / "log", cwd=folder) as phone:
        eventually(lambda: "baresip is ready" in (folder / "log").read_text(errors="replace"), what="baresip starts")
        with socket.create_connection((host, control_port), timeout=PATIENCE_S) as control:
            yield Baresip(host, sip_port, console_port, folder, phone.pid, control)
