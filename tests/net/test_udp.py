"""firmware/net/udp.py over loopback."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from firmware.net.sockets import IP_RECVERR, SipSockets, local_host_towards, open_sockets
from firmware.net.udp import BATCH_MAX, HOPS_MAX, UdpTransport
from firmware.sip.events import Hop, Input, Received, SendFailed, Transport
from tests.net.loops import GIVE_UP_S, run, turns
from tests.ports import free_port


class Bench(NamedTuple):
    """A transport under test, what it delivers, and a plain socket as its peer."""

    udp: UdpTransport
    port: int
    news: asyncio.Queue[Input]
    peer: socket.socket
    sockets: SipSockets

    def hop(self, host: str = "127.0.0.1", port: int | None = None) -> Hop:
        return Hop(
            transport=Transport.UDP, host=host, port=port or self.peer.getsockname()[1], local_host="127.0.0.1", local_port=self.port
        )


def bench(admit: Callable[[str], bool] = lambda source: True, local_host: Callable[[str], str] = local_host_towards) -> Bench:
    opened = open_sockets("127.0.0.1", 0, dscp=24, tcp=False)
    news: asyncio.Queue[Input] = asyncio.Queue()
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", 0))
    peer.settimeout(GIVE_UP_S)
    return Bench(UdpTransport(opened.udp, local_host=local_host, admit=admit, deliver=news.put_nowait), opened.port, news, peer, opened)


async def finish(bench: Bench) -> None:
    await bench.udp.close()
    bench.peer.close()


def test_a_datagram_arrives_with_the_hop_that_leads_back() -> None:
    async def main() -> None:
        b = bench()
        b.peer.sendto(b"OPTIONS sip:door SIP/2.0", ("127.0.0.1", b.port))
        assert await b.news.get() == Received(data=b"OPTIONS sip:door SIP/2.0", source=b.hop())
        b.udp.send(b.hop(), b"SIP/2.0 200 OK")
        assert b.peer.recv(100) == b"SIP/2.0 200 OK"
        await finish(b)

    run(main())


def test_the_same_neighbour_is_the_same_hop() -> None:
    async def main() -> None:
        b = bench()
        received = []
        for _ in range(2):
            b.peer.sendto(b"hello", ("127.0.0.1", b.port))
            news = await b.news.get()
            assert isinstance(news, Received)
            received.append(news.source)
        assert received[0] is received[1]
        b.udp.forget_routes()
        b.peer.sendto(b"hello", ("127.0.0.1", b.port))
        news = await b.news.get()
        assert isinstance(news, Received)
        assert news.source == received[0]
        assert news.source is not received[0]
        await finish(b)

    run(main())


def test_the_memory_of_neighbours_is_bounded() -> None:
    async def main() -> None:
        b = bench()
        for port in range(HOPS_MAX + 10):
            b.udp._remember(("127.0.0.1", port + 1))
        assert len(b.udp._hops) == HOPS_MAX
        await finish(b)

    run(main())


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"\0", b"", b"\r\n"])
def test_keep_alives_and_empty_datagrams_are_dropped(data: bytes) -> None:
    async def main() -> None:
        b = bench()
        b.peer.sendto(data, ("127.0.0.1", b.port))
        b.peer.sendto(b"after", ("127.0.0.1", b.port))
        assert await b.news.get() == Received(data=b"after", source=b.hop())
        await finish(b)

    run(main())


def test_a_source_that_is_not_admitted_is_not_heard() -> None:
    async def main() -> None:
        turn = iter((False, True))
        b = bench(admit=lambda source: next(turn))
        b.peer.sendto(b"first", ("127.0.0.1", b.port))
        b.peer.sendto(b"second", ("127.0.0.1", b.port))
        assert await b.news.get() == Received(data=b"second", source=b.hop())
        await finish(b)

    run(main())


def test_more_than_a_batch_arrives_whole_and_in_order() -> None:
    async def main() -> None:
        b = bench()
        count = BATCH_MAX * 3
        for number in range(count):
            b.peer.sendto(b"message %d" % number, ("127.0.0.1", b.port))
        for number in range(count):
            news = await b.news.get()
            assert isinstance(news, Received)
            assert news.data == b"message %d" % number
        await finish(b)

    run(main())


class ScriptedPace:
    """Says `script`, one after the other, then that all is calm; and notes how many messages were read each time."""

    def __init__(self, script: list[float]) -> None:
        self.script = script
        self.taken: list[int] = []

    def wait_s(self, taken: int, now_s: float) -> float:
        self.taken.append(taken)
        return self.script.pop(0) if self.script else 0.0


def paced(monkeypatch: pytest.MonkeyPatch, script: list[float]) -> ScriptedPace:
    pace = ScriptedPace(script)
    monkeypatch.setattr("firmware.net.udp.Pace", lambda: pace)
    return pace


async def say(b: Bench, *words: bytes) -> None:
    for word in words:
        b.peer.sendto(word, ("127.0.0.1", b.port))


async def heard(b: Bench, count: int) -> list[bytes]:
    news = [await b.news.get() for _ in range(count)]
    return [each.data for each in news if isinstance(each, Received)]


def test_what_comes_while_it_waits_is_read_together_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = paced(monkeypatch, [0.05])

    async def main() -> None:
        b = bench()
        await say(b, b"message 1")
        assert await heard(b, 1) == [b"message 1"]
        await say(b, b"message 2", b"message 3")
        assert await heard(b, 2) == [b"message 2", b"message 3"]
        assert pace.taken == [1, 2]
        await say(b, b"message 4")
        assert await heard(b, 1) == [b"message 4"]  # calm again: the loop itself says when there is something
        await finish(b)

    run(main())


def test_a_full_batch_goes_on_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = paced(monkeypatch, [0.001, 3600.0])

    async def main() -> None:
        b = bench()
        words = [b"message %d" % number for number in range(2 * BATCH_MAX)]
        await say(b, words[0])
        assert await heard(b, 1) == words[:1]
        await say(b, *words[1:])
        assert await heard(b, len(words) - 1) == words[1:]
        assert pace.taken[1] == BATCH_MAX
        await finish(b)

    run(main())


def test_closing_while_messages_gather_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    paced(monkeypatch, [0.001])

    async def main() -> None:
        b = bench()
        await say(b, b"message 1")
        assert await heard(b, 1) == [b"message 1"]
        await turns()
        await say(b, b"message 2")
        await finish(b)
        await asyncio.sleep(0.01)  # past the time at which it would have read again
        assert b.news.empty()

    run(main())


def test_nobody_listening_is_told_with_the_hop_that_was_used() -> None:
    # RFC 3261 §18.4: an ICMP port unreachable is a transport error.
    async def main() -> None:
        b = bench()
        hop = b.hop(port=free_port())
        b.udp.send(hop, b"anyone there?")
        news = await b.news.get()
        assert isinstance(news, SendFailed)
        assert news.hop == hop
        assert "nobody listens" in news.reason
        await finish(b)

    run(main())


def test_nobody_listening_on_ipv6_is_told_too() -> None:
    async def main() -> None:
        opened = open_sockets("::1", 0, dscp=24, tcp=False)
        news: asyncio.Queue[Input] = asyncio.Queue()
        udp = UdpTransport(opened.udp, local_host=local_host_towards, admit=lambda source: True, deliver=news.put_nowait)
        hop = Hop(transport=Transport.UDP, host="::1", port=free_port("::1"), local_host="::1", local_port=opened.port)
        udp.send(hop, b"anyone there?")
        assert await news.get() == SendFailed(hop=hop, reason="nobody listens there (ICMP port unreachable)")
        await udp.close()

    run(main())


def test_an_error_of_one_destination_does_not_swallow_what_goes_to_another() -> None:
    async def main() -> None:
        b = bench()
        dead = b.hop(port=free_port())
        b.udp.send(dead, b"lost")
        b.udp.send(b.hop(), b"arrives")  # the kernel reports the first datagram's error here
        assert b.peer.recv(100) == b"arrives"
        assert await b.news.get() == SendFailed(hop=dead, reason="nobody listens there (ICMP port unreachable)")
        await finish(b)

    run(main())


def test_receiving_goes_on_after_errors() -> None:
    async def main() -> None:
        b = bench()
        for _ in range(3):
            b.udp.send(b.hop(port=free_port()), b"lost")
            assert isinstance(await b.news.get(), SendFailed)
        b.peer.sendto(b"still there", ("127.0.0.1", b.port))
        assert await b.news.get() == Received(data=b"still there", source=b.hop())
        await finish(b)

    run(main())


def test_a_message_too_large_for_a_datagram_fails_at_once() -> None:
    async def main() -> None:
        b = bench()
        b.udp.send(b.hop(), b"x" * 70_000)
        news = b.news.get_nowait()
        assert isinstance(news, SendFailed)
        assert "too large" in news.reason
        await finish(b)

    run(main())


def test_a_family_without_socket_fails_at_once() -> None:
    async def main() -> None:
        b = bench()
        b.udp.send(b.hop(host="::1"), b"x")
        news = b.news.get_nowait()
        assert isinstance(news, SendFailed)
        assert "no socket" in news.reason
        await finish(b)

    run(main())


def test_sending_after_the_end_fails_and_does_not_raise() -> None:
    async def main() -> None:
        b = bench()
        await finish(b)
        b.udp.send(b.hop(port=9), b"x")
        assert isinstance(b.news.get_nowait(), SendFailed)

    run(main())


def test_closing_while_a_message_is_delivered_ends_the_batch() -> None:
    async def main() -> None:
        b = bench()
        heard = []

        def deliver(news: Input) -> None:
            heard.append(news)
            for sock in b.sockets.udp.values():
                asyncio.get_running_loop().remove_reader(sock)
                sock.close()
            done.set()

        done = asyncio.Event()
        b.udp._deliver = deliver
        b.peer.sendto(b"first", ("127.0.0.1", b.port))
        b.peer.sendto(b"second", ("127.0.0.1", b.port))
        await done.wait()
        assert len(heard) == 1
        b.peer.close()

    run(main())


def test_a_neighbour_to_whom_there_is_no_way_is_faced_with_loopback_never_a_wildcard() -> None:
    def no_route(host: str) -> str:
        raise OSError("unreachable")

    async def main() -> None:
        b = bench(local_host=no_route)
        assert b.udp._remember(("127.0.0.9", 5060)).local_host == "127.0.0.1"
        assert b.udp._facing("2001:db8::1") == "::1"
        await finish(b)

    run(main())


def test_ipv6_and_ipv4_are_heard_on_one_port() -> None:
    async def main() -> None:
        opened = open_sockets("", 0, dscp=24, tcp=False)
        news: asyncio.Queue[Input] = asyncio.Queue()
        udp = UdpTransport(opened.udp, local_host=local_host_towards, admit=lambda source: True, deliver=news.put_nowait)
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.socket(family, socket.SOCK_DGRAM) as peer:
                peer.settimeout(GIVE_UP_S)
                peer.sendto(b"hello", (host, opened.port))
                item = await news.get()
                assert isinstance(item, Received)
                assert (item.source.host, item.source.local_host) == (host, host)
                udp.send(item.source, b"back")
                assert peer.recv(100) == b"back"
        await udp.close()

    run(main())


class Obstinate(socket.socket):
    """A socket whose next sends fail as the test says."""

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.bind(("127.0.0.1", 0))
        self.settimeout(0)
        self.failures: list[OSError] = []
        self.reports: list[bytes] = []  # error queue: the ancillary data of each entry

    def sendto(self, data: object, *rest: object) -> int:
        if self.failures:
            raise self.failures.pop(0)
        return 0

    def recvmsg(self, *sizes: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, object]:
        if not self.reports:
            raise BlockingIOError
        return b"", [(0, IP_RECVERR, self.reports.pop(0))], 0, ("127.0.0.1", 5099)


def icmp(number: int) -> bytes:
    return number.to_bytes(4, sys.byteorder) + bytes(12)


@pytest.mark.parametrize(
    ("failures", "reports", "told", "dropped"),
    [
        ([BlockingIOError()], [], [], 1),
        ([OSError(errno.ENETUNREACH, "")], [], ["there is no route to that network"], 0),
        ([OSError(errno.EPERM, "")], [], ["Operation not permitted"], 0),
        # The failure belongs to an earlier datagram: that one is told, this one sent again.
        ([OSError(errno.EHOSTUNREACH, "")], [errno.EHOSTUNREACH], ["the host cannot be reached"], 0),
        ([OSError(errno.EHOSTUNREACH, ""), BlockingIOError()], [errno.EHOSTUNREACH], ["the host cannot be reached"], 1),
        (
            [OSError(errno.EHOSTUNREACH, ""), OSError(errno.ENETUNREACH, "")],
            [errno.EHOSTUNREACH],
            ["the host cannot be reached", "there is no route to that network"],
            0,
        ),
        # The kernel learned of a narrower way and sends in fragments from now on.
        ([OSError(errno.EMSGSIZE, "")], [errno.EMSGSIZE], [], 0),
    ],
)
def test_what_becomes_of_a_failed_send(failures: list[OSError], reports: list[int], told: list[str], dropped: int) -> None:
    async def main() -> None:
        obstinate = Obstinate()
        obstinate.failures = list(failures)
        obstinate.reports = [icmp(number) for number in reports]
        news: list[Input] = []
        udp = UdpTransport({socket.AF_INET: obstinate}, local_host=lambda host: "127.0.0.1", admit=lambda source: True, deliver=news.append)
        udp.send(Hop(transport=Transport.UDP, host="127.0.0.1", port=9, local_host="127.0.0.1", local_port=1), b"x")
        assert [item.reason for item in news if isinstance(item, SendFailed)] == told
        assert udp.dropped == dropped
        assert not obstinate.failures
        assert not obstinate.reports
        await udp.close()

    run(main())
