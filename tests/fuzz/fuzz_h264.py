"""Fuzz what eats pictures, reports and players' words: a stream cut anywhere gives the same pictures, and each survives its packets.

The first byte of an input says where the rest is cut, and whether it is a report, or a player's.
"""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["hw", "firmware"]):
    from firmware.errors import RemoteProtocolError
    from firmware.media.h264_payload import payloads
    from firmware.media.picture_reports import wants_key_picture
    from firmware.outlets.rtsp.conversation import Conversation, Deed
    from firmware.outlets.rtsp.message import Request, take
    from firmware.outlets.rtsp.proof import Watchword
    from hw.decode.annex_b import UNITS_MAX, AnnexB

from tests.fuzz.runner import DATA, run
from tests.media.h264_receiver import received

SSRC = 0x01020304
STREAM = (DATA / "camera" / "door.h264").read_bytes()
SEEDS = (
    *(bytes((cut,)) + STREAM[:6000] for cut in (2, 40, 254)),
    b"\x02\x00\x00\x01\x67\x42\x00\x00\x01\x68\xce\x00\x00\x01\x65\x88\x00\x00\x01\x41\x9a\x00\x00\x01\x41\x9a",
    b"\x01\x81\xce\x00\x02" + bytes(4) + SSRC.to_bytes(4, "big"),
    b"\x01SETUP rtsp://door/ RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Digest a=b\r\n\r\n$\x01\x00\x01a",
    b"\x01\x84\xce\x00\x04" + bytes(8) + SSRC.to_bytes(4, "big") + bytes(4),
)


def one_input(data: bytes) -> None:
    """A report, or a stream."""
    if not data:
        return
    cut, data = data[0], data[1:]
    if cut & 1:
        wants_key_picture(data, SSRC)
        one_player(data)
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


def one_player(data: bytes) -> None:
    """What comes to the RTSP port, until it is refused."""
    door = Conversation(Watchword("door", "secret"), nonce="n", session="s", description="v=0\r\n")
    buffer = bytearray(data)
    try:
        while (taken := take(buffer)) is not None:
            if isinstance(taken, Request):
                answer = door.answer(taken)
                assert answer.octets.startswith(b"RTSP/1.0 ")
                assert answer.deed is not Deed.PLAY, "nobody knows the password"
                if answer.deed is Deed.END:
                    return
    except RemoteProtocolError:
        return


def main() -> None:
    """Run the fuzzer."""
    run("h264", one_input, SEEDS)


if __name__ == "__main__":
    main()
