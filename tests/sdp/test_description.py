"""firmware/sdp/description.py: the grammar of RFC 8866, both ways, and what is forgiven."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sdp.description import (
    LINES_MAX,
    MEDIA_MAX,
    SIZE_MAX_BYTES,
    Connection,
    MediaDescription,
    Origin,
    SessionDescription,
    parse,
)
from tests.sdp.strategies import descriptions

CORPUS = Path(__file__).parent.parent / "data" / "sdp"
MINIMAL = b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"


def test_a_description_is_read_into_its_parts() -> None:
    description = parse((CORPUS / "video_first_and_chat.sdp").read_bytes())
    assert description.origin == Origin(username="-", session_id=90, version=1, host="192.0.2.90")
    assert description.name == "Conference"
    assert [letter for letter, _ in description.about] == ["i", "u", "e", "p"]
    assert description.connection == Connection(host="192.0.2.90")
    assert description.bandwidths == ("CT:1024",)
    assert [letter for letter, _ in description.times] == ["t", "r", "z"]
    assert description.attributes == (("recvonly", None),)
    assert [media.kind for media in description.media] == ["video", "audio", "message", "application"]
    video, audio, message, application = description.media
    assert (video.port, video.port_count, video.title) == (50_000, 2, "camera")
    assert audio.formats == ("8", "101")
    assert message.formats == ("*",)
    assert application.protocol == "UDP/DTLS/SCTP"


def test_the_connection_of_a_line_is_its_own_or_else_the_sessions() -> None:
    description = parse((CORPUS / "video_first_and_chat.sdp").read_bytes())
    video, audio = description.media[:2]
    assert description.connection_of(audio) == Connection(host="192.0.2.91")
    assert description.connection_of(video) == Connection(host="192.0.2.90")
    assert parse(MINIMAL + b"m=audio 4 RTP/AVP 0\r\n").connection is None


def test_attributes_are_found_by_name_in_order() -> None:
    media = parse(MINIMAL + b"m=audio 4 RTP/AVP 0\r\na=x:1\r\na=flag\r\na=x:2\r\na=empty:\r\n").media[0]
    assert media.attributes == (("x", "1"), ("flag", None), ("x", "2"), ("empty", ""))
    assert media.attribute("x") == "1"
    assert media.attribute("flag") == ""
    assert media.attribute("absent") is None
    assert media.attribute_values("x") == ("1", "2")


def test_a_session_attribute_is_found_by_name() -> None:
    description = parse(MINIMAL + b"a=tool:thing\r\n")
    assert description.attribute("tool") == "thing"
    assert description.attribute("absent") is None


def test_a_multicast_address_keeps_its_scope_apart() -> None:
    connection = parse((CORPUS / "multicast.sdp").read_bytes()).connection
    assert connection == Connection(host="233.252.0.1", scope="127")
    assert str(connection) == "IN IP4 233.252.0.1/127"


@given(descriptions())
def test_what_is_written_is_read_back_the_same(description: SessionDescription) -> None:
    assert parse(description.to_bytes()) == description


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.sdp")), ids=lambda path: path.stem)
def test_real_descriptions_are_written_byte_for_byte_but_for_what_is_dropped(path: Path) -> None:
    data = path.read_bytes()
    written = parse(data).to_bytes()
    assert parse(written) == parse(data)
    if path.stem != "sloppy":
        kept = [line for line in data.splitlines(keepends=True) if not line.startswith(b"k=")]  # RFC 8866 §5.12: k= must be ignored
        assert sorted(written.splitlines(keepends=True)) == sorted(kept)


def test_a_description_in_the_rfcs_order_is_written_byte_for_byte() -> None:
    for name in ("asterisk", "freeswitch", "fritzbox", "baresip", "linphone_ice_video", "webrtc_browser", "ipv6", "fax_reinvite"):
        data = (CORPUS / f"{name}.sdp").read_bytes()
        assert parse(data).to_bytes() == data


def test_foreign_charsets_pass_through_unharmed() -> None:
    data = MINIMAL.replace(b"s=-", b"s=T\xfcr und T\xf6r")
    assert parse(data).to_bytes() == data


def test_sloppy_writing_is_understood() -> None:
    description = parse((CORPUS / "sloppy.sdp").read_bytes())
    assert description.origin == Origin(username="-", session_id=12_345, version=1, host="192.0.2.99")
    assert description.name == "-"
    assert description.times == (("t", "0 0"),)
    assert description.connection == Connection(host="192.0.2.99")
    audio, video = description.media
    assert audio.port == 6004
    assert ("sendrecv", None) in audio.attributes
    assert video.formats == ()


def test_a_user_name_may_contain_spaces() -> None:
    assert parse(MINIMAL.replace(b"o=-", b"o=My SIP Phone")).origin.username == "My SIP Phone"


def test_a_line_without_formats_is_written_without_a_trailing_space() -> None:
    assert MediaDescription(kind="video", port=0, protocol="RTP/AVP", formats=()).lines() == ["m=video 0 RTP/AVP"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "v=0"),
        (b"\r\n\r\n", "v=0"),
        (b"hello", "no <type>=<value>"),
        (b"v=1\r\no=- 1 2 IN IP4 192.0.2.1\r\n", "v=0"),
        (b"o=- 1 2 IN IP4 192.0.2.1\r\nv=0\r\n", "v=0"),
        (b"m=audio 1 RTP/AVP 0\r\nv=0\r\n", "v=0"),
        (b"v=0\r\ns=-\r\n", "0 o= lines"),
        (b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\no=- 1 2 IN IP4 192.0.2.1\r\n", "2 o= lines"),
        (b"v=0\r\no=- 1 IN IP4\r\n", "six fields"),
        (b"v=0\r\no=- one 2 IN IP4 192.0.2.1\r\n", "session id"),
        (b"v=0\r\no=- 1 -2 IN IP4 192.0.2.1\r\n", "session version"),
        (b"v=0\r\no=- 1 18446744073709551616 IN IP4 192.0.2.1\r\n", "session version"),
        (b"v=0\r\no=- 1 " + b"9" * 5000 + b" IN IP4 192.0.2.1\r\n", "session version"),
        ("v=0\r\no=- ١ 2 IN IP4 192.0.2.1\r\n".encode(), "session id"),
        (MINIMAL + b"c=IN IP4\r\n", "three fields"),
        (MINIMAL + b"c=IN IP4 /127\r\n", "without an address"),
        (MINIMAL + b"m=audio\r\n", "a kind, a port"),
        (MINIMAL + b"m=audio 65536 RTP/AVP 0\r\n", "port"),
        (MINIMAL + b"m=audio -1 RTP/AVP 0\r\n", "port"),
        (MINIMAL + b"m=audio 1/x RTP/AVP 0\r\n", "number of ports"),
        (MINIMAL + b"m=audio 1/ RTP/AVP 0\r\n", "number of ports"),
        (MINIMAL + b"a\r\n", "no <type>=<value>"),
        (MINIMAL + b"=a\r\n", "no <type>=<value>"),
        (MINIMAL + b"1=a\r\n", "no <type>=<value>"),
        (MINIMAL + b"s=a\rb\r\n", "no <type>=<value>"),
        (MINIMAL + b"s=a\0b\r\n", "no <type>=<value>"),
    ],
)
def test_nonsense_is_refused_with_a_reason(data: bytes, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why) as caught:
        parse(data)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "data",
    [
        MINIMAL + b"a=x\r\n" * (SIZE_MAX_BYTES // 5),
        MINIMAL + b"a=\n" * LINES_MAX,
        MINIMAL + b"m=audio 0 RTP/AVP 0\r\n" * (MEDIA_MAX + 1),
    ],
    ids=["bytes", "lines", "media"],
)
def test_what_exceeds_a_limit_is_refused_as_too_large(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse(data)
    assert caught.value.status == 413


def test_the_limits_themselves_are_allowed() -> None:
    assert len(parse(MINIMAL + b"m=audio 0 RTP/AVP 0\r\n" * MEDIA_MAX).media) == MEDIA_MAX
    lines = MINIMAL + b"a=\n" * (LINES_MAX - MINIMAL.count(b"\n") - 1)
    assert len(parse(lines).attributes) == LINES_MAX - MINIMAL.count(b"\n") - 1
    full = MINIMAL + b"a=" + b"x" * (SIZE_MAX_BYTES - len(MINIMAL) - 2)
    assert len(full) == SIZE_MAX_BYTES
    assert parse(full).attributes[0][0].startswith("xxx")


@given(st.binary(max_size=200) | st.builds(lambda tail: MINIMAL + tail, st.binary(max_size=200)))
def test_arbitrary_bytes_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        description = parse(data)
    except RemoteProtocolError:
        return
    assert parse(description.to_bytes()) == description
