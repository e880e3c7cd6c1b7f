"""Announcements to many and from many: multicast paging, out by an operator's word, in while the loudspeaker is free.

A group that is listened to has a socket on the event loop. The first packet of an announcement that may be heard makes it a stream of the
engine on that very socket; when nothing has come for a while the stream ends, and a new socket listens. Calls come first, unless a group
says otherwise; among groups the lower `priority` number wins. Nothing is sent to a group but what an operator starts, and never for long.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from firmware.config.paging import group_address
from firmware.config.schema import Paging, Settings
from firmware.door import events as door
from firmware.errors import LocalProtocolError, MediaError
from firmware.media import events as media
from firmware.media.multicast import Group, join, open_sender
from firmware.media.session import MediaPort
from firmware.sdp.codec import Codec
from firmware.sdp.codec_list import codec_list
from firmware.sdp.direction import Direction
from firmware.sdp.media_session import MediaSession

if TYPE_CHECKING:
    from firmware.app.sound import SoundSystem

log = logging.getLogger("portero.pages")

NAMES: Final = ("opus", "G722", "PCMA", "PCMU")  # what is understood whatever we speak ourselves
SILENT_AFTER_S: Final = 2.0  # an announcement is over; the core tells whole seconds
JOIN_AGAIN_S: Final = 10.0  # a network that was not there yet
DATAGRAMS_MAX: Final = 16  # looked at in one turn of the loop
RTP_HEADER: Final = 12


class Pages:
    """Belongs to the event loop. `calls` names the streams of calls there are, `busy` says whether one is there or on its way."""

    def __init__(self, settings: Settings, sound: SoundSystem, *, calls: Callable[[], list[str]], busy: Callable[[], bool]) -> None:
        self._network = settings.network
        self._sound = sound
        self._calls = calls
        self._busy = busy
        self._groups = {paging.name: _Group(paging, settings.network.bind) for paging in settings.paging}
        self._active: dict[str, _Group] = {}  # streams, by their names; at most one that is heard
        self._hushed: list[str] = []
        self._closed = False

    def start(self) -> None:
        """Listen, where that is wished."""
        for each in self._groups.values():
            if each.paging.listen:
                self._listen(each)

    def close(self) -> None:
        self._closed = True
        for name in tuple(self._active):
            self._end(name)
        for each in self._groups.values():
            each.close()

    @property
    def states(self) -> dict[str, str]:
        """Of each group: idle, heard or sent."""
        active = {each.paging.name: "sent" if name.startswith("to:") else "heard" for name, each in self._active.items()}
        return {name: active.get(name, "idle") for name in self._groups}

    def send(self, name: str) -> None:
        """Let the microphone be heard by a group. Raises LocalProtocolError when that cannot be now, MediaError when not at all."""
        each = self._groups.get(name)
        if each is None:
            raise LocalProtocolError(f"no group named {name!r}")
        if self._busy() or self._active:
            raise LocalProtocolError("something else is heard or said")
        first, last = self._network.rtp_ports
        # Where we listen as well, our own words would come back, the last of them when we have just ended.
        port = open_sender(each.group, range(first, last + 1), loop=not each.paging.listen, dscp=self._network.dscp_rtp)
        codec = each.codecs[each.paging.codec.upper()]
        self._begin(f"to:{name}", each, port, _session(each, codec, (codec,), Direction.SENDONLY))
        log.info("announcement to %s", name)

    def stop(self, name: str) -> None:
        """End what is sent to the group, or heard from it."""
        for stream, each in tuple(self._active.items()):
            if each.paging.name == name:
                self._end(stream)

    def on_event(self, event: object) -> None:
        """What happens at the door and in the engine."""
        match event:
            case media.StreamSilent(call=call) | media.StreamFault(call=call) if call in self._active:
                self._end(call)
            case door.CallPlaced() | door.CallReceived() | door.Answered():
                self._give_way()
            case _:
                pass

    def _give_way(self) -> None:
        """A call begins."""
        for name, each in tuple(self._active.items()):
            if name.startswith("to:") or not each.paging.over_calls:
                self._end(name)
            else:
                self._hush()

    # --- hearing ------------------------------------------------------------------------------------------------------------

    def _listen(self, each: _Group) -> None:
        try:
            port = join(each.group, dscp=self._network.dscp_rtp)
        except MediaError as error:
            if not each.is_missing:
                log.warning("announcements of %s: %s", each.paging.name, error)
            each.is_missing = True
            each.again = asyncio.get_running_loop().call_later(JOIN_AGAIN_S, self._listen, each)
            return
        each.is_missing = False
        each.listen(port, lambda: self._look(each))

    def _look(self, each: _Group) -> None:
        """Packets have come to a group that is not heard."""
        port = each.port
        if port is None:
            return
        for _ in range(DATAGRAMS_MAX):
            received = port.receive()
            if received is None:
                return
            codec = each.codec_of(received[0])
            if codec is not None and self._may_be_heard(each):
                self._hear(each, port, codec)
                return

    def _may_be_heard(self, each: _Group) -> bool:
        if self._busy() and not each.paging.over_calls:
            return False
        return all(not name.startswith("to:") and each.paging.priority < other.paging.priority for name, other in self._active.items())

    def _hear(self, each: _Group, port: MediaPort, codec: Codec) -> None:
        for name in tuple(self._active):
            self._end(name)
        each.port = None
        heard = (codec, *[other for other in each.codecs.values() if other != codec])
        self._hush()
        try:
            self._begin(f"from:{each.paging.name}", each, port, _session(each, codec, heard, Direction.RECVONLY))
        except MediaError as error:
            log.warning("the announcement of %s cannot be heard: %s", each.paging.name, error)
            port.close()
            self._unhush()
            self._listen(each)
            return
        log.info("announcement of %s", each.paging.name)

    def _hush(self) -> None:
        """Calls that go on are not played meanwhile; the other side still hears the door."""
        for call in self._calls():
            if call not in self._hushed:
                self._sound.engine.hush(call, hushed=True)
                self._hushed.append(call)

    def _unhush(self) -> None:
        living = self._calls()
        for call in self._hushed:
            if call in living:
                self._sound.engine.hush(call, hushed=False)
        self._hushed.clear()

    # --- both ---------------------------------------------------------------------------------------------------------------

    def _begin(self, name: str, each: _Group, port: MediaPort, session: MediaSession) -> None:
        port.hand_over()
        self._sound.engine.start(name, port, session, silent_after_s=SILENT_AFTER_S)
        self._active[name] = each
        each.limit = asyncio.get_running_loop().call_later(each.paging.limit_s, self._end, name)

    def _end(self, name: str) -> None:
        each = self._active.pop(name, None)
        if each is None:
            return
        each.close()
        self._sound.engine.stop(name)
        self._unhush()
        log.info("end of the announcement %s %s", "to" if name.startswith("to:") else "of", each.paging.name)
        if each.paging.listen and not self._closed and each.port is None:
            self._listen(each)


class _Group:
    """One [[paging]] while the station runs."""

    def __init__(self, paging: Paging, bind: str) -> None:
        found = group_address(paging.address)
        assert found is not None, "the configuration was checked"
        host, port = found
        local = bind if (":" in bind) == (":" in host) else ""
        self.paging = paging
        self.group = Group(host, port, paging.interface or "", local)
        self.codecs = {codec.name.upper(): codec for codec in codec_list(NAMES) if codec.is_sound}
        self.codecs["OPUS"] = self.codecs["OPUS"].with_payload_type(paging.payload_type)
        self.port: MediaPort | None = None  # that listens, None: a stream has it, or nobody listens
        self.again: asyncio.TimerHandle | None = None
        self.limit: asyncio.TimerHandle | None = None
        self.is_missing = False

    def codec_of(self, datagram: bytes) -> Codec | None:
        """What an RTP packet is coded in (RFC 3550 §5.1); None when it is none, or in something that we do not understand."""
        if len(datagram) <= RTP_HEADER or datagram[0] >> 6 != 2:
            return None
        return next((codec for codec in self.codecs.values() if codec.payload_type == datagram[1] & 0x7F), None)

    def listen(self, port: MediaPort, look: Callable[[], None]) -> None:
        """Call `look` whenever something came to the port, as long as it is not handed over."""
        loop, number = asyncio.get_running_loop(), port.rtp_fd
        self.port = port
        loop.add_reader(number, look)
        port.keep(lambda: _forget(loop, number))

    def close(self) -> None:
        """Neither wait nor listen."""
        for timer in (self.again, self.limit):
            if timer is not None:
                timer.cancel()
        if self.port is not None:
            self.port.close()
            self.port = None


def _forget(loop: asyncio.AbstractEventLoop, number: int) -> None:
    loop.remove_reader(number)


def _session(each: _Group, codec: Codec, receive: tuple[Codec, ...], direction: Direction) -> MediaSession:
    """What a description would have agreed on. What is heard may come from anybody, so there is no address: the first sender has it."""
    host, port = (each.group.host, each.group.port) if direction.sends else ("0.0.0.0", 0)  # noqa: S104 -- the null address, never bound
    return MediaSession(
        local_port=each.group.port,
        remote_host=host,
        remote_rtp_port=port,
        remote_rtcp_host=host,
        remote_rtcp_port=port,
        codec=codec,
        receive_codecs=receive,
        dtmf_send_payload_type=None,
        dtmf_receive=(),
        direction=direction,
        ptime_ms=20,
    )
