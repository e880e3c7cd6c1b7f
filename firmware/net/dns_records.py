"""NAPTR and SRV records through dnspython. Heavy to load: only `system_names` imports it, when a bare name must be located."""

from __future__ import annotations

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.rdtypes.IN.NAPTR
import dns.rdtypes.IN.SRV
import dns.resolver

from firmware.net.names import LookupFailed, Naptr, Srv

LIFETIME_S = 4.0  # for all name servers together; a name server on the same network answers in milliseconds
ABSENT_TTL_S = 60.0  # how long "no such record" is believed; RFC 2308 §5 allows hours, an installer who just added one waits a minute
RECORDS_MAX = 32  # of one name; more could never all be tried


class DnsRecords:
    """Asks the machine's name servers (/etc/resolv.conf), or those given, as addresses and ports."""

    def __init__(self, servers: tuple[tuple[str, int], ...] = ()) -> None:
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        except dns.exception.DNSException as error:
            raise LookupFailed("no name server is set on this machine (/etc/resolv.conf)") from error
        if servers:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in servers]

    async def addresses(self, host: str) -> tuple[str, ...]:
        """IPv6 and IPv4 addresses of `host` (RFC 6724 prefers the former); LookupFailed when there are none or no server answers."""
        found = []
        for kind in ("AAAA", "A"):
            answer = await self._ask(host, kind)
            if answer is not None:
                found += [record.address for record in answer if isinstance(record, (dns.rdtypes.IN.A.A, dns.rdtypes.IN.AAAA.AAAA))]
        if not found:
            raise LookupFailed(f"the name {host[:80]} is not known")
        return tuple(found[:RECORDS_MAX])

    async def srv(self, name: str) -> tuple[tuple[Srv, ...], float]:
        """SRV records of `name` and their lifetime in seconds. LookupFailed when no server answers."""
        answer = await self._ask(name, "SRV")
        if answer is None:
            return (), ABSENT_TTL_S
        found = [
            Srv(record.priority, record.weight, record.port, record.target.to_text(omit_final_dot=True))
            for record in answer
            if isinstance(record, dns.rdtypes.IN.SRV.SRV)
        ]
        return tuple(found[:RECORDS_MAX]), float(answer.ttl)

    async def naptr(self, name: str) -> tuple[tuple[Naptr, ...], float]:
        """NAPTR records of `name` that lead to SRV records (flag s), and their lifetime in seconds. LookupFailed when no server answers."""
        answer = await self._ask(name, "NAPTR")
        if answer is None:
            return (), ABSENT_TTL_S
        found = [
            Naptr(
                record.order, record.preference, record.service.decode("ascii", "replace"), record.replacement.to_text(omit_final_dot=True)
            )
            for record in answer
            # RFC 3263 §4.1: the flag of SIP services is "s"; what a regexp would make of a domain is not for us.
            if isinstance(record, dns.rdtypes.IN.NAPTR.NAPTR) and record.flags.lower() == b"s"
        ]
        return tuple(found[:RECORDS_MAX]), float(answer.ttl)

    async def _ask(self, name: str, kind: str) -> dns.resolver.Answer | None:
        try:
            answer = await self._resolver.resolve(name + ".", kind, lifetime=LIFETIME_S, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            return None
        except dns.exception.DNSException as error:
            raise LookupFailed(f"no name server answered about {name[:80]}") from error
        return answer if answer.rrset is not None else None
