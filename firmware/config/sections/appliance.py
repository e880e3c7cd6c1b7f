"""The device itself, where the door is a flashed image: [system], [update], [lan], [wifi]."""

# Without `from __future__ import annotations`: `load` reads the types themselves (see `schema`).

from typing import Annotated, Literal, NamedTuple

from firmware.config.checks import between, is_clock, is_country, is_name
from firmware.config.secrets import Secret
from firmware.config.sections.values import Gpio, Text


class System(NamedTuple):
    """[system]: the device itself, where the door is a flashed image; elsewhere the machine's own settings count."""

    hostname: Annotated[str, is_name] = "portero"  # "portero" is found as portero.local
    ssh_keys: tuple[Text, ...] = ()  # public keys that may log in as root; none: there is no remote login
    time_servers: tuple[Text, ...] = ()  # none: those of the network or of Debian
    reset_gpio: Gpio | None = None  # a button to ground inside the case: held from power-on for 10 s, the device forgets everything


class Update(NamedTuple):
    """[update]: where a flashed device looks for a newer system, and when."""

    url: Text | None = None  # of the bundle, https:// alone; None: nowhere, updates are installed by hand
    ca: Text | None = None  # the authorities, in PEM, that the server's certificate must come from; None: those that the system trusts
    every: Literal["day", "week", "month"] = "day"  # a week's day is Sunday, a month's its first
    at: Annotated[str, is_clock] = "03:30"  # by the clock of [station] timezone, and up to half an hour later


class Lan(NamedTuple):
    """[lan]: the cable, on the image."""

    address: Text | None = None  # "192.168.1.20/24"; None: by DHCP
    gateway: Text | None = None
    dns: tuple[Text, ...] = ()
    vlan: Annotated[int, between(1, 4094)] | None = None  # the door lives in this VLAN (IEEE 802.1Q)
    identity: Text | None = None  # who we are to a switch that asks (IEEE 802.1X, PEAP with MSCHAPv2)
    password: Secret | None = None
    ca: Text | None = None  # the authority of the switch's server, in PEM; without one anybody may ask for the password


class Wifi(NamedTuple):
    """[wifi]: a wireless network, on the image; without `ssid` the radio stays off."""

    ssid: Text | None = None
    password: Secret | None = None  # None: an open network
    country: Annotated[str, is_country] = "DE"  # which channels are lawful
