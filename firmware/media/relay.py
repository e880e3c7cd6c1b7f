"""A relay for the sound of one call (RFC 8656): to the stream it is a few more addresses, the channels that lead to the other sides.

While it is kept ready the event loop reads its socket. With the stream the media core takes over: sound goes into channels and comes out of
them on the audio thread, like sound that needs no relay. What the core cannot know (the server's answers, checks and handshakes that came
through a channel) it keeps apart, and it arrives here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Protocol

from firmware.media.core_values import RELAYED
from firmware.stun.allocation import Allocated, Allocation, Failed, Received, Send
from firmware.stun.message import TRANSACTION_ID_BYTES
from firmware.stun.turn import Login

Address = tuple[str, int]


class User(Protocol):
    """Who has a way to the server; hears of it on the event loop."""

    def opened(self) -> None:
        """The server can be asked."""
        ...

    def hear(self, datagram: bytes) -> None:
        """One message came from it."""
        ...

    def lost(self, why: str) -> None:
        """It cannot be asked, or not any more."""
        ...


class Way(Protocol):
    """To the server, and back."""

    @property
    def is_reliable(self) -> bool:
        """Whether what is sent arrives as long as nothing is told to be lost."""
        ...

    @property
    def fd(self) -> int:
        """The UDP socket by which the core sends and hears ChannelData; -1 once closed."""
        ...

    def begin(self) -> None:
        """Look for the server, and tell the user when it can be asked."""
        ...

    def send(self, datagram: bytes) -> None:
        """One message to the server. What cannot be sent is lost."""
        ...

    def hand_over(self) -> None:
        """The core reads `fd` from now on."""
        ...

    def close(self) -> None: ...


class Relay:
    """Belongs to the event loop, but for `close`."""

    def __init__(self, login: Login, open_way: Callable[[User], Way], *, told: Callable[[Relay, str], None]) -> None:
        """`told` hears '' when there is an address, else why there is none (any more). Raises OSError without a way to the server."""
        self.relayed: Address | None = None
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._heard: Callable[[bytes, Address], None] | None = None  # None while the relay is only kept ready
        self._timer: asyncio.TimerHandle | None = None
        self._is_open = True
        self._way = open_way(self)
        self._allocation = Allocation(login, transaction_id=lambda: os.urandom(TRANSACTION_ID_BYTES), is_reliable=self._way.is_reliable)
        self._way.begin()

    @property
    def fd(self) -> int:
        """The socket for the core, connected to the server; -1 once closed."""
        return self._way.fd

    @property
    def is_reliable(self) -> bool:
        """Whether it is reached over a connection, whose queue is short, for sound alone."""
        return self._way.is_reliable

    def serve(self, heard: Callable[[bytes, Address], None]) -> None:
        """A stream begins, and the core reads the socket. `heard` gets what somebody sends whose channel does not stand yet."""
        self._heard = heard
        self._way.hand_over()

    def entrance(self, peer: Address) -> Address | None:
        """Where the stream sends what shall reach `peer`, and from where it comes; None: it leads there no more, or to too many."""
        if self.relayed is None:
            return None
        number = self._allocation.permit(peer, self._loop.time())
        self._carry_out()
        return None if number is None else (RELAYED, number)

    def peer(self, source: Address) -> Address | None:
        """Who is behind an entrance, None when nobody is."""
        return self._allocation.peer(source[1]) if source[0] == RELAYED else None

    def send(self, datagram: bytes, entrance: Address) -> None:
        """Send what is no sound to whoever is behind the entrance."""
        peer = self.peer(entrance)
        if peer is not None:
            self._allocation.send(datagram, peer)
            self._carry_out()

    def opened(self) -> None:
        """The way tells that the server can be asked."""
        self._allocation.start(self._loop.time())
        self._carry_out()

    def hear(self, datagram: bytes) -> None:
        """The server has said something: the core kept it apart, or nobody reads but the event loop."""
        if self._is_open:
            self._allocation.receive(datagram, self._loop.time())
            self._carry_out()

    def lost(self, why: str) -> None:
        """The way tells that the server cannot be asked any more."""
        if self._is_open:
            self._allocation.lose(why)
            self._carry_out()

    def close(self) -> None:
        """Give the address back. From any thread; at once from the loop's own."""
        try:
            is_here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_here = False
        if is_here:
            self._close()
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the process with it
            self._loop.call_soon_threadsafe(self._close)

    def _close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        self._allocation.close(self._loop.time())
        self._carry_out()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.relayed = None
        self._way.close()

    def _fire(self) -> None:
        self._allocation.handle_timer(self._loop.time())
        self._carry_out()

    def _carry_out(self) -> None:
        while effects := self._allocation.take_effects():
            for effect in effects:
                match effect:
                    case Send(datagram):
                        self._way.send(datagram)
                    case Received(data, peer):
                        self._bring(data, peer)
                    case Allocated(relayed, _):
                        self.relayed = relayed
                        self._told(self, "")
                    case Failed(reason):
                        self.relayed = None
                        self._told(self, reason)
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._allocation.next_deadline()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._fire)

    def _bring(self, data: bytes, peer: Address) -> None:
        """From `peer`, who may be one that nobody knew of: until its channel stands, some milliseconds later, its sound comes this way."""
        entrance = self.entrance(peer)
        if self._heard is not None and entrance is not None and data:
            self._heard(data, entrance)
