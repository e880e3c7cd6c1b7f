"""firmware/net/system_names.py and dns_records.py: the C library, and a name server on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any, cast

import dns.message
import dns.rcode
import dns.rrset
import pytest

from firmware.net import dns_records, system_names
from firmware.net.dns_records import DnsRecords
from firmware.net.names import LookupFailed, Naptr, Srv
from firmware.net.system_names import SystemNames
from tests.net.loops import run, run_flying, turns

ZONE = {
    ("_sip._udp.example.com.", "SRV"): ["10 60 5060 a.example.com.", "20 0 5062 b.example.com."],
    ("example.com.", "NAPTR"): [
        '50 50 "s" "SIP+D2T" "" _sip._tcp.example.com.',
        '60 50 "u" "E2U+sip" "!^.*$!sip:x@example.com!" .',
    ],
    ("empty.example.com.", "A"): ["192.0.2.1"],
}


class NameServer(asyncio.DatagramProtocol):
    """Answers from ZONE; NXDOMAIN for other names."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)  # Python 3.11's does not say that it is one
        self.stopped = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.stopped.set()

    async def stop(self) -> None:
        self.transport.close()
        await self.stopped.wait()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        response = dns.message.make_response(query)
        kind = question.rdtype.name
        records = ZONE.get((question.name.to_text(), kind))
        if records is not None:
            response.answer.append(dns.rrset.from_text(question.name, 120, "IN", kind, *records))
        elif not any(name == question.name.to_text() for name, _ in ZONE):
            response.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(response.to_wire(), addr)


async def name_server() -> tuple[NameServer, int]:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    return server, transport.get_extra_info("sockname")[1]


def test_records_come_with_their_lifetime() -> None:
    async def main() -> None:
        server, port = await name_server()
        records = DnsRecords((("127.0.0.1", port),))
        found, ttl_s = await records.srv("_sip._udp.example.com")
        assert sorted(found) == [Srv(10, 60, 5060, "a.example.com"), Srv(20, 0, 5062, "b.example.com")]
        assert ttl_s == 120.0
        assert await records.naptr("example.com") == ((Naptr(50, 50, "SIP+D2T", "_sip._tcp.example.com"),), 120.0)
        await server.stop()

    run(main())


@pytest.mark.parametrize("name", ["nowhere.example.com", "empty.example.com"])
def test_having_no_such_record_is_an_answer(name: str) -> None:
    async def main() -> None:
        server, port = await name_server()
        records = DnsRecords((("127.0.0.1", port),))
        assert await records.srv(name) == ((), dns_records.ABSENT_TTL_S)
        assert await records.naptr(name) == ((), dns_records.ABSENT_TTL_S)
        await server.stop()

    run(main())


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".com", ".".join(["y" * 60] * 6)])
def test_names_that_dns_cannot_carry_fail_and_do_not_raise_anything_else(name: str) -> None:
    async def main() -> None:
        server, port = await name_server()
        records = DnsRecords((("127.0.0.1", port),))
        with pytest.raises(LookupFailed, match="no name server answered"):
            await records.srv(name)
        await server.stop()

    run(main())


def test_a_name_server_that_is_not_there_is_a_failed_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_records, "LIFETIME_S", 0.2)

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            with pytest.raises(LookupFailed, match="no name server answered"):
                await DnsRecords((("127.0.0.1", silent.getsockname()[1]),)).srv("x.example.com")

    run(main())


def test_the_library_is_loaded_when_first_needed_and_then_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        server, port = await name_server()
        loads = []

        def load(servers: tuple[tuple[str, int], ...]) -> DnsRecords:
            loads.append(threading.current_thread())
            return DnsRecords((("127.0.0.1", port),))

        monkeypatch.setattr(system_names, "_load_records", load)
        names = SystemNames()
        assert len((await names.srv("_sip._udp.example.com"))[0]) == 2
        assert len((await names.naptr("example.com"))[0]) == 1
        assert len(loads) == 1
        assert loads[0] is not threading.main_thread()
        await server.stop()

    run(main())


def test_localhost_is_known_to_every_machine() -> None:
    assert "127.0.0.1" in run(SystemNames().addresses("localhost"))


def test_addresses_keep_the_librarys_order_without_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", (host, 0)) for host in ("192.0.2.2", "192.0.2.1", "192.0.2.2")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
    assert run(SystemNames().addresses("pbx")) == ("192.0.2.2", "192.0.2.1")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), "the name pbx is not known"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), "check the network"),
        (socket.gaierror(socket.EAI_FAIL, "x"), "looking up pbx failed"),
        (UnicodeError("label too long"), "no name that can be looked up"),
        (OSError(5, "x"), "no name that can be looked up"),
    ],
)
def test_a_failure_is_put_in_plain_words(error: Exception, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> list[object]:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(LookupFailed, match=words):
        run(SystemNames().addresses("pbx"))


def test_a_host_name_from_the_network_with_a_label_too_long_is_a_failed_lookup() -> None:
    with pytest.raises(LookupFailed):
        run(SystemNames().addresses("a" * 64 + ".example"))


def test_a_silent_name_server_is_waited_for_only_so_long_and_holds_only_so_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*args: object, **kwargs: object) -> list[object]:
        release.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)

    async def main() -> None:
        names = SystemNames()
        waits = [asyncio.create_task(names.addresses(f"h{number}")) for number in range(system_names.THREADS_MAX)]
        await turns()
        with pytest.raises(LookupFailed, match="wait for the name server already"):
            await names.addresses("one too many")
        for wait in waits:
            with pytest.raises(LookupFailed, match="did not answer about h"):
                await wait
        with pytest.raises(LookupFailed, match="already"):
            await names.addresses("threads are still held")

    try:
        run_flying(main())
    finally:
        release.set()
