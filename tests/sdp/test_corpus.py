"""Offers in the manner of the peers that an installer meets, each with what we answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.sdp.codec import PCMA, PCMU, TELEPHONE_EVENT
from firmware.sdp.crypto import SrtpKey, Suite
from firmware.sdp.description import SessionDescription, parse
from firmware.sdp.fingerprint import Fingerprint
from firmware.sdp.media_session import LocalMedia, NoCommonMedia
from firmware.sdp.offer_answer import make_answer
from firmware.sdp.protection import Encryption, Handshake, Method, Protection, SharedKeys

CORPUS = Path(__file__).parent.parent / "data" / "sdp"
LOCAL = LocalMedia(host="198.51.100.1", rtp_port=4000, codecs=(PCMU, PCMA, TELEPHONE_EVENT), session_id=7)
KEYS = Protection(
    Encryption.OPTIONAL,
    (Method.SDES, Method.DTLS),
    tuple(SrtpKey(suite, bytes(suite.octets)) for suite in Suite),
    Fingerprint("sha-256", bytes(32)),
)
USABLE = {  # name: the m= lines of the answer, the direction, where the sound goes, the digits' number, ptime
    "asterisk": (["audio 4000 RTP/AVP 0 101"], "sendrecv", "192.0.2.10:14072", 101, 20),
    "freeswitch": (["audio 4000 RTP/AVP 0 101"], "sendrecv", "192.0.2.20:21558", 101, 20),
    "fritzbox": (["audio 4000 RTP/AVP 0 101"], "sendrecv", "192.168.178.1:7078", 101, 20),
    "baresip": (["audio 4000 RTP/AVP 0 101", "video 0 RTP/AVP 97"], "sendrecv", "192.0.2.30:13402", 101, 20),
    "linphone_ice_video": (["audio 4000 RTP/AVPF 0 100", "video 0 RTP/AVPF 96 97"], "sendrecv", "198.51.100.7:7078", 100, 20),
    "cisco_phone": (["audio 4000 RTP/AVP 0 101"], "sendrecv", "192.0.2.40:24770", 101, 20),
    "cisco_gateway_hold": (["audio 4000 RTP/AVP 0 101"], "recvonly", "0.0.0.0:17388", 101, 20),
    "snom_hold_with_crypto": (["audio 4000 RTP/AVP 0 101"], "recvonly", "192.0.2.50:57076", 101, 20),
    "savp_then_avp": (["audio 0 RTP/SAVP 8 0 101", "audio 4000 RTP/AVP 0 101"], "sendrecv", "192.0.2.60:30002", 101, 20),
    "sipp": (["audio 4000 RTP/AVP 0"], "sendrecv", "127.0.0.1:6000", None, 20),
    "static_only_no_rtpmap": (["audio 4000 RTP/AVP 8"], "sendrecv", "192.0.2.70:5004", None, 20),
    "ipv6": (["audio 4000 RTP/AVP 0 96"], "sendrecv", "2001:db8::20:40000", 96, 30),
    "video_first_and_chat": (
        ["video 0 RTP/AVP 31 32", "audio 4000 RTP/AVP 8 101", "message 0 TCP/MSRP *", "application 0 UDP/DTLS/SCTP webrtc-datachannel"],
        "sendonly",
        "192.0.2.91:50010",
        101,
        20,
    ),
    "sloppy": (["audio 4000 rtp/avp 0 101", "video 0 RTP/AVP 0"], "sendrecv", "192.0.2.99:6004", 101, 20),
}
# `chromium` and `chromium_max_bundle` are what Chromium 156 said on a machine with two families of addresses, by its bundle policy.
UNUSABLE = {"only_savp", "webrtc_browser", "chromium", "chromium_max_bundle", "fax_reinvite", "multicast"}


def offer(name: str) -> tuple[SessionDescription, LocalMedia]:
    description = parse((CORPUS / f"{name}.sdp").read_bytes())
    return description, LOCAL._replace(host="2001:db8::1") if name == "ipv6" else LOCAL


def test_every_file_of_the_corpus_has_a_verdict() -> None:
    assert {path.stem for path in CORPUS.glob("*.sdp")} == USABLE.keys() | UNUSABLE


@pytest.mark.parametrize("name", sorted(USABLE))
def test_a_usable_offer_is_answered(name: str) -> None:
    answer, session = make_answer(*offer(name))
    lines, direction, target, digits, ptime_ms = USABLE[name]
    assert [line[2:] for media in answer.media for line in media.lines() if line.startswith("m=")] == lines
    assert session.direction.value == direction
    assert f"{session.remote_host}:{session.remote_rtp_port}" == target
    assert session.dtmf_send_payload_type == digits
    assert session.ptime_ms == ptime_ms
    assert parse(answer.to_bytes()) == answer


@pytest.mark.parametrize("name", sorted(UNUSABLE))
def test_an_unusable_offer_deserves_488(name: str) -> None:
    with pytest.raises(NoCommonMedia):
        make_answer(*offer(name))


def test_rtcp_has_its_own_address_where_the_offer_says_so() -> None:
    _, session = make_answer(*offer("ipv6"))
    assert (session.remote_rtcp_host, session.remote_rtcp_port) == ("2001:db8::2021", 53_020)


@pytest.mark.parametrize(
    ("name", "line", "agreed"),
    [
        ("only_savp", "RTP/SAVP", SharedKeys),
        ("snom_hold_with_crypto", "RTP/AVP", SharedKeys),
        ("savp_then_avp", "RTP/SAVP", SharedKeys),
        ("webrtc_browser", "UDP/TLS/RTP/SAVPF", Handshake),
        ("chromium", "UDP/TLS/RTP/SAVPF", Handshake),
        ("chromium_max_bundle", "UDP/TLS/RTP/SAVPF", Handshake),
    ],
)
def test_with_keys_of_our_own_the_secure_line_is_answered(name: str, line: str, agreed: type) -> None:
    description, local = offer(name)
    answer, session = make_answer(description, local._replace(protection=KEYS))
    assert next(media.protocol for media in answer.media if media.port != 0) == line
    assert isinstance(session.protection, agreed)
