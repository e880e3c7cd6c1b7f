"""Where the sound of a call goes when both sides do ICE: the other side checks whether it reaches us, and nominates a way (RFC 8445).

We are a lite agent: the one candidate that we have is the port in our description, so all there is to do is to answer checks from it and to
follow the nomination. That fits a door which the other side can reach, in the house or with a public address. Gathering addresses through a
STUN server, and checks of our own, are not here: a door behind a translator is reached through its server, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from firmware.media.session import MediaPort
from firmware.sdp.ice import IceSession
from firmware.sdp.offer_answer import MediaSession

Address = tuple[str, int]


class _Path(NamedTuple):
    port: MediaPort
    session: MediaSession
    ice: IceSession
    nominated: Address | None = None


class Paths:
    """Belongs to the event loop."""

    def __init__(self, move: Callable[[str, MediaSession], None]) -> None:
        """`move` lets a call's stream send elsewhere."""
        self._move = move
        self._paths: dict[str, _Path] = {}

    def start(self, call: str, port: MediaPort, session: MediaSession) -> None:
        """A stream begins."""
        if session.ice is not None:
            self._paths[call] = _Path(port, session, session.ice)

    def placed(self, call: str, session: MediaSession) -> MediaSession:
        """A further offer and answer: what was nominated still counts, unless the other side begins anew (RFC 8445 §9)."""
        path = self._paths.get(call)
        if path is None or session.ice is None:
            return session
        nominated = path.nominated if session.ice == path.ice else None
        self._paths[call] = path._replace(session=session, ice=session.ice, nominated=nominated)
        return session if nominated is None else at(session, nominated)

    def stop(self, call: str) -> None:
        """The stream ends."""
        self._paths.pop(call, None)

    def receive(self, call: str, datagram: bytes, source: Address) -> None:
        """What looks like STUN came to the stream's port."""
        path = self._paths.get(call)
        if path is None:
            return
        from firmware.media.stun import judge

        verdict = judge(datagram, source, path.ice)
        if verdict.answer:
            path.port.send(verdict.answer, source)
        if verdict.nominated and source != path.nominated:
            self._paths[call] = path._replace(nominated=source)
            self._move(call, at(path.session, source))


def at(session: MediaSession, address: Address) -> MediaSession:
    """The session with sound and reports going to `address`: with ICE they share a port."""
    host, port = address
    return session._replace(remote_host=host, remote_rtp_port=port, remote_rtcp_host=host, remote_rtcp_port=port)
