"""The way back of the flashed door from a system that reaches nobody."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.appliance.bundles import DEAF, MAKE_S, Bundles
from tests.appliance.figures import Figures
from tests.appliance.wall import BOOT_S, INSTALL_S, STEP_S, TRIAL_S, WEB, Wall

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def silent(made: Bundles) -> Future[Path]:
    """A system that reaches nobody, begun before the door is there."""
    return made.begin(DEAF)


def test_a_system_that_reaches_nobody_gives_way_and_is_not_taken_again(silent: Future[Path], door: Wall, figures: Figures) -> None:
    assert "portero-update.timer" in door.shell("systemctl list-timers --no-pager")
    with web(silent.result(MAKE_S), door.folder / "authority"):
        runs = running(door)
        door.shell("systemctl start --no-block portero-update")  # as the timer does; it ends with a new start
        door.board.wait_console(f"version {DEAF} is installed; the device starts anew", INSTALL_S)
        begun = time.monotonic()
        door.board.wait_console(f"version {DEAF} has given way", 2 * BOOT_S + TRIAL_S)
        door.registered(BOOT_S)
        figures.note("start of a deaf system to registered with the old one", time.monotonic() - begun, "s")
        assert running(door) == runs
        assert runs.endswith("slot a, confirmed")
        assert f"rejected    {DEAF}" in door.shell("portero update status")
        door.until("the journal does not tell", STEP_S, f"portero log --kind DeviceChanged | grep 'version={DEAF}' | grep -q rejected")
        rows = door.shell("portero log --kind DeviceChanged")
        assert "is not registered, which it was before the update" in rows
        assert rows.index("installed") < rows.index("rejected")
        assert "the server has nothing new" in door.shell("portero update fetch", INSTALL_S)


def running(door: Wall) -> str:
    """Version, slot and state of the system that runs."""
    return door.shell("portero update status").splitlines()[0]


@contextmanager
def web(bundle: Path, keys: Path) -> Iterator[None]:
    """A web server with one bundle."""

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("If-None-Match") == '"one"'
            self.send_response(304 if known else 200)
            self.send_header("ETag", '"one"')
            self.send_header("Content-Length", str(0 if known else bundle.stat().st_size))
            self.end_headers()
            if not known:
                with bundle.open("rb") as file:
                    while chunk := file.read(1 << 20):
                        self.wfile.write(chunk)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing between the figures."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "web.pem", keys / "web.key")
    with ThreadingHTTPServer(WEB, Server) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
