"""Fuzz session descriptions: the reader, the answer that we would give, and the answer read against an offer of ours."""

from __future__ import annotations

from pathlib import Path

import atheris

with atheris.instrument_imports(include=["firmware"]):
    from firmware.errors import RemoteProtocolError
    from firmware.sdp.codec import codecs_of
    from firmware.sdp.codec_list import SOUND, codec_list
    from firmware.sdp.crypto import SrtpKey, Suite, crypto_lines, parse_crypto
    from firmware.sdp.description import parse
    from firmware.sdp.fingerprint import Fingerprint, parse_fingerprint
    from firmware.sdp.h264 import Picture
    from firmware.sdp.media_session import LocalMedia, MediaSession
    from firmware.sdp.offer_answer import make_answer, make_offer, read_answer
    from firmware.sdp.opus import OpusParameters
    from firmware.sdp.protection import Encryption, Method, Protection
    from firmware.sdp.video_session import LocalVideo

from tests.fuzz.runner import run

DATA = Path(__file__).parent.parent / "data" / "sdp"
CODECS = codec_list(tuple(SOUND), redundancy=True, comfort_noise=True)
PROTECTIONS = tuple(
    Protection(wish, methods, tuple(SrtpKey(suite, bytes(suite.octets)) for suite in Suite), Fingerprint("sha-256", bytes(32)))
    for wish in Encryption
    for methods in ((Method.SDES, Method.DTLS), (Method.DTLS, Method.SDES))
)
CAMERA = LocalVideo(rtp_port=4002, picture=Picture(640, 480, 15, 600), keys=tuple(SrtpKey(suite, bytes(suite.octets)) for suite in Suite))
LOCALS = tuple(
    LocalMedia(host=host, rtp_port=4000, codecs=CODECS, session_id=1, protection=protection, rtcp_mux=True, video=CAMERA)
    for host in ("192.0.2.1", "2001:db8::1")
    for protection in PROTECTIONS
)


def one_input(data: bytes) -> None:
    """The bytes as a session description that a peer sent as offer, and as answer."""
    try:
        description = parse(data)
    except RemoteProtocolError:
        return
    assert parse(description.to_bytes()) == description
    for media in description.media:
        for codec in codecs_of(media):
            assert 0 <= codec.payload_type <= 127
            assert max(codec.events(), default=0) <= 255
        for line in crypto_lines(media.attribute_values("crypto")):
            assert parse_crypto(str(line)) == line
        for value in media.attribute_values("fingerprint"):
            found = parse_fingerprint(value)
            assert found is None or parse_fingerprint(str(found)) == found
    for local in LOCALS:
        try:
            answer, session = make_answer(description, local)
        except RemoteProtocolError:
            pass
        else:
            assert len(answer.media) == len(description.media)
            assert parse(answer.to_bytes()) == answer
            assert session.codec.is_sound
            OpusParameters.parse(session.codec.fmtp)
            assert session.protection is not None or local.protection.encryption is not Encryption.MANDATORY
            check_picture(session)
            again = make_offer(local, previous=answer)
            assert len(again.media) == len(answer.media)
        try:
            session = read_answer(make_offer(local), description, local)
        except RemoteProtocolError:
            continue
        check_picture(session)
        assert 10 <= session.ptime_ms <= 60
        assert session.protection is not None or local.protection.encryption is not Encryption.MANDATORY


def check_picture(session: MediaSession) -> None:
    """A picture is never less protected than the sound, and never wider than the camera."""
    video = session.video
    if video is not None:
        assert video.keys is not None or session.protection is None
        assert 32 <= video.bitrate_kbps <= 600
        assert video.packetization_mode in (0, 1)
        assert 0 < video.remote_rtp_port <= 65_535
        assert session.direction.sends or not video.sends


def seeds() -> list[bytes]:
    """The corpus of real offers."""
    return [path.read_bytes() for path in sorted(DATA.glob("*.sdp"))]


def main() -> None:
    """Run the fuzzer."""
    run("sdp", one_input, seeds())


if __name__ == "__main__":
    main()
