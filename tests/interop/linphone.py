"""Debian's linphone as the resident's phone: its daemon without a screen, driven by lines at its standard input."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.interop.peers import PATIENCE_S, end, eventually
from tests.ports import free_port

RTP_SPAN = 40  # numbers for the sound of its calls
CONFIG = """\
[sip]
sip_port={udp}
sip_tcp_port={udp}
sip_tls_port={tls}
contact="Resident" <sip:resident@{host}>
use_ipv6=0
bind_address={host}
media_encryption=none
verify_server_certs=1
verify_server_cn=1
root_ca={ca}
{sip}
[rtp]
audio_rtp_port={rtp_first}-{rtp_last}
{more}
"""


@dataclass
class Linphone:
    """One running linphone-daemon."""

    host: str
    sip_port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def uri(self) -> str:
        return f"sip:resident@{self.host}:{self.sip_port}"

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text(errors="replace")

    def command(self, line: str, *, answer: str = "Status: Ok", within_s: float = PATIENCE_S) -> None:
        """One command; returns when its answer has come. Commands come one after the other, so that answers need no names."""
        before = len(self._answers())
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        eventually(lambda: len(self._answers()) > before, within_s=within_s, what=f"linphone answers {line!r}", account=self.account)
        last = self._answers()[-1]
        assert last == answer, f"{line!r}: {last}\n{self.account()}"

    def _answers(self) -> list[str]:
        """The answers so far; since 5.3 they stand behind a prompt."""
        return re.findall(r"(?m)^(?:daemon-linphone>)?(Status: .*)$", self.said)

    def wait_until_registered(self) -> None:
        """Until the account in its configuration is."""

        def is_registered() -> bool:
            self.command("register-status ALL")
            return "State: LinphoneRegistrationOk" in self.said

        eventually(is_registered, what="linphone registers", account=self.account)

    def wait_for(self, text: str, *, times: int = 1, within_s: float = PATIENCE_S) -> None:
        """Until `text` stands in what linphone says."""
        eventually(lambda: self.said.count(text) >= times, within_s=within_s, what=f"linphone says {text!r}", account=self.account)

    def account(self) -> str:
        """What it said and logged lately, for the text of a failure."""
        return self.said[-2000:] + (self.folder / "log").read_text(errors="replace")[-3000:]


@contextlib.contextmanager
def linphone(
    folder: Path, *, host: str, ca: str = "", sip: str = "", more: str = "", arguments: tuple[str, ...] = ()
) -> Iterator[Linphone]:
    """Start it; `sip` are more lines of its [sip] section, `more` further sections. Without a sound card it speaks silence."""
    (folder / "home" / ".local" / "share" / "linphone").mkdir(parents=True)  # it keeps its database there, and makes no folder for it
    (folder / "home" / ".config").mkdir()
    port, tls, rtp = free_port(host), free_port(host), free_port(host, RTP_SPAN)
    (folder / "rc").write_text(
        CONFIG.format(host=host, udp=port, tls=tls, ca=ca, sip=sip, more=more, rtp_first=rtp, rtp_last=rtp + RTP_SPAN - 1)
    )
    command = ["linphone-daemon", "--config", str(folder / "rc"), "--log", str(folder / "log"), "--disable-stats-events", *arguments]
    with (folder / "said").open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HOME": str(folder / "home"), "XDG_DATA_HOME": str(folder / "home" / ".local" / "share")},
            start_new_session=True,
        )
    try:
        phone = Linphone(host, port, folder, process)
        phone.command("ipv6 disable")
        yield phone
    finally:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        end(process)
