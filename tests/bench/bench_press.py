"""The visitor's press to the INVITE on the wire, against what no door that keeps its promise can beat: the debounce time and one durable
write of the journal.

    python -m tests.bench.bench_press
"""

from __future__ import annotations

import json
import socket
import sqlite3
import tempfile
import time
from pathlib import Path

from tests.bench.measure import Row, median, percentile, report
from tests.interop.station import Station, station

PRESSES = 60
DEBOUNCE_MS = 10
BUTTON = """\
[[button]]
name = "bell"
gpio = 17
debounce_ms = {debounce_ms}
targets = ["sip:resident@127.0.0.1:{port}"]
"""


def press_ms(door: Station, phone: socket.socket) -> float:
    """Press, wait for the INVITE, refuse it; milliseconds from the finger to the datagram's arrival."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(door.folder / "control.sock"))
        pressed = time.monotonic()
        control.sendall(json.dumps({"verb": "sim", "args": ["press", "bell"]}).encode() + b"\n")
        invite, source = phone.recvfrom(65535)
        arrived = time.monotonic()
    assert invite.startswith(b"INVITE "), invite[:60]
    phone.sendto(refusal(invite), source)
    ack, _ = phone.recvfrom(65535)
    assert ack.startswith(b"ACK "), ack[:60]
    return (arrived - pressed) * 1e3


def refusal(invite: bytes) -> bytes:
    """486 with the header fields that RFC 3261 §8.2.6.2 copies."""
    copied = [line for line in invite.split(b"\r\n") if line.split(b":")[0] in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")]
    tagged = [line + b";tag=bench" if line.startswith(b"To:") else line for line in copied]
    return b"\r\n".join([b"SIP/2.0 486 Busy Here", *tagged, b"Content-Length: 0", b"", b""])


def commit_ms(folder: Path) -> float:
    """The median durable write of one small row: SQLite, write-ahead log, synchronous=FULL, as the journal does it."""
    with sqlite3.connect(folder / "floor.db", isolation_level=None) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE row (at REAL, kind TEXT, body TEXT)")
        spans = []
        for _ in range(PRESSES):
            started = time.monotonic()
            database.execute("INSERT INTO row VALUES (?, 'Pressed', '{}')", (started,))
            spans.append((time.monotonic() - started) * 1e3)
    database.close()
    return median(spans)


def main() -> None:
    with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(10)
        config = BUTTON.format(debounce_ms=DEBOUNCE_MS, port=phone.getsockname()[1])
        with station(Path(name), host="127.0.0.2", config=config) as door:
            spans = []
            for number in range(PRESSES):
                spans.append(press_ms(door, phone))
                door.wait_for("PressEnded", times=number + 1)
                time.sleep(0.25)  # the simulated finger stays for 0.2 s
        floor = DEBOUNCE_MS + commit_ms(Path(name))
    against = f"{DEBOUNCE_MS} ms debounce + one durable commit"
    rows = [
        Row(what="press → INVITE on the wire, median", value=median(spans), unit="ms", against=against, against_value=floor),
        Row(
            what="press → INVITE on the wire, 99th percentile",
            value=percentile(spans, 0.99),
            unit="ms",
            against=against,
            against_value=floor,
        ),
    ]
    report("press", rows)


if __name__ == "__main__":
    main()
