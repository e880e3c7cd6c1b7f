"""The settings as files of networkd, wpa_supplicant and timesyncd."""

from __future__ import annotations

from firmware.app.appliance.network import files, supplicants
from firmware.config.schema import Lan, Settings, System, Wifi
from firmware.config.secrets import Secret


def made(settings: Settings) -> dict[str, tuple[str, int]]:
    return {file.path: (file.text, file.mode) for file in files(settings)}


def test_without_a_word_the_cable_asks_for_an_address() -> None:
    assert made(Settings()) == {
        "run/systemd/network/50-cable.network": ("[Match]\nType=ether\nKind=!*\n\n[Network]\nMulticastDNS=yes\nDHCP=yes\n", 0o644)
    }
    assert supplicants(Settings()) == ()


def test_a_door_in_a_vlan_has_no_address_outside_of_it() -> None:
    found = made(Settings(lan=Lan(vlan=20, address="10.0.20.5/24", gateway="10.0.20.1", dns=("10.0.20.1",))))
    assert "VLAN=door\nLinkLocalAddressing=no\n" in found["run/systemd/network/50-cable.network"][0]
    assert "\nAddress=" not in found["run/systemd/network/50-cable.network"][0]
    assert found["run/systemd/network/50-door.netdev"][0].endswith("[VLAN]\nId=20\n")
    assert found["run/systemd/network/50-door.network"][0].endswith("Address=10.0.20.5/24\nGateway=10.0.20.1\nDNS=10.0.20.1\n")


def test_passwords_stand_in_files_for_root_alone_and_names_cannot_end_their_line() -> None:
    settings = Settings(
        wifi=Wifi(ssid='my "house"\n', password=Secret("a password"), country="CH"),
        lan=Lan(identity="door", password=Secret("another"), ca="/etc/portero/ca.pem"),
    )
    found = made(settings)
    radio, cable = found["run/portero-settings/wlan0.conf"], found["run/portero-settings/eth0.conf"]
    assert (radio[1], cable[1]) == (0o600, 0o600)
    ssid = b"my \x22house\x22\n".hex()
    assert f"  ssid={ssid}\n" in radio[0]
    assert '  psk="a password"\n' in radio[0]
    assert "country=CH\n" in radio[0]
    assert f"  identity={b'door'.hex()}\n" in cable[0]
    assert '  ca_cert="/etc/portero/ca.pem"\n' in cable[0]
    assert supplicants(settings) == ("wlan0", "eth0")


def test_an_open_network_says_so() -> None:
    assert "key_mgmt=NONE" in made(Settings(wifi=Wifi(ssid="guests")))["run/portero-settings/wlan0.conf"][0]


def test_keys_and_time_servers_are_handed_on() -> None:
    found = made(
        Settings(system=System(ssh_keys=("ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"), time_servers=("a.example", "b.example")))
    )
    assert found["run/portero-settings/authorized_keys"] == ("ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n", 0o600)
    assert found["run/systemd/timesyncd.conf.d/portero.conf"][0] == "[Time]\nNTP=a.example b.example\n"
