"""What can be asked about names, and the memory of the answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from firmware.kind import kind

CACHE_MAX: Final = 256  # names of a kind remembered; a station knows a handful
ADDRESS_TTL_S: Final = 30.0  # getaddrinfo tells no lifetime; a moved server is found again within this
TTL_MAX_S: Final = 3600.0  # longer lifetimes are not believed
SILENCE_S: Final = 60.0  # how long a name server that did not answer is not asked for records again; addresses may be in /etc/hosts

T = TypeVar("T")


class LookupFailed(Exception):  # noqa: N818 # an outcome that the agent is told, not a fault of this program
    """A name could not be turned into addresses; the text says why, in plain words."""


@kind
class Srv(NamedTuple):
    """An SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


@kind
class Naptr(NamedTuple):
    """A NAPTR record that leads to another name (RFC 3403 §4.1)."""

    order: int
    preference: int
    service: str
    replacement: str


class Names(Protocol):
    """Where names are looked up. Having no records is an empty answer; LookupFailed means that the question was not answered."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Numeric addresses of `host` in the order in which to try them (RFC 6724); LookupFailed when there are none."""
        ...

    async def srv(self, name: str) -> tuple[tuple[Srv, ...], float]:
        """SRV records and their lifetime in seconds."""
        ...

    async def naptr(self, name: str) -> tuple[tuple[Naptr, ...], float]:
        """NAPTR records and their lifetime in seconds."""
        ...


class NameCache:
    """Answers for their lifetime, and beyond it for want of better: a name server's outage must not silence the door (RFC 8767 §4)."""

    def __init__(self, names: Names, now_s: Callable[[], float]) -> None:
        self._names = names
        self._now_s = now_s
        self._addresses: _Table[tuple[str, ...]] = _Table()
        self._srv: _Table[tuple[Srv, ...]] = _Table()
        self._naptr: _Table[tuple[Naptr, ...]] = _Table()
        self._silent_until_s: float | None = None

    def forget(self) -> None:
        """The network has changed: every question is asked anew. Old answers stay for want of better."""
        self._silent_until_s = None
        for table in (self._addresses, self._srv, self._naptr):
            table.expire()

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Addresses of `host`; LookupFailed when none are known."""
        now_s = self._now_s()
        known = self._addresses.get(host, now_s)
        if known is not None:
            return known
        try:
            found = await self._names.addresses(host)
        except LookupFailed:
            old = self._addresses.get_old(host)
            if old is None:
                raise
            return old
        self._addresses.put(host, now_s + ADDRESS_TTL_S, found)
        return found

    async def srv(self, name: str) -> tuple[Srv, ...]:
        """SRV records of `name`; none when there are none or nobody answers."""
        return await self._records(self._srv, name, self._names.srv) or ()

    async def naptr(self, name: str) -> tuple[Naptr, ...]:
        """NAPTR records of `name`; none when there are none or nobody answers."""
        return await self._records(self._naptr, name, self._names.naptr) or ()

    async def _records(self, table: _Table[T], name: str, ask: Callable[[str], Awaitable[tuple[T, float]]]) -> T | None:
        now_s = self._now_s()
        known = table.get(name, now_s)
        if known is not None:
            return known
        if self._silent_until_s is not None and now_s < self._silent_until_s:
            return table.get_old(name)
        try:
            found, ttl_s = await ask(name)
        except LookupFailed:
            self._silent_until_s = self._now_s() + SILENCE_S
            return table.get_old(name)
        table.put(name, now_s + min(ttl_s, TTL_MAX_S), found)
        return found


class _Table(Generic[T]):
    """Answers by name, each with the time until which it is good."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[float, T]] = {}

    def get(self, name: str, now_s: float) -> T | None:
        entry = self._entries.get(name)
        return entry[1] if entry is not None and now_s < entry[0] else None

    def get_old(self, name: str) -> T | None:
        entry = self._entries.get(name)
        return None if entry is None else entry[1]

    def put(self, name: str, until_s: float, answer: T) -> None:
        self._entries.pop(name, None)
        if len(self._entries) >= CACHE_MAX:
            del self._entries[next(iter(self._entries))]  # the one that was learned longest ago
        self._entries[name] = (until_s, answer)

    def expire(self) -> None:
        self._entries = {name: (float("-inf"), answer) for name, (_, answer) in self._entries.items()}
