"""What a web server must not be: open to readers on the way, at a port that it cannot have, with a login that nobody can use; and MQTT."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.config.load import load
from firmware.config.problems import ConfigErrors
from firmware.outlets.logins import new_token


def complaint(tmp_path: Path, text: str) -> str:
    file = tmp_path / "portero.toml"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ConfigErrors) as caught:
        load(file)
    (problem,) = caught.value.problems
    return str(problem)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[web]\nenabled = true\ntls = false\n", "line 3, web.tls: passwords and tokens would travel readable"),
        ('[web]\nenabled = true\ntls = false\nbind = "192.168.1.2"\n', "line 3, web.tls: passwords and tokens would travel readable"),
        ("[web]\nenabled = true\nport = 443\n", "line 3, web.port: the service has no right to port 443"),
        ("[web]\nenabled = true\nport = 5060\n", "line 3, web.port: SIP over tcp has port 5060 already"),
        ('[web]\nenabled = true\nbind = "door"\n', 'line 3, web.bind: "door" is no IP address'),
        ('[web]\nenabled = true\nkey = "k.pem"\n', "line 3, web.key: there is no certificate to this key"),
        ('[mqtt]\nbroker = "mqtt.example:1883"\n', 'line 2, mqtt.broker: "mqtt.example:1883" is no host'),
        ('[mqtt]\nbroker = "b"\ntopic = "house/#"\n', 'line 3, mqtt.topic: "house/#" is no beginning of a topic'),
        ('[mqtt]\nbroker = "b"\ndiscovery = "+"\n', 'line 3, mqtt.discovery: "+" is no beginning of a topic'),
        ('[mqtt]\nbroker = "b"\npictures = true\n', "line 3, mqtt.pictures: no ring is pictured"),
        ('[mqtt]\nbroker = "b"\ntls = false\nca = "a.pem"\n', "line 4, mqtt.ca: without TLS nobody shows a certificate"),
        ('[[login]]\nname = "a"\nproof = "secret"\n', "line 3, login[a].proof: this is no proof"),
        ('[[login]]\nname = "a"\nproof = "x"\nmay = ["all"]\n', "line 4, login[a].may[1]"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, said: str) -> None:
    if "may" in text:
        text = text.replace('"x"', f'"{new_token()[1]}"')
    assert complaint(tmp_path, text).startswith(said)


def test_a_proxy_on_this_machine_may_ask_without_tls(tmp_path: Path) -> None:
    file = tmp_path / "portero.toml"
    file.write_text(f'[web]\nenabled = true\ntls = false\nbind = "127.0.0.1"\n[[login]]\nname = "a"\nproof = "{new_token()[1]}"\n')
    file.chmod(0o600)
    assert load(file).web.tls is False


def test_who_trusts_a_broker_too_much_is_warned(tmp_path: Path) -> None:
    file = tmp_path / "portero.toml"
    file.write_text('[mqtt]\nbroker = "fd00::9"\ntls = false\nusername = "door"\npassword = "secret"\n')
    file.chmod(0o600)
    assert any("travels readable" in warning for warning in load(file).warnings)
    file.write_text('[mqtt]\nbroker = "192.168.1.9"\ncommands = ["open"]\n')
    assert any("whoever reaches the broker may command the door" in warning for warning in load(file).warnings)
