"""firmware/sdp/brief.py: fewer octets, the same meaning."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.sdp.brief import brief
from firmware.sdp.codec import codecs_of
from firmware.sdp.description import parse
from firmware.sdp.direction import Direction, stated_direction
from firmware.sdp.h264 import parse_h264

HEAD = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
SOUND = b"m=audio 4000 RTP/AVP 96 9 8 0 101 102\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 maxplaybackrate=16000;useinbandfec=1\r\n"
STATIC = b"a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
DIGITS = b"a=rtpmap:101 telephone-event/8000\r\na=rtpmap:102 telephone-event/48000\r\n"
PICTURE = b"m=video 4002 RTP/AVP 105 106\r\na=rtpmap:105 H264/90000\r\na=fmtp:105 profile-level-id=42e016;packetization-mode=1\r\n"
SECOND = b"a=rtpmap:106 H264/90000\r\na=fmtp:106 profile-level-id=42e016"
ALL = HEAD + SOUND + STATIC + DIGITS + b"a=fmtp:101 0-15\r\na=fmtp:102 0-15\r\na=ptime:20\r\na=sendrecv\r\n" + PICTURE + SECOND


def test_what_the_reader_knows_anyway_is_left_out() -> None:
    full = parse(ALL.replace(b"16000;", b"16000;sprop-maxcapturerate=16000;") + b";packetization-mode=0\r\na=sendonly\r\n")
    short = brief(full)
    assert short.to_bytes() == HEAD + SOUND + DIGITS + PICTURE + SECOND + b"\r\na=sendonly\r\n"
    said, left = full.media[0], short.media[0]
    assert [(codec.name, codec.clock_rate_hz, codec.events()) for codec in codecs_of(left)] == [
        (codec.name, codec.clock_rate_hz, codec.events()) for codec in codecs_of(said)
    ]
    assert stated_direction(short, left) is stated_direction(full, said) is Direction.SENDRECV
    formats = [parse_h264((media.attribute_values("fmtp")[1]).partition(" ")[2]) for media in (full.media[1], short.media[1])]
    assert formats[0] == formats[1]
    assert formats[0] is not None
    assert formats[0].packetization_mode == 0


@pytest.mark.parametrize(
    "kept",
    [
        b"a=sendonly\r\nm=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=sendrecv\r\n",  # it says otherwise than the session
        # Not what the number stands for, or not by itself.
        b"m=audio 4000 RTP/AVP 9 10\r\na=ptime:30\r\na=rtpmap:9 G722/16000\r\na=rtpmap:10 L16/44100/2\r\n",
        b"m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n",
        b"m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 red/8000\r\na=fmtp:96 0-15\r\n",
        b"m=video 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n",
    ],
)
def test_what_says_something_else_stays(kept: bytes) -> None:
    assert brief(parse(HEAD + kept)).to_bytes() == HEAD + kept


@pytest.mark.parametrize("file", sorted((Path(__file__).parent.parent / "data" / "sdp").glob("*.sdp")), ids=lambda file: file.stem)
def test_whatever_a_peer_says_means_the_same_when_it_is_said_briefly(file: Path) -> None:
    full = parse(file.read_bytes())
    short = parse(brief(full).to_bytes())
    assert len(short.to_bytes()) <= len(full.to_bytes())
    for said, left in zip(full.media, short.media, strict=True):
        assert stated_direction(short, left) is stated_direction(full, said)
        assert (left.kind, left.port, left.protocol, left.formats) == (said.kind, said.port, said.protocol, said.formats)
        for one, other in zip(codecs_of(said), codecs_of(left), strict=True):
            assert one.same_encoding(other)
            assert one.payload_type == other.payload_type
            assert not one.is_telephone_event or one.events() == other.events()
