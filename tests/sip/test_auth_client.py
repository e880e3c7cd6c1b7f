"""Digest authentication as a client (RFC 7616, RFC 8760, RFC 2617)."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.errors import LocalProtocolError, RemoteProtocolError
from firmware.sip.auth import Authorization, Challenge, Credentials, answer, choose, parse_challenges

DATA = Path(__file__).parent.parent / "data" / "sip"
MUFASA = Credentials("Mufasa", "Circle of Life")
RFC7616_NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
RFC7616_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
RFC7616_OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"


def response_of(value: str) -> str:
    return Authorization.parse(value).response


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616_section_3_9_1_come_out(algorithm: str, response: str) -> None:
    challenge = Challenge.parse(
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        f'nonce="{RFC7616_NONCE}", opaque="{RFC7616_OPAQUE}"'
    )
    value = answer(challenge, MUFASA, "GET", "/dir/index.html", cnonce=RFC7616_CNONCE, nonce_count=1)
    given = Authorization.parse(value)
    assert given == Authorization(
        "Mufasa",
        "http-auth@example.org",
        RFC7616_NONCE,
        "/dir/index.html",
        response,
        algorithm,
        RFC7616_CNONCE,
        "auth",
        "00000001",
        RFC7616_OPAQUE,
    )


def test_the_example_of_rfc_2617_section_3_5_comes_out() -> None:
    challenge = Challenge.parse(
        'Digest realm="testrealm@host.com", qop="auth,auth-int", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    value = answer(challenge, Credentials("Mufasa", "Circle Of Life"), "GET", "/dir/index.html", cnonce="0a4f113b", nonce_count=1)
    assert response_of(value) == "6629fae49393a05397450978507c4ef1"
    assert "algorithm" not in value


def test_a_challenge_without_qop_gets_the_answer_of_rfc_2069() -> None:
    challenge = Challenge.parse('Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"')
    value = answer(challenge, Credentials("Mufasa", "CircleOfLife"), "GET", "/dir/index.html", cnonce="unused", nonce_count=1)
    # RFC 2069 §2.4's example with the response of its erratum 749.
    assert response_of(value) == "1949323746fe6a43ef61f9606e7febea"
    assert "cnonce" not in value
    assert "nc=" not in value
    assert "qop" not in value


def test_a_session_algorithm_hashes_the_nonces_into_the_secret() -> None:
    plain = Challenge("r", "n", "MD5", ("auth",))
    session = Challenge("r", "n", "MD5-sess", ("auth",))
    first = answer(session, MUFASA, "REGISTER", "sip:r", cnonce="c", nonce_count=1)
    assert response_of(first) != response_of(answer(plain, MUFASA, "REGISTER", "sip:r", cnonce="c", nonce_count=1))
    # HA1 = MD5(MD5("Mufasa:r:Circle of Life") ":n:c"), computed by hand with md5sum.
    assert response_of(first) == "e997206156a376be58537ae20465f115"
    assert 'cnonce="c"' in answer(session._replace(qop=()), MUFASA, "REGISTER", "sip:r", cnonce="c", nonce_count=1)


def test_auth_int_is_answered_only_when_auth_is_not_offered() -> None:
    challenge = Challenge("r", "n", "SHA-256", ("auth-int",))
    one = answer(challenge, MUFASA, "INVITE", "sip:r", b"body", cnonce="c", nonce_count=1)
    other = answer(challenge, MUFASA, "INVITE", "sip:r", b"Body", cnonce="c", nonce_count=1)
    assert "qop=auth-int" in one
    assert response_of(one) != response_of(other)
    assert "qop=auth," in answer(challenge._replace(qop=("auth-int", "auth")), MUFASA, "INVITE", "sip:r", cnonce="c", nonce_count=1)


def test_the_strongest_algorithm_wins_wherever_it_stands() -> None:
    lines = [f'Digest realm="r", nonce="{name}", algorithm={name}, qop="auth"' for name in ("MD5", "SHA-512-256", "SHA-256", "SHA-3000")]
    chosen = choose(parse_challenges(lines))
    assert chosen is not None
    assert chosen.nonce == "SHA-512-256"
    assert choose(parse_challenges(lines[:1]), allow_md5=False) is None
    assert choose(parse_challenges(lines[3:])) is None


def test_the_first_of_two_equal_challenges_is_answered() -> None:
    chosen = choose([Challenge("one", "n", "MD5"), Challenge("two", "n", None)])
    assert chosen is not None
    assert chosen.realm == "one"


def test_a_challenge_from_another_realm_is_never_answered() -> None:
    stranger = Challenge("evil", "n", "SHA-256", ("auth",))
    assert choose([stranger], realm="home") is None
    with pytest.raises(LocalProtocolError):
        answer(stranger, Credentials("u", "s", "home"), "INVITE", "sip:x", cnonce="c", nonce_count=1)


def test_a_qop_that_nobody_knows_is_not_answered() -> None:
    assert choose([Challenge("r", "n", "MD5", ("auth-conf",))]) is None


def test_other_schemes_and_broken_lines_are_passed_over() -> None:
    lines = ["NoOneKnowsThisScheme opaque-data=here", 'Basic realm="r"', 'Digest realm="r', "Digest", 'Digest realm="r", nonce="n"', ""]
    assert parse_challenges(lines) == (Challenge("r", "n"),)


def test_sloppy_servers_are_understood() -> None:
    assert Challenge.parse('DIGEST Realm=asterisk ,nonce = "a,b" , algorithm="md5",qop=auth,stale=TRUE,, domain="sip:x"') == Challenge(
        "asterisk", "a,b", "md5", ("auth",), None, stale=True
    )


def test_escapes_in_a_realm_are_echoed_as_they_came() -> None:
    text = r'Digest realm="a \"b\"", nonce="n\\"'
    challenge = Challenge.parse(text)
    assert str(challenge) == text
    assert r'realm="a \"b\""' in answer(challenge, MUFASA, "INVITE", "sip:x", cnonce="c", nonce_count=1)


@pytest.mark.parametrize(
    "text", ['Digest realm="r"', 'Digest nonce="n"', 'Digest realm="r", realm="s", nonce="n"', 'Digest realm="r" x, nonce="n"']
)
def test_a_challenge_that_lacks_or_doubles_something_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Challenge.parse(text)


def test_a_quote_in_an_unquoted_value_is_refused_since_it_would_end_a_quoted_string_of_ours() -> None:
    with pytest.raises(RemoteProtocolError):
        Challenge.parse((DATA / "digest-quote-in-token.dat").read_text())


def test_the_secret_shows_in_no_repr() -> None:
    assert "Circle" not in repr(MUFASA)


def test_a_challenge_is_written_as_it_was_read() -> None:
    text = 'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth,auth-int", opaque="o", stale=true'
    assert str(Challenge.parse(text)) == text


def test_a_challenge_with_far_too_many_parameters_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        Challenge.parse('Digest realm="r", nonce="n"' + "".join([f", x{number}=y" for number in range(40)]))


def test_the_nonce_count_is_eight_hex_digits_from_one() -> None:
    challenge = Challenge("r", "n", "MD5", ("auth",))
    assert "nc=0000001f" in answer(challenge, MUFASA, "INVITE", "sip:x", cnonce="c", nonce_count=31)
    for count in (0, 2**32):
        with pytest.raises(LocalProtocolError):
            answer(challenge, MUFASA, "INVITE", "sip:x", cnonce="c", nonce_count=count)
