"""The handshakes of every call (DTLS-SRTP): begun with the stream, fed by the audio thread, ended with the call.

OpenSSL and the certificate are there from the first use on, which a station that is set to use them does a second after its start.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from firmware.errors import MediaError
from firmware.media.events import KeyingFailed, MediaSink, StreamEncrypted
from firmware.media.session import MediaPort
from firmware.sdp.fingerprint import Fingerprint
from firmware.sdp.media_session import MediaSession
from firmware.sdp.protection import Handshake, SharedKeys

if TYPE_CHECKING:
    from firmware.media.dtls import Identity
    from firmware.media.keying import Keying

log = logging.getLogger("portero.keyings")


class Keyings:
    """Belongs to the event loop."""

    def __init__(self, sink: MediaSink, secure: Callable[[str, SharedKeys], None]) -> None:
        """`secure` gives a call's stream its keys."""
        self._sink = sink
        self._secure = secure
        self._identity: Identity | None = None
        self._running: dict[str, tuple[Handshake, MediaPort, Keying]] = {}
        self._keys: dict[str, SharedKeys] = {}

    @property
    def identity(self) -> Identity:
        """Our certificate, made at the first use. Raises MediaError when OpenSSL is not there."""
        if self._identity is None:
            try:
                from firmware.media.dtls import Identity
            except ImportError as error:
                raise MediaError(f"encryption cannot be loaded ({error}): install libssl and build again") from error
            self._identity = Identity()
        return self._identity

    def fingerprint(self) -> Fingerprint:
        """What our descriptions say of the certificate."""
        return self.identity.fingerprint

    def start(self, call: str, port: MediaPort, session: MediaSession) -> None:
        """A stream begins; a handshake with it, if the session has agreed on one."""
        if isinstance(session.protection, Handshake):
            self._begin(call, port, session.protection, (session.remote_host, session.remote_rtp_port))

    def update(self, call: str, session: MediaSession) -> None:
        """A further offer and answer: another certificate or another role means another handshake (RFC 8842 §3.1)."""
        if not isinstance(session.protection, Handshake) or call not in self._running:
            return
        agreed, port, keying = self._running[call]
        if session.protection != agreed:
            keying.close()
            self._begin(call, port, session.protection, (session.remote_host, session.remote_rtp_port))

    def keys(self, call: str) -> SharedKeys | None:
        """What the call's handshake has given; None: nothing yet, or there is none."""
        return self._keys.get(call)

    def stop(self, call: str) -> None:
        """The stream ends."""
        self._keys.pop(call, None)
        running = self._running.pop(call, None)
        if running is not None:
            running[2].close()

    def moved(self, call: str, remote: tuple[str, int]) -> None:
        """The other side is elsewhere (ICE): what is repeated goes there."""
        if call in self._running:
            self._running[call][2].move(remote)

    def receive(self, call: str, datagram: bytes, source: tuple[str, int]) -> None:
        """A datagram of a handshake came to the stream's port."""
        if call in self._running:
            self._running[call][2].receive(datagram, source)

    def _begin(self, call: str, port: MediaPort, agreed: Handshake, remote: tuple[str, int]) -> None:
        from firmware.media.keying import Keying

        self._keys.pop(call, None)
        keying = Keying(
            agreed,
            self.identity,
            remote=remote,
            send=port.send,
            later=asyncio.get_running_loop().call_later,
            done=partial(self._done, call),
            failed=partial(self._failed, call),
        )
        self._running[call] = agreed, port, keying
        keying.begin()

    def _done(self, call: str, keys: SharedKeys) -> None:
        self._keys[call] = keys
        try:
            self._secure(call, keys)
        except MediaError as error:
            self._failed(call, str(error))
            return
        self._sink(StreamEncrypted(call=call, cipher=keys.send.suite.value, at_ns=time.monotonic_ns()))

    def _failed(self, call: str, why: str) -> None:
        log.warning("call %s has no keys: %s", call, why)
        self._sink(KeyingFailed(call=call, detail=why, at_ns=time.monotonic_ns()))
