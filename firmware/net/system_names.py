"""Names as this machine knows them: addresses from the C library (files, mDNS, DNS: whatever nsswitch.conf says), records from DNS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from firmware.net.names import LookupFailed, Naptr, Srv

if TYPE_CHECKING:
    from firmware.net.dns_records import DnsRecords

ADDRESSES_MAX: Final = 16  # of one name; more are never tried
THREADS_MAX: Final = 8  # the C library cannot be interrupted: a silent name server holds a thread for half a minute
PATIENCE_S: Final = 8.0  # for one question; a SIP transaction lasts 32 s and a visitor at the door less

T = TypeVar("T")


class SystemNames:
    """Looks names up without blocking the loop. `servers`, addresses and ports, are asked instead of the machine's own ways, if given."""

    def __init__(self, servers: tuple[tuple[str, int], ...] = ()) -> None:
        self._servers = servers
        self._threads = 0
        self._records: DnsRecords | None = None

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Addresses of `host` in the C library's order; LookupFailed when there are none."""
        if self._servers:
            return await (await self._library()).addresses(host)
        return await self._in_thread(lambda: _addresses(host), host)

    async def srv(self, name: str) -> tuple[tuple[Srv, ...], float]:
        """SRV records from the machine's name servers."""
        return await (await self._library()).srv(name)

    async def naptr(self, name: str) -> tuple[tuple[Naptr, ...], float]:
        """NAPTR records from the machine's name servers."""
        return await (await self._library()).naptr(name)

    async def _library(self) -> DnsRecords:
        """The DNS library costs more to load than the rest of the program to start, so it is loaded when first needed, beside the loop."""
        if self._records is None:
            self._records = await self._in_thread(lambda: _load_records(self._servers), "the DNS library")
        return self._records

    async def _in_thread(self, work: Callable[[], T], what: str) -> T:
        """Run `work` in a thread that does not hold up the program's end, as those of the loop's executor would."""
        if self._threads >= THREADS_MAX:
            raise LookupFailed(f"{THREADS_MAX} look-ups wait for the name server already")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def hand_over(result: T | LookupFailed) -> None:
            self._threads -= 1
            if done.done():
                return
            if isinstance(result, LookupFailed):
                done.set_exception(result)
            else:
                done.set_result(result)

        def run() -> None:
            try:
                result: T | LookupFailed = work()
            except LookupFailed as failure:
                result = failure
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile, and nobody waits any more
                loop.call_soon_threadsafe(hand_over, result)

        self._threads += 1
        threading.Thread(target=run, name="portero-names", daemon=True).start()
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await done
        except TimeoutError:
            raise LookupFailed(f"the name server did not answer about {what} within {PATIENCE_S:.0f} s") from None


def _addresses(host: str) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except socket.gaierror as error:
        raise LookupFailed(_words(host, error.errno)) from error
    except (OSError, UnicodeError) as error:
        raise LookupFailed(f"{host[:80]!r} is no name that can be looked up") from error
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))[:ADDRESSES_MAX]


def _words(host: str, number: int | None) -> str:
    match number:
        case socket.EAI_NONAME | socket.EAI_NODATA:
            return f"the name {host} is not known"
        case socket.EAI_AGAIN:
            return f"no name server answered about {host}; check the network and its DNS setting"
        case _:
            return f"looking up {host} failed"


def _load_records(servers: tuple[tuple[str, int], ...]) -> DnsRecords:
    from firmware.net.dns_records import DnsRecords  # optional and heavy

    return DnsRecords(servers)
