"""What the world may see of a door: [control], [web], [mqtt], [[login]], [[webhook]]."""

# Without `from __future__ import annotations`: `load` reads the types themselves (see `schema`).

from typing import Annotated, Literal, NamedTuple

from firmware.config.checks import between, is_port
from firmware.config.secrets import Secret
from firmware.config.sections.values import Name, Text


class Control(NamedTuple):
    """[control]: the socket of `portero ctl`; only its owner may open it."""

    socket: Text = "/run/portero/control.sock"


class Web(NamedTuple):
    """[web]: page, HTTP API and metrics; see docs/web.md."""

    enabled: bool = False
    bind: str = ""  # an address of this machine; empty: all of them, IPv4 and IPv6
    port: Annotated[int, between(0, 65535)] = 8443  # 0: any free port
    tls: bool = True  # false: readable on the way; only for a proxy on this machine
    certificate: Text | None = None  # in PEM; None: one of our own, made on the device at the first start
    key: Text | None = None  # None: in the same file
    logins: Text = "/var/lib/portero/logins"  # the file that `portero logins` changes
    metrics: Literal["token", "open"] = "token"  # open: whoever reaches the port may collect /metrics
    soap: bool = False  # true: the SOAP service at /soap, described at /soap?wsdl


class Mqtt(NamedTuple):
    """[mqtt]: a broker that hears what happens, and Home Assistant behind it; see docs/mqtt.md."""

    broker: Text | None = None  # a name or address; None: no MQTT
    port: Annotated[int, is_port] | None = None  # None: 8883 with TLS, else 1883
    tls: bool = True
    ca: Text | None = None  # whom we trust, in PEM; None: the authorities that the system trusts
    username: Text | None = None
    password: Secret | None = None
    topic: Text = "portero"  # before every topic, and who we are to the broker: each door needs its own
    discovery: str = "homeassistant"  # the prefix that Home Assistant listens at; "" sends it nothing
    commands: tuple[Literal["ring", "open"], ...] = ()  # what messages may do
    pictures: bool = False  # the picture of the last ring, kept by the broker: who may read there sees who was at the door


class Login(NamedTuple):
    """[[login]]: somebody who may use page or API, besides those of `portero logins`."""

    name: Name
    proof: Secret  # as `portero logins` prints it
    may: tuple[Literal["see", "ring", "open", "users"], ...] = ("see",)


class Webhook(NamedTuple):
    """[[webhook]]: an HTTP address that rules may tell what has happened."""

    name: Name
    url: Text
    token: Secret | None = None  # sent as a bearer token (RFC 6750 §2.1)
    timeout_s: Annotated[float, between(1, 30, "s")] = 5.0
