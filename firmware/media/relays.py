"""Relays that are kept ready, so that a press waits for no server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from firmware.media.relay import Relay

RETRY_S: Final = 60.0  # after which a server that was away, or did not know us, is asked again


class Relays:
    """Belongs to the event loop."""

    def __init__(self, open_relay: Callable[[Callable[[Relay, str], None]], Relay], *, ready: int, heard: Callable[[str], None]) -> None:
        """`ready` is how many are kept. `heard` is told '' when the server gives addresses, else why not."""
        self._open_relay = open_relay
        self._wanted = ready
        self._heard = heard
        self._said: str | None = None  # None: not known yet
        self._ready: list[Relay] = []
        self._retry: asyncio.TimerHandle | None = None
        self._is_open = False

    def start(self) -> None:
        """Ask for addresses from now on."""
        self._is_open = True
        self._fill()

    def take(self) -> Relay | None:
        """One that has an address, None while there is none."""
        known = next((relay for relay in self._ready if relay.relayed is not None), None)
        if known is not None:
            self._ready.remove(known)
            asyncio.get_running_loop().call_soon(self._fill)
        return known

    def renew(self) -> None:
        """This machine has other addresses: what is kept ready may be bound to one that is gone."""
        self._let_go()
        self._fill()

    def close(self) -> None:
        """Give back what was kept ready; what was taken belongs to its call."""
        self._is_open = False
        self._let_go()

    def _let_go(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        ready, self._ready = self._ready, []
        for relay in ready:
            relay.close()

    def _fill(self) -> None:
        self._retry = None
        while self._is_open and len(self._ready) < self._wanted:
            try:
                self._ready.append(self._open_relay(self._told))
            except OSError as error:
                self._failed(error.strerror or str(error))
                return

    def _told(self, relay: Relay, why: str) -> None:
        if why:
            if relay in self._ready:
                self._ready.remove(relay)
                relay.close()  # one that was taken goes with its port: until then the audio thread may read its socket
            self._failed(why)
        else:
            self._say("")

    def _failed(self, why: str) -> None:
        self._say(why)
        if self._is_open and self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(RETRY_S, self._fill)

    def _say(self, why: str) -> None:
        if why != self._said:
            self._said = why
            self._heard(why)
