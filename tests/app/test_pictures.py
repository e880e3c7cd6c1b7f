"""firmware/app/pictures.py: when the camera runs, who sees, and whose ports are closed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firmware.app.pictures import WAITING_MAX, Pictures
from firmware.app.shared_way import SharedWay
from firmware.errors import MediaError
from firmware.ids import SeededIds
from firmware.media.dtls import Association, State
from firmware.media.dtls import Identity as DtlsIdentity
from firmware.media.session import MediaPort, open_port
from firmware.media.srtp import SrtpCipher
from firmware.sdp.crypto import SrtpKey, Suite
from firmware.sdp.h264 import Picture
from firmware.sdp.ice import IceCredentials, IceSession
from firmware.sdp.media_session import MediaSession
from firmware.sdp.protection import PLAIN, Encryption, Handshake, Method, Protection, SharedKeys
from firmware.sdp.video_session import VideoSession
from firmware.sip import events as sip
from firmware.sip.body import media_control
from firmware.sip.fields import DATAGRAM_BYTES_MAX
from firmware.stun.attributes import PRIORITY, USE_CANDIDATE, USERNAME
from firmware.stun.message import BINDING_REQUEST, attribute, message
from hw.api import CodedPicture
from hw.camera_file import read_pictures
from tests.app.house import house, phones, settings
from tests.app.test_ring_pictures import with_film
from tests.media.samples import session as sound
from tests.net.loops import turns
from tests.ports import TRIED

FILM = Path(__file__).parents[1] / "data" / "camera" / "door.h264"
KEY, OTHER = read_pictures(FILM)[0], read_pictures(FILM)[1]
LIMIT_S = 30.0
SUITE = Suite.AES_CM_128_HMAC_SHA1_80


class FakeCamera:
    """Shows what the test wants."""

    def __init__(self) -> None:
        self.show: Callable[[CodedPicture], None] | None = None
        self.starts: list[int] = []
        self.wishes = 0

    def start(self, show: Callable[[CodedPicture], None], bitrate_kbps: int) -> None:
        assert self.show is None
        self.show = show
        self.starts.append(bitrate_kbps)

    def request_keyframe(self) -> None:
        self.wishes += 1

    def snapshot(self) -> bytes:
        raise AssertionError("nobody asks")

    def stop(self) -> None:
        assert self.show is not None
        self.show = None


class Rig:
    """Pictures, their camera, and a phone's ear."""

    def __init__(self, eye: socket.socket) -> None:
        self.camera = FakeCamera()
        self.eye = eye
        self.ports: list[MediaPort] = []
        self.no_ports = False
        self.beside: tuple[MediaPort, tuple[str, int]] | None = None  # the sound's port, and where that goes
        self.given: SharedKeys | None = None  # by the sound's handshake
        picture = Picture(320, 240, 15, 300)
        self.pictures = Pictures(
            self.camera,
            picture,
            open_port=self._open,
            ids=SeededIds(1),
            sound=self,
        )

    def cname(self, call: str) -> str:
        return f"name of {call}"

    def certificate(self) -> DtlsIdentity:
        return DtlsIdentity()

    def way(self, _call: str) -> SharedWay:
        return SharedWay(lambda: self.beside)

    def keys(self, _call: str) -> SharedKeys | None:
        return self.given

    def _open(self) -> MediaPort:
        if self.no_ports:
            raise MediaError("no free port")
        self.ports.append(open_port("127.0.0.1", TRIED))
        return self.ports[-1]

    def seeing(self, *, sends: bool = True, bitrate_kbps: int = 300, keys: SharedKeys | None = None) -> MediaSession:
        """A session in which the eye sees."""
        host, port = self.eye.getsockname()
        video = VideoSession(
            local_port=1,
            remote_host=host,
            remote_rtp_port=port,
            remote_rtcp_host=host,
            remote_rtcp_port=port,
            payload_type=105,
            packetization_mode=1,
            bitrate_kbps=bitrate_kbps,
            sends=sends,
            keys=keys,
        )
        return sound()._replace(video=video)

    async def seen(self) -> bytes:
        """The next datagram at the eye."""
        async with asyncio.timeout(LIMIT_S):
            return await asyncio.get_running_loop().sock_recv(self.eye, 2000)

    def show(self, picture: CodedPicture) -> None:
        """As the camera's thread does."""
        assert self.camera.show is not None
        self.camera.show(picture)

    def open_ports(self) -> int:
        return sum(port.rtp_fd != -1 for port in self.ports)


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as eye:
        eye.bind(("127.0.0.1", 0))
        eye.settimeout(0)
        made = Rig(eye)
        try:
            yield made
        finally:
            made.pictures.close()
            assert made.camera.show is None
            assert made.open_ports() == 0


def test_the_camera_runs_while_somebody_sees_and_no_longer() -> None:
    async def scene() -> None:
        async with rig() as lived:
            assert lived.pictures.open("a", PLAIN) is not None
            assert lived.camera.starts == []
            lived.pictures.show("a", "a", lived.seeing(bitrate_kbps=200))
            assert lived.camera.starts == [200]
            lived.show(KEY)
            packet = await lived.seen()
            assert packet[1] & 0x7F == 105
            lived.pictures.stop("a")
            assert lived.camera.show is None
            assert lived.open_ports() == 0

    asyncio.run(scene())


def test_the_picture_bears_the_name_of_the_sound() -> None:
    async def scene() -> None:
        async with rig() as lived:
            lived.pictures.open("a", PLAIN)
            lived.pictures.show("a", "sound of a", lived.seeing())
            lived.show(KEY)
            while b"name of sound of a" not in await lived.seen():
                pass

    asyncio.run(scene())


def test_two_legs_share_the_camera_until_the_second_has_gone() -> None:
    async def scene() -> None:
        async with rig() as lived:
            for leg in ("a", "b"):
                lived.pictures.open(leg, PLAIN)
                lived.pictures.show(leg, leg, lived.seeing())
            assert len(lived.camera.starts) == 1
            lived.pictures.stop("a")
            assert lived.camera.show is not None
            lived.pictures.stop("b")
            assert lived.camera.show is None

    asyncio.run(scene())


def test_a_hold_closes_the_camera_and_the_end_of_it_opens_it() -> None:
    async def scene() -> None:
        async with rig() as lived:
            lived.pictures.open("a", PLAIN)
            lived.pictures.show("a", "a", lived.seeing())
            lived.pictures.show("a", "a", lived.seeing(sends=False))
            assert lived.camera.show is None
            lived.pictures.show("a", "a", lived.seeing())
            assert len(lived.camera.starts) == 2

    asyncio.run(scene())


def test_a_picture_that_is_taken_out_of_the_call_may_come_back_at_the_same_port() -> None:
    async def scene() -> None:
        async with rig() as lived:
            lived.pictures.open("a", PLAIN)
            lived.pictures.show("a", "a", lived.seeing())
            lived.pictures.show("a", "a", sound())
            assert lived.camera.show is None
            assert lived.open_ports() == 1
            lived.pictures.show("a", "a", lived.seeing())
            lived.show(OTHER)
            lived.show(KEY)
            packet = await lived.seen()
            assert packet[12] & 0x1F in (24, 7)  # the parameter sets of the key picture

    asyncio.run(scene())


def test_a_call_that_agrees_on_no_picture_says_why_and_opens_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with rig() as lived:
            lived.pictures.open("a", PLAIN)
            lived.pictures.show("a", "a", sound()._replace(no_picture="it does not want to see"))
            assert lived.camera.starts == []
            lived.pictures.stop("a")
            lived.pictures.stop("a")
            assert lived.open_ports() == 0

    caplog.set_level("INFO", "portero.pictures")
    asyncio.run(scene())
    assert "call a has no picture: it does not want to see" in caplog.text


def test_without_a_port_there_is_no_picture_and_the_call_goes_on() -> None:
    async def scene() -> None:
        async with rig() as lived:
            lived.no_ports = True
            assert lived.pictures.open("a", PLAIN) is None
            lived.pictures.show("a", "a", lived.seeing())
            assert lived.camera.starts == []

    asyncio.run(scene())


def test_a_slow_loop_is_not_flooded_by_the_camera() -> None:
    async def scene() -> None:
        async with rig() as lived:
            lived.pictures.open("a", PLAIN)
            lived.pictures.show("a", "a", lived.seeing())
            for _ in range(1000):
                lived.show(KEY._replace(units=(b"\x65\x88",)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            stream = lived.pictures._shown["a"].stream
            assert stream.pictures == WAITING_MAX
            lived.show(KEY)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert stream.pictures == WAITING_MAX + 1

    asyncio.run(scene())


def test_an_info_asks_for_a_key_picture_of_its_own_call() -> None:
    wish = media_control.encode(media_control.MediaControl(picture_fast_update=True))

    async def scene() -> None:
        async with rig() as lived:
            lived.pictures.open("a", PLAIN)
            lived.pictures.show("a", "a", lived.seeing())
            for call, kind, body in (
                ("b", media_control.CONTENT_TYPE, wish),
                ("a", "application/dtmf-relay", wish),
                ("a", media_control.CONTENT_TYPE, b"<media_control/>"),
            ):
                lived.pictures.on_event(sip.InfoReceived(call=sip.CallKey(call), content_type=kind, body=body))
            assert lived.camera.wishes == 0
            lived.pictures.on_event(sip.InfoReceived(call=sip.CallKey("a"), content_type=media_control.CONTENT_TYPE, body=wish))
            assert lived.camera.wishes == 1

    asyncio.run(scene())


def test_keys_of_the_picture_are_not_those_of_the_sound() -> None:
    async def scene() -> None:
        async with rig() as lived:
            ours = SrtpKey(SUITE, bytes(SUITE.octets))
            video = lived.pictures.open("a", Protection(Encryption.OPTIONAL, (Method.SDES,), (ours,)))
            assert video is not None
            assert [key.suite for key in video.keys] == [SUITE]
            assert video.keys != (ours,)

    asyncio.run(scene())


def test_an_encrypted_picture_leaves_encrypted() -> None:
    keys = SharedKeys(*(SrtpKey(SUITE, bytes([number]) * SUITE.octets) for number in (1, 2)))

    async def scene() -> None:
        async with rig() as lived:
            lived.pictures.open("a", PLAIN)
            lived.pictures.show("a", "a", lived.seeing(keys=keys))
            lived.pictures.show("a", "a", lived.seeing(keys=keys))
            lived.show(KEY._replace(units=(b"\x65\x88 in clear",)))
            packet = await lived.seen()
            assert b"in clear" not in packet
            assert len(packet) == 12 + 11 + 10

    asyncio.run(scene())


# --- the sound's way, and checks of its own ---------------------------------------------------------------------------


@asynccontextmanager
async def beside(lived: Rig, *, encrypted: bool = True) -> AsyncIterator[MediaSession]:
    """A session in which the eye sees by the sound's port."""
    port = open_port("127.0.0.1", TRIED)
    lived.beside = port, lived.eye.getsockname()
    session = lived.seeing()
    assert session.video is not None
    handshake = Handshake((DtlsIdentity().fingerprint,), is_client=False) if encrypted else None
    yield session._replace(video=session.video._replace(remote_host="0.0.0.0", shares_way=True, handshake=handshake))
    port.close()


KEYS = SharedKeys(*(SrtpKey(SUITE, bytes([number]) * SUITE.octets) for number in (1, 2)))


@pytest.mark.parametrize("are_early", [True, False])
def test_a_picture_that_shares_the_way_is_encrypted_with_the_keys_of_the_sound(*, are_early: bool) -> None:
    async def scene() -> None:
        async with rig() as lived, beside(lived) as session:
            lived.given = KEYS if are_early else None
            assert lived.pictures.open("a", PLAIN) is not None
            lived.pictures.show("a", "sound of a", session)
            if not are_early:
                lived.show(KEY)
                lived.pictures.secured("somebody else", KEYS)
                await turns(20)
                with pytest.raises(BlockingIOError):
                    lived.eye.recv(2000)
                lived.pictures.secured("sound of a", KEYS)
                assert lived.camera.wishes == 1
            lived.show(KEY)
            theirs = SrtpCipher(send=KEYS.receive, receive=KEYS.send, ssrc=1)
            plain = theirs.unprotect(await lived.seen())
            assert plain is not None
            assert plain[1] & 0x7F == 105

    asyncio.run(scene())


def test_a_wish_that_comes_by_the_sounds_way_is_for_the_picture_of_that_call() -> None:
    async def scene() -> None:
        async with rig() as lived, beside(lived, encrypted=False) as session:
            lived.pictures.open("a", PLAIN)
            lived.pictures.show("a", "sound of a", session)
            lived.show(KEY)
            ssrc = (await lived.seen())[8:12]
            wish = bytes.fromhex("81ce0002 01020304") + ssrc
            lived.pictures.reported("somebody else", wish)
            assert lived.camera.wishes == 0
            lived.pictures.reported("sound of a", wish)
            assert lived.camera.wishes == 1

    asyncio.run(scene())


def test_a_later_agreement_may_take_the_picture_from_its_own_port_to_the_sounds() -> None:
    async def scene() -> None:
        async with rig() as lived, beside(lived, encrypted=False) as shared:
            lived.pictures.open("a", PLAIN)
            lived.pictures.show("a", "a", lived.seeing())
            assert lived.open_ports() == 1
            lived.pictures.show("a", "a", shared)
            assert lived.open_ports() == 0
            lived.show(KEY)
            assert (await lived.seen())[1] & 0x7F == 105

    asyncio.run(scene())


def test_the_picture_follows_the_nomination_at_its_own_port_and_so_does_its_handshake() -> None:
    ours, theirs = IceCredentials("door", "d" * 22), IceCredentials("anna", "p" * 22)
    attributes = (attribute(USERNAME, b"door:anna"), attribute(PRIORITY, bytes(4)), attribute(USE_CANDIDATE, b""))
    check = message(BINDING_REQUEST, bytes(12), *attributes, password=ours.pwd, fingerprint=True)

    async def scene() -> None:
        async with rig() as lived:
            lived.pictures.open("a", PLAIN)
            session = lived.seeing()
            assert session.video is not None
            agreed = Handshake((DtlsIdentity().fingerprint,), is_client=True)
            video = session.video._replace(ice=IceSession(ours, theirs), handshake=agreed, remote_host="0.0.0.0")
            lived.pictures.show("a", "a", session._replace(video=video))
            lived.eye.sendto(check, ("127.0.0.1", lived.ports[0].rtp_port))
            answer = await lived.seen()
            assert answer[:2] == b"\x01\x01"
            hello = await lived.seen()  # repeated, for the first one went nowhere
            assert hello[0] == 22

    asyncio.run(scene())


# --- the whole station ------------------------------------------------------------------------------------------------


def test_a_station_whose_film_is_missing_rings_and_says_so(tmp_path: Path) -> None:
    wanted = settings(tmp_path)
    wanted = wanted._replace(camera=wanted.camera._replace(source="file", device=str(tmp_path / "none.h264")))

    async def scene() -> None:
        async with house(wanted) as lived:
            async with asyncio.timeout(LIMIT_S):
                while "camera" not in lived.station.health:
                    await asyncio.sleep(0)
            assert "No such file" in lived.station.health["camera"]

    asyncio.run(scene())


def test_the_invite_of_a_call_with_a_picture_fits_a_datagram(tmp_path: Path) -> None:
    async def scene() -> bytes:
        async with phones("anna") as (anna,), house(with_film(tmp_path, settings(tmp_path, anna))) as lived:
            lived.board.press("bell")
            await anna.heard(sip.IncomingCall)
            return next(entry.data for entry in anna.wire if entry.data.startswith(b"INVITE"))

    invite = asyncio.run(scene())
    assert b"m=video" in invite
    assert b"SIP/2.0/UDP" in invite
    # RFC 3261 §18.1.1; addresses of a house are longer than 127.0.0.1, and stand in seven places.
    assert len(invite) <= DATAGRAM_BYTES_MAX - 7 * len(b"255.255.255.255") + 7 * len(b"127.0.0.1")


def test_the_handshake_of_the_picture_is_made_at_its_own_port_and_a_failed_one_costs_the_picture_alone() -> None:
    phone, stranger = DtlsIdentity(), DtlsIdentity()

    async def story(believed: DtlsIdentity) -> list[bytes]:
        """What comes to the eye beside the handshake, in the course of a picture and another one."""
        async with rig() as lived:
            assert lived.pictures.open("a", Protection()) is not None
            agreed = Handshake((believed.fingerprint,), is_client=False)
            session = lived.seeing()
            assert session.video is not None
            session = session._replace(video=session.video._replace(handshake=agreed))
            lived.pictures.show("a", "a", session)
            lived.show(KEY)
            association = Association(phone, is_client=True)
            state = association.step()
            door = ("127.0.0.1", lived.ports[0].rtp_port)
            while state is State.RUNNING:
                for datagram in association.take():
                    lived.eye.sendto(datagram, door)
                state = association.step(await lived.seen())
            for datagram in association.take():
                lived.eye.sendto(datagram, door)
            keys = association.keys()
            assert keys is not None
            lived.pictures.show("a", "a", session)  # the same again: no other handshake
            if believed is not phone:
                await turns(50)
                lived.show(KEY)
                await turns(50)
                with pytest.raises(BlockingIOError):
                    lived.eye.recv(2000)
                return []
            cipher = SrtpCipher(send=keys.send, receive=keys.receive, ssrc=1)
            while lived.camera.wishes == 0:
                await turns()
            lived.show(KEY)
            protected = await lived.seen()
            while 20 <= protected[0] < 64:
                protected = await lived.seen()
            plain = cipher.unprotect(protected)
            assert plain is not None
            return [plain]

    (plain,) = asyncio.run(story(phone))
    assert plain[1] & 0x7F == 105
    assert asyncio.run(story(stranger)) == []
