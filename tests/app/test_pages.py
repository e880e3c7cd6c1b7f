"""firmware/app/pages.py: who is heard when, over real groups of the loopback interface, with an engine that only takes notes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from firmware.app.pages import SILENT_AFTER_S, Pages
from firmware.app.sound import SoundSystem
from firmware.config.schema import Paging, Settings
from firmware.door import events as door
from firmware.errors import LocalProtocolError, MediaError
from firmware.media import events as media
from firmware.media.multicast import Group, join, open_sender
from firmware.media.session import MediaPort
from firmware.sdp.direction import Direction
from firmware.sdp.media_session import MediaSession
from hw.settings import SoundSettings
from hw.simulated_sound import SimulatedSound
from tests.media.test_multicast import group
from tests.net.loops import pause, run_flying, turns
from tests.ports import TRIED

G722, PCMA, OPUS = 9, 8, 96


class Notes:
    """What was asked of the engine."""

    def __init__(self) -> None:
        self.running: dict[str, tuple[MediaPort, MediaSession]] = {}
        self.ended: list[str] = []
        self.hushed: list[tuple[str, bool]] = []
        self.is_full = False

    def start(self, call: str, port: MediaPort, session: MediaSession, *, silent_after_s: float | None = None) -> None:
        assert silent_after_s == SILENT_AFTER_S
        if self.is_full:
            raise MediaError("no more than 8 streams at a time")
        self.running[call] = port, session

    def stop(self, call: str) -> None:
        self.running.pop(call)[0].close()
        self.ended.append(call)

    def hush(self, call: str, *, hushed: bool) -> None:
        self.hushed.append((call, hushed))


class Sound(SoundSystem):
    def __init__(self) -> None:
        super().__init__(lambda: SimulatedSound(SoundSettings()), lambda _event: None, silent_after_s=30.0)
        self.notes = Notes()

    @property
    def engine(self) -> Any:
        return self.notes


class House:
    """Two groups that are listened to, `low` and `high`, and one that is spoken to, `out`."""

    def __init__(self, *, over_calls: bool = False) -> None:
        self.groups = {name: group() for name in ("low", "high", "out")}
        entries = [
            Paging(name, f"{each.host}:{each.port}", "lo", listen=name != "out", priority=1 if name == "high" else 5, over_calls=over_calls)
            for name, each in self.groups.items()
        ]
        self.sound, self.streams = Sound(), list[str]()
        self.is_busy = False
        network = Settings().network._replace(rtp_ports=(TRIED.start, TRIED.stop - 1))
        settings = Settings(network=network, paging=tuple(entries))
        self.pages = Pages(settings, self.sound, calls=lambda: self.streams, busy=lambda: self.is_busy)
        self.notes = self.sound.notes
        self.senders: list[MediaPort] = []

    async def __aenter__(self) -> House:
        self.pages.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.pages.close()
        for sender in self.senders:
            sender.close()
        await turns(3)

    async def announce(self, name: str, payload_type: int = PCMA, *, first: bytes = b"\x80") -> None:
        """One packet of somebody else to a group, and time for it to arrive."""
        to = self.groups[name]
        sender = open_sender(to, TRIED, loop=True)
        self.senders.append(sender)
        sender.send(first + struct.pack("!BHII", payload_type, 1, 160, 7) + bytes(160), (to.host, to.port))
        await pause(0.1)


def run(story: Callable[[], Coroutine[None, None, None]]) -> None:
    run_flying(story())


@pytest.mark.parametrize(("payload_type", "codec"), [(PCMA, "PCMA"), (G722, "G722"), (0, "PCMU"), (OPUS, "opus")])
def test_an_announcement_is_heard_until_it_is_over_and_then_the_next(payload_type: int, codec: str) -> None:
    async def story() -> None:
        async with House() as house:
            await house.announce("low", payload_type)
            ((_, session),) = house.notes.running.values()
            assert (session.codec.name, session.direction, session.remote_is_null) == (codec, Direction.RECVONLY, True)
            assert {each.name for each in session.receive_codecs} == {"opus", "G722", "PCMA", "PCMU"}
            assert house.pages.states == {"low": "heard", "high": "idle", "out": "idle"}
            house.pages.on_event(media.StreamSilent(call="from:low", for_s=2.0, at_ns=1))
            assert (house.notes.running, house.pages.states["low"]) == ({}, "idle")
            await house.announce("low")
            assert list(house.notes.running) == ["from:low"]

    run(story)


@pytest.mark.parametrize(("payload_type", "first"), [(72, b"\x80"), (13, b"\x80"), (PCMA, b"\x00"), (PCMA, b"\x40")])
def test_what_is_no_sound_that_we_understand_starts_nothing(payload_type: int, first: bytes) -> None:
    async def story() -> None:
        async with House() as house:
            await house.announce("low", payload_type, first=first)
            assert house.notes.running == {}

    run(story)


def test_the_group_with_the_lower_number_is_heard_instead_of_the_other() -> None:
    async def story() -> None:
        async with House() as house:
            await house.announce("low")
            await house.announce("high")
            assert list(house.notes.running) == ["from:high"]
            await house.announce("low")
            assert list(house.notes.running) == ["from:high"]
            house.pages.on_event(media.StreamSilent(call="from:high", for_s=2.0, at_ns=1))
            await house.announce("low")
            assert list(house.notes.running) == ["from:low"]

    run(story)


def test_no_announcement_lasts_for_ever() -> None:
    async def story() -> None:
        async with House() as house:
            await house.announce("low")
            await pause(59)
            assert list(house.notes.running) == ["from:low"]
            await pause(2)
            assert house.notes.running == {}

    run(story)


@pytest.mark.parametrize("over_calls", [True, False])
def test_calls_come_first_unless_the_group_says_otherwise(*, over_calls: bool) -> None:
    async def story() -> None:
        async with House(over_calls=over_calls) as house:
            house.is_busy, house.streams = True, ["p1.1"]
            await house.announce("low")
            assert list(house.notes.running) == (["from:low"] if over_calls else [])
            assert house.notes.hushed == ([("p1.1", True)] if over_calls else [])
            house.pages.on_event(media.StreamSilent(call="from:low", for_s=2.0, at_ns=1))
            assert house.notes.hushed[1:] == ([("p1.1", False)] if over_calls else [])

    run(story)


@pytest.mark.parametrize("over_calls", [True, False])
def test_a_call_that_begins_ends_what_is_said_and_what_must_not_be_heard_over_it(*, over_calls: bool) -> None:
    async def story() -> None:
        async with House(over_calls=over_calls) as house:
            await house.announce("low")
            house.is_busy, house.streams = True, ["p1.1"]
            house.pages.on_event(door.CallPlaced(call=door.CallName("p1.1"), press=None, party="anna"))
            assert list(house.notes.running) == (["from:low"] if over_calls else [])
            assert house.notes.hushed == ([("p1.1", True)] if over_calls else [])

    run(story)


def test_the_microphone_is_sent_to_a_group_while_nothing_else_goes_on() -> None:
    async def story() -> None:
        async with House() as house:
            member = join(house.groups["out"])
            house.pages.send("out")
            ((port, session),) = house.notes.running.values()
            assert (session.direction, session.codec.name, session.remote_host) == (Direction.SENDONLY, "G722", house.groups["out"].host)
            port.send(b"sound", (session.remote_host, session.remote_rtp_port))
            await pause(0.1)
            received = member.receive()
            assert received is not None
            assert received[0] == b"sound"
            assert house.pages.states["out"] == "sent"
            await house.announce("high")
            assert list(house.notes.running) == ["to:out"]  # what an operator says is not talked over
            with pytest.raises(LocalProtocolError, match="something else"):
                house.pages.send("low")
            house.pages.stop("out")
            assert house.notes.ended == ["to:out"]
            member.close()

    run(story)


def test_a_call_ends_what_is_sent_and_forbids_it() -> None:
    async def story() -> None:
        async with House(over_calls=True) as house:
            house.pages.send("out")
            house.pages.on_event(door.CallPlaced(call=door.CallName("p1.1"), press=None, party="anna"))
            assert house.notes.ended == ["to:out"]
            house.is_busy = True
            with pytest.raises(LocalProtocolError, match="something else"):
                house.pages.send("out")
            with pytest.raises(LocalProtocolError, match="no group named"):
                house.pages.send("cellar")

    run(story)


def test_a_network_that_is_not_there_yet_is_joined_later(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = [True]

    def late(wanted: Group, *, dscp: int) -> MediaPort:
        if missing:
            raise MediaError("the group cannot be joined")
        return join(wanted, dscp=dscp)

    async def story() -> None:
        monkeypatch.setattr("firmware.app.pages.join", late)
        async with House() as house:
            await house.announce("low")
            assert house.notes.running == {}
            missing.clear()
            await pause(11)
            await house.announce("low")
            assert list(house.notes.running) == ["from:low"]

    run(story)


def test_an_engine_that_is_full_leaves_the_group_listening() -> None:
    async def story() -> None:
        async with House() as house:
            house.notes.is_full = True
            await house.announce("low")
            assert house.pages.states["low"] == "idle"
            house.notes.is_full = False
            await house.announce("low")
            assert house.pages.states["low"] == "heard"

    run(story)
