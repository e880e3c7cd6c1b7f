"""firmware/config/transports.py: transports, certificates and name servers that cannot work are said to be that."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.config.load import load
from firmware.config.problems import ConfigErrors
from firmware.config.schema import Settings
from firmware.config.transports import name_server, stun_server, turn_server


def loaded(folder: Path, text: str) -> Settings:
    file = folder / "portero.toml"
    file.write_text(text)
    return load(file)


def complaints(folder: Path, text: str) -> str:
    with pytest.raises(ConfigErrors) as caught:
        loaded(folder, text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.168.1.1", ("192.168.1.1", 53)),
        ("192.168.1.1:5353", ("192.168.1.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
        ("dns.example", None),
        ("1.2.3", None),
        ("192.168.1.1:0", None),
        ("192.168.1.1:99999", None),
        ("", None),
    ],
)
def test_a_name_server_is_an_address_and_perhaps_a_port(text: str, server: tuple[str, int] | None) -> None:
    assert name_server(text) == server


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("stun.example", ("stun.example", 3478)),
        ("stun.example:19302", ("stun.example", 19302)),
        ("192.0.2.1", ("192.0.2.1", 3478)),
        ("[2001:db8::1]:5000", ("2001:db8::1", 5000)),
        ("[2001:db8::x]", None),
        ("stun.example:0", None),
        ("", None),
    ],
)
def test_a_stun_server_is_a_host_and_perhaps_a_port(text: str, server: tuple[str, int] | None) -> None:
    assert stun_server(text) == server


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("turn.example", ("turn.example", 3478, "udp")),
        ("turn.example:5000", ("turn.example", 5000, "udp")),
        ("[2001:db8::1]", ("2001:db8::1", 3478, "udp")),
        ("turn:turn.example?transport=udp", ("turn.example", 3478, "udp")),
        ("turn:turn.example:5000?transport=TCP", ("turn.example", 5000, "tcp")),
        ("TURNS:turn.example", ("turn.example", 5349, "tls")),
        ("turns:[2001:db8::1]:3478", ("2001:db8::1", 3478, "tls")),
        ("turns:[2001:db8::1]?transport=tcp", ("2001:db8::1", 5349, "tls")),
        ("turns:turn.example?transport=udp", None),  # DTLS
        ("turn:turn.example?transport=sctp", None),
        ("stun:turn.example", None),
        ("turn:", None),
        ("", None),
    ],
)
def test_a_relay_is_named_as_a_host_or_by_its_uri(text: str, server: tuple[str, int, str] | None) -> None:
    assert turn_server(text) == server


def test_all_transports_can_be_switched_on_at_once(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        """
        [network]
        transports = ["tls", "wss", "udp", "tcp", "ws", "sctp"]
        dns = ["127.0.0.1:5300"]
        [tls]
        certificate = "/etc/portero/door.pem"
        [[account]]
        name = "a"
        uri = "sips:door@pbx.example;transport=tcp"
        [[target]]
        name = "b"
        uri = "sip:b@pbx.example;transport=ws"
        """,
    )
    assert settings.network.transports == ("tls", "wss", "udp", "tcp", "ws", "sctp")
    assert settings.tls.certificate == "/etc/portero/door.pem"


TURN = '[network]\nice = "full"\n[turn]\nusername = "door"\npassword = "secret"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[network]\ntransports = ["tls", "tcp"]\ntls_port = 5060', "network.tls_port: 5060 is the sip_port already; give another"),
        ('[network]\ntransports = ["ws", "wss"]\nws_port = 1\nwss_port = 1', "network.wss_port: 1 is the ws_port already"),
        ('[network]\ntransports = ["udp", "udp"]', "network.transports: a transport stands twice"),
        ('[network]\nstun = "a b"', 'network.stun: "a b" is no server; write "stun.example" or "stun.example:3478"'),
        ('[network]\nstun = "stun.example:70000"', 'network.stun: "stun.example:70000" is no server'),
        (
            TURN + 'server = "a b"',
            'turn.server: "a b" is no server; write "turn.example", "turn:turn.example:3478?transport=tcp" or "turns:turn.example"',
        ),
        (
            '[turn]\nserver = "turn.example"\nusername = "door"\npassword = "secret"',
            'turn.server: only a door that looks for ways takes one through a relay; write network.ice = "full"',
        ),
        (
            '[network]\nice = "full"\n[turn]\nserver = "turn.example"\nusername = "door"',
            "turn.server: no server passes sound on for strangers; add: username = … and password = …",
        ),
        ('[network]\nice = "full"\nrtcp_mux = false', 'network.ice: "full" needs one port for sound and reports; write rtcp_mux = true'),
        ('[network]\ndns = ["dns.example"]', 'network.dns[1]: "dns.example" is no address'),
        ('[network]\ndns = ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4", "1.1.1.5"]', "network.dns: there are 5 name servers; keep to 4"),
        ('[tls]\nkey = "/k.pem"', "tls.key: there is no certificate of ours; add: certificate"),
        ("[tls]\nclient_certificate = true", "tls.client_certificate: there is no certificate of ours"),
        ('[tls]\nca = "ca.pem"', 'tls.ca: "ca.pem" is no whole path; begin with /'),
        (
            '[[account]]\nname = "a"\nuri = "sips:a@b.example"',
            'sips travels over TLS alone (RFC 5630), which is not switched on; add "tls"',
        ),
        ('[[target]]\nname = "a"\nuri = "sip:a@b.example;transport=TLS"', 'the transport "tls" is not switched on; add "tls"'),
        (
            '[network]\ntransports = ["tls"]\n[[target]]\nname = "a"\nuri = "sips:a@b.example;transport=ws"',
            'the transport "wss" is not switched on',
        ),
    ],
)
def test_what_cannot_work_is_said_with_the_remedy(tmp_path: Path, text: str, said: str) -> None:
    assert said in complaints(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[network]\ntransports = ["tls"]\n[tls]\nverify = "authority"', "whoever has any certificate of a trusted authority can pose"),
        ('[network]\ntransports = ["tls"]\n[tls]\nverify = "nothing"', "can pose as the SIP server and listen"),
    ],
)
def test_what_works_but_should_not_stay_is_warned_of(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in warning for warning in loaded(tmp_path, text).warnings)
