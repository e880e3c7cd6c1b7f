"""Where a stream goes when both sides do ICE (RFC 8445): the shell around `firmware.ice`, one path for the sound of each call, and one for
a picture that has a way of its own.

Lite, the other side checks whether it reaches us and nominates a way: there is nothing to do but to answer and to follow. Full, an agent of
ours checks as well; it begins with the stream, because who runs that reads the port, and passes on what is no media.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from firmware.ids import SystemIds
from firmware.media.core_values import RELAYED
from firmware.media.events import ConsentLost, MediaSink
from firmware.media.session import MediaPort
from firmware.sdp.address import is_null
from firmware.sdp.ice import IceCredentials, IceSession

if TYPE_CHECKING:  # a lite station does not load it, and few doors have a camera
    from firmware.ice.agent import Effect, IceAgent
    from firmware.sdp.media_session import MediaSession
    from firmware.sdp.video_session import VideoSession

log = logging.getLogger("portero.paths")

Address = tuple[str, int]
Session = TypeVar("Session", "MediaSession", "VideoSession")
Follow = Callable[[Address], None]  # the stream goes there from now on
THE_RELAY: Address = (RELAYED, 0)
NOWHERE: Address = ("0.0.0.0", 9)  # noqa: S104  # RFC 3264 §8.4: the null address, to which nothing is sent


class Paths(Generic[Session]):
    """Belongs to the event loop."""

    def __init__(self, move: Callable[[str, Session], None], sink: MediaSink, *, what: str = "sound") -> None:
        """`move` lets a call's stream send elsewhere; `sink` hears when it may send nowhere any more; `what` goes there, for the log."""
        self._move: Callable[[str, Session], None] = move
        self._sink = sink
        self._what = what
        self._paths: dict[str, _Path[Session]] = {}

    def start(self, call: str, port: MediaPort, session: Session) -> None:
        """A stream begins."""
        if session.ice is not None:
            self._begin(call, port, session, session.ice)

    def where(self, call: str) -> tuple[MediaPort, Address] | None:
        """The port of a call, and where its stream goes; None: nowhere, or there is no path."""
        path = self._paths.get(call)
        if path is None:
            return None
        remote = path.remote or (path.session.remote_host, path.session.remote_rtp_port)
        return None if is_null(remote[0]) else (path.port, remote)

    def placed(self, call: str, session: Session) -> Session:
        """A further offer and answer: what was agreed still counts, unless one side begins anew with other credentials (RFC 8445 §9)."""
        path = self._paths.get(call)
        if path is None or session.ice is None:
            return session
        if (session.ice.ours, session.ice.theirs) != (path.ice.ours, path.ice.theirs):
            # RFC 8445 §9: until the new checks have found a way, sound takes the old one.
            path.close()
            self._begin(call, path.port, session, session.ice, remote=path.remote)
            path = self._paths[call]
        path.session = session
        return session if path.remote is None else at(session, path.remote)

    def stop(self, call: str) -> None:
        """The stream ends."""
        path = self._paths.pop(call, None)
        if path is not None:
            path.close()

    def receive(self, call: str, datagram: bytes, source: Address) -> None:
        """What looks like STUN came to the stream's port, or through its relay."""
        path = self._paths.get(call)
        if path is None:
            return
        relay = path.port.relay
        if source[0] != RELAYED:
            path.receive(datagram, source)
        elif relay is not None and source == THE_RELAY:
            relay.hear(datagram)
        elif relay is not None and relay.peer(source) is not None:
            path.receive(datagram, source)

    def _begin(self, call: str, port: MediaPort, session: Session, ice: IceSession, *, remote: Address | None = None) -> None:
        kind: type[_Path[Session]] = _Lite if ice.is_lite else _Full
        self._paths[call] = path = kind(call, self._what, port, session, ice, lambda remote: self._follow(call, remote))
        path.remote = remote
        path.begin()

    def _follow(self, call: str, remote: Address) -> None:
        path = self._paths[call]
        if remote != path.remote:
            path.remote = remote
            self._move(call, at(path.session, remote))
        if remote == NOWHERE:
            self._sink(ConsentLost(call=call, at_ns=time.monotonic_ns()))


class _Path(Generic[Session]):
    """What both kinds have. `remote` is where the stream goes, None: where the description says."""

    def __init__(self, call: str, what: str, port: MediaPort, session: Session, ice: IceSession, follow: Follow) -> None:
        self.call = call
        self.what = what
        self.port = port
        self.session: Session = session
        self.ice = ice
        self.remote: Address | None = None
        self.follow = follow

    def begin(self) -> None: ...
    def receive(self, datagram: bytes, source: Address) -> None: ...
    def close(self) -> None: ...


class _Lite(_Path[Session]):
    def receive(self, datagram: bytes, source: Address) -> None:
        from firmware.ice.lite import judge

        verdict = judge(datagram, source, self.ice)
        if verdict.answer:
            self.port.send(verdict.answer, source)
        if verdict.nominated:
            self.follow(source)


class _Full(_Path[Session]):
    def begin(self) -> None:
        from firmware.ice.agent import IceAgent

        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._agent: IceAgent = IceAgent(
            self.ice,
            transaction_id=lambda: os.urandom(12),
            tie_breaker=_tie_breakers(self.ice.ours),
            chance=SystemIds().fraction,
            relay=self.port.relay,
        )
        self._agent.start(self._loop.time())
        self._carry_out()

    def receive(self, datagram: bytes, source: Address) -> None:
        self._agent.receive(datagram, source, self._loop.time())
        self._carry_out()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _fire(self) -> None:
        self._agent.handle_timer(self._loop.time())
        self._carry_out()

    def _carry_out(self) -> None:
        for effect in self._agent.take_effects():
            self._do(effect)
        self.close()
        deadline = self._agent.next_deadline()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._fire)

    def _do(self, effect: Effect) -> None:
        from firmware.ice.agent import NoConsent, NoWay, Send, Use

        match effect:
            case Send(datagram, to):
                self.port.send(datagram, to)
            case Use(remote, is_final):
                if is_final and (selected := self._agent.selected) is not None:
                    how = "through the relay to" if remote[0] == RELAYED else "to"
                    where = (how, selected.host, selected.port, selected.kind.value)
                    log.info("call %s: %s goes %s %s port %d (%s)", self.call, self.what, *where)
                self.follow(remote)
            case NoConsent():
                log.warning("call %s: the other side does not show any more that it wants our %s", self.call, self.what)
                self.follow(NOWHERE)
            case NoWay():
                why = "none of the addresses of the other side can be reached"
                log.warning("call %s: %s; %s goes where its description says", self.call, why, self.what)


def _tie_breakers(ours: IceCredentials) -> Callable[[], int]:
    """RFC 8445 §16.1: 64 bits that nobody can guess, first the same for every stream of a call, whose role is one (§6.1.1); then others."""
    import hmac  # has been loaded for the checks themselves

    first = [int.from_bytes(hmac.digest(ours.pwd.encode(), b"tie-breaker", "sha256")[:8], "big")]
    return lambda: first.pop() if first else int.from_bytes(os.urandom(8), "big")


def at(session: Session, address: Address) -> Session:
    """The session with the stream and its reports going to `address`: with ICE they share a port."""
    host, port = address
    return session._replace(remote_host=host, remote_rtp_port=port, remote_rtcp_host=host, remote_rtcp_port=port)
