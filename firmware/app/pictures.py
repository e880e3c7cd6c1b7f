"""The camera's picture in calls: ports for what descriptions say, a stream for each leg that sees, one camera for them all.

The camera is open while somebody sees it, and closed otherwise. What goes wrong here costs the picture, never the call.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from firmware.app.paths import Paths
from firmware.app.picture_keying import PictureKeying
from firmware.app.wiring.protection import fresh_key
from firmware.errors import MediaError, RemoteProtocolError
from firmware.ids import IdSource
from firmware.media.picture_stream import CHECKS, Apart, Clocks, Identity, PictureStream, Way, watch
from firmware.media.session import MediaPort
from firmware.sdp.h264 import Picture
from firmware.sdp.media_session import MediaSession
from firmware.sdp.protection import Protection, SharedKeys
from firmware.sdp.video_session import LocalVideo, VideoSession
from firmware.sip import events as sip
from firmware.sip.body import media_control

if TYPE_CHECKING:
    from firmware.media.dtls import Identity as DtlsIdentity
    from firmware.media.srtp import SrtpCipher
    from hw.api import Camera, CodedPicture

log: Final = logging.getLogger("portero.pictures")

WAITING_MAX: Final = 4  # pictures between the camera's thread and the loop: a loop that is so late shows the next ones


def _nothing(_datagram: bytes, _source: tuple[str, int]) -> None:
    """Nothing comes apart to a way that is another's."""


class _Shown(NamedTuple):
    """A leg that sees, or could: the name of its sound, its stream, what ends the loop's watching of its ports, and its handshake."""

    call: str
    stream: PictureStream
    identity: Identity
    unwatch: Callable[[], None]
    keying: PictureKeying | None = None


class Sound(Protocol):
    """What a picture needs of the sound beside it; `app.sound.SoundSystem` has it."""

    def cname(self, call: str) -> str: ...
    def way(self, call: str) -> Way: ...
    def keys(self, call: str) -> SharedKeys | None: ...
    def certificate(self) -> DtlsIdentity: ...


class Pictures:
    """Belongs to the event loop. Implements `app.leg_media.CallPicture`."""

    def __init__(
        self,
        camera: Camera,
        picture: Picture,
        *,
        open_port: Callable[[], MediaPort],
        ids: IdSource,
        sound: Sound,
    ) -> None:
        self._camera = camera
        self._picture = picture
        self._open_port = open_port
        self._ids = ids
        self._sound = sound
        self._loop = asyncio.get_running_loop()
        self._ports: dict[str, MediaPort] = {}  # of legs whose description names one, until they see
        self._shown: dict[str, _Shown] = {}
        # Without consent the picture alone ends, for the sound asks for its own.
        self._paths: Paths[VideoSession] = Paths(self._moved, lambda _event: None, what="picture")
        self._is_running = False
        self._lock = threading.Lock()  # guards _waiting, which the camera's thread counts up
        self._waiting = 0
        self._views = 0

    def open(self, leg: str, protection: Protection) -> LocalVideo | None:
        """What the leg's description says of the picture; None: nothing, for want of a port."""
        try:
            port = self._open_port()
        except MediaError as error:
            log.warning("call %s has no picture: %s", leg, error)
            return None
        self._ports[leg] = port
        keys = tuple(fresh_key(key.suite) for key in protection.keys)
        return LocalVideo(rtp_port=port.rtp_port, picture=self._picture, keys=keys, mapped=port.mapped)

    def show(self, leg: str, call: str, session: MediaSession) -> None:
        """What the leg's sound, known as `call`, and its picture have agreed on."""
        if session.no_picture:
            log.info("call %s has no picture: %s", leg, session.no_picture)
        video, shown = session.video, self._shown.get(leg)
        if shown is not None and video is not None and video.shares_way is not shown.stream.session.shares_way:
            self._hide(leg)
            shown = None
        try:
            if shown is not None and video is None:
                # A later offer may bring it back, at the same port.
                shown.stream.update(shown.stream.session._replace(sends=False), None)
            elif shown is not None and video is not None:
                self._go_on(leg, shown, video)
            elif video is not None and video.shares_way:
                self._begin_beside(leg, call, video)
            elif video is not None and leg in self._ports:
                self._begin(leg, call, video)
        except MediaError as error:
            log.error("call %s has no picture: %s", leg, error)
            self._hide(leg)
        self._run_or_rest()

    def stop(self, leg: str) -> None:
        """The leg is over, or will be."""
        self._hide(leg)
        port = self._ports.pop(leg, None)
        if port is not None:
            port.close()
        self._run_or_rest()

    def view(self, way: Way, payload_type: int) -> tuple[str, PictureStream]:
        """Show pictures beside any call, over a way of its own; the name by which `stop` ends it."""
        self._views += 1
        name = f"view {self._views}"
        session = VideoSession(
            local_port=0,
            remote_host="",
            remote_rtp_port=0,
            remote_rtcp_host="",
            remote_rtcp_port=1,
            payload_type=payload_type,
            packetization_mode=1,
            bitrate_kbps=self._picture.bitrate_kbps,
            sends=True,
        )
        identity = self._identity(self._ids.nonce()[:16])
        stream = self._stream(way, session, identity, None)
        self._shown[name] = _Shown("", stream, identity, lambda: None)
        if self._is_running:
            stream.ask_for_key()
        self._run_or_rest()
        return name, stream

    def on_event(self, event: object) -> None:
        """RFC 5168: a phone that knows no RTCP feedback asks for a key picture in an INFO."""
        match event:
            case sip.InfoReceived(call=call, content_type=media_control.CONTENT_TYPE, body=body) if shown := self._shown.get(call):
                try:
                    is_wish = media_control.decode(body).picture_fast_update
                except RemoteProtocolError as error:
                    log.info("an INFO in call %s asks for no picture: %s", call, error)
                    return
                if is_wish:
                    shown.stream.ask_for_key()
            case _:
                return

    def close(self) -> None:
        """End every stream and close the camera."""
        for leg in (*self._shown, *self._ports):
            self.stop(leg)
        self._run_or_rest()

    def reported(self, call: str, reports: bytes) -> None:
        """RTCP came by the sound's way, which a picture may share."""
        for shown in self._beside(call):
            shown.stream.heed(reports)

    def secured(self, call: str, keys: SharedKeys) -> None:
        """The handshake of the sound has given keys, which are the picture's as well where it shares the way (RFC 9143 §9)."""
        for shown in self._beside(call):
            self._secure(shown, keys)

    def _beside(self, call: str) -> list[_Shown]:
        return [shown for shown in self._shown.values() if shown.call == call and shown.stream.session.shares_way]

    def _go_on(self, leg: str, shown: _Shown, video: VideoSession) -> None:
        """Another agreement for a leg that sees already."""
        keys = None if video.keys == shown.stream.session.keys else video.keys
        placed = self._paths.placed(leg, video)
        shown.stream.update(placed, _cipher(keys, shown.identity.ssrc))
        if shown.keying is not None:
            shown.keying.follow(placed)

    def _begin(self, leg: str, call: str, video: VideoSession) -> None:
        """At the picture's own port."""
        identity = self._identity(self._sound.cname(call))
        cipher = _cipher(video.keys, identity.ssrc)
        port = self._ports.pop(leg)
        port.hand_over()
        keying = PictureKeying(leg, port.send, self._sound.certificate, partial(self._finish, leg)) if video.handshake else None
        stream = self._stream(port, video, identity, cipher, partial(self._apart, leg))
        self._shown[leg] = _Shown(call, stream, identity, watch(self._loop, (port.rtp_fd, port.rtcp_fd), stream), keying)
        self._paths.start(leg, port, video)
        if keying is not None:
            keying.follow(video)
        if self._is_running:
            stream.ask_for_key()  # for who comes second: the first one began with a key picture

    def _begin_beside(self, leg: str, call: str, video: VideoSession) -> None:
        """By the sound's way. The picture's own port stays open: an offer of the other side may let it go its own way again."""
        identity = self._identity(self._sound.cname(call))
        keys = self._sound.keys(call) if video.handshake is not None else None
        stream = self._stream(self._sound.way(call), video, identity, _cipher(keys, identity.ssrc))
        self._shown[leg] = _Shown(call, stream, identity, lambda: None)
        if self._is_running:
            stream.ask_for_key()

    def _moved(self, leg: str, video: VideoSession) -> None:
        """Checks have found another way, or the other side does not want to see any more."""
        shown = self._shown.get(leg)
        if shown is not None:
            shown.stream.update(video, None)
            if shown.keying is not None:
                shown.keying.move((video.remote_host, video.remote_rtp_port))

    def _apart(self, leg: str, datagram: bytes, source: tuple[str, int]) -> None:
        """What came to a picture's own port and is no media."""
        shown = self._shown.get(leg)
        if datagram[0] in CHECKS:
            self._paths.receive(leg, datagram, source)
        elif shown is not None and shown.keying is not None:
            shown.keying.receive(datagram, source)

    def _identity(self, cname: str) -> Identity:
        """Fresh random numbers (RFC 3550 §5.1); the sequence begins in the lower half (RFC 3711 §3.3.1)."""
        ssrc, timestamp, sequence = (self._ids.uint32() for _ in range(3))
        return Identity(ssrc=ssrc, first_timestamp=timestamp, first_sequence=sequence & 0x7FFF, cname=cname)

    def _finish(self, leg: str, keys: SharedKeys) -> None:
        """The handshake of a leg's picture has given keys."""
        shown = self._shown.get(leg)
        if shown is not None:
            self._secure(shown, keys)

    def _secure(self, shown: _Shown, keys: SharedKeys) -> None:
        cipher = _cipher(keys, shown.identity.ssrc)
        if cipher is not None:
            shown.stream.secure(cipher)

    def _stream(
        self, way: Way, video: VideoSession, identity: Identity, cipher: SrtpCipher | None, apart: Apart = _nothing
    ) -> PictureStream:
        return PictureStream(
            way,
            video,
            identity,
            cipher=cipher,
            period_s=1 / self._picture.fps,
            clocks=Clocks(self._loop.call_later),
            wants_key=self._camera.request_keyframe,
            apart=apart,
        )

    def _hide(self, leg: str) -> None:
        shown = self._shown.pop(leg, None)
        if shown is not None:
            self._paths.stop(leg)
            shown.unwatch()
            if shown.keying is not None:
                shown.keying.close()
            shown.stream.close()
            log.info("call %s saw %d pictures in %d packets", leg, shown.stream.pictures, shown.stream.packets)

    def _run_or_rest(self) -> None:
        """The camera runs exactly while somebody sees."""
        seeing = [shown.stream.session for shown in self._shown.values() if shown.stream.session.sends]
        if seeing and not self._is_running:
            self._is_running = True
            self._camera.start(self._from_camera, min(session.bitrate_kbps for session in seeing))
        elif self._is_running and not seeing:
            self._is_running = False
            self._camera.stop()

    def _from_camera(self, picture: CodedPicture) -> None:
        """On the camera's thread."""
        with self._lock:
            if self._waiting >= WAITING_MAX:
                return
            self._waiting += 1
        try:
            self._loop.call_soon_threadsafe(self._take, picture)
        except RuntimeError:
            return  # the loop has ended: so will the camera

    def _take(self, picture: CodedPicture) -> None:
        with self._lock:
            self._waiting -= 1
        for shown in self._shown.values():
            shown.stream.take(picture)


def _cipher(keys: SharedKeys | None, ssrc: int) -> SrtpCipher | None:
    """Raises MediaError when encryption is not there."""
    if keys is None:
        return None
    try:
        from firmware.media.srtp import SrtpCipher
    except ImportError as error:
        raise MediaError(f"encryption cannot be loaded ({error}): install libsrtp2 and build again") from error
    return SrtpCipher(send=keys.send, receive=keys.receive, ssrc=ssrc)
