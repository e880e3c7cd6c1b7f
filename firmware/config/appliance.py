"""Checks of [system], [update], [lan] and [wifi], which only a flashed device reads."""

from __future__ import annotations

import ipaddress
import re

from firmware.config.problems import Report
from firmware.config.schema import Settings

SSH_KEY_PATTERN = re.compile(r"(?:ssh-ed25519|ecdsa-sha2-nistp\d+|ssh-rsa|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]+=*(?: [^\n]*)?")
WIFI_PASSWORD_CHARS = (8, 63)  # IEEE 802.11, annex J.4
SSID_BYTES_MAX = 32


def check_appliance(settings: Settings, report: Report) -> None:
    """Complain about what would leave the device without a network or without a login."""
    for index, key in enumerate(settings.system.ssh_keys):
        if SSH_KEY_PATTERN.fullmatch(key) is None:
            report.complain(("system", "ssh_keys", index), "this is no public key", 'write its whole line: "ssh-ed25519 AAAA… name"')
    url = settings.update.url
    if url is not None and re.fullmatch(r"https://[^/\s:?#@]+(?::\d{1,5})?(?:/\S*)?", url) is None:
        remedy = 'write "https://updates.example/door.raucb"; http is not enough'
        report.complain(("update", "url"), f'"{url[:80]}" is no address of a bundle', remedy)
    _check_lan(settings, report)
    _check_wifi(settings, report)


def _check_lan(settings: Settings, report: Report) -> None:
    lan = settings.lan
    if lan.address is not None:
        try:
            own = ipaddress.ip_interface(lan.address)
        except ValueError:
            report.complain(("lan", "address"), f'"{lan.address}" is no address', 'write "192.168.1.20/24"')
        else:
            if "/" not in lan.address:
                report.complain(
                    ("lan", "address"), "the size of the network is missing", f'write "{own.ip}/24" if its mask is 255.255.255.0'
                )
    servers = [(("lan", "gateway"), lan.gateway), *((("lan", "dns", index), server) for index, server in enumerate(lan.dns))]
    for path, text in servers:
        if text is not None and not _is_address(text):
            report.complain(path, f'"{text}" is no address', 'write "192.168.1.1"')
    if lan.gateway is not None and lan.address is None:
        report.complain(
            ("lan", "gateway"), "without an address of its own the door gets its gateway by DHCP", "give `address`, or leave it out"
        )
    if lan.identity is not None and lan.password is None:
        report.complain(("lan", "identity"), "the switch asks for a password as well", "give `password`")


def _check_wifi(settings: Settings, report: Report) -> None:
    wifi = settings.wifi
    if wifi.ssid is not None and len(wifi.ssid.encode()) > SSID_BYTES_MAX:
        report.complain(("wifi", "ssid"), "the name is longer than 32 bytes", "write it as the access point shows it")
    if wifi.password is not None and wifi.password.reveal():
        low, high = WIFI_PASSWORD_CHARS
        if not low <= len(wifi.password.reveal()) <= high:
            report.complain(report.secret_of(("wifi",)), "such passwords have 8 to 63 characters", "write it as the access point knows it")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
