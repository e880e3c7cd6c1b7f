"""firmware/sdp/protection.py: encryption off, optional and mandatory in offer and answer, as transcripts (RFC 5764 §8)."""

from __future__ import annotations

import pytest

from firmware.sdp.codec import PCMU
from firmware.sdp.crypto import SrtpKey, Suite
from firmware.sdp.description import SessionDescription, parse
from firmware.sdp.fingerprint import Fingerprint
from firmware.sdp.media_session import LocalMedia, NoCommonMedia
from firmware.sdp.offer_answer import make_answer, make_offer, read_answer
from firmware.sdp.protection import Encryption, Handshake, Method, Protection, SharedKeys

GCM = SrtpKey(Suite.AEAD_AES_256_GCM, bytes(range(44)))
CM = SrtpKey(Suite.AES_CM_128_HMAC_SHA1_80, bytes(range(30)))
PRINT = Fingerprint("sha-256", bytes(range(32)))
BOTH = Protection(Encryption.OPTIONAL, (Method.SDES, Method.DTLS), (GCM, CM), PRINT)
THEIR_CRYPTO = "a=crypto:5 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31"
THEIR_KEY = SrtpKey(Suite.AES_CM_128_HMAC_SHA1_80, b"YS___semctl () {\t220;}\n}\nunles")
THEIR_PRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)


def local(protection: Protection) -> LocalMedia:
    return LocalMedia(host="198.51.100.1", rtp_port=4000, codecs=(PCMU,), session_id=7, protection=protection)


def theirs(*lines: str) -> SessionDescription:
    return parse("\r\n".join(("v=0", "o=x 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", *lines, "")).encode())


def media_lines(description: SessionDescription) -> list[str]:
    return [
        line for line in description.to_bytes().decode().splitlines() if line[:2] == "m=" or line[:7] in ("a=crypt", "a=finge", "a=setup")
    ]


def answered(protection: Protection, *lines: str) -> tuple[list[str], SharedKeys | Handshake | None]:
    answer, session = make_answer(theirs(*lines), local(protection))
    return media_lines(answer), session.protection


# --- offers ----------------------------------------------------------------------------------------------------------


def test_an_optional_offer_is_plain_with_every_key_that_we_have() -> None:
    # RFC 8643 §3.1: the RTP/AVP profile, and the attributes of each key management protocol.
    m, gcm, cm, fingerprint, setup = media_lines(make_offer(local(BOTH)))
    assert m == "m=audio 4000 RTP/AVP 0"
    assert gcm.startswith("a=crypto:1 AEAD_AES_256_GCM inline:")
    assert cm.startswith("a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQF")
    assert fingerprint == f"a=fingerprint:{PRINT}"
    assert setup == "a=setup:actpass"


@pytest.mark.parametrize(
    ("methods", "profile", "names"),
    [
        ((Method.SDES, Method.DTLS), "RTP/SAVP", {"crypto"}),
        ((Method.DTLS, Method.SDES), "UDP/TLS/RTP/SAVP", {"fingerprint", "setup"}),
    ],
)
def test_a_mandatory_offer_takes_the_secure_profile_of_the_preferred_method(
    methods: tuple[Method, ...], profile: str, names: set[str]
) -> None:
    offer = make_offer(local(BOTH._replace(encryption=Encryption.MANDATORY, methods=methods)))
    assert offer.media[0].protocol == profile
    assert {name for name, _ in offer.media[0].attributes} & {"crypto", "fingerprint", "setup"} == names


def test_keys_do_not_travel_over_signalling_that_is_not_encrypted() -> None:
    # RFC 4568 §8.3: unless the signalling is protected, the key is not.
    assert "crypto" not in str(make_offer(local(BOTH.over(is_secure=False))))
    assert "crypto" in str(make_offer(local(BOTH._replace(keys_in_clear=True).over(is_secure=False))))
    assert "crypto" in str(make_offer(local(BOTH.over(is_secure=True))))
    sdes = BOTH._replace(methods=(Method.SDES,), encryption=Encryption.MANDATORY)
    with pytest.raises(NoCommonMedia, match="keys may not be sent"):
        make_offer(local(sdes.over(is_secure=False)))


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["RTP/AVP", "RTP/SAVP", "RTP/SAVPF"])
def test_an_answer_takes_the_first_crypto_line_that_fits_with_its_tag_and_a_key_of_our_own(profile: str) -> None:
    # RFC 4568 §5.1.2: same tag and suite, another key.
    strange = "a=crypto:1 F8_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    lines, agreed = answered(BOTH, f"m=audio 9 {profile} 0", strange, THEIR_CRYPTO)
    assert lines == [f"m=audio 4000 {profile} 0", "a=crypto:5 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"]
    assert agreed == SharedKeys(send=CM, receive=THEIR_KEY)


def test_an_answer_to_dtls_is_active_and_names_our_certificate() -> None:
    lines, agreed = answered(BOTH, "m=audio 9 UDP/TLS/RTP/SAVPF 0", THEIR_PRINT, "a=setup:actpass")
    assert lines == ["m=audio 4000 UDP/TLS/RTP/SAVPF 0", f"a=fingerprint:{PRINT}", "a=setup:active"]
    assert agreed == Handshake((Fingerprint("sha-256", b"\xab" * 32),), is_client=True)


def test_the_fingerprint_may_stand_above_the_media() -> None:
    lines, agreed = answered(BOTH, THEIR_PRINT, "a=setup:active", "m=audio 9 UDP/TLS/RTP/SAVP 0")
    assert lines[-1] == "a=setup:passive"
    assert agreed == Handshake((Fingerprint("sha-256", b"\xab" * 32),), is_client=False)


@pytest.mark.parametrize(
    ("protection", "lines", "why"),
    [
        (BOTH._replace(encryption=Encryption.MANDATORY), ("m=audio 9 RTP/AVP 0",), "offers no keys"),
        (BOTH._replace(encryption=Encryption.OFF), ("m=audio 9 RTP/SAVP 0", THEIR_CRYPTO), "switched off"),
        (BOTH, ("m=audio 9 RTP/SAVP 0",), "does not take|do not take"),
        (BOTH, ("m=audio 9 UDP/TLS/RTP/SAVP 0", "a=setup:actpass"), "do not take"),
        (BOTH.over(is_secure=False), ("m=audio 9 RTP/SAVP 0", THEIR_CRYPTO), "over this signalling"),
    ],
)
def test_an_offer_that_does_not_fit_is_refused_with_a_reason(protection: Protection, lines: tuple[str, ...], why: str) -> None:
    with pytest.raises(NoCommonMedia, match=why) as refused:
        make_answer(theirs(*lines), local(protection))
    assert refused.value.status == 488


def test_optional_answers_a_plain_offer_plainly_and_off_takes_no_keys() -> None:
    assert answered(BOTH, "m=audio 9 RTP/AVP 0") == (["m=audio 4000 RTP/AVP 0"], None)
    assert answered(Protection(), "m=audio 9 RTP/AVP 0", THEIR_CRYPTO) == (["m=audio 4000 RTP/AVP 0"], None)


def test_of_several_lines_the_first_that_fits_is_taken() -> None:
    lines, agreed = answered(BOTH._replace(encryption=Encryption.MANDATORY), "m=audio 9 RTP/AVP 0", "m=audio 8 RTP/SAVP 0", THEIR_CRYPTO)
    assert lines[:2] == ["m=audio 0 RTP/AVP 0", "m=audio 4000 RTP/SAVP 0"]
    assert isinstance(agreed, SharedKeys)


# --- their answer to our offer -----------------------------------------------------------------------------------------


def read(protection: Protection, *lines: str) -> SharedKeys | Handshake | None:
    return read_answer(make_offer(local(protection)), theirs(*lines), local(protection)).protection


def test_their_key_belongs_to_the_line_of_ours_that_they_name() -> None:
    ours_2 = THEIR_CRYPTO.replace("crypto:5", "crypto:2")
    assert read(BOTH, "m=audio 9 RTP/AVP 0", ours_2) == SharedKeys(send=CM, receive=THEIR_KEY)
    assert read(BOTH, "m=audio 9 RTP/AVP 0", THEIR_PRINT, "a=setup:active") == Handshake(
        (Fingerprint("sha-256", b"\xab" * 32),), is_client=False
    )


def test_optional_falls_back_to_plain_when_the_answer_holds_no_key() -> None:
    assert read(BOTH, "m=audio 9 RTP/AVP 0") is None
    assert read(BOTH, "m=audio 9 RTP/AVP 0", THEIR_CRYPTO) is None  # no line of ours bears their tag


@pytest.mark.parametrize(
    "lines",
    [
        ("m=audio 9 RTP/SAVP 0",),
        ("m=audio 9 RTP/SAVP 0", THEIR_CRYPTO),
        ("m=audio 9 RTP/SAVP 0", THEIR_CRYPTO.replace("crypto:5", "crypto:1")),  # another suite than the line's
        ("m=audio 9 RTP/SAVP 0", THEIR_CRYPTO.replace("crypto:5", "crypto:2"), THEIR_CRYPTO.replace("crypto:5", "crypto:2")),
        ("m=audio 9 RTP/AVP 0",),
    ],
)
def test_mandatory_ends_the_call_when_the_answer_holds_no_usable_key(lines: tuple[str, ...]) -> None:
    with pytest.raises(NoCommonMedia, match="must be encrypted"):
        read(BOTH._replace(encryption=Encryption.MANDATORY), *lines)


def test_an_answer_that_claims_a_secure_profile_without_a_key_is_no_plain_call() -> None:
    with pytest.raises(NoCommonMedia):
        read(BOTH, "m=audio 9 RTP/SAVP 0")


def test_values_hide_their_keys() -> None:
    agreed = SharedKeys(send=CM, receive=THEIR_KEY)
    shown = f"{agreed} {agreed!r} {BOTH} {BOTH!r}"
    assert "semctl" not in shown
    assert str(agreed) == "sdes AES_CM_128_HMAC_SHA1_80"
