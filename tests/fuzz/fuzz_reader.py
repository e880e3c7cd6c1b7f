"""Fuzz card readers: whatever the line carries and however it is cut, the same cards come out and nothing is kept."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["hw"]):
    from hw.decode.rdm6300 import FRAME_BYTES, Rdm6300, decode_frame

from tests.fuzz.runner import run

CARD = b"\x0262E3086CED08\x03"
SEEDS = (CARD, CARD + CARD.lower(), b"\x0262E3" + CARD, b"\xff\x00" + CARD[:7] + CARD, b"\x02" * 20)


def one_input(data: bytes) -> None:
    """The bytes at once and one by one."""
    whole = Rdm6300(repeat_after_ns=0).feed(data, 0)
    single = Rdm6300(repeat_after_ns=0)
    cards = tuple(card for byte in data for card in single.feed(bytes((byte,)), 0))
    assert cards == whole
    assert len(single._partial) < FRAME_BYTES
    frames = {data[at : at + FRAME_BYTES] for at in range(len(data) - FRAME_BYTES + 1)}
    assert set(whole) <= {decode_frame(frame) for frame in frames}


def main() -> None:
    """Run the fuzzer."""
    run("reader", one_input, SEEDS)


if __name__ == "__main__":
    main()
