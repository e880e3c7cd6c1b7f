"""The camera's picture in calls: ports for what descriptions say, a stream for each leg that sees, one camera for them all.

The camera is open while somebody sees it, and closed otherwise. What goes wrong here costs the picture, never the call.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from firmware.app.picture_keying import PictureKeying
from firmware.app.wiring.protection import fresh_key
from firmware.errors import MediaError, RemoteProtocolError
from firmware.ids import IdSource
from firmware.media.picture_stream import Clocks, Identity, PictureStream, Way, watch
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


class _Shown(NamedTuple):
    """A leg that sees, or could: its stream, its identity, what ends the loop's watching of its ports, and its handshake."""

    stream: PictureStream
    identity: Identity
    unwatch: Callable[[], None]
    keying: PictureKeying | None = None


class Pictures:
    """Belongs to the event loop. Implements `app.leg_media.CallPicture`."""

    def __init__(
        self,
        camera: Camera,
        picture: Picture,
        *,
        open_port: Callable[[], MediaPort],
        ids: IdSource,
        name_of: Callable[[str], str],
        certificate: Callable[[], DtlsIdentity],
    ) -> None:
        """`name_of` tells the canonical name under which the sound of a call is sent (RFC 3550 §6.5.1), `certificate` ours."""
        self._camera = camera
        self._picture = picture
        self._open_port = open_port
        self._ids = ids
        self._name_of = name_of
        self._certificate = certificate
        self._loop = asyncio.get_running_loop()
        self._ports: dict[str, MediaPort] = {}  # of legs whose description names one, until they see
        self._shown: dict[str, _Shown] = {}
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
        return LocalVideo(rtp_port=port.rtp_port, picture=self._picture, keys=keys)

    def show(self, leg: str, call: str, session: MediaSession) -> None:
        """What the leg's sound, known as `call`, and its picture have agreed on."""
        if session.no_picture:
            log.info("call %s has no picture: %s", leg, session.no_picture)
        video, shown = session.video, self._shown.get(leg)
        try:
            if shown is not None and video is None:
                # A later offer may bring it back, at the same port.
                shown.stream.update(shown.stream.session._replace(sends=False), None)
            elif shown is not None and video is not None:
                keys = None if video.keys == shown.stream.session.keys else video.keys
                shown.stream.update(video, _cipher(keys, shown.identity.ssrc))
                if shown.keying is not None:
                    shown.keying.follow(video)
            elif video is not None and leg in self._ports:
                self._begin(leg, call, session)
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
        self._shown[name] = _Shown(stream, identity, lambda: None)
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

    def _begin(self, leg: str, call: str, session: MediaSession) -> None:
        video = session.video
        assert video is not None, "asked by whoever has one"
        identity = self._identity(self._name_of(call))
        cipher = _cipher(video.keys, identity.ssrc)
        port = self._ports.pop(leg)
        keying = PictureKeying(leg, port.send, self._certificate, lambda keys: self._secure(leg, keys)) if video.handshake else None
        stream = self._stream(port, video, identity, cipher, keying)
        self._shown[leg] = _Shown(stream, identity, watch(self._loop, (port.rtp_fd, port.rtcp_fd), stream), keying)
        if keying is not None:
            keying.follow(video)
        if self._is_running:
            stream.ask_for_key()  # for who comes second: the first one began with a key picture

    def _identity(self, cname: str) -> Identity:
        """Fresh random numbers (RFC 3550 §5.1); the sequence begins in the lower half (RFC 3711 §3.3.1)."""
        ssrc, timestamp, sequence = (self._ids.uint32() for _ in range(3))
        return Identity(ssrc=ssrc, first_timestamp=timestamp, first_sequence=sequence & 0x7FFF, cname=cname)

    def _secure(self, leg: str, keys: SharedKeys) -> None:
        """The handshake of a leg's picture has given keys."""
        shown = self._shown.get(leg)
        cipher = None if shown is None else _cipher(keys, shown.identity.ssrc)
        if shown is not None and cipher is not None:
            shown.stream.secure(cipher)

    def _stream(
        self, way: Way, video: VideoSession, identity: Identity, cipher: SrtpCipher | None, keying: PictureKeying | None = None
    ) -> PictureStream:
        apart = {} if keying is None else {"apart": keying.receive}
        return PictureStream(
            way,
            video,
            identity,
            cipher=cipher,
            period_s=1 / self._picture.fps,
            clocks=Clocks(self._loop.call_later),
            wants_key=self._camera.request_keyframe,
            **apart,
        )

    def _hide(self, leg: str) -> None:
        shown = self._shown.pop(leg, None)
        if shown is not None:
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
