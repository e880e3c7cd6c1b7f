"""Fuzz the PN532's line: cut anywhere the same is seen and sent, a deadline is always ahead, nothing is kept."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["hw"]):
    from hw.decode.pn532 import ACK, CHECK_NS, Pn532, frame, split_frames
    from hw.decode.sighting import Kind, Sighting

from tests.fuzz.runner import DATA, run

CONVERSATION = (DATA / "readers" / "pn532_card.dat").read_bytes()
FRAME_BYTES_MAX = 4 + 255 + 1
SEEDS = (CONVERSATION, CONVERSATION[:9], CONVERSATION * 2, ACK, frame(b"\x14\x01"), bytes.fromhex("0000FF01FF7F8100"))


def one_input(data: bytes) -> None:
    """The bytes at once and one by one."""
    whole, single = Pn532(0), Pn532(0)
    seen = whole.feed(data, 0)
    found: list[Sighting] = []
    for byte in data:
        found += single.feed(bytes((byte,)), 0)
        assert len(single._partial) < FRAME_BYTES_MAX
    assert tuple(found) == seen
    assert (whole._step, whole.deadline_ns()) == (single._step, single.deadline_ns())
    assert whole.take_output() == single.take_output()
    assert 0 < whole.deadline_ns() <= CHECK_NS
    for sighting in seen:
        assert sighting.kind is not Kind.CARD or len(sighting.text) in (8, 14, 20)
    for payload in split_frames(data)[0]:
        assert not payload or payload in data


def main() -> None:
    """Run the fuzzer."""
    run("pn532", one_input, SEEDS)


if __name__ == "__main__":
    main()
