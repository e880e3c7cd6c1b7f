"""Fuzz readers that only talk: whatever the line carries and however it is cut, the same comes out and nothing is kept.

The first byte of an input says which reader hears the rest.
"""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["hw"]):
    from hw.decode.keypad import AsciiKeypad
    from hw.decode.rdm6300 import FRAME_BYTES, Rdm6300, decode_frame
    from hw.decode.sighting import Decoder, Kind, Sighting
    from hw.decode.wiegand_serial import LINE_BYTES_MAX, WiegandBridge

from tests.fuzz.runner import DATA, run

CARD = b"\x0262E3086CED08\x03"
HEXADECIMAL = set("0123456789ABCDEF")
KEYS = set("0123456789*#ABCD")
SEEDS = (
    *(b"\x00" + seed for seed in (CARD, CARD + CARD.lower(), b"\x0262E3" + CARD, b"\xff\x00" + CARD[:7] + CARD, b"\x02" * 20)),
    *(b"\x01" + line for line in (DATA / "readers" / "wiegand_bridge.dat").read_bytes().splitlines(keepends=True)),
    b"\x01" + b"6" * 100 + b"\r5\r",
    b"\x02" + b"12*#aD\r\n\x1b",
)


def one_input(data: bytes) -> None:
    """The bytes at once and one by one."""
    if not data:
        return
    which, data = data[0] % 3, data[1:]
    whole: Decoder = (Rdm6300, WiegandBridge, AsciiKeypad)[which]()
    single: Decoder = (Rdm6300, WiegandBridge, AsciiKeypad)[which]()
    seen = whole.feed(data, 0)
    assert tuple(sighting for byte in data for sighting in single.feed(bytes((byte,)), 0)) == seen
    for sighting in seen:
        check(sighting)
    if isinstance(single, Rdm6300):
        assert len(single._partial) < FRAME_BYTES
        frames = {decode_frame(data[at : at + FRAME_BYTES]) for at in range(len(data) - FRAME_BYTES + 1)}
        assert {sighting.text for sighting in seen} <= frames
    if isinstance(single, WiegandBridge):
        assert len(single._line) <= LINE_BYTES_MAX


def check(sighting: Sighting) -> None:
    """A card is a hexadecimal number, a key is one of sixteen."""
    match sighting.kind:
        case Kind.CARD:
            assert 4 <= len(sighting.text) <= 32
            assert set(sighting.text) <= HEXADECIMAL
        case Kind.KEY:
            assert sighting.text in KEYS
        case Kind.BROKEN:
            assert sighting.text
        case Kind.ANSWERS:
            raise AssertionError("nobody was asked")


def main() -> None:
    """Run the fuzzer."""
    run("reader", one_input, SEEDS)


if __name__ == "__main__":
    main()
