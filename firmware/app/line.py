"""The station's telephone line: user agent and sockets, and what is known about each registration.

It comes first in the start of the program, and alone: a REGISTER is on its way before anything else of the station is even imported.
Events that come meanwhile wait for `attach`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from firmware.app.wiring.accounts import agent_settings
from firmware.app.wiring.transports import name_servers, stream_settings
from firmware.config.schema import Settings
from firmware.ids import IdSource
from firmware.net.runner import Runner, TraceEntry
from firmware.sip import events as sip
from firmware.sip.agent import Agent

log = logging.getLogger("portero.line")

FIRST_SEND_S_MAX = 0.05  # how long the rest of the start waits for the first REGISTER to leave: a name may have to be looked up first
UNREGISTER_S_MAX = 1.5  # RFC 3261 §10.2.2 asks us to remove bindings; a registrar that is gone must not hold up the stop
WAITING_MAX = 100  # events before `attach`, milliseconds later

EventSink = Callable[[sip.Event], None]
TraceSink = Callable[[TraceEntry], None]


class Registration:
    """What is known of one account: `working` None until the registrar has answered or the time is over; `gruu` '' without one."""

    __slots__ = ("detail", "gruu", "working")

    def __init__(self) -> None:
        self.working: bool | None = None
        self.detail = "no answer yet"
        self.gruu = ""


class Line(Protocol):
    """What the station needs of a line."""

    @property
    def registrations(self) -> dict[str, Registration]: ...
    @property
    def port(self) -> int: ...
    @property
    def addresses(self) -> tuple[str, ...]: ...
    def attach(self, on_event: EventSink) -> None: ...
    def command(self, command: sip.Command) -> None: ...
    async def stop(self) -> None: ...


class SipLine:
    """The real one."""

    def __init__(self, settings: Settings, ids: IdSource, *, on_trace: TraceSink | None = None) -> None:
        loop = asyncio.get_running_loop()
        self._on_trace = on_trace
        self._on_event: EventSink | None = None
        self._waiting: list[sip.Event] = []
        self._sent = asyncio.Event()
        self._settled = asyncio.Event()
        self._registered: set[str] = set()
        self.registrations = {account.name: Registration() for account in settings.account}
        self._runner = Runner(
            Agent(agent_settings(settings), ids, loop.time()),
            bind_host=settings.network.bind,
            sip_port=settings.network.sip_port,
            on_event=self._event,
            on_trace=self._traced_first,
            transports=tuple(sip.Transport(name.upper()) for name in settings.network.transports),
            streams=stream_settings(settings),
            name_servers=name_servers(settings),
            dscp=settings.network.dscp_sip,
            ids=ids,
        )

    @property
    def port(self) -> int:
        return self._runner.local_port

    @property
    def ports(self) -> frozenset[int]:
        """Those of every transport; known after `start`."""
        return frozenset(self._runner.ports.values())

    @property
    def addresses(self) -> tuple[str, ...]:
        return self._runner.addresses

    async def start(self) -> None:
        """Open the sockets and begin to register every account. Raises TransportError when the port is taken."""
        await self._runner.start()
        for name in self.registrations:
            self.command(sip.Register(account=sip.AccountName(name)))

    async def first_send(self) -> None:
        """Wait until something was sent, at most FIRST_SEND_S_MAX; at once when there is nobody to register with."""
        if self.registrations:
            try:
                await asyncio.wait_for(self._sent.wait(), FIRST_SEND_S_MAX)
            except TimeoutError:
                log.debug("the first REGISTER waits for a name to be looked up")

    def attach(self, on_event: EventSink) -> None:
        """Send events there from now on, beginning with those that have waited."""
        self._on_event = on_event
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            on_event(event)

    def command(self, command: sip.Command) -> None:
        self._runner.command(command)

    async def stop(self) -> None:
        """Remove what is registered, as far as the registrars answer in time, then close the sockets."""
        for name in self._registered:
            self.command(sip.Unregister(account=sip.AccountName(name)))
        if self._registered:
            try:
                await asyncio.wait_for(self._settled.wait(), UNREGISTER_S_MAX)
            except TimeoutError:
                log.warning("not unregistered in time: %s", ", ".join(sorted(self._registered)))
        await self._runner.close()

    def _event(self, event: sip.Event) -> None:
        match event:
            case sip.Registered(account=account, expires_s=expires_s, gruu=gruu):
                self.registrations[account].gruu = "" if gruu is None else str(gruu)
                self._note(account, working=True, level=logging.INFO, detail=f"registered for {expires_s} s")
            case sip.RegistrationFailed(account=account, detail=detail):
                self._note(account, working=False, level=logging.WARNING, detail=detail)
            case sip.Unregistered(account=account):
                self._note(account, working=False, level=logging.INFO, detail="not registered: so ordered")
            case _:
                pass
        if self._on_event is not None:
            self._on_event(event)
        elif len(self._waiting) < WAITING_MAX:
            self._waiting.append(event)

    def _note(self, account: str, *, working: bool, level: int, detail: str) -> None:
        registration = self.registrations.setdefault(account, Registration())
        if (registration.working, registration.detail) != (working, detail):
            log.log(level, "account %s: %s", account, detail)
        registration.working, registration.detail = working, detail
        if working:
            self._registered.add(account)
        else:
            self._registered.discard(account)
        if self._registered:
            self._settled.clear()
        else:
            self._settled.set()

    def _traced_first(self, entry: TraceEntry) -> None:
        """Until something was sent."""
        if entry.sent:
            self._sent.set()
            self._runner.trace_to(self._on_trace)
        if self._on_trace is not None:
            self._on_trace(entry)
