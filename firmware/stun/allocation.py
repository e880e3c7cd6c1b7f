"""A client of TURN: an address on a server that passes on what is sent there (RFC 8656), for sides that no packet reaches otherwise.

    start --Allocate--> 401 with realm and nonce --Allocate, signed--> Allocated --Refresh, now and then--> close

Pure: whoever owns the socket to the server passes datagrams and the time in, sends what comes out, and comes back at `next_deadline`.

Every other side gets a channel (§12): that permits it to send, and costs four octets a packet. Deviation: Send indications and permissions
alone (§9, §11) are not used, for a channel does both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from firmware.stun.attributes import Address, address_in, mapped_address, status_of
from firmware.stun.message import Message, is_authentic, message, parse
from firmware.stun.turn import (
    ALLOCATE,
    CHANNEL_BIND,
    CHANNEL_FIRST,
    ERROR,
    NONCE,
    REALM,
    REFRESH,
    SUCCESS,
    UDP,
    XOR_RELAYED_ADDRESS,
    Login,
    channel_data,
    channel_number,
    lifetime,
    lifetime_in,
    peer_address,
    read_relayed,
)

RTO_S: Final = 0.5  # RFC 8489 §6.2.1: the first repetition, then after twice the time …
REQUESTS_MAX: Final = 7  # … so often
RELIABLE_S: Final = 39.5  # RFC 8489 §6.2.2: over a stream a request is sent once, and its answer waited for so long
LIFETIME_S: Final = 600  # RFC 8656 §7.2: the default
MARGIN_S: Final = 60.0  # §8: refresh "about 1 minute" before the end
BIND_EVERY_S: Final = 240.0  # §9: a permission lasts 300 s, a channel 600 s (§12); binding anew refreshes both
PEERS_MAX: Final = 32  # as many ways as an agent of ICE looks at
CHALLENGES_MAX: Final = 3  # of one request: 401, and 438 for a nonce that has just run out
UNAUTHENTICATED, STALE_NONCE = 401, 438


class Send(NamedTuple):
    """A datagram for the server."""

    datagram: bytes


class Allocated(NamedTuple):
    """The server has an address for us; `mapped` is where it sees us."""

    relayed: Address
    mapped: Address | None


class Failed(NamedTuple):
    """There is none, or none any more; `reason` in words. Nothing follows."""

    reason: str


class Received(NamedTuple):
    """`data` came from `peer` through the relay."""

    data: bytes
    peer: Address


Effect = Send | Allocated | Failed | Received


class _Request:
    """One request until it is answered."""

    __slots__ = ("challenges", "datagram", "due_s", "kind", "peer", "seconds", "sent")

    def __init__(self, kind: int, *, peer: Address | None = None, seconds: int = LIFETIME_S) -> None:
        self.kind = kind
        self.peer = peer
        self.seconds = seconds
        self.challenges = 0
        self.datagram = b""
        self.sent = 0
        self.due_s = 0.0


class _Channel:
    """What is kept of one other side."""

    __slots__ = ("bind_at_s", "is_bound", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_bound = False
        self.bind_at_s: float | None = None  # None: a request is on its way


class Allocation:
    """The five verbs of a machine without input and output, and what goes through it."""

    def __init__(self, login: Login, *, transaction_id: Callable[[], bytes], is_reliable: bool = False) -> None:
        """`transaction_id` gives 12 random octets. `is_reliable`: what is sent arrives, or the connection breaks."""
        self._login = login
        self._transaction_id = transaction_id
        self._waits_s = (RELIABLE_S,) if is_reliable else tuple([RTO_S * 2**sent for sent in range(REQUESTS_MAX)])
        self._requests: dict[bytes, _Request] = {}
        self._channels: dict[Address, _Channel] = {}
        self._refresh_at_s: float | None = None  # None: nothing is allocated, or a request is on its way
        self.relayed: Address | None = None
        self._is_over = False
        self._effects: list[Effect] = []

    def start(self, now: float) -> None:
        """Ask for an address."""
        self._ask(_Request(ALLOCATE), now)

    def permit(self, peer: Address, now: float) -> int | None:
        """Let `peer` send to us, and us to it; the number of its channel. None without an address, and for more than PEERS_MAX."""
        if self.relayed is None:
            return None
        channel = self._channels.get(peer)
        if channel is None:
            if len(self._channels) >= PEERS_MAX:
                return None
            channel = self._channels[peer] = _Channel(CHANNEL_FIRST + len(self._channels))
            self._ask(_Request(CHANNEL_BIND, peer=peer), now)
        return channel.number

    def peer(self, number: int) -> Address | None:
        """Who is behind a channel; None when nobody is."""
        return next((peer for peer, each in self._channels.items() if each.number == number), None)

    def send(self, data: bytes, peer: Address) -> None:
        """Pass `data` on to `peer`. Before its channel stands the data is lost, as a relay without permission loses it."""
        channel = self._channels.get(peer)
        if channel is not None and channel.is_bound:
            self._effects.append(Send(channel_data(channel.number, data)))

    def close(self, now: float) -> None:
        """Give the address back (§8: a lifetime of zero). Not repeated: what is lost, its lifetime ends."""
        if self.relayed is not None and not self._is_over:
            self._ask(_Request(REFRESH, seconds=0), now)
        self._end()

    def lose(self, reason: str) -> None:
        """The server is not reached any more."""
        if not self._is_over:
            self._end()
            self._effects.append(Failed(reason))

    def take_effects(self) -> list[Effect]:
        """What is to be done since the last call."""
        effects, self._effects = self._effects, []
        return effects

    def next_deadline(self) -> float | None:
        """When `handle_timer` wants to be called, None never."""
        due = [each.due_s for each in self._requests.values()]
        due += [each.bind_at_s for each in self._channels.values() if each.bind_at_s is not None]
        if self._refresh_at_s is not None:
            due.append(self._refresh_at_s)
        return min(due, default=None)

    def handle_timer(self, now: float) -> None:
        """Repeat and refresh what is due."""
        for key, request in list(self._requests.items()):
            if request.due_s <= now and key in self._requests:
                self._repeat(key, request, now)
        if self._refresh_at_s is not None and self._refresh_at_s <= now:
            self._refresh_at_s = None
            self._ask(_Request(REFRESH), now)
        for peer, channel in self._channels.items():
            if channel.bind_at_s is not None and channel.bind_at_s <= now:
                channel.bind_at_s = None
                self._ask(_Request(CHANNEL_BIND, peer=peer), now)

    def receive(self, datagram: bytes, now: float) -> None:
        """A datagram came from the server. What makes no sense is passed over."""
        relayed = read_relayed(datagram)
        if relayed is not None:
            peer = relayed.peer if relayed.channel is None else self.peer(relayed.channel)
            # §11.4: discarded from an address without a permission of ours; any port of one that has it may send (§9).
            if peer is not None and any(peer[0] == known[0] for known in self._channels):
                self._effects.append(Received(relayed.data, peer))
            return
        read = parse(datagram)
        request = None if read is None else self._requests.get(read.transaction_id)
        if read is None or request is None:
            return
        if read.kind == request.kind | SUCCESS:
            if is_authentic(datagram, read, self._login.key):  # RFC 8489 §9.2.5: else as if it had never come
                del self._requests[read.transaction_id]
                self._granted(request, read, now)
        elif read.kind == request.kind | ERROR:
            del self._requests[read.transaction_id]
            self._refused(request, read, now)

    # --- requests

    def _ask(self, request: _Request, now: float) -> None:
        key = self._transaction_id()
        attributes = [UDP] if request.kind == ALLOCATE else []
        if request.peer is not None:
            attributes += [channel_number(self._channels[request.peer].number), peer_address(request.peer, key)]
        else:
            attributes.append(lifetime(request.seconds))
        is_known = bool(self._login.nonce)
        signed = self._login.attributes() if is_known else ()
        request.datagram = message(request.kind, key, *attributes, *signed, password=self._login.key if is_known else None)
        request.sent = 0
        self._requests[key] = request
        self._repeat(key, request, now)

    def _repeat(self, key: bytes, request: _Request, now: float) -> None:
        if request.sent >= len(self._waits_s):
            del self._requests[key]
            self._lost(request, "it does not answer")
            return
        request.due_s = now + self._waits_s[request.sent]
        request.sent += 1
        self._effects.append(Send(request.datagram))

    def _granted(self, request: _Request, read: Message, now: float) -> None:
        if request.peer is not None:
            channel = self._channels[request.peer]
            channel.is_bound, channel.bind_at_s = True, now + BIND_EVERY_S
            return
        granted_s = float(lifetime_in(read.attributes) or LIFETIME_S)
        self._refresh_at_s = now + max(granted_s - MARGIN_S, granted_s / 2)
        if request.kind == ALLOCATE:
            relayed = address_in(read.attributes, XOR_RELAYED_ADDRESS, read.transaction_id)
            if relayed is None:
                self._lost(request, "it names no address")
                return
            self.relayed = relayed
            self._effects.append(Allocated(relayed, mapped_address(read.attributes, read.transaction_id)))

    def _refused(self, request: _Request, read: Message, now: float) -> None:
        status, attributes = status_of(read.attributes), read.attributes
        is_challenge = status == STALE_NONCE or (status == UNAUTHENTICATED and not self._login.nonce)
        if is_challenge and NONCE in attributes and request.challenges < CHALLENGES_MAX:
            # RFC 8489 §9.2.5: the request again, with what the server has said.
            request.challenges += 1
            self._login = self._login._replace(realm=attributes.get(REALM, self._login.realm), nonce=attributes[NONCE])
            self._ask(request, now)
            return
        why = "the password is not right" if status == UNAUTHENTICATED else f"it refuses with {status}"
        self._lost(request, why)

    def _lost(self, request: _Request, why: str) -> None:
        """Without its channel one other side is not reached; without the address none is."""
        if request.peer is not None:
            self._channels[request.peer].is_bound = False
            return
        self.lose(why)

    def _end(self) -> None:
        self._is_over = True
        self.relayed = self._refresh_at_s = None
        self._requests.clear()
        self._channels.clear()
