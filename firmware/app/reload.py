"""A changed configuration begins a new life of the same process, if that could begin at all.

The old life is given up for settings that can be read, that say something, and whose sockets can be opened: a door that works as it did
yesterday is worth more than one that is dead of a mistake in a file.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from pathlib import Path

from firmware.app.wiring.transports import stream_settings
from firmware.config.load import load
from firmware.config.schema import Settings
from firmware.errors import ConfigError, TransportError
from firmware.net.carriers import Carriers
from firmware.net.sockets import local_host_towards
from firmware.sip.events import Transport

log = logging.getLogger("portero")


class Reload:
    """Reads `config` again when asked, and calls `begin` when a new life can begin. `held` are the ports that this life holds."""

    def __init__(self, config: Path, held: Collection[int], begin: Callable[[], None]) -> None:
        self._config = config
        self._held = held
        self._begin = begin
        self._is_asked = False
        self._answering: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Read it now; or once more, when that is being done at this moment."""
        self._is_asked = True
        if self._answering is None:
            self._answering = asyncio.get_running_loop().create_task(self._answer())

    async def _answer(self) -> None:
        try:
            while self._is_asked:
                self._is_asked = False
                if await self._could_begin():
                    self._begin()
        finally:
            self._answering = None

    async def _could_begin(self) -> bool:
        try:
            settings = load(self._config)
            if settings._replace(warnings=()) == Settings():
                # Whoever saves a file empties it first, and a full disk leaves it so: a door that rings nobody is nobody's wish.
                log.error("not reloaded: %s says nothing", self._config)
                return False
            await try_sockets(settings, self._held)
        except ConfigError as error:
            log.error("not reloaded:\n%s", error)
            return False
        except TransportError as error:
            log.error("not reloaded: %s", error)
            return False
        return True


async def try_sockets(settings: Settings, held: Collection[int]) -> None:
    """Open what these settings want to listen at, and close it again. Raises TransportError that names what is wrong and the remedy.

    For a port that is `held`, by whoever is to make room, any other is tried: only its address is tested then.
    """

    def tried(port: int) -> int:
        return 0 if port in held else port

    network, wanted = settings.network, stream_settings(settings)
    carriers = Carriers(
        bind_host=network.bind,
        dscp=network.dscp_sip,
        streams=wanted._replace(tls_port=tried(wanted.tls_port), ws_port=tried(wanted.ws_port), wss_port=tried(wanted.wss_port)),
        local_host=local_host_towards,
        admit=lambda source: False,
        deliver=lambda news: None,
    )
    await carriers.open(tuple(Transport(name.upper()) for name in network.transports), tried(network.sip_port))
    await carriers.close()
