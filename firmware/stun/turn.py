"""What TURN adds to the messages of STUN (RFC 8656): long-term credentials (RFC 8489 §9.2), and data on its way through a relay."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from firmware.hashes import md5
from firmware.stun.attributes import USERNAME, Address, address_in, xor_address
from firmware.stun.message import attribute, parse

ALLOCATE, REFRESH, CHANNEL_BIND = 0x0003, 0x0004, 0x0009  # RFC 8656 §17
DATA_INDICATION: Final = 0x0017
SUCCESS, ERROR = 0x0100, 0x0110  # RFC 8489 §5: the class bits of a response
REALM, NONCE = 0x0014, 0x0015
CHANNEL_NUMBER, LIFETIME, XOR_PEER_ADDRESS, DATA = 0x000C, 0x000D, 0x0012, 0x0013
XOR_RELAYED_ADDRESS, REQUESTED_TRANSPORT = 0x0016, 0x0019
UDP: Final = attribute(REQUESTED_TRANSPORT, bytes((17, 0, 0, 0)))  # §18.7: the protocol number of UDP
CHANNEL_FIRST, CHANNEL_LAST = 0x4000, 0x4FFF  # §12
CHANNEL_DATA: Final = struct.Struct("!HH")  # §12.4: channel number, length


class Login(NamedTuple):
    """Who we are to the server. `realm` and `nonce` are what it said last."""

    username: str
    password: str
    realm: bytes = b""
    nonce: bytes = b""

    @property
    def key(self) -> bytes:
        """RFC 8489 §9.2.2: what signs every request, as servers of RFC 5389 take it, too."""
        return md5(b":".join((self.username.encode(), self.realm, self.password.encode()))).digest()

    def attributes(self) -> tuple[bytes, ...]:
        """RFC 8489 §9.2.5."""
        return attribute(USERNAME, self.username.encode()), attribute(REALM, self.realm), attribute(NONCE, self.nonce)

    def __repr__(self) -> str:
        """Without the password."""
        return f"Login({self.username})"

    def __str__(self) -> str:
        return repr(self)


class Relayed(NamedTuple):
    """What somebody has sent to our relayed address. `peer` or `channel` says who; the other is None."""

    data: bytes
    peer: Address | None = None
    channel: int | None = None


def lifetime(seconds: int) -> bytes:
    """§18.2, as an attribute."""
    return attribute(LIFETIME, seconds.to_bytes(4, "big"))


def lifetime_in(attributes: dict[int, bytes]) -> int:
    """The seconds granted, 0 when it says none."""
    value = attributes.get(LIFETIME, b"")
    return int.from_bytes(value, "big") if len(value) == 4 else 0


def channel_number(number: int) -> bytes:
    """§18.1, as an attribute."""
    return attribute(CHANNEL_NUMBER, number.to_bytes(2, "big") + bytes(2))


def peer_address(peer: Address, transaction_id: bytes) -> bytes:
    """§18.3, as an attribute."""
    return xor_address(XOR_PEER_ADDRESS, peer, transaction_id)


def channel_data(number: int, data: bytes) -> bytes:
    """§12.4: over UDP it needs no padding."""
    return CHANNEL_DATA.pack(number, len(data)) + data


def read_relayed(datagram: bytes) -> Relayed | None:
    """ChannelData (§12.6) or a Data indication (§11.4); None for anything else."""
    if len(datagram) >= CHANNEL_DATA.size and datagram[0] >> 4 == CHANNEL_FIRST >> 12:
        number, length = CHANNEL_DATA.unpack_from(datagram)
        data = datagram[CHANNEL_DATA.size : CHANNEL_DATA.size + length]
        return Relayed(data, channel=number) if len(data) == length else None
    read = parse(datagram)
    if read is None or read.kind != DATA_INDICATION or DATA not in read.attributes:
        return None
    peer = address_in(read.attributes, XOR_PEER_ADDRESS, read.transaction_id)
    return None if peer is None else Relayed(read.attributes[DATA], peer=peer)
