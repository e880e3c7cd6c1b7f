"""firmware/sdp/crypto.py and fingerprint.py: what stands on the wire about keys (RFC 4568, RFC 8122)."""

from __future__ import annotations

from base64 import b64encode

import pytest

from firmware.sdp.crypto import CryptoLine, SrtpKey, Suite, crypto_lines, parse_crypto
from firmware.sdp.fingerprint import Fingerprint, is_client, parse_fingerprint, parse_fingerprints

RFC = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"  # RFC 4568 §5.1.4's example
KEY = bytes(range(30))
TEXT = b64encode(KEY).decode()


def test_the_examples_of_rfc_4568_are_read_as_they_mean_it() -> None:
    line = parse_crypto(f"1 AES_CM_128_HMAC_SHA1_80 inline:{RFC}|2^20")
    assert line == CryptoLine(1, SrtpKey(Suite.AES_CM_128_HMAC_SHA1_80, b"YS___semctl () {\t220;}\n}\nunles"))


@pytest.mark.parametrize("suite", Suite)
def test_what_we_write_we_read(suite: Suite) -> None:
    line = CryptoLine(7, SrtpKey(suite, bytes(range(suite.octets))))
    assert parse_crypto(str(line)) == line
    assert suite.octets in (28, 30, 44, 46)


@pytest.mark.parametrize(
    "tail",
    ["", "|2^31", "|2^48", "|1048576", " WSH=64", " KDR=0", " -future=1", "  WSH=128 -x"],
)
def test_what_changes_nothing_for_us_is_no_hindrance(tail: str) -> None:
    line = parse_crypto(f"2 aes_cm_128_hmac_sha1_32 INLINE:{TEXT}{tail}")
    assert line == CryptoLine(2, SrtpKey(Suite.AES_CM_128_HMAC_SHA1_32, KEY))


@pytest.mark.parametrize(
    "value",
    [
        "", "1", "1 AES_CM_128_HMAC_SHA1_80", f"x AES_CM_128_HMAC_SHA1_80 inline:{TEXT}",
        f"1234567890 AES_CM_128_HMAC_SHA1_80 inline:{TEXT}",
        f"1 F8_128_HMAC_SHA1_80 inline:{TEXT}",
        f"1 AES_CM_128_HMAC_SHA1_80 uri:{TEXT}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{TEXT[:-4]}",  # too short a key
        f"1 AES_256_CM_HMAC_SHA1_80 inline:{TEXT}",  # of another suite's length
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{TEXT[:-1]}!",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{TEXT}|2^20|1:4",  # a master key identifier would stand in every packet
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{TEXT}|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{TEXT}|2^10",  # worn out after 20 s
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{TEXT};inline:{TEXT}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{TEXT} KDR=4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{TEXT} UNENCRYPTED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{TEXT} UNAUTHENTICATED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{TEXT} future=1",  # RFC 4568 §6.3.7
    ],
)  # fmt: skip
def test_a_line_that_wants_what_we_do_not_do_is_passed_over(value: str) -> None:
    assert parse_crypto(value) is None
    good = f"3 AES_CM_128_HMAC_SHA1_80 inline:{TEXT}"
    assert [line.tag for line in crypto_lines((value, good))] == [3]


def test_padding_that_was_left_out_is_forgiven() -> None:
    key = bytes(range(46))
    line = parse_crypto(f"1 AES_256_CM_HMAC_SHA1_80 inline:{b64encode(key).decode().rstrip('=')}")
    assert line is not None
    assert line.key.key == key


def test_a_key_hides_itself_from_logs() -> None:
    key = SrtpKey(Suite.AEAD_AES_128_GCM, b"sixteen or more, but a secret")
    assert f"{key} {key!r} {(key,)}".count("secret") == 0


def test_fingerprints_are_read_and_written() -> None:
    text = "sha-256 " + ":".join(f"{octet:02X}" for octet in range(32))
    assert parse_fingerprint(text) == Fingerprint("sha-256", bytes(range(32)))
    assert parse_fingerprint(text.replace("sha", "SHA").lower()) == Fingerprint("sha-256", bytes(range(32)))
    assert str(Fingerprint("sha-256", bytes(range(32)))) == text


@pytest.mark.parametrize(
    "value", ["", "sha-256", "md5 " + "00:" * 15 + "00", "sha-256 00:11", "sha-256 " + "zz:" * 31 + "zz", "sha-256 " + "+1:" * 31 + "+1"]
)
def test_a_fingerprint_that_proves_nothing_is_passed_over(value: str) -> None:
    assert parse_fingerprint(value) is None
    assert parse_fingerprints((value,) * 20) == ()


def test_who_begins_the_handshake_follows_from_both_sides() -> None:
    # RFC 5763 §5: actpass in the offer; the answerer chooses, and should be active.
    assert is_client("actpass", offered=False) is True
    assert is_client("active", offered=False) is False
    assert is_client("passive", offered=False) is True
    assert is_client("active", offered=True) is False
    assert is_client("passive", offered=True) is True
    assert is_client("actpass", offered=True) is None
    assert is_client("holdconn", offered=False) is None
    assert is_client(None, offered=False) is True
