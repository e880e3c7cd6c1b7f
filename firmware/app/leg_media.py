"""The sound and the picture of one leg: its port, what is said of it to the other side, the stream while it runs.

A port is opened before the offer is made and handed to the sound engine with the first agreement; whoever owns it last closes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from firmware.app.leg import Leg
from firmware.media.session import MediaPort
from firmware.sdp.codec import Codec
from firmware.sdp.ice import IceCredentials
from firmware.sdp.media_session import LocalMedia, MediaSession
from firmware.sdp.protection import PLAIN, Protection

if TYPE_CHECKING:  # few doors have a camera
    from firmware.sdp.video_session import LocalVideo


class CallSound(Protocol):
    """What a leg needs of the sound engine; `media.engine.Engine` has it."""

    def start(self, call: str, port: MediaPort, session: MediaSession) -> None: ...
    def update(self, call: str, session: MediaSession, *, relatch: bool = False) -> None: ...
    def stop(self, call: str) -> None: ...
    def confer(self, *, joined: bool) -> None: ...
    def keep_apart(self, call: str, *, apart: bool) -> None: ...


class CallPicture(Protocol):
    """What a leg needs of the camera; `app.pictures.Pictures` has it. Nothing is raised: a picture that is not to be had is no reason."""

    def open(self, leg: str, protection: Protection) -> LocalVideo | None: ...
    def show(self, leg: str, call: str, session: MediaSession) -> None: ...
    def stop(self, leg: str) -> None: ...


class LegMedia:
    """Opens, starts and stops what is heard and seen in legs. Single-threaded: belongs to the event loop."""

    def __init__(
        self,
        *,
        sound: CallSound,
        open_port: Callable[[], MediaPort],
        codecs: tuple[Codec, ...],
        ptime_ms: int,
        session_id: Callable[[], int],
        protection: Callable[[str | None], Protection] = lambda _account: PLAIN,
        rtcp_mux: bool = False,
        rtcp_xr: bool = False,
        ice: Callable[[], IceCredentials | None] = lambda: None,
        ice_lite: bool = True,
        picture: CallPicture | None = None,
    ) -> None:
        """`protection`: how sound may be encrypted in a call through that account, with keys for one leg."""
        self._sound = sound
        self._open_port = open_port
        self._codecs = codecs
        self._ptime_ms = ptime_ms
        self._session_id = session_id
        self._protection = protection
        self._rtcp_mux = rtcp_mux
        self._rtcp_xr = rtcp_xr
        self._ice = ice
        self._ice_lite = ice_lite
        self._picture = picture

    def local(self, leg: Leg) -> LocalMedia:
        """Open the leg's port, and say what we can do there; the same again when it was said before. Raises MediaError."""
        if leg.media is None:
            leg.port = self._open_port()
            protection = self._protection(leg.account)
            leg.media = LocalMedia(
                rtp_port=leg.port.rtp_port,
                codecs=self._codecs,
                ptime_ms=self._ptime_ms,
                session_id=self._session_id(),
                protection=protection,
                rtcp_mux=self._rtcp_mux,
                rtcp_xr=self._rtcp_xr,
                ice=self._ice(),
                ice_lite=self._ice_lite,
                mapped=leg.port.mapped,
                hosts=leg.port.hosts,
                relayed=None if leg.port.relay is None else leg.port.relay.relayed,
                video=None if self._picture is None else self._picture.open(leg.key, protection),
            )
        return leg.media

    def start(self, leg: Leg, session: MediaSession) -> bool:
        """Let the leg be heard and seen; False where nothing of ours listens: an INVITE without offer, an answer of the agent's own.

        Raises MediaError; the port is the leg's then, and goes with it.
        """
        if leg.port is None:
            return False
        self._sound.start(leg.sound, leg.port, session)
        leg.streaming, leg.port = True, None
        self._show(leg, session)
        if leg.apart:
            self._sound.keep_apart(leg.sound, apart=True)
        return True

    def update(self, leg: Leg, session: MediaSession, *, relatch: bool) -> None:
        """Another agreement in a leg that streams. `relatch`: learn the other side's address anew. Raises MediaError."""
        self._sound.update(leg.sound, session, relatch=relatch)
        self._show(leg, session)

    def admit(self, leg: Leg, session: MediaSession) -> None:
        """The leg that was kept apart is heard at the panel, and hears and sees it. Raises MediaError."""
        self._sound.keep_apart(leg.sound, apart=False)
        self._show(leg, session)

    def confer(self, *, joined: bool) -> None:
        """Whether everybody who streams hears everybody."""
        self._sound.confer(joined=joined)

    def silence(self, leg: Leg) -> None:
        """Stop what streams and close what does not yet."""
        if self._picture is not None:
            self._picture.stop(leg.key)
        if leg.streaming:
            leg.streaming = False
            self._sound.stop(leg.sound)
        if leg.port is not None:
            leg.port.close()
            leg.port = None

    def _show(self, leg: Leg, session: MediaSession) -> None:
        if self._picture is not None and not leg.apart:
            self._picture.show(leg.key, leg.sound, session)
