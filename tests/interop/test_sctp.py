"""SCTP (RFC 4168), in a guest whose kernel has it; and what the program says on a kernel that has not."""

from __future__ import annotations

import platform
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.net.sockets import IPPROTO_SCTP
from tests.interop.sctp.guest import LIMIT_S, run_tests

ALL = (
    "register", "call out", "call in", "hold", "transfer", "early media", "session timer", "digits", "MESSAGE", "SUBSCRIBE",
)  # fmt: skip
CONFIG = """\
[network]
transports = ["sctp"]
sip_port = 0
bind = "127.0.0.2"
[journal]
path = "{folder}/journal.db"
[control]
socket = "{folder}/control.sock"
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="Debian has user-mode-linux for amd64 alone")
@pytest.mark.alone
@pytest.mark.timeout(LIMIT_S + 30)
@pytest.mark.matrix("Kamailio, SCTP", *ALL)
def test_all_that_a_call_can_do_goes_over_sctp_where_the_kernel_has_it() -> None:
    status, said = run_tests()
    assert status == 0, said[-20_000:]
    assert "5 passed" in said


def test_a_kernel_without_sctp_is_named_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "portero.toml").write_text(CONFIG.format(folder=tmp_path))
    (tmp_path / "portero.toml").chmod(0o600)
    command = [sys.executable, "-m", "firmware", "run", "--simulate", "--config", str(tmp_path / "portero.toml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as daemon:
        assert daemon.stdout is not None
        for line in daemon.stdout:
            if "SCTP" in line or "ready" in line:
                break
        daemon.terminate()
    assert ("ready" in line) if has_sctp() else ("modprobe sctp" in line)


def has_sctp() -> bool:
    """Whether this machine's own kernel offers it."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP).close()
    except OSError:
        return False
    return True
