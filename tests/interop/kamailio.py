"""The demo's Kamailio for tests that do not run in an event loop of their own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from firmware.demo.kamailio import KamailioServer
from tests.ports import free_port

SECRET = "m5kq0vtz8rwx"


class Kamailio:
    """A running Kamailio with the accounts `door`, `resident` and `guest`; `restart` keeps its address and loses every binding."""

    def __init__(self, server: KamailioServer, runner: asyncio.Runner) -> None:
        self._server = server
        self._runner = runner

    @property
    def address(self) -> str:
        return f"{self._server.host}:{self._server.port}"

    @property
    def tls_address(self) -> str:
        return f"{self._server.host}:{self._server.tls_port}"

    @property
    def log(self) -> str:
        return self._server.log()

    def stop(self) -> None:
        self._runner.run(self._server.stop())

    def start(self) -> None:
        self._runner.run(self._server.start())


@contextlib.contextmanager
def kamailio(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    algorithm: str = "MD5",
    min_expires_s: int = 10,
    certificate: tuple[str, str] | None = None,
    websocket: bool = False,
    tcp: bool = True,
    sctp: bool = False,
) -> Iterator[Kamailio]:
    """Started, and stopped at the end; at a free port where `port` is 0."""
    with asyncio.Runner() as runner:
        server = KamailioServer(
            {"door": SECRET, "resident": SECRET, "guest": SECRET},
            host=host,
            port=port or free_port(host),
            tls_port=free_port(host),
            algorithm=algorithm,
            min_expires_s=min_expires_s,
            certificate=certificate,
            websocket=websocket,
            tcp=tcp,
            sctp=sctp,
        )
        runner.run(server.__aenter__())
        try:
            yield Kamailio(server, runner)
        finally:
            runner.run(server.__aexit__(None, None, None))
