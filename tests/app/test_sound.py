"""The sound engine's place in the station: made late, watched while it runs, missing without harm."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import pytest

from firmware.app.shared_way import SharedWay
from firmware.app.sound import SoundSystem
from firmware.door.events import Sound
from firmware.errors import MediaError
from firmware.media.core_values import RELAYED
from firmware.media.events import MediaEvent, QualityMeasured, SoundEnded
from firmware.media.session import DATAGRAM_MAX, open_port
from firmware.sdp.ice import IceCredentials, IceSession
from firmware.sdp.protection import SharedKeys
from firmware.sdp.video_session import VideoSession
from firmware.stun.turn import CHANNEL_FIRST
from hw.settings import SoundSettings
from hw.simulated_sound import SimulatedSound
from tests.media.samples import session
from tests.ports import TRIED

if TYPE_CHECKING:
    from firmware.media.relay import Relay


class Rig:
    def __init__(self, card: SimulatedSound | None = None) -> None:
        self.card = card or SimulatedSound(SoundSettings())
        self.ended = threading.Event()
        self.events: list[MediaEvent] = []
        self.system = SoundSystem(lambda: self.card, self._heard, silent_after_s=30.0)

    def _heard(self, event: MediaEvent) -> None:
        self.events.append(event)
        if isinstance(event, SoundEnded):
            self.ended.set()


@pytest.mark.parametrize("sound", [sound for sound in Sound if sound not in (Sound.RINGBACK, Sound.SILENCE, Sound.ENDED, Sound.SPEAK)])
def test_each_sound_of_the_panel_is_played_to_its_end(sound: Sound) -> None:
    rig = Rig(SimulatedSound(SoundSettings(), sleep=None))  # seconds of sound, as fast as the engine makes them
    rig.system.play(sound)
    assert rig.ended.wait(60)
    rig.system.close()
    assert any(rig.card.heard())
    assert not rig.card.is_open


class Passing:
    """A relay whose channel for the other side does not stand yet. Has of `media.relay.Relay` what a stream's start and end need."""

    fd = -1

    def __init__(self, *, is_reliable: bool = False) -> None:
        self.is_reliable = is_reliable
        self.sent: list[bytes] = []

    def send(self, datagram: bytes, _entrance: tuple[str, int]) -> None:
        self.sent.append(datagram)

    def serve(self, heard: Callable[[bytes, tuple[str, int]], None]) -> None:
        self.heard = heard

    def close(self) -> None: ...


def test_sound_that_a_relay_brings_before_its_channel_stands_is_heard() -> None:
    async def scene() -> None:
        rig, relay = Rig(), Passing()
        port = open_port("127.0.0.1", TRIED)
        port.relay = cast("Relay", relay)
        rig.system.start("c", port, session(host=RELAYED)._replace(remote_rtp_port=CHANNEL_FIRST, rtcp_mux=True))
        packet = b"\x80\0" + bytes(10) + bytes(160)
        for each in (packet, b"\0\1no check", b"\x16no handshake", b"\x50nothing", packet + bytes(DATAGRAM_MAX)):
            relay.heard(each, (RELAYED, CHANNEL_FIRST))
        rig.system.close()
        (measured,) = [event for event in rig.events if isinstance(event, QualityMeasured)]
        assert measured.quality.packets_received == 1

    asyncio.run(scene())


class Beside:
    """Implements `app.shared_way.Companion`."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def reported(self, call: str, reports: bytes) -> None:
        self.told.append((call, reports))

    def secured(self, call: str, keys: SharedKeys) -> None:
        self.told.append((call, keys))


def test_what_shares_the_way_of_a_sound_sends_where_that_goes_and_hears_its_reports_from_there_alone() -> None:
    report = b"\x80\xc9\0\1" + bytes(4)

    async def scene() -> None:
        rig = Rig()
        beside = rig.system.companion = Beside()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.bind(("127.0.0.1", 0))
            phone.settimeout(60)
            ice = IceSession(IceCredentials("door", "d" * 22), IceCredentials("anna", "p" * 22))
            agreed = session(remote_port=phone.getsockname()[1])._replace(ice=ice, rtcp_mux=True)
            video = VideoSession(0, "0.0.0.0", 9, "0.0.0.0", 9, 105, 1, 300, sends=True, shares_way=True)
            port = open_port("127.0.0.1", TRIED)
            rig.system.start("c", port, agreed._replace(video=video))
            way = rig.system.way("c")
            way.send(b"picture", ("0.0.0.0", 9))
            while (datagram := phone.recv(2000)) != b"picture":
                assert datagram[0] >> 6 == 2
            phone.sendto(report, ("127.0.0.1", port.rtp_port))
            while not beside.told:
                await asyncio.sleep(0.01)
            assert beside.told == [("c", report)]
            rig.system._receive("c", report, ("192.0.2.9", 9))  # a stranger
            assert (len(beside.told), rig.system.keys("c")) == (1, None)
            rig.system.stop("c")
            way.send(b"late", ("", 0))
            assert (way.receive(), way.receive_report()) == (None, None)
        rig.system.close()

    asyncio.run(scene())


@pytest.mark.parametrize(("is_reliable", "passes"), [(False, [b"picture"]), (True, [])])
def test_a_picture_takes_the_sounds_relay_unless_that_is_behind_a_connection(passes: list[bytes], *, is_reliable: bool) -> None:
    port, relay = open_port("127.0.0.1", TRIED), Passing(is_reliable=is_reliable)
    port.relay = cast("Relay", relay)
    SharedWay(lambda: (port, (RELAYED, CHANNEL_FIRST))).send_report(b"picture", ("", 0))
    assert relay.sent == passes
    port.close()


def test_ringback_sounds_until_silence_is_wanted() -> None:
    rig = Rig()
    rig.system.play(Sound.RINGBACK)
    assert rig.system.running
    rig.system.play(Sound.SILENCE)
    rig.system.close()
    assert not rig.system.running


def test_silence_before_any_sound_loads_nothing_and_a_close_neither() -> None:
    rig = Rig()
    rig.system.play(Sound.SILENCE)
    rig.system.close()
    assert not rig.system.running


def test_warming_up_loads_the_core_and_opens_no_card() -> None:
    rig = Rig()
    rig.system.warm_up()
    assert rig.system.engine is rig.system.engine
    assert not rig.system.running
    assert not rig.card.is_open
    rig.system.close()


def test_a_missing_media_core_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "firmware.media.engine", None)
    with pytest.raises(MediaError, match="build it"):
        Rig().system.play(Sound.BEEP)


def test_the_watchdog_sees_the_thread_while_there_is_one() -> None:
    rig = Rig()
    assert rig.system.last_period_ns(1) is None
    rig.system.play(Sound.BEEP)
    assert rig.ended.wait(60)
    last_ns = rig.system.last_period_ns(1)
    assert last_ns is not None
    assert last_ns > 1
    rig.system.close()
    assert rig.system.last_period_ns(1) is None


def test_a_thread_that_has_not_moved_yet_counts_from_when_that_was_first_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck:
        running = True
        last_period_ns = 0

    rig = Rig()
    monkeypatch.setattr(rig.system, "_engine", Stuck())
    assert [rig.system.last_period_ns(now_ns) for now_ns in (5, 6, 7)] == [5, 5, 5]
