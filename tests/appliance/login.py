"""The installer's login at the emulated door: one connection for everything, as a new one costs the board a second of its processor.

Beside commands it carries the door's control socket here, where asking costs next to nothing; `portero ctl` there is a whole Python.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from firmware.app.control.client import ask
from firmware.app.control.protocol import Json
from tests.appliance.emulator import Board

CONTROL = "/run/portero/control.sock"
POLL_S = 0.2
LOGIN_S = 30.0  # one attempt: the firewall takes ten a minute


class Login:
    """A connection of ssh(1) to root at `host`, made when it is first needed and made anew after each new start of the board."""

    def __init__(self, folder: Path, board: Board, host: str) -> None:
        self._folder, self._board, self._host = folder, board, host
        self._master: subprocess.Popen[bytes] | None = None
        self._boot = 0

    def run(self, command: str, limit_s: float, source: Path) -> str:
        """What a command there prints, which reads `source`. Raises AssertionError when it fails, TimeoutExpired when it does not end."""
        self._open(limit_s)
        words = ("ssh", *self._options(), f"root@{self._host}", command)
        with source.open("rb") as given:
            done = subprocess.run(words, stdin=given, capture_output=True, text=True, timeout=limit_s, check=False)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def ask(self, verb: str, limit_s: float) -> Json:
        """What the door's control socket answers. Raises AssertionError without a login, OSError without a door at work."""
        self._open(limit_s)
        return ask(self._control, verb, limit_s=limit_s)

    def close(self) -> None:
        """Hang up; allowed in any state."""
        if self._master is not None:
            self._master.kill()
            self._master.wait()
            self._master = None
        for path in (self._path, self._control):
            path.unlink(missing_ok=True)

    @property
    def _path(self) -> Path:
        return self._folder / "login"

    @property
    def _control(self) -> Path:
        return self._folder / "control.sock"

    def _options(self) -> list[str]:
        settings = (
            f"ControlPath={self._path}",
            f"UserKnownHostsFile={self._folder}/known",
            "StrictHostKeyChecking=no",
            "LogLevel=ERROR",
            f"ConnectTimeout={int(LOGIN_S)}",
            "ServerAliveInterval=10",  # a board that starts anew does not say goodbye, one that is busy takes its time
            "ServerAliveCountMax=3",
            "ExitOnForwardFailure=yes",
        )
        return ["-i", str(self._folder / "key"), *(word for each in settings for word in ("-o", each))]

    def _open(self, limit_s: float) -> None:
        """Have a connection to the board as it runs now."""
        if self._master is not None and self._master.poll() is None and self._boot == self._board.boots:
            return
        self.close()
        self._boot = self._board.boots
        words = ("ssh", "-M", "-N", "-L", f"{self._control}:{CONTROL}", *self._options(), f"root@{self._host}")
        self._master = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        until = time.monotonic() + min(limit_s, LOGIN_S)
        while not self._path.exists():
            if self._master.poll() is not None or time.monotonic() > until:
                self._master.kill()
                _, said = self._master.communicate()
                self._master = None
                raise AssertionError(f"no login at {self._host}: {said.decode(errors='replace') or 'no answer'}")
            time.sleep(POLL_S)
