"""The installer's login at the emulated door: one connection for everything, as a new one costs the board a second of its processor.

Over it runs one small program there that asks the door's control socket; `portero ctl` would be a whole Python for each question.
"""

from __future__ import annotations

import json
import select
import shlex
import subprocess
import time
from pathlib import Path

from firmware.app.control.protocol import Json, request_line
from tests.appliance.emulator import Board

POLL_S = 0.2
LOGIN_S = 30.0  # one attempt: the firewall takes ten a minute
# Each line is a request to the door; each line back its reply, empty where there is no door to ask.
ASKER = """
import socket, sys
for line in sys.stdin.buffer:
    reply = b""
    try:
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(5)
            door.connect("/run/portero/control.sock")
            door.sendall(line)
            reply = door.makefile("rb").readline()
    except OSError:
        pass
    sys.stdout.buffer.write(reply or b"\\n")
    sys.stdout.buffer.flush()
"""


class Login:
    """A connection of ssh(1) to root at `host`, made when it is first needed and made anew after each new start of the board."""

    def __init__(self, folder: Path, board: Board, host: str) -> None:
        self._folder, self._board, self._host = folder, board, host
        self._master: subprocess.Popen[bytes] | None = None
        self._asker: subprocess.Popen[bytes] | None = None
        self._boot = 0

    def run(self, command: str, limit_s: float, source: Path) -> str:
        """What a command there prints, which reads `source`. Raises AssertionError when it fails, TimeoutExpired when it does not end."""
        self._open(limit_s)
        with source.open("rb") as given:
            done = subprocess.run(self._words(command), stdin=given, capture_output=True, text=True, timeout=limit_s, check=False)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def ask(self, verb: str, limit_s: float) -> Json:
        """What the door's control socket answers. Raises AssertionError without a login, or without a door that answers."""
        self._open(limit_s)
        if self._asker is not None and self._asker.poll() is not None:
            self._hang_up()
        if self._asker is None:
            words = self._words(f"/usr/lib/portero/bin/python3 -I -S -c {shlex.quote(ASKER)}")
            self._asker = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._asker.stdin is not None
        assert self._asker.stdout is not None
        self._asker.stdin.write(request_line(verb, ()))
        self._asker.stdin.flush()
        if not select.select((self._asker.stdout,), (), (), limit_s)[0]:
            self._hang_up()  # an answer that comes late would be taken for that to the next question
            raise AssertionError(f"no answer within {limit_s} s")
        reply = self._asker.stdout.readline()
        assert reply.strip(), "no door answers"
        said = json.loads(reply)
        assert said["ok"], said
        result: Json = said["result"]
        return result

    def close(self) -> None:
        """Hang up; allowed in any state."""
        self._hang_up()
        if self._master is not None:
            self._master.kill()
            self._master.communicate()
            self._master = None
        self._path.unlink(missing_ok=True)

    def _hang_up(self) -> None:
        if self._asker is not None:
            self._asker.kill()
            self._asker.communicate()
            self._asker = None

    @property
    def _path(self) -> Path:
        return self._folder / "login"

    def _words(self, *command: str) -> tuple[str, ...]:
        settings = (
            f"ControlPath={self._path}",
            f"UserKnownHostsFile={self._folder}/known",
            "StrictHostKeyChecking=no",
            "LogLevel=ERROR",
            f"ConnectTimeout={int(LOGIN_S)}",
            "ServerAliveInterval=10",  # a board that starts anew does not say goodbye, one that is busy takes its time
            "ServerAliveCountMax=3",
        )
        options = (word for each in settings for word in ("-o", each))
        return ("ssh", "-i", str(self._folder / "key"), *options, f"root@{self._host}", *command)

    def _open(self, limit_s: float) -> None:
        """Have a connection to the board as it runs now."""
        if self._master is not None and self._master.poll() is None and self._boot == self._board.boots:
            return
        self.close()
        self._boot = self._board.boots
        ssh, *rest = self._words()
        self._master = subprocess.Popen(
            (ssh, "-M", "-N", *rest), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        until = time.monotonic() + min(limit_s, LOGIN_S)
        while not self._path.exists():
            if self._master.poll() is not None or time.monotonic() > until:
                self._master.kill()
                _, said = self._master.communicate()
                self._master = None
                raise AssertionError(f"no login at {self._host}: {said.decode(errors='replace') or 'no answer'}")
            time.sleep(POLL_S)
