"""Digest authentication as a server: nonces without memory, replay, stale, and both sides together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import RemoteProtocolError
from firmware.sip.auth import (
    NONCE_LIFETIME_S,
    Authorization,
    Challenge,
    Credentials,
    Verdict,
    answer,
    make_challenge,
    make_nonce,
    verify,
)
from firmware.sip.uri import Uri

KEY = b"k" * 32
NOW_S = 1000.0
DOOR = Uri.parse("sip:door@example.com")
OURS = Credentials("phone", "s3cret", "home")


def login(
    credentials: Credentials = OURS, *, algorithm: str = "SHA-256", count: int = 1, uri: str = "sip:door@example.com"
) -> Authorization:
    challenge = Challenge.parse(make_challenge("home", make_nonce(KEY, NOW_S, "salt"), algorithm=algorithm))
    return Authorization.parse(answer(challenge, credentials, "INVITE", uri, cnonce="c", nonce_count=count))


def judged(given: Authorization, *, now_s: float = NOW_S + 1, last_count: int = 0, method: str = "INVITE") -> Verdict:
    return verify(given, OURS, method, DOOR, key=KEY, now_s=now_s, last_count=last_count)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
def test_the_right_secret_is_granted(algorithm: str) -> None:
    assert judged(login(algorithm=algorithm)) is Verdict.GRANTED


def test_wrong_secret_name_method_or_resource_are_denied() -> None:
    assert judged(login(Credentials("phone", "S3cret"))) is Verdict.DENIED
    assert judged(login(Credentials("fone", "s3cret"))) is Verdict.DENIED
    assert judged(login(), method="BYE") is Verdict.DENIED
    assert judged(login(uri="sip:other@example.com")) is Verdict.DENIED
    assert judged(login(uri="nonsense")) is Verdict.DENIED


def test_a_repeated_nonce_count_is_denied_as_replay() -> None:
    assert judged(login(count=2), last_count=1) is Verdict.GRANTED
    assert judged(login(count=2), last_count=2) is Verdict.DENIED


def test_an_old_nonce_is_stale_only_for_who_knows_the_secret() -> None:
    late_s = NOW_S + NONCE_LIFETIME_S + 1
    assert judged(login(), now_s=late_s) is Verdict.STALE
    assert judged(login(Credentials("phone", "guess")), now_s=late_s) is Verdict.DENIED


def test_a_nonce_of_someone_else_is_denied() -> None:
    good = login()
    for nonce in ("", "x", ".", "3e8.salt.0000", good.nonce[:-1], good.nonce.replace("salt", "pepper")):
        assert judged(good._replace(nonce=nonce)) is Verdict.DENIED


def test_an_unknown_algorithm_a_hashed_name_or_no_qop_are_denied() -> None:
    for change in ({"algorithm": "SHA-1"}, {"userhash": True}, {"qop": "", "nc": ""}, {"realm": "away"}):
        assert judged(login()._replace(**change)) is Verdict.DENIED


def test_a_realm_with_quotes_survives_the_way_to_the_client_and_back() -> None:
    challenge = Challenge.parse(make_challenge('Door "A"\\B', "n", stale=True))
    assert challenge.realm == r"Door \"A\"\\B"
    assert challenge.stale


@pytest.mark.parametrize(
    "text", ["Basic abc", "Digest", 'Digest username="u", realm="r", nonce="n", uri="u"', "NoOneKnowsThisScheme opaque-data=here"]
)
def test_incomplete_credentials_are_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Authorization.parse(text)


@pytest.mark.parametrize("nc", ["", "1", "0000000g", "000000001"])
def test_a_nonce_count_that_is_not_eight_hex_digits_is_refused(nc: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Authorization.parse(f'Digest username="u", realm="r", nonce="n", uri="u", response="x", qop=auth, cnonce="c", nc={nc}')


NAMES = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(
    NAMES,
    NAMES,
    st.sampled_from(["MD5", "md5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256"]),
    st.sampled_from(["auth", "auth-int"]),
)
def test_what_our_client_answers_our_server_grants(username: str, secret: str, algorithm: str, qop: str) -> None:
    challenge = Challenge("home", make_nonce(KEY, NOW_S, "salt"), algorithm, (qop,))
    both = Credentials(username, secret, "home")
    value = answer(challenge, both, "INVITE", str(DOOR), b"v=0", cnonce="c", nonce_count=7)
    assert verify(Authorization.parse(value), both, "INVITE", DOOR, b"v=0", key=KEY, now_s=NOW_S) is Verdict.GRANTED
    assert (
        verify(Authorization.parse(value), Credentials(username, secret + "x", "home"), "INVITE", DOOR, b"v=0", key=KEY, now_s=NOW_S)
        is Verdict.DENIED
    )
