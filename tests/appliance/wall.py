"""A wall for the emulated door: a network with a Kamailio and a resident's phone, a sound card to listen at, a card that was edited once.

Everything lives in the network namespace of the test run, which `make emulate` makes; nothing of it is seen outside.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from firmware.app.control.protocol import Json
from firmware.demo.phone import Orders
from firmware.demo.resident import Report, ResidentPhone
from image.places import OUT, ROOT, run
from tests.appliance.card import edit, flash
from tests.appliance.emulator import Board
from tests.appliance.login import Login
from tests.hw.pulse import Pulse
from tests.interop.kamailio import SECRET, Kamailio, kamailio
from tests.net.authority import Authority

KEPT = ROOT / "out" / "emulate" / os.environ.get("PORTERO_PART", "")  # consoles and figures of the last run
HOST, DOOR, TAP = "10.0.5.1", "10.0.5.2", "door0"
HOST_MAC = "02:00:70:6f:72:74"  # the same in each network, for boards that go on where another one was
SIP_PORT = 5060
WEB = (HOST, 8443)  # where updates are looked for
BUTTON, RELAY = 4, 5
CODE = "583216"
PULSE_S = 3
BOOT_S = 600.0  # a busy machine emulates slowly; the wait ends with the event
STEP_S = 120.0
INSTALL_S, TRIAL_S = 600.0, 600.0
ASK_S = 15
CARD_RATE_HZ = 16_000  # what a door asks a card for; nothing on the way to our ears converts it
BELONGINGS = ("card.img", "key", "authority")
# In small steps: by itself the microphone of QEMU comes in lumps of 100 ms, of which it loses half.
STEPS = ",".join(f"{way}.frequency={CARD_RATE_HZ},{way}.period-length=10000,{way}.buffer-length=60000" for way in ("in", "out"))
SOUND = f"alsa,id=sound,out.dev=door_speaker,in.dev=door_microphone,{STEPS}"
# Nothing speculates in QEMU, and page tables that the kernel has for itself would empty its translations at each system call.
OPTIONS = "options=console=ttyAMA0 systemd.journald.forward_to_console=1 kpti=off mitigations=off\n"
CONFIG = """\
[[account]]
name = "pbx"
uri = "sip:door@{server}"
password = "{secret}"
[[target]]
name = "resident"
uri = "sip:resident@{server}"
account = "pbx"
[[button]]
name = "bell"
gpio = {button}
targets = ["resident"]
[[lock]]
name = "door"
gpio = {relay}
pulse_s = {pulse_s}
[[code]]
name = "family"
code = "{code}"
[call]
hangup_after_open_s = 3
[lan]
address = "{door}/24"
gateway = "{host}"
[system]
hostname = "entrance"
time_servers = ["{host}"]
ssh_keys = ["{key}"]
[update]
url = "https://{host}:{web_port}/door.raucb"
ca = "/boot/firmware/updates.pem"
"""


class Wall:
    """The door and everything around it. `shell` runs a command on the door."""

    def __init__(self, folder: Path, board: Board, server: Kamailio, pulse: Pulse, card: Path, login: Login) -> None:
        self.folder, self.board, self.server, self.pulse, self.card = folder, board, server, pulse, card
        self._login = login

    def shell(self, command: str, limit_s: float = STEP_S, *, given: Path | None = None) -> str:
        """What a command on the door prints, which reads the file `given`. Raises AssertionError when it fails."""
        return self._login.run(command, limit_s, given or Path(os.devnull))

    def until(self, what: str, limit_s: float, command: str) -> float:
        """Until `command` succeeds on the door, which asks itself again and again: its firewall takes ten logins a minute. The seconds."""
        begun = time.monotonic()
        asking = f"timeout {ASK_S} sh -c {shlex.quote(f'until {command}; do sleep 1; done')}"
        while True:
            said = ""
            try:
                self.shell(asking, limit_s=2 * ASK_S)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                said = str(error)
            if not said:
                return time.monotonic() - begun
            assert time.monotonic() - begun < limit_s, f"{what}: not within {limit_s} s; {said}"
            time.sleep(1)

    def registered(self, limit_s: float = BOOT_S) -> float:
        """Until the door says that it is registered; how long it took, in seconds."""
        return self.told("the door is not registered", limit_s, is_registered)

    def ask(self, verb: str) -> Json:
        """What the door's control socket answers. Raises AssertionError without a login, or without a door that answers."""
        return self._login.ask(verb, ASK_S)

    def told(self, what: str, limit_s: float, right: Callable[[dict[str, Any]], bool]) -> float:
        """Until the status that the door tells is as it should be, `what` being why it is not; the seconds."""
        begun = time.monotonic()
        while True:
            try:
                status: Any = self.ask("status")
            except (AssertionError, BrokenPipeError) as error:
                said: object = error
            else:
                if right(status):
                    return time.monotonic() - begun
                said = status
            assert time.monotonic() - begun < limit_s, f"{what}: not within {limit_s} s; {said}"
            time.sleep(1)

    def keep(self, moment: Path) -> None:
        """Let others go on from here: what the board is, and the keys to it, in a folder that appears when it is whole."""
        half = moment.with_suffix(".half")
        half.mkdir(parents=True)
        self.board.keep(half / "memory", half / "card.img")
        for name in BELONGINGS[1:]:
            run("cp", "-r", self.folder / name, half)
        half.rename(moment)

    def denied(self) -> list[str]:
        """What AppArmor has kept the service from since this boot, as the kernel tells it."""
        return [line for line in self.shell("journalctl -b --no-pager | grep DENIED || true").splitlines() if 'profile="portero"' in line]

    def presses(self) -> int:
        """How many presses the door's journal has."""
        return self.shell("portero log").count("Pressed")

    def orders(self, name: str) -> Orders:
        """A resident who answers, listens for a while, speaks, and opens."""
        return Orders(
            bind_host=HOST,
            user="resident",
            secret=SECRET,
            registrar=f"sip:{self.server.address}",
            answer_after_s=2.0,
            reply_after_s=1.0,
            digits_after_s=14.0,
            digits=CODE,
            goodbye_after_s=30.0,
            recording=str(self.folder / f"{name}.wav"),
        )


def is_registered(status: dict[str, Any]) -> bool:
    """Whether a door that says this is registered with each account."""
    return all(each["registered"] for each in status["accounts"].values())


def image() -> Path:
    """What is flashed."""
    return Path(os.environ.get("PORTERO_IMAGE") or OUT / "portero-pi-arm64.img")


@contextmanager
def wall(moment: Path | None = None) -> Iterator[Wall]:
    """Build it, switch the door on, take all of it down again. With `moment` the door goes on from what another wall has kept there."""
    assert [name for _, name in socket.if_nameindex()] == ["lo"], "run this by `make emulate`, which gives it a network of its own"
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="portero-wall-")))
        network()
        pulse = Pulse(folder, rate_hz=CARD_RATE_HZ, channels=2)
        undo.callback(pulse.stop)
        pulse.start()
        server = undo.enter_context(kamailio(host=HOST, port=SIP_PORT))
        if moment is None:
            install(folder, server.address)
        else:
            run("cp", "-r", "--sparse=always", *(moment / name for name in BELONGINGS), folder)
        card = folder / "card.img"
        board = Board(folder, card, tap=TAP, sound=SOUND, environment=pulse.environment)
        undo.callback(keep, folder)
        undo.callback(board.cut)
        board.start(memory=moment / "memory" if moment is not None else None)
        login = Login(folder, board, DOOR)
        undo.callback(login.close)
        yield Wall(folder, board, server, pulse, card, login)


def install(folder: Path, server: str) -> None:
    """What an installer does: a flashed card with one edited file, a key for remote login. And an authority for the server with updates."""
    key, card = folder / "key", folder / "card.img"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "installer", "-f", key)
    flash(image(), card)
    public = key.with_suffix(".pub").read_text().strip()
    given = {"button": BUTTON, "relay": RELAY, "pulse_s": PULSE_S, "code": CODE, "door": DOOR, "host": HOST, "web_port": WEB[1]}
    edit(card, "portero.toml", CONFIG.format(server=server, secret=SECRET, key=public, **given), folder)
    edit(card, "options.env", OPTIONS, folder)
    authority = Authority(folder / "authority")
    authority.issue("web", f"IP:{HOST}")
    edit(card, "updates.pem", Path(authority.pem).read_text(), folder)


def keep(folder: Path) -> None:
    """Leave what the board said, and what was heard, for whoever looks into it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    for pattern in ("console-*.log", "*.wav", "*.raw"):
        for file in folder.glob(pattern):
            shutil.copyfile(file, KEPT / file.name)


def network() -> None:
    """Our end of the door's cable."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "tuntap", "add", TAP, "mode", "tap")
    run("ip", "link", "set", TAP, "address", HOST_MAC)
    run("ip", "addr", "add", f"{HOST}/24", "dev", TAP)
    run("ip", "link", "set", TAP, "up")


async def ring(wall_: Wall, phone: ResidentPhone) -> float:
    """Press the button and wait for the INVITE at the phone; the seconds between."""
    await phone.start()
    await phone.wait_for("registered", STEP_S)
    pressed = time.monotonic()
    wall_.board.lines.set(BUTTON, high=False)
    await asyncio.sleep(0.5)
    wall_.board.lines.set(BUTTON, high=True)
    until = pressed + STEP_S
    while not (invites := [each for each in phone.all_of("sip") if arrived(each, "INVITE")]):
        assert time.monotonic() < until, f"no INVITE within {STEP_S} s"
        await asyncio.sleep(0.05)
    return invites[0].at_ns / 1e9 - pressed


def arrived(report: Report, method: str) -> bool:
    """Whether this is a request that came to the phone."""
    return str(report.facts["text"]).startswith(f"{method} ") and not report.facts["sent"]
