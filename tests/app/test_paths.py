"""firmware/app/paths.py: checks are answered from the call's port, and sound follows the nomination."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from functools import partial

import pytest

from firmware.app.paths import THE_RELAY, Paths
from firmware.ice.check import Check, success
from firmware.media.core_values import RELAYED
from firmware.media.events import ConsentLost, MediaEvent
from firmware.media.session import MediaPort, open_port
from firmware.sdp.ice import Candidate, IceCredentials, IceSession, Kind, local_candidates
from firmware.sdp.media_session import MediaSession
from firmware.stun.attributes import ICE_CONTROLLING, PRIORITY, USE_CANDIDATE, USERNAME
from firmware.stun.message import BINDING_REQUEST, attribute, message, parse
from firmware.stun.turn import CHANNEL_FIRST
from tests.media.samples import session
from tests.media.test_relay import FAR, House, received, story, until
from tests.net.loops import pause
from tests.ports import TRIED
from tests.stun.turn_server import RELAYED as RELAYED_AT

ICE = IceSession(IceCredentials("door", "d" * 22), IceCredentials("peer", "p" * 22))
AGREED = session()._replace(ice=ICE, rtcp_mux=True)


def unheard(event: MediaEvent) -> None:
    raise AssertionError(event)


def check(*, nominating: bool, pwd: str = ICE.ours.pwd) -> bytes:
    attributes = attribute(USERNAME, b"door:peer") + attribute(PRIORITY, bytes(4))
    attributes += attribute(USE_CANDIDATE, b"") if nominating else b""
    return message(BINDING_REQUEST, bytes(12), attributes, password=pwd, fingerprint=True)


@pytest.fixture
def ends() -> Iterator[tuple[MediaPort, socket.socket]]:
    port = open_port("127.0.0.1", TRIED)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(60)
        yield port, peer
    port.close()


def test_a_check_is_answered_and_a_nomination_followed_once(ends: tuple[MediaPort, socket.socket]) -> None:
    port, peer = ends
    moves: list[tuple[str, MediaSession]] = []
    paths = Paths(lambda call, moved: moves.append((call, moved)), unheard)
    paths.start("c", port, AGREED)
    paths.receive("c", check(nominating=False), peer.getsockname())
    answer, source = peer.recvfrom(1500)
    assert (answer[:2], source) == (b"\x01\x01", ("127.0.0.1", port.rtp_port))
    assert moves == []
    for _ in range(2):
        paths.receive("c", check(nominating=True), peer.getsockname())
    ((call, moved),) = moves
    assert call == "c"
    assert (moved.remote_host, moved.remote_rtp_port) == peer.getsockname()
    assert (moved.remote_rtcp_host, moved.remote_rtcp_port) == peer.getsockname()


def test_a_stranger_moves_nothing(ends: tuple[MediaPort, socket.socket]) -> None:
    port, peer = ends
    moves: list[str] = []
    paths = Paths(lambda call, _moved: moves.append(call), unheard)
    paths.start("c", port, AGREED)
    paths.receive("c", check(nominating=True, pwd="x" * 22), peer.getsockname())
    assert peer.recvfrom(1500)[0][:2] == b"\x01\x11"
    assert moves == []


def test_a_hold_keeps_the_nominated_way_and_so_do_new_credentials_until_there_is_another(ends: tuple[MediaPort, socket.socket]) -> None:
    port, peer = ends
    paths = Paths(lambda _call, _moved: None, unheard)
    paths.start("c", port, AGREED)
    paths.receive("c", check(nominating=True), peer.getsockname())
    held = paths.placed("c", AGREED._replace(ptime_ms=30))
    assert (held.remote_rtp_port, held.ptime_ms) == (peer.getsockname()[1], 30)
    restarted = AGREED._replace(ice=ICE._replace(theirs=IceCredentials("anew", "n" * 22)))
    placed = paths.placed("c", restarted)  # RFC 8445 §9
    assert (placed.ice, placed.remote_rtp_port) == (restarted.ice, peer.getsockname()[1])
    assert peer.recvfrom(1500)[0][:2] == b"\x01\x01"
    paths.receive("c", check(nominating=True), peer.getsockname())
    assert peer.recvfrom(1500)[0][:2] == b"\x01\x11"  # the old credentials count no more


def test_calls_without_ice_and_calls_that_are_over_answer_nothing(ends: tuple[MediaPort, socket.socket]) -> None:
    port, peer = ends
    paths = Paths(lambda _call, _moved: None, unheard)
    paths.start("plain", port, session())
    paths.start("c", port, AGREED)
    paths.stop("c")
    peer.settimeout(0)
    for call in ("plain", "c", "unknown"):
        paths.receive(call, check(nominating=True), peer.getsockname())
        with pytest.raises(BlockingIOError):
            peer.recvfrom(1500)
    assert paths.placed("plain", session()) == session()


def test_two_full_agents_find_each_other_and_both_follow() -> None:
    """Two doors on one loop; what each port receives is handed over as the audio thread would."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        ports = [open_port("127.0.0.1", TRIED) for _ in range(2)]
        theirs = [local_candidates("127.0.0.1", port.rtp_port, None) for port in ports]
        moves: list[asyncio.Future[MediaSession]] = [loop.create_future() for _ in ports]
        paths: list[Paths[MediaSession]] = [Paths(partial(arrive, each), unheard) for each in moves]
        for here, there in ((0, 1), (1, 0)):
            loop.add_reader(ports[here].rtp_fd, deliver, ports[here], paths[here])
            ours, other = (ICE.ours, ICE.theirs) if here == 0 else (ICE.theirs, ICE.ours)
            ice = IceSession(ours, other, is_lite=False, is_controlling=here == 0, local=theirs[here], remote=theirs[there])
            paths[here].start("c", ports[here], AGREED._replace(ice=ice, remote_host="192.0.2.1"))
        moved = await asyncio.wait_for(asyncio.gather(*moves), 60)
        assert [(each.remote_host, each.remote_rtp_port) for each in moved] == [
            ("127.0.0.1", ports[1].rtp_port),
            ("127.0.0.1", ports[0].rtp_port),
        ]
        for port, each in zip(ports, paths, strict=True):
            each.stop("c")
            loop.remove_reader(port.rtp_fd)
            port.close()

    asyncio.run(story())


def test_the_streams_of_a_call_have_one_tie_breaker_so_that_a_conflict_of_roles_ends_alike_for_all() -> None:
    async def story() -> list[bytes]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            peer.settimeout(60)
            remote = (Candidate(Kind.HOST, "127.0.0.1", peer.getsockname()[1], 2_000_000_000, "1"),)
            told = []
            for pwd in (ICE.ours.pwd, ICE.ours.pwd, "another password of a call"):
                port = open_port("127.0.0.1", TRIED)
                local = local_candidates("127.0.0.1", port.rtp_port, None)
                ice = IceSession(IceCredentials("door", pwd), ICE.theirs, is_lite=False, is_controlling=True, local=local, remote=remote)
                paths: Paths[MediaSession] = Paths(lambda _call, _moved: None, unheard)
                paths.start("c", port, AGREED._replace(ice=ice))
                read = parse(peer.recv(2000))
                assert read is not None
                told.append(read.attributes[ICE_CONTROLLING])
                paths.stop("c")
                port.close()
            return told

    sound, picture, other = asyncio.run(story())
    assert sound == picture != other
    assert len(other) == 8


def arrive(waiting: asyncio.Future[MediaSession], _call: str, moved: MediaSession) -> None:
    if not waiting.done():
        waiting.set_result(moved)


def deliver(port: MediaPort, paths: Paths[MediaSession]) -> None:
    received = port.receive()
    if received is not None:
        paths.receive("c", *received)


def test_lost_consent_stops_the_sound_and_is_told() -> None:
    """The agent's own time is tests/ice/test_consent.py's; here the loop's clock jumps."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        here, there = (open_port("127.0.0.1", range(20_000, 24_000)) for _ in range(2))
        moves: list[MediaSession] = []
        heard: list[MediaEvent] = []
        paths = Paths(lambda _call, moved: moves.append(moved), heard.append)
        theirs = Paths(lambda _call, _moved: None, unheard)
        offset_s = 0.0
        now = loop.time
        loop.time = lambda: now() + offset_s  # type: ignore[method-assign]
        local, remote = (local_candidates("127.0.0.1", port.rtp_port, None) for port in (here, there))
        full = IceSession(ICE.ours, ICE.theirs, is_lite=False, is_controlling=True, local=local, remote=remote)
        theirs.start("c", there, AGREED._replace(ice=IceSession(ICE.theirs, ICE.ours)))
        paths.start("c", here, AGREED._replace(ice=full))
        loop.add_reader(there.rtp_fd, deliver, there, theirs)
        loop.add_reader(here.rtp_fd, deliver, here, paths)
        async with asyncio.timeout(60):
            while not moves:
                await asyncio.sleep(0)
            loop.remove_reader(there.rtp_fd)  # the phone is gone
            while not heard:
                offset_s += 1.0
                await asyncio.sleep(0)
        assert (moves[0].remote_host, moves[-1].remote_host) == ("127.0.0.1", "0.0.0.0")
        assert moves[-1].remote_is_null
        assert [type(event) for event in heard] == [ConsentLost]
        for port, each in ((here, paths), (there, theirs)):
            loop.remove_reader(port.rtp_fd)
            each.stop("c")
            port.close()

    asyncio.run(story())


def test_what_comes_by_the_relay_reaches_the_relay_or_the_agent() -> None:
    async def main(house: House) -> None:
        relay = house.relay()
        await until(lambda: house.told)
        port = open_port("127.0.0.1", TRIED)
        port.relay = relay
        relay.serve(house.bring)
        core = socket.socket(fileno=os.dup(relay.fd))
        local = local_candidates("127.0.0.1", port.rtp_port, None, (), RELAYED_AT)
        remote = (Candidate(Kind.HOST, *FAR, 2_000_000_000, "1"),)
        moves: list[MediaSession] = []
        paths = Paths(lambda _call, moved: moves.append(moved), unheard)
        ice = IceSession(ICE.ours, ICE.theirs, is_lite=False, is_controlling=True, local=local, remote=remote)
        paths.start("c", port, AGREED._replace(ice=ice))
        paths.receive("c", await received(core), THE_RELAY)  # the channel stands
        await pause(2)
        checks = [parse(data) for peer, data in house.server.turn.passed_on if peer == FAR]
        assert checks
        assert checks[0] is not None
        answer = success(
            Check(checks[0].transaction_id, 0, nominates=False, says_controlling=None, tie_breaker=0),
            RELAYED_AT,
            ice._replace(ours=ICE.theirs),
        )
        paths.receive("c", answer, (RELAYED, CHANNEL_FIRST + 7))  # where nobody is
        assert not moves
        paths.receive("c", answer, (RELAYED, CHANNEL_FIRST))
        ((moved),) = moves
        assert (moved.remote_host, moved.remote_rtp_port) == (RELAYED, CHANNEL_FIRST)
        paths.stop("c")
        core.close()
        port.close()

    story(main)
