"""Fuzz what eats pictures and what eats reports: a stream of H.264 cut anywhere gives the same pictures, and each survives its packets.

The first byte of an input says where the rest is cut, and whether it is a report.
"""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["hw", "firmware"]):
    from firmware.media.h264_payload import payloads
    from firmware.media.picture_reports import wants_key_picture
    from hw.decode.annex_b import UNITS_MAX, AnnexB

from tests.fuzz.runner import DATA, run
from tests.media.h264_receiver import received

SSRC = 0x01020304
STREAM = (DATA / "camera" / "door.h264").read_bytes()
SEEDS = (
    *(bytes((cut,)) + STREAM[:6000] for cut in (2, 40, 254)),
    b"\x02\x00\x00\x01\x67\x42\x00\x00\x01\x68\xce\x00\x00\x01\x65\x88\x00\x00\x01\x41\x9a\x00\x00\x01\x41\x9a",
    b"\x01\x81\xce\x00\x02" + bytes(4) + SSRC.to_bytes(4, "big"),
    b"\x01\x84\xce\x00\x04" + bytes(8) + SSRC.to_bytes(4, "big") + bytes(4),
)


def one_input(data: bytes) -> None:
    """A report, or a stream."""
    if not data:
        return
    cut, data = data[0], data[1:]
    if cut & 1:
        wants_key_picture(data, SSRC)
        return
    whole, pieces = AnnexB(), AnnexB()
    step = 1 + cut // 2
    pictures = whole.feed(data, 0)
    assert tuple(picture for at in range(0, len(data), step) for picture in pieces.feed(data[at : at + step], 0)) == pictures
    for picture in pictures:
        assert 0 < len(picture.units) <= UNITS_MAX
        # A type above 23 is no NAL unit that an encoder makes: receivers take it for a packet of many.
        assert all(0 < unit[0] & 0x1F < 24 for unit in picture.units)
        for mode in (0, 1):
            sent = payloads(picture.units, mode=mode, bytes_max=64)
            assert received(sent) == list(picture.units)
            assert mode == 0 or all(len(payload) <= 64 for payload in sent)


def main() -> None:
    """Run the fuzzer."""
    run("h264", one_input, SEEDS)


if __name__ == "__main__":
    main()
