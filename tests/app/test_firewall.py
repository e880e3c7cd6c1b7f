"""The rules that a configuration needs: each port of the schema is thought of, and nft itself accepts the whole."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from firmware.app import firewall
from firmware.app.firewall import PORT_KEYS, incoming, outgoing, ruleset
from firmware.config.load import load
from firmware.config.schema import Settings

ROOT = Path(__file__).resolve().parents[2]


def settings(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "portero.toml"
    file.write_text(text)
    file.chmod(0o600)
    return load(file)


def test_no_port_of_the_schema_is_forgotten() -> None:
    found = set()
    for section, kind in Settings.__annotations__.items():
        for key in getattr(kind, "__annotations__", {}):
            if key == "port" or key.endswith(("_port", "_ports", "listen")):
                found.add(f"{section}.{key}")
    assert found - {"reader.port"} == PORT_KEYS, "a new port wants its rule in firmware/app/firewall.py"


def test_a_door_without_accounts_takes_calls_and_sound_and_nothing_else() -> None:
    assert list(incoming(Settings())) == [
        'udp dport 5060 accept comment "SIP"',
        'tcp dport 5060 accept comment "SIP over tcp"',
        'udp dport 10000-10099 accept comment "sound"',
    ]
    assert list(outgoing(Settings())) == [
        'meta l4proto { tcp, udp } th dport 53 accept comment "names"',
        'udp sport 5060 accept comment "SIP"',
        'udp sport 10000-10099 accept comment "sound"',
    ]


def test_who_may_look_through_the_camera_reaches_it(tmp_path: Path) -> None:
    looks = '[camera]\nsource = "rpicam"\n[rtsp]\nport = 8554\npassword = "long enough to be safe"\n'
    opened = 'tcp dport 8554 accept comment "camera"'
    assert opened in incoming(settings(tmp_path, looks))
    assert opened not in incoming(settings(tmp_path, looks + 'bind = "127.0.0.1"\n'))


def test_the_web_server_is_reached_unless_it_serves_this_machine_alone(tmp_path: Path) -> None:
    opened = 'tcp dport 8443 accept comment "web"'
    assert opened in incoming(settings(tmp_path, "[web]\nenabled = true\n"))
    assert opened not in incoming(settings(tmp_path, '[web]\nenabled = true\nbind = "127.0.0.1"\n'))
    assert opened not in incoming(Settings())


def test_the_broker_is_reached_where_it_is(tmp_path: Path) -> None:
    assert 'tcp dport 8883 accept comment "MQTT"' in outgoing(settings(tmp_path, '[mqtt]\nbroker = "mqtt.house.example"\n'))
    plain = '[mqtt]\nbroker = "192.168.1.9"\ntls = false\n'
    assert 'ip daddr 192.168.1.9 tcp dport 1883 accept comment "MQTT"' in outgoing(settings(tmp_path, plain))


def test_groups_that_are_listened_to_come_in(tmp_path: Path) -> None:
    text = '[[paging]]\nname = "{}"\naddress = "{}"\ninterface = "eth0"\nlisten = {}\n'
    groups = (
        text.format("a", "239.1.2.3:5004", "true")
        + text.format("b", "[ff12::7]:5006", "true")
        + text.format("c", "239.1.2.4:5004", "false")
    )
    rules = [rule for rule in incoming(settings(tmp_path, groups)) if "announcements" in rule]
    assert rules == [
        'ip daddr 239.1.2.3 udp dport 5004 accept comment "announcements"',
        'ip6 daddr ff12::7 udp dport 5006 accept comment "announcements"',
    ]


SERVERS = """
[network]
transports = ["udp", "tls"]
dns = ["192.168.1.1:5353"]
[[account]]
name = "pbx"
uri = "sip:door@192.168.1.2"
backups = ["sip:[2001:db8::3]"]
[incoming]
only_servers = true
"""


def test_only_servers_with_addresses_are_let_in_when_that_is_wished(tmp_path: Path) -> None:
    assert list(incoming(settings(tmp_path, SERVERS))) == [
        'ip saddr 192.168.1.2 udp dport 5060 accept comment "SIP"',
        'ip saddr 192.168.1.2 tcp dport 5061 accept comment "SIP over tls"',
        'ip6 saddr 2001:db8::3 udp dport 5060 accept comment "SIP"',
        'ip6 saddr 2001:db8::3 tcp dport 5061 accept comment "SIP over tls"',
        'udp dport 10000-10099 accept comment "sound"',
    ]


def test_a_server_known_by_name_may_have_any_address(tmp_path: Path) -> None:
    text = SERVERS.replace("192.168.1.2", "pbx.example")
    assert next(incoming(settings(tmp_path, text))) == 'udp dport 5060 accept comment "SIP"'


OUTWARD = """
[network]
transports = ["udp", "tcp", "tls", "wss"]
[[account]]
name = "pbx"
uri = "sips:door@pbx.example"
[[target]]
name = "anna"
uri = "sip:anna@192.168.1.40:5070"
[[button]]
name = "bell"
targets = ["anna", "sip:carl@[2001:db8::1];transport=wss"]
[[webhook]]
name = "house"
url = "https://192.168.1.3/hooks"
[update]
url = "https://192.168.1.4:8443/door.raucb"
[incoming]
allow = ["anna@192.168.1.2"]
[voicexml]
servers = ["http://192.168.1.5:8080"]
[[menu]]
name = "house"
document = "https://192.168.1.6/house.vxml"
callers = ["anna@192.168.1.2"]
[[menu]]
name = "other"
document = "/etc/portero/other.vxml"
callers = ["anna@192.168.1.2"]
"""


def test_connections_go_to_those_whom_the_configuration_names(tmp_path: Path) -> None:
    rules = list(outgoing(settings(tmp_path, OUTWARD)))
    assert [rule for rule in rules if "tcp dport" in rule] == [
        'tcp dport 5061 accept comment "SIP"',
        'ip daddr 192.168.1.40 tcp dport 5070 accept comment "SIP"',
        'ip6 daddr 2001:db8::1 tcp dport 443 accept comment "SIP"',
        'ip daddr 192.168.1.4 tcp dport 8443 accept comment "updates"',
        'ip daddr 192.168.1.3 tcp dport 443 accept comment "webhook"',
        'ip daddr 192.168.1.6 tcp dport 443 accept comment "menus"',
        'ip daddr 192.168.1.5 tcp dport 8080 accept comment "menus"',
    ]


def test_a_door_with_udp_alone_connects_to_nobody(tmp_path: Path) -> None:
    text = '[network]\ntransports = ["udp"]\n[[target]]\nname = "anna"\nuri = "sip:anna@192.168.1.40"\n'
    assert [rule for rule in outgoing(settings(tmp_path, text)) if "tcp dport" in rule] == []


def test_everything_else_is_dropped_both_ways() -> None:
    rules = ruleset(Settings())
    assert rules.count("policy drop;") == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="nft looks at the kernel's tables, which only root may")
@pytest.mark.parametrize("text", ["", SERVERS, OUTWARD], ids=["empty", "servers", "outward"])
def test_nft_accepts_the_rules(tmp_path: Path, text: str) -> None:
    assert shutil.which("nft") is not None, "install nftables"
    rules = ruleset(settings(tmp_path, text))
    # in a network of its own: nothing here can reach that of this machine
    checked = subprocess.run(["unshare", "--net", "nft", "-c", "-f", "-"], input=rules, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_configuration_with_mistakes_gives_no_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "portero.toml"
    file.write_text("[network]\nsip_port = 70000\n")
    assert firewall.firewall(file) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "sip_port" in said.err
