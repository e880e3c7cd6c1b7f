"""Debian's Chromium as the resident's phone, without a screen: a page that calls the door, and what it tells of the call."""

from __future__ import annotations

import contextlib
import json
import queue
import select
import socket
import threading
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.interop.peers import process

PAGE = Path(__file__).parent / "phone.html"
RATE_HZ = 16_000  # of what the page records
LIMIT_S = 120.0
TOLD = ("offer", "answer", "heard", "seen", "failed")


@dataclass
class Told:
    """What the page posts, each kind once."""

    folder: Path
    queues: dict[str, queue.Queue[bytes]] = field(default_factory=lambda: {each: queue.Queue() for each in TOLD})

    def take(self, what: str) -> bytes:
        """Wait for one kind; whatever went wrong in the page ends the wait."""
        for _ in range(int(LIMIT_S * 10)):
            with contextlib.suppress(queue.Empty):
                return self.queues[what].get(timeout=0.1)
            assert self.queues["failed"].empty(), self.queues["failed"].get().decode(errors="replace")
        log = (self.folder / "log").read_text(errors="replace")[-3000:]
        raise AssertionError(f"the browser does not tell {what}\n{log}")

    def heard(self) -> Path:
        """What came out of the browser, as a recording."""
        into = self.folder / "heard.wav"
        with wave.open(str(into), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(self.take("heard"))
        return into

    def seen(self) -> dict[str, Any]:
        """Its figures of the call."""
        found: dict[str, Any] = json.loads(self.take("seen"))
        return found


def join(here: socket.socket, there: socket.socket) -> None:
    """Pass on what either says until one of them ends."""
    other = {here: there, there: here}
    while True:
        for ready in select.select([here, there], [], [])[0]:
            data = ready.recv(65_536)
            if not data:
                return
            other[ready].sendall(data)


@contextlib.contextmanager
def served(told: Told, door: tuple[str, int]) -> Iterator[str]:
    """The page's server on the loopback; its address. The door takes no WebSocket from pages of others, so it stands behind this server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers["Upgrade"]:
                with socket.create_connection(door) as there:
                    there.sendall(f"GET / HTTP/1.1\r\n{self.headers}".replace("\r\n", "\n").replace("\n", "\r\n").encode())
                    with contextlib.suppress(OSError):  # either side may break it off
                        join(self.connection, there)
                self.close_connection = True
                return
            is_page = self.path.partition("?")[0] == "/phone.html"
            self.send_response(200 if is_page else 404)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.read_bytes() if is_page else b"")

        def do_POST(self) -> None:
            told.queues[self.path.strip("/")].put(self.rfile.read(int(self.headers["Content-Length"] or 0)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def browser(folder: Path, *, door: tuple[str, int], microphone: Path, policy: str = "balanced", offers: str = "page") -> Iterator[Told]:
    """Chromium with a page that calls `door` (where its WebSocket listens), speaks `microphone`, and says what comes.

    `policy` is what it wants of bundles; `offers` "door" leaves the offer to the door.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = Told(folder)
    with served(told, door) as address:
        command = [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio"),
            *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}"),
            *("--autoplay-policy=no-user-gesture-required", "--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--allow-loopback-in-peer-connection"),
            f"{address}/phone.html?{urlencode({'policy': policy, 'offers': offers})}",
        ]
        with process(command, log=folder / "log"):
            yield told
