"""The network of a flashed device: files for systemd-networkd, wpa_supplicant and systemd-timesyncd, made from the settings.

They go to /run, so nothing of an earlier configuration survives a boot.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from firmware.config.schema import Lan, Settings, System, Wifi

NETWORKD = "run/systemd/network"
SUPPLICANT = "run/portero-settings"
CABLE = "Type=ether\nKind=!*\n"


class File(NamedTuple):
    """One file below the root. Those with passwords are for root alone."""

    path: str
    text: str
    mode: int = 0o644


def files(settings: Settings) -> tuple[File, ...]:
    """Everything that the network needs to know."""
    return (*_cable(settings.lan), *_radio(settings.wifi), *_time(settings.system), *_login(settings.system))


def supplicants(settings: Settings) -> tuple[str, ...]:
    """The interfaces that must prove who they are before they carry anything."""
    return (*(("wlan0",) if settings.wifi.ssid else ()), *(("eth0",) if settings.lan.identity else ()))


def _cable(lan: Lan) -> Iterator[File]:
    if lan.vlan is None:
        yield File(f"{NETWORKD}/50-cable.network", f"[Match]\n{CABLE}\n[Network]\n{_addresses(lan)}")
    else:
        yield File(f"{NETWORKD}/50-door.netdev", f"[NetDev]\nName=door\nKind=vlan\n\n[VLAN]\nId={lan.vlan}\n")
        yield File(f"{NETWORKD}/50-cable.network", f"[Match]\n{CABLE}\n[Network]\nVLAN=door\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n")
        yield File(f"{NETWORKD}/50-door.network", f"[Match]\nName=door\n\n[Network]\n{_addresses(lan)}")
    if lan.identity:
        password = "" if lan.password is None else lan.password.reveal()
        lines = [
            "key_mgmt=IEEE8021X",
            "eap=PEAP",
            'phase2="auth=MSCHAPV2"',
            f"identity={_hex(lan.identity)}",
            f"password={_quoted(password)}",
        ]
        lines += [f'ca_cert="{lan.ca}"'] if lan.ca else []
        text = _supplicant("ap_scan=0", lines)
        yield File(f"{SUPPLICANT}/eth0.conf", text, 0o600)


def _addresses(lan: Lan) -> str:
    lines = ["MulticastDNS=yes"]
    if lan.address is None:
        lines.append("DHCP=yes")
    else:
        lines += [f"Address={lan.address}", *([f"Gateway={lan.gateway}"] if lan.gateway else [])]
    lines += [f"DNS={server}" for server in lan.dns]
    return "".join(f"{line}\n" for line in lines)


def _radio(wifi: Wifi) -> Iterator[File]:
    if not wifi.ssid:
        return
    secured = wifi.password is not None
    lines = [f"ssid={_hex(wifi.ssid)}", "scan_ssid=1"]
    # WPA3 where the network has it, else WPA2; management frames are protected where the other side can.
    lines += ["key_mgmt=SAE WPA-PSK", "ieee80211w=1", f"psk={_quoted(wifi.password.reveal())}"] if wifi.password else ["key_mgmt=NONE"]
    text = (
        f"ctrl_interface=DIR=/run/wpa_supplicant\ncountry={wifi.country}\nnetwork={{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"
    )
    yield File(f"{SUPPLICANT}/wlan0.conf", text, 0o600 if secured else 0o644)
    # A cable, when there is one, is the better way: the radio's routes count less.
    network = "DHCP=yes\nMulticastDNS=yes\nIgnoreCarrierLoss=5s\n\n[DHCPv4]\nRouteMetric=600\n\n[IPv6AcceptRA]\nRouteMetric=600\n"
    yield File(f"{NETWORKD}/60-radio.network", f"[Match]\nType=wlan\n\n[Network]\n{network}")


def _supplicant(head: str, network: list[str]) -> str:
    """A file of wpa_supplicant with one network."""
    return f"ctrl_interface=DIR=/run/wpa_supplicant\n{head}\nnetwork={{\n" + "".join(f"  {line}\n" for line in network) + "}\n"


def _time(system: System) -> Iterator[File]:
    if system.time_servers:
        yield File("run/systemd/timesyncd.conf.d/portero.conf", f"[Time]\nNTP={' '.join(system.time_servers)}\n")


def _login(system: System) -> Iterator[File]:
    if system.ssh_keys:
        yield File(f"{SUPPLICANT}/authorized_keys", "".join(f"{key}\n" for key in system.ssh_keys), 0o600)


def _hex(text: str) -> str:
    """wpa_supplicant.conf(5): without quotes, hexadecimal digits; no character can end it early."""
    return text.encode().hex()


def _quoted(text: str) -> str:
    """The same in quotes, which end at the line's last quote; the settings' checks let no line end in."""
    return f'"{text}"'
