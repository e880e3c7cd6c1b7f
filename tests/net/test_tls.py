"""firmware/net/tls.py and tls_layers.py: two sides joined in memory, with certificates of the test's own authority."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from firmware.errors import TransportError
from firmware.net.layers import PlainLayers, Taken
from firmware.net.settings import TlsSettings
from firmware.net.tls import Tls
from firmware.net.tls_layers import TlsLayers, words
from tests.net.authority import Authority

MESSAGE = b"OPTIONS sip:door@pbx.example SIP/2.0\r\nContent-Length: 0\r\n\r\n"
FLIGHTS_MAX = 10  # a handshake takes three


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pbx(authority: Authority) -> TlsSettings:
    certificate, key = authority.issue("pbx", "DNS:pbx.example", "URI:sip:house.example", "IP:127.0.0.1")
    return TlsSettings(certificate=certificate, key=key, ca=authority.pem)


def join(client: TlsLayers, server: TlsLayers) -> tuple[str, str]:
    """Let both shake hands; why each failed."""
    to_server, failures = client.begin(), ["", ""]
    assert server.begin() == b""
    for _ in range(FLIGHTS_MAX):
        to_client = b""
        if to_server:
            taken = server.receive(to_server)
            to_client, failures[1] = taken.reply, failures[1] or taken.failure
        if not to_client:
            break
        taken = client.receive(to_client)
        to_server, failures[0] = taken.reply, failures[0] or taken.failure
    return failures[0], failures[1]


def pair(client: TlsSettings, server: TlsSettings, domain: str = "pbx.example") -> tuple[TlsLayers, TlsLayers]:
    return Tls(client).client(PlainLayers(), domain), Tls(server).server(PlainLayers())


@pytest.mark.parametrize("domain", ["pbx.example", "house.example", "127.0.0.1"])
def test_messages_go_both_ways_after_the_handshake(authority: Authority, pbx: TlsSettings, domain: str) -> None:
    client, server = pair(TlsSettings(ca=authority.pem), pbx, domain)
    assert (client.ready, client.pending, server.ready, server.pending) == (False, True, False, True)
    assert join(client, server) == ("", "")
    assert (client.ready, client.pending, server.ready, server.pending) == (True, False, True, False)
    assert server.receive(client.send(MESSAGE)) == Taken(messages=(MESSAGE,))
    assert client.receive(server.send(MESSAGE)) == Taken(messages=(MESSAGE,))


def test_nothing_readable_travels(authority: Authority, pbx: TlsSettings) -> None:
    client, server = pair(TlsSettings(ca=authority.pem), pbx)
    join(client, server)
    assert b"OPTIONS" not in client.send(MESSAGE)


def test_however_the_octets_are_torn_messages_come_whole(authority: Authority, pbx: TlsSettings) -> None:
    client, server = pair(TlsSettings(ca=authority.pem), pbx)
    join(client, server)
    wire = client.send(MESSAGE) + client.send(MESSAGE)
    taken = [server.receive(wire[at : at + 5]) for at in range(0, len(wire), 5)]
    assert [message for each in taken for message in each.messages] == [MESSAGE, MESSAGE]
    assert {each.failure for each in taken} == {""}


def test_a_keep_alive_is_answered_inside(authority: Authority, pbx: TlsSettings) -> None:
    client, server = pair(TlsSettings(ca=authority.pem), pbx)
    join(client, server)
    taken = server.receive(client.send(b"\r\n\r\n"))
    assert taken.messages == ()
    assert client.receive(taken.reply) == Taken()


def test_a_goodbye_ends_the_connection_in_order(authority: Authority, pbx: TlsSettings) -> None:
    client, server = pair(TlsSettings(ca=authority.pem), pbx)
    join(client, server)
    assert server.receive(client.send(MESSAGE) + client.end()) == Taken((MESSAGE,), b"", "the other side has said goodbye")
    assert client.end() == b""
    assert client.send(MESSAGE) == b""


def test_a_server_for_another_domain_is_refused(authority: Authority, pbx: TlsSettings) -> None:
    # RFC 5922 §7.3: the domain is that of the URI.
    client, server = pair(TlsSettings(ca=authority.pem), pbx, "other.example")
    failure, _ = join(client, server)
    assert "is for 127.0.0.1, house.example, pbx.example, not for other.example" in failure
    assert not client.ready


@pytest.mark.parametrize("verify", ["authority", "nothing"])
def test_who_asks_for_less_gets_a_server_of_another_name(authority: Authority, pbx: TlsSettings, verify: str) -> None:
    assert verify in ("authority", "nothing")
    settings = TlsSettings(ca=authority.pem, verify="authority" if verify == "authority" else "nothing")
    assert join(*pair(settings, pbx, "other.example")) == ("", "")


def test_an_unknown_authority_is_refused_with_the_remedy(tmp_path: Path, pbx: TlsSettings) -> None:
    stranger = Authority(tmp_path / "stranger", "Somebody else")
    client, server = pair(TlsSettings(ca=stranger.pem), pbx)
    ours, theirs = join(client, server)
    assert "authority that is not known here; name the authority's certificate in tls.ca" in ours
    assert "does not know the authority of our certificate" in theirs


def test_even_without_check_of_names_an_unknown_authority_is_refused(tmp_path: Path, pbx: TlsSettings) -> None:
    stranger = Authority(tmp_path / "stranger", "Somebody else")
    assert "authority" in join(*pair(TlsSettings(ca=stranger.pem, verify="authority"), pbx))[0]
    assert join(*pair(TlsSettings(ca=stranger.pem, verify="nothing"), pbx)) == ("", "")


def test_an_expired_certificate_is_refused_with_the_remedy(authority: Authority) -> None:
    certificate, key = authority.issue("old", common_name="pbx.example", expired=True)
    client, server = pair(TlsSettings(ca=authority.pem), TlsSettings(certificate=certificate, key=key))
    assert "has expired; renew it there, or check this machine's clock" in join(client, server)[0]


def test_a_server_may_insist_on_a_certificate_of_the_client(authority: Authority, pbx: TlsSettings) -> None:
    strict = pbx._replace(client_certificate=True)
    certificate, key = authority.issue("door", "DNS:door.example")
    assert join(*pair(TlsSettings(certificate=certificate, key=key, ca=authority.pem), strict)) == ("", "")
    # TLS 1.3: the client is done before the server has looked; the refusal follows.
    ours, theirs = join(*pair(TlsSettings(ca=authority.pem), strict))
    assert theirs == "TLS: the other side shows no certificate, and tls.client_certificate requires one"
    assert ours in ("", "TLS: the other side wants a certificate of ours; set tls.certificate and tls.key")


def test_tls_before_1_2_is_refused(authority: Authority, pbx: TlsSettings) -> None:
    _, server = pair(TlsSettings(ca=authority.pem), pbx)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    client = TlsLayers(old, PlainLayers(), server_side=False, domain=None)
    _, failure = join(client, server)
    assert failure == "TLS: the other side has no TLS 1.2 or newer; update it"


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        (MESSAGE, "does not speak TLS on this port"),
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP"),
        (b"\x16\x03\x01\x00\x05hello", "TLS: "),
        (b"\0" * 100, "TLS: "),
    ],
)
def test_who_does_not_speak_tls_is_told_apart(pbx: TlsSettings, noise: bytes, said: str) -> None:
    server = Tls(pbx).server(PlainLayers())
    server.begin()
    assert said in server.receive(noise).failure


def test_a_server_name_is_sent_but_never_an_address(authority: Authority) -> None:
    tls = Tls(TlsSettings(ca=authority.pem))
    assert b"pbx.example" in tls.client(PlainLayers(), "pbx.example").begin()
    assert b"192.0.2.1" not in tls.client(PlainLayers(), "192.0.2.1").begin()


def test_garbage_after_the_handshake_ends_the_connection(authority: Authority, pbx: TlsSettings) -> None:
    client, server = pair(TlsSettings(ca=authority.pem), pbx)
    join(client, server)
    client.send(MESSAGE)
    assert server.receive(b"\x17\x03\x03\x00\x20" + bytes(32)).failure.startswith("TLS: ")


# --- files ---------------------------------------------------------------------------------------------------------------


def test_a_renewed_certificate_serves_the_next_connection(tmp_path: Path, authority: Authority) -> None:
    live = tmp_path / "live.pem", tmp_path / "live.key"
    for name, domain in (("first", "DNS:first.example"), ("second", "DNS:second.example")):
        authority.issue(name, domain)
    server, client = None, Tls(TlsSettings(ca=authority.pem))
    for name in ("first", "second"):
        shutil.copy(authority.folder / f"{name}.pem", live[0])
        shutil.copy(authority.folder / f"{name}.key", live[1])
        os.utime(live[0], ns=(1, len(name)))
        server = server or Tls(TlsSettings(certificate=str(live[0]), key=str(live[1])))
        assert join(client.client(PlainLayers(), f"{name}.example"), server.server(PlainLayers())) == ("", "")


def test_a_broken_renewal_changes_nothing(tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    certificate, key = authority.issue("good", "DNS:pbx.example")
    live = Path(shutil.copy(certificate, tmp_path / "live.pem"))
    server = Tls(TlsSettings(certificate=str(live), key=key))
    live.write_text("half a fi")
    client = Tls(TlsSettings(ca=authority.pem)).client(PlainLayers(), "pbx.example")
    assert join(client, server.server(PlainLayers())) == ("", "")
    assert "the changed TLS files are not used: tls.certificate" in caplog.text
    with pytest.raises(TransportError, match=r"tls\.certificate"):
        server.reload()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ca": "/nowhere/ca.pem"}, r"tls\.ca: /nowhere/ca\.pem cannot be read \(No such file or directory\)"),
        ({"certificate": "/nowhere/c.pem"}, r"tls\.certificate: /nowhere/c\.pem cannot be read"),
        ({"key": "/nowhere/k.pem"}, r"tls\.key: /nowhere/k\.pem cannot be read"),
        ({"ca": os.devnull}, r"tls\.ca: .* holds no certificate in PEM"),
        ({"certificate": os.devnull}, r"tls\.certificate and tls\.key cannot be used"),
    ],
)
def test_every_file_that_cannot_be_used_is_named(pbx: TlsSettings, change: dict[str, str], said: str) -> None:
    settings = TlsSettings(
        certificate=change.get("certificate", pbx.certificate), key=change.get("key", pbx.key), ca=change.get("ca", pbx.ca)
    )
    with pytest.raises(TransportError, match=said):
        Tls(settings)


def test_a_key_of_another_certificate_is_named(authority: Authority, pbx: TlsSettings) -> None:
    _, other = authority.issue("other", "DNS:other.example")
    with pytest.raises(TransportError, match=r"tls\.key does not belong to tls\.certificate"):
        Tls(pbx._replace(key=other))


def test_a_key_with_a_pass_phrase_is_refused_and_nobody_asked(tmp_path: Path, authority: Authority, pbx: TlsSettings) -> None:
    locked = str(tmp_path / "locked.key")
    subprocess.run(["openssl", "pkey", "-in", pbx.key, "-aes128", "-passout", "pass:secret", "-out", locked], check=True)
    with pytest.raises(TransportError, match="pass phrase"):
        Tls(pbx._replace(key=locked))


def test_without_a_certificate_we_are_no_server(authority: Authority) -> None:
    assert not Tls(TlsSettings(ca=authority.pem)).has_certificate


def test_a_failure_without_words_of_ours_keeps_those_of_the_library() -> None:
    error = ssl.SSLError(1, "[SSL: SOMETHING_NEW] something new")
    error.reason = "SOMETHING_NEW"
    assert words(error) == "something new"
    unknown = ssl.SSLCertVerificationError(1, "")
    unknown.verify_code, unknown.verify_message = 999, "odd certificate"
    assert words(unknown) == "its certificate does not hold: odd certificate"
