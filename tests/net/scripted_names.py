"""Names as the test says, and a record of what was asked."""

from __future__ import annotations

from collections.abc import Mapping

from firmware.net.names import LookupFailed, Naptr, Srv

TTL_S = 300.0


class ScriptedNames:
    """A name service without a network. `silent` makes it answer nothing at all."""

    def __init__(
        self,
        *,
        hosts: Mapping[str, tuple[str, ...]] | None = None,
        srv: Mapping[str, tuple[Srv, ...]] | None = None,
        naptr: Mapping[str, tuple[Naptr, ...]] | None = None,
    ) -> None:
        self.hosts = dict(hosts or {})
        self.srv_records = dict(srv or {})
        self.naptr_records = dict(naptr or {})
        self.silent = False
        self.asked: list[str] = []

    async def addresses(self, host: str) -> tuple[str, ...]:
        self._ask(f"A {host}")
        if host not in self.hosts:
            raise LookupFailed(f"the name {host} is not known")
        return self.hosts[host]

    async def srv(self, name: str) -> tuple[tuple[Srv, ...], float]:
        self._ask(f"SRV {name}")
        return self.srv_records.get(name, ()), TTL_S

    async def naptr(self, name: str) -> tuple[tuple[Naptr, ...], float]:
        self._ask(f"NAPTR {name}")
        return self.naptr_records.get(name, ()), TTL_S

    def _ask(self, question: str) -> None:
        self.asked.append(question)
        if self.silent:
            raise LookupFailed("no name server answered")
