"""firmware/net/runner.py: a scripted agent on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import NamedTuple

import pytest

from firmware.errors import LocalProtocolError, TransportError
from firmware.net import sockets
from firmware.net.flood import FloodLimits
from firmware.net.runner import LOOKUPS_MAX, Runner, TraceEntry
from firmware.sip.events import (
    AccountName,
    Command,
    Event,
    FlowClosed,
    Hop,
    Input,
    Locate,
    Located,
    NetworkChanged,
    QueryId,
    Received,
    Register,
    Send,
    SendFailed,
    Transport,
    Unregister,
    Unregistered,
)
from firmware.sip.uri import Uri
from tests.net.loops import GIVE_UP_S, pause, run, run_flying, turns
from tests.net.scripted_agent import ScriptedAgent
from tests.net.scripted_names import ScriptedNames
from tests.ports import free_port

REQUEST = b"OPTIONS sip:door@127.0.0.1 SIP/2.0\r\nContent-Length: 0\r\n\r\n"
RESPONSE = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"
REGISTER = Register(account=AccountName("home"))


class Bench(NamedTuple):
    """A started runner, the agent in it, what it told, and a datagram socket as its neighbour."""

    runner: Runner
    agent: ScriptedAgent
    events: list[Event]
    trace: list[TraceEntry]
    peer: socket.socket

    def hop(self, transport: Transport = Transport.UDP, host: str = "127.0.0.1") -> Hop:
        port = self.peer.getsockname()[1]
        return Hop(transport=transport, host=host, port=port, local_host="127.0.0.1", local_port=self.runner.local_port)

    async def close(self) -> None:
        await self.runner.close()
        self.peer.close()


async def bench(
    agent: ScriptedAgent | None = None,
    *,
    on_event: Callable[[Event], None] | None = None,
    transports: tuple[Transport, ...] = (Transport.UDP, Transport.TCP),
    flood: FloodLimits | None = None,
    names: ScriptedNames | None = None,
    bind_host: str = "127.0.0.1",
    sip_port: int = 0,
) -> Bench:
    agent = agent or ScriptedAgent()
    events: list[Event] = []
    trace: list[TraceEntry] = []
    runner = Runner(
        agent,
        bind_host=bind_host,
        sip_port=sip_port,
        on_event=on_event or events.append,
        on_trace=trace.append,
        transports=transports,
        flood=flood,
        names=names or ScriptedNames(),
        watch_addresses=False,
    )
    await runner.start()
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", 0))
    peer.settimeout(GIVE_UP_S)
    return Bench(runner, agent, events, trace, peer)


def test_a_request_is_received_answered_and_traced() -> None:
    async def main() -> None:
        b = await bench()

        def answer(news: Input, now_s: float) -> None:
            assert isinstance(news, Received)
            assert now_s == pytest.approx(asyncio.get_running_loop().time(), abs=1)
            b.agent.effects.append(Send(hop=news.source, data=RESPONSE))

        b.agent.react = answer
        b.peer.sendto(REQUEST, ("127.0.0.1", b.runner.local_port))
        assert await b.agent.inputs.get() == Received(data=REQUEST, source=b.hop())
        assert b.peer.recv(1000) == RESPONSE
        assert [(entry.sent, entry.hop, entry.data) for entry in b.trace] == [(False, b.hop(), REQUEST), (True, b.hop(), RESPONSE)]
        await b.close()

    run(main())


def test_a_keep_alive_is_sent_and_not_traced() -> None:
    async def main() -> None:
        b = await bench()
        b.agent.on_command = lambda command: b.agent.effects.append(Send(hop=b.hop(), data=b"\r\n\r\n"))
        b.runner.command(REGISTER)
        assert b.peer.recv(100) == b"\r\n\r\n"
        assert b.trace == []
        await b.close()

    run(main())


def test_tcp_shares_the_port_of_udp() -> None:
    async def main() -> None:
        b = await bench()
        b.agent.react = lambda news, now_s: (
            b.agent.effects.append(Send(hop=news.source, data=RESPONSE)) if isinstance(news, Received) else None
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", b.runner.local_port)
        writer.write(REQUEST)
        assert await reader.readexactly(len(RESPONSE)) == RESPONSE
        received = await b.agent.inputs.get()
        assert isinstance(received, Received)
        writer.close()
        closed = await b.agent.inputs.get()
        assert isinstance(closed, FlowClosed)
        assert closed.flow == received.source.flow
        await b.close()

    run(main())


def test_what_the_agent_wants_at_its_birth_is_done_at_the_start() -> None:
    async def main() -> None:
        agent = ScriptedAgent()
        event = Unregistered(account=AccountName("home"))
        agent.effects.append(event)
        agent.deadline_s = asyncio.get_running_loop().time()
        b = await bench(agent)
        assert b.events == [event]
        await agent.rings.get()
        await b.close()

    run(main())


def test_a_command_has_happened_on_return() -> None:
    async def main() -> None:
        b = await bench()
        b.agent.on_command = lambda command: b.agent.effects.append(Send(hop=b.hop(), data=REQUEST))
        b.runner.command(REGISTER)
        assert b.agent.commands == [REGISTER]
        assert b.peer.recv(1000) == REQUEST
        await b.close()

    run(main())


def test_a_refused_command_raises_to_whoever_gave_it_even_inside_an_event() -> None:
    async def main() -> None:
        refusals: list[LocalProtocolError] = []

        def on_event(event: Event) -> None:
            with pytest.raises(LocalProtocolError) as caught:
                b.runner.command(REGISTER)
            refusals.append(caught.value)

        def refuse(command: Command) -> None:
            if command == REGISTER:
                raise LocalProtocolError("no such account")
            b.agent.effects.append(Unregistered(account=AccountName("home")))

        b = await bench(on_event=on_event)
        b.agent.on_command = refuse
        with pytest.raises(LocalProtocolError):
            b.runner.command(REGISTER)
        b.runner.command(Unregister(account=AccountName("home")))
        assert len(refusals) == 1
        await b.close()

    run(main())


def test_effects_keep_their_order_when_an_event_gives_a_command() -> None:
    async def main() -> None:
        seen = []

        def on_event(event: Event) -> None:
            assert isinstance(event, Unregistered)
            seen.append(event.account)
            if event.account == "first":
                b.runner.command(REGISTER)

        b = await bench(on_event=on_event)
        events = {name: Unregistered(account=AccountName(name)) for name in ("first", "second", "third")}
        b.agent.on_command = lambda command: b.agent.effects.extend(
            [events["third"]] if command == REGISTER else [events["first"], events["second"]]
        )
        b.runner.command(Unregister(account=AccountName("x")))
        assert seen == ["first", "second", "third"]
        await b.close()

    run(main())


def test_an_event_handler_that_raises_costs_its_event_only() -> None:
    async def main() -> None:
        seen = []

        def on_event(event: Event) -> None:
            seen.append(event)
            if len(seen) == 1:
                raise RuntimeError("a bug in the program")

        b = await bench(on_event=on_event)
        events = [Unregistered(account=AccountName(name)) for name in ("first", "second")]
        b.agent.on_command = lambda command: b.agent.effects.extend(events)
        with pytest.raises(RuntimeError):
            b.runner.command(REGISTER)
        b.agent.on_command = lambda command: None
        b.runner.command(REGISTER)
        assert seen == events
        await b.close()

    run(main())


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_send_that_fails_at_once_reaches_the_agent_like_any_news() -> None:
    async def main() -> None:
        b = await bench()
        b.agent.on_command = lambda command: b.agent.effects.append(Send(hop=b.hop(), data=b"x" * 70_000))
        b.runner.command(REGISTER)
        news = b.agent.inputs.get_nowait()
        assert isinstance(news, SendFailed)
        await b.close()

    run(main())


def test_a_transport_that_is_switched_off_fails_at_once() -> None:
    async def main() -> None:
        b = await bench(transports=(Transport.UDP,))
        for transport in (Transport.TCP, Transport.TLS):
            b.agent.on_command = lambda command, transport=transport: b.agent.effects.append(Send(hop=b.hop(transport), data=REQUEST))  # type: ignore[misc] # mypy cannot type a default in a lambda
            b.runner.command(REGISTER)
            assert b.agent.inputs.get_nowait() == SendFailed(hop=b.hop(transport), reason=f"{transport.value} is not switched on here")
        assert b.trace == []
        await b.close()

    run(main())


def test_when_one_transport_cannot_be_opened_none_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_sctp(bind_host: str, port: int, purpose: sockets.Purpose, *, dscp: int) -> tuple[int, dict[int, socket.socket]]:
        raise TransportError("this kernel has no SCTP; take it out of network.transports")

    async def start() -> None:
        await bench(transports=(Transport.UDP, Transport.TCP, Transport.SCTP), sip_port=port)

    port = free_port()
    monkeypatch.setattr(sockets, "open_listeners", no_sctp)
    with pytest.raises(TransportError, match=r"SCTP.* network\.transports"):
        run(start())
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as free:
            free.bind(("127.0.0.1", port))  # would fail if ours were still there


def test_a_taken_port_refuses_to_start() -> None:
    async def main() -> None:
        b = await bench()
        second = Runner(ScriptedAgent(), bind_host="127.0.0.1", sip_port=b.runner.local_port, on_event=b.events.append)
        with pytest.raises(TransportError, match="taken"):
            await second.start()
        await b.close()

    run(main())


def test_a_flood_from_one_source_is_turned_away() -> None:
    async def main() -> None:
        b = await bench(flood=FloodLimits(source_per_s=0.001, source_burst=3.0))
        for _ in range(10):
            b.peer.sendto(REQUEST, ("127.0.0.1", b.runner.local_port))
        for _ in range(3):
            await b.agent.inputs.get()
        await turns(5)
        assert b.agent.inputs.empty()
        assert b.runner.refused == 7
        await b.close()

    run(main())


def test_a_flood_of_strangers_silences_nobody_whom_we_have_looked_for() -> None:
    async def main() -> None:
        b = await bench(flood=FloodLimits(total_per_s=0.001, total_burst=3.0))
        b.agent.effects.append(locate("sip:127.0.0.2"))
        b.runner.command(REGISTER)
        assert isinstance(await b.agent.inputs.get(), Located)
        for _ in range(10):
            b.peer.sendto(REQUEST, ("127.0.0.1", b.runner.local_port))
        for _ in range(3):
            await b.agent.inputs.get()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.2", 0))
            server.sendto(REQUEST, ("127.0.0.1", b.runner.local_port))
            heard = await b.agent.inputs.get()
        assert isinstance(heard, Received)
        assert heard.source.host == "127.0.0.2"
        assert b.runner.refused == 7
        await b.close()

    run(main())


# --- names and addresses ---------------------------------------------------------------------------------------------


def locate(uri: str, query: int = 1) -> Locate:
    return Locate(query=QueryId(query), uri=Uri.parse(uri))


def test_a_location_comes_back_with_our_own_port() -> None:
    async def main() -> None:
        b = await bench(names=ScriptedNames(hosts={"pbx": ("127.0.0.1",)}))
        b.agent.on_command = lambda command: b.agent.effects.append(locate("sip:pbx:5070;transport=tcp"))
        b.runner.command(REGISTER)
        hop = Hop(transport=Transport.TCP, host="127.0.0.1", port=5070, local_host="127.0.0.1", local_port=b.runner.local_port)
        assert await b.agent.inputs.get() == Located(query=QueryId(1), hops=(hop,))
        await b.close()

    run(main())


def test_open_questions_are_bounded() -> None:
    async def main() -> None:
        b = await bench()
        b.agent.on_command = lambda command: b.agent.effects.extend(locate("sip:127.0.0.1", n) for n in range(LOOKUPS_MAX + 1))
        b.runner.command(REGISTER)
        refused = b.agent.inputs.get_nowait()
        assert isinstance(refused, Located)
        assert (refused.query, refused.hops, refused.failure) == (LOOKUPS_MAX, (), "too many look-ups at a time")
        for _ in range(LOOKUPS_MAX):
            located = await b.agent.inputs.get()
            assert isinstance(located, Located)
            assert len(located.hops) == 1
        await b.close()

    run(main())


def test_a_changed_network_is_told_and_old_names_are_forgotten() -> None:
    async def main() -> None:
        names = ScriptedNames(hosts={"pbx": ("127.0.0.1",)})
        b = await bench(names=names)
        b.agent.on_command = lambda command: b.agent.effects.append(locate("sip:pbx"))
        b.runner.command(REGISTER)
        await b.agent.inputs.get()
        b.runner.network_changed()
        assert await b.agent.inputs.get() == NetworkChanged()
        b.runner.command(REGISTER)
        await b.agent.inputs.get()
        assert names.asked == ["A pbx", "A pbx"]
        await b.close()

    run(main())


def test_a_hop_never_states_a_wildcard() -> None:
    async def main() -> None:
        b = await bench(bind_host="")
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.socket(family, socket.SOCK_DGRAM) as peer:
                peer.sendto(REQUEST, (host, b.runner.local_port))
                news = await b.agent.inputs.get()
                assert isinstance(news, Received)
                assert news.source.local_host == host
        await b.close()

    run(main())


# --- the end ---------------------------------------------------------------------------------------------------------


def test_what_the_agent_still_wants_to_send_leaves_before_the_end() -> None:
    async def main() -> None:
        b = await bench()
        b.agent.effects.append(Send(hop=b.hop(), data=REQUEST))
        await b.runner.close()
        assert b.peer.recv(1000) == REQUEST
        b.peer.close()

    run(main())


def test_after_the_end_nothing_rings_and_nothing_is_told() -> None:
    async def main() -> None:
        b = await bench()
        b.agent.deadline_s = asyncio.get_running_loop().time() + 1
        b.runner.command(REGISTER)
        b.agent.on_command = lambda command: b.agent.effects.append(locate("sip:127.0.0.1"))
        b.runner.command(REGISTER)
        await b.close()
        await pause(10)
        assert b.agent.rings.empty()
        assert b.agent.inputs.empty()
        b.runner.command(REGISTER)
        b.runner.network_changed()
        assert len(b.agent.commands) == 2

    run_flying(main())


def test_address_changes_are_watched_and_the_watch_ends() -> None:
    async def main() -> None:
        runner = Runner(ScriptedAgent(), bind_host="127.0.0.1", sip_port=0, on_event=lambda event: None)
        await runner.start()
        watch = runner._watch
        assert watch is not None
        watched = watch.watching
        await runner.close()
        assert (watched, watch.watching) == (True, False)
        assert runner.refused == 0

    run(main())
