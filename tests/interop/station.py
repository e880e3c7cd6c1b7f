"""The product as installed: `portero run --simulate` in a process of its own, driven through its control socket."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.interop.peers import PATIENCE_S, eventually, process
from tests.ports import free_port

RTP_SPAN = 100  # numbers for the sound of its calls
CONFIG = """\
[station]
name = "Front door"
[network]
bind = "{host}"
sip_port = {sip_port}
rtp_ports = [{rtp_first}, {rtp_last}]
{network}
[journal]
path = "{folder}/journal.db"
[control]
socket = "{folder}/control.sock"
[[lock]]
name = "street"
gpio = 27
pulse_s = 1.0
[[code]]
name = "residents"
code = "7305"
"""


class Events:
    """What `events` has told so far, read by a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.seen: list[dict[str, Any]] = []
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(path))
        self._connection.sendall(b'{"verb": "events"}\n')
        self._lines = self._connection.makefile("rb")
        self._lines.readline()  # from this answer on nothing is missed
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self._lines:
            for line in self._lines:
                entry = json.loads(line)
                if "event" in entry:
                    self.seen.append(entry)

    def close(self) -> None:
        self._connection.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._connection.close()


@dataclass
class Station:
    """One running daemon."""

    host: str
    sip_port: int
    folder: Path
    process: subprocess.Popen[bytes]
    events: Events = field(init=False)

    def __post_init__(self) -> None:
        self.events = Events(self.folder / "control.sock")

    @property
    def address(self) -> str:
        return f"{self.host}:{self.sip_port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def account(self) -> str:
        """What the daemon told lately and logged, for the text of a failure."""
        return "\n".join(map(str, self.events.seen[-20:])) + "\n" + self.log[-3000:]

    def ctl(self, verb: str, *args: str) -> Any:
        """One verb; its result. AssertionError when the daemon refuses."""
        reply = self.ask(verb, *args)
        assert reply["ok"], f"{verb} {args}: {reply}\n{self.account()}"
        return reply["result"]

    def registered(self) -> bool:
        """Whether every account is."""
        return all(account["registered"] for account in self.ctl("status")["accounts"].values())

    def ask(self, verb: str, *args: str) -> Any:
        """One verb; its whole reply."""
        with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rwb") as lines:
            connection.settimeout(90)
            connection.connect(str(self.folder / "control.sock"))
            lines.write(json.dumps({"verb": verb, "args": args}).encode() + b"\n")
            lines.flush()
            return json.loads(lines.readline())

    def wait_for(self, event: str, *, times: int = 1, within_s: float = PATIENCE_S, **fields: object) -> dict[str, Any]:
        """Until the daemon has told of `event` with these fields so many times; the last of them."""

        def fitting() -> list[dict[str, Any]]:
            return [
                entry
                for entry in list(self.events.seen)
                if entry["event"] == event and all(entry.get(key) == value for key, value in fields.items())
            ]

        def found() -> dict[str, Any] | None:
            entries = fitting()
            return entries[times - 1] if len(entries) >= times else None

        found_entry = eventually(found, within_s=within_s, what=f"{event} {fields}", account=self.account)
        assert found_entry is not None
        return found_entry


@contextlib.contextmanager
def station(
    folder: Path, *, host: str, config: str, network: str = "", arguments: tuple[str, ...] = (), inside: tuple[str, ...] = ()
) -> Iterator[Station]:
    """Start the daemon with the common configuration followed by `config` (TOML); `network` are more lines of its [network].

    `inside` is what its command begins with: of a namespace where `host` is one of ours.
    """
    folder.mkdir(parents=True, exist_ok=True)
    looked = "127.0.0.1" if inside else host
    sip_port, rtp_first = free_port(looked), free_port(looked, RTP_SPAN)
    common = CONFIG.format(
        host=host, sip_port=sip_port, rtp_first=rtp_first, rtp_last=rtp_first + RTP_SPAN - 1, folder=folder, network=network
    )
    (folder / "portero.toml").write_text(common + config)
    (folder / "portero.toml").chmod(0o600)
    command = [*inside, sys.executable, "-m", "firmware", "run", "--simulate", "--config", str(folder / "portero.toml"), *arguments]
    with process(command, log=folder / "log", env={"MALLOC_ARENA_MAX": "1"}) as daemon:  # as its unit starts it

        def ready() -> bool:
            assert daemon.poll() is None, (folder / "log").read_text(errors="replace")
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(folder / "control.sock"))
                return True
            return False

        eventually(ready, what="the daemon opens its control socket")
        running = Station(host, sip_port, folder, daemon)
        try:
            yield running
        finally:
            running.events.close()
