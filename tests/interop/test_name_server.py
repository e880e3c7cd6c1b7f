"""RFC 3263 against a real name server: dnsmasq in the foreground, on a port of its own, with the records of one test."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.ids import SeededIds
from firmware.net.resolve import Resolver
from firmware.net.system_names import SystemNames
from firmware.sip.events import Locate, Located, QueryId, Transport
from firmware.sip.uri import Uri
from tests.interop.peers import eventually, process
from tests.ports import free_port

HOST = "127.0.0.5"
PORTS = {Transport.UDP: 5060, Transport.TCP: 5060, Transport.TLS: 5061}
RECORDS = """\
host-record=one.pbx.example,192.0.2.1,2001:db8::1
host-record=two.pbx.example,192.0.2.2
host-record=three.pbx.example,192.0.2.3
naptr-record=pbx.example,10,50,s,SIP+D2T,,_sip._tcp.pbx.example
naptr-record=pbx.example,20,50,s,SIP+D2U,,_sip._udp.pbx.example
srv-host=_sip._tcp.pbx.example,one.pbx.example,5070,1,50
srv-host=_sip._tcp.pbx.example,two.pbx.example,5071,2,50
srv-host=_sip._udp.pbx.example,three.pbx.example,5072,1,50
srv-host=_sips._tcp.pbx.example,two.pbx.example,5063,1,50
srv-host=_sip._udp.weights.example,one.pbx.example,5060,1,75
srv-host=_sip._udp.weights.example,two.pbx.example,5060,1,25
host-record=plain.example,192.0.2.9
"""


@contextlib.contextmanager
def name_server(folder: Path, records: str, *, port: int = 0) -> Iterator[tuple[str, int]]:
    folder.mkdir(exist_ok=True)
    port = port or free_port(HOST)
    (folder / "dnsmasq.conf").write_text(
        f"port={port}\nlisten-address={HOST}\nbind-interfaces\nno-resolv\nno-hosts\nlocal-ttl=1\nlocal=/example/\nuser=root\n{records}"
    )
    command = ["dnsmasq", "--keep-in-foreground", f"--conf-file={folder / 'dnsmasq.conf'}", "--pid-file=", "--log-facility=-"]
    with process(command, log=folder / "log") as server:

        def listens() -> bool:
            assert server.poll() is None, (folder / "log").read_text()
            with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
                return True
            return False

        eventually(listens, what="the name server listens")
        yield HOST, port


def resolver(*servers: tuple[str, int], seed: int = 1) -> Resolver:
    return Resolver(
        SystemNames(servers),
        ports=PORTS,
        local_host=lambda host: "::1" if ":" in host else "127.0.0.1",
        fraction=SeededIds(seed).fraction,
        now_s=lambda: asyncio.get_running_loop().time(),
    )


def ask(found: Resolver, uri: str) -> list[str]:
    return asyncio.run(located(found, uri))


async def located(found: Resolver, uri: str) -> list[str]:
    answer: Located = await found.locate(Locate(query=QueryId(1), uri=Uri.parse(uri)))
    return [f"{hop.transport.value} {hop.host} {hop.port}" for hop in answer.hops] or [answer.failure]


@pytest.mark.parametrize(
    ("uri", "hops"),
    [
        # NAPTR chooses TCP first; SRV by priority; a host's addresses together.
        ("sip:pbx.example", ["TCP 2001:db8::1 5070", "TCP 192.0.2.1 5070", "TCP 192.0.2.2 5071", "UDP 192.0.2.3 5072"]),
        ("sip:pbx.example;transport=udp", ["UDP 192.0.2.3 5072"]),
        ("sips:pbx.example", ["TLS 192.0.2.2 5063"]),
        # RFC 3263 §4.2: no SRV records, or a port: the addresses of the name itself.
        ("sip:plain.example", ["UDP 192.0.2.9 5060"]),
        ("sip:two.pbx.example:5099;transport=tcp", ["TCP 192.0.2.2 5099"]),
        ("sip:nobody.example", ["the name nobody.example is not known"]),
    ],
)
def test_a_domain_leads_to_its_servers(tmp_path: Path, uri: str, hops: list[str]) -> None:
    with name_server(tmp_path, RECORDS) as server:
        assert ask(resolver(server), uri) == hops


def test_weights_share_the_calls(tmp_path: Path) -> None:
    async def first_of_many(found: Resolver) -> Counter[str]:
        return Counter([(await located(found, "sip:weights.example;transport=udp"))[0] for _ in range(400)])

    with name_server(tmp_path, RECORDS) as server:
        first = asyncio.run(first_of_many(resolver(server)))
    assert 0.65 < first["UDP 2001:db8::1 5060"] / 400 < 0.85  # RFC 2782: 75 of 100, the chance is seeded
    assert first.total() == 400


def test_an_answer_too_large_for_a_datagram_comes_over_tcp(tmp_path: Path) -> None:
    long = "x" * 50
    records = "".join(
        f"srv-host=_sip._udp.large.example,{long}{number}.{long}.pbx.example,5060,{number},1\nhost-record={long}{number}.{long}.pbx.example,192.0.2.{number}\n"
        for number in range(1, 16)
    )
    with name_server(tmp_path, records) as server:
        hops = ask(resolver(server), "sip:large.example;transport=udp")
    assert hops == [f"UDP 192.0.2.{number} 5060" for number in range(1, 16)]


def test_a_silent_name_server_is_passed_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, name_server(tmp_path, RECORDS) as server:
        silent.bind((HOST, 0))
        assert ask(resolver(silent.getsockname(), server), "sip:plain.example:5060") == ["UDP 192.0.2.9 5060"]


def test_changed_records_count_when_their_lifetime_is_over_and_old_ones_while_the_server_is_gone(tmp_path: Path) -> None:
    async def main() -> None:
        uri = "sip:moving.example;transport=udp"
        before = "srv-host=_sip._udp.moving.example,one.pbx.example,5060,1,1\nhost-record=one.pbx.example,192.0.2.1\n"
        with name_server(tmp_path / "before", before) as server:
            found = resolver(server)
            assert await located(found, uri) == ["UDP 192.0.2.1 5060"]
        # The lifetime of a second is over soon, and nobody answers: what was known is better than nothing (RFC 8767 §4).
        await asyncio.sleep(1.1)
        assert await located(found, uri) == ["UDP 192.0.2.1 5060"]
        with name_server(tmp_path / "after", before.replace("5060", "5077"), port=server[1]):
            found.forget()  # as after a change of the network; else the server would be asked again in a minute
            assert await located(found, uri) == ["UDP 192.0.2.1 5077"]

    asyncio.run(main())
