"""The daemon as a process of its own. Whoever waits for it hears at once when it has ended, and what it has said."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 60.0  # nothing here takes two seconds; a machine with other work may
LOOK_S = 0.02

T = TypeVar("T")


class Daemon:
    """`portero run --simulate` with the `portero.toml` of a folder, where its log comes to lie too; it ends with the block."""

    def __init__(self, folder: Path, **environ: str) -> None:
        command = [sys.executable, "-m", "firmware", "run", "--simulate", "--config", str(folder / "portero.toml")]
        self._log = folder / "log"
        with self._log.open("ab") as log:
            self._began = log.tell()
            self._process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environ}, stderr=log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def log(self) -> str:
        """What this one has written."""
        return self._log.read_bytes()[self._began :].decode()

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def until(self, look: Callable[[], T], what: str) -> T:
        """Look until something true is seen. AssertionError with the daemon's log when it has ended, or LIMIT_S is over."""
        deadline_s = time.monotonic() + LIMIT_S
        while True:
            has_ended = self._process.poll() is not None
            if found := look():
                return found
            assert not has_ended, self._account(f"ended before {what}")
            assert time.monotonic() < deadline_s, self._account(f"not within {LIMIT_S} s: {what}")
            time.sleep(LOOK_S)

    def until_said(self, text: str) -> None:
        """Until `text` stands in its log."""
        self.until(lambda: text in self.log, f"it says {text!r}")

    def exit_code(self) -> int:
        """How it ends by itself; minus the signal's number when one has ended it."""
        try:
            return self._process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(self._account(f"not ended within {LIMIT_S} s")) from None

    def kill(self) -> int:
        """End it whatever it does; the exit code, of before when it has ended already."""
        self._process.kill()
        return self._process.wait()

    def _account(self, what: str) -> str:
        return f"{what}; exit code {self._process.poll()}, and it has said:\n{self.log}"
