"""The TURN server of the house: where it is, whether it gives addresses, and a few of these kept ready (RFC 8656)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from firmware.app.wiring.transports import find_server, stream_settings
from firmware.config.schema import Settings
from firmware.config.transports import TurnServer, turn_server
from firmware.door import events as door
from firmware.errors import TransportError
from firmware.media.relay import Relay, User, Way
from firmware.media.relay_datagrams import DatagramWay
from firmware.media.relays import Relays
from firmware.stun.turn import Login

if TYPE_CHECKING:
    from firmware.app.relay_stream import TurnLayers
    from firmware.net.tls import Tls
    from firmware.net.tls_layers import TlsLayers

log = logging.getLogger("portero.ports")

LOOK_UP_AGAIN_S: Final = 60.0  # a name that had no address
LOOK_AGAIN_S: Final = 15.0  # for other addresses of this machine: as often as a STUN server is asked
READY_MAX: Final = 2  # the server counts what it gives; of more phones that ring at once the others have all ways but this


class RelayServer:
    """Belongs to the event loop. `tell` learns whether the server gives addresses."""

    def __init__(
        self, settings: Settings, tell: Callable[[door.Input], None], addresses: Callable[[], tuple[str, ...]], *, ready: int
    ) -> None:
        turn = settings.turn
        assert turn.username is not None, "the configuration was checked"
        assert turn.password is not None, "the configuration was checked"
        self._settings = settings
        self._network = settings.network
        self._tell = tell
        self._addresses = addresses
        self._login = Login(turn.username, turn.password.reveal())
        where = turn_server(turn.server)
        assert where is not None, "the configuration was checked"
        self._where: TurnServer = where
        self._server = ("", 0)
        self._tls: Tls | None = None  # made when it is wanted
        self._is_troubled = False
        self._relays = Relays(self._open, ready=min(ready, READY_MAX), heard=self._heard)
        self._search = asyncio.get_running_loop().create_task(self._find())

    def take(self) -> Relay | None:
        """One for a call's port, None while there is none."""
        return self._relays.take()

    def close(self) -> None:
        self._search.cancel()
        self._relays.close()

    def _open(self, told: Callable[[Relay, str], None]) -> Relay:
        """Raises OSError without a way to the server."""
        return Relay(self._login, self._way, told=told)

    def _way(self, user: User) -> Way:
        network = self._network
        if self._where.transport == "udp":
            return DatagramWay(user, self._server, bind_host=network.bind, dscp=network.dscp_rtp)
        from firmware.app.relay_stream import StreamWay, TurnLayers

        layers = TurnLayers() if self._where.transport == "tcp" else self._secured(TurnLayers())
        return StreamWay(user, self._server, layers, bind_host=network.bind, dscp=network.dscp_rtp)

    def _secured(self, inner: TurnLayers) -> TlsLayers:
        """Certificates are those of [tls]."""
        if self._tls is None:
            from firmware.net.tls import Tls

            try:
                self._tls = Tls(stream_settings(self._settings).tls)
            except TransportError as error:
                raise OSError(str(error)) from error
        return self._tls.client(inner, self._where.host)

    def _heard(self, why: str) -> None:
        name = self._settings.turn.server
        if why:
            self._is_troubled = True
            detail = f"the TURN server {name} gives no address ({why}): where no other way is found, calls have no sound"
            self._tell(door.HealthChanged(part="turn", working=False, detail=detail))
        elif self._is_troubled:
            self._is_troubled = False
            self._tell(door.HealthChanged(part="turn", working=True, detail="gives addresses again"))
        else:
            log.info("the TURN server %s gives addresses", name)

    async def _find(self) -> None:
        """Where it is; again and again, as long as its name has no address. Then whether we are still where we were."""
        while (found := await find_server(self._settings, self._where.host, self._where.port)) is None:
            self._heard("its name has no address that we can use")
            await asyncio.sleep(LOOK_UP_AGAIN_S)
        self._server, known = found, self._addresses()
        self._relays.start()
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            if known != (now := self._addresses()):
                known = now
                self._relays.renew()
