"""firmware/sdp/bundle.py and video_way.py: the picture's way under ICE, its own or that of the sound (RFC 9143)."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.sdp.bundle import group_of, mid_of
from firmware.sdp.codec import PCMU, TELEPHONE_EVENT
from firmware.sdp.crypto import SrtpKey, Suite
from firmware.sdp.description import MediaDescription, SessionDescription, parse
from firmware.sdp.direction import Direction
from firmware.sdp.fingerprint import Fingerprint
from firmware.sdp.h264 import Picture
from firmware.sdp.ice import IceCredentials, Kind
from firmware.sdp.media_session import LocalMedia, MediaSession
from firmware.sdp.offer_answer import make_answer, make_offer, read_answer
from firmware.sdp.protection import Encryption, Handshake, Method, Protection
from firmware.sdp.video_session import LocalVideo, VideoSession

BROWSERS = Path(__file__).parent.parent / "data" / "sdp"
OURS, THEIRS = Fingerprint("sha-256", bytes(32)), Fingerprint("sha-256", bytes(range(32)))
ICE = IceCredentials("door", "d" * 22)
DTLS = Protection(encryption=Encryption.OPTIONAL, methods=(Method.DTLS,), fingerprint=OURS)
CAMERA = LocalVideo(rtp_port=4002, picture=Picture(640, 480, 15, 600), mapped=("203.0.113.1", 6002))
LITE = LocalMedia(
    host="198.51.100.1", rtp_port=4000, codecs=(PCMU, TELEPHONE_EVENT), session_id=7, video=CAMERA, rtcp_mux=True, ice=ICE, protection=DTLS
)
FULL = LITE._replace(ice_lite=False, mapped=("203.0.113.1", 6000))
# The phone of these tests: a line each of sound and picture, with or without what makes them a group.
CHECKED = ("a=rtcp-mux", "a=ice-ufrag:anna", f"a=ice-pwd:{'p' * 22}")
SOUND = ("m=audio 5000 RTP/AVP 0", *CHECKED, "a=candidate:1 1 UDP 2130706431 192.0.2.1 5000 typ host")
SIGHT = ("m=video 5002 RTP/AVP 97", "a=rtpmap:97 H264/90000", "a=fmtp:97 profile-level-id=42e01f;packetization-mode=1")
SEEN = (*SIGHT, *CHECKED, "a=candidate:1 1 UDP 2130706431 192.0.2.1 5002 typ host")
GROUP = "a=group:BUNDLE 0 1"
KEYS = (f"a=fingerprint:{THEIRS}", "a=setup:actpass")


def theirs(*lines: str, head: tuple[str, ...] = ()) -> SessionDescription:
    first = ("v=0", "o=phone 500 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0")
    return parse("\r\n".join((*first, *head, *lines, "")).encode())


def grouped(*, sound: tuple[str, ...] = SOUND, sight: tuple[str, ...] = SEEN, group: str = GROUP) -> SessionDescription:
    return theirs(*sound, "a=mid:0", *sight, "a=mid:1", head=(group, *KEYS))


def seen(session: MediaSession) -> VideoSession:
    assert session.video is not None, session.no_picture
    return session.video


def values(media: MediaDescription) -> dict[str, str | None]:
    return dict(media.attributes)


# --- ways of their own ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("local", [LITE, FULL])
def test_without_a_group_the_picture_is_checked_for_by_itself(local: LocalMedia) -> None:
    answer, session = make_answer(theirs(*SOUND, *SEEN, head=KEYS), local)
    sound, sight = answer.media
    assert (sound.port, sight.port) == (4000, 4002)
    assert answer.attribute("group") is sound.attribute("mid") is None
    assert " 4002 typ host" in (sight.attribute("candidate") or "")
    assert (sight.attribute("ice-ufrag"), sight.attribute("ice-pwd")) == (ICE.ufrag, ICE.pwd)
    ice = seen(session).ice
    assert ice is not None
    assert (ice.is_lite, ice.theirs.ufrag, seen(session).shares_way) == (local.ice_lite, "anna", False)
    if not ice.is_lite:
        assert [(each.host, each.port) for each in ice.remote] == [("192.0.2.1", 5002)]
        assert [(each.kind, each.port) for each in ice.local] == [(Kind.HOST, 4002), (Kind.SERVER_REFLEXIVE, 6002)]


def test_an_offer_has_candidates_for_both_and_reads_an_answer_without_a_group() -> None:
    offer = make_offer(FULL)
    assert [mid_of(media) for media in offer.media] == ["0", "1"]
    assert offer.attribute("group") == "BUNDLE 0 1"
    assert [len(media.attribute_values("candidate")) for media in offer.media] == [2, 2]
    session = read_answer(offer, theirs(*SOUND, *SEEN), FULL)
    ice = seen(session).ice
    assert ice is not None
    assert (ice.is_controlling, ice.remote[0].port, seen(session).shares_way) == (True, 5002, False)


def test_outside_the_picture_is_where_the_translator_shows_it() -> None:
    far = FULL._replace(states_mapped=True)
    assert [media.port for media in make_offer(far).media] == [6000, 6002]
    assert CAMERA.mapped is not None
    elsewhere = far._replace(video=CAMERA._replace(mapped=("203.0.113.2", 6002)))
    assert [media.port for media in make_offer(elsewhere).media] == [6000, 4002]  # under another address than the description's


@pytest.mark.parametrize(
    "sight",
    [
        SIGHT,  # no ICE
        tuple(line for line in SEEN if line != "a=rtcp-mux"),  # its reports would need a component of their own
        tuple(line.replace("192.0.2.1", "192.0.2.9") for line in SEEN),  # somebody on the way wants the picture (RFC 8839 §4.2.5)
    ],
)
@pytest.mark.parametrize("local", [LITE, FULL])
def test_beside_sound_that_is_checked_for_no_picture_goes_unasked(local: LocalMedia, sight: tuple[str, ...]) -> None:
    answer, session = make_answer(theirs(*SOUND, *sight), local)
    assert session.ice is not None
    assert (answer.media[1].port, session.video) == (0, None)
    assert read_answer(make_offer(FULL), theirs(*SOUND, *sight), FULL).video is None


def test_beside_sound_that_no_check_finds_the_picture_goes_where_its_line_says() -> None:
    answer, session = make_answer(theirs("m=audio 5000 RTP/AVP 0", *SEEN), LITE)
    assert (session.ice, seen(session).ice, seen(session).remote_rtp_port) == (None, None, 5002)
    assert answer.media[1].attribute("candidate") is None


def test_a_further_offer_with_other_credentials_says_them_in_both_lines() -> None:
    first = make_offer(FULL)
    anew = make_offer(FULL._replace(ice=IceCredentials("anew", "n" * 22)), previous=first)
    assert [media.attribute("ice-ufrag") for media in anew.media] == ["anew", "anew"]
    assert make_offer(FULL, previous=first) == first


# --- the sound's way --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["chromium", "chromium_max_bundle"])
@pytest.mark.parametrize("local", [LITE, FULL])
def test_a_browser_gets_both_by_one_port(name: str, local: LocalMedia) -> None:
    offer = parse((BROWSERS / f"{name}.sdp").read_bytes())
    answer, session = make_answer(offer, local)
    sound, sight = answer.media
    assert group_of(answer, sight) == group_of(offer, offer.media[1])
    assert sound.port == sight.port == 4000
    assert isinstance(session.protection, Handshake)
    assert seen(session).handshake == session.protection
    assert (seen(session).shares_way, seen(session).ice, seen(session).sends) == (True, None, True)
    said = values(sight)
    # RFC 9143 §7.1.3: what belongs to the way stands in the tagged line alone.
    assert said.keys().isdisjoint({"candidate", "ice-ufrag", "ice-pwd", "fingerprint", "setup"})
    assert {"mid", "rtcp-mux", "sendonly"} <= said.keys()
    assert "H264/90000" in (said["rtpmap"] or "")


def test_an_answer_to_sound_alone_names_the_group_of_one() -> None:
    """Browsers that want everything in one group take no answer without."""
    answer, _ = make_answer(theirs(*SOUND, "a=mid:0", head=("a=group:BUNDLE 0",)), LITE)
    assert (answer.attribute("group"), answer.media[0].attribute("mid")) == ("BUNDLE 0", "0")


def test_a_line_that_has_no_other_way_is_not_refused_by_its_port() -> None:
    bare = ("m=video 0 RTP/AVP 97", *SIGHT[1:], "a=bundle-only")
    assert seen(make_answer(grouped(sight=bare), LITE)[1]).shares_way
    assert make_answer(grouped(sight=bare[:-1]), LITE)[1].video is None  # RFC 3264 §6: refused


@pytest.mark.parametrize(
    "group",
    [
        "a=group:BUNDLE 1 0",  # the picture's line is the tagged one
        "a=group:BUNDLE 0",
        "a=group:LS 0 1",  # another kind of group (RFC 5888)
        "a=group:",
    ],
)
def test_where_the_sound_does_not_lead_the_group_the_picture_goes_its_own_way(group: str) -> None:
    answer, session = make_answer(grouped(group=group), LITE)
    assert (seen(session).shares_way, answer.media[1].port) == (False, 4002)
    assert "1" not in (answer.attribute("group") or "").split()


def test_keys_of_a_description_are_not_shared() -> None:
    suite = Suite.AES_CM_128_HMAC_SHA1_80
    key = SrtpKey(suite, bytes(suite.octets))
    sdes = FULL._replace(
        protection=Protection(Encryption.OPTIONAL, (Method.SDES,), (key,), keys_in_clear=True), video=CAMERA._replace(keys=(key,))
    )
    assert make_offer(sdes).attribute("group") is None
    crypto = f"a=crypto:1 {suite.value} inline:{'B' * 40}"
    _, session = make_answer(grouped(sound=(*SOUND, crypto), sight=(*SEEN, crypto)), sdes)
    assert session.protection is not None
    assert (seen(session).shares_way, seen(session).keys is not None) == (False, True)


def test_an_answer_with_the_group_lets_the_picture_share_the_way_from_then_on() -> None:
    offer = make_offer(FULL)
    answer = theirs(*SOUND, "a=mid:0", *SIGHT, "a=mid:1", head=(GROUP,))
    session = read_answer(offer, answer, FULL)
    assert (seen(session).shares_way, seen(session).ice) == (True, None)
    assert CAMERA.mapped is not None
    sharing = FULL._replace(video=CAMERA._replace(shares_way=True))
    further = make_offer(sharing, direction=Direction.SENDONLY, previous=offer)
    sight = further.media[1]
    assert (sight.port, further.attribute("group")) == (4000, "BUNDLE 0 1")  # §7.5: the port of the group for each line
    assert values(sight).keys().isdisjoint({"candidate", "ice-ufrag", "fingerprint"})
    assert make_offer(sharing, direction=Direction.SENDONLY, previous=further) == further
    assert read_answer(further, theirs(*SOUND, *SEEN), sharing).video is None  # it has no other way any more


def test_after_an_answer_of_ours_a_further_offer_keeps_the_group() -> None:
    answer, session = make_answer(grouped(), LITE)
    assert seen(session).shares_way
    further = make_offer(LITE._replace(video=CAMERA._replace(shares_way=True)), previous=answer)
    assert [media.port for media in further.media] == [4000, 4000]
    assert further.attribute("group") == "BUNDLE 0 1"


def test_an_identification_that_is_none_groups_nothing() -> None:
    offer = theirs(*SOUND, f"a=mid:{'x' * 33}", *SEEN, "a=mid:1", head=(f"a=group:BUNDLE {'x' * 33} 1",))
    answer, session = make_answer(offer, LITE)
    assert (answer.attribute("group"), seen(session).shares_way) == (None, False)
