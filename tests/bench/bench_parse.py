"""Parse, typed headers and writing of a 1 kB INVITE, against the PyPI package `sipmessage` doing the same in the same run.

    python -m tests.bench.bench_parse

Each message comes from another caller, so that nothing is known from the one before. The two take short turns, so that a change of the
machine's pace meets both, and are billed processor time, so that neighbours on the machine do not count; the figure is the median of the
turns' ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import sipmessage

from firmware.sip.message import parse_message
from tests.bench.measure import Row, median, report

INVITE = (Path(__file__).parent.parent / "data" / "sip" / "invite.dat").read_bytes()
HEAD, END, BODY = INVITE.partition(b"\r\n\r\n")
CALLERS = [HEAD.replace(b"192.0.2.", b"192.0.%d." % net).replace(b"@example", b"@h%d.example" % net) + END + BODY for net in range(200)]
TURNS = 40


def ours(data: bytes) -> bytes:
    """Read, look at every header that a call needs, write."""
    message = parse_message(data)
    _ = message.vias, message.from_, message.to, message.cseq, message.call_id, message.max_forwards, message.contacts
    _ = message.routes, message.record_routes, message.content_type, message.expires
    _ = message.get_all("Supported"), message.get("User-Agent")
    return message.to_bytes()


def theirs(data: bytes) -> bytes:
    """The same with the package's own accessors."""
    message = sipmessage.Message.parse(data)
    _ = message.via, message.from_address, message.to_address, message.cseq, message.call_id, message.max_forwards, message.contact
    _ = message.route, message.record_route, message.content_type, message.expires
    _ = message.supported, message.user_agent
    return bytes(message)


def _turn_us(work: Callable[[bytes], bytes]) -> float:
    start = time.process_time()
    for data in CALLERS:
        work(data)
    return (time.process_time() - start) / len(CALLERS) * 1e6


def main() -> None:
    """Measure and report."""
    assert ours(INVITE).lower() == theirs(INVITE).lower(), "both must write the same message"
    turns = [(_turn_us(ours), _turn_us(theirs)) for _ in range(TURNS)]
    mine, peer = median([turn[0] for turn in turns]), median([turn[1] for turn in turns])
    rows = [
        Row(what=f"parse + typed headers + serialise, INVITE of {len(INVITE)} bytes", value=mine, unit="µs"),
        Row(what=f"sipmessage {sipmessage.__version__} doing the same", value=peer, unit="µs"),
        Row(what="times faster", value=median([turn[1] / turn[0] for turn in turns]), unit="×", aim=">= 2"),
    ]
    report("parse", rows)


if __name__ == "__main__":
    main()
