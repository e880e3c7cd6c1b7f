"""Fuzz the STUN that comes in beside SIP."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["firmware"]):
    from firmware.stun.binding import binding_request, parse_response
    from firmware.stun.message import HEADER, MAGIC_COOKIE, is_stun

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
    response = parse_response(answer)
    assert response is None or (is_stun(answer) and response.transaction_id == ID)


def main() -> None:
    """Run the fuzzer."""
    run("stun", one_input, list(SEEDS))


if __name__ == "__main__":
    main()
