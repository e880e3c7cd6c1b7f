"""The pump through its binding: two of them talk over loopback sockets in virtual time."""

from __future__ import annotations

import socket
from array import array
from collections.abc import Iterator

import pytest

from firmware.errors import LocalProtocolError, MediaError
from firmware.media.binding import (
    NARROW_HZ,
    WIDE_HZ,
    Address,
    EventKind,
    MediaCodec,
    Pump,
    PumpEvent,
    Slot,
    Sound,
    StreamSettings,
    StreamStats,
    ToneStep,
)
from firmware.media.core_values import RELAYED
from firmware.stun.turn import CHANNEL_FIRST, channel_data
from tests.native.speech import speech

PERIOD = 160
PERIOD_NS = 20_000_000
WALL_NS = 1_700_000_000 * 10**9
SILENCE = bytes(2 * PERIOD)


class Party:
    """A pump at 8 kHz, its sockets and what came out of it."""

    def __init__(self, host: str, ssrc: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sockets = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(2)]
        for s in self.sockets:
            s.bind((host, 0))
        self.ssrc = ssrc
        self.pump = Pump(rate_hz=8000, period_samples=PERIOD, seed=ssrc)
        self.slot = Slot(0)
        self.heard = bytearray()
        self.events: list[PumpEvent] = []

    def address(self, which: int) -> Address:
        host, port, *_ = self.sockets[which].getsockname()
        return host, port

    def settings(self, peer: Party) -> StreamSettings:
        return StreamSettings(
            rtp_fd=self.sockets[0].fileno(),
            rtcp_fd=self.sockets[1].fileno(),
            remote_rtp=peer.address(0),
            remote_rtcp=peer.address(1),
            receive=((0, MediaCodec.PCMU), (8, MediaCodec.PCMA)),
            send_payload_type=8,
            send_codec=MediaCodec.PCMA,
            digit_receive=((101, 8000),),
            digit_send_type=101,
            ssrc=self.ssrc,
            first_timestamp=2**32 - 500,
            first_sequence=2**16 - 3,
            cname=f"party-{self.ssrc}",
            delay_min_ms=30,  # as long as the first packets wait: nothing is to be cut
        )

    def start(self, peer: Party) -> None:
        self.slot = self.pump.start_stream(self.settings(peer), 0)

    def period(self, k: int, microphone: bytes = SILENCE) -> None:
        self.heard += self.pump.period(k * PERIOD_NS, WALL_NS + k * PERIOD_NS, microphone)
        if self.pump.waiting:
            self.events += self.pump.events()

    def kinds(self) -> list[EventKind]:
        return [e.kind for e in self.events]

    def stats(self) -> StreamStats:
        return self.pump.stats(self.slot)


@pytest.fixture(params=["127.0.0.1", "::1"])
def parties(request: pytest.FixtureRequest) -> Iterator[tuple[Party, Party]]:
    near, far = Party(request.param, 1), Party(request.param, 2)
    near.start(far)
    far.start(near)
    yield near, far
    for s in near.sockets + far.sockets:
        s.close()


def talk(near: Party, far: Party, first: int, last: int, microphone: bytes = b"") -> None:
    for k in range(first, last):
        piece = microphone[(k - first) * 2 * PERIOD : (k - first + 1) * 2 * PERIOD]
        near.period(k, piece.ljust(2 * PERIOD, b"\0"))
        far.period(k)


def test_speech_arrives_whole_and_both_sides_count_alike(parties: tuple[Party, Party]) -> None:
    near, far = parties
    said = speech()
    talk(near, far, 1, 402, said.tobytes())
    heard = array("h", bytes(far.heard))
    start = next(i for i in range(4000) if abs(heard[i]) > 300) - next(i for i in range(4000) if abs(said[i]) > 300)
    error = sum((heard[start + i] - said[i]) ** 2 for i in range(60000))
    assert sum(v * v for v in said[:60000]) > 500 * error
    assert far.kinds()[:2] == [EventKind.FIRST_PACKET, EventKind.FIRST_AUDIO]
    stats = far.stats()
    assert stats.packets_received == near.stats().packets_sent == 401
    assert stats.packets_lost == stats.packets_invalid == stats.packets_foreign == stats.samples_concealed == 0
    assert 10 <= stats.delay_ms <= 40


def test_a_stream_speaks_and_hears_through_a_channel_of_its_relay(parties: tuple[Party, Party]) -> None:
    near, far = parties
    entrance = (RELAYED, CHANNEL_FIRST)
    with socket.socket(near.sockets[0].family, socket.SOCK_DGRAM) as relay, socket.socket(relay.family, socket.SOCK_DGRAM) as way:
        relay.bind((near.address(0)[0], 0))
        way.connect(relay.getsockname()[:2])
        relay.connect(way.getsockname()[:2])
        settings = near.settings(far)._replace(relay_fd=way.fileno(), remote_rtp=entrance, rtcp_fd=near.sockets[0].fileno())
        near.pump = Pump(rate_hz=8000, period_samples=PERIOD, seed=1)
        near.slot = near.pump.start_stream(settings, 0)
        near.pump.update_stream(near.slot, settings._replace(relay_fd=None), 0)  # the socket of the start stays
        near.period(1)
        sent = relay.recv(2000)
        assert int.from_bytes(sent[:2], "big") == CHANNEL_FIRST
        relay.send(sent)
        relay.send(channel_data(CHANNEL_FIRST + 1, b"\0\1check"))
        relay.send(b"\1\4answer")
        near.period(2)
        assert near.stats().packets_received == 1
        assert near.stats().remote_rtp == entrance
        assert near.pump.apart() == [(near.slot, (RELAYED, CHANNEL_FIRST + 1), b"\0\1check"), (near.slot, (RELAYED, 0), b"\1\4answer")]


@pytest.mark.parametrize("tap_rate_hz", [NARROW_HZ, WIDE_HZ])
def test_a_wide_call_is_mixed_wide_and_tapped_at_one_rate(parties: tuple[Party, Party], tap_rate_hz: int) -> None:
    near, far = parties
    far.pump = Pump(rate_hz=8000, period_samples=PERIOD, seed=2, tap_rate_hz=tap_rate_hz)
    narrow = [far.settings(near), near.settings(far)]
    wide = [s._replace(receive=((96, MediaCodec.L16), *s.receive), send_payload_type=96, send_codec=MediaCodec.L16) for s in narrow]
    far.slot = far.pump.start_stream(wide[0], 0)
    near.pump.update_stream(near.slot, wide[1], 0)
    said, tapped = speech(), bytearray()
    for k in range(1, 200):
        near.period(k, said[(k - 1) * PERIOD : k * PERIOD].tobytes())
        far.period(k)
        tapped += far.pump.heard()
    heard = array("h", bytes(tapped))
    assert len(heard) == 199 * PERIOD * tap_rate_hz // 8000
    power, told = sum(v * v for v in said[: 150 * PERIOD]) / 150, sum(v * v for v in heard) / 199 * 8000 / tap_rate_hz
    assert 0.7 < told / power < 1.3
    assert (far.stats().rate_hz, far.stats().packets_received, far.stats().packets_invalid) == (WIDE_HZ, 199, 0)
    assert near.stats().octets_sent == 199 * 640
    far.pump.update_stream(far.slot, narrow[0], 200 * PERIOD_NS)
    assert far.stats().rate_hz == NARROW_HZ


def test_reports_are_exchanged(parties: tuple[Party, Party]) -> None:
    near, far = parties
    talk(near, far, 1, 1500)
    stats = near.stats()
    assert stats.reports_sent >= 3
    assert stats.reports_received >= 3
    assert stats.remote_loss_fraction == 0
    assert stats.remote_packets_lost == 0


def test_digits_are_heard_once_and_keep_media_time(parties: tuple[Party, Party]) -> None:
    near, far = parties
    talk(near, far, 1, 20)
    near.pump.send_digits(near.slot, "12#")
    talk(near, far, 20, 80)
    assert [e.digit for e in far.events if e.kind is EventKind.DIGIT_BEGIN] == list("12#")
    assert [e.value for e in far.events if e.kind is EventKind.DIGIT_END] == [160, 160, 160]
    assert near.kinds().count(EventKind.DIGITS_SENT) == 1
    assert near.stats().digits_sent == 3
    assert far.stats().packets_lost == 0
    assert far.stats().samples_concealed < PERIOD  # a digit takes the place of sound: nothing was lost
    with pytest.raises(ValueError, match="out of range"):
        near.pump.send_digits(near.slot, "x")


def test_mute_sends_silence_and_hold_sends_nothing(parties: tuple[Party, Party]) -> None:
    near, far = parties
    voice = speech().tobytes()
    near.pump.mute(near.slot, muted=True)
    talk(near, far, 1, 50, voice)
    assert max(array("h", bytes(far.heard)), default=0) < 20
    sent = near.stats().packets_sent
    assert sent == 49
    near.pump.update_stream(near.slot, near.settings(far)._replace(sends=False, receives=False), 50 * PERIOD_NS)
    talk(near, far, 50, 110)
    assert near.stats().packets_sent == sent
    assert near.stats().packets_ignored > 50
    assert EventKind.SILENT in far.kinds()
    assert EventKind.SILENT not in near.kinds()
    near.pump.update_stream(near.slot, near.settings(far), 110 * PERIOD_NS)
    talk(near, far, 110, 120)
    assert EventKind.RESUMED in far.kinds()


def test_a_stopped_stream_says_goodbye_and_frees_its_slot(parties: tuple[Party, Party]) -> None:
    near, far = parties
    talk(near, far, 1, 20)
    near.pump.stop_stream(near.slot, 20 * PERIOD_NS, WALL_NS)
    talk(near, far, 20, 40)
    assert far.kinds().count(EventKind.BYE) == 1
    with pytest.raises(LocalProtocolError):
        near.stats()
    near.start(far)
    assert near.slot == Slot(0)


def test_a_peer_behind_a_nat_is_followed_in_the_first_seconds() -> None:
    near, far, nowhere = Party("127.0.0.1", 1), Party("127.0.0.1", 2), Party("127.0.0.1", 3)
    near.start(nowhere)  # the far side announced an address that its packets do not come from
    far.start(near)
    talk(near, far, 1, 30)
    assert near.kinds()[:1] == [EventKind.LATCHED]
    assert near.stats().remote_rtp == far.address(0)
    assert far.stats().packets_received > 20
    for s in near.sockets + far.sockets + nowhere.sockets:
        s.close()


def test_a_conference_hears_everybody_but_itself() -> None:
    hub, left, right = Party("127.0.0.1", 1), Party("127.0.0.1", 2), Party("127.0.0.1", 3)
    hub_settings = [hub.settings(p)._replace(rtcp_fd=None) for p in (left, right)]
    second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    second.bind(("127.0.0.1", 0))
    hub_settings[1] = hub_settings[1]._replace(rtp_fd=second.fileno(), ssrc=9)
    for settings in hub_settings:
        hub.pump.start_stream(settings, 0)
    hub.pump.conference(joined=True)
    left.start(hub)
    right.slot = right.pump.start_stream(right.settings(hub)._replace(remote_rtp=second.getsockname()), 0)
    voice = speech().tobytes()
    for k in range(1, 120):
        left.period(k, voice[k * 2 * PERIOD : (k + 1) * 2 * PERIOD])
        right.period(k)
        hub.period(k)
    assert max(array("h", bytes(right.heard))) > 2000
    assert max(array("h", bytes(hub.heard))) > 2000
    assert max(array("h", bytes(left.heard))) < 20
    for s in [*hub.sockets, *left.sockets, *right.sockets, second]:
        s.close()


def test_tones_and_prompts_reach_speaker_and_stream_and_end(parties: tuple[Party, Party]) -> None:
    near, far = parties
    near.pump.play_tone([ToneStep(440, 480, 100)], to_speaker=True)
    near.pump.play_prompt(array("h", [3000] * 800).tobytes(), to_speaker=False, to_streams=1 << near.slot)
    talk(near, far, 1, 20)
    assert max(array("h", bytes(near.heard))) > 5000
    assert max(array("h", bytes(far.heard))) > 2500
    done = [e.value for e in near.events if e.kind is EventKind.SOUND_DONE]
    assert sorted(done) == [Sound.TONE, Sound.PROMPT]
    near.pump.play_tone([ToneStep(425, 0, 500), ToneStep(0, 0, 500)], repeats=0)
    near.pump.stop_sound(Sound.TONE)
    near.heard.clear()
    talk(near, far, 20, 25)
    assert max(array("h", bytes(near.heard))) < 20


def test_both_sides_can_be_tapped_for_a_recording(parties: tuple[Party, Party]) -> None:
    near, far = parties
    voice = speech().tobytes()
    near.period(1, voice[: 2 * PERIOD])
    assert near.pump.said() == voice[: 2 * PERIOD]
    assert near.pump.heard() == SILENCE
    assert far.address(0) != near.address(0)


def test_settings_out_of_range_are_told() -> None:
    with pytest.raises(ValueError, match="out of range"):
        Pump(rate_hz=11025, period_samples=PERIOD, seed=1)
    party = Party("127.0.0.1", 1)
    with pytest.raises(ValueError, match="literal"):
        party.pump.start_stream(party.settings(party)._replace(remote_rtp=("phone.example", 4000)), 0)
    with pytest.raises(ValueError, match="CNAME"):
        party.pump.start_stream(party.settings(party)._replace(cname="x" * 64), 0)
    with pytest.raises(ValueError, match="out of range"):
        party.pump.start_stream(party.settings(party)._replace(ptime_ms=25), 0)
    with pytest.raises(ValueError, match="320 bytes"):
        party.pump.period(0, 0, b"")
    with pytest.raises(MediaError):
        party.pump.start_stream(party.settings(party)._replace(rtp_fd=-1, remote_rtp=None, remote_rtcp=None), 0)
    for s in party.sockets:
        s.close()


def test_what_is_hushed_is_taken_and_not_played(parties: tuple[Party, Party]) -> None:
    near, far = parties
    said = speech().tobytes()
    talk(near, far, 1, 100, said)
    assert max(array("h", bytes(far.heard))) > 1000
    far.pump.hush(far.slot, hushed=True)
    far.heard.clear()
    talk(near, far, 100, 200, said)
    assert not any(far.heard)
    assert any(far.pump.heard()), "whoever records hears it all the same"
    assert far.stats().packets_received == 199
    far.pump.hush(far.slot, hushed=False)
    far.heard.clear()
    talk(near, far, 200, 300, said)
    assert max(array("h", bytes(far.heard))) > 1000
    with pytest.raises(LocalProtocolError):
        far.pump.hush(Slot(3), hushed=True)
