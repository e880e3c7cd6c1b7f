"""Checks of what the world may see of a door: the web server, its logins, MQTT."""

from __future__ import annotations

import ipaddress
import re

from firmware.config.path import Path
from firmware.config.problems import Report
from firmware.config.schema import Settings
from firmware.config.transports import is_address

TOPIC_PATTERN = r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+){0,3}"  # without the wildcards + and #
HOST_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
PROOF_PATTERN = r"scrypt\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=|sha256\$[A-Za-z0-9+/]{43}="
FREE_PORT_MIN = 1024  # lower ones need a right that the service does not have


def check_outlets(settings: Settings, report: Report) -> None:
    """Complain about a web server that could not run, or that would tell secrets."""
    if settings.web.enabled:
        _check_web(settings, report)
    if settings.mqtt.broker is not None:
        _check_mqtt(settings, report)
    for index, login in enumerate(settings.login):
        path = report.secret_of(("login", index))
        if report.sound(path) and not re.fullmatch(PROOF_PATTERN, login.proof.reveal()):
            report.complain(path, "this is no proof of a password or token", "run: portero logins password NAME --print")


def _check_web(settings: Settings, report: Report) -> None:
    web, network = settings.web, settings.network
    if web.bind and not is_address(web.bind):
        report.complain(("web", "bind"), f'"{web.bind}" is no IP address', "give an address of this machine, or leave the key out")
    elif not web.tls and not (web.bind and ipaddress.ip_address(web.bind).is_loopback):
        report.complain(
            ("web", "tls"), "passwords and tokens would travel readable", 'leave the key out, or add bind = "127.0.0.1" for a proxy'
        )
    path: Path = ("web", "port")
    if 0 < web.port < FREE_PORT_MIN:
        report.complain(
            path, f"the service has no right to port {web.port}", f"give one from {FREE_PORT_MIN} on; docs/web.md leads 443 to it"
        )
    used = {"tcp": network.sip_port, "tls": network.tls_port, "ws": network.ws_port, "wss": network.wss_port}
    for transport, port in used.items():
        if web.port and web.port == port and transport in network.transports:
            report.complain(path, f"SIP over {transport} has port {port} already", "give another")
    if web.key is not None and web.certificate is None:
        report.complain(("web", "key"), "there is no certificate to this key", "add certificate, or leave both out")


def _check_mqtt(settings: Settings, report: Report) -> None:
    mqtt = settings.mqtt
    if mqtt.broker and not is_address(mqtt.broker) and not re.fullmatch(HOST_PATTERN, mqtt.broker):
        report.complain(("mqtt", "broker"), f'"{mqtt.broker}" is no host', "give a name or an address alone; the port has a key of its own")
    for key, topic in (("topic", mqtt.topic), ("discovery", mqtt.discovery)):
        if topic and not re.fullmatch(TOPIC_PATTERN, topic):
            report.complain(
                ("mqtt", key), f'"{topic}" is no beginning of a topic', "use letters, digits, '-' and '_', at most three '/' between"
            )
    if mqtt.ca is not None and not mqtt.tls:
        report.complain(("mqtt", "ca"), "without TLS nobody shows a certificate", "leave one of them out")
    if mqtt.pictures and (settings.camera.source == "none" or settings.camera.snapshot == "never"):
        report.complain(("mqtt", "pictures"), "no ring is pictured", 'give the [camera] a source, and snapshot = "ring"')
    if not mqtt.tls and mqtt.pictures:
        report.warnings.append("mqtt.tls is off: pictures of visitors travel readable to the broker")
    if not mqtt.tls and mqtt.password is not None:
        report.warnings.append("mqtt.tls is off: the password travels readable to the broker")
    if mqtt.commands and mqtt.username is None:
        report.warnings.append("mqtt.commands is set, and mqtt.username is not: whoever reaches the broker may command the door")
