"""Ways back for the flashed door: from a system that reaches nobody, by the button inside the case, from a data partition beyond repair.

The tests follow each other on one board.
"""

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
from tests.appliance.card import edit, erase_data, read
from tests.appliance.figures import Figures
from tests.appliance.wall import BOOT_S, CODE, INSTALL_S, STEP_S, TRIAL_S, WEB, Wall
from tests.interop.kamailio import SECRET

RESET = 6  # the line of the button inside the case
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


def test_the_button_inside_makes_the_device_forget(door: Wall) -> None:
    door.board.cut()
    before = read(door.card, "portero.toml", door.folder).replace("[system]", f"[system]\nreset_gpio = {RESET}")
    edit(door.card, "portero.toml", before, door.folder)
    door.board.start()
    door.board.lines.set(RESET, high=False)
    door.board.wait_console("the button inside the case was held: let go of it", BOOT_S)
    door.board.lines.set(RESET, high=True)
    door.board.wait_console("the device has forgotten everything but its boot partition", BOOT_S)
    (door.folder / "known").unlink()  # it has a new key, as any new device
    door.until("the journal does not tell", BOOT_S, "portero log --kind DeviceChanged | grep -q 'change=reset'")
    assert "confirmed" not in door.shell("portero log --kind DeviceChanged")
    assert read(door.card, "portero.toml", door.folder) == before
    missing = read(door.card, "portero-mistakes.txt", door.folder)
    assert "the device does not have account.pbx.password, code.family.code" in missing


def test_a_data_partition_beyond_repair_is_made_anew(door: Wall, figures: Figures) -> None:
    """And the installer, who has read which secrets are missing, has written them into the file once more."""
    door.board.cut()
    text, moved = read(door.card, "portero.toml", door.folder), "moved to the device; write a new one here to change it"
    whole = text.replace(f'password = "{moved}"', f'password = "{SECRET}"').replace(f'code = "{moved}"', f'code = "{CODE}"')
    edit(door.card, "portero.toml", whole, door.folder)
    erase_data(door.card)
    door.board.start()
    begun = time.monotonic()
    (door.folder / "known").unlink()
    door.board.wait_console("registered for", BOOT_S)
    figures.note("power to registered with a new data partition", time.monotonic() - begun, "s")
    door.until("the journal does not tell", STEP_S, "portero log --kind DeviceChanged | grep -q 'change=data_lost'")
    assert "reset" not in door.shell("portero log --kind DeviceChanged")
    assert not door.shell("systemctl --failed --no-legend").strip()


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
