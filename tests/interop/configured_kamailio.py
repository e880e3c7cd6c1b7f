"""A Kamailio that runs from a configuration of the test's own, everything in memory."""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from tests.interop.peers import eventually, process
from tests.ports import free_port

COMMON = """\
#!KAMAILIO
debug=0
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
listen=udp:{host}:{port}
listen=tcp:{host}:{port}
loadmodule "kex.so"
loadmodule "pv.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
"""


@contextlib.contextmanager
def server(folder: Path, host: str, configuration: str, **values: str) -> Iterator[str]:
    """Run one with what `configuration` adds to the common modules; its address."""
    folder.mkdir(parents=True)
    port = free_port(host)
    (folder / "kamailio.cfg").write_text((COMMON + configuration).format(host=host, port=port, **values))
    program = shutil.which("kamailio") or "/usr/sbin/kamailio"
    files = ["-w", str(folder), "-Y", str(folder), "-P", str(folder / "pid"), "-f", str(folder / "kamailio.cfg")]
    with process([program, "-DD", "-E", "-m", "32", *files], log=folder / "log") as running:

        def answers() -> bool:
            assert running.poll() is None, (folder / "log").read_text(errors="replace")
            with contextlib.suppress(OSError), socket.socket() as connection:
                connection.connect((host, port))
                return True
            return False

        eventually(answers, what="Kamailio listens", account=lambda: (folder / "log").read_text(errors="replace"))
        yield f"{host}:{port}"
