"""firmware/sdp/video.py: the camera's line beside the sound, as transcripts of offer, answer and what was agreed."""

from __future__ import annotations

import pytest

from firmware.sdp.codec import PCMA, PCMU, TELEPHONE_EVENT
from firmware.sdp.crypto import CryptoLine, SrtpKey, Suite
from firmware.sdp.description import SessionDescription, parse
from firmware.sdp.direction import Direction
from firmware.sdp.fingerprint import Fingerprint
from firmware.sdp.h264 import Picture
from firmware.sdp.media_session import LocalMedia, MediaSession
from firmware.sdp.offer_answer import make_answer, make_offer, read_answer
from firmware.sdp.protection import Encryption, Handshake, Method, Protection
from firmware.sdp.video import why_no_video
from firmware.sdp.video_session import LocalVideo, VideoSession

SUITE = Suite.AES_CM_128_HMAC_SHA1_80
SOUND_KEY, PICTURE_KEY, THEIR_KEY = (SrtpKey(SUITE, bytes([value]) * SUITE.octets) for value in (1, 2, 3))
CAMERA = LocalVideo(rtp_port=4002, picture=Picture(640, 480, 15, 600), keys=(PICTURE_KEY,))
LOCAL = LocalMedia(host="198.51.100.1", rtp_port=4000, codecs=(PCMU, TELEPHONE_EVENT), session_id=7, video=CAMERA)
OURS, THEIRS = Fingerprint("sha-256", bytes(32)), Fingerprint("sha-256", bytes(range(32)))
HANDSHAKE = Protection(encryption=Encryption.MANDATORY, methods=(Method.DTLS,), fingerprint=OURS)
SDES = Protection(encryption=Encryption.OPTIONAL, methods=(Method.SDES,), keys=(SOUND_KEY,))
AUDIO = "m=audio 5000 RTP/AVP 0"
H264 = ("m=video 5002 RTP/AVP 97", "a=rtpmap:97 H264/90000", "a=fmtp:97 profile-level-id=42e01f;packetization-mode=1")


def theirs(*lines: str) -> SessionDescription:
    head = ("v=0", "o=phone 500 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0")
    return parse("\r\n".join((*head, *lines, "")).encode())


def section(description: SessionDescription) -> list[str]:
    """The lines of the video section."""
    lines = description.to_bytes().decode().splitlines()
    return lines[next(place for place, line in enumerate(lines) if line.startswith("m=video")) :]


def answered(*lines: str, local: LocalMedia = LOCAL) -> MediaSession:
    return read_answer(make_offer(local), theirs(*lines), local)


def agreed(session: MediaSession) -> VideoSession:
    assert session.video is not None
    return session.video


# --- our offer --------------------------------------------------------------------------------------------------------


def test_a_camera_offers_its_picture_below_the_sound_sendonly_and_in_both_modes() -> None:
    assert section(make_offer(LOCAL)) == [
        "m=video 4002 RTP/AVP 105 106",
        "b=AS:630",
        "a=rtpmap:105 H264/90000",
        "a=fmtp:105 profile-level-id=42e016;packetization-mode=1",
        "a=rtpmap:106 H264/90000",
        "a=fmtp:106 profile-level-id=42e016;packetization-mode=0",
        "a=rtcp-fb:* nack pli",
        "a=rtcp-fb:* ccm fir",
        "a=sendonly",
    ]


def test_without_a_camera_nothing_is_offered_and_an_offered_picture_is_refused_in_place() -> None:
    deaf = LOCAL._replace(video=None)
    assert [media.kind for media in make_offer(deaf).media] == ["audio"]
    answer, session = make_answer(theirs(AUDIO, *H264), deaf)
    assert [(media.kind, media.port) for media in answer.media] == [("audio", 4000), ("video", 0)]
    assert session.video is None


def test_a_repeated_offer_is_the_same_and_a_hold_stops_the_picture() -> None:
    first = make_offer(LOCAL)
    assert make_offer(LOCAL, previous=first) == first
    held = make_offer(LOCAL, direction=Direction.SENDONLY, previous=first)
    assert [media.port for media in held.media] == [4000, 4002]
    assert section(held)[-1] == "a=inactive"
    assert section(make_offer(LOCAL, previous=held))[-1] == "a=sendonly"


def test_a_further_offer_adds_no_line_that_the_other_side_did_not_have() -> None:
    answer, _ = make_answer(theirs(AUDIO), LOCAL)
    assert [media.kind for media in make_offer(LOCAL, previous=answer).media] == ["audio"]
    refused, _ = make_answer(theirs(AUDIO, "m=video 5002 RTP/AVP 31"), LOCAL)
    assert [media.port for media in make_offer(LOCAL, previous=refused).media] == [4000, 0]


# --- their answer -----------------------------------------------------------------------------------------------------


def test_an_answer_that_takes_the_picture_says_where_to_and_how() -> None:
    session = answered(AUDIO, "m=video 5002 RTP/AVP 105", "a=rtpmap:105 H264/90000", "a=fmtp:105 packetization-mode=1", "a=recvonly")
    assert agreed(session) == VideoSession(
        local_port=4002,
        remote_host="192.0.2.1",
        remote_rtp_port=5002,
        remote_rtcp_host="192.0.2.1",
        remote_rtcp_port=5003,
        payload_type=105,
        packetization_mode=1,
        bitrate_kbps=600,
        sends=True,
    )


def test_an_answer_without_a_mode_wants_single_nal_units() -> None:
    # RFC 6184 §8.1: packetization-mode absent is 0.
    assert agreed(answered(AUDIO, "m=video 5002 RTP/AVP 105", "a=rtpmap:105 H264/90000")).packetization_mode == 0


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_who_does_not_want_to_see_is_sent_nothing(direction: str) -> None:
    assert not agreed(answered(AUDIO, "m=video 5002 RTP/AVP 105", "a=rtpmap:105 H264/90000", f"a={direction}")).sends


@pytest.mark.parametrize(
    "lines",
    [
        (AUDIO, "m=video 0 RTP/AVP 105"),
        (AUDIO,),
        (AUDIO, "m=video 5002 RTP/AVP 97", "a=rtpmap:97 VP8/90000"),
        (AUDIO, "m=video 5002 RTP/AVP 105", "c=IN IP4 224.1.2.3", "a=rtpmap:105 H264/90000"),
        (AUDIO, "m=video 5002 RTP/AVP 105", "a=rtpmap:105 H264/90000", "a=fmtp:105 packetization-mode=2"),
        (AUDIO, "m=video 5002 RTP/AVP 105", "a=rtpmap:105 H264/90000", "a=fmtp:105 profile-level-id=42e00d;packetization-mode=1"),
        (AUDIO, "m=video 5002 RTP/AVP 105", "b=AS:40", "a=rtpmap:105 H264/90000"),
    ],
    ids=["port 0", "no line", "another codec", "a group", "interleaved", "level too low", "too narrow"],
)
def test_a_refused_picture_leaves_the_call_its_sound(lines: tuple[str, ...]) -> None:
    session = answered(*lines)
    assert session.video is None
    assert session.no_picture
    assert session.codec.name == "PCMU"


def test_the_bit_rate_is_what_the_receiver_bears() -> None:
    line = ("m=video 5002 RTP/AVP 105", "b=AS:330", "b=TIAS:250000", "a=rtpmap:105 H264/90000")
    assert agreed(answered(AUDIO, *line)).bitrate_kbps == 250
    assert agreed(answered(AUDIO, line[0], "b=AS:330", line[3])).bitrate_kbps == 300


def test_the_reports_go_where_the_answer_says() -> None:
    line = ("m=video 5002 RTP/AVP 105", "c=IN IP4 192.0.2.9", "a=rtpmap:105 H264/90000", "a=rtcp:6007")
    session = agreed(answered(AUDIO, *line))
    assert (session.remote_host, session.remote_rtcp_host, session.remote_rtcp_port) == ("192.0.2.9", "192.0.2.9", 6007)


def test_both_want_one_port_for_picture_and_reports() -> None:
    line = ("m=video 5002 RTP/AVP 105", "a=rtpmap:105 H264/90000", "a=rtcp-mux")
    assert agreed(answered(AUDIO, *line, local=LOCAL._replace(rtcp_mux=True))).remote_rtcp_port == 5002
    assert agreed(answered(AUDIO, *line)).remote_rtcp_port == 5003


# --- our answer -------------------------------------------------------------------------------------------------------


def test_an_offered_picture_is_answered_with_its_number_profile_and_mode() -> None:
    answer, session = make_answer(theirs(AUDIO, *H264, "a=rtcp-fb:97 nack pli", "a=rtcp-fb:* ccm tmmbr", "a=sendrecv"), LOCAL)
    assert section(answer) == [
        "m=video 4002 RTP/AVP 97",
        "b=AS:630",
        "a=rtpmap:97 H264/90000",
        "a=fmtp:97 profile-level-id=42e016;packetization-mode=1",
        "a=rtcp-fb:97 nack pli",
        "a=sendonly",
    ]
    assert agreed(session).payload_type == 97


def test_of_several_formats_the_one_that_splits_large_frames_is_taken() -> None:
    formats = [
        "m=video 5002 RTP/AVP 96 97 98 99",
        "a=rtpmap:96 VP8/90000",
        *("a=rtpmap:97 H264/90000", "a=fmtp:97 profile-level-id=42e01f"),
        *("a=rtpmap:98 H264/90000", "a=fmtp:98 profile-level-id=64001f;packetization-mode=1"),
        *("a=rtpmap:99 H264/90000", "a=fmtp:99 profile-level-id=42801f;packetization-mode=1"),
    ]
    _, session = make_answer(theirs(AUDIO, *formats), LOCAL)
    assert (agreed(session).payload_type, agreed(session).packetization_mode) == (99, 1)


def test_only_the_first_picture_is_taken() -> None:
    answer, session = make_answer(theirs(*H264, AUDIO, "m=video 6002 RTP/AVP 97", *H264[1:]), LOCAL)
    assert [(media.kind, media.port) for media in answer.media] == [("video", 4002), ("audio", 4000), ("video", 0)]
    assert agreed(session).remote_rtp_port == 5002


@pytest.mark.parametrize("direction", ["a=sendonly", "a=inactive"])
def test_a_held_call_has_no_picture(direction: str) -> None:
    _, session = make_answer(theirs(AUDIO, direction, *H264, "a=recvonly"), LOCAL)
    assert not agreed(session).sends
    _, session = make_answer(theirs(AUDIO, *H264, direction), LOCAL)
    assert not agreed(session).sends


def test_a_call_that_we_hold_has_no_picture_when_the_other_side_offers_anew() -> None:
    _, session = make_answer(theirs(AUDIO, *H264), LOCAL, direction=Direction.SENDONLY)
    assert not agreed(session).sends


def test_a_further_offer_may_add_the_picture_and_take_it_away() -> None:
    first, session = make_answer(theirs(AUDIO), LOCAL)
    assert session.video is None
    second, session = make_answer(theirs(AUDIO, *H264), LOCAL, previous=first)
    assert agreed(session).sends
    assert second.origin.version == first.origin.version + 1
    third, session = make_answer(theirs(AUDIO, "m=video 0 RTP/AVP 97"), LOCAL, previous=second)
    assert [media.port for media in third.media] == [4000, 0]
    assert session.video is None


# --- keys -------------------------------------------------------------------------------------------------------------


def crypto(key: SrtpKey, tag: int = 1) -> str:
    return f"a=crypto:{CryptoLine(tag, key)}"


def test_the_picture_has_keys_of_its_own() -> None:
    secret = LOCAL._replace(protection=SDES)
    assert crypto(PICTURE_KEY) in section(make_offer(secret))
    line = ("m=video 5002 RTP/AVP 105", "a=rtpmap:105 H264/90000")
    session = answered(AUDIO, crypto(THEIR_KEY), *line, crypto(THEIR_KEY), local=secret)
    keys = agreed(session).keys
    assert keys is not None
    assert (keys.send, keys.receive) == (PICTURE_KEY, THEIR_KEY)


def test_beside_encrypted_sound_there_is_no_plain_picture() -> None:
    secret = LOCAL._replace(protection=SDES)
    assert answered(AUDIO, crypto(THEIR_KEY), "m=video 5002 RTP/AVP 105", "a=rtpmap:105 H264/90000", local=secret).video is None
    answer, session = make_answer(theirs(AUDIO, crypto(THEIR_KEY), *H264), secret)
    assert session.video is None
    assert answer.media[1].port == 0


def test_a_secure_offer_is_answered_with_a_key_for_each_line() -> None:
    offer = theirs("m=audio 5000 RTP/SAVP 0", crypto(THEIR_KEY), "m=video 5002 RTP/SAVP 97", *H264[1:], crypto(THEIR_KEY, 5))
    answer, session = make_answer(offer, LOCAL._replace(protection=SDES))
    assert [media.attribute("crypto") for media in answer.media] == [str(CryptoLine(1, SOUND_KEY)), str(CryptoLine(5, PICTURE_KEY))]
    assert agreed(session).keys is not None


def test_mandatory_encryption_offers_the_picture_under_the_secure_profile_or_not_at_all() -> None:
    mandatory = SDES._replace(encryption=Encryption.MANDATORY)
    assert section(make_offer(LOCAL._replace(protection=mandatory)))[0] == "m=video 4002 RTP/SAVP 105 106"
    assert section(make_offer(LOCAL._replace(protection=HANDSHAKE)))[0] == "m=video 4002 UDP/TLS/RTP/SAVP 105 106"
    without_keys = LOCAL._replace(protection=mandatory, video=CAMERA._replace(keys=()))
    assert [media.kind for media in make_offer(without_keys).media] == ["audio"]


def test_a_handshake_of_the_picture_is_offered_and_answered_beside_that_of_the_sound() -> None:
    local = LOCAL._replace(protection=HANDSHAKE)
    offer = make_offer(local)
    assert {f"a=fingerprint:{OURS}", "a=setup:actpass"} <= set(section(offer))
    theirs_of = (f"a=fingerprint:{THEIRS}", "a=setup:active")
    answer = theirs(
        "m=audio 5000 UDP/TLS/RTP/SAVP 0", *theirs_of, "m=video 5002 UDP/TLS/RTP/SAVP 105", "a=rtpmap:105 H264/90000", *theirs_of
    )
    video = agreed(read_answer(offer, answer, local))
    assert (video.handshake, video.keys) == (Handshake((THEIRS,), is_client=False), None)
    asked = theirs("m=audio 5000 UDP/TLS/RTP/SAVP 0", *theirs_of, "m=video 5002 UDP/TLS/RTP/SAVP 97", *H264[1:], *theirs_of)
    reply, session = make_answer(asked, local)
    assert reply.media[1].protocol == "UDP/TLS/RTP/SAVP"
    assert (reply.media[1].attribute("setup"), reply.media[1].attribute("fingerprint")) == ("passive", str(OURS))
    assert agreed(session).handshake == Handshake((THEIRS,), is_client=False)


def test_where_the_other_side_takes_the_sound_alone_the_handshake_is_that_of_the_sound() -> None:
    local = LOCAL._replace(protection=HANDSHAKE)
    offer = make_offer(local)
    theirs_of = (f"a=fingerprint:{THEIRS}", "a=setup:active")
    answer = theirs("m=audio 5000 UDP/TLS/RTP/SAVP 0", *theirs_of, "m=video 0 UDP/TLS/RTP/SAVP 105")
    session = read_answer(offer, answer, local)
    assert (session.protection, session.video) == (Handshake((THEIRS,), is_client=False), None)


# --- reasons ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ((AUDIO, "m=video 0 RTP/AVP 105"), "does not want to see"),
        ((AUDIO, "m=video 5002 RTP/AVP 97", "a=rtpmap:97 VP8/90000"), "shows no H.264"),
        ((AUDIO, *H264[:2], "a=fmtp:97 profile-level-id=42e00d"), "up to level 1.3, and 640x480 at 15 frames needs more"),
        ((AUDIO, *H264), "protected or addressed"),
    ],
)
def test_the_log_says_why_there_is_no_picture(lines: tuple[str, ...], why: str) -> None:
    assert why in why_no_video(theirs(*lines), LOCAL)


def test_a_phone_and_a_door_agree_on_one_picture() -> None:
    phone = LOCAL._replace(host="192.0.2.1", codecs=(PCMA, PCMU))
    offer = make_offer(LOCAL)
    answer, _ = make_answer(offer, phone)
    # Both have a camera and no screen, so each would only send: RFC 3264 §6.1 leaves nothing of a sendonly offer for it.
    assert section(answer)[-1] == "a=inactive"
    assert not agreed(read_answer(offer, answer, LOCAL)).sends


def test_a_screen_sees_and_sends_nothing() -> None:
    screen = LOCAL._replace(host="192.0.2.1", video=CAMERA._replace(is_screen=True, picture=Picture(1280, 720, 30, 2000)))
    offer = make_offer(LOCAL)
    answer, seeing = make_answer(offer, screen)
    # RFC 3264 §6.1: a stream that was offered sendonly is answered recvonly.
    assert section(answer)[-1] == "a=recvonly"
    assert not agreed(seeing).sends
    assert agreed(read_answer(offer, answer, LOCAL)).sends
    held = make_offer(screen, previous=answer, direction=Direction.SENDONLY)
    assert section(held)[-1] == "a=inactive"
    assert section(make_offer(screen, previous=answer))[-1] == "a=recvonly"
