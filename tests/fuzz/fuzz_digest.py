"""Fuzz digest challenges and credentials: read, choose, answer, judge."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["firmware"]):
    from firmware.errors import RemoteProtocolError
    from firmware.sip.auth import Authorization, Challenge, Credentials, Verdict, answer, choose, parse_challenges, verify
    from firmware.sip.uri import Uri

from tests.fuzz.runner import DATA, run

US = Credentials("door", "a secret")
URI = Uri("sip", host="example.com")
SEEDS = (
    b'Digest realm="home", nonce="abc", algorithm=SHA-256, qop="auth,auth-int", opaque="o", stale=true',
    b'Digest realm="a\\"b", nonce="n", algorithm=MD5-sess, qop=auth',
    b"NoOneKnowsThisScheme opaque-data=here",
    b'Digest username="door", realm="home", nonce="1.2.3", uri="sip:example.com", response="00", '
    b'algorithm=MD5, cnonce="c", nc=00000001, qop=auth',
)


def one_input(data: bytes) -> None:
    """The bytes as a header value, as a client and as a server reads it."""
    text = data.decode(errors="replace").replace("\r", "").replace("\n", "").strip(" \t")
    chosen = choose(parse_challenges([text, 'Digest realm="r", nonce="n"']))
    assert chosen is not None
    value = answer(chosen, US, "INVITE", str(URI), data, cnonce="c", nonce_count=1)
    assert Authorization.parse(value).nonce == chosen.nonce
    assert Challenge.parse(str(chosen)).strength == chosen.strength
    try:
        given = Authorization.parse(text)
    except RemoteProtocolError:
        return
    # Nobody can guess the key of our nonces.
    assert verify(given, Credentials("door", "a secret", "home"), "INVITE", URI, key=b"k", now_s=1.0) is Verdict.DENIED


def main() -> None:
    """Run the fuzzer."""
    run("digest", one_input, [*SEEDS, (DATA / "sip" / "digest-quote-in-token.dat").read_bytes()])


if __name__ == "__main__":
    main()
