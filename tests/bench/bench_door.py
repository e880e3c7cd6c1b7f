"""The running daemon with ten thousand users: press → INVITE on the wire; digit, PIN and card → relay edge.

    python -m tests.bench.bench_door

Everything counts that stands between: debounce, journal on the disk, the store of users, the hash of a PIN (slow on purpose), SIP over the
loopback, and for the visitor, the card and the keys the control socket. The edge is that of the simulated board's relay, in the same
monotonic clock.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from firmware.app.users.form import sealed
from firmware.app.users.person import Person
from firmware.app.users.seal import SCRYPT_BLOCK, SCRYPT_COST, Seal, SecretKind
from firmware.app.users.store import UserStore
from tests.bench.bench_access import USERS, crowd
from tests.bench.bench_press import DEBOUNCE_MS, commit_ms, press_ms
from tests.bench.measure import Row, median, percentile, report
from tests.interop.peers import eventually
from tests.interop.station import Station, station

TRIES = 100
CODE = "7305"  # of the station's [[code]]
CONFIG = """\
[users]
path = "{folder}/users.db"
key = "{folder}/users.key"
[call]
hangup_after_open_s = "never"
talk_limit_s = 3600
silence_limit_s = 600
[[button]]
name = "bell"
gpio = 17
debounce_ms = {debounce_ms}
targets = ["sip:resident@127.0.0.1:{port}"]
[[lock]]
name = "gate"
gpio = 22
pulse_s = 0.1
max_closed_s = 120
[[reader]]
name = "wall"
port = "/dev/null"
lock = "gate"
[[keypad]]
name = "pad"
gpio_rows = [5, 6, 13, 19]
gpio_columns = [16, 20, 21]
lock = "gate"
"""


def filled_store(folder: Path) -> list[str]:
    """Ten thousand users with PIN and card; returns the digits of the first `TRIES`, whose code they are as well."""
    digits = [each for each in crowd()[1] if not each.startswith(CODE)]
    with contextlib.closing(UserStore(folder / "users.db", folder / "users.key", create=True)) as store:
        changes = []
        for number in range(USERS):
            person = Person(name=f"Tenant {number}", locks=("gate",), cards=(f"{number:08X}",))
            kinds = (SecretKind.PIN, SecretKind.CODE) if number < TRIES else (SecretKind.PIN,)
            # Who types nothing here has a seal of no digits: the look-up cannot tell, and ten thousand hashes are spared.
            made = store.sealer.seals(digits[number]) if number < TRIES else {kind: nobodys_seal() for kind in SecretKind}
            changes.append(sealed(person, tuple((kind, made) for kind in kinds)))
        store.apply(changes)
    return digits[:TRIES]


def nobodys_seal() -> Seal:
    return Seal(mark=os.urandom(16), proof=os.urandom(16), digits=8)


class Dialog(NamedTuple):
    """The call as the phone knows it."""

    target: str
    source: tuple[str, int]
    ours: str
    theirs: str
    call_id: str


class Phone:
    """A resident's phone: one UDP socket, one call, digits by INFO."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(10)
        self.sound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # takes what the door says, and is silent
        self.sound.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self._sent = 0

    def answer(self, door: Station) -> Dialog:
        """Let the bell ring and take the call."""
        door.ctl("sim", "press", "bell")
        invite, source = self._next("INVITE")
        sdp = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self.sound.getsockname()[1]} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        )
        ours = f"{header(invite, 'To')};tag=bench"
        fields = [f"Via: {header(invite, 'Via')}", f"From: {header(invite, 'From')}", f"To: {ours}"]
        fields += [f"{name}: {header(invite, name)}" for name in ("Call-ID", "CSeq")]
        fields += [f"Contact: <sip:resident@127.0.0.1:{self.port}>", "Content-Type: application/sdp", f"Content-Length: {len(sdp)}"]
        self.socket.sendto("\r\n".join(["SIP/2.0 200 OK", *fields, "", sdp]).encode(), source)
        self._next("ACK")
        door.wait_for("Answered")
        target = header(invite, "Contact").partition("<")[2].partition(">")[0]
        return Dialog(target, source, ours, header(invite, "From"), header(invite, "Call-ID"))

    def send_digit(self, dialog: Dialog, digit: str) -> None:
        """One INFO, without waiting for its answer."""
        self._sent += 1
        body = f"Signal={digit}\r\nDuration=100\r\n"
        fields = [
            f"INFO {dialog.target} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bKbench{self._sent}",
            "Max-Forwards: 70",
            f"From: {dialog.ours}",
            f"To: {dialog.theirs}",
            f"Call-ID: {dialog.call_id}",
            f"CSeq: {self._sent} INFO",
            "Content-Type: application/dtmf-relay",
            f"Content-Length: {len(body)}",
        ]
        self.socket.sendto("\r\n".join([*fields, "", body]).encode(), dialog.source)

    def accepted(self) -> None:
        """Wait until the door has accepted the last INFO."""
        self._next("SIP/2.0 200")

    def _next(self, begin: str) -> tuple[str, tuple[str, int]]:
        data, source = self.socket.recvfrom(65535)
        assert data.startswith(begin.encode()), data[:80]
        return data.decode(), source

    def close(self) -> None:
        self.socket.close()
        self.sound.close()


def header(message: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?)\r$", message, re.MULTILINE | re.IGNORECASE)
    assert found is not None, f"no {name} in {message[:200]}"
    return found[1]


def edge_ms(door: Station, act: Callable[[], None]) -> float:
    """Milliseconds from `act` to the relay's closing; waits until it has opened again."""
    before = time.monotonic()
    act()

    def closing() -> float | None:
        relay = door.ctl("sim", "relay", "gate")
        closings = [edge["at_s"] for edge in relay["history"][-4:] if edge["closed"] and edge["at_s"] > before]
        return closings[0] if closings and not relay["closed"] else None

    closed_at_s = eventually(closing, within_s=10, what="the relay closes and opens", account=door.account)
    assert closed_at_s is not None
    return (closed_at_s - before) * 1e3


def digits_ms(door: Station, phone: Phone, dialog: Dialog, digits: str) -> float:
    """From the datagram with the last digit of a code."""
    for digit in digits[:-1]:
        phone.send_digit(dialog, digit)
        phone.accepted()
    spent = edge_ms(door, lambda: phone.send_digit(dialog, digits[-1]))
    phone.accepted()
    return spent


def hash_ms() -> float:
    """One hash of a PIN: the floor of everything that a user's digits open."""
    spans = []
    for number in range(20):
        started = time.perf_counter()
        hashlib.scrypt(str(number).encode(), salt=bytes(48), n=SCRYPT_COST, r=SCRYPT_BLOCK, p=1, dklen=32)
        spans.append((time.perf_counter() - started) * 1e3)
    return median(spans)


def rows(what: str, spans: list[float], against: str, floor_ms: float) -> list[Row]:
    named = (("median", median(spans)), ("99th percentile", percentile(spans, 0.99)))
    return [Row(what=f"{what}, {name}", value=value, unit="ms", against=against, against_value=floor_ms) for name, value in named]


def main() -> None:
    with tempfile.TemporaryDirectory() as name, contextlib.closing(Phone()) as phone:
        folder = Path(name)
        digits, before_ms = filled_store(folder), commit_ms(folder)
        config = CONFIG.format(folder=folder, debounce_ms=DEBOUNCE_MS, port=phone.port)
        with station(folder, host="127.0.0.2", config=config) as door:
            eventually(lambda: f"users={USERS} " in door.log, within_s=10, what="the users are read", account=door.account)
            time.sleep(2)  # what the first press needs is loaded in the second after the start
            pressed = []
            for number in range(TRIES):
                pressed.append(press_ms(door, phone.socket))
                door.wait_for("PressEnded", times=number + 1)
                time.sleep(0.25)  # the simulated finger stays for 0.2 s
            shown = [edge_ms(door, lambda number=number: door.ctl("sim", "card", "wall", f"{number * 97:08X}")) for number in range(TRIES)]  # type: ignore[misc]  # mypy cannot infer a lambda with a bound default
            keyed = [edge_ms(door, lambda pin=pin: door.ctl("sim", "key", "pad", f"{pin}#")) for pin in digits]  # type: ignore[misc]  # as above
            dialog = phone.answer(door)
            typed = [digits_ms(door, phone, dialog, CODE) for _ in range(TRIES)]
            users = [digits_ms(door, phone, dialog, code) for code in digits]
        commit, hashed = before_ms, hash_ms()
    durable, slow = "one durable commit", "one hash and one durable commit"
    report(
        "door",
        [
            *rows("press → INVITE on the wire", pressed, f"{DEBOUNCE_MS} ms debounce + one durable commit", DEBOUNCE_MS + commit),
            *rows("last digit of a [[code]] → relay edge", typed, durable, commit),
            *rows("last digit of a user's code → relay edge", users, slow, hashed + commit),
            *rows("# after a PIN at the keypad → relay edge", keyed, slow, hashed + commit),
            *rows("card → relay edge", shown, durable, commit),
        ],
    )


if __name__ == "__main__":
    main()
