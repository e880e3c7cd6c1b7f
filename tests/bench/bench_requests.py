"""Requests handled per processor-second, door and Debian's baresip by turns: OPTIONS, REGISTER, a whole incoming call, a registration.

    python -m tests.bench.bench_requests [SECONDS]

Both run as installed programs. OPTIONS and REGISTER come from four addresses at a pace that the door takes from them for ever; what is
billed is processor time, so the pace does not matter. An incoming call is INVITE, 200, ACK, BYE, 200 with its sound opened and closed. The
door writes its journal meanwhile, which baresip does not have. REGISTERs of its own are made by telling the program to leave and to come.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.measure import Row, bill, median, report
from tests.interop.baresip import Baresip, baresip
from tests.interop.peers import eventually
from tests.interop.station import Station, station

SPEECH = Path("firmware/demo/speech/visitor.wav")
SENDERS = ("127.0.0.11", "127.0.0.12", "127.0.0.13", "127.0.0.14")
PACE_PER_S = 400.0  # four sources of 100, below the door's limits of 200 a source and 500 in all
OPEN_MAX = 64  # requests without an answer: as many fit a socket's buffer, should sender or program stand still for a while
LOST_S = 5.0  # what has not come by then is lost
PATIENCE_S = 60.0  # with everything that must come: the machine may be busy with other things
TURNS = 3
CALLS = 40
REGISTRATIONS = 60
BUSY_MAX = 200  # times 20 ms: a line that is busy for longer is stuck
CONFIG = """\
[incoming]
allow = ["*@*"]
auto_answer = "always"
[[account]]
name = "house"
uri = "sip:door@{registrar}"
"""
BOUND = "200 OK () [1 binding]"  # what baresip says of a REGISTER that was answered
SDP = "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"


class Sender:
    """One address that sends requests and reads the answers."""

    def __init__(self, host: str, target: tuple[str, int]) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.connect(target)
        self.host, self.port = self.socket.getsockname()
        self._target = f"resident@{target[0]}:{target[1]}"
        self._serial = 0

    def request(self, method: str, *, call_id: str = "", cseq: int = 1, to_tag: str = "", body: str = "", branch: str = "") -> bytes:
        self._serial += 1
        to = f";tag={to_tag}" if to_tag else ""
        lines = (
            f"{method} sip:{self._target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch={branch or f'z9hG4bK{self.port}x{self._serial}'};rport",
            "Max-Forwards: 70",
            f"From: <sip:bench@{self.host}>;tag=b{self.port}",
            f"To: <sip:{self._target}>{to}",
            f"Call-ID: {call_id or f'{self.port}-{self._serial}@{self.host}'}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:bench@{self.host}:{self.port}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        )
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def answer(self, within_s: float = PATIENCE_S) -> bytes:
        """The next final answer."""
        self.socket.settimeout(within_s)
        while True:
            data = self.socket.recv(4096)
            if not data.startswith(b"SIP/2.0 1"):
                return data

    def close(self) -> None:
        self.socket.close()


@contextlib.contextmanager
def senders(target: tuple[str, int], hosts: tuple[str, ...] = SENDERS) -> Iterator[list[Sender]]:
    made = [Sender(host, target) for host in hosts]
    try:
        yield made
    finally:
        for sender in made:
            sender.close()


def answered(target: tuple[str, int], method: str, seconds: float) -> int:
    """Send the method at our pace for so long; how many answers came."""
    with senders(target) as each:
        sockets = {sender.socket.fileno(): sender for sender in each}
        begun_s, sent, heard = time.monotonic(), 0, 0
        total = int(seconds * PACE_PER_S)
        while heard < total:
            may_send = sent < total and sent - heard < OPEN_MAX
            wait_s = begun_s + sent / PACE_PER_S - time.monotonic() if may_send else LOST_S
            if may_send and wait_s <= 0:
                sender = each[sent % len(each)]
                sender.socket.send(sender.request(method))
                sent += 1
                continue
            ready, _, _ = select.select(list(sockets), [], [], max(0.0, wait_s))
            if not ready and not may_send:
                break
            for number in ready:
                data = sockets[number].socket.recv(4096)
                heard += data.startswith(b"SIP/2.0 ") and not data.startswith(b"SIP/2.0 1")
    assert heard >= 0.99 * total, f"{heard} of {total} {method} answered"
    return heard


def calls(target: tuple[str, int], count: int) -> int:
    """Whole calls, one after the other."""
    with senders(target, SENDERS[:1]) as (caller,):
        for _ in range(count):
            _call(caller)
    return count


def _call(caller: Sender) -> None:
    call_id, tag = _answered_call(caller)
    caller.socket.send(caller.request("ACK", call_id=call_id, to_tag=tag))
    caller.socket.send(caller.request("BYE", call_id=call_id, cseq=2, to_tag=tag))
    while b"BYE" not in (response := caller.answer()):
        pass  # a repeated 200 to the INVITE
    assert response.startswith(b"SIP/2.0 200"), response


def _answered_call(caller: Sender) -> tuple[str, str]:
    """Call-ID and the other side's tag; called again while the line is busy with closing the sound of the call before."""
    for _ in range(BUSY_MAX):
        call_id, branch = f"call{time.monotonic_ns()}", f"z9hG4bKcall{time.monotonic_ns()}"
        caller.socket.send(caller.request("INVITE", call_id=call_id, branch=branch, body=SDP.format(host=caller.host)))
        response = caller.answer()
        tag = _tag(response)
        if response.startswith(b"SIP/2.0 200"):
            return call_id, tag
        caller.socket.send(caller.request("ACK", call_id=call_id, to_tag=tag, branch=branch))
        assert response.startswith(b"SIP/2.0 486"), response
        time.sleep(0.02)
    raise AssertionError("the line stays busy")


def _tag(response: bytes) -> str:
    found = re.search(rb"\r\nTo:[^\r]*;tag=([^;\r]+)", response)
    assert found is not None, response
    return found[1].decode()


class Registrar:
    """Answers 200 to every REGISTER and counts them."""

    def __init__(self, host: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self.address = f"{host}:{self._socket.getsockname()[1]}"
        self.heard = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            data, source = self._socket.recvfrom(4096)
            if data == b"end":
                return
            if data.startswith((b"REGISTER", b"OPTIONS")):
                kept = [line for line in data.split(b"\r\n") if line.split(b":")[0] in (b"Via", b"From", b"Call-ID", b"CSeq", b"Contact")]
                to = next(line for line in data.split(b"\r\n") if line.startswith(b"To:")) + b";tag=r"
                answer = b"\r\n".join([b"SIP/2.0 200 OK", *kept, to, b"Expires: 3600", b"Content-Length: 0", b"", b""])
                self._socket.sendto(answer, source)
                self.heard += data.startswith(b"REGISTER")

    def close(self) -> None:
        host, _, port = self.address.partition(":")
        self._socket.sendto(b"end", (host, int(port)))
        self._thread.join()
        self._socket.close()


def registrations(registrar: Registrar, account: Callable[[], str], *orders: Callable[[], object]) -> int:
    """Tell the program to leave and to register again, each time when the last REGISTER was heard; `account` says what it was up to."""
    for turn in range(REGISTRATIONS):
        before, order = registrar.heard, orders[turn % len(orders)]
        order()

        def is_heard(before: int = before) -> bool:
            return registrar.heard > before

        eventually(is_heard, within_s=PATIENCE_S, what=f"REGISTER {turn} of {REGISTRATIONS}", account=account)
    return REGISTRATIONS


def per_processor_s(pid: int, work: Callable[[], int]) -> float:
    """How much of it the program does in a second of processor time."""
    before_s = bill(pid).cpu_s
    done = work()
    return done / (bill(pid).cpu_s - before_s)


def measured(
    door: Station, phone: Baresip, at_door: Registrar, at_phone: Registrar, seconds: float
) -> dict[str, list[tuple[float, float]]]:
    """Every figure of both, `TURNS` times."""
    here, there = (door.host, door.sip_port), (phone.host, phone.sip_port)
    works: dict[str, tuple[Callable[[], int], Callable[[], int]]] = {
        "OPTIONS": (lambda: answered(here, "OPTIONS", seconds), lambda: answered(there, "OPTIONS", seconds)),
        "REGISTER (refused: it is no registrar)": (
            lambda: answered(here, "REGISTER", seconds),
            lambda: answered(there, "REGISTER", seconds),
        ),
        "INVITE–BYE": (lambda: calls(here, CALLS), lambda: calls(there, CALLS)),
        "REGISTER of its own, answered": (
            lambda: registrations(at_door, door.account, lambda: door.ctl("unregister"), lambda: door.ctl("register")),
            lambda: registrations(
                at_phone,
                lambda: phone.log[-2000:],
                lambda: phone.command("uadel", f"sip:resident@{at_phone.address}"),
                lambda: enter(phone, at_phone),
            ),
        ),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(TURNS):
        for name, (ours, theirs) in works.items():
            phone.forget()  # else what it tells of its calls fills its control connection in the end
            found[name].append((per_processor_s(door.process.pid, ours), per_processor_s(phone.pid, theirs)))
    return found


def enter(phone: Baresip, registrar: Registrar) -> None:
    """Let baresip register, and take the answer: one that is told to leave before it has read that it is registered goes without a word."""
    known = phone.log.count(BOUND)
    phone.command("uanew", account(registrar))
    phone.wait_for(BOUND, times=known + 1)


def account(registrar: Registrar) -> str:
    """The phone's account line, as a command wants it."""
    return f"<sip:resident@{registrar.address}>;regint=3600;answermode=auto;audio_codecs=PCMU/8000/1"


def main() -> None:
    """Measure and report."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    at_door, at_phone = Registrar("127.0.0.15"), Registrar("127.0.0.16")
    try:
        with tempfile.TemporaryDirectory() as name:
            folder, line = Path(name), f"<sip:resident@{at_phone.address}>;regint=3600"
            with (
                station(folder / "door", host="127.0.0.2", config=CONFIG.format(registrar=at_door.address)) as door,
                baresip(folder / "phone", host="127.0.0.3", speech=SPEECH, account=line, auto_answer=True, record=False) as phone,
            ):
                eventually(door.registered, within_s=PATIENCE_S, what="the door registers", account=door.account)
                phone.wait_for(BOUND)
                found = measured(door, phone, at_door, at_phone, seconds)
    finally:
        at_door.close()
        at_phone.close()
    rows = []
    for name, turns in found.items():
        ours, theirs = median([turn[0] for turn in turns]), median([turn[1] for turn in turns])
        rows.append(Row(what=f"{name} per processor-second", value=ours, unit="1/s", against="baresip", against_value=theirs))
    report("requests", rows)


if __name__ == "__main__":
    main()
