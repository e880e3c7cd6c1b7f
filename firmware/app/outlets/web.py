"""The web server put together: certificate, logins, page, API, metrics. Loaded only where the configuration wants it."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Final

from firmware.app.outlets.logins_file import logins_of
from firmware.app.outlets.release_version import installed_version
from firmware.app.outlets.station_house import StationHouse
from firmware.app.outlets.wires import wires_of
from firmware.app.station import Station
from firmware.app.wiring.directory import directory
from firmware.door.events import HealthChanged
from firmware.errors import MediaError, TransportError
from firmware.net.flood import FloodGate, FloodLimits
from firmware.outlets.doorkeeper import Doorkeeper
from firmware.outlets.metrics import Counters
from firmware.outlets.web.metrics_page import MetricsPage
from firmware.outlets.web.page import Page
from firmware.outlets.web.server import WebServer
from firmware.outlets.web.sessions import Sessions
from firmware.outlets.web.site import Site

log = logging.getLogger("portero.web")

# A page asks for three things at once, a collector for one in 15 s. For all together what a small board makes without sound suffering.
REQUESTS: Final = FloodLimits(source_per_s=5.0, source_burst=40.0, total_per_s=20.0, total_burst=100.0)

# Connections: a handshake costs a small board some milliseconds, in which the door waits.
CONNECTIONS: Final = FloodLimits(source_per_s=5.0, source_burst=40.0, total_per_s=10.0, total_burst=60.0)


class WebOutlet:
    """The web server of one station. Belongs to the event loop."""

    def __init__(self, station: Station) -> None:
        settings = station.settings
        self._station = station
        self._web = settings.web
        self.house = house = StationHouse(station)
        counters = Counters()
        self._unsubscribe = house.subscribe(lambda _at_s, record: counters.count(record))
        self.keeper = keeper = Doorkeeper(logins_of(settings), directory(settings).limits, time.monotonic, house.tell)
        page = Page(house, keeper, Sessions(time.monotonic), is_secure=self._web.tls)
        self.site = Site(house, keeper, page, MetricsPage(house, counters, installed_version()), metrics_open=self._web.metrics == "open")
        if self._web.soap:
            from firmware.outlets.soap.service import SoapService

            soap = SoapService(house, is_secure=self._web.tls)
            self.site.add("/soap", soap)
        self._connections, self._requests = FloodGate(CONNECTIONS), FloodGate(REQUESTS)
        self.server: WebServer | None = None

    async def start(self) -> None:
        """Begin to listen. What prevents it is news of the station's health, for a door without a page is still a door."""
        try:
            wires = wires_of(self._web, self._station.settings.system.hostname)
            survive = partial(self._station.supervisor.survive, is_vital=False)
            self.server = WebServer(self.site.answer, wires=wires, welcome=self._welcome, admit=self._admit, survive=survive)
            await self.server.start(self._web.bind, self._web.port)
        except (TransportError, MediaError, OSError) as error:
            self.server = None
            log.error("no web server: %s", error)
            self._station.inbox.put(HealthChanged(part="web", working=False, detail=str(error)))
        else:
            log.info("web server on port %d", self.server.port)

    async def close(self) -> None:
        self._unsubscribe()
        if self.server is not None:
            await self.server.close()

    def _welcome(self, source: str) -> bool:
        return self._connections.admit(source, self._station.loop.time())

    def _admit(self, source: str) -> bool:
        return self._requests.admit(source, self._station.loop.time())
