"""A TURN server as a function of datagrams, for one client; what it passes on and what it holds can be looked at."""

from __future__ import annotations

from firmware.stun.attributes import USERNAME, Address, address_in, error_code, xor_address, xor_mapped_address
from firmware.stun.message import attribute, is_authentic, message, parse
from firmware.stun.turn import (
    ALLOCATE,
    CHANNEL_BIND,
    CHANNEL_NUMBER,
    DATA,
    DATA_INDICATION,
    ERROR,
    NONCE,
    REALM,
    REFRESH,
    REQUESTED_TRANSPORT,
    SUCCESS,
    XOR_PEER_ADDRESS,
    XOR_RELAYED_ADDRESS,
    Login,
    channel_data,
    lifetime,
    lifetime_in,
    read_relayed,
)

RELAYED: Address = ("198.51.100.200", 50_000)
MAPPED: Address = ("198.51.100.7", 40_000)
LOGIN = Login("door", "open sesame")


class TurnServer:
    """Knows LOGIN, and grants `granted_s`."""

    def __init__(self, *, granted_s: int = 600) -> None:
        self.granted_s = granted_s
        self.nonce = b"nonce-1"
        self.refuses = 0  # a status that is said to whoever has the right password
        self.held_s = 0  # what the allocation was last granted
        self.channels: dict[int, Address] = {}
        self.passed_on: list[tuple[Address, bytes]] = []
        self.asked: list[int] = []

    def handle(self, datagram: bytes) -> list[bytes]:
        """What the client hears."""
        relayed = read_relayed(datagram)
        if relayed is not None:
            assert relayed.channel is not None, "this client sends through channels alone"
            self.passed_on.append((self.channels[relayed.channel], relayed.data))
            return []
        read = parse(datagram)
        assert read is not None
        self.asked.append(read.kind)
        key, attributes = read.transaction_id, read.attributes
        login = LOGIN._replace(realm=b"house", nonce=self.nonce)
        challenge = (attribute(REALM, b"house"), attribute(NONCE, self.nonce))
        if read.integrity_at is None:
            return [message(read.kind | ERROR, key, error_code(401), *challenge)]
        if attributes[NONCE] != self.nonce:
            return [message(read.kind | ERROR, key, error_code(438), *challenge)]
        if attributes[USERNAME] != b"door" or not is_authentic(datagram, read, login.key):
            return [message(read.kind | ERROR, key, error_code(401), *challenge)]
        if self.refuses:
            return [message(read.kind | ERROR, key, error_code(self.refuses), password=login.key)]
        more: tuple[bytes, ...] = ()
        match read.kind:
            case 3:
                assert read.kind == ALLOCATE
                assert attributes[REQUESTED_TRANSPORT] == bytes((17, 0, 0, 0))
                self.held_s = self.granted_s
                relayed_at = xor_address(XOR_RELAYED_ADDRESS, RELAYED, key)
                more = (relayed_at, xor_mapped_address(MAPPED, key), lifetime(self.granted_s))
            case 4:
                assert read.kind == REFRESH
                self.held_s = min(lifetime_in(attributes), self.granted_s)
                more = (lifetime(self.held_s),)
            case kind:
                assert kind == CHANNEL_BIND
                peer = address_in(attributes, XOR_PEER_ADDRESS, key)
                assert peer is not None
                self.channels[int.from_bytes(attributes[CHANNEL_NUMBER][:2], "big")] = peer
        return [message(read.kind | SUCCESS, key, *more, password=login.key)]

    def from_peer(self, peer: Address, data: bytes) -> bytes:
        """What the client hears when `peer` sends to the relayed address: through its channel, else as an indication."""
        number = next((number for number, known in self.channels.items() if known == peer), None)
        if number is not None:
            return channel_data(number, data)
        key = bytes(12)
        return message(DATA_INDICATION, key, xor_address(XOR_PEER_ADDRESS, peer, key), attribute(DATA, data))
