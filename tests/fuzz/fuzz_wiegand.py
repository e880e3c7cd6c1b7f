"""Fuzz Wiegand wires and key matrices. Each byte of an input is a pulse (its wire and the time since the one before), or a scan."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["hw"]):
    from hw.decode.keypad import MatrixKeypad, is_ghostly
    from hw.decode.sighting import Kind, Sighting
    from hw.decode.wiegand import CHECKED_BITS, PULSES_MAX, RAW_BITS_MIN, Wiegand

from tests.fuzz.runner import run

MS = 1_000_000
GAP_NS = 50 * MS
# The upper seven bits of a byte choose the pause: from a glitch to the end of a frame.
PAUSES_NS = (0, MS // 20, MS // 10, MS, 2 * MS, 20 * MS, GAP_NS - 1, GAP_NS)
KEYS = ("123A", "456B", "789C", "*0#D")
CARD = "00110001011100011000010000"
SEEDS = (
    bytes((3 << 1) | int(bit) for bit in CARD),
    bytes((3 << 1) | int(bit) for bit in "0101") + bytes(((7 << 1) | 1,)) + bytes((3 << 1) | int(bit) for bit in "011"),
    b"\x06" * 200,
    bytes((0x11, 0x11, 0x11, 0x11, 0x00, 0x00, 0x00, 0x00)),
)


def one_input(data: bytes) -> None:
    """The bytes as pulses, then as scans."""
    pulses(data)
    scans(data)


def pulses(data: bytes) -> None:
    """Every frame is a key, a card of a length that fits, or broken; the memory is bounded."""
    line = Wiegand(gap_ns=GAP_NS)
    now_ns = 0
    seen: list[Sighting] = []
    for byte in data:
        now_ns += PAUSES_NS[(byte >> 1) % len(PAUSES_NS)]
        seen += line.pulse(byte & 1, now_ns)
        assert len(line._pulses) <= PULSES_MAX + 1
    seen += line.expire(now_ns + GAP_NS)
    assert line.deadline_ns() is None
    digits = {(bits - 2 + 3) // 4 for bits in CHECKED_BITS}
    for sighting in seen:
        if sighting.kind is Kind.CARD and sighting.bits is None:
            assert len(sighting.text) in digits
        elif sighting.kind is Kind.CARD and sighting.bits is not None:
            assert RAW_BITS_MIN <= sighting.bits <= PULSES_MAX
            assert len(sighting.text) == (sighting.bits + 3) // 4


def scans(data: bytes) -> None:
    """Two bytes a scan of sixteen keys: what counts was seen, and ghosts never count."""
    pad = MatrixKeypad(KEYS, debounce_ns=30 * MS)
    for place in range(len(data) // 2):
        cells = int.from_bytes(data[2 * place : 2 * place + 2], "big")
        seen = frozenset((cell // 4, cell % 4) for cell in range(16) if cells >> cell & 1)
        counted = {sighting.text for sighting in pad.scan(seen, place * 10 * MS)}
        assert counted <= {KEYS[row][column] for row, column in seen}
        assert not (counted and is_ghostly(seen))
    for extra in range(5):
        pad.scan(frozenset(), (len(data) + extra) * 30 * MS)
    assert pad.idle


def main() -> None:
    """Run the fuzzer."""
    run("wiegand", one_input, SEEDS)


if __name__ == "__main__":
    main()
