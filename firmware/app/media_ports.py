"""The ports that sound of calls travels through: from the configured range, and with a STUN server known by their outer address."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from firmware.app.wiring.transports import find_server
from firmware.config.schema import Settings
from firmware.config.transports import stun_server
from firmware.door import events as door
from firmware.media.session import MediaPort, open_port

if TYPE_CHECKING:  # most doors ask no STUN or TURN server
    from firmware.app.relay_server import RelayServer
    from firmware.media.mapping import MappedPorts

log = logging.getLogger("portero.ports")

DSCP_PICTURE: Final = 34  # AF41: video conferences (RFC 4594 §4.3), which give way to sound
LOOK_UP_AGAIN_S: Final = 60.0  # a name that had no address, or one where nobody answers


class MediaPorts:
    """Belongs to the event loop. `tell` learns whether the STUN server answers; `addresses` says which ones this machine has."""

    def __init__(
        self, settings: Settings, tell: Callable[[door.Input], None], addresses: Callable[[], tuple[str, ...]] = lambda: ()
    ) -> None:
        self._settings = settings
        self._network = settings.network
        self._tell = tell
        self._addresses = addresses
        self._mapped: MappedPorts | None = None
        self._mapped_pictures: MappedPorts | None = None
        self._relays: RelayServer | None = None
        self._search: asyncio.Task[None] | None = None
        self._silent = asyncio.Event()

    def open(self) -> MediaPort:
        """A port for one call. Raises MediaError."""
        port = self._open() if self._mapped is None else self._mapped.take()
        if self._network.ice == "full" and not self._network.bind:
            # RFC 8445 §5.1.1.1: a candidate for each address. The port hears all of them; from which it sends, the kernel's routes say.
            port.hosts = tuple([host for host in self._addresses() if port.family == socket.AF_INET6 or ":" not in host])
        if self._relays is not None:
            port.relay = self._relays.take()
        return port

    def open_picture(self) -> MediaPort:
        """A port for a call's picture, marked as such. Raises MediaError."""
        return self._open_picture() if self._mapped_pictures is None else self._mapped_pictures.take()

    def start(self) -> None:
        """Keep ports ready, and addresses on a server, if there is one to ask."""
        if self._network.stun:
            from firmware.media.mapping import MappedPorts

            ready = most_at_once(self._settings)
            self._mapped = MappedPorts(self._open, ready=ready, heard=self._heard)
            kept = [self._mapped]
            if self._settings.camera.source != "none" and self._settings.camera.in_calls:
                self._mapped_pictures = MappedPorts(self._open_picture, ready=ready, heard=lambda _answers: None)
                kept.append(self._mapped_pictures)
            self._search = asyncio.get_running_loop().create_task(self._find(kept))
        if self._settings.turn.server:
            from firmware.app.relay_server import RelayServer

            self._relays = RelayServer(self._settings, self._tell, self._addresses, ready=most_at_once(self._settings))

    def close(self) -> None:
        if self._search is not None:
            self._search.cancel()
        for kept in (self._mapped, self._mapped_pictures):
            if kept is not None:
                kept.close()
        if self._relays is not None:
            self._relays.close()

    def _open(self) -> MediaPort:
        first, last = self._network.rtp_ports
        return open_port(self._network.bind, range(first, last + 1), dscp=self._network.dscp_rtp)

    def _open_picture(self) -> MediaPort:
        first, last = self._network.rtp_ports
        return open_port(self._network.bind, range(first, last + 1), dscp=DSCP_PICTURE)

    def _heard(self, answers: bool) -> None:
        server = self._network.stun
        if not answers:
            self._silent.set()
            detail = f"the STUN server {server} does not answer: phones in other networks may not hear the door"
            self._tell(door.HealthChanged(part="stun", working=False, detail=detail))
        elif self._silent.is_set():
            self._silent.clear()
            self._tell(door.HealthChanged(part="stun", working=True, detail="answers again"))
        else:
            log.info("the STUN server %s answers", server)

    async def _find(self, kept: list[MappedPorts]) -> None:
        """Where the server is; again and again, as long as none answers."""
        where = stun_server(self._network.stun)
        assert where is not None, "the configuration was checked"
        while True:
            found = await find_server(self._settings, *where)
            if found is not None:
                for each in kept:
                    each.start(found)
                await self._silent.wait()
            else:
                self._silent.set()
                name = self._network.stun
                self._tell(door.HealthChanged(part="stun", working=False, detail=f"the STUN server {name} has no address that we can use"))
            await asyncio.sleep(LOOK_UP_AGAIN_S)


def most_at_once(settings: Settings) -> int:
    """How many phones one press may ring at the same time."""
    buttons = [len(button.targets) for button in settings.button]
    steps = [len(step.targets) for step in settings.step]
    return max((*buttons, *steps, 1))
