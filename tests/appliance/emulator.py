"""An emulated board: QEMU's `virt` with the memory of a Zero 2 W and one core, started from the image's own card through U-Boot.

Its eight GPIO lines are driven and watched from here (qtest), its state is asked over QMP, its console is kept in a file. The firmware of a
Raspberry Pi, its own GPIO chip, its SD controller and its watchdog are not here: those only a real board shows.
What a board is at one moment, its memory and its card, can be kept, and others go on from there.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from image.places import run

U_BOOT = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
# The core is that of a Raspberry Pi 5: older ones cost an eighth more, since what they lack a kernel does in ways that are slow here. It is
# one, because several boards run at once, and two cores of one board would wait for each other whenever the machine is with another.
MACHINE = ("-machine", "virt,gic-version=2,acpi=off", "-cpu", "cortex-a76", "-smp", "1", "-m", "512", "-accel", "tcg,thread=multi")
LINES = 8
SERIAL = "00000000706f7274"
ZERO_2_W = "0x902120"  # the revision code by which libraries know the board and its header
MAC = "52:54:00:70:6f:72"
CONNECT_S = 60.0
MOMENT_S = 120.0  # until the memory is written down or taken over
COPY_BYTES_A_S = 1 << 40  # as fast as it goes
SOCKETS = ("qmp", "events", "qtest")


class Lines:
    """The board's GPIO lines over QEMU's test protocol: one request a line, events in between. Any thread may ask."""

    def __init__(self, path: Path, chip: str) -> None:
        self._socket = connect(path)
        self._socket.settimeout(None)
        self._stream = self._socket.makefile("r")
        self._chip = chip
        self._asking = threading.Lock()
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._seen: list[tuple[float, int, bool]] = []  # monotonic time, line, level of what the board drives
        self._reader = threading.Thread(target=self._read, name="lines")
        self._reader.start()
        self._ask(f"irq_intercept_out {chip}")

    def rest(self) -> None:
        """Every button at rest: high, as a pull-up holds it."""
        for line in range(LINES):
            self.set(line, high=True)

    def set(self, line: int, *, high: bool) -> None:
        """Put a level on a line from outside, as a button does."""
        self._ask(f"set_irq_in {self._chip} unnamed-gpio-in {line} {int(high)}")

    def wait(self, line: int, *, high: bool, limit_s: float, after: float = 0.0) -> float:
        """Until the board drives `line` to a level, after a monotonic time; returns when it did. Raises AssertionError when it does not."""

        def when() -> float:
            return next((at for at, seen, level in self._seen if (seen, level) == (line, high) and at > after), 0.0)

        with self._changed:
            done = self._changed.wait_for(when, limit_s)
            assert done, f"line {line} did not go {'high' if high else 'low'} within {limit_s} s; seen: {self._seen}"
            return done

    def forget(self) -> None:
        """What has happened so far counts no more, read or not."""
        self._ask("endianness")  # its answer comes after everything that waits in the socket
        with self._changed:
            self._seen.clear()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # the board has gone away first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._stream.close()
        self._socket.close()

    def _ask(self, words: str) -> None:
        with self._asking:
            self._socket.sendall(f"{words}\n".encode())
            answer = self._answers.get(timeout=CONNECT_S)
            assert answer.startswith("OK"), f"{words}: {answer or 'the board is off'}"

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            for said in self._stream:
                if match := re.match(r"IRQ (raise|lower) (\d+)", said):
                    with self._changed:
                        self._seen.append((time.monotonic(), int(match[2]), match[1] == "raise"))
                        self._changed.notify_all()
                elif not said.startswith("IRQ"):
                    self._answers.put(said)
        self._answers.put("")


class Resets:
    """Puts the buttons at rest after each new start of the guest: QEMU takes the lines low there, a board's pull-ups hold them high.

    `count`: how often it has started anew; `bites`: how often the board's watchdog had to do that.
    """

    def __init__(self, path: Path, lines: Lines) -> None:
        self._qmp = Qmp(path)
        self._lines = lines
        self.count = self.bites = 0
        self._thread = threading.Thread(target=self._watch, name="resets")
        self._thread.start()

    def close(self) -> None:
        """Ends after QEMU has."""
        self._thread.join()
        self._qmp.close()

    def _watch(self) -> None:
        with contextlib.suppress(OSError, AssertionError):  # the power went away just then
            for event in self._qmp.events():
                if event == "RESET":
                    self.count += 1
                    self._lines.rest()
                self.bites += event == "WATCHDOG"


class Board:
    """One board with one card. `start` switches it on, `cut` takes its power away; each start has a console of its own."""

    def __init__(self, folder: Path, card: Path, *, tap: str, sound: str = "none,id=sound", environment: dict[str, str]) -> None:
        self._folder, self._card, self._tap, self._sound, self._environment = folder, card, tap, sound, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: Lines | None = None
        self._resets: Resets | None = None
        self._starts = self._boots = 0

    @property
    def lines(self) -> Lines:
        """The GPIO lines of the board that runs."""
        assert self._lines is not None, "the board is off"
        return self._lines

    @property
    def watchdog_bites(self) -> int:
        """How often the watchdog has started the board anew since its power came on."""
        assert self._resets is not None, "the board is off"
        return self._resets.bites

    @property
    def boots(self) -> int:
        """Grows with each new start of the board, whoever causes it."""
        return self._boots + (self._resets.count if self._resets is not None else 0)

    @property
    def console(self) -> Path:
        """What the board has said since its last start."""
        return self._folder / f"console-{self._starts}.log"

    def start(self, clock: str = "utc", memory: Path | None = None) -> None:
        """Power on, with every button at rest (high). `clock` is what its clock shows then, such as 2001-01-01T00:00:00.

        With `memory` the board does not boot: it goes on from the moment that another one kept there, on a copy of that one's card.
        """
        self._starts += 1
        self._boots += 1
        for name in SOCKETS:
            (self._folder / name).unlink(missing_ok=True)
        words = (
            "qemu-system-aarch64",
            *MACHINE,
            "-bios",
            U_BOOT,
            "-dtb",
            str(device_tree(self._folder)),
            *self._devices(),
            "-rtc",
            f"base={clock}",
            *(("-incoming", f"exec:cat {shlex.quote(str(memory))}") if memory is not None else ()),
        )
        self._process = subprocess.Popen(words, env={**os.environ, **self._environment})
        qmp = Qmp(self._folder / "qmp")
        try:
            chip = next(each["name"] for each in qmp.ask("qom-list", path="/machine/unattached") if each["type"] == "child<pl061>")
            self._lines = Lines(self._folder / "qtest", f"/machine/unattached/{chip}")
            self._resets = Resets(self._folder / "events", self._lines)
            self._lines.rest()
            qmp.wait("query-status", "paused", "prelaunch")  # all of the memory is there
            qmp.ask("cont")
        finally:
            qmp.close()

    def keep(self, memory: Path, card: Path) -> None:
        """Write down this moment: the memory, and the card as it is then. The board stands still meanwhile."""
        qmp = Qmp(self._folder / "qmp")
        try:
            qmp.ask("stop")
            qmp.ask("migrate-set-parameters", **{"max-bandwidth": COPY_BYTES_A_S})
            qmp.ask("migrate", uri=f"exec:cat > {shlex.quote(str(memory))}")
            qmp.wait("query-migrate", "completed")
            run("cp", "--sparse=always", self._card, card)
            qmp.ask("cont")
        finally:
            qmp.close()

    def _devices(self) -> tuple[str, ...]:
        """A card that keeps what it was told to keep, a cable, a sound card, a watchdog, and our ways to look in."""
        card = ("-drive", f"file={self._card},format=raw,if=none,id=card,cache=writethrough", "-device", "virtio-blk-device,drive=card")
        cable = (
            "-netdev",
            f"tap,id=net,ifname={self._tap},script=no,downscript=no",
            "-device",
            f"virtio-net-device,id=cable,netdev=net,mac={MAC}",
        )
        # Without its timer the card runs as fast as the sound is taken from outside; with it the two clocks part, and most of it is lost.
        sound = ("-audiodev", self._sound, "-device", "intel-hda", "-device", "hda-duplex,audiodev=sound,use-timer=off")
        watchdog = ("-device", "i6300esb", "-action", "watchdog=reset")
        qmp, events, qtest = (f"unix:{self._folder / name},server=on,wait=off" for name in SOCKETS)
        monitors = ("-qmp", qmp, "-qmp", events, "-qtest", qtest, "-qtest-log", "none")
        console = ("-serial", f"file:{self.console}", "-display", "none", "-S")
        return (*card, *cable, *sound, *watchdog, *monitors, *console, "-nodefaults")

    def plug(self, *, cable_in: bool) -> None:
        """Pull the network cable out at the board, or put it in again."""
        qmp = Qmp(self._folder / "qmp")
        try:
            qmp.ask("set_link", name="cable", up=cable_in)
        finally:
            qmp.close()

    def said(self, text: str) -> int:
        """How often `text` stands on the console."""
        return self.console.read_text(errors="replace").count(text) if self.console.exists() else 0

    def wait_console(self, text: str, limit_s: float, *, times: int = 1) -> None:
        """Until `text` stands on the console so many times. Raises AssertionError with its end when it does not."""
        until = time.monotonic() + limit_s
        while self.said(text) < times:
            end = self.console.read_text(errors="replace")[-8000:] if self.console.exists() else ""
            assert time.monotonic() < until, f"{text!r} did not come within {limit_s} s; the console ends:\n{end}"
            assert self._process is not None
            assert self._process.poll() is None, f"QEMU has ended:\n{end}"
            time.sleep(0.2)

    def cut(self) -> None:
        """The power goes away, at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for one in (self._resets, self._lines):
            if one is not None:
                one.close()
        self._boots = self.boots
        self._resets = self._lines = None


class Qmp:
    """QEMU's monitor: one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self._socket = connect(path)
        self._stream = self._socket.makefile("r")
        self._stream.readline()  # its greeting
        self.ask("qmp_capabilities")

    def ask(self, command: str, **arguments: object) -> list[dict[str, str]]:
        """Send a command; its result, where that is a list. Events in between are skipped."""
        result = self._result(command, arguments)
        return result if isinstance(result, list) else []

    def wait(self, command: str, *statuses: str) -> None:
        """Until a question about a status is answered by one of these. Raises AssertionError when none comes, or a failure."""
        until = time.monotonic() + MOMENT_S
        while (status := self._status(command)) not in statuses:
            assert status != "failed", f"{command}: {status}"
            assert time.monotonic() < until, f"{command}: still {status!r} after {MOMENT_S} s"
            time.sleep(0.05)

    def _status(self, command: str) -> str:
        result = self._result(command, {})
        return str(result.get("status", "")) if isinstance(result, dict) else ""

    def _result(self, command: str, arguments: dict[str, object]) -> object:
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while "return" not in (answer := json.loads(self._stream.readline())):
            assert "error" not in answer, f"{command}: {answer}"
        return answer["return"]

    def events(self) -> Iterator[str]:
        """The names of what happens from now on, until QEMU ends."""
        self._socket.settimeout(None)
        for line in self._stream:
            yield json.loads(line).get("event", "")

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


def connect(path: Path) -> socket.socket:
    """A connection to a socket that QEMU is about to make."""
    until = time.monotonic() + CONNECT_S
    while True:
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            one.connect(str(path))
        except OSError:
            one.close()
            assert time.monotonic() < until, f"nobody listens at {path}"
            time.sleep(0.05)
        else:
            one.settimeout(CONNECT_S)
            return one


def device_tree(folder: Path) -> Path:
    """The board's description, as QEMU makes it, with the revision and a serial number of a Zero 2 W; made once."""
    file = folder / "board.dtb"
    if not file.exists():
        run("qemu-system-aarch64", "-machine", f"{MACHINE[1]},dumpdtb={file}", *MACHINE[2:], "-display", "none")
        run("fdtput", "-c", file, "/system")
        run("fdtput", "-t", "x", file, "/system", "linux,revision", ZERO_2_W)
        run("fdtput", "-t", "s", file, "/", "serial-number", SERIAL)
    return file
