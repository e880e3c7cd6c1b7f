"""The handshake of one call's picture (RFC 5763), at the picture's own port. What goes wrong with it costs the picture alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from firmware.errors import MediaError
from firmware.sdp.protection import Handshake, SharedKeys
from firmware.sdp.video_session import VideoSession

if TYPE_CHECKING:
    from firmware.media.dtls import Identity
    from firmware.media.keying import Keying

log: Final = logging.getLogger("portero.pictures")


class PictureKeying:
    """Belongs to the event loop. `done` gets the keys of each handshake that ends well."""

    def __init__(
        self,
        leg: str,
        send: Callable[[bytes, tuple[str, int]], None],
        certificate: Callable[[], Identity],
        done: Callable[[SharedKeys], None],
    ) -> None:
        self._leg = leg
        self._send = send
        self._certificate = certificate
        self._done = done
        self._agreed: Handshake | None = None
        self._keying: Keying | None = None

    def follow(self, video: VideoSession) -> None:
        """What offer and answer agreed on: another certificate or role means another handshake (RFC 8842 §3.1). Raises MediaError."""
        if video.handshake == self._agreed:
            return
        self.close()
        self._agreed = video.handshake
        if video.handshake is None:
            return
        from firmware.media.keying import Keying

        self._keying = Keying(
            video.handshake,
            self._certificate(),
            remote=(video.remote_host, video.remote_rtp_port),
            send=self._send,
            later=asyncio.get_running_loop().call_later,
            done=self._finish,
            failed=self._fail,
        )
        self._keying.begin()

    def receive(self, datagram: bytes, source: tuple[str, int]) -> None:
        """A datagram of a handshake came to the picture's port."""
        if self._keying is not None:
            self._keying.receive(datagram, source)

    def move(self, remote: tuple[str, int]) -> None:
        """The other side is elsewhere (ICE): what is repeated goes there."""
        if self._keying is not None:
            self._keying.move(remote)

    def close(self) -> None:
        """The picture ends."""
        if self._keying is not None:
            self._keying.close()
            self._keying = None

    def _finish(self, keys: SharedKeys) -> None:
        try:
            self._done(keys)
        except MediaError as error:
            self._fail(str(error))

    def _fail(self, why: str) -> None:
        log.warning("call %s has no picture: %s", self._leg, why)
