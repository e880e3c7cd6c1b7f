"""Fuzz the STUN that comes in beside SIP, and what a TURN server says."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["firmware"]):
    from firmware.stun.allocation import PEERS_MAX, Allocation, Send
    from firmware.stun.binding import binding_request, parse_response
    from firmware.stun.message import HEADER, MAGIC_COOKIE, attribute, is_stun, message
    from firmware.stun.turn import ALLOCATE, CHANNEL_BIND, ERROR, NONCE, REALM, REFRESH, SUCCESS, Login

from tests.fuzz.runner import run

ID = bytes(range(12))
SEEDS = (
    binding_request(ID),
    b"\x01\x01\x00\x0c" + MAGIC_COOKIE.to_bytes(4, "big") + ID + bytes.fromhex("002000080001a147e112a643"),
    b"\x01\x11\x00\x08" + MAGIC_COOKIE.to_bytes(4, "big") + ID + bytes.fromhex("0009000400000414"),
)


def one_input(data: bytes) -> None:
    """The bytes as they are, and as the attributes of an answer that is else in order."""
    parse_response(data)
    body = data[: len(data) & ~3]
    answer = HEADER.pack(0x0101, len(body) & 0xFFFF, MAGIC_COOKIE, ID) + body
    converse(data)
    response = parse_response(answer)
    assert response is None or (is_stun(answer) and response.transaction_id == ID)


def converse(data: bytes) -> None:
    """A script for a client of TURN: each piece is a datagram, or the attributes of a response to it that is signed as it should be."""
    login = Login("door", "secret")
    allocation = Allocation(login, transaction_id=lambda: ID)
    allocation.start(0.0)
    challenge = message(ALLOCATE | ERROR, ID, b"\x00\x09\x00\x04\x00\x00\x04\x01", attribute(REALM, b"r"), attribute(NONCE, b"n"))
    allocation.receive(challenge, 0.0)
    key = login._replace(realm=b"r", nonce=b"n").key
    now, at = 0.0, 0
    while at + 2 < len(data):
        kind, length = data[at], data[at + 1]
        piece = data[at + 2 : at + 2 + length]
        if kind & 1:
            allocation.receive(piece, now)
        else:
            method = (ALLOCATE, REFRESH, CHANNEL_BIND)[kind % 3] | (ERROR if kind & 2 else SUCCESS)
            allocation.receive(message(method, ID, piece + bytes(-len(piece) % 4), password=key), now)
        allocation.permit((f"192.0.2.{kind}", 4000), now)
        allocation.send(piece, (f"192.0.2.{kind}", 4000))
        assert len(allocation.take_effects()) <= 8
        assert len(allocation._channels) <= PEERS_MAX
        assert len(allocation._requests) <= PEERS_MAX + 2
        now, at = now + 0.1, at + 2 + length
    for _ in range(200):
        deadline = allocation.next_deadline()
        if deadline is None:
            break
        allocation.handle_timer(max(deadline, now))
        effects = allocation.take_effects()
        assert all(len(each.datagram) <= 2000 for each in effects if isinstance(each, Send))
        later = allocation.next_deadline()
        assert later is None or later > deadline or effects, "the timer makes progress"
    allocation.close(now)
    allocation.take_effects()
    assert allocation.next_deadline() is None


def main() -> None:
    """Run the fuzzer."""
    run("stun", one_input, list(SEEDS))


if __name__ == "__main__":
    main()
