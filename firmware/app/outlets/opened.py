"""Every outlet that the configuration wants, opened and closed together. Each is loaded only when it is wanted."""

from __future__ import annotations

import logging
from typing import Protocol

from firmware.app.station import Station
from firmware.door.events import HealthChanged

log = logging.getLogger("portero.outlets")


class Outlet(Protocol):
    """Something through which the world sees the door."""

    async def close(self) -> None: ...


class Outlets:
    """Belongs to the event loop. An outlet that cannot be opened is news of the station's health, and the door works without it."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._opened: list[Outlet] = []

    async def start(self) -> None:
        settings = self._station.settings
        if settings.web.enabled:
            from firmware.app.outlets.web import WebOutlet

            web = WebOutlet(self._station)
            await web.start()
            self._opened.append(web)
        if settings.rtsp.port and self._station.pictures is not None:
            from firmware.app.outlets.rtsp import RtspOutlet

            rtsp = RtspOutlet(self._station, self._station.pictures)
            await rtsp.start()
            self._opened.append(rtsp)
        if settings.mqtt.broker is not None:
            from firmware.app.outlets.mqtt import MqttOutlet

            try:
                mqtt = MqttOutlet(self._station)
            except OSError as error:  # ssl.SSLError is one
                detail = f"mqtt.ca: {settings.mqtt.ca} cannot be used ({error.strerror or error}); check the file"
                log.error("no MQTT: %s", detail)
                self._station.inbox.put(HealthChanged(part="mqtt", working=False, detail=detail))
                return
            mqtt.start()
            self._opened.append(mqtt)

    async def close(self) -> None:
        for outlet in self._opened:
            await outlet.close()
