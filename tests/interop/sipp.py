"""SIPp: its embedded scenarios and our own, one call at a time."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.interop.peers import PATIENCE_S, process
from tests.ports import free_port

SCENARIOS = Path(__file__).parent / "scenarios"


def _command(host: str, port: int, scenario: str, calls: int, extra: tuple[str, ...]) -> list[str]:
    choice = ["-sf", str(SCENARIOS / scenario)] if scenario.endswith(".xml") else ["-sn", scenario]
    return [
        "sipp",
        *choice,
        "-i",
        host,
        "-mi",
        host,
        "-p",
        str(port),
        "-m",
        str(calls),
        "-nostdin",
        "-timeout",
        f"{PATIENCE_S:.0f}s",
        "-trace_err",
        *extra,
    ]


def call(
    folder: Path,
    target: str,
    *,
    scenario: str,
    host: str,
    service: str = "door",
    calls: int = 1,
    extra: tuple[str, ...] = (),
    inside: tuple[str, ...] = (),
) -> None:
    """Run a calling scenario against `target` ("host:port") to its end. AssertionError with SIPp's own account when a call fails.

    `inside` is what its command begins with: of a namespace where `host` is one of ours.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port("127.0.0.1" if inside else host)
    command = [*inside, *_command(host, port, scenario, calls, extra), "-s", service, target]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=2 * PATIENCE_S, check=False)
    errors = "\n".join(path.read_text(errors="replace") for path in folder.glob("*_errors.log"))
    assert done.returncode == 0, f"{' '.join(command)}\n{errors}\n{done.stdout.decode(errors='replace')[-3000:]}"


@contextlib.contextmanager
def answering(
    folder: Path, *, scenario: str, host: str, calls: int = 1, extra: tuple[str, ...] = ()
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run an answering scenario; yields its "host:port" and its process, which exits 0 when all went well."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port(host)
    with process(_command(host, port, scenario, calls, extra), log=folder / "log", cwd=folder) as peer:
        yield f"{host}:{port}", peer
