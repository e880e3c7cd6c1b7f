"""firmware/net/resolve.py: RFC 3263 with scripted names."""

from __future__ import annotations

import asyncio
import re
from collections import Counter

import pytest

from firmware.ids import SeededIds
from firmware.net.names import Naptr, Srv
from firmware.net.resolve import HOPS_MAX, Resolver, order_srv
from firmware.sip.events import Locate, Located, QueryId, Transport
from firmware.sip.uri import Uri
from tests.net.scripted_names import ScriptedNames

PORTS = {Transport.UDP: 5060, Transport.TCP: 5060}
SECURE_PORTS = {**PORTS, Transport.TLS: 5061}


def local_host(host: str) -> str:
    if host.startswith("203.0.113."):
        raise OSError(101, "Network is unreachable")
    return "::1" if ":" in host else "192.0.2.250"


def locate(
    uri: str, names: ScriptedNames | None = None, *, ports: dict[Transport, int] | None = None, transport: Transport | None = None
) -> Located:
    resolver = Resolver(
        names or ScriptedNames(), ports=ports or PORTS, local_host=local_host, fraction=SeededIds(1).fraction, now_s=lambda: 0.0
    )
    return asyncio.run(resolver.locate(Locate(query=QueryId(4), uri=Uri.parse(uri), transport=transport)))


def hops(located: Located) -> list[str]:
    return [f"{hop.transport.value} {hop.host} {hop.port}" for hop in located.hops]


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        ("sip:192.0.2.1", "UDP 192.0.2.1 5060"),
        ("sip:door@192.0.2.1:5080", "UDP 192.0.2.1 5080"),
        ("sip:192.0.2.1;transport=tcp", "TCP 192.0.2.1 5060"),
        ("sip:192.0.2.1;transport=TCP", "TCP 192.0.2.1 5060"),
        ("sip:[2001:db8::1]:5070", "UDP 2001:db8::1 5070"),
        ("sip:example.com;maddr=192.0.2.9", "UDP 192.0.2.9 5060"),
        ("sips:192.0.2.1", "TLS 192.0.2.1 5061"),
        ("sips:192.0.2.1;transport=tcp", "TLS 192.0.2.1 5061"),
        ("sip:192.0.2.1;transport=tls", "TLS 192.0.2.1 5061"),
    ],
)
def test_a_numeric_host_needs_no_name_server(uri: str, hop: str) -> None:
    names = ScriptedNames()
    assert hops(locate(uri, names, ports=SECURE_PORTS)) == [hop]
    assert names.asked == []


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        # RFC 7118 §5.2.1 names both `ws`; with sips it is the secure one.
        ("sip:192.0.2.1;transport=ws", "WS 192.0.2.1 80"),
        ("sip:192.0.2.1;transport=wss", "WSS 192.0.2.1 443"),
        ("sips:192.0.2.1;transport=ws", "WSS 192.0.2.1 443"),
        ("sip:192.0.2.1;transport=sctp", "SCTP 192.0.2.1 5060"),
    ],
)
def test_every_transport_has_its_default_port(uri: str, hop: str) -> None:
    ports = {**SECURE_PORTS, Transport.WS: 5066, Transport.WSS: 7443, Transport.SCTP: 5060}
    assert hops(locate(uri, ports=ports)) == [hop]


def test_where_only_secure_websockets_are_open_ws_means_them() -> None:
    assert hops(locate("sip:192.0.2.1:8443;transport=ws", ports={Transport.WSS: 7443})) == ["WSS 192.0.2.1 8443"]
    assert "WS is not switched on" in locate("sip:192.0.2.1;transport=ws", ports={Transport.TLS: 5061}).failure


def test_the_domain_to_prove_is_that_of_the_uri_whatever_srv_says() -> None:
    # RFC 5922 §7.3
    names = ScriptedNames(
        hosts={"edge.hoster.example": ("192.0.2.1",)}, srv={"_sips._tcp.pbx.example": (Srv(1, 1, 5061, "edge.hoster.example"),)}
    )
    located = locate("sips:door@pbx.example", names, ports=SECURE_PORTS)
    assert [(hop.host, hop.domain) for hop in located.hops] == [("192.0.2.1", "pbx.example")]
    assert [hop.domain for hop in locate("sips:192.0.2.1", ports=SECURE_PORTS).hops] == ["192.0.2.1"]
    assert [hop.domain for hop in locate("sip:192.0.2.1").hops] == [""]


def test_a_hop_states_our_own_side_and_the_question() -> None:
    located = locate("sip:192.0.2.1")
    assert located.query == 4
    assert (located.hops[0].local_host, located.hops[0].local_port, located.hops[0].flow) == ("192.0.2.250", 5060, None)


def test_a_forced_transport_wins() -> None:
    # RFC 3261 §18.1.1: too large for UDP, whatever the URI says.
    assert hops(locate("sip:192.0.2.1;transport=udp", transport=Transport.TCP)) == ["TCP 192.0.2.1 5060"]


def test_a_port_means_addresses_only() -> None:
    # RFC 3263 §4.2: with a port, an A or AAAA look-up.
    names = ScriptedNames(hosts={"pbx.example.com": ("192.0.2.1", "2001:db8::1")})
    assert hops(locate("sip:pbx.example.com:5070", names)) == ["UDP 192.0.2.1 5070", "UDP 2001:db8::1 5070"]
    assert names.asked == ["A pbx.example.com"]


@pytest.mark.parametrize("host", ["pbx", "door.local", "localhost"])
def test_names_that_dns_cannot_know_are_not_asked_for_services(host: str) -> None:
    names = ScriptedNames(hosts={host: ("192.0.2.1",)})
    assert hops(locate(f"sip:{host}", names)) == ["UDP 192.0.2.1 5060"]
    assert names.asked == [f"A {host}"]


def test_naptr_chooses_the_transport_and_srv_the_servers() -> None:
    # The example of RFC 3263 §4.1, without SIPS.
    names = ScriptedNames(
        hosts={"server1.example.com": ("192.0.2.1",), "server2.example.com": ("192.0.2.2",)},
        naptr={
            "example.com": (
                Naptr(100, 50, "SIP+D2U", "_sip._udp.example.com"),
                Naptr(50, 50, "SIPS+D2T", "_sips._tcp.example.com"),
                Naptr(90, 50, "SIP+D2T", "_sip._tcp.example.com"),
            )
        },
        srv={
            "_sip._tcp.example.com": (Srv(0, 1, 5060, "server1.example.com"), Srv(1, 2, 5062, "server2.example.com.")),
            "_sip._udp.example.com": (Srv(0, 1, 5060, "server2.example.com"),),
        },
    )
    assert hops(locate("sip:example.com", names)) == ["TCP 192.0.2.1 5060", "TCP 192.0.2.2 5062", "UDP 192.0.2.2 5060"]
    assert "SRV _sips._tcp.example.com" not in names.asked


def test_without_naptr_each_of_our_transports_is_asked_for() -> None:
    names = ScriptedNames(hosts={"s.example.com": ("192.0.2.1",)}, srv={"_sip._tcp.example.com": (Srv(0, 1, 5066, "s.example.com"),)})
    assert hops(locate("sip:example.com.", names)) == ["TCP 192.0.2.1 5066"]
    assert names.asked == ["NAPTR example.com", "SRV _sip._udp.example.com", "SRV _sip._tcp.example.com", "A s.example.com"]


def test_a_stated_transport_is_asked_for_alone() -> None:
    names = ScriptedNames(hosts={"example.com": ("192.0.2.1",)}, srv={"_sip._udp.example.com": (Srv(0, 1, 5066, "s.example.com"),)})
    assert hops(locate("sip:example.com;transport=tcp", names)) == ["TCP 192.0.2.1 5060"]
    assert names.asked == ["SRV _sip._tcp.example.com", "A example.com"]


def test_without_any_service_the_host_itself_is_meant() -> None:
    names = ScriptedNames(hosts={"example.com": ("192.0.2.1",)})
    assert hops(locate("sip:Example.COM", names)) == ["UDP 192.0.2.1 5060"]


def test_sips_takes_only_secure_services() -> None:
    names = ScriptedNames(
        hosts={"s.example.com": ("192.0.2.1",)},
        naptr={"example.com": (Naptr(1, 1, "SIP+D2T", "_sip._tcp.example.com"),)},
        srv={"_sips._tcp.example.com": (Srv(0, 1, 5061, "s.example.com"),), "_sip._tcp.example.com": (Srv(0, 1, 5060, "s.example.com"),)},
    )
    assert hops(locate("sips:example.com", names, ports=SECURE_PORTS)) == ["TLS 192.0.2.1 5061"]


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("sip:192.0.2.1;transport=tls", "TLS is not switched on"),
        ("sip:192.0.2.1;transport=pigeon", "pigeon is unknown"),
        ("sips:192.0.2.1", "sips needs TLS"),
        ("sips:192.0.2.1;transport=udp", "sips over UDP does not exist"),
        ("tel:+4912345", "names no host"),
        ("sip:unknown.example.com", "the name unknown.example.com is not known"),
        ("sip:203.0.113.1", r"no way to 203\.0\.113\.1: Network is unreachable"),
    ],
)
def test_a_failure_says_why(uri: str, why: str) -> None:
    located = locate(uri)
    assert located.hops == ()
    assert re.search(why, located.failure)


def test_unreachable_addresses_are_left_out_while_others_remain() -> None:
    names = ScriptedNames(hosts={"pbx": ("203.0.113.1", "192.0.2.1")})
    located = locate("sip:pbx", names)
    assert hops(located) == ["UDP 192.0.2.1 5060"]
    assert located.failure == ""


def test_a_server_whose_name_is_unknown_is_passed_over() -> None:
    names = ScriptedNames(
        hosts={"b.example.com": ("192.0.2.2",)},
        srv={"_sip._udp.example.com": (Srv(0, 1, 5060, "a.example.com"), Srv(1, 1, 5060, "b.example.com"))},
    )
    assert hops(locate("sip:example.com", names)) == ["UDP 192.0.2.2 5060"]


def test_a_hop_is_tried_once_and_their_number_is_bounded() -> None:
    names = ScriptedNames(hosts={"pbx": ("192.0.2.1", "192.0.2.1", *(f"198.51.100.{n}" for n in range(50)))})
    located = locate("sip:pbx", names)
    assert len(located.hops) == len(set(located.hops)) == HOPS_MAX


def test_without_udp_the_default_is_what_is_there() -> None:
    assert hops(locate("sip:192.0.2.1", ports={Transport.TCP: 5060})) == ["TCP 192.0.2.1 5060"]
    assert "no transport" in locate("sip:192.0.2.1", ports={Transport.TLS: 5061}).failure


def test_priorities_come_in_order_and_weights_in_proportion() -> None:
    # RFC 2782: within a priority, the chance to be first is in proportion to the weight.
    records = (Srv(10, 0, 1, "backup"), Srv(0, 75, 1, "heavy"), Srv(0, 25, 1, "light"), Srv(0, 0, 1, "never"), Srv(0, 1, 1, "."))
    ids = SeededIds(7)
    orders = [tuple(record.target for record in order_srv(records, ids.fraction)) for _ in range(2000)]
    assert all(len(order) == 4 for order in orders)
    assert all(order[-1] == "backup" for order in orders)
    first = Counter(order[0] for order in orders)
    assert 1350 < first["heavy"] < 1620
    assert 380 < first["light"] < 620
    assert first["never"] < 80


@pytest.mark.parametrize("fraction", [0.0, 0.999999])
def test_every_point_of_the_chance_chooses_a_record(fraction: float) -> None:
    records = (Srv(0, 0, 1, "a"), Srv(0, 65_535, 1, "b"))
    assert {record.target for record in order_srv(records, lambda: fraction)} == {"a", "b"}
