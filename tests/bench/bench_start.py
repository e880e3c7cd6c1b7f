"""Process start to the first REGISTER on the wire, against an interpreter that only imports asyncio and ssl.

python -m tests.bench.bench_start
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.measure import Row, median, report
from tests.interop.peers import end
from tests.interop.station import CONFIG
from tests.ports import free_port

RUNS = 15
FLOOR = ["/usr/bin/python3", "-c", "import asyncio, ssl"]
ACCOUNT = """\
[[account]]
name = "house"
uri = "sip:door@127.0.0.1:{port}"
password = "a long bench secret"
"""


def floor_s() -> float:
    started = time.monotonic()
    subprocess.run(FLOOR, check=True)
    return time.monotonic() - started


def register_s(folder: Path) -> float:
    """Start the daemon and wait for its REGISTER at a socket that never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as registrar:
        registrar.bind(("127.0.0.1", 0))
        registrar.settimeout(10)
        rtp = free_port(span=100)
        common = CONFIG.format(host="127.0.0.1", sip_port=free_port(), rtp_first=rtp, rtp_last=rtp + 99, folder=folder, network="")
        config = folder / "portero.toml"
        config.write_text(common + ACCOUNT.format(port=registrar.getsockname()[1]))
        config.chmod(0o600)
        started = time.monotonic()
        with subprocess.Popen(
            [sys.executable, "-m", "firmware", "run", "--simulate", "--config", str(config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        ) as daemon:  # fmt: skip
            try:
                data = registrar.recv(65535)
                elapsed = time.monotonic() - started
            finally:
                end(daemon)
    assert data.startswith(b"REGISTER "), data[:80]
    return elapsed


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        register_s(Path(name))  # the byte code is written, the files are in the page cache
        floor_s()
        pairs = [(register_s(Path(name)), floor_s()) for _ in range(RUNS)]
    ours, floor = median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])
    rows = [
        Row(
            what="process start → REGISTER on the wire",
            value=ours * 1e3,
            unit="ms",
            against="python -c 'import asyncio, ssl'",
            against_value=floor * 1e3,
            aim="≤ 2 ×",
        )
    ]
    report("start", rows)


if __name__ == "__main__":
    main()
