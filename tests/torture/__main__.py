"""`python -m tests.torture`: send the torture messages to the daemon over UDP and over TCP, and print the score.

`python -m tests.torture HOST:PORT udp` judges another agent, over one transport at a time.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.interop.station import station
from tests.torture.wire import Outcome, torture


def judge(host: str, port: int, transport: str) -> list[Outcome]:
    """All outcomes over one transport; the wrong ones are printed, and the score."""
    outcomes = asyncio.run(torture(host, port, transport))
    for outcome in outcomes:
        if not outcome.right:
            print(f"  {outcome}")
    alive = "alive throughout" if all(outcome.alive for outcome in outcomes) else "NOT ALIVE THROUGHOUT"
    print(f"torture over {transport}: {sum(outcome.right for outcome in outcomes)} of {len(outcomes)}, {alive}", flush=True)
    return outcomes


def judge_daemon(transport: str) -> list[Outcome]:
    """The same for a daemon of its own: one that has heard them over another transport calls them merged (RFC 3261 §8.2.2.2)."""
    with tempfile.TemporaryDirectory(prefix="portero-torture-") as folder, station(Path(folder), host="127.0.0.2", config="") as door:
        outcomes = judge(door.host, door.sip_port, transport)
        assert door.process.poll() is None, door.log[-3000:]
        return outcomes


def main() -> int:
    """0 when every answer is right."""
    if len(sys.argv) == 3:
        host, _, port = sys.argv[1].rpartition(":")
        outcomes = judge(host, int(port), sys.argv[2].upper())
    else:
        outcomes = judge_daemon("UDP") + judge_daemon("TCP")
    return 0 if all(outcome.right for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
